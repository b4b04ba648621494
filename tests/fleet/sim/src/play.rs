//! Playing fleets, as many as are asked for, and telling what came of them.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use thimble_tests_fleet_sim::{
    Counts, Life, Lived, Sabotage, Signatures, Traced, Trouble, Troubles,
};

use crate::judged;

/// Fleets that break a rule, after which no more are played.
const BROKEN_MAX: usize = 20;
/// How often it is told how far it is.
const PROGRESS: Duration = Duration::from_secs(30);
/// Fleets, and devices in all of them, from which on everything must have gone wrong at least once.
const TELLING: (u64, u64) = (20, 40_000);

/// Fleets to be played.
pub(crate) struct Play {
    life: Life,
    first: u64,
    seeds: u64,
    began: Instant,
    next: AtomicU64,
    found: Mutex<Found>,
}

/// What came of those that were played.
struct Found {
    counts: Counts,
    troubles: Troubles,
    broken: BTreeSet<u64>,
    played: u64,
    /// Seeds that are being played.
    under_way: BTreeSet<u64>,
    told: Instant,
}

impl Play {
    pub(crate) fn new(life: Life, first: u64, seeds: u64) -> Self {
        let began = Instant::now();
        Self {
            life,
            first,
            seeds,
            began,
            next: AtomicU64::new(first),
            found: Mutex::new(Found {
                counts: Counts::default(),
                troubles: Troubles::default(),
                broken: BTreeSet::new(),
                played: 0,
                under_way: BTreeSet::new(),
                told: began,
            }),
        }
    }

    /// Plays them, and shows the first in which a rule was broken.
    pub(crate) fn run(self, jobs: usize) -> Result<ExitCode> {
        println!(
            "{} fleets of {} devices, {} h of trouble each, seeds from {}; signatures: {}",
            self.seeds,
            self.life.devices,
            self.life.hours,
            self.first,
            match self.life.signatures {
                Signatures::P256 => "P-256",
                Signatures::Sum => "a cheap sum instead of P-256",
            }
        );
        std::thread::scope(|scope| {
            let jobs = 0..jobs.max(1);
            let workers: Vec<_> = jobs.map(|_| scope.spawn(|| self.work())).collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().map_err(|_| anyhow!("a job ended early"))?)
        })?;
        let found = self
            .found
            .into_inner()
            .map_err(|_| anyhow!("a job ended early"))?;
        let lives = found.played * u64::from(self.life.devices);
        tell(&found.troubles);
        println!("{:?}", found.counts);
        println!("{}", pace(found.played, lives, self.began));
        if let Some(seed) = found.broken.first() {
            return show(Life {
                seed: *seed,
                ..self.life
            });
        }
        println!("no rule was broken");
        let missing = found.troubles.missing();
        let (fleets, devices) = TELLING;
        let is_telling = found.played >= fleets && lives >= devices;
        if is_telling && self.life.sabotage == Sabotage::None && !missing.is_empty() {
            let words: Vec<_> = missing.iter().map(|trouble| trouble.words()).collect();
            eprintln!(
                "error: so many fleets tell nothing about what never happened in them: {}",
                words.join(", ")
            );
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn work(&self) -> Result<()> {
        let broken = || anyhow!("a job ended early");
        loop {
            let seed = {
                let mut found = self.found.lock().map_err(|_| broken())?;
                let seed = self.next.fetch_add(1, Ordering::Relaxed);
                if seed >= self.first + self.seeds || found.broken.len() >= BROKEN_MAX {
                    return Ok(());
                }
                found.under_way.insert(seed);
                seed
            };
            let lived = Life { seed, ..self.life }.live(Traced::Nothing)?;
            let mut found = self.found.lock().map_err(|_| broken())?;
            found.take(seed, &lived);
            if found.told.elapsed() >= PROGRESS {
                found.told = Instant::now();
                self.tell_progress(&found);
            }
        }
    }

    fn tell_progress(&self, found: &Found) {
        let lives = found.played * u64::from(self.life.devices);
        let next = self.next.load(Ordering::Relaxed);
        let resume = found.under_way.first().copied().unwrap_or(next);
        let counts = &found.counts;
        println!(
            "{} of {}; {} changes, {} plans, {} troubles; rules broken in {} fleets; to go on from here: --first {resume}",
            pace(found.played, lives, self.began),
            self.seeds,
            counts.changes,
            counts.plans,
            Trouble::ALL
                .map(|trouble| found.troubles.times(trouble))
                .iter()
                .sum::<u64>(),
            found.broken.len(),
        );
    }
}

impl Found {
    fn take(&mut self, seed: u64, lived: &Lived) {
        self.under_way.remove(&seed);
        self.counts.add(&lived.counts);
        self.troubles.add(&lived.troubles);
        self.played += 1;
        if let Some(violation) = &lived.violation {
            self.broken.insert(seed);
            println!(
                "seed {seed}: device {:?}: {}",
                violation.device, violation.what
            );
        }
    }
}

fn pace(fleets: u64, lives: u64, began: Instant) -> String {
    let seconds = began.elapsed().as_secs_f64();
    let number = u32::try_from(lives).map_or(f64::MAX, f64::from);
    format!(
        "{seconds:.0} s: {fleets} fleets, {lives} devices' lives, {:.0} a second",
        number / seconds
    )
}

/// Shows the end of a life in which a rule is broken.
fn show(life: Life) -> Result<ExitCode> {
    let violation = life.live(Traced::Nothing)?.violation;
    let device = violation.and_then(|violation| violation.device);
    let lived = life.live(device.map_or(Traced::All, Traced::Device))?;
    let skipped = lived.trace.len().saturating_sub(60);
    println!(
        "\nthe end of seed {seed}, as --seed {seed} --devices {} --hours {} shows all of it:",
        life.devices,
        life.hours,
        seed = life.seed
    );
    for line in lived.trace.iter().skip(skipped) {
        println!("{line}");
    }
    Ok(judged(&lived))
}

/// Tells what went wrong how often.
pub(crate) fn tell(troubles: &Troubles) {
    for trouble in Trouble::ALL {
        println!("{:>12} {}", troubles.times(trouble), trouble.words());
    }
}

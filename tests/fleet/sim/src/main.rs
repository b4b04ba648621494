//! `thimble-tests-fleet-sim`: plays fleets, as many as are asked for, and shows the first in which a rule was broken.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use thimble_tests_fleet_sim::{Counts, Life, Lived, Sabotage, Signatures, Traced, script};

const HELP: &str = "thimble-tests-fleet-sim: fleets of real agents, sessions and plans, in which everything between them fails

USAGE
  thimble-tests-fleet-sim [--seeds N] [--first N] [--devices N] [--hours N] [--jobs N]
                          plays so many fleets (10 of 200 devices), each by a seed of its own
  thimble-tests-fleet-sim --seed N [--device N]
                          plays one again, and prints what happened: to everything, or to one device
  thimble-tests-fleet-sim --script FILE
                          plays what is written down, and prints what happened

OPTIONS
  --p256                  sign and check with P-256, as devices do; without it a cheap sum takes its place
  --sabotage WHAT         break a rule on purpose: fence, hasty, lost-save
";

fn main() -> ExitCode {
    match run(pico_args::Arguments::from_env()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: pico_args::Arguments) -> Result<ExitCode> {
    if arguments.contains(["-h", "--help"]) {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = arguments.opt_value_from_str::<_, String>("--script")? {
        for line in script::play(&std::fs::read_to_string(path)?)? {
            println!("{line}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut life = Life {
        seed: 0,
        devices: arguments.opt_value_from_str("--devices")?.unwrap_or(200),
        hours: arguments.opt_value_from_str("--hours")?.unwrap_or(12),
        signatures: if arguments.contains("--p256") {
            Signatures::P256
        } else {
            Signatures::Sum
        },
        sabotage: match arguments.opt_value_from_str::<_, String>("--sabotage")?.as_deref() {
            None => Sabotage::None,
            Some("fence") => Sabotage::Fence,
            Some("hasty") => Sabotage::Hasty,
            Some("lost-save") => Sabotage::LostSave,
            Some(other) => bail!("there is no sabotage `{other}`: fence, hasty, lost-save"),
        },
    };
    let one = arguments.opt_value_from_str::<_, u64>("--seed")?;
    let device = arguments.opt_value_from_str::<_, u32>("--device")?;
    let first = arguments.opt_value_from_str("--first")?.unwrap_or(1);
    let seeds = arguments.opt_value_from_str("--seeds")?.unwrap_or(10);
    let jobs = arguments.opt_value_from_str("--jobs")?.unwrap_or(1);
    if let Some(extra) = arguments.finish().first() {
        bail!("unexpected argument `{}`: see --help", extra.display());
    }
    if life.devices == 0 || life.hours == 0 {
        bail!("a fleet needs at least 1 device and 1 hour");
    }
    let Some(seed) = one else {
        return play(life, first, seeds, jobs);
    };
    life.seed = seed;
    let lived = life.live(device.map_or(Traced::All, Traced::Device))?;
    for line in &lived.trace {
        println!("{line}");
    }
    println!("{:?}", lived.counts);
    Ok(judged(&lived))
}

/// Plays so many fleets, and shows the first in which a rule was broken.
fn play(life: Life, first: u64, seeds: u64, jobs: u64) -> Result<ExitCode> {
    println!(
        "{seeds} fleets of {} devices, {} h of trouble each, seeds from {first}; signatures: {}",
        life.devices,
        life.hours,
        match life.signatures {
            Signatures::P256 => "P-256",
            Signatures::Sum => "a cheap sum instead of P-256",
        }
    );
    let began = Instant::now();
    let next = AtomicU64::new(first);
    let found: Mutex<(Counts, Vec<u64>, u64)> = Mutex::new((Counts::default(), Vec::new(), 0));
    let worker = || -> Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return Ok(());
            }
            let lived = Life { seed, ..life }.live(Traced::Nothing)?;
            let mut found = found.lock().map_err(|_| anyhow!("a job ended early"))?;
            found.0.add(&lived.counts);
            found.2 += 1;
            if let Some(violation) = &lived.violation {
                found.1.push(seed);
                println!("seed {seed}: device {:?}: {}", violation.device, violation.what);
                if found.1.len() >= 20 {
                    next.store(first + seeds, Ordering::Relaxed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| anyhow!("a job ended early"))?)
    })?;
    let (counts, mut broken, played) = found.into_inner().map_err(|_| anyhow!("a job ended early"))?;
    let seconds = began.elapsed().as_secs_f64();
    let lives = played * u64::from(life.devices);
    println!("{counts:?}");
    println!(
        "{played} fleets, {lives} devices' lives in {seconds:.1} s: {:.0} lives a second",
        count(lives) / seconds
    );
    broken.sort_unstable();
    let Some(seed) = broken.first() else {
        println!("no rule was broken");
        return Ok(ExitCode::SUCCESS);
    };
    let life = Life { seed: *seed, ..life };
    let violation = life.live(Traced::Nothing)?.violation;
    let device = violation.and_then(|violation| violation.device);
    let lived = life.live(device.map_or(Traced::All, Traced::Device))?;
    let skipped = lived.trace.len().saturating_sub(60);
    println!("\nthe end of seed {seed}, as --seed {seed} --devices {} --hours {} shows all of it:", life.devices, life.hours);
    for line in lived.trace.iter().skip(skipped) {
        println!("{line}");
    }
    Ok(judged(&lived))
}

fn judged(lived: &Lived) -> ExitCode {
    match &lived.violation {
        None => ExitCode::SUCCESS,
        Some(violation) => {
            let who = violation.device.map_or_else(|| "the fleet".into(), |device| format!("device {device}"));
            eprintln!("error: {who}: {}", violation.what);
            ExitCode::FAILURE
        }
    }
}

fn count(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

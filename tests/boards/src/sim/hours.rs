//! Hours of a board's time in minutes of ours: many containers, changes, faults, power cuts; nothing leaks, nothing wears out
//! in one place, everything runs.
//!
//! QEMU counts instructions, a nanosecond each, and time passes at once while the board sleeps. Nobody could talk to it
//! then: minutes pass between two bytes. So one container, the gate, sleeps for half an hour of the board's time and keeps
//! the board busy afterwards, until it is started again. While it does, the board's time passes about as ours, or more
//! slowly, and whoever operates the board looks at everything and changes something.

mod change;
mod load;
mod measure;

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;
use thimble_port_serial::SerialError;
use thimble_serial::link::Timing;
use thimble_serial::{DeviceStatus, Request};
use thimble_testkit::random::Random;

use crate::{Board, Rig, Setup, Time};

pub use measure::Row;

/// Milliseconds of the board's time between two looks.
const GATE_MS: u64 = 30 * 60 * 1000;
/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;
/// Hours between two rows of the table.
const ROW_HOURS: u64 = 6;
/// The time between two questions whether the gate is open.
const LOOK_TIME: Duration = Duration::from_millis(20);
/// The longest time of ours for half an hour of the board's.
const PATIENCE: Duration = Duration::from_secs(600);
/// Bytes of the heap that may be in use more than in the first row: the logs of all containers, 1 KiB each, were empty then.
/// What leaks with each run, message or request comes to more in a few hours.
const HEAP_SLACK_BYTES: u32 = 12 << 10;
/// RAM of the board.
const RAM: &str = "2M";
/// Flash of the board.
const FLASH: &str = "1M";

/// What is to be simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The board.
    pub board: Board,
    /// Hours of its time.
    pub hours: u64,
    /// From what everything but the exact moments follows.
    pub seed: u64,
}

/// What was done in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Starts after a power cut.
    pub cuts: u32,
    /// Starts after a reset that was asked for.
    pub resets: u32,
    /// Containers that were made, and removed again.
    pub created: u32,
    /// Images that were installed, and removed again.
    pub installed: u32,
    /// Looks at everything.
    pub looks: u32,
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} power cuts, {} resets, {} containers made, {} images installed, {} looks at everything",
            self.cuts, self.resets, self.created, self.installed, self.looks
        )
    }
}

/// Simulates; each row is told when it is there.
///
/// # Errors
/// What went wrong, and when.
pub fn run(plan: &Plan, told: &mut dyn FnMut(&Row)) -> Result<Counts> {
    let folder = TempDir::new()?;
    let flash = folder.path().join("flash.img");
    let mut sim = Hours {
        random: Random::new(plan.seed),
        rig: start(plan.board, &flash, Pace::Slow)?,
        members: load::members()?,
        passed_ms: 0,
        gate_ms: 0,
        kept: 0,
        extra: change::Extra::default(),
        counts: Counts::default(),
    };
    let mut rows: Vec<Row> = Vec::new();
    let done = sim.pass(plan, &mut rows, told);
    done.with_context(|| {
        format!(
            "{}, seed {}, after {} minutes; the console said: {}",
            plan.board.name(),
            plan.seed,
            sim.passed_ms / 60_000,
            sim.rig.heard.text()
        )
    })?;
    Ok(sim.counts)
}

/// How fast a board's time passes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// As ours.
    Slow,
    /// At once, while it sleeps.
    Fast,
}

fn start(board: Board, flash: &Path, pace: Pace) -> Result<Rig, SerialError> {
    let setup = Setup {
        ram: RAM.to_owned(),
        words: vec![format!("flash_size={FLASH}")],
        time: match pace {
            Pace::Fast => Time::Hurried,
            Pace::Slow => Time::Ours,
        },
        // A frame in which time jumps is lost.
        timing: Timing {
            repeat_ms: 1000,
            tries_max: 120,
        },
        ..Setup::default()
    };
    Rig::start_with_flash(board, setup, flash)
}

struct Hours {
    random: Random,
    rig: Rig,
    /// What always runs.
    members: Vec<load::Member>,
    /// Milliseconds of runs that are over.
    passed_ms: u64,
    /// The board's time at which the gate was closed.
    gate_ms: u64,
    /// The last number that was heard of the keeper.
    kept: u32,
    extra: change::Extra,
    counts: Counts,
}

impl Hours {
    fn pass(&mut self, plan: &Plan, rows: &mut Vec<Row>, told: &mut dyn FnMut(&Row)) -> Result<()> {
        self.load()?;
        self.start_again()?;
        let mut next_row_ms = 0;
        loop {
            let device = self.await_gate()?;
            self.look(&device)?;
            let now_ms = self.passed_ms + device.uptime_ms;
            if now_ms >= next_row_ms {
                self.clear()?;
                let row = self.measure(now_ms)?;
                told(&row);
                compare(rows.first(), &row)?;
                rows.push(row);
                next_row_ms =
                    next_row_ms.max(now_ms - now_ms % (ROW_HOURS * HOUR_MS)) + ROW_HOURS * HOUR_MS;
            }
            if now_ms >= plan.hours * HOUR_MS {
                return Ok(());
            }
            self.change()?;
            if !self.fail()? {
                self.start_workers()?;
                self.close_gate()?;
            }
        }
    }

    /// Waits until the board has slept and the gate keeps it busy.
    fn await_gate(&mut self) -> Result<DeviceStatus> {
        let until = Instant::now() + PATIENCE;
        loop {
            let device = self.rig.device()?;
            ensure!(!device.has_fault, "the firmware failed");
            if device.uptime_ms >= self.gate_ms + GATE_MS {
                return Ok(device);
            }
            if Instant::now() > until {
                bail!(
                    "half an hour of the board takes too long: it has come to {} ms",
                    device.uptime_ms
                );
            }
            self.rig.client.idle(LOOK_TIME)?;
        }
    }

    /// Waits until a board that was asked to has restarted. Until it has, it refuses what is asked.
    fn await_restart(&mut self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            match self.rig.device() {
                Ok(device) if device.started_by == "restart" => return Ok(()),
                Ok(_) | Err(SerialError::Refused(_)) => self.rig.client.idle(LOOK_TIME)?,
                Err(error) => return Err(error.into()),
            }
        }
        bail!("it does not restart");
    }

    /// Lets time pass.
    fn close_gate(&mut self) -> Result<()> {
        self.gate_ms = self.rig.device()?.uptime_ms;
        let name = load::GATE.to_owned();
        self.rig.client.done(&Request::Restart { name })?;
        Ok(())
    }

    /// Sometimes power goes, or somebody resets the board. The gate begins anew then.
    fn fail(&mut self) -> Result<bool> {
        match self.random.below(24) {
            0 | 1 => self.counts.cuts += 1,
            2 => {
                self.counts.resets += 1;
                self.passed_ms += self.gate_ms + GATE_MS;
                self.gate_ms = 0;
                self.rig.client.done(&Request::Reboot)?;
                self.await_restart()?;
                return Ok(true);
            }
            _ => return Ok(false),
        }
        self.passed_ms += self.gate_ms + GATE_MS;
        self.start_again()?;
        Ok(true)
    }

    fn start_again(&mut self) -> Result<()> {
        let flash = self.rig.flash().to_owned();
        let board = self.rig.board;
        self.rig.power_off();
        self.rig = start(board, &flash, Pace::Fast)?;
        self.gate_ms = 0;
        Ok(())
    }
}

/// Whether a board is as it was in the beginning, as far as it should be.
fn compare(first: Option<&Row>, row: &Row) -> Result<()> {
    let Some(first) = first else { return Ok(()) };
    ensure!(
        row.heap_used_bytes <= first.heap_used_bytes + HEAP_SLACK_BYTES,
        "memory leaks: {} bytes of the heap are in use, {} were in the beginning",
        row.heap_used_bytes,
        first.heap_used_bytes
    );
    ensure!(
        row.largest_pages >= first.largest_pages,
        "memory is in pieces: a container can have {} pages, {} in the beginning",
        row.largest_pages,
        first.largest_pages
    );
    ensure!(
        row.largest_image_bytes >= first.largest_image_bytes,
        "flash is in pieces: an image can have {} bytes, {} in the beginning",
        row.largest_image_bytes,
        first.largest_image_bytes
    );
    Ok(())
}

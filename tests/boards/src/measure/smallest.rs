//! The smallest RAM in which a blinky, a publisher and a subscriber work together.

use anyhow::{Result, bail};
use thimble_bench_report::Outcome;
use thimble_serial::{Declaration, Policy, RunState};
use thimble_tests_boards::{Packed, Rig, Time, guests};

use super::passing::{pass, written};
use super::{Board, KIB};

/// Milliseconds of the board's time that they work.
const WORK_MS: u64 = 60_000;
/// Where the search begins and ends, and how exact it is.
const RAM_BYTES_MAX: u32 = 192 * 1024;
const RAM_BYTES_MIN: u32 = 8 * 1024;
const STEP_BYTES: u32 = 512;

/// A guest, and what it says when it works.
struct Part {
    guest: &'static str,
    grants: &'static [&'static str],
    stack_bytes: u32,
    /// What stands in its log, and how many bytes it has written at least in the time. Nothing if it is silent.
    says: Option<(&'static str, u64)>,
}

/// Three that work together.
pub(super) struct Three {
    what: &'static str,
    budget: &'static str,
    parts: [Part; 3],
}

/// Guests of the SDK.
pub(super) const OURS: Three = Three {
    what: "smallest RAM, three guests of the SDK",
    budget: "smallest_ram_kb_max",
    parts: [
        Part {
            guest: "blinky-rust",
            grants: &["timer", "gpio:led0"],
            stack_bytes: 512,
            says: Some(("on\noff\n", 1500)),
        },
        Part {
            guest: "publisher-rust",
            grants: &["timer", "bus.pub:demo/#"],
            stack_bytes: 256,
            says: None,
        },
        Part {
            guest: "subscriber-rust",
            grants: &["bus.sub:demo/#"],
            stack_bytes: 512,
            says: Some(("demo/count: ", 6000)),
        },
    ],
};

/// Guests that are written and linked as Ocre's developers do.
pub(super) const OCRES: Three = Three {
    what: "smallest RAM, three guests of Ocre's",
    budget: "smallest_ram_ocre_kb_max",
    parts: [
        Part {
            guest: "blinky-ocre",
            grants: &["timer", "gpio:led0"],
            stack_bytes: 896,
            says: Some((": led0 is ", 2000)),
        },
        Part {
            guest: "publisher-ocre",
            grants: &["timer", "bus.pub:temperature/#"],
            stack_bytes: 1152,
            says: Some(("Published: topic=temperature/room1", 3000)),
        },
        Part {
            guest: "subscriber-ocre",
            grants: &["bus.sub:temperature/#"],
            stack_bytes: 1152,
            says: Some((
                "topic=temperature/room1, content_type=text/plain, payload=reading ",
                3000,
            )),
        },
    ],
};

/// Searches for the smallest RAM.
pub(super) fn search(board: &Board, three: &Three) -> Result<Outcome> {
    let images = three.images()?;
    if let Err(error) = three.work(board, RAM_BYTES_MAX, &images) {
        bail!(
            "{} do not work in {RAM_BYTES_MAX} bytes: {error:#}",
            three.what
        );
    }
    let (mut works, mut fails) = (RAM_BYTES_MAX, RAM_BYTES_MIN);
    let mut reason = String::new();
    while works - fails > STEP_BYTES {
        let middle = (fails + works) / 2 / STEP_BYTES * STEP_BYTES;
        match three.work(board, middle, &images) {
            Ok(()) => works = middle,
            Err(error) => {
                reason = format!("{error:#}");
                fails = middle;
            }
        }
    }
    let reason = reason.lines().next().unwrap_or_default();
    let reason: String = reason.chars().take(70).collect();
    Ok(Outcome::new(three.what, f64::from(works) / KIB, "KiB")
        .budget(board.key(three.budget))
        .note(format!("in all, over a minute; with less: {reason}")))
}

/// That they work in a RAM that is large enough.
pub(super) fn prove(board: &Board, three: &Three) -> Result<()> {
    three.work(board, RAM_BYTES_MAX, &three.images()?)
}

impl Three {
    fn images(&self) -> Result<Vec<Packed>> {
        let parts = self.parts.iter();
        parts
            .map(|part| Packed::of_file(&guests::guest(part.guest), true))
            .collect()
    }

    /// Installs, makes and watches them; an error if anything is not as it should be.
    fn work(&self, board: &Board, ram_bytes: u32, images: &[Packed]) -> Result<()> {
        let mut rig = board.start(&ram_bytes.to_string(), Time::Counted)?;
        for (part, image) in self.parts.iter().zip(images) {
            rig.install(image, &format!("{}:1", part.guest))?;
        }
        // The subscriber first: what is published before would be lost.
        for part in self.parts.iter().rev() {
            rig.client.create(part.declaration(), false)?;
        }
        // They start by themselves. From now on the board does not wait for us while it sleeps.
        let mut rig = rig.power_cycle_in(Time::Hurried)?;
        pass(&mut rig, WORK_MS)?;
        for part in self.parts.iter().rev() {
            part.check(&mut rig)?;
        }
        if rig.device()?.has_fault {
            bail!("the firmware failed meanwhile");
        }
        Ok(())
    }
}

impl Part {
    fn declaration(&self) -> Declaration {
        let mut declaration = Declaration {
            name: self.guest.to_owned(),
            image: format!("{}:1", self.guest),
            grants: self.grants.iter().map(|&grant| grant.to_owned()).collect(),
            restart: Policy::Always,
            ..Declaration::default()
        };
        declaration.limits.stack_bytes = Some(self.stack_bytes);
        declaration.limits.log_bytes = Some(128);
        declaration.limits.queue_messages = Some(2);
        declaration
    }

    fn check(&self, rig: &mut Rig) -> Result<()> {
        let container = rig.client.inspect(self.guest)?;
        let (text, bytes) = written(rig, self.guest)?;
        if container.state != RunState::Running || container.restarts > 0 {
            let end = container.end.map(|end| end.reason);
            bail!(
                "{} is {:?} after {} restarts: {end:?} {text}",
                self.guest,
                container.state,
                container.restarts
            );
        }
        if let Some((line, bytes_min)) = self.says
            && (!text.contains(line) || bytes < bytes_min)
        {
            bail!(
                "{} has written {bytes} bytes, at the end `{text}`",
                self.guest
            );
        }
        Ok(())
    }
}

//! Power that goes at any moment, thousands of times: whatever is found afterwards is what was before, or what was to be.
//!
//! One start for each cut: the device is looked at and compared with the model, then operated until its power goes, which may
//! also be while it starts.

mod look;
mod operate;
mod plan;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;
use thimble_port_serial::SerialError;
use thimble_testkit::random::Random;

use super::boot::{Begun, CUT, begin};
use super::model::{Operation, State, Written};
use crate::{Board, Packed, Rig, Setup};

/// Flash small enough that it is used again and again.
const FLASH: &str = "384K";
/// How many flash operations go well at most; small numbers hit single records, large ones images.
const REACHES: [u64; 5] = [12, 60, 250, 1000, 4000];
/// Operations of a start, if power does not go.
const OPERATIONS_MAX: usize = 60;
/// The time that QEMU takes to end.
const ENDING_TIME: Duration = Duration::from_secs(10);

/// What is to be simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The board.
    pub board: Board,
    /// How many cuts.
    pub count: u32,
    /// From what everything follows.
    pub seed: u64,
    /// Where the flash of a failure is kept, if anywhere.
    pub evidence: Option<PathBuf>,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Cuts.
    pub cuts: u32,
    /// Those before the device answered.
    pub while_starting: u32,
    /// Those while it was looked at.
    pub while_looking: u32,
    /// Those during an operation, by its name.
    pub during: BTreeMap<&'static str, u32>,
    /// Operations that went well.
    pub operations: u32,
    /// Interrupted operations that had not happened, that had in part, and that had.
    pub found: [u32; 3],
    /// Starts at which the device said that it had mended something.
    pub mended: u32,
    /// How long it took.
    pub time: Duration,
}

impl Tally {
    /// Adds another one, which ran beside it.
    pub fn add(&mut self, other: &Self) {
        self.cuts += other.cuts;
        self.while_starting += other.while_starting;
        self.while_looking += other.while_looking;
        for (name, count) in &other.during {
            *self.during.entry(name).or_default() += count;
        }
        self.operations += other.operations;
        for (sum, count) in self.found.iter_mut().zip(other.found) {
            *sum += count;
        }
        self.mended += other.mended;
        self.time = self.time.max(other.time);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [old, between, new] = self.found;
        write!(
            formatter,
            "{} cuts in {} s, nothing lost; {} operations went well; cut while starting {}, looking {}",
            self.cuts,
            self.time.as_secs(),
            self.operations,
            self.while_starting,
            self.while_looking
        )?;
        for (name, count) in &self.during {
            write!(formatter, ", {name} {count}")?;
        }
        write!(
            formatter,
            "; found the old state {old}, one between {between}, the new one {new} times; the device told of {} mends",
            self.mended
        )
    }
}

/// Simulates, and tells what was seen.
///
/// # Errors
/// What was lost, with all that is needed to see it again.
pub fn run(plan: &Plan, progress: &mut dyn FnMut(&Tally)) -> Result<Tally> {
    let folder = TempDir::new()?;
    let flash = folder.path().join("flash.img");
    let mut device = Device {
        board: plan.board,
        random: Random::new(plan.seed),
        images: plan::images()?,
        possible: vec![State::default()],
        interrupted: None,
        unread: None,
        tally: Tally::default(),
    };
    let began = Instant::now();
    while device.tally.cuts < plan.count {
        let before = fs::read(&flash).unwrap_or_default();
        if let Err(error) = device.once(&flash) {
            let kept = keep(plan, &before);
            return Err(error).with_context(|| {
                format!(
                    "{}, seed {}, after {} cuts{kept}",
                    plan.board.name(),
                    plan.seed,
                    device.tally.cuts
                )
            });
        }
        device.tally.time = began.elapsed();
        progress(&device.tally);
    }
    // The last one is looked at, too.
    device.look_once(&flash)?;
    Ok(device.tally)
}

fn keep(plan: &Plan, flash: &[u8]) -> String {
    let Some(folder) = &plan.evidence else {
        return String::new();
    };
    let path = folder.join(format!("cuts-{}-{}.img", plan.board.name(), plan.seed));
    match fs::create_dir_all(folder).and_then(|()| fs::write(&path, flash)) {
        Ok(()) => format!("; the flash before it is {}", path.display()),
        Err(error) => format!("; its flash cannot be kept: {error}"),
    }
}

/// A device and what is known of it.
struct Device {
    board: Board,
    random: Random,
    images: Vec<Packed>,
    /// What it may hold.
    possible: Vec<State>,
    /// What was being done when power went, and the states before it.
    interrupted: Option<(Vec<State>, Operation)>,
    /// What the writer had written before a run that was interrupted: only the next one tells what became of it.
    unread: Option<Written>,
    tally: Tally,
}

/// How something on a board went whose power may go.
enum Went<T> {
    Well(T),
    Cut,
}

/// Tells power that went from everything else.
fn went<T>(rig: &mut Rig, result: Result<T, SerialError>) -> Result<Went<T>> {
    match result {
        Ok(value) => Ok(Went::Well(value)),
        Err(error @ SerialError::Lost { .. }) => match rig.exit_status(ENDING_TIME) {
            Some(CUT) => Ok(Went::Cut),
            status => Err(error).context(format!("QEMU ended with {status:?}")),
        },
        Err(error) => Err(error.into()),
    }
}

impl Device {
    fn setup() -> Setup {
        Setup {
            words: vec![format!("flash_size={FLASH}")],
            ..Setup::default()
        }
    }

    /// Starts it, looks at it, and operates it until its power goes.
    fn once(&mut self, flash: &Path) -> Result<()> {
        let reach = *self.random.pick(&REACHES);
        let after = u32::try_from(self.random.below(reach))?;
        let seed = u32::try_from(self.random.below(u64::from(u32::MAX)))?;
        let begun = begin(self.board, &Self::setup(), flash, Some((after, seed)))?;
        let Begun::Up(mut rig) = begun else {
            self.tally.cuts += 1;
            self.tally.while_starting += 1;
            return Ok(());
        };
        let is_cut = self.live(&mut rig).with_context(|| {
            format!(
                "power goes after {after} operations of flash, seed={seed}; the console said:\n{}",
                rig.heard.text()
            )
        })?;
        ensure!(
            !rig.heard.text().contains("fault"),
            "the firmware failed: {}",
            rig.heard.text()
        );
        self.tally.cuts += u32::from(is_cut);
        Ok(())
    }

    /// Whether power went.
    fn live(&mut self, rig: &mut Rig) -> Result<bool> {
        let Went::Well(()) = self.look(rig)? else {
            self.tally.while_looking += 1;
            return Ok(true);
        };
        for _ in 0..OPERATIONS_MAX {
            let state = self.known()?.clone();
            let operation = plan::next(&mut self.random, &self.images, &state);
            let possible = self.possible.clone();
            match self
                .operate(rig, &operation)
                .with_context(|| format!("{operation:?}"))?
            {
                Went::Well(()) => self.tally.operations += 1,
                Went::Cut => {
                    *self.tally.during.entry(operation.name()).or_default() += 1;
                    match operation {
                        Operation::Write => {
                            self.unread.get_or_insert(state.written);
                        }
                        operation => self.interrupted = Some((possible, operation)),
                    }
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Looks at it without a cut.
    fn look_once(&mut self, flash: &Path) -> Result<()> {
        let Begun::Up(mut rig) = begin(self.board, &Self::setup(), flash, None)? else {
            bail!("power went though nobody cut it");
        };
        match self.look(&mut rig)? {
            Went::Well(()) => Ok(()),
            Went::Cut => bail!("power went though nobody cut it"),
        }
    }

    /// All that is possible, but for what only the writer knows.
    fn known(&self) -> Result<&State> {
        self.possible.first().context("nothing is possible")
    }
}

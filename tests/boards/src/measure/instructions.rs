//! How many instructions it takes from a request, or from the reset, to its effect.

use std::time::Duration;

use anyhow::{Result, bail};
use thimble_bench_report::Outcome;
use thimble_serial::{Request, RunState};
use thimble_tests_boards::Rig;

use super::Board;
use super::guests::{SPIN, TICKER};
use super::marks::{Mark, Reader, first};
use super::passing::pass;

/// How often each request is made.
const TRIES: u32 = 5;
/// When nothing was said for so long, everything is said: a line waits for the end of a slice or two.
const QUIET_TIME: Duration = Duration::from_millis(500);
/// Milliseconds of the board's time that a container computes before something is asked.
const STEADY_MS: u64 = 300;

/// From the reset to the console, and to the first container that starts by itself.
pub(super) fn boot(board: &Board) -> Result<Vec<Outcome>> {
    let mut rig = board.start_marks()?;
    TICKER.begin(&mut rig)?;
    let mut rig = rig.power_cycle()?;
    let marks = Reader::default().until(&mut rig, "slice")?;
    let at = |name| first(&marks, name).map(|mark| mark.instructions - mark.asleep);
    let (entered, ready, slice) = (at("entered")?, at("ready")?, at("slice")?);
    Ok(vec![
        Outcome::new("reset to the console", ready, "instr")
            .budget(board.key("console_ready_instructions_max"))
            .note(format!(
                "{entered:.0} of them until the program was entered, by the board's counter"
            )),
        Outcome::new("reset to the first container", slice, "instr")
            .budget(board.key("first_container_instructions_max")),
    ])
}

/// From a request to its effect.
pub(super) fn requests(board: &Board) -> Result<Vec<Outcome>> {
    let mut rig = board.start_marks()?;
    let image = SPIN.install(&mut rig)?;
    let (mut create, mut pause, mut unpause, mut kill) = (
        Taken::default(),
        Taken::default(),
        Taken::default(),
        Taken::default(),
    );
    let name = SPIN.name.to_owned();
    for _ in 0..TRIES {
        let declaration = SPIN.declare(SPIN.name, &image);
        create.add(&observe(&mut rig, "slice", |rig| {
            Ok(rig.client.create(declaration, false).map(drop)?)
        })?)?;
        // The kernel learns from slices how long they are.
        pass(&mut rig, STEADY_MS)?;
        let request = Request::Pause { name: name.clone() };
        pause.add(&observe(&mut rig, "done", |rig| {
            Ok(rig.client.done(&request)?)
        })?)?;
        check(&mut rig, RunState::Paused)?;
        let request = Request::Unpause { name: name.clone() };
        unpause.add(&observe(&mut rig, "slice", |rig| {
            Ok(rig.client.done(&request)?)
        })?)?;
        check(&mut rig, RunState::Running)?;
        pass(&mut rig, STEADY_MS)?;
        let request = Request::Kill { name: name.clone() };
        kill.add(&observe(&mut rig, "done", |rig| {
            Ok(rig.client.done(&request)?)
        })?)?;
        check(&mut rig, RunState::Failed)?;
        let request = Request::Remove {
            name: name.clone(),
            force: false,
        };
        rig.client.done(&request)?;
    }
    let busy = "from the last byte; the container computes, and the byte comes at the worst moment";
    Ok(vec![
        Outcome::new("create to the first slice", create.work, "instr")
            .budget(board.key("create_instructions_max"))
            .note("from the whole request"),
        Outcome::new("kill", kill.latency, "instr")
            .budget(board.key("kill_instructions_max"))
            .note(busy),
        Outcome::new("  carried out", kill.work, "instr")
            .budget(board.key("kill_work_instructions_max")),
        Outcome::new("pause", pause.latency, "instr")
            .budget(board.key("pause_instructions_max"))
            .note(busy),
        Outcome::new("  carried out", pause.work, "instr")
            .budget(board.key("pause_work_instructions_max")),
        Outcome::new("unpause to the next slice", unpause.work, "instr")
            .budget(board.key("unpause_instructions_max"))
            .note("from the whole request"),
    ])
}

/// The most instructions that were seen.
#[derive(Default)]
struct Taken {
    /// From the last look at the line at which the request was not whole yet.
    latency: f64,
    /// From when it was taken from the line.
    work: f64,
}

impl Taken {
    fn add(&mut self, (marks, effect): &(Vec<Mark>, &str)) -> Result<()> {
        let effect = first(marks, effect)?;
        let latency = effect.since(first(marks, "incomplete")?);
        self.latency = self.latency.max(latency);
        self.work = self.work.max(effect.since(first(marks, "received")?));
        Ok(())
    }
}

/// Asks for something, and reads the marks up to its effect.
fn observe<'a>(
    rig: &mut Rig,
    effect: &'a str,
    ask: impl FnOnce(&mut Rig) -> Result<()>,
) -> Result<(Vec<Mark>, &'a str)> {
    let mut reader = Reader::default();
    // What is still to be said of earlier requests is said before.
    while reader.skip(rig) > 0 {
        rig.client.idle(QUIET_TIME)?;
    }
    ask(rig)?;
    Ok((reader.until_requested(rig, effect)?, effect))
}

fn check(rig: &mut Rig, state: RunState) -> Result<()> {
    let container = rig.client.inspect(SPIN.name)?;
    if container.state != state {
        bail!("{} is {:?}, not {state:?}", SPIN.name, container.state);
    }
    Ok(())
}

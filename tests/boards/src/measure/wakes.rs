//! How often the processor wakes while all containers wait.

use std::time::Duration;

use anyhow::Result;
use thimble_bench_report::Outcome;
use thimble_serial::DeviceStatus;
use thimble_tests_boards::Time;

use super::Board;
use super::guests::{LISTENER, TICKER};
use super::passing::pass;

/// Milliseconds of the board's time that it is watched: long, so that what few questions add is little.
const WATCHED_MS: u64 = 60 * 60 * 1000;
/// Between two questions, by our clock.
const ASKED_TIME: Duration = Duration::from_secs(1);
/// How often the timer of `ticker.wat` fires in a second.
const FIRINGS_PER_S: f64 = 10.0;

/// Wake-ups beyond those that a container asked for with its timer, beside three that wait for messages.
///
/// Without that timer nobody could ask: a board that waits for nothing goes on by minutes between two bytes of a question.
pub(super) fn wakes(board: &Board) -> Result<Vec<Outcome>> {
    let mut rig = board.start("256K", Time::Counted)?;
    let image = LISTENER.install(&mut rig)?;
    for number in 0..3 {
        let name = format!("listener{number}");
        rig.client.create(LISTENER.declare(&name, &image), false)?;
    }
    TICKER.begin(&mut rig)?;
    let mut rig = rig.power_cycle_in(Time::Hurried)?;
    let before = pass(&mut rig, 1000)?;
    // Questions are wake-ups of their own: few of them.
    let after = loop {
        rig.client.idle(ASKED_TIME)?;
        let device = rig.device()?;
        if device.uptime_ms >= before.uptime_ms + WATCHED_MS {
            break device;
        }
    };
    let (seconds, wakes) = between(&before, &after);
    Ok(vec![
        Outcome::new(
            "wake-ups beyond a timer's",
            (wakes / seconds - FIRINGS_PER_S).max(0.0),
            "1/s",
        )
        .budget(board.key("idle_wakes_per_s_max"))
        .note(format!(
            "{wakes:.0} in {seconds:.0} s: one timer of 100 ms, three that wait for messages, and questions"
        )),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "hours at most")]
fn between(before: &DeviceStatus, after: &DeviceStatus) -> (f64, f64) {
    (
        (after.uptime_ms - before.uptime_ms) as f64 / 1000.0,
        (after.idle_wakeups - before.idle_wakeups) as f64,
    )
}

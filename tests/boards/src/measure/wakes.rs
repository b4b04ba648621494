//! How often the processor wakes while all containers wait.

use std::time::Duration;

use anyhow::Result;
use thimble_bench_report::Outcome;
use thimble_tests_boards::{Rig, Time};

use super::Board;
use super::guests::{LISTENER, TICKER};

/// Milliseconds of the board's time that it is watched.
const WATCHED_MS: u64 = 60_000;
const WATCHED_SMOKE_MS: u64 = 5_000;

/// Wake-ups a second: with containers that wait for messages, and with one that has a timer of a second beside them.
pub(super) fn wakes(board: &Board, is_smoke: bool) -> Result<Vec<Outcome>> {
    let watched_ms = match is_smoke {
        true => WATCHED_SMOKE_MS,
        false => WATCHED_MS,
    };
    let mut rig = board.start("256K", Time::Counted)?;
    let image = LISTENER.install(&mut rig)?;
    for number in 0..3 {
        let name = format!("listener{number}");
        rig.client.create(LISTENER.declare(&name, &image), false)?;
    }
    let silent = rate(&mut rig, watched_ms)?;
    TICKER.begin(&mut rig)?;
    let ticking = rate(&mut rig, watched_ms)?;
    Ok(vec![
        Outcome::new("wake-ups with three that wait", silent.each_second, "1/s")
            .budget(board.key("idle_wakes_per_s_max"))
            .note(silent.note()),
        Outcome::new(
            "  and one with a timer of a second",
            ticking.each_second,
            "1/s",
        )
        .budget(board.key("timer_wakes_per_s_max"))
        .note(ticking.note()),
    ])
}

struct Rate {
    each_second: f64,
    wakes: u64,
    asking: u64,
    seconds: f64,
}

impl Rate {
    fn note(&self) -> String {
        format!(
            "{} in {:.0} s, less {} that a question makes",
            self.wakes, self.seconds, self.asking
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "minutes at most")]
fn rate(rig: &mut Rig, watched_ms: u64) -> Result<Rate> {
    // What began is over.
    rig.client.idle(Duration::from_millis(500))?;
    // Each byte of a question is a wake-up of its own, and nothing is asked meanwhile.
    let first = rig.device()?;
    let before = rig.device()?;
    rig.client.idle(Duration::from_millis(watched_ms))?;
    let after = rig.device()?;
    let seconds = (after.uptime_ms - before.uptime_ms) as f64 / 1000.0;
    let asking = before.idle_wakeups - first.idle_wakeups;
    let wakes = after.idle_wakeups - before.idle_wakeups;
    Ok(Rate {
        each_second: wakes.saturating_sub(asking) as f64 / seconds,
        wakes,
        asking,
        seconds,
    })
}

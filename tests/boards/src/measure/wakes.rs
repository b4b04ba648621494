//! How often the processor wakes while all containers wait.

use anyhow::Result;
use thimble_bench_report::Outcome;
use thimble_tests_boards::Time;

use super::Board;
use super::guests::{LISTENER, TICKER};
use super::passing::pass;

/// Milliseconds of the board's time that it is watched.
const WATCHED_MS: u64 = 30 * 60 * 1000;

/// Wake-ups a second: with containers that wait for messages, and with one that has a timer of a second beside them.
pub(super) fn wakes(board: &Board, is_smoke: bool) -> Result<Vec<Outcome>> {
    let watched_ms = if is_smoke {
        WATCHED_MS / 10
    } else {
        WATCHED_MS
    };
    let mut rig = board.start("256K", Time::Hurried)?;
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
    minutes: f64,
}

impl Rate {
    fn note(&self) -> String {
        format!(
            "{} in {:.0} minutes, with those for the bytes of two questions",
            self.wakes, self.minutes
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "days at most")]
fn rate(rig: &mut thimble_tests_boards::Rig, watched_ms: u64) -> Result<Rate> {
    let before = pass(rig, 1000)?;
    let after = loop {
        // Nothing is asked meanwhile: each byte of a question is a wake-up of its own.
        rig.client.idle(std::time::Duration::from_millis(500))?;
        let device = rig.device()?;
        if device.uptime_ms >= before.uptime_ms + watched_ms {
            break device;
        }
    };
    let seconds = (after.uptime_ms - before.uptime_ms) as f64 / 1000.0;
    let wakes = after.idle_wakeups - before.idle_wakeups;
    Ok(Rate {
        each_second: wakes as f64 / seconds,
        wakes,
        minutes: seconds / 60.0,
    })
}

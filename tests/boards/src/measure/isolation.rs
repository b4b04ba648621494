//! How late a container's timer is while another one misbehaves.

use anyhow::{Context as _, Result};
use thimble_bench_report::Outcome;
use thimble_tests_boards::Time;

use super::Board;
use super::guests::{FLOOD_BUS, FLOOD_LOG, Guest, LATE, LISTENER, SPIN, TRAP};
use super::passing::{until, written};

/// Lines that the one that is watched writes, each after half a second.
const LINES: usize = 6;

/// The worst lateness of a timer of 10 ms, beside others.
pub(super) fn lateness(board: &Board, is_smoke: bool) -> Result<Vec<Outcome>> {
    let kinds: [(&str, &[Guest], &str); 5] = [
        ("lateness alone", &[], "lateness_alone_us_max"),
        ("  beside one that spins", &[SPIN], "lateness_spin_us_max"),
        ("  that traps and restarts", &[TRAP], "lateness_trap_us_max"),
        ("  that floods its log", &[FLOOD_LOG], "lateness_log_us_max"),
        (
            "  that floods the bus",
            &[LISTENER, FLOOD_BUS],
            "lateness_bus_us_max",
        ),
    ];
    let (kinds, lines) = match is_smoke {
        true => (kinds.get(..2).unwrap_or_default(), 1),
        false => (&kinds[..], LINES),
    };
    kinds
        .iter()
        .map(|(what, others, budget)| {
            let worst = beside(board, others, lines)?;
            Ok(Outcome::new(*what, worst, "us")
                .budget(board.key(budget))
                .note("of a 10 ms timer, at worst"))
        })
        .collect()
}

fn beside(board: &Board, others: &[Guest], lines: usize) -> Result<f64> {
    let mut rig = board.start("256K", Time::Counted)?;
    let image = LATE.install(&mut rig)?;
    for other in others {
        other.begin(&mut rig)?;
    }
    rig.client.create(LATE.declare(LATE.name, &image), false)?;
    // All of them start by themselves. From now on the board does not wait for us while it sleeps.
    let mut rig = rig.power_cycle_in(Time::Hurried)?;
    let text = until(&mut rig, |rig| {
        let (text, _) = written(rig, LATE.name)?;
        Ok((text.lines().count() >= lines).then_some(text))
    })?;
    let last = text.lines().next_back().context("it wrote nothing")?;
    last.parse()
        .with_context(|| format!("it wrote `{last}` instead of a number"))
}

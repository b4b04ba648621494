//! RAM without containers, and what each idle container adds.

use anyhow::{Result, bail};
use thimble_bench_report::Outcome;
use thimble_serial::RunState;
use thimble_tests_boards::{Rig, Time};

use super::elf::Sizes;
use super::guests::{BOTH, Guest, LISTENER, WAITER};
use super::passing::until;
use super::{Board, KIB};

/// Containers that are added to the first one.
const MORE: u32 = 10;

/// RAM of a board that runs nothing.
pub(super) fn idle(board: &Board) -> Result<Vec<Outcome>> {
    let mut rig = board.start("256K", Time::Counted)?;
    let device = rig.device()?;
    let sizes = Sizes::of(&board.plain)?;
    let heap = f64::from(device.heap.used_bytes);
    let all = sizes.stacks + sizes.statics + heap;
    Ok(vec![
        Outcome::new("RAM without containers", all / KIB, "KiB")
            .budget(board.key("idle_ram_kb_max"))
            .note(format!(
                "stacks {:.0}, of which {} were ever used; data {:.0}; heap {heap:.0}, at most {}",
                sizes.stacks, device.stack_peak_bytes, sizes.statics, device.heap_peak_bytes
            )),
    ])
}

/// What one more idle container takes beyond its linear memory and its stack.
pub(super) fn containers(board: &Board, is_smoke: bool) -> Result<Vec<Outcome>> {
    let kinds = [
        (WAITER, "RAM of an idle container", "idle_container_kb_max"),
        (LISTENER, "  with a subscription", "idle_subscriber_kb_max"),
        (
            BOTH,
            "  with a subscription and a timer",
            "idle_subscriber_timer_kb_max",
        ),
    ];
    let kinds = kinds
        .into_iter()
        .take(if is_smoke { 1 } else { usize::MAX });
    kinds
        .map(|(guest, what, budget)| {
            let bytes = each(board, guest)?;
            Ok(Outcome::new(what, bytes / KIB, "KiB")
                .budget(board.key(budget))
                .note("beyond its linear memory and its stack"))
        })
        .collect()
}

fn each(board: &Board, guest: Guest) -> Result<f64> {
    let mut rig = board.start("256K", Time::Counted)?;
    let image = guest.install(&mut rig)?;
    let mut of_their_own = 0;
    let mut add = |rig: &mut Rig, number: u32| -> Result<u32> {
        let name = format!("guest{number}");
        rig.client.create(guest.declare(&name, &image), false)?;
        // It waits when it has run and does not run any more.
        let container = until(rig, |rig| {
            let before = rig.client.inspect(&name)?;
            let after = rig.client.inspect(&name)?;
            Ok((after.slices > 0 && before.slices == after.slices).then_some(after))
        })?;
        if container.state != RunState::Running {
            bail!("{name} does not wait: {:?}", container.end);
        }
        of_their_own = container.memory_bytes + container.stack_bytes;
        Ok(rig.device()?.heap.used_bytes)
    };
    let one = add(&mut rig, 0)?;
    let mut all = one;
    for number in 1..=MORE {
        all = add(&mut rig, number)?;
    }
    Ok(f64::from(all - one) / f64::from(MORE) - f64::from(of_their_own))
}

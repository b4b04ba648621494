//! How fast an image comes over the console.

use anyhow::Result;
use thimble_bench_report::Outcome;
use thimble_tests_boards::{Packed, Time, guests};

use super::Board;
use super::passing::executed_millions;

/// A module of 30 KB.
const GUEST: &str = "blinky-ocre";
/// Bits of a byte on the line: one to begin, eight, one to end.
const BITS_PER_BYTE: f64 = 10.0;
const BAUD: f64 = 115_200.0;

/// Installs an image. How many instructions that takes depends on how its bytes arrive, which is as the machine under the
/// board has time: a figure to compare side by side, and no promise for a test to hold.
#[expect(clippy::cast_precision_loss, reason = "kilobytes")]
pub(super) fn install(board: &Board, is_smoke: bool) -> Result<Vec<Outcome>> {
    let packed = Packed::of_file(&guests::guest(GUEST), false)?;
    let mut rig = board.start("256K", Time::Counted)?;
    let before = rig.device()?;
    let carried_before = rig.client.carried_bytes();
    rig.install(&packed, "guest:1")?;
    let bytes = (rig.client.carried_bytes() - carried_before) as f64;
    let millions = executed_millions(&rig.device()?) - executed_millions(&before);
    let mut instructions = Outcome::new("install of an image", millions, "M instr")
        .note(format!("{} bytes of module", packed.layer.len()));
    if !is_smoke {
        instructions = instructions.budget(board.key("install_minstructions_max"));
    }
    Ok(vec![
        instructions,
        Outcome::new("  on the line", bytes * BITS_PER_BYTE / BAUD, "s")
            .budget(board.key("install_line_s_max"))
            .note(format!("{bytes:.0} bytes there and back at 115200 baud")),
    ])
}

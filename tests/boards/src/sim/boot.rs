//! Starts a board whose power may go before anybody has spoken with it.

use std::path::Path;

use anyhow::{Result, bail};

use crate::Board;
use crate::rig::{NotUp, Rig, Setup};

/// QEMU's status when the firmware's flash has lost power.
pub(crate) const CUT: i32 = 99;

/// What became of a start.
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
pub enum Begun {
    /// The board answers.
    Up(Rig),
    /// Power went before it did.
    Cut,
}

/// Starts a board whose power goes after so many operations of its flash, if it does at all.
///
/// # Errors
/// It does not answer, and its power is not gone.
pub fn begin(board: Board, setup: &Setup, flash: &Path, cut: Option<(u32, u32)>) -> Result<Begun> {
    let mut setup = setup.clone();
    if let Some((after, seed)) = cut {
        setup.words.push(format!("cut={after}"));
        setup.words.push(format!("seed={seed}"));
    }
    match Rig::begin(board, setup, flash) {
        Ok(rig) => Ok(Begun::Up(rig)),
        Err(NotUp {
            status: Some(CUT), ..
        }) if cut.is_some() => Ok(Begun::Cut),
        Err(NotUp {
            error,
            status,
            heard,
        }) => bail!(
            "{error}; QEMU ended with {status:?}; the words {cut:?}; the console said: {heard}"
        ),
    }
}

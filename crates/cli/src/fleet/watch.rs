//! Shows something again and again until it is over, or Ctrl-C.

use std::io::IsTerminal as _;
use std::time::Duration;

use crate::failure::Failure;
use crate::output::write;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// Puts the cursor at the beginning and clears the screen.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Shows the text of what is looked at, whenever it is different; on a terminal over the one before.
pub(super) fn watch<T>(
    mut look: impl FnMut() -> Result<T, Failure>,
    text: impl Fn(&T) -> String,
    is_over: impl Fn(&T) -> bool,
) -> Result<T, Failure> {
    let is_terminal = std::io::stdout().is_terminal();
    let mut last = None;
    loop {
        let seen = look()?;
        let now = text(&seen);
        if last.as_ref() != Some(&now) {
            if is_terminal {
                write(CLEAR)?;
            }
            write(&now)?;
            last = Some(now);
        }
        if is_over(&seen) {
            return Ok(seen);
        }
        std::thread::sleep(EVERY);
    }
}

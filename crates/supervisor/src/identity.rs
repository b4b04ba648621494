//! Names of containers.

use crate::denied::{Denied, Outcome};

/// Characters of a name at most: every record of a container repeats it.
pub(crate) const NAME_CHARS_MAX: usize = 48;

/// Whether a text can be a container's name.
pub(crate) fn is_name(name: &str) -> bool {
    let is_allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    (1..=NAME_CHARS_MAX).contains(&name.len())
        && !name.starts_with('.')
        && name.chars().all(is_allowed)
}

/// Checks a container's name.
///
/// # Errors
/// What a name may be.
pub(crate) fn check_name(name: &str) -> Outcome<()> {
    if is_name(name) {
        return Ok(());
    }
    let shown: alloc::string::String = name.chars().take(NAME_CHARS_MAX).collect();
    Err(Denied::invalid(format_args!(
        "name {shown:?}: a name has 1 to {NAME_CHARS_MAX} characters of a-z, 0-9, `.`, `_` and `-`, and does not begin with a dot"
    )))
}

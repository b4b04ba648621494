//! Scripts.

/// Plays.
///
/// # Errors
/// Later.
pub fn play(_: &str) -> anyhow::Result<Vec<String>> {
    Ok(Vec::new())
}

//! What guests of the conformance suite say.

use std::path::Path;

/// What a guest of `tests/guests` prints last when it has passed all checks that its source has.
///
/// # Panics
/// Its source cannot be read, or has no checks.
#[must_use]
pub fn last_line(repository: &Path, guest: &str) -> String {
    let source = repository.join(format!("tests/guests/{guest}/main.c"));
    let source = std::fs::read_to_string(source).unwrap();
    let checks = source.matches("    RUN(").count();
    assert!(checks > 0, "{guest} has no checks");
    format!("\n{checks} passed\n")
}

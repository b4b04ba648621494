//! Command lines as one would type them.

use super::{line, quote};
use std::process::Command;

#[test]
fn quotes_only_what_a_shell_would_split() {
    assert_eq!(quote("net.listen:tcp/8080"), "net.listen:tcp/8080");
    assert_eq!(quote("two words"), "'two words'");
    assert_eq!(quote("it's"), r"'it'\''s'");
    assert_eq!(quote(""), "''");
}

#[test]
fn shows_a_command_as_typed() {
    assert_eq!(
        line(Command::new("thimble").args(["run", "a b"])),
        "thimble run 'a b'"
    );
}

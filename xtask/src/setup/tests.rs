//! What a person is told.

use super::{Missing, Need, describe};

#[test]
fn says_what_why_and_how() {
    let missing = Missing {
        what: "Go 1.23 or later".to_owned(),
        why: "one example is written in Go",
        packages: vec!["golang-go"],
        how: "your system's package",
    };
    assert_eq!(
        describe(&[(Need::Go, missing)], "there is no apt-get"),
        "this machine lacks what the project needs:\n  Go 1.23 or later\n    why: one example is written in Go\n    \
         get it: your system's package\n    or, on a Debian that has it: apt-get install golang-go\nNothing more was installed, because \
         there is no apt-get"
    );
}

//! Ways to die, and what is left.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use crate::{Talker, part};

/// Dies; the signal, what it said, and what the next one finds.
fn died(folder: &Path, how: &str) -> (Option<i32>, String, String) {
    let mut daemon = Talker::start(part("die", folder).arg(how));
    assert_eq!(daemon.line(), "nothing");
    assert_eq!(daemon.line(), "", "{how}: still there");
    let (status, words) = daemon.end();
    let mut next = Talker::start(part("die", folder).arg("live"));
    let note = next.line();
    next.end();
    (status.signal(), words, note)
}

pub(crate) fn a_panic_of_any_thread_ends_the_daemon(folder: &Path) {
    for (how, message) in [
        ("panic", ": the main one"),
        ("panic-thread", ": another one"),
        ("panic-many", ": one of many"),
    ] {
        let (signal, words, note) = died(folder, how);
        assert_eq!(signal, Some(libc::SIGABRT), "{how}");
        assert!(words.contains("panicked at"), "it is told as ever: {words}");
        assert!(
            note.starts_with("panicked at crates/daemon/tests/"),
            "{note}"
        );
        assert!(note.ends_with(message), "{note}");
    }
}

pub(crate) fn signals_are_noted_and_kill_all_the_same(folder: &Path) {
    let noted = "while it ran container 7";
    for (how, signal) in [
        ("abort", libc::SIGABRT),
        ("fault", libc::SIGSEGV),
        ("6", libc::SIGABRT),
        ("11", libc::SIGSEGV),
        ("7", libc::SIGBUS),
        ("4", libc::SIGILL),
        ("8", libc::SIGFPE),
    ] {
        let (ended, _, note) = died(folder, how);
        assert_eq!(ended, Some(signal), "{how}");
        assert!(
            note.contains(&format!("({signal}), {noted}")),
            "{how}: {note}"
        );
    }
    // Nothing can be noted about these.
    for signal in [libc::SIGKILL, libc::SIGTERM] {
        let (ended, _, note) = died(folder, &signal.to_string());
        assert_eq!((ended, note.as_str()), (Some(signal), "nothing"));
    }
}

pub(crate) fn the_end_of_a_stack_is_noted(folder: &Path) {
    for how in ["overflow", "overflow-thread"] {
        let (ended, words, note) = died(folder, how);
        // Rust says what it was and aborts, as it does without us.
        assert_eq!(ended, Some(libc::SIGABRT), "{how}");
        assert!(words.contains("overflowed its stack"), "{how}: {words}");
        assert!(
            note.starts_with("killed by SIGSEGV (11), while"),
            "{how}: {note}"
        );
    }
}

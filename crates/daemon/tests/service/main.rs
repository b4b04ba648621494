//! The daemon as a service, with processes that are started, killed, crash and come back.
//!
//! The program is its own daemon: the first argument says which part it plays, each of which begins with one
//! thread as the daemon does.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "everything here is a test and may stop at the first surprise"
)]

mod activation;
mod crashes;
mod daemon;
mod locks;
mod supervision;
mod telling;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitCode, ExitStatus, Stdio};

type Test = (&'static str, fn(&Path));

const TESTS: [Test; 16] = [
    ("lock", locks::two_daemons_on_one_folder),
    ("sockets", activation::sockets_are_made_with_their_rights),
    ("leftover", activation::what_is_in_the_way_of_a_socket),
    ("activation", activation::sockets_of_the_service_manager),
    (
        "refusal",
        activation::sockets_that_are_not_what_they_should_be,
    ),
    ("panic", crashes::a_panic_of_any_thread_ends_the_daemon),
    ("faults", crashes::signals_are_noted_and_kill_all_the_same),
    ("overflow", crashes::the_end_of_a_stack_is_noted),
    ("ready", telling::readiness_reaches_the_service_manager),
    ("watchdog", telling::the_watchdog_is_fed_only_by_the_living),
    ("code", supervision::exit_codes_are_passed_on),
    ("restart", supervision::a_daemon_that_dies_is_started_again),
    (
        "waiting",
        supervision::clients_wait_while_it_is_started_again,
    ),
    ("signals", supervision::signals_are_passed_on),
    ("orphan", supervision::the_daemon_dies_with_its_parent),
    ("tiny", supervision::the_parent_is_tiny),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [part, folder, rest @ ..] = &arguments[..]
        && let Some(code) = daemon::play(part, Path::new(folder), rest)
    {
        return code;
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let mut failed = Vec::new();
    for (name, test) in TESTS {
        if filter.is_some_and(|filter| !name.contains(filter.as_str())) {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let well = std::panic::catch_unwind(|| test(folder.path())).is_ok();
        println!("test {name} ... {}", if well { "ok" } else { "FAILED" });
        if !well {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "failed: {failed:?}");
    ExitCode::SUCCESS
}

/// This program in one of its parts; what it says is read line by line.
pub(crate) fn part(part: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .arg(part)
        .arg(folder)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A process and what it says.
pub(crate) struct Talker {
    pub(crate) child: Child,
    lines: BufReader<ChildStdout>,
}

impl Talker {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next line it says; empty at the end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Its end, and what it said on standard error.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        drop(self.child.stdin.take());
        let mut words = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut words).unwrap();
        (self.child.wait().unwrap(), words)
    }

    pub(crate) fn signal(&self, signal: i32) {
        send(self.child.id(), signal);
    }
}

/// Sends a signal to a process.
pub(crate) fn send(process: u32, signal: i32) {
    let process = i32::try_from(process).unwrap();
    // SAFETY: it touches no memory.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0);
}

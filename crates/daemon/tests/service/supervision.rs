//! A daemon and the parent that starts it again.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::{Talker, part, send};

/// A supervised daemon.
pub(crate) struct Daemon {
    parent: Talker,
    /// The process that does the work now.
    pub(crate) process: u32,
}

impl Daemon {
    pub(crate) fn start(folder: &Path, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = part("supervised", folder);
        prepare(&mut command);
        let mut parent = Talker::start(&mut command);
        assert!(parent.line().starts_with("parent "));
        let mut daemon = Self { parent, process: 0 };
        daemon.next();
        daemon
    }

    /// Waits until it is ready once more.
    pub(crate) fn next(&mut self) {
        let line = self.parent.line();
        let process = line
            .strip_prefix("ready ")
            .unwrap_or_else(|| panic!("{line:?}"));
        self.process = process.parse().unwrap();
    }

    pub(crate) fn stop(self) {
        self.parent.signal(libc::SIGTERM);
        let (status, _) = self.parent.end();
        // It knows nothing better than to die of it.
        assert_eq!(status.code(), Some(128 + libc::SIGTERM));
    }
}

/// Asks the daemon for something; what it answers until it closes.
pub(crate) fn ask(folder: &Path, wish: &str) -> String {
    let mut client = UnixStream::connect(folder.join("run/daemon.sock")).unwrap();
    client.write_all(wish.as_bytes()).unwrap();
    let mut answer = String::new();
    // One that dies closes without a word.
    let _ = client.read_to_string(&mut answer);
    answer
}

fn ended(folder: &Path, how: &[&str]) -> (ExitStatus, String) {
    Talker::start(part("supervised", folder).args(how)).end()
}

pub(crate) fn exit_codes_are_passed_on(folder: &Path) {
    let (status, words) = ended(folder, &["fail"]);
    assert_eq!(status.code(), Some(9));
    assert!(!words.contains("again"), "{words}");
    let (status, _) = ended(folder, &["crash"]);
    assert_eq!(status.code(), Some(128 + libc::SIGKILL));

    let daemon = Daemon::start(folder, |_| {});
    ask(folder, "e");
    let (status, words) = daemon.parent.end();
    assert!(status.success());
    assert_eq!(words, "");
    assert!(!folder.join("run/daemon.sock").exists());
}

pub(crate) fn a_daemon_that_dies_is_started_again(folder: &Path) {
    let mut daemon = Daemon::start(folder, |_| {});
    let mut processes = vec![daemon.process];
    for wish in ["c", "f"] {
        ask(folder, wish);
        daemon.next();
        processes.push(daemon.process);
    }
    send(daemon.process, libc::SIGKILL);
    daemon.next();
    processes.push(daemon.process);
    processes.dedup();
    assert_eq!(processes.len(), 4);
    ask(folder, "e");
    let (status, words) = daemon.parent.end();
    assert!(status.success());
    let told: Vec<&str> = words
        .lines()
        .filter(|line| line.contains("again"))
        .collect();
    assert_eq!(
        told,
        [
            "thimble: the daemon was killed by SIGABRT (6); starting it again at once",
            "thimble: the daemon ended with code 5; starting it again in 100 ms",
            "thimble: the daemon was killed by SIGKILL (9); starting it again in 200 ms",
        ]
    );
}

pub(crate) fn clients_wait_while_it_is_started_again(folder: &Path) {
    let mut daemon = Daemon::start(folder, |_| {});
    ask(folder, "c");
    // The first restart is at once, the second a moment later: nobody is refused meanwhile.
    for _ in 0..2 {
        // One that the dying daemon had accepted asks again.
        let answer = loop {
            let answer = ask(folder, "p");
            if !answer.is_empty() {
                break answer;
            }
        };
        daemon.next();
        assert_eq!(answer, daemon.process.to_string());
        send(daemon.process, libc::SIGKILL);
    }
    daemon.next();
    daemon.stop();
}

pub(crate) fn signals_are_passed_on(folder: &Path) {
    for signal in [libc::SIGHUP, libc::SIGUSR1] {
        let mut daemon = Daemon::start(folder, |_| {});
        let mut client = UnixStream::connect(folder.join("run/daemon.sock")).unwrap();
        client.write_all(b"h").unwrap();
        client.read_exact(&mut [0; 7]).unwrap();
        daemon.parent.signal(signal);
        assert_eq!(daemon.parent.line(), "heard");
        daemon.stop();
    }
    // While nothing runs that it could be passed on to.
    let mut daemon = Daemon::start(folder, |_| {});
    for _ in 0..4 {
        send(daemon.process, libc::SIGKILL);
        daemon.next();
    }
    send(daemon.process, libc::SIGKILL);
    daemon.parent.signal(libc::SIGTERM);
    let (status, _) = daemon.parent.end();
    // Either it was waiting for the next start, or it heard of the two at once.
    assert!(matches!(status.code(), Some(0 | 137 | 143)), "{status}");
}

pub(crate) fn the_daemon_dies_with_its_parent(folder: &Path) {
    let daemon = Daemon::start(folder, |_| {});
    let mut client = UnixStream::connect(folder.join("run/daemon.sock")).unwrap();
    daemon.parent.signal(libc::SIGKILL);
    // Closed by the daemon's death; nothing else would close it.
    let _ = client.read_to_end(&mut Vec::new());
    daemon.parent.end();
}

pub(crate) fn the_parent_is_tiny(folder: &Path) {
    let daemon = Daemon::start(folder, |_| {});
    let parent = daemon.parent.child.id();
    let anonymous = kilobytes(parent, "", "Anonymous:");
    // This program is linked dynamically, which alone takes about half of it.
    assert!(anonymous < 300, "{anonymous} KB of anonymous memory");
    // When it has waited for a moment only the pages of the program are left that waiting needs.
    let program = std::env::current_exe().unwrap();
    let begun = Instant::now();
    loop {
        let program = program.to_str().unwrap();
        let mapped = kilobytes(parent, program, "Rss:") - kilobytes(parent, program, "Anonymous:");
        if mapped < 150 {
            break;
        }
        assert!(begun.elapsed().as_secs() < 60, "{mapped} KB of the program");
        std::thread::sleep(Duration::from_millis(20));
    }
    daemon.stop();
}

/// The sum of a figure over a process's mappings of a file, or over all.
fn kilobytes(process: u32, file: &str, figure: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps")).unwrap();
    let mut counts = false;
    let mut sum = 0;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap();
        if !first.ends_with(':') {
            counts = line.ends_with(file);
        } else if counts && first == figure {
            sum += words.next().unwrap().parse::<u64>().unwrap();
        }
    }
    sum
}

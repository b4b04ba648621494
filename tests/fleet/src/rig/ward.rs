//! A program that ends with the process of the tests, however that ends: also by `kill -9`.
//!
//! A shell stands beside it and waits for the end of its input, which comes when nobody is left who could write to it.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

/// Kills `$1` unless it is told that it need not.
const SCRIPT: &str = "read -r done || kill -9 \"$1\"";

/// A program that is watched over.
#[derive(Debug)]
pub struct Ward {
    child: Child,
    watcher: Child,
    input: Option<ChildStdin>,
}

impl Ward {
    /// Starts a program.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let child = command.spawn().unwrap();
        let mut watcher = Command::new("sh")
            .args(["-c", SCRIPT, "sh", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            input: watcher.stdin.take(),
            child,
            watcher,
        }
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a power cut does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits until it does.
    pub fn stop(mut self) -> ExitStatus {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its number may be another process's now.
        if let Some(mut input) = self.input.take() {
            let _ = input.write_all(b"done\n");
        }
        let _ = self.watcher.wait();
    }
}

//! Which functions a program enters, exactly: every function begins with a breakpoint until it is entered.
//!
//! Needs no rights but those over one's own child. The program runs at nearly its own speed, as each breakpoint
//! stops it once.

#[cfg(test)]
mod tests;
mod tracee;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::signal::{self, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use self::tracee::Breakpoints;
use super::elf::Program;

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A shell that becomes the command once it is told to: by then it is watched.
const WAIT_TO_BEGIN: &str = r#"read -r _ && exec "$0" "$@" </dev/null"#;

/// Whether programs can be watched here.
pub(super) fn check() -> Result<()> {
    let mut command = Command::new("true");
    let mut child = start_waiting(&mut command)?;
    let watched = ptrace::seize(process_id(&child)?, Options::PTRACE_O_EXITKILL);
    // Without a word to begin, it ends.
    drop(child.stdin.take());
    child.wait()?;
    watched.context("programs may not be watched here")
}

/// Runs a command to its success; the functions of `program` that it entered, by address.
///
/// Other programs that it starts are not watched.
pub(super) fn entered(command: &mut Command, program: &Program) -> Result<BTreeSet<u64>> {
    let mut child = start_waiting(command)?;
    let root = process_id(&child)?;
    ptrace::seize(
        root,
        Options::PTRACE_O_EXITKILL
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK,
    )
    .context("programs may not be watched here")?;
    child
        .stdin
        .take()
        .context("the shell has no input")?
        .write_all(b"\n")?;
    let mut watch = Watch {
        root,
        breakpoints: Breakpoints::new(program),
    };
    let (ended, end) = mpsc::channel::<()>();
    let code = thread::scope(|scope| {
        scope.spawn(move || {
            if end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                // It may have ended this moment.
                let _ = signal::kill(root, Signal::SIGKILL);
            }
        });
        let code = watch.until_the_end();
        drop(ended);
        if code.is_err() {
            // It has ended, or nothing else can be done with it.
            let _ = signal::kill(root, Signal::SIGKILL);
        }
        code
    })?;
    ensure!(code == 0, "it ended with exit code {code}");
    Ok(watch.breakpoints.entered())
}

/// Starts the shell in front of a command.
fn start_waiting(command: &mut Command) -> Result<Child> {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", WAIT_TO_BEGIN])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // What the terminal says to us must not reach it.
        .process_group(0);
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell.spawn().context("cannot start a shell")
}

fn process_id(child: &Child) -> Result<Pid> {
    Ok(Pid::from_raw(i32::try_from(child.id())?))
}

/// A process that is watched, with its threads.
struct Watch {
    root: Pid,
    breakpoints: Breakpoints,
}

impl Watch {
    /// Lets the process run to its end; its exit code.
    fn until_the_end(&mut self) -> Result<i32> {
        // Its threads and children are in its group; other children of ours are not.
        let group = Pid::from_raw(-self.root.as_raw());
        loop {
            match waitpid(group, Some(WaitPidFlag::__WALL))? {
                WaitStatus::Exited(pid, code) if pid == self.root => return Ok(code),
                WaitStatus::Signaled(pid, signal, _) if pid == self.root => {
                    anyhow::bail!("it was ended by {signal}")
                }
                WaitStatus::PtraceEvent(pid, _, event) => self.event(pid, event)?,
                WaitStatus::Stopped(pid, Signal::SIGTRAP) => {
                    let ours = self.breakpoints.hit(pid)?;
                    resume(pid, (!ours).then_some(Signal::SIGTRAP))?;
                }
                WaitStatus::Stopped(pid, signal) => resume(pid, Some(signal))?,
                _ => {}
            }
        }
    }

    fn event(&mut self, pid: Pid, event: i32) -> Result<()> {
        if event == Event::PTRACE_EVENT_EXEC as i32 {
            if pid != self.root {
                return alive(ptrace::detach(pid, None));
            }
            self.breakpoints.plant(pid)?;
        }
        resume(pid, None)
    }
}

fn resume(pid: Pid, signal: Option<Signal>) -> Result<()> {
    alive(ptrace::cont(pid, signal))
}

/// A thread may be killed at any time; that it was is told by the next wait.
fn alive(result: nix::Result<()>) -> Result<()> {
    match result {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

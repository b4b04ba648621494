//! The daemon while it is watched: an operator has it run containers, looks at them, and ends it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How often it is tried whether the daemon is there yet.
const RETRY: Duration = Duration::from_millis(20);
/// No daemon takes longer, not even one that is watched.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the operator says, one command after the other.
const COMMANDS: [&[&str]; 8] = [
    &[
        "run",
        "-d",
        "--name",
        "idle",
        "--restart",
        "always",
        "idle.wasm",
    ],
    &["run", "-d", "--name", "hello", "hello.wasm"],
    &["wait", "hello"],
    &["logs", "hello"],
    &["ps", "-a"],
    &["stats", "--no-stream"],
    &["stop", "idle"],
    &["rm", "idle", "hello"],
];

/// Runs the daemon by `watch` as long as an operator needs it.
pub(super) fn run(
    program: &Path,
    folder: &Path,
    watch: &mut dyn FnMut(&mut Command) -> Result<BTreeSet<u64>>,
) -> Result<BTreeSet<u64>> {
    let root = folder.join("daemon");
    fs::create_dir_all(root.join("config"))?;
    fs::write(
        root.join("config/thimble.toml"),
        "[daemon]\nsupervisor = false\n",
    )?;
    for (name, text) in [
        ("idle", include_str!("idle.wat")),
        ("hello", include_str!("hello.wat")),
    ] {
        fs::write(
            root.join(name).with_extension("wasm"),
            wat::parse_str(text)?,
        )?;
    }
    let operator = Operator {
        program: program.to_owned(),
        root: root.clone(),
    };
    let operator: JoinHandle<Result<()>> = thread::spawn(move || operator.work());
    let mut command = Command::new(program);
    command
        .current_dir(&root)
        .env("THIMBLE_ROOT", &root)
        .arg("daemon");
    let entered = watch(&mut command)?;
    match operator.join() {
        Ok(worked) => worked.map(|()| entered),
        Err(_) => bail!("the operator of the daemon failed"),
    }
}

struct Operator {
    program: PathBuf,
    root: PathBuf,
}

impl Operator {
    fn work(&self) -> Result<()> {
        let begun = Instant::now();
        while self.say(&["device"]).is_err() {
            if begun.elapsed() > PATIENCE {
                self.end().context("the daemon does not become ready")?;
                bail!("the daemon does not become ready");
            }
            thread::sleep(RETRY);
        }
        let worked = COMMANDS.iter().try_for_each(|command| self.say(command));
        self.end()?;
        worked
    }

    fn say(&self, arguments: &[&str]) -> Result<()> {
        let status = Command::new(&self.program)
            .current_dir(&self.root)
            .env("THIMBLE_ROOT", &self.root)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if !status.success() {
            bail!("thimble {} failed: {status}", arguments.join(" "));
        }
        Ok(())
    }

    /// Asks the daemon to end.
    fn end(&self) -> Result<()> {
        let text = fs::read_to_string(self.root.join("daemon/daemon.lock"))?;
        let process = Pid::from_raw(text.trim().parse()?);
        kill(process, Signal::SIGTERM).context("the daemon cannot be ended")
    }
}

//! `cargo xtask demo`: from a clone to every example seen running, in one command.
//!
//! Shows only real runs: the command as a person would type it, and what it printed. What is shown is data, in
//! `steps`.

mod client;
mod fleet;
mod gateway;
mod server;
mod service;
mod steps;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use self::fleet::Programs;
use self::gateway::{Keys, Registry};
use self::service::Daemon;
use self::steps::{DATA, KEYS, PORT, REGISTRY, STEPS, Show, Step};
use crate::guests::{self, WithoutGo};
use crate::loopback;
use crate::metadata::Metadata;
use crate::process;
use crate::program;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

/// No example takes longer, even on a slow machine.
const STEP_WAIT: Duration = Duration::from_secs(60);
/// How long a server gets to stop by itself.
const ASK_WAIT: Duration = Duration::from_millis(500);
/// How long it may take to be gone when it did not.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// Builds what a fleet needs and shows it.
pub(crate) fn run_fleet(workspace: &Workspace) -> Result<()> {
    println!("Building the examples");
    guests::build(workspace, &fleet::guests(), WithoutGo::Fail)?;
    let programs = build_programs(workspace)?;
    fleet::show(workspace, &programs, &workspace.target.join("demo/fleet"))?;
    println!("\n── The fleet was shown ──");
    Ok(())
}

/// Builds the programs as they are shipped.
fn build_programs(workspace: &Workspace) -> Result<Programs> {
    println!("\nBuilding thimble and its hub");
    let thimble = match ready_made("THIMBLE_PROGRAM") {
        Some(program) => program,
        None => program::build(workspace)?,
    };
    let hub = fleet::build_hub(workspace)?;
    Ok(Programs { thimble, hub })
}

/// A program that the environment names, so that it need not be built.
fn ready_made(variable: &str) -> Option<PathBuf> {
    let program = env::var_os(variable).filter(|path| !path.is_empty())?;
    std::path::absolute(PathBuf::from(program)).ok()
}

/// Builds everything and shows every step.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    if !Metadata::of_members(workspace)?.has_member("thimble-cli") {
        bail!("there is no thimble-cli in the workspace yet, so nothing can be shown");
    }
    println!("Building the examples");
    let guests = guests::build(workspace, &[], WithoutGo::Skip)?;
    let programs = build_programs(workspace)?;
    setup::prepare(workspace, Need::DEMO)?;
    let folder = workspace.target.join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let data = folder.join("data");
    fs::create_dir_all(&data).with_context(|| format!("cannot create {}", data.display()))?;
    let registry = Registry::start(&folder.join("registry"))?;
    let keys = Keys::make(&folder.join("keys"))?;
    keys.trust(&folder.join("gateway"), &registry.host())?;
    let _daemon = Daemon::start(&programs.thimble, &folder.join("desk"))?;
    let stage = Stage {
        workspace,
        folder,
        data,
        thimble: programs.thimble.clone(),
        registry,
        keys,
    };
    let mut failures = Vec::new();
    for (number, step) in STEPS.iter().enumerate() {
        println!("\n── {} of {}: {} ──", number + 1, STEPS.len(), step.title);
        println!("{}\n", step.says);
        if let Some(guest) = step.guests().find(|guest| !guests.contains(*guest)) {
            println!("(skipped: {guest} was not built)");
            continue;
        }
        if let Err(error) = stage.show(step) {
            println!("error: {error:#}");
            failures.push(step.title);
        }
    }
    if let Err(error) = fleet::show(workspace, &programs, &stage.folder.join("fleet")) {
        println!("error: {error:#}");
        failures.push("a fleet");
    }
    if !failures.is_empty() {
        bail!(
            "{} of {} steps failed: {}",
            failures.len(),
            STEPS.len() + 1,
            failures.join("; ")
        );
    }
    stage.farewell();
    Ok(())
}

/// Where the examples are shown.
struct Stage<'a> {
    workspace: &'a Workspace,
    /// Everything that the demo makes; each device has its images and settings below it.
    folder: PathBuf,
    thimble: PathBuf,
    data: PathBuf,
    registry: Registry,
    keys: Keys,
}

impl Stage<'_> {
    fn show(&self, step: &Step) -> Result<()> {
        match step.show {
            Show::Run { exit } | Show::Gateway { exit } => {
                let mut child = self.start(step, None)?;
                let code = wait(&mut child, STEP_WAIT)?;
                ensure!(
                    code == Some(exit),
                    "its exit code was {code:?}, and should have been {exit}"
                );
                println!("(exit code {exit})");
                Ok(())
            }
            Show::Serve(request) => {
                let port = loopback::free_port()?;
                let mut child = self.start(step, Some(port))?;
                let answer = client::ask(port, request, &mut child);
                stop(&mut child)?;
                for line in answer?.lines() {
                    println!("  < {line}");
                }
                println!("(stopped)");
                Ok(())
            }
        }
    }

    /// Shows the command line and starts it.
    fn start(&self, step: &Step, port: Option<u16>) -> Result<Child> {
        let port = port.map(|port| port.to_string()).unwrap_or_default();
        let words = step.command.iter().map(|word| self.fill_in(word, &port));
        let mut command = Command::new(&self.thimble);
        command
            .current_dir(&self.workspace.root)
            .args(words)
            .stdin(Stdio::null());
        let typed = process::line(&command);
        let typed = typed.split_once(' ').map_or("", |(_, arguments)| arguments);
        let device = match step.show {
            Show::Gateway { .. } => "gateway",
            Show::Run { .. } | Show::Serve(_) => "desk",
        };
        command.env("THIMBLE_ROOT", self.folder.join(device));
        println!("{device}$ thimble {typed}");
        command
            .spawn()
            .with_context(|| format!("cannot start {}", self.thimble.display()))
    }

    /// A word of a step with its guest's path and its port in place.
    fn fill_in(&self, word: &str, port: &str) -> String {
        let word = word
            .replace(PORT, port)
            .replace(DATA, &self.short(&self.data))
            .replace(REGISTRY, &self.registry.host())
            .replace(KEYS, &self.short(self.keys.folder()));
        match word.strip_suffix(".wasm") {
            Some(_) => self.short(&self.workspace.guests().join(word)),
            None => word,
        }
    }

    fn short(&self, path: &Path) -> String {
        self.workspace.short(path).to_string()
    }

    fn farewell(&self) {
        let titles: Vec<&str> = STEPS.iter().map(|step| step.title).collect();
        let titles = [titles, fleet::titles().collect()].concat();
        println!("\n── All {} steps shown ──\n", titles.len());
        for title in titles {
            println!("  {title}");
        }
        println!(
            "\nNext:\n  \
             {} run --help                 every option\n  \
             examples/                       the sources of what you saw\n  \
             docs/guide/                     write a container of your own\n  \
             cargo xtask test                every test",
            self.short(&self.thimble)
        );
    }
}

/// Waits for the end; a program that takes too long is ended, and that is an error.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<i32>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code());
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            bail!("it did not end within {} s", limit.as_secs());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Stops a server as a person does: Ctrl-C asks it, a second Ctrl-C insists.
fn stop(child: &mut Child) -> Result<()> {
    for _ in 0..2 {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        process::run(Command::new("kill").args(["-INT", &child.id().to_string()]))?;
        let deadline = Instant::now() + ASK_WAIT;
        while Instant::now() < deadline && child.try_wait()?.is_none() {
            thread::sleep(Duration::from_millis(5));
        }
    }
    wait(child, STOP_WAIT)
        .map(drop)
        .context("it was asked to stop")
}

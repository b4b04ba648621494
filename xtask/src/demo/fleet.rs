//! A fleet on this machine: a hub as it is shipped, three devices, and whoever operates them.
//!
//! Everything is a program of its own that a person would start, with its state below one folder. What is shown is data, in
//! `steps`; every step depends on those before it, so the first that fails is the last that is shown.

mod run;
mod steps;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use self::run::{Outcome, follow, run_to_end};
use self::steps::{At, PUMPS, STEPS, Show, Step};
use super::server::Server;
use crate::loopback;
use crate::process;
use crate::workspace::Workspace;

/// What something may take that has to happen by itself: a device calls its hub, a rollout takes its waves.
const PATIENCE: Duration = Duration::from_secs(120);
/// Time between two looks at it.
const LOOK: Duration = Duration::from_millis(500);

/// The app: one container counts, the other writes down what it hears. What is different between two versions is the
/// image of the latter.
const APP: &str = "\
name: line
containers:
  meter:
    image: meter:1
    grants: [timer, \"bus.pub:demo/#\"]
  reader:
    image: reader:${TAG}
    grants: [\"bus.sub:demo/#\"]
    depends_on: [meter]
";

/// The programs that make a fleet.
pub(super) struct Programs {
    /// The command line of devices and operators.
    pub(super) thimble: PathBuf,
    /// The hub.
    pub(super) hub: PathBuf,
}

/// Builds the hub as it is shipped; its path. A program that is there already can be named by the environment.
pub(super) fn build_hub(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(program) = super::ready_made("THIMBLE_HUB_PROGRAM") {
        return Ok(program);
    }
    let mut command = workspace.cargo("build");
    command.args([
        "--quiet",
        "--release",
        "--package",
        "thimble-hub",
        "--bin",
        "thimble-hub",
    ]);
    process::run(&mut command)?;
    Ok(workspace.target.join("release/thimble-hub"))
}

/// The guests that it needs.
pub(super) fn guests() -> Vec<String> {
    STEPS
        .iter()
        .flat_map(Step::guests)
        .map(str::to_owned)
        .collect()
}

/// Shows all steps, numbered from here on; everything that was started is stopped afterwards, whatever happens.
pub(super) fn show(workspace: &Workspace, programs: &Programs, folder: &Path) -> Result<()> {
    let mut stage = Stage::set(workspace, programs, folder)?;
    println!(
        "\nA fleet: a hub, three devices, and an operator; every line below is typed by somebody."
    );
    for (number, step) in STEPS.iter().enumerate() {
        println!(
            "\n── fleet, {} of {}: {} ──",
            number + 1,
            STEPS.len(),
            step.title
        );
        println!("{}\n", step.says);
        stage.show(step).with_context(|| {
            format!(
                "the fleet stops at `{}`; the logs are {}/*/log",
                step.title,
                workspace.short(folder)
            )
        })?;
    }
    Ok(())
}

/// The titles of what was shown.
pub(super) fn titles() -> impl Iterator<Item = &'static str> {
    STEPS.iter().map(|step| step.title)
}

/// The machines of the fleet.
struct Stage<'a> {
    workspace: &'a Workspace,
    programs: &'a Programs,
    folder: &'a Path,
    operators: u16,
    devices: u16,
    /// The claim code, once there is one.
    code: String,
    /// What runs, the hub first; ended in the opposite order.
    running: Vec<Server>,
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        while self.running.pop().is_some() {}
    }
}

impl<'a> Stage<'a> {
    /// Makes the folders and files that a person would have.
    fn set(workspace: &'a Workspace, programs: &'a Programs, folder: &'a Path) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        for machine in PUMPS.iter().copied().chain(["hub", "operator"]) {
            let place = folder.join(machine).join("config");
            fs::create_dir_all(&place)
                .with_context(|| format!("cannot create {}", place.display()))?;
        }
        let stage = Self {
            workspace,
            programs,
            folder,
            operators: loopback::free_port()?,
            devices: loopback::free_port()?,
            code: String::new(),
            running: Vec::new(),
        };
        fs::write(folder.join("operator/app.yaml"), APP)?;
        fs::write(folder.join("hub/hub.toml"), stage.hub_settings())?;
        Ok(stage)
    }

    fn hub_settings(&self) -> String {
        format!(
            "folder = {:?}\n[operators]\nlisten = \"127.0.0.1:{}\"\n\
             [devices]\nlisten = \"127.0.0.1:{}\"\npublic_url = \"https://127.0.0.1:{}\"\npoll_min_s = 1\npoll_max_s = 5\n",
            self.folder.join("hub/data"),
            self.operators,
            self.devices,
            self.devices
        )
    }

    fn show(&mut self, step: &Step) -> Result<()> {
        match step.show {
            Show::Run { exit } => {
                let outcome = self.run(step)?;
                outcome.ended_with(exit)?;
                outcome.says(step.expects)?;
                if step.gives_code {
                    self.code = outcome.first_word()?;
                }
                println!("(exit code {exit})");
                Ok(())
            }
            Show::Into(file) => self.keep(step, file),
            Show::Becomes => self.until(step),
            Show::Watch => {
                let command = self.typed(step);
                let outcome = follow(command, step.expects, PATIENCE)?;
                outcome.says(step.expects)?;
                println!("(stopped)");
                Ok(())
            }
            Show::Hub => self.start_hub(step),
            Show::Devices => self.start_devices(step),
        }
    }

    fn run(&self, step: &Step) -> Result<Outcome> {
        run_to_end(self.typed(step), PATIENCE)
    }

    /// Runs it with its output in a file, which nobody else can read.
    fn keep(&self, step: &Step, file: &str) -> Result<()> {
        let place = self.machine(step.at).join(file);
        let mut command = self.command(step);
        println!("{} > {}", self.line(step, &command), self.short(&place));
        command.stderr(Stdio::inherit());
        let text = process::capture(&mut command)?;
        ensure!(!text.trim().is_empty(), "it printed nothing");
        private_file(&place, &text)?;
        println!("(exit code 0)");
        Ok(())
    }

    /// Runs it until it says what is expected; shows that run.
    fn until(&self, step: &Step) -> Result<()> {
        println!("{}", self.line(step, &self.command(step)));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let outcome = run::quietly(self.command(step))?;
            let is_so = outcome
                .ended_with(0)
                .and_then(|()| outcome.says(step.expects));
            match is_so {
                Ok(()) => {
                    print!("{}", outcome.text());
                    println!("(exit code 0)");
                    return Ok(());
                }
                Err(error) if Instant::now() >= deadline => {
                    print!("{}", outcome.text());
                    return Err(error)
                        .with_context(|| format!("not within {} s", PATIENCE.as_secs()));
                }
                Err(_) => thread::sleep(LOOK),
            }
        }
    }

    fn start_hub(&mut self, step: &Step) -> Result<()> {
        let command = self.command(step);
        println!("{} &", self.line(step, &command));
        let mut hub = Server::start(command, &self.machine(step.at).join("log"))?;
        for port in [self.operators, self.devices] {
            hub.listens(port)?;
        }
        self.running.push(hub);
        println!("(it listens for operators and for devices)");
        Ok(())
    }

    fn start_devices(&mut self, step: &Step) -> Result<()> {
        ensure!(!self.code.is_empty(), "there is no claim code");
        for (number, pump) in PUMPS.iter().enumerate() {
            let place = self.folder.join(pump);
            let settings = place.join("config/thimble.toml");
            fs::write(&settings, self.device_settings(pump))?;
            if number == 0 {
                println!("{pump}$ cat {}", self.short(&settings));
                println!("{}\n", self.device_settings(pump).trim_end());
            }
            let command = self.on(At::Pump(number), step.command);
            println!(
                "{pump}$ {} &",
                process::line(&command).replacen(
                    &self.programs.thimble.display().to_string(),
                    "thimble",
                    1
                )
            );
            let daemon = Server::start(command, &place.join("log"))?;
            self.running.push(daemon);
        }
        for number in 0..PUMPS.len() {
            self.ready(number)?;
        }
        println!("(they run)");
        Ok(())
    }

    /// Waits until a device's daemon answers.
    fn ready(&mut self, number: usize) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while run::quietly(self.on(At::Pump(number), &["device"]))?
            .ended_with(0)
            .is_err()
        {
            for server in &mut self.running {
                server.still_runs()?;
            }
            if Instant::now() >= deadline {
                bail!("the daemon was not ready within {} s", PATIENCE.as_secs());
            }
            thread::sleep(LOOK / 10);
        }
        Ok(())
    }

    fn device_settings(&self, pump: &str) -> String {
        format!(
            "[daemon]\nsupervisor = false\n[fleet]\nhub = \"https://127.0.0.1:{}\"\nca = {:?}\nclaim_code = {:?}\n\
             model = \"edge-1\"\nserial = {pump:?}\nlabels = {{ hall = \"north\" }}\nspread_s = 0\nclock = \"always\"\n",
            self.devices,
            self.folder.join("operator/hub.pem"),
            self.code
        )
    }

    /// Shows the command line, and gives the command.
    fn typed(&self, step: &Step) -> Command {
        let command = self.command(step);
        println!("{}", self.line(step, &command));
        command
    }

    fn command(&self, step: &Step) -> Command {
        let mut command = self.on(step.at, step.command);
        command.envs(step.environment.iter().copied());
        command
    }

    /// A command on one of the machines; it knows nothing of who else uses this one.
    fn on(&self, at: At, words: &[&str]) -> Command {
        let program = match at {
            At::Hub => &self.programs.hub,
            At::Operator | At::Pump(_) => &self.programs.thimble,
        };
        let mut command = Command::new(program);
        command
            .args(words.iter().map(|word| self.fill_in(word)))
            .current_dir(&self.workspace.root)
            .stdin(Stdio::null())
            .env("THIMBLE_ROOT", self.machine(at))
            .env("DOCKER_CONFIG", self.machine(at).join("docker"));
        for variable in [
            "THIMBLE_SOCKET",
            "THIMBLE_HUB",
            "THIMBLE_HUB_TOKEN",
            "THIMBLE_HUB_CA",
            "THIMBLE_TENANT",
        ] {
            command.env_remove(variable);
        }
        command
    }

    fn machine(&self, at: At) -> PathBuf {
        self.folder.join(at.name())
    }

    /// A command as it is typed on its machine.
    fn line(&self, step: &Step, command: &Command) -> String {
        let program = match step.at {
            At::Hub => "thimble-hub",
            At::Operator | At::Pump(_) => "thimble",
        };
        let mut text = format!("{}$ ", step.at.name());
        for (name, value) in step.environment {
            text.push_str(&format!("{name}={value} "));
        }
        text.push_str(program);
        for word in command.get_args() {
            text.push(' ');
            text.push_str(&process::quote(&word.to_string_lossy()));
        }
        text
    }

    /// A word of a step with addresses and files in place.
    fn fill_in(&self, word: &str) -> String {
        let word = word
            .replace(
                steps::OPERATORS,
                &format!("http://127.0.0.1:{}", self.operators),
            )
            .replace(steps::FOLDER, &self.short(self.folder));
        match word.strip_suffix(".wasm") {
            Some(_) => self.short(&self.workspace.guests().join(word)),
            None => word,
        }
    }

    fn short(&self, path: &Path) -> String {
        self.workspace.short(path).to_string()
    }
}

/// Writes what only its owner may read.
fn private_file(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file: File = File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

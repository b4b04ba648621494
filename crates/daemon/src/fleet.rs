//! The device as one of a fleet: the agent of `thimble_agent`, driven on Linux.
//!
//! The fleet touches only containers that it made, which have a label that says so. Without a hub nothing of this runs: no
//! task, no file, no connection. The hub gone, everything goes on as it was declared last.
//!
//! What is kept stands in `daemon/fleet`, a folder that only the daemon's user reads: the device's key, what the hub issued,
//! what the agent saved, and secrets as they came, sealed. Blobs stand in the image store, and pins keep them.

mod answers;
mod consent;
mod driver;
mod enrol;
mod escalate;
mod facts;
mod fetch;
mod folder;
mod identity;
mod import;
mod link;
mod logs;
mod observe;
mod secrets;
mod settings;
mod spec;
mod status;
#[cfg(test)]
mod tests;
mod work;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use thimble_device_api::{FleetEnrol, FleetLink, FleetStatus, Problem, ProblemKind};
use thimble_protocol::Capabilities;
use thimble_protocol::enrol::Issued;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::device::{Device, disk_problem};
use crate::images::Hold;

use driver::End;
use facts::Hardware;
use folder::Folder;
use identity::DeviceKey;
use link::Anchors;

pub(crate) use consent::Questions;
pub use settings::FleetSettings;

/// The folder, in the daemon's.
const FOLDER: &str = "fleet";
/// The hub that somebody named with `thimble agent enrol`.
const JOINED_FILE: &str = "hub.json";
/// Bytes of a claim code's file at most.
const CODE_BYTES_MAX: usize = 512;
/// The longest time that the agent is waited for at the end.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// What the driver is told.
pub(crate) enum Command {
    /// Somebody at the device holds it, or takes the hold back.
    Hold(bool),
    /// A state came on a bundle; its blobs are here.
    Imported {
        /// Its envelope.
        envelope: Vec<u8>,
        /// Keeps what it needs until the agent has taken it.
        hold: Hold,
    },
    /// The daemon ends.
    Close,
}

type Commands = mpsc::UnboundedReceiver<Command>;

/// The fleet's side of the device.
pub(crate) struct Fleet {
    pub(crate) secrets: secrets::Secrets,
    /// Told when a container changed.
    pub(crate) news: Notify,
    place: PathBuf,
    hardware: Hardware,
    status: Mutex<FleetStatus>,
    running: Mutex<Option<Running>>,
    plan: Mutex<Option<Arc<Plan>>>,
}

struct Running {
    commands: mpsc::UnboundedSender<Command>,
    task: JoinHandle<()>,
}

/// Which hub, and how it is reached.
struct Plan {
    settings: FleetSettings,
    anchors: Anchors,
    claim_code: Option<String>,
    hardware: Hardware,
}

/// What a life of the driver begins with.
struct Opened {
    folder: Folder,
    key: Arc<DeviceKey>,
    capabilities: Capabilities,
}

/// A hub that somebody named with `thimble agent enrol`, as it is kept.
#[derive(Serialize, Deserialize)]
struct Joined {
    hub: String,
    ca: Option<String>,
    claim_code: Option<String>,
}

impl Fleet {
    /// Reads what must be read before the process is confined: settings, and what the device is.
    ///
    /// # Errors
    /// What is wrong with the settings, for their owner.
    pub(crate) fn prepare(folder: &Path, settings: Option<&FleetSettings>) -> Result<Self, String> {
        let place = folder.join(FOLDER);
        let hardware = Hardware::read();
        let plan = match settings {
            Some(settings) => Some(plan_of(settings, &hardware)?),
            None => joined(&place, &hardware)?,
        };
        Ok(Self {
            secrets: secrets::Secrets::default(),
            news: Notify::new(),
            place,
            hardware,
            status: Mutex::default(),
            running: Mutex::default(),
            plan: Mutex::new(plan.map(Arc::new)),
        })
    }

    /// The program that restarts the device, which must stay within reach.
    pub(crate) fn restart_program(&self) -> Option<PathBuf> {
        let plan = self.plan.lock();
        let program = plan.as_ref()?.settings.restart_device.first()?;
        Some(PathBuf::from(program))
    }

    /// How the agent is.
    pub(crate) fn status(&self) -> FleetStatus {
        self.status.lock().clone()
    }

    /// Where the agent keeps things.
    fn place(&self) -> &Path {
        &self.place
    }

    fn set_status(&self, status: FleetStatus) {
        *self.status.lock() = status;
    }

    fn set_problem(&self, problem: String) {
        self.status.lock().problem = Some(problem);
    }

    fn command(&self, command: Command) -> Result<(), Problem> {
        let running = self.running.lock();
        let sent = running
            .as_ref()
            .map(|running| running.commands.send(command));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(Problem::new(
                ProblemKind::NoFleet,
                "the device belongs to no fleet; `thimble agent enrol HUB` makes it one of one",
            )),
        }
    }
}

impl Device {
    /// Opens the secrets of the fleet's containers, before any of them starts.
    pub(crate) fn open_fleet(&self) {
        // Also where the hub was taken out of the settings: what it declared runs on.
        if self.fleet.plan.lock().is_none() && !self.fleet.place.exists() {
            return;
        }
        let opened = || -> Result<(), String> {
            let folder =
                Folder::open(self.fleet.place.clone()).map_err(|error| error.to_string())?;
            let key = DeviceKey::load_or_make(&folder).map_err(|error| error.to_string())?;
            let issued = identity::enrolment(&folder).map_err(|error| error.to_string())?;
            match issued {
                None => Ok(()),
                Some(issued) => self
                    .fleet
                    .secrets
                    .load(&folder, issued.device, &key)
                    .map_err(|error| error.to_string()),
            }
        };
        if let Err(problem) = opened() {
            tracing::error!("fleet: {problem}");
            self.fleet.set_problem(problem);
        }
    }

    /// Begins to drive the agent, if the device has a hub.
    pub(crate) fn join_fleet(self: &Arc<Self>) {
        let Some(plan) = self.fleet.plan.lock().clone() else {
            return;
        };
        let (commands, told) = mpsc::unbounded_channel();
        let task = tokio::spawn(run(Arc::clone(self), plan, told));
        *self.fleet.running.lock() = Some(Running { commands, task });
    }

    /// Stops driving the agent: what happens to containers from now on is none of its business.
    pub(crate) async fn leave_fleet(&self) {
        let running = self.fleet.running.lock().take();
        let Some(Running { commands, task }) = running else {
            return;
        };
        drop(commands.send(Command::Close));
        drop(tokio::time::timeout(CLOSE_MAX, task).await);
    }

    /// Holds the device, or takes the hold back.
    pub(crate) fn hold_fleet(&self, is_held: bool) -> Result<(), Problem> {
        let is_waiting = self.fleet.status().device.is_none();
        if is_waiting && self.fleet.running.lock().is_some() {
            return Err(Problem::new(
                ProblemKind::WrongState,
                "the device has not enrolled yet, so that nothing could change; `hold = true` in [fleet] holds it from its first state on",
            ));
        }
        self.fleet.command(Command::Hold(is_held))
    }

    /// Makes the device one of a fleet. It is on the disk when this is done; the hub is asked at once. Waits for the disk.
    pub(crate) fn enrol(self: &Arc<Self>, asked: FleetEnrol) -> Result<(), Problem> {
        link::address(&asked.hub)
            .map_err(|error| Problem::new(ProblemKind::Invalid, error).about("hub"))?;
        let failed = |error: &std::io::Error| disk_problem("keeping the hub's address", error);
        {
            let plan = self.fleet.plan.lock();
            if let Some(plan) = &*plan {
                let enrolled = self.fleet.status().device;
                if plan.settings.hub != asked.hub || enrolled.is_some() {
                    return Err(Problem::new(
                        ProblemKind::WrongState,
                        format_args!(
                            "the device has the hub {} already; to change that, remove {} and the table [fleet], and start the daemon again",
                            plan.settings.hub,
                            self.fleet.place.display()
                        ),
                    ));
                }
            }
        }
        let joined = Joined {
            hub: asked.hub,
            ca: asked.ca,
            claim_code: asked.claim_code,
        };
        let folder = Folder::open(self.fleet.place.clone()).map_err(|error| failed(&error))?;
        let bytes = serde_json::to_vec(&joined)
            .map_err(|error| Problem::new(ProblemKind::DeviceFault, error))?;
        folder
            .write(JOINED_FILE, &bytes)
            .map_err(|error| failed(&error))?;
        *self.fleet.plan.lock() = Some(Arc::new(joined.plan(&self.fleet.hardware)));
        // One that asks with an older code gives way.
        let before = self.fleet.running.lock().take();
        if let Some(before) = before {
            before.task.abort();
        }
        self.join_fleet();
        Ok(())
    }
}

impl Joined {
    fn plan(self, hardware: &Hardware) -> Plan {
        Plan {
            settings: FleetSettings {
                hub: self.hub,
                spread_s: Some(0),
                ..FleetSettings::default()
            },
            anchors: Anchors {
                pem: self.ca.map(String::into_bytes),
            },
            claim_code: self.claim_code,
            hardware: hardware.clone(),
        }
    }
}

fn plan_of(settings: &FleetSettings, hardware: &Hardware) -> Result<Plan, String> {
    link::address(&settings.hub).map_err(|error| format!("[fleet] hub: {error}"))?;
    let read = |path: &PathBuf, field: &str| {
        std::fs::read(path)
            .map_err(|error| format!("[fleet] {field}: cannot read {}: {error}", path.display()))
    };
    let pem = settings
        .ca
        .as_ref()
        .map(|path| read(path, "ca"))
        .transpose()?;
    let claim_code = match (&settings.claim_code, &settings.claim_code_file) {
        (Some(_), Some(_)) => {
            return Err(
                "[fleet] has both claim_code and claim_code_file; leave one out".to_owned(),
            );
        }
        (Some(code), None) => Some(code.clone()),
        // The file may be removed once the device has enrolled.
        (None, Some(path)) if !path.exists() => None,
        (None, Some(path)) => Some(code_of(&read(path, "claim_code_file")?)?),
        (None, None) => None,
    };
    Ok(Plan {
        settings: settings.clone(),
        anchors: Anchors { pem },
        claim_code,
        hardware: hardware.clone(),
    })
}

fn code_of(bytes: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(bytes).ok().map(str::trim);
    let text = text.filter(|text| !text.is_empty() && text.len() <= CODE_BYTES_MAX);
    text.map(ToOwned::to_owned)
        .ok_or_else(|| "[fleet] claim_code_file: it holds no code".to_owned())
}

fn joined(place: &Path, hardware: &Hardware) -> Result<Option<Plan>, String> {
    if !place.exists() {
        return Ok(None);
    }
    let failed = |error: &dyn std::fmt::Display| {
        format!(
            "{}: {error}; remove it, and enrol again",
            place.join(JOINED_FILE).display()
        )
    };
    let folder = Folder::open(place.to_owned()).map_err(|error| failed(&error))?;
    let Some(bytes) = folder.read(JOINED_FILE).map_err(|error| failed(&error))? else {
        return Ok(None);
    };
    let joined: Joined = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
    Ok(Some(joined.plan(hardware)))
}

/// Drives the agent, from its enrolment on, until the daemon ends.
async fn run(device: Arc<Device>, plan: Arc<Plan>, mut commands: Commands) {
    loop {
        let end = life(&device, &plan, &mut commands).await;
        let End::Again { after } = end else { return };
        let resting = tokio::time::sleep(after);
        tokio::pin!(resting);
        loop {
            tokio::select! {
                () = &mut resting => break,
                command = commands.recv() => match command {
                    None | Some(Command::Close) => return,
                    Some(_) => {}
                },
            }
        }
    }
}

async fn life(device: &Arc<Device>, plan: &Arc<Plan>, commands: &mut Commands) -> End {
    device.fleet.set_status(FleetStatus {
        link: FleetLink::Enrolling,
        hub: Some(plan.settings.hub.clone()),
        ..device.fleet.status()
    });
    let (opening, asking) = (Arc::clone(device), Arc::clone(plan));
    let opening = spawn_blocking(move || open(&opening, &asking));
    let (opened, issued) = match opening.await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return retry(device, &error),
        Err(error) => return retry(device, &error),
    };
    let issued = match issued {
        Some(issued) => issued,
        None => match enrol::enrol(device, plan, &opened, commands).await {
            Ok(issued) => issued,
            Err(end) => return end,
        },
    };
    driver::drive(
        Arc::clone(device),
        Arc::clone(plan),
        opened,
        issued,
        commands,
    )
    .await
}

/// Reads what is kept, and what the device is. Waits for the disk.
fn open(device: &Device, plan: &Plan) -> Result<(Opened, Option<Issued>), identity::IdentityError> {
    let folder = Folder::open(device.fleet.place.clone())?;
    let key = Arc::new(DeviceKey::load_or_make(&folder)?);
    let issued = identity::enrolment(&folder)?;
    let capabilities = plan.hardware.capabilities(&plan.settings, device);
    let opened = Opened {
        folder,
        key,
        capabilities,
    };
    Ok((opened, issued))
}

fn retry(device: &Device, error: &dyn std::fmt::Display) -> End {
    tracing::error!("fleet: {error}");
    device.fleet.set_problem(error.to_string());
    End::Again {
        after: Duration::from_secs(60),
    }
}

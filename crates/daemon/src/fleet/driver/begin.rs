//! A driver begins: its agent is made or goes on from what was kept, and its workers start.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rustls::ClientConfig;
use thimble_agent::event::Event;
use thimble_agent::{Agent, Now, Settings as AgentSettings, Signatures};
use thimble_protocol::enrol::Issued;
use thimble_protocol::keyring::{Keyring, P256};
use thimble_protocol::session::Session;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::device::{Device, random_bits};
use crate::fleet::fetch::{self, Download};
use crate::fleet::folder::Folder;
use crate::fleet::link::{self, Link};
use crate::fleet::work::{Work, Worker};
use crate::fleet::{Opened, Plan, facts};

use super::{AGENT_FILE, Driver, End, Heard, Links, now_ms, session_settings};

/// Whoever waits for the disk, for containers and for blobs.
pub(super) struct Workers {
    pub(super) downloads: mpsc::UnboundedSender<Download>,
    pub(super) work: mpsc::UnboundedSender<Work>,
    working: JoinHandle<()>,
}

impl Workers {
    fn start(
        worker: Worker,
        config: Arc<ClientConfig>,
        heard: &mpsc::UnboundedSender<Heard>,
    ) -> Self {
        let worker = Arc::new(worker);
        let (downloads, wanted) = mpsc::unbounded_channel();
        let telling = heard.clone();
        tokio::spawn(fetch::run(
            Arc::clone(&worker),
            Link::new(config),
            wanted,
            move |downloaded| drop(telling.send(Heard::Downloaded(downloaded))),
        ));
        let (work, todo) = mpsc::unbounded_channel();
        let working = tokio::spawn(work_off(worker, todo, heard.clone()));
        Self {
            downloads,
            work,
            working,
        }
    }

    /// Gives up what can be given up, and waits for what cannot be left half done.
    pub(super) async fn end(self, end: &End) {
        drop(self.downloads);
        drop(self.work);
        match end {
            End::Closed => self.working.abort(),
            End::Again { .. } => drop(self.working.await),
        }
    }
}

impl Driver {
    pub(super) async fn new(
        device: Arc<Device>,
        plan: Arc<Plan>,
        opened: Opened,
        issued: Issued,
        heard: mpsc::UnboundedSender<Heard>,
    ) -> Result<Self, (Arc<Device>, String)> {
        let Opened {
            folder,
            key,
            capabilities,
        } = opened;
        let fail = |problem: String| (Arc::clone(&device), problem);
        let config = link::tls(&plan.anchors, &key, Some(&issued))
            .map_err(|error| fail(error.to_string()))?;
        let time = Now {
            ms: now_ms(),
            clock: facts::believed(plan.settings.clock),
        };
        let settings = AgentSettings::new(issued.device, random_bits());
        let (agent, is_new) = restore(settings, time, &folder).map_err(fail)?;
        let keyring = Keyring::new(&issued.keys)
            .map_err(|error| fail(format!("the keys that the hub gave: {error}")))?;
        let mut session =
            Session::new(session_settings(&plan), random_bits(), time.ms, agent.tag());
        if is_new {
            session.hurry(time.ms);
        }
        let hold = device
            .images
            .hold()
            .map_err(|fault| fail(fault.to_string()))?;
        let worker = Worker {
            device: Arc::clone(&device),
            folder: folder.clone(),
            key: Arc::clone(&key),
            id: issued.device,
            hold,
            ram_bytes: plan.hardware.ram_bytes(&plan.settings),
            kept: parking_lot::Mutex::default(),
        };
        let mut driver = Self {
            keys: Signatures {
                keyring,
                verify: P256,
            },
            workers: Workers::start(worker, Arc::clone(&config), &heard),
            links: Links::new(issued.hub.clone(), config),
            agent,
            session,
            device,
            plan,
            folder,
            key,
            issued,
            capabilities,
            heard,
            asking: BTreeMap::new(),
            known: BTreeMap::new(),
            log_answers: VecDeque::new(),
            log_sent: None,
            log_requests: BTreeSet::new(),
            renew_at_ms: None,
            validity: None,
            imported: None,
            problem: None,
            is_refused: false,
            has_contact: false,
            last_contact: None,
            again: None,
        };
        driver.plan_renewal();
        if is_new && driver.plan.settings.hold {
            driver.tell(Event::LocalHold { is_held: true }).await;
        }
        Ok(driver)
    }
}

/// The agent that goes on from what was kept, or a new one, and whether it is new.
fn restore(settings: AgentSettings, now: Now, folder: &Folder) -> Result<(Agent, bool), String> {
    let saved = folder
        .read(AGENT_FILE)
        .map_err(|error| format!("what the agent kept cannot be read: {error}"))?;
    let Some(saved) = saved.as_deref() else {
        return Ok((Agent::new(settings, now), true));
    };
    match Agent::restore(settings, saved, now) {
        Ok(agent) => Ok((agent, false)),
        Err(error) => {
            tracing::error!("fleet: what the agent kept cannot be used: {error}");
            // For whoever looks into it.
            drop(folder.write("agent.damaged", saved));
            Ok((Agent::new(settings, now), true))
        }
    }
}

/// Carries out what waits for the disk or for containers, one after the other.
async fn work_off(
    worker: Arc<Worker>,
    mut todo: mpsc::UnboundedReceiver<Work>,
    heard: mpsc::UnboundedSender<Heard>,
) {
    while let Some(work) = todo.recv().await {
        let worker = Arc::clone(&worker);
        match spawn_blocking(move || worker.carry_out(work)).await {
            Ok(worked) => drop(heard.send(Heard::Worked(worked))),
            Err(error) => {
                tracing::error!("fleet: {error}");
                return;
            }
        }
    }
}

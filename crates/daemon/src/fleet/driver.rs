//! Drives the agent: carries out what it asks for, and tells it what happened. One task on the control thread; what waits for
//! the disk or for containers is done elsewhere, and comes back as something that was heard.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use thimble_agent::action::{Action, Ticket};
use thimble_agent::event::{Consent, Event};
use thimble_agent::{Agent, Now, Settings as AgentSettings, Signatures};
use thimble_protocol::enrol::{EnrolRequest, Issued};
use thimble_protocol::keyring::{Keyring, P256};
use thimble_protocol::report::{ContainerStatus, LogAnswer, Report, Usage};
use thimble_protocol::session::{self, Exchange, Session, Step};
use thimble_protocol::state::Escalation;
use thimble_protocol::{Capabilities, DeploymentId, UnixSeconds};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::device::{Device, now, random_bits};
use crate::images::Hold;

use super::answers;
use super::consent;
use super::escalate;
use super::fetch::{self, Download, Downloaded};
use super::folder::Folder;
use super::identity::{self, DeviceKey};
use super::link::{self, Got, Link, LinkError};
use super::logs;
use super::observe;
use super::work::{Work, Worked, Worker};
use super::{Command, Commands, Opened, Plan, facts};

/// What the agent saved last.
const AGENT_FILE: &str = "agent";
/// How long to wait after the disk failed.
const DISK_RETRY: Duration = Duration::from_secs(10);
/// Time between two attempts to get another certificate.
const RENEW_RETRY_MS: u64 = 3_600_000;
/// Seconds that a poll waits at the hub.
const WAIT_S: u32 = 300;
/// Seconds within which the first call happens.
const SPREAD_S: u32 = 30;

/// How a life of the driver ended.
pub(super) enum End {
    /// The daemon ends.
    Closed,
    /// It is to begin anew.
    Again {
        /// After this time.
        after: Duration,
    },
}

/// Something that came back.
pub(super) enum Heard {
    Exchanged {
        is_poll: bool,
        link: Link,
        exchange: Exchange,
        result: Result<Got, LinkError>,
    },
    Worked(Worked),
    Downloaded(Downloaded),
    Answered {
        ticket: Ticket,
        consent: Consent,
    },
    Logs(LogAnswer),
}

/// The driver of a device that has enrolled.
pub(super) struct Driver {
    pub(super) device: Arc<Device>,
    pub(super) plan: Arc<Plan>,
    pub(super) folder: Folder,
    pub(super) key: Arc<DeviceKey>,
    pub(super) issued: Issued,
    capabilities: Capabilities,
    keys: Signatures<P256>,
    pub(super) agent: Agent,
    pub(super) session: Session,
    /// The hub, and its recovery URLs.
    bases: Vec<String>,
    /// The connection of polls, unless one waits.
    poll: Option<Link>,
    /// The connection of everything else, unless it is used.
    errand: Option<Link>,
    pub(super) heard: mpsc::UnboundedSender<Heard>,
    downloads: mpsc::UnboundedSender<Download>,
    work: mpsc::UnboundedSender<Work>,
    working: JoinHandle<()>,
    asking: BTreeMap<Ticket, JoinHandle<()>>,
    /// What the agent knows of the containers.
    known: BTreeMap<DeploymentId, Vec<ContainerStatus>>,
    pub(super) log_answers: VecDeque<LogAnswer>,
    /// The answer that the report under way has.
    pub(super) log_sent: Option<u64>,
    /// Requests for log lines that the hub still makes.
    pub(super) log_requests: BTreeSet<u64>,
    renew_at_ms: Option<u64>,
    /// From when until when the certificate counts.
    pub(super) validity: Option<(UnixSeconds, UnixSeconds)>,
    /// Keeps what came on the last bundle.
    imported: Option<Hold>,
    pub(super) problem: Option<String>,
    pub(super) is_refused: bool,
    pub(super) has_contact: bool,
    pub(super) last_contact: Option<thimble_device_api::Timestamp>,
    /// The driver is to begin anew.
    pub(super) again: Option<Duration>,
}

/// Milliseconds of the monotonic clock.
pub(super) fn now_ms() -> u64 {
    now().nanos() / 1_000_000
}

/// How the session is set.
pub(super) fn session_settings(plan: &Plan) -> session::Settings {
    session::Settings {
        spread_ms: u64::from(plan.settings.spread_s.unwrap_or(SPREAD_S)) * 1_000,
        wait_s: WAIT_S,
        is_parallel: true,
        ..session::Settings::default()
    }
}

/// Drives the agent until the daemon ends, or the driver is to begin anew.
pub(super) async fn drive(
    device: Arc<Device>,
    plan: Arc<Plan>,
    opened: Opened,
    issued: Issued,
    commands: &mut Commands,
) -> End {
    let (heard, mut receiver) = mpsc::unbounded_channel();
    let mut driver = match Driver::new(device, plan, opened, issued, heard).await {
        Ok(driver) => driver,
        Err((device, problem)) => {
            tracing::error!("fleet: {problem}");
            device.fleet.set_problem(problem);
            return End::Again { after: DISK_RETRY };
        }
    };
    driver.begin().await;
    let end = driver.turn(&mut receiver, commands).await;
    driver.end(&end).await;
    end
}

impl Driver {
    async fn new(
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
        let saved = folder
            .read(AGENT_FILE)
            .map_err(|error| fail(format!("what the agent kept cannot be read: {error}")))?;
        let settings = AgentSettings::new(issued.device, random_bits());
        let time = Now {
            ms: now_ms(),
            clock: facts::believed(plan.settings.clock),
        };
        let (agent, is_new) = restore(settings, saved.as_deref(), time, &folder);
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
        let worker = Arc::new(Worker {
            device: Arc::clone(&device),
            folder: folder.clone(),
            key: Arc::clone(&key),
            id: issued.device,
            hold,
            ram_bytes: plan.hardware.ram_bytes(&plan.settings),
            kept: parking_lot::Mutex::default(),
        });
        let (downloads, wanted) = mpsc::unbounded_channel();
        let telling = heard.clone();
        tokio::spawn(fetch::run(
            Arc::clone(&worker),
            Link::new(Arc::clone(&config)),
            wanted,
            move |downloaded| drop(telling.send(Heard::Downloaded(downloaded))),
        ));
        let (work, todo) = mpsc::unbounded_channel();
        let working = tokio::spawn(work_off(worker, todo, heard.clone()));
        let mut driver = Self {
            keys: Signatures {
                keyring,
                verify: P256,
            },
            bases: vec![issued.hub.clone()],
            poll: Some(Link::new(Arc::clone(&config))),
            errand: Some(Link::new(config)),
            agent,
            session,
            device,
            plan,
            folder,
            key,
            issued,
            capabilities,
            heard,
            downloads,
            work,
            working,
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

    /// Tells the agent how everything is, after it was made or restored.
    async fn begin(&mut self) {
        self.tell(Event::Tick).await;
        self.look_at_containers().await;
    }

    async fn turn(
        &mut self,
        receiver: &mut mpsc::UnboundedReceiver<Heard>,
        commands: &mut Commands,
    ) -> End {
        let device = Arc::clone(&self.device);
        loop {
            let wake_at = self.pump();
            device.fleet.set_status(self.status());
            if let Some(after) = self.again.take() {
                return End::Again { after };
            }
            let wait = Duration::from_millis(wake_at.saturating_sub(now_ms()));
            tokio::select! {
                Some(heard) = receiver.recv() => self.hear(heard).await,
                command = commands.recv() => match command {
                    None | Some(Command::Close) => return End::Closed,
                    Some(command) => self.command(command).await,
                },
                () = device.fleet.news.notified() => self.look_at_containers().await,
                () = tokio::time::sleep(wait) => self.due().await,
            }
        }
    }

    /// Gives up what can be given up, and waits for what cannot be left half done. What is under way with containers when
    /// the daemon ends is gone on with at its next start.
    async fn end(self, end: &End) {
        for (_, task) in self.asking {
            task.abort();
        }
        drop(self.downloads);
        drop(self.work);
        match end {
            End::Closed => self.working.abort(),
            End::Again { .. } => drop(self.working.await),
        }
    }

    async fn due(&mut self) {
        let now = now_ms();
        if self.agent.deadline().is_some_and(|at| at <= now) {
            self.tell(Event::Tick).await;
        }
        if self.renew_at_ms.is_some_and(|at| at <= now) {
            self.renew();
        }
    }

    /// Begins the exchanges that are due; when something else is.
    fn pump(&mut self) -> u64 {
        let session_at = loop {
            match self.session.next(now_ms()) {
                Step::Wait { until_ms } => break until_ms,
                Step::Busy => break u64::MAX,
                Step::Send(exchange) => {
                    let is_poll = exchange.kind == session::Kind::Poll;
                    let slot = if is_poll {
                        &mut self.poll
                    } else {
                        &mut self.errand
                    };
                    let Some(mut link) = slot.take() else {
                        // One is under way on it; it comes back.
                        self.session
                            .failed(now_ms(), &exchange, session::Failure::Connection);
                        continue;
                    };
                    let base = self.base(exchange.endpoint);
                    let heard = self.heard.clone();
                    tokio::spawn(async move {
                        let result = link.exchange_whole(&base, &exchange).await;
                        drop(heard.send(Heard::Exchanged {
                            is_poll,
                            link,
                            exchange,
                            result,
                        }));
                    });
                }
            }
        };
        let others = [self.agent.deadline(), self.renew_at_ms];
        others.into_iter().flatten().fold(session_at, u64::min)
    }

    fn base(&self, endpoint: u8) -> String {
        self.bases
            .get(usize::from(endpoint))
            .or(self.bases.first())
            .cloned()
            .unwrap_or_default()
    }

    async fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Exchanged {
                is_poll,
                link,
                exchange,
                result,
            } => {
                if is_poll {
                    self.poll = Some(link);
                } else {
                    self.errand = Some(link);
                }
                answers::exchanged(self, &exchange, result).await;
            }
            Heard::Worked(Worked::Nothing) => {}
            Heard::Worked(Worked::Loaded { ticket, envelope }) => {
                let envelope = envelope.as_deref();
                self.tell(Event::Loaded { ticket, envelope }).await;
            }
            Heard::Worked(Worked::Measured { ticket, capacity }) => {
                let capacity = &capacity;
                self.tell(Event::Measured { ticket, capacity }).await;
            }
            Heard::Worked(Worked::Did { ticket, result }) => {
                self.settled(ticket, result).await;
                self.look_at_containers().await;
            }
            Heard::Downloaded(downloaded) => {
                let Downloaded {
                    ticket,
                    digest,
                    result,
                    is_hub_there,
                } = downloaded;
                if is_hub_there {
                    self.contact();
                    self.tell(Event::HubAnswered).await;
                }
                if let Err(error) = &result {
                    tracing::info!("fleet: {digest}: {error}");
                }
                let result = result.map_err(|error| error.failure(&digest));
                self.settled(ticket, result).await;
            }
            Heard::Answered { ticket, consent } => {
                self.asking.remove(&ticket);
                self.tell(Event::Answered { ticket, consent }).await;
            }
            Heard::Logs(answer) => {
                self.log_answers.push_back(answer);
                self.tell(Event::ReportWanted).await;
            }
        }
    }

    async fn settled(&mut self, ticket: Ticket, result: Result<(), thimble_agent::Failure>) {
        match result {
            Ok(()) => self.tell(Event::Done { ticket }).await,
            Err(failure) => self.tell(Event::Failed { ticket, failure }).await,
        }
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Hold(is_held) => self.tell(Event::LocalHold { is_held }).await,
            Command::Imported { envelope, hold } => {
                // Until the next one: by then it is pinned, or not wanted.
                self.imported = Some(hold);
                let envelope = &envelope;
                self.tell(Event::BundleImported { envelope }).await;
            }
            Command::Close => {}
        }
    }

    /// The hub answered.
    pub(super) fn contact(&mut self) {
        self.has_contact = true;
        self.is_refused = false;
        self.problem = None;
        self.last_contact = Some(thimble_device_api::Timestamp::now());
    }

    /// Tells the agent something, and carries out what it wants then.
    pub(super) async fn tell(&mut self, event: Event<'_>) {
        let now = Now {
            ms: now_ms(),
            clock: facts::believed(self.plan.settings.clock),
        };
        let mut actions = Vec::new();
        self.agent.handle(now, event, &self.keys, &mut actions);
        for action in actions {
            if self.again.is_some() {
                // What was not saved must not be done.
                return;
            }
            self.act(action).await;
        }
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Save(bytes) => self.save(bytes).await,
            Action::Keep(digests) => self.do_work(Work::Keep(digests)),
            Action::Load { ticket, digest } => self.do_work(Work::Load { ticket, digest }),
            Action::Measure { ticket, blobs } => self.do_work(Work::Measure { ticket, blobs }),
            Action::Verify { ticket, manifest } => self.do_work(Work::Verify { ticket, manifest }),
            Action::Stop {
                ticket, deployment, ..
            } => self.do_work(Work::Stop { ticket, deployment }),
            Action::Apply {
                ticket,
                manifest,
                secrets,
                ..
            } => self.do_work(Work::Apply {
                ticket,
                manifest,
                secrets,
            }),
            Action::Remove {
                ticket, deployment, ..
            } => self.do_work(Work::Remove { ticket, deployment }),
            Action::Fetch { ticket, blob } => {
                let exchange = self.session.fetch(blob.digest, 0);
                let base = self.base(exchange.endpoint);
                drop(self.downloads.send(Download {
                    ticket,
                    blob,
                    base,
                    exchange,
                }));
            }
            Action::Ask {
                ticket,
                deployment,
                within_ms,
                ..
            } => self.ask(ticket, deployment, within_ms),
            Action::StopAsking { ticket } => {
                if let Some(task) = self.asking.remove(&ticket) {
                    task.abort();
                }
            }
            Action::Observe { deployment, .. } => {
                // No container has this name: whatever is there is a change.
                self.known.insert(deployment, vec![observe::unknown()]);
                self.device.fleet.news.notify_one();
            }
            Action::Report {
                report,
                wants_capabilities,
            } => self.report(*report, wants_capabilities),
            Action::Escalate(step) => self.escalate(step),
            Action::RecoveryUrls(urls) => {
                self.bases.truncate(1);
                self.bases.extend(urls);
                let count = u8::try_from(self.bases.len().saturating_sub(1)).unwrap_or(u8::MAX);
                self.session.set_recoveries(count);
            }
            Action::TagChanged => {
                if let Some(tag) = self.agent.tag() {
                    self.session.took(now_ms(), tag);
                }
            }
            _ => {}
        }
    }

    fn do_work(&self, work: Work) {
        drop(self.work.send(work));
    }

    /// Keeps what the agent is, durably. If that fails, nothing that relies on it is done: the agent begins anew from what was
    /// kept before.
    async fn save(&mut self, bytes: Vec<u8>) {
        let folder = self.folder.clone();
        let saved = spawn_blocking(move || folder.write(AGENT_FILE, &bytes)).await;
        let error = match saved {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!("fleet: the agent's state cannot be kept: {error}");
        self.problem = Some(format!("the agent's state cannot be kept: {error}"));
        self.again = Some(DISK_RETRY);
    }

    fn ask(&mut self, ticket: Ticket, deployment: DeploymentId, within_ms: u32) {
        let device = Arc::clone(&self.device);
        let heard = self.heard.clone();
        let entries = observe::entries_of(&device, deployment);
        let task = tokio::spawn(async move {
            let within = Duration::from_millis(within_ms.into());
            let consent = consent::ask(&device, entries, within).await;
            drop(heard.send(Heard::Answered { ticket, consent }));
        });
        self.asking.insert(ticket, task);
    }

    /// Looks how the containers of the fleet are, and tells what changed.
    async fn look_at_containers(&mut self) {
        let found = observe::statuses(&self.device);
        let gone = self.known.keys().filter(|id| !found.contains_key(id));
        let gone: Vec<DeploymentId> = gone.copied().collect();
        for deployment in gone {
            self.known.remove(&deployment);
            let containers = &[];
            self.tell(Event::AppStatus {
                deployment,
                containers,
            })
            .await;
        }
        for (deployment, containers) in found {
            if self.known.get(&deployment) == Some(&containers) {
                continue;
            }
            let told = &containers;
            self.tell(Event::AppStatus {
                deployment,
                containers: told,
            })
            .await;
            self.known.insert(deployment, containers);
        }
    }

    fn report(&mut self, mut report: Report, wants_capabilities: bool) {
        report.up_s = u32::try_from(now().nanos() / 1_000_000_000).unwrap_or(u32::MAX);
        if wants_capabilities || report.capabilities.is_some() {
            report.capabilities = Some(self.capabilities.clone());
        }
        report.usage = Some(self.usage());
        report.logs = self.log_answers.front().cloned();
        self.log_sent = report.logs.as_ref().map(|answer| answer.request);
        self.session.report(now_ms(), &report);
    }

    fn usage(&self) -> Usage {
        let entries = self.device.entries();
        let sum = |bytes: fn(&thimble_device_api::Stats) -> u64| {
            let stats = entries.iter().map(|entry| self.device.stats(entry));
            stats.fold(0_u64, |sum, stats| sum.saturating_add(bytes(&stats)))
        };
        Usage {
            ram_bytes: sum(|stats| stats.memory_bytes),
            storage_bytes: sum(|stats| stats.storage_bytes),
        }
    }

    fn escalate(&mut self, step: Escalation) {
        tracing::warn!("fleet: the hub does not answer: {step:?}");
        match step {
            Escalation::Reconnect => {
                if let Some(link) = &mut self.poll {
                    link.close();
                }
                if let Some(link) = &mut self.errand {
                    link.close();
                }
                self.session.hurry(now_ms());
            }
            Escalation::Recovery => {
                self.session.recover();
                self.session.hurry(now_ms());
            }
            Escalation::RestartAgent => self.again = Some(Duration::ZERO),
            Escalation::RestartDevice => escalate::restart_device(&self.plan.settings),
            _ => {}
        }
    }

    /// Logs were asked for.
    pub(super) fn read_logs(&mut self, requests: Vec<thimble_protocol::report::LogRequest>) {
        for request in requests {
            if !self.log_requests.insert(request.request) {
                continue;
            }
            let device = Arc::clone(&self.device);
            let heard = self.heard.clone();
            spawn_blocking(move || {
                let answer = logs::read(&device, &request);
                drop(heard.send(Heard::Logs(answer)));
            });
        }
    }

    /// Asks for another certificate.
    pub(super) fn renew(&mut self) {
        self.renew_at_ms = Some(now_ms().saturating_add(RENEW_RETRY_MS));
        match request(&self.key, &self.capabilities, None) {
            Ok(request) => self.session.renew(now_ms(), &request),
            Err(error) => self.problem = Some(error.to_string()),
        }
    }

    /// Renews when two thirds of the certificate's time are over.
    fn plan_renewal(&mut self) {
        self.validity = identity::validity(&self.issued);
        self.renew_at_ms = self.validity.map(|(from, until)| {
            let at = from.0 + until.0.saturating_sub(from.0) / 3 * 2;
            let left_s = at.saturating_sub(facts::unbelieved().0);
            now_ms().saturating_add(left_s.saturating_mul(1_000))
        });
    }
}

/// The agent that goes on from what was kept, or a new one.
fn restore(
    settings: AgentSettings,
    saved: Option<&[u8]>,
    now: Now,
    folder: &Folder,
) -> (Agent, bool) {
    let Some(saved) = saved else {
        return (Agent::new(settings, now), true);
    };
    match Agent::restore(settings, saved, now) {
        Ok(agent) => (agent, false),
        Err(error) => {
            tracing::error!("fleet: what the agent kept cannot be used: {error}");
            // For whoever looks into it.
            drop(folder.write("agent.damaged", saved));
            (Agent::new(settings, now), true)
        }
    }
}

/// What the hub is asked for when the device enrols or renews.
pub(super) fn request(
    key: &DeviceKey,
    capabilities: &Capabilities,
    claim_code: Option<String>,
) -> Result<EnrolRequest, identity::IdentityError> {
    Ok(EnrolRequest {
        csr: key.request()?,
        claim_code,
        capabilities: capabilities.clone(),
    })
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

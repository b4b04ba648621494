//! Drives the agent: carries out what it asks for, and tells it what happened. One task on the control thread; what waits for
//! the disk or for containers is done elsewhere, and comes back as something that was heard.

mod act;
mod begin;
mod links;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use thimble_agent::action::Ticket;
use thimble_agent::event::{Consent, Event};
use thimble_agent::{Agent, Now, Signatures};
use thimble_protocol::enrol::Issued;
use thimble_protocol::keyring::P256;
use thimble_protocol::report::{ContainerStatus, LogAnswer};
use thimble_protocol::session::{self, Exchange, Session, Step};
use thimble_protocol::{Capabilities, DeploymentId, UnixSeconds};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::device::{Device, now};
use crate::images::Hold;

use super::answers;
use super::fetch::Downloaded;
use super::folder::Folder;
use super::identity::DeviceKey;
use super::link::{Got, Link, LinkError};
use super::work::Worked;
use super::{Command, Commands, Opened, Plan, facts};

use begin::Workers;
use links::Links;

pub(super) use act::request;

/// What the agent saved last.
const AGENT_FILE: &str = "agent";
/// How long to wait after the disk failed.
const DISK_RETRY: Duration = Duration::from_secs(10);
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
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
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
    links: Links,
    pub(super) heard: mpsc::UnboundedSender<Heard>,
    workers: Workers,
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
        self.workers.end(end).await;
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
                    let Some(mut link) = self.links.take(is_poll) else {
                        // One is under way on it; it comes back.
                        self.session
                            .failed(now_ms(), &exchange, session::Failure::Connection);
                        continue;
                    };
                    let base = self.links.base(exchange.endpoint);
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

    async fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Exchanged {
                is_poll,
                link,
                exchange,
                result,
            } => {
                self.links.give_back(is_poll, link);
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
}

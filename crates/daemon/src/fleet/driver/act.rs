//! What the agent wants done.

use std::sync::Arc;
use std::time::Duration;

use thimble_agent::action::{Action, Ticket};
use thimble_agent::event::Event;
use thimble_protocol::enrol::EnrolRequest;
use thimble_protocol::report::{LogRequest, Report, Usage};
use thimble_protocol::state::Escalation;
use thimble_protocol::{Capabilities, DeploymentId};
use tokio::task::spawn_blocking;

use crate::device::now;
use crate::fleet::fetch::Download;
use crate::fleet::identity::{self, DeviceKey};
use crate::fleet::link::Link;
use crate::fleet::work::Work;
use crate::fleet::{consent, escalate, facts, logs, observe};

use super::{AGENT_FILE, DISK_RETRY, Driver, Heard, now_ms};

/// Time between two attempts to get another certificate.
const RENEW_RETRY_MS: u64 = 3_600_000;

impl Driver {
    pub(super) async fn act(&mut self, action: Action) {
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
                let base = self.links.base(exchange.endpoint);
                drop(self.workers.downloads.send(Download {
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
                let count = self.links.set_recoveries(urls);
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
        drop(self.workers.work.send(work));
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
    pub(super) async fn look_at_containers(&mut self) {
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
                self.links.idle().for_each(Link::close);
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
    pub(in crate::fleet) fn read_logs(&mut self, requests: Vec<LogRequest>) {
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
    pub(in crate::fleet) fn renew(&mut self) {
        self.renew_at_ms = Some(now_ms().saturating_add(RENEW_RETRY_MS));
        match request(&self.key, &self.capabilities, None) {
            Ok(request) => self.session.renew(now_ms(), &request),
            Err(error) => self.problem = Some(error.to_string()),
        }
    }

    /// Renews when two thirds of the certificate's time are over.
    pub(super) fn plan_renewal(&mut self) {
        self.validity = identity::validity(&self.issued);
        self.renew_at_ms = self.validity.map(|(from, until)| {
            let at = from.0 + until.0.saturating_sub(from.0) / 3 * 2;
            let left_s = at.saturating_sub(facts::unbelieved().0);
            now_ms().saturating_add(left_s.saturating_mul(1_000))
        });
    }
}

/// What the hub is asked for when the device enrols or renews.
pub(in crate::fleet) fn request(
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

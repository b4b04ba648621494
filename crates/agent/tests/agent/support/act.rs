//! What the device does about each action, and what it answers.

use thimble_agent::event::Freed;
use thimble_agent::{Action, Agent, Capacity, Consent, Event, Failure, Settings};
use thimble_image::Digest;
use thimble_protocol::manifest::Blob;
use thimble_protocol::report::ReasonCode;
use thimble_protocol::state::SealedSecret;
use thimble_protocol::{DeploymentId, Manifest};

use super::{DEVICE, Device, Fault, Installed};

impl Device {
    pub(super) fn act(&mut self, action: Action) -> Option<Answer> {
        let name = |deployment: DeploymentId| deployment.0[0];
        match action {
            Action::Save(saved) => {
                assert!(Agent::restore(Settings::new(DEVICE, 1), &saved, self.now).is_ok());
                self.saved = Some(saved);
                self.saves += 1;
                None
            }
            Action::Keep(kept) => {
                self.kept = kept;
                None
            }
            Action::Load { ticket, digest } => {
                let is_here = self.stored.contains(&digest);
                let is_rotten = self.rotten.contains(&digest);
                let mut envelope = is_here.then(|| self.manifests[&digest].0.clone());
                if let Some(first) = envelope.as_mut().and_then(|envelope| envelope.first_mut()) {
                    *first ^= u8::from(is_rotten);
                }
                Some(Answer::Loaded(ticket, envelope))
            }
            Action::Fetch { ticket, blob } => {
                let is_manifest = self.manifests.contains_key(&blob.digest);
                if !is_manifest {
                    self.log.push(format!("fetch {}", blob.bytes));
                }
                if self.stored.contains(&blob.digest) && !self.rotten.remove(&blob.digest) {
                    return Some(Answer::Done(ticket));
                }
                let is_faulty = self.unavailable.contains(&blob.digest);
                if !self.is_hub_up || is_faulty {
                    let failure = Failure {
                        code: ReasonCode::Unavailable,
                        text: "404".into(),
                        is_passing: !self.is_hub_up,
                    };
                    return Some(Answer::Failed(ticket, failure));
                }
                self.stored.insert(blob.digest);
                Some(Answer::Done(ticket))
            }
            Action::Measure { ticket, blobs } => {
                Some(Answer::Measured(ticket, self.capacity(&blobs)))
            }
            Action::Verify { ticket, manifest } => {
                self.log.push(format!(
                    "verify {} {}",
                    name(manifest.deployment),
                    manifest.version
                ));
                let mut signed = self.manifests.values();
                let (_, _, fault) = signed.find(|(_, other, _)| *other == *manifest).unwrap();
                if *fault == Fault::Untrusted {
                    let failure = Failure {
                        code: ReasonCode::Untrusted,
                        text: "nobody signed it".into(),
                        is_passing: false,
                    };
                    return Some(Answer::Failed(ticket, failure));
                }
                Some(Answer::Done(ticket))
            }
            Action::Ask {
                ticket, deployment, ..
            } => {
                self.log.push(format!("ask {}", name(deployment)));
                let consent = self
                    .consents
                    .get(&deployment)
                    .cloned()
                    .unwrap_or(Consent::NotAsked);
                if consent == Consent::Silent {
                    self.question = Some(ticket);
                    return None;
                }
                Some(Answer::Answered(ticket, consent))
            }
            Action::StopAsking { ticket } => {
                self.log.push("stop asking".into());
                self.question.take_if(|question| *question == ticket);
                None
            }
            Action::Stop {
                ticket, deployment, ..
            } => {
                self.log.push(format!("stop {}", name(deployment)));
                if let Some(failed) = self.fails(ticket) {
                    return Some(failed);
                }
                if let Some(app) = self.installed.get_mut(&deployment) {
                    app.is_running = false;
                }
                Some(Answer::Done(ticket))
            }
            Action::Remove {
                ticket, deployment, ..
            } => {
                self.log.push(format!("remove {}", name(deployment)));
                if let Some(failed) = self.fails(ticket) {
                    return Some(failed);
                }
                self.installed.remove(&deployment);
                Some(Answer::Done(ticket))
            }
            Action::Apply {
                ticket,
                manifest,
                digest,
                secrets,
            } => Some(self.apply(ticket, *manifest, digest, secrets)),
            Action::Observe { deployment, .. } => Some(Answer::Observed(deployment)),
            Action::Report { report, .. } => {
                if !self.is_hub_up || self.loses_reports {
                    return Some(Answer::ReportFailed);
                }
                let sequence = report.sequence;
                self.reports.push(*report);
                Some(Answer::ReportSent(sequence))
            }
            Action::Escalate(step) => {
                self.log.push(format!("escalate {step:?}"));
                self.escalations.push(step);
                None
            }
            Action::RecoveryUrls(urls) => {
                self.recovery_urls = urls;
                None
            }
            _ => None,
        }
    }

    /// Whether the device fails to do what it is asked for.
    fn fails(&mut self, ticket: thimble_agent::Ticket) -> Option<Answer> {
        if self.failing == 0 {
            return None;
        }
        self.failing -= 1;
        self.log.push("-- fails --".into());
        let failure = Failure {
            code: ReasonCode::StartFailed,
            text: "the device is busy".into(),
            is_passing: self.failing.is_multiple_of(2),
        };
        Some(Answer::Failed(ticket, failure))
    }

    fn apply(
        &mut self,
        ticket: thimble_agent::Ticket,
        manifest: Manifest,
        digest: Digest,
        secrets: Vec<SealedSecret>,
    ) -> Answer {
        let deployment = manifest.deployment;
        self.log
            .push(format!("apply {} {}", deployment.0[0], manifest.version));
        if let Some(failed) = self.fails(ticket) {
            return failed;
        }
        let same = self
            .installed
            .get(&deployment)
            .is_some_and(|app| app.digest == digest && app.is_running && app.secrets == secrets);
        if same {
            return Answer::Applied(ticket, deployment);
        }
        if self.fault(digest) == Fault::DoesNotStart {
            let app = Installed {
                digest,
                manifest,
                is_running: false,
                restarts: 0,
                secrets,
            };
            self.installed.insert(deployment, app);
            let failure = Failure {
                code: ReasonCode::StartFailed,
                text: "no such export".into(),
                is_passing: false,
            };
            return Answer::Failed(ticket, failure);
        }
        let restarts = 0;
        self.installed.insert(
            deployment,
            Installed {
                digest,
                manifest,
                is_running: true,
                restarts,
                secrets,
            },
        );
        Answer::Applied(ticket, deployment)
    }

    fn capacity(&self, blobs: &[Blob]) -> Capacity {
        let ram = |app: &Installed| {
            app.manifest
                .containers
                .iter()
                .filter_map(|container| container.limits.memory_bytes)
                .sum::<u64>()
        };
        let used: u64 = self.installed.values().map(ram).sum();
        let freed = self.installed.iter().map(|(deployment, app)| Freed {
            deployment: *deployment,
            ram_bytes: ram(app),
            containers: u32::try_from(app.manifest.containers.len()).unwrap(),
        });
        let missing: Vec<Digest> = blobs
            .iter()
            .map(|blob| blob.digest)
            .filter(|digest| !self.stored.contains(digest))
            .collect();
        Capacity {
            ram_bytes: self.ram_bytes.saturating_sub(used),
            storage_bytes: self.storage_bytes,
            containers: 8 - u32::try_from(self.installed.len()).unwrap(),
            ram_default_bytes: 65_536,
            freed: freed.collect(),
            missing,
            grants: Some(vec!["fs".into(), "gpio:led0".into()]),
        }
    }
}

/// An answer to the agent.
pub(super) enum Answer {
    Loaded(thimble_agent::Ticket, Option<Vec<u8>>),
    Done(thimble_agent::Ticket),
    Failed(thimble_agent::Ticket, Failure),
    Measured(thimble_agent::Ticket, Capacity),
    Answered(thimble_agent::Ticket, Consent),
    Applied(thimble_agent::Ticket, DeploymentId),
    Observed(DeploymentId),
    ReportSent(u64),
    ReportFailed,
}

impl Answer {
    pub(super) fn give(self, device: &mut Device) {
        match self {
            Self::Loaded(ticket, envelope) => device.handle(Event::Loaded {
                ticket,
                envelope: envelope.as_deref(),
            }),
            Self::Done(ticket) => device.handle(Event::Done { ticket }),
            Self::Failed(ticket, failure) => device.handle(Event::Failed { ticket, failure }),
            Self::Measured(ticket, capacity) => device.handle(Event::Measured {
                ticket,
                capacity: &capacity,
            }),
            Self::Answered(ticket, consent) => {
                device.invariants.answered(&consent);
                device.handle(Event::Answered { ticket, consent });
            }
            Self::Applied(ticket, deployment) => {
                let cuts = device.cuts;
                device.handle(Event::Done { ticket });
                if cuts == device.cuts {
                    device.say(deployment);
                }
            }
            Self::Observed(deployment) => device.say(deployment),
            Self::ReportSent(sequence) => device.handle(Event::ReportSent {
                sequence,
                send_all: false,
            }),
            Self::ReportFailed => device.handle(Event::ReportFailed),
        }
    }
}

//! What a device does about each action of its agent.

use thimble_agent::event::Freed;
use thimble_agent::{Action, Capacity, Consent, Failure, Ticket};
use thimble_image::Digest;
use thimble_protocol::manifest::Blob;
use thimble_protocol::report::ReasonCode;
use thimble_protocol::state::Escalation;

use super::{Answer, Device, Installed};
use crate::apps::{Apps, Fault, place_of};
use crate::tally::{Trouble, Troubles};

/// What a device is among.
pub(crate) struct Around<'a> {
    pub(crate) apps: &'a Apps,
    pub(crate) hardware: &'a str,
    /// Whether the hub can be reached.
    pub(crate) is_reached: bool,
    pub(crate) now_ms: u64,
    pub(crate) troubles: &'a Troubles,
}

/// Something that comes later.
#[derive(Clone, Debug)]
pub(crate) enum Coming {
    /// The agent is answered.
    Answer(Answer),
    /// Something comes of a deployment's containers.
    Container { deployment: usize, life: u32 },
}

/// Milliseconds until a container that was started has reported that it is well.
const WELL_MS: u64 = 3_000;

impl Device {
    /// Does it; what comes at once is among the answers, the rest is told with the time that it takes.
    pub(crate) fn act(
        &mut self,
        action: Action,
        around: &Around<'_>,
        coming: &mut Vec<(u64, Coming)>,
    ) {
        match action {
            Action::Save(saved) => self.saved = Some(saved),
            Action::Keep(kept) => {
                self.kept = kept;
                if self.random.chance(self.habits.collecting) {
                    around.troubles.note(Trouble::Collection);
                    self.collect(around.apps);
                }
            }
            Action::Load { ticket, digest } => {
                self.answers.push_back(Answer::Loaded(ticket, digest))
            }
            Action::Fetch { ticket, blob } => self.fetch(ticket, blob, around, coming),
            Action::Measure { ticket, blobs } => {
                self.answers.push_back(Answer::Measured(ticket, blobs));
            }
            Action::Verify { ticket, manifest } => {
                let version = around
                    .apps
                    .number(place_of(manifest.deployment), number(&manifest.version));
                let fault = version.map_or(Fault::Untrusted, |one| self.fault(one, around));
                let answer = if fault == Fault::Untrusted {
                    failed(ticket, ReasonCode::Untrusted, "nobody signed it", false)
                } else {
                    Answer::Done(ticket)
                };
                self.answers.push_back(answer);
            }
            Action::Ask {
                ticket,
                deployment,
                within_ms,
                ..
            } => self.ask(ticket, place_of(deployment), within_ms, around, coming),
            Action::StopAsking { .. } => self.asked = None,
            Action::Stop {
                ticket, deployment, ..
            } if !self.fails(ticket, around, coming) => {
                if let Some(one) = self.installed_mut(place_of(deployment)) {
                    one.is_running = false;
                    one.life += 1;
                }
                coming.push((400, Coming::Answer(Answer::Done(ticket))));
            }
            Action::Remove {
                ticket, deployment, ..
            } if !self.fails(ticket, around, coming) => {
                self.installed
                    .retain(|one| one.deployment != place_of(deployment));
                coming.push((400, Coming::Answer(Answer::Done(ticket))));
            }
            Action::Apply {
                ticket,
                manifest,
                digest,
                ..
            } => self.apply(
                ticket,
                place_of(manifest.deployment),
                digest,
                around,
                coming,
            ),
            Action::Observe { deployment, .. } => {
                self.answers
                    .push_back(Answer::Observed(place_of(deployment)));
            }
            Action::Report { report, .. } => self.answers.push_back(Answer::Report(report)),
            Action::Escalate(step) => {
                around.troubles.note(Trouble::Escalation);
                match step {
                    Escalation::Recovery => self.session.recover(),
                    Escalation::RestartAgent | Escalation::RestartDevice => {
                        self.is_restart_due = true;
                    }
                    _ => {}
                }
            }
            Action::TagChanged => {
                if let Some(tag) = self.agent.tag() {
                    let now = self.now(around.now_ms);
                    self.session.took(now.ms, tag);
                }
            }
            _ => {}
        }
    }

    fn fault(&self, version: &crate::apps::Version, around: &Around<'_>) -> Fault {
        version.fault_on(self.index, around.hardware)
    }

    /// Storage is short: what is not kept goes.
    fn collect(&mut self, apps: &Apps) {
        let kept = &self.kept;
        self.stored.retain(|digest| {
            apps.of_blob(*digest)
                .is_some_and(|version| kept.contains(&version.digest))
        });
    }

    fn fetch(
        &mut self,
        ticket: Ticket,
        blob: Blob,
        around: &Around<'_>,
        coming: &mut Vec<(u64, Coming)>,
    ) {
        if self.is_stored(&blob.digest) {
            self.answers.push_back(Answer::Done(ticket));
            return;
        }
        if !around.is_reached || self.random.chance(self.habits.loss) {
            around.troubles.note(Trouble::FailedFetch);
            let answer = failed(
                ticket,
                ReasonCode::Unavailable,
                "the hub does not answer",
                true,
            );
            coming.push((5_000, Coming::Answer(answer)));
            return;
        }
        let version = around.apps.of_blob(blob.digest);
        let is_layer = version.is_some_and(|one| {
            one.manifest
                .containers
                .iter()
                .any(|container| container.image.layer == blob.digest)
        });
        let fault = version.map_or(Fault::Unavailable, |one| self.fault(one, around));
        let is_missing = version.is_none_or(|one| around.now_ms < one.missing_until_ms);
        if is_layer && fault == Fault::Unavailable && is_missing {
            around.troubles.note(Trouble::FailedFetch);
            let answer = failed(
                ticket,
                ReasonCode::Unavailable,
                "404: there is no such blob",
                false,
            );
            coming.push((500, Coming::Answer(answer)));
            return;
        }
        if is_layer && fault == Fault::WrongOnce && !self.fetched_wrong.contains(&blob.digest) {
            around.troubles.note(Trouble::WrongBlob);
            self.fetched_wrong.push(blob.digest);
            let answer = failed(
                ticket,
                ReasonCode::WrongDigest,
                "the blob is another one",
                true,
            );
            coming.push((500, Coming::Answer(answer)));
            return;
        }
        self.stored.push(blob.digest);
        let takes_ms = self.habits.latency_ms * 2 + u64::from(blob.bytes) / 50;
        coming.push((takes_ms, Coming::Answer(Answer::Done(ticket))));
    }

    fn ask(
        &mut self,
        ticket: Ticket,
        deployment: usize,
        within_ms: u32,
        around: &Around<'_>,
        coming: &mut Vec<(u64, Coming)>,
    ) {
        self.asked = Some(deployment);
        if self.habits.is_silent {
            around.troubles.note(Trouble::Silence);
            return;
        }
        let (after_ms, consent) = if self.running(deployment).is_none() {
            (0, Consent::NotAsked)
        } else if around.now_ms < self.veto_until_ms {
            (200, Consent::No("the press is closed".into()))
        } else {
            (200, Consent::Yes)
        };
        let after_ms = after_ms.min(u64::from(within_ms));
        coming.push((
            after_ms,
            Coming::Answer(Answer::Answered(ticket, deployment, consent)),
        ));
    }

    /// Whether the device fails to do what it is asked for this time.
    fn fails(
        &mut self,
        ticket: Ticket,
        around: &Around<'_>,
        coming: &mut Vec<(u64, Coming)>,
    ) -> bool {
        if !self.random.chance(self.habits.failing) {
            return false;
        }
        around.troubles.note(Trouble::FailedAction);
        let is_passing = self.random.chance(500);
        let answer = failed(
            ticket,
            ReasonCode::StartFailed,
            "the device is busy",
            is_passing,
        );
        coming.push((1_000, Coming::Answer(answer)));
        true
    }

    fn apply(
        &mut self,
        ticket: Ticket,
        deployment: usize,
        digest: Digest,
        around: &Around<'_>,
        coming: &mut Vec<(u64, Coming)>,
    ) {
        if self.fails(ticket, around, coming) {
            return;
        }
        let version = around.apps.found(digest);
        let fault = version.map_or(Fault::None, |one| self.fault(one, around));
        let is_same = self.running(deployment) == Some(digest);
        if is_same {
            coming.push((100, Coming::Answer(Answer::Applied(ticket, deployment))));
            return;
        }
        let life = self.installed(deployment).map_or(0, |one| one.life) + 1;
        self.installed.retain(|one| one.deployment != deployment);
        let starts = fault != Fault::DoesNotStart;
        self.installed.push(Installed {
            deployment,
            digest,
            is_running: starts,
            restarts: 0,
            state: "running",
            health: "starting",
            life,
        });
        if !starts {
            let answer = failed(
                ticket,
                ReasonCode::StartFailed,
                "it exports no `_start`",
                false,
            );
            coming.push((500, Coming::Answer(answer)));
            return;
        }
        let is_slow = fault == Fault::Slow || self.random.chance(self.habits.slow);
        let takes_ms = if is_slow { 200_000 } else { 800 };
        coming.push((
            takes_ms,
            Coming::Answer(Answer::Applied(ticket, deployment)),
        ));
        coming.push((takes_ms + WELL_MS, Coming::Container { deployment, life }));
    }

    /// Starts what ran when the power went.
    pub(crate) fn start_containers(&mut self, coming: &mut Vec<(u64, Coming)>) {
        for one in &mut self.installed {
            if one.is_running {
                one.life += 1;
                one.restarts = 0;
                one.state = "running";
                one.health = "starting";
                let (deployment, life) = (one.deployment, one.life);
                coming.push((WELL_MS, Coming::Container { deployment, life }));
            }
        }
    }

    /// Something comes of a container, as of every version with its fault. Returns whether anything did.
    pub(crate) fn fare(
        &mut self,
        deployment: usize,
        life: u32,
        around: &Around<'_>,
        coming: &mut Vec<(u64, Coming)>,
    ) -> bool {
        let Some(one) = self
            .installed(deployment)
            .filter(|one| one.is_running && one.life == life)
        else {
            return false;
        };
        let version = around.apps.found(one.digest);
        let fault = version.map_or(Fault::None, |version| self.fault(version, around));
        let was_starting = one.health == "starting";
        let Some(one) = self.installed_mut(deployment) else {
            return false;
        };
        match fault {
            Fault::Crashes if one.restarts < 5 => {
                one.restarts += 1;
                coming.push((20_000, Coming::Container { deployment, life }));
            }
            Fault::Crashes => one.state = "failed",
            Fault::Unhealthy => one.health = "unhealthy",
            Fault::FailsLater if was_starting => {
                one.health = "healthy";
                coming.push((3_600_000, Coming::Container { deployment, life }));
            }
            Fault::FailsLater => one.health = "unhealthy",
            _ => one.health = "healthy",
        }
        true
    }

    /// What is free.
    pub(crate) fn capacity(&self, blobs: &[Blob]) -> Capacity {
        let freed = self.installed.iter().map(|one| Freed {
            deployment: crate::apps::deployment_id(one.deployment),
            ram_bytes: 65_536,
            containers: 1,
        });
        let used = u32::try_from(self.installed.len()).unwrap_or(u32::MAX);
        let missing = blobs.iter().map(|blob| blob.digest);
        Capacity {
            ram_bytes: 1_048_576_u64.saturating_sub(u64::from(used) * 65_536),
            storage_bytes: 10_000_000,
            containers: 16_u32.saturating_sub(used),
            ram_default_bytes: 65_536,
            freed: freed.collect(),
            missing: missing.filter(|digest| !self.is_stored(digest)).collect(),
            grants: None,
        }
    }
}

fn failed(ticket: Ticket, code: ReasonCode, text: &str, is_passing: bool) -> Answer {
    Answer::Failed(
        ticket,
        Failure {
            code,
            text: text.into(),
            is_passing,
        },
    )
}

fn number(version: &str) -> u64 {
    version.parse().unwrap_or(0)
}

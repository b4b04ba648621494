//! Asks for what the parts of a round need next.

use alloc::boxed::Box;
use alloc::string::String;

use thimble_image::Digest;
use thimble_protocol::DeploymentId;
use thimble_protocol::manifest::Blob;
use thimble_protocol::report::ReasonCode;

use super::super::work::{Doing, PartStep};
use super::super::{Agent, Turn};
use crate::action::Action;
use crate::event::Failure;
use crate::kept::{Trial, Version};

impl Agent {
    /// Loads the manifest of what is tried, after a restart.
    pub(super) fn load_tried(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) -> bool {
        let trial = self
            .kept
            .entry(deployment)
            .and_then(|entry| entry.trial.as_ref());
        match trial
            .and_then(|trial| trial.target.as_ref())
            .map(Version::blob)
        {
            Some(blob) => self.load_manifest(turn, deployment, blob),
            None => self.end_part(deployment),
        }
    }

    pub(super) fn load_manifest(
        &mut self,
        turn: &mut Turn<'_>,
        deployment: DeploymentId,
        blob: Blob,
    ) -> bool {
        let digest = blob.digest;
        let ticket = self.open_ticket(Doing::Load { deployment, digest }, None);
        turn.actions.push(Action::Load { ticket, digest });
        false
    }

    /// A manifest that a trial or a rollback needs is here, or is not.
    pub(in super::super) fn loaded_part(
        &mut self,
        turn: &mut Turn<'_>,
        deployment: DeploymentId,
        digest: Digest,
        envelope: Option<&[u8]>,
    ) {
        let step = self.part_mut(deployment).map(|part| part.step);
        let Some(envelope) = envelope else {
            self.missing_part(turn, deployment, digest);
            return;
        };
        let opened = turn.trust.reopen_manifest(envelope, digest);
        let is_on_probation = self.kept.is_on_probation;
        match (opened, step) {
            (Ok(manifest), Some(PartStep::Load)) => {
                if let Some(part) = self.part_mut(deployment) {
                    part.manifest = Some(Box::new(manifest));
                    part.step = if is_on_probation {
                        PartStep::Apply
                    } else {
                        PartStep::Stop
                    };
                    part.was_fetched = false;
                }
            }
            (Ok(manifest), _) => {
                if let Some(part) = self.part_mut(deployment) {
                    part.former = Some(Box::new(manifest));
                    part.was_fetched = false;
                }
            }
            (Err(refusal), _) => {
                self.not_done(
                    turn,
                    deployment,
                    Failure {
                        code: ReasonCode::Untrusted,
                        text: refusal.text,
                        is_passing: false,
                    },
                );
            }
        }
    }

    /// Has a manifest fetched that is not on the device any more, once.
    fn missing_part(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId, digest: Digest) {
        let blob = self.manifest_blob(deployment, digest);
        let part = self.part_mut(deployment);
        let was_fetched = part.is_some_and(|part| core::mem::replace(&mut part.was_fetched, true));
        if let Some(blob) = blob.filter(|_| !was_fetched) {
            let ticket = self.open_ticket(Doing::Fetch { deployment }, None);
            turn.actions.push(Action::Fetch { ticket, blob });
            return;
        }
        let text = String::from("its manifest is not on the device any more and cannot be had");
        let failure = Failure {
            code: ReasonCode::Unavailable,
            text,
            is_passing: true,
        };
        self.not_done(turn, deployment, failure);
    }

    /// The blob of a manifest of one of a deployment's versions.
    pub(super) fn manifest_blob(&self, deployment: DeploymentId, digest: Digest) -> Option<Blob> {
        let entry = self.kept.entry(deployment)?;
        let version = entry
            .versions()
            .find(|version| version.manifest == digest)?;
        Some(version.blob())
    }

    pub(super) fn stop_or_remove(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) -> bool {
        let Some(entry) = self.kept.entry(deployment) else {
            return self.end_part(deployment);
        };
        let app = entry.app.clone();
        let is_removal = matches!(
            &entry.trial,
            Some(Trial {
                target: None,
                is_rolling_back: false
            })
        );
        if is_removal {
            let ticket = self.open_ticket(Doing::Remove { deployment }, None);
            turn.actions.push(Action::Remove {
                ticket,
                deployment,
                app,
            });
        } else {
            let ticket = self.open_ticket(Doing::Stop { deployment }, None);
            turn.actions.push(Action::Stop {
                ticket,
                deployment,
                app,
            });
        }
        false
    }

    pub(super) fn apply_tried(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) -> bool {
        let manifest = self
            .part_mut(deployment)
            .and_then(|part| part.manifest.clone());
        let trial = self
            .kept
            .entry(deployment)
            .and_then(|entry| entry.trial.as_ref());
        let version = trial.and_then(|trial| trial.target.as_ref());
        let (Some(manifest), Some(version)) = (manifest, version) else {
            return self.end_part(deployment);
        };
        let (digest, secrets) = (version.manifest, self.kept.secrets_of(version));
        let ticket = self.open_ticket(Doing::Apply { deployment }, None);
        turn.actions.push(Action::Apply {
            ticket,
            manifest,
            digest,
            secrets,
        });
        false
    }

    /// Applies what ran before, or removes what was tried if nothing did.
    pub(super) fn put_back(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) -> bool {
        let former = self
            .part_mut(deployment)
            .and_then(|part| part.former.clone());
        let Some(entry) = self.kept.entry(deployment) else {
            return self.end_part(deployment);
        };
        match (&entry.running, former) {
            (None, _) => {
                let app = entry.app.clone();
                let ticket = self.open_ticket(Doing::Remove { deployment }, None);
                turn.actions.push(Action::Remove {
                    ticket,
                    deployment,
                    app,
                });
                false
            }
            (Some(version), None) => {
                let blob = version.blob();
                self.load_manifest(turn, deployment, blob)
            }
            (Some(version), Some(manifest)) => {
                let (digest, secrets) = (version.manifest, self.kept.secrets_of(version));
                let ticket = self.open_ticket(Doing::Apply { deployment }, None);
                turn.actions.push(Action::Apply {
                    ticket,
                    manifest,
                    digest,
                    secrets,
                });
                false
            }
        }
    }
}

//! Has manifests at hand, for changes and for what is put back, and opens them.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thimble_image::Digest;
use thimble_protocol::report::{Phase, Reason, ReasonCode};
use thimble_protocol::{DeploymentId, Manifest};

use super::super::plan::Left;
use super::super::work::{Doing, Step, Target, Work};
use super::super::{Agent, Turn};
use super::REFUSED_RETRY_MS;
use crate::action::Action;
use crate::event::Failure;
use crate::kept::{SecretUse, Version};
use crate::trust::RefusalCause;

impl Agent {
    /// Asks for the next manifest that was not opened yet.
    pub(super) fn open_next(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(preparing) = self.preparing() else {
            return false;
        };
        let next = preparing.changes.iter().find_map(|change| {
            let target = change
                .target
                .as_ref()
                .filter(|target| target.opened.is_none())?;
            Some((change.deployment, target.blob.digest))
        });
        let Some((deployment, digest)) = next else {
            self.go_to(Step::Sort);
            return true;
        };
        let ticket = self.open_ticket(Doing::Load { deployment, digest }, None);
        turn.actions.push(Action::Load { ticket, digest });
        false
    }

    /// A manifest is here, or is not.
    pub(in super::super) fn loaded(
        &mut self,
        turn: &mut Turn<'_>,
        deployment: DeploymentId,
        digest: Digest,
        envelope: Option<&[u8]>,
    ) {
        let envelope = envelope.filter(|envelope| Digest::of(envelope) == digest);
        if matches!(self.work, Work::Executing(_)) {
            self.loaded_part(turn, deployment, digest, envelope);
            return;
        }
        let Some(envelope) = envelope else {
            self.fetch_manifest(turn, deployment);
            return;
        };
        match self.open(turn, deployment, digest, envelope) {
            Ok(opened) => {
                if let Some(target) = self.target_mut(deployment) {
                    target.opened = Some(opened);
                }
            }
            Err(left) => self.leave_out(deployment, *left),
        }
    }

    fn target_mut(&mut self, deployment: DeploymentId) -> Option<&mut Target> {
        let preparing = self.preparing()?;
        let change = preparing
            .changes
            .iter_mut()
            .find(|change| change.deployment == deployment)?;
        change.target.as_mut()
    }

    fn fetch_manifest(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) {
        let Some(target) = self.target_mut(deployment) else {
            return;
        };
        let blob = target.blob;
        if core::mem::replace(&mut target.was_fetched, true) {
            // It was fetched and is not here: the device's storage is at fault.
            target.was_fetched = false;
            let text = format!(
                "the manifest {} was fetched and is gone: see the device's storage",
                blob.digest
            );
            let failure = Failure {
                code: ReasonCode::Unavailable,
                text,
                is_passing: true,
            };
            self.not_fetched(turn, deployment, failure);
            return;
        }
        self.progress(deployment, Phase::Fetching, None);
        let ticket = self.open_ticket(Doing::Fetch { deployment }, None);
        turn.actions.push(Action::Fetch { ticket, blob });
    }

    /// Opens a manifest, and looks whether it can be a version of this deployment at all.
    fn open(
        &mut self,
        turn: &Turn<'_>,
        deployment: DeploymentId,
        digest: Digest,
        envelope: &[u8],
    ) -> Result<(Box<Manifest>, Version), Box<Left>> {
        let later_ms = turn.now.ms.saturating_add(REFUSED_RETRY_MS);
        let refuse = |code, text| Box::new(Left::failed(code, text, later_ms));
        let manifest = turn
            .trust
            .open_manifest(envelope, digest, &self.kept.next_keys)
            .map_err(|refusal| {
                let is_untrusted = refusal.cause == RefusalCause::Untrusted;
                refuse(
                    if is_untrusted {
                        ReasonCode::Untrusted
                    } else {
                        ReasonCode::Invalid
                    },
                    refusal.text,
                )
            })?;
        if let Some(text) = self.contradiction(deployment, &manifest) {
            return Err(refuse(ReasonCode::Invalid, text));
        }
        let manifest_bytes = u32::try_from(envelope.len()).unwrap_or(u32::MAX);
        let secrets = self.secrets_used(&manifest).map_err(|name| {
            refuse(
                ReasonCode::Secret,
                format!("the state has no secret `{name}` for this device"),
            )
        })?;
        let version = Version {
            manifest: digest,
            manifest_bytes,
            rules: manifest.update,
            secrets,
        };
        if let Some(code) = self.kept.failure_of(&version) {
            return Err(Box::new(Left::failed_before(code)));
        }
        if let Some(entry) = self.kept.entry_mut(deployment) {
            entry.app.clone_from(&manifest.app);
        }
        Ok((Box::new(manifest), version))
    }

    /// Why a manifest cannot be one of this deployment, if it cannot.
    fn contradiction(&self, deployment: DeploymentId, manifest: &Manifest) -> Option<String> {
        if manifest.deployment != deployment {
            return Some(format!("its manifest is {}'s", manifest.deployment));
        }
        let entry = self.kept.entry(deployment)?;
        let is_renamed =
            !entry.app.is_empty() && entry.running.is_some() && entry.app != manifest.app;
        is_renamed.then(|| {
            let (app, other) = (&entry.app, &manifest.app);
            format!("its app is `{app}` here and cannot become `{other}`: make another deployment")
        })
    }

    /// The secrets that a manifest uses, or the name of one that is not there.
    fn secrets_used(&self, manifest: &Manifest) -> Result<Vec<SecretUse>, String> {
        let mut uses: Vec<SecretUse> = Vec::new();
        for variable in manifest
            .containers
            .iter()
            .flat_map(|container| &container.secret_env)
        {
            let name = &variable.secret;
            let revision = self
                .kept
                .secret_revision(name)
                .ok_or_else(|| name.clone())?;
            uses.push(SecretUse {
                name: name.clone(),
                revision,
            });
        }
        uses.sort_unstable();
        uses.dedup();
        Ok(uses)
    }

    /// A blob is here.
    pub(in super::super) fn fetched(&mut self) {
        if let Some(preparing) = self.preparing() {
            preparing.failures = 0;
            preparing.wake_ms = None;
            if preparing.step == Step::Fetch {
                preparing.blobs.pop();
            }
        }
    }

    pub(in super::super) fn not_fetched(
        &mut self,
        turn: &mut Turn<'_>,
        deployment: DeploymentId,
        failure: Failure,
    ) {
        if matches!(self.work, Work::Executing(_)) {
            self.not_done(turn, deployment, failure);
            return;
        }
        let Failure {
            code,
            text,
            is_passing,
        } = failure;
        if let Some(target) = self.target_mut(deployment) {
            target.was_fetched = false;
        }
        if is_passing {
            self.progress(deployment, Phase::Fetching, Some(Reason { code, text }));
            self.rest(turn);
            return;
        }
        let not_before_ms = turn.now.ms.saturating_add(REFUSED_RETRY_MS);
        self.leave_out(
            deployment,
            Left::failed(code, text.to_string(), not_before_ms),
        );
    }
}

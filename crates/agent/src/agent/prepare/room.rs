//! Measures, fetches and verifies.

use alloc::vec::Vec;

use thimble_protocol::DeploymentId;
use thimble_protocol::manifest::Blob;
use thimble_protocol::report::Phase;

use super::super::plan::Left;
use super::super::work::{Change, Doing, Step};
use super::super::{Agent, Turn};
use super::{MISFIT_RETRY_MS, REFUSED_RETRY_MS};
use crate::action::Action;
use crate::event::{Capacity, Failure};
use crate::fits::{Coming, blobs, fits_mixed, misfit};

impl Agent {
    pub(super) fn measure(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(preparing) = self.preparing() else {
            return false;
        };
        let manifests = preparing.changes.iter().filter_map(Change::manifest);
        let images = manifests
            .flat_map(|manifest| &manifest.containers)
            .map(|container| &container.image);
        let mut needed: Vec<Blob> = images.flat_map(blobs).collect();
        needed.sort_unstable_by_key(|blob| blob.digest);
        needed.dedup_by_key(|blob| blob.digest);
        if needed.is_empty() {
            let is_first = preparing.step == Step::Measure;
            self.go_to(if is_first { Step::Fetch } else { Step::Begin });
            return true;
        }
        let ticket = self.open_ticket(Doing::Measure, None);
        turn.actions.push(Action::Measure {
            ticket,
            blobs: needed,
        });
        false
    }

    pub(in super::super) fn measured(&mut self, turn: &Turn<'_>, capacity: &Capacity) {
        loop {
            let Some(preparing) = self.preparing() else {
                return;
            };
            let coming: Vec<Coming<'_>> = preparing
                .changes
                .iter()
                .map(|change| Coming {
                    deployment: change.deployment,
                    manifest: change.manifest(),
                })
                .collect();
            let Some(misfit) = misfit(&coming, capacity) else {
                let is_tight = !fits_mixed(&coming, capacity);
                preparing.is_tight = is_tight;
                break;
            };
            let not_before_ms = turn.now.ms.saturating_add(MISFIT_RETRY_MS);
            self.leave_out(
                misfit.deployment,
                Left::failed(misfit.code, misfit.text, not_before_ms),
            );
        }
        let Some(preparing) = self.preparing() else {
            return;
        };
        if preparing.step == Step::MeasureAgain {
            self.go_to(Step::Begin);
            return;
        }
        let mut missing: Vec<(DeploymentId, Blob)> = Vec::new();
        for change in &preparing.changes {
            let images = change
                .manifest()
                .into_iter()
                .flat_map(|manifest| &manifest.containers);
            for blob in images.flat_map(|container| blobs(&container.image)) {
                let is_new = !missing.iter().any(|(_, other)| other.digest == blob.digest);
                if is_new && capacity.missing.contains(&blob.digest) {
                    missing.push((change.deployment, blob));
                }
            }
        }
        missing.reverse();
        preparing.blobs = missing;
        self.go_to(Step::Fetch);
    }

    pub(in super::super) fn not_measured(&mut self, turn: &Turn<'_>) {
        self.rest(turn);
    }

    pub(super) fn fetch_next(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(preparing) = self.preparing() else {
            return false;
        };
        let Some((deployment, blob)) = preparing.blobs.last().copied() else {
            self.go_to(Step::Verify);
            return true;
        };
        self.progress(deployment, Phase::Fetching, None);
        let ticket = self.open_ticket(Doing::Fetch { deployment }, None);
        turn.actions.push(Action::Fetch { ticket, blob });
        false
    }

    pub(super) fn verify_next(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(preparing) = self.preparing() else {
            return false;
        };
        let next = preparing.changes.iter().find_map(|change| {
            let target = change
                .target
                .as_ref()
                .filter(|target| !target.is_verified)?;
            let (manifest, _) = target.opened.as_ref()?;
            Some((change.deployment, manifest.clone()))
        });
        let Some((deployment, manifest)) = next else {
            self.go_to(Step::Wait);
            return true;
        };
        self.progress(deployment, Phase::Verifying, None);
        let ticket = self.open_ticket(Doing::Verify { deployment }, None);
        turn.actions.push(Action::Verify { ticket, manifest });
        false
    }

    pub(in super::super) fn verified(&mut self, deployment: DeploymentId) {
        let changes = self
            .preparing()
            .into_iter()
            .flat_map(|preparing| &mut preparing.changes);
        for change in changes.filter(|change| change.deployment == deployment) {
            if let Some(target) = &mut change.target {
                target.is_verified = true;
            }
        }
    }

    pub(in super::super) fn not_verified(
        &mut self,
        turn: &Turn<'_>,
        deployment: DeploymentId,
        failure: Failure,
    ) {
        if failure.is_passing {
            self.rest(turn);
            return;
        }
        let not_before_ms = turn.now.ms.saturating_add(REFUSED_RETRY_MS);
        self.leave_out(
            deployment,
            Left::failed(failure.code, failure.text, not_before_ms),
        );
    }
}

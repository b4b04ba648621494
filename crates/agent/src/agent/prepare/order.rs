//! Sorts a round, and leaves out what cannot be installed with what is there.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use thimble_protocol::DeploymentId;
use thimble_protocol::report::ReasonCode;

use super::super::plan::Left;
use super::super::work::{Change, Step, Work};
use super::super::{Agent, Turn};
use super::REFUSED_RETRY_MS;
use crate::graph::sort;

impl Agent {
    /// Sorts what is left, and leaves out what cannot come first.
    pub(super) fn sort_changes(&mut self, turn: &Turn<'_>) -> bool {
        while let Some((deployment, why)) = self.first_unmet(turn) {
            self.leave_out(deployment, why);
        }
        let Some(preparing) = self.preparing() else {
            return false;
        };
        let none: &[DeploymentId] = &[];
        let nodes: Vec<(DeploymentId, &[DeploymentId])> = preparing
            .changes
            .iter()
            .map(|change| {
                (
                    change.deployment,
                    change
                        .manifest()
                        .map_or(none, |manifest| &manifest.depends_on),
                )
            })
            .collect();
        let (sorted, stuck) = sort(&nodes);
        let place = |change: &Change| sorted.iter().position(|one| *one == change.deployment);
        preparing.changes.sort_by_key(place);
        for deployment in stuck {
            let text = String::from("deployments depend on each other in a circle: break it");
            let left = Left::failed(
                ReasonCode::Invalid,
                text,
                turn.now.ms.saturating_add(REFUSED_RETRY_MS),
            );
            self.leave_out(deployment, left);
        }
        self.go_to(Step::Measure);
        true
    }

    /// The first change that depends on something that is not there and does not come now, or whose app's name is taken.
    pub(super) fn first_unmet(&mut self, turn: &Turn<'_>) -> Option<(DeploymentId, Left)> {
        let kept = &self.kept;
        let Work::Preparing(preparing) = &self.work else {
            return None;
        };
        let later_ms = turn.now.ms.saturating_add(REFUSED_RETRY_MS);
        let changes = |one: DeploymentId| {
            preparing
                .changes
                .iter()
                .find(|change| change.deployment == one)
        };
        for change in &preparing.changes {
            let Some(manifest) = change.manifest() else {
                continue;
            };
            for need in &manifest.depends_on {
                match kept.entry(*need) {
                    Some(entry) if entry.wanted.is_some() => {
                        if kept.differs(entry) && changes(*need).is_none() {
                            let not_before_ms = entry.condition.not_before_ms;
                            return Some((
                                change.deployment,
                                Left::dependency(*need, not_before_ms),
                            ));
                        }
                    }
                    Some(_) | None => {
                        let text = format!(
                            "it depends on {need}, which this device is not to have: deploy that too"
                        );
                        return Some((
                            change.deployment,
                            Left::failed(ReasonCode::Dependency, text, later_ms),
                        ));
                    }
                }
            }
            let is_other = |deployment: DeploymentId| deployment != change.deployment;
            let holder = kept.entries.iter().find(|entry| {
                let goes = changes(entry.deployment).is_some_and(|change| change.target.is_none());
                is_other(entry.deployment)
                    && entry.app == manifest.app
                    && entry.running.is_some()
                    && !goes
            });
            let rival = preparing.changes.iter().find(|rival| {
                let is_same = rival
                    .manifest()
                    .is_some_and(|other| other.app == manifest.app);
                is_other(rival.deployment) && is_same
            });
            if let Some(holder) = holder {
                let text = format!(
                    "the app `{}` is {}'s here: remove that first",
                    manifest.app, holder.deployment
                );
                let not_before_ms =
                    later_ms.min(holder.condition.not_before_ms.max(turn.now.ms + 1));
                return Some((
                    change.deployment,
                    Left::failed(ReasonCode::Invalid, text, not_before_ms),
                ));
            }
            if let Some(rival) = rival {
                let text = format!(
                    "{} and {} are both called `{}`",
                    change.deployment, rival.deployment, manifest.app
                );
                return Some((
                    change.deployment,
                    Left::failed(ReasonCode::Invalid, text, later_ms),
                ));
            }
        }
        None
    }
}

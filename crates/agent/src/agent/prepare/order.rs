//! Sorts a round, and leaves out what cannot be installed with what is there.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use thimble_protocol::DeploymentId;
use thimble_protocol::report::ReasonCode;

use super::super::plan::Left;
use super::super::work::{Change, Preparing, Step, Work};
use super::super::{Agent, Turn};
use super::REFUSED_RETRY_MS;
use crate::graph::sort;
use crate::kept::Entry;

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
    pub(super) fn first_unmet(&self, turn: &Turn<'_>) -> Option<(DeploymentId, Left)> {
        let kept = &self.kept;
        let Work::Preparing(preparing) = &self.work else {
            return None;
        };
        let later_ms = turn.now.ms.saturating_add(REFUSED_RETRY_MS);
        for change in &preparing.changes {
            let Some(manifest) = change.manifest() else {
                continue;
            };
            for need in &manifest.depends_on {
                let Some(entry) = kept.entry(*need).filter(|entry| entry.wanted.is_some()) else {
                    let text = format!(
                        "it depends on {need}, which this device is not to have: deploy that too"
                    );
                    return Some((
                        change.deployment,
                        Left::failed(ReasonCode::Dependency, text, later_ms),
                    ));
                };
                if kept.differs(entry) && preparing.change(*need).is_none() {
                    let not_before_ms = entry.condition.not_before_ms;
                    return Some((change.deployment, Left::dependency(*need, not_before_ms)));
                }
            }
            if let Some((holder, text)) =
                self.name_is_taken(preparing, change.deployment, &manifest.app)
            {
                let free_ms = kept
                    .entry(holder)
                    .map_or(0, |holder| holder.condition.not_before_ms);
                let not_before_ms = later_ms.min(free_ms.max(turn.now.ms.saturating_add(1000)));
                return Some((
                    change.deployment,
                    Left::failed(ReasonCode::Invalid, text, not_before_ms),
                ));
            }
        }
        None
    }

    /// Who else has an app's name, or is to have it.
    fn name_is_taken(
        &self,
        preparing: &Preparing,
        deployment: DeploymentId,
        app: &str,
    ) -> Option<(DeploymentId, String)> {
        let goes = |one: DeploymentId| {
            preparing
                .change(one)
                .is_some_and(|change| change.target.is_none())
        };
        let holds = |entry: &&Entry| {
            entry.deployment != deployment
                && entry.app == app
                && entry.running.is_some()
                && !goes(entry.deployment)
        };
        if let Some(holder) = self
            .kept
            .entries
            .iter()
            .find(holds)
            .map(|entry| entry.deployment)
        {
            return Some((
                holder,
                format!("the app `{app}` is {holder}'s here: remove that first"),
            ));
        }
        let is_rival = |change: &&Change| {
            change.deployment != deployment
                && change
                    .manifest()
                    .is_some_and(|manifest| manifest.app == app)
        };
        let rival = preparing.changes.iter().find(is_rival)?.deployment;
        Some((
            rival,
            format!("{deployment} and {rival} are both called `{app}`"),
        ))
    }
}

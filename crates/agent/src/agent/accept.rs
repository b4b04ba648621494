//! Takes a state, or says why not.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use thimble_protocol::report::{DeploymentState, Phase, Reason, ReasonCode};
use thimble_protocol::state::SealedSecret;
use thimble_protocol::{DesiredState, ETag, Item};

use super::work::Work;
use super::{Agent, Turn};
use crate::action::Action;
use crate::kept::{Condition, Entry, KeptSecret, Wanted};
use crate::trust::{OpenedState, Refusal, RefusalCause};

impl Agent {
    /// Takes a state of the hub with its delay, or one of a bundle.
    pub(super) fn accept(
        &mut self,
        turn: &mut Turn<'_>,
        envelope: &[u8],
        delay_apply_s: Option<u32>,
    ) {
        let opened = turn
            .trust
            .open_state(envelope, self.kept.device, &self.kept.next_keys);
        match opened.and_then(|opened| self.compare(opened)) {
            Ok(Some(OpenedState { state, tag })) => {
                self.kept.is_imported = delay_apply_s.is_none();
                let delay_ms = u64::from(delay_apply_s.unwrap_or(0)).saturating_mul(1000);
                self.delay_until_ms = turn.now.ms.saturating_add(delay_ms);
                self.adopt(turn, state, tag);
            }
            Ok(None) if delay_apply_s.is_none() => self.import_again(turn),
            Ok(None) => {}
            Err(refusal) => self.refuse(turn, refusal),
        }
    }

    /// Compares the version with the one that was taken; absent if it is that one.
    fn compare(&self, opened: OpenedState) -> Result<Option<OpenedState>, Refusal> {
        let (version, taken) = (opened.state.version, self.kept.adopted);
        let refuse = |cause, text| Err(Refusal { cause, text });
        if version < taken || version.0 == 0 {
            let text = format!("version {version} came, and {taken} was taken already");
            return refuse(RefusalCause::Downgrade { taken }, text);
        }
        if version == taken && Some(opened.tag) == self.kept.tag {
            return Ok(None);
        }
        if version == taken {
            let text = format!("version {version} came again and says something else");
            return refuse(RefusalCause::OtherContent, text);
        }
        let items = &opened.state.items;
        let is_twice = |(place, item): (usize, &Item)| {
            items
                .iter()
                .take(place)
                .any(|other| other.deployment == item.deployment)
        };
        if items.iter().enumerate().any(is_twice) {
            return refuse(
                RefusalCause::Malformed,
                format!("version {version} names a deployment twice"),
            );
        }
        Ok(Some(opened))
    }

    /// The state that was taken came on a bundle: its blobs are here now, and the hub may be away.
    fn import_again(&mut self, turn: &mut Turn<'_>) {
        if !self.kept.is_imported {
            self.kept.is_imported = true;
            self.save(turn);
        }
        for entry in &mut self.kept.entries {
            let is_final = entry.condition.not_before_ms == u64::MAX;
            if !is_final && entry.condition.phase != Phase::Vetoed && !entry.is_broken {
                entry.condition.not_before_ms = 0;
            }
        }
        self.hurry();
    }

    fn adopt(&mut self, turn: &mut Turn<'_>, state: DesiredState, tag: ETag) {
        if matches!(self.work, Work::Preparing(_)) {
            self.give_up(turn);
        }
        let has_new_urls = self.kept.recovery_urls != state.recovery_urls;
        self.kept.adopted = state.version;
        self.kept.tag = Some(tag);
        self.kept.is_rejected = false;
        self.kept.policy = state.policy;
        self.kept.ladder = state.ladder;
        self.kept.rungs_taken = 0;
        self.kept.outage_s = 0;
        self.kept.recovery_urls = state.recovery_urls;
        self.kept.next_keys = state.next_keys;
        self.take_secrets(state.secrets);
        self.take_items(state.items);
        self.reporting.is_dirty = true;
        self.save(turn);
        turn.actions.push(Action::TagChanged);
        if has_new_urls {
            turn.actions
                .push(Action::RecoveryUrls(self.kept.recovery_urls.clone()));
        }
    }

    fn take_secrets(&mut self, secrets: Vec<SealedSecret>) {
        let is_same = |kept: &KeptSecret, sealed: &SealedSecret| {
            kept.sealed.name == sealed.name && kept.sealed.revision == sealed.revision
        };
        self.kept
            .secrets
            .retain(|kept| !secrets.iter().any(|sealed| is_same(kept, sealed)));
        for kept in &mut self.kept.secrets {
            kept.is_present = false;
        }
        let present = secrets.into_iter().map(|sealed| KeptSecret {
            sealed,
            is_present: true,
        });
        self.kept.secrets.extend(present);
    }

    /// Entries in the order of the state's items; those that it does not name come last.
    fn take_items(&mut self, items: Vec<Item>) {
        let mut former = core::mem::take(&mut self.kept.entries);
        let mut entries = Vec::with_capacity(items.len());
        for item in items {
            let place = former
                .iter()
                .position(|entry| entry.deployment == item.deployment);
            let mut entry =
                place.map_or_else(|| Entry::new(item.deployment), |place| former.remove(place));
            let wanted = Wanted {
                manifest: item.manifest,
                manifest_bytes: item.manifest_bytes,
                override_reason: item.override_reason,
            };
            entry.removed = None;
            entry.begin_anew(Some(wanted));
            entries.push(entry);
        }
        for mut entry in former {
            if let (Some(wanted), None) = (&entry.wanted, &entry.running) {
                entry.removed = Some(wanted.manifest);
            }
            entry.begin_anew(None);
            entries.push(entry);
        }
        self.kept.entries = entries;
        self.describe();
    }

    /// Says how deployments are that nothing is known of but what is kept.
    pub(super) fn describe_restored(&mut self) {
        self.describe();
    }

    fn describe(&mut self) {
        let is_rejected = self.kept.is_rejected;
        let mut conditions = Vec::new();
        for entry in self
            .kept
            .entries
            .iter()
            .filter(|entry| entry.trial.is_none() && !entry.is_broken)
        {
            let differs = self.kept.differs(entry);
            let condition = &entry.condition;
            let is_told = condition.reason.is_some() && condition.not_before_ms > 0;
            let (state, phase, reason) = match (&entry.wanted, &entry.running) {
                (Some(_), _) if !differs => (DeploymentState::Installed, Phase::Idle, None),
                (None, None) => (DeploymentState::Removed, Phase::Idle, None),
                _ if is_rejected => {
                    let text = String::from(
                        "the hub was not reached since this was installed; a newer state is waited for",
                    );
                    let reason = Reason {
                        code: ReasonCode::HubNotReached,
                        text,
                    };
                    (DeploymentState::Failed, Phase::RolledBack, Some(reason))
                }
                _ if is_told => continue,
                (Some(_), _) => (DeploymentState::Pending, Phase::Idle, None),
                (None, Some(_)) => (DeploymentState::Removing, Phase::Idle, None),
            };
            conditions.push((entry.deployment, state, phase, reason));
        }
        for (deployment, state, phase, reason) in conditions {
            self.set(deployment, state, phase, reason);
        }
    }

    /// Says once in a while why a state was not taken.
    fn refuse(&mut self, turn: &Turn<'_>, refusal: Refusal) {
        let Refusal { cause, text } = refusal;
        let kind = match cause {
            RefusalCause::Malformed => 1,
            RefusalCause::Untrusted => 2,
            RefusalCause::OtherDevice => 3,
            RefusalCause::Downgrade { .. } => 4,
            RefusalCause::OtherContent => 5,
        };
        self.note_cause(turn, "state-refused", kind, text);
    }
}

impl Entry {
    /// Something was declared about it, perhaps the same as before. What failed before is looked at again, but a refusal of
    /// the app is not asked for before its time.
    fn begin_anew(&mut self, wanted: Option<Wanted>) {
        let is_same = self.wanted == wanted;
        self.wanted = wanted;
        let is_vetoed = self.condition.phase == Phase::Vetoed;
        if self.trial.is_some() && !is_same {
            self.condition.not_before_ms = 0;
        }
        if self.trial.is_some() || self.is_broken || (is_same && is_vetoed) {
            return;
        }
        let containers = core::mem::take(&mut self.condition.containers);
        self.condition = if is_same {
            Condition {
                not_before_ms: 0,
                ..self.condition.clone()
            }
        } else {
            Condition::NEW
        };
        self.condition.containers = containers;
    }
}

//! Brings the containers back after a start: as they were declared, with their data, without anybody's help.

use std::collections::BTreeSet;
use std::sync::Arc;

use thimble_device_api::{EndReason, EventKind, Problem};
use thimble_runtime::lifecycle::{BackoffSettings, RestartPolicy, Restarts};

use crate::container::{Entry, Phase};
use crate::device::{Device, PIN_PREFIX, disk_problem, pin_owner};
use crate::events::Subject;
use crate::identity::Id;
use crate::images::LastOpened;
use crate::record;
use crate::settle;
use crate::state::{Desired, Saved};

/// How often in a row the daemon may fail while it runs a container before that is left alone.
const HOST_FAILURES_MAX: u32 = 3;

/// Why the daemon was started again, as far as it is known.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// What happened.
    pub(crate) what: String,
    /// The container that was running then.
    pub(crate) container: Option<Id>,
}

impl Device {
    /// Makes the containers that are on the disk. Nothing runs yet.
    pub(crate) fn recover(&self, failure: Option<&Failure>) -> Result<Vec<Arc<Entry>>, Problem> {
        let (states, damages) = self
            .states
            .load()
            .map_err(|error| disk_problem("reading the states of the containers", &error))?;
        for damage in damages {
            self.tell_damage(damage.to_string());
        }
        let pinned = self.images.owners().unwrap_or_else(|fault| {
            tracing::warn!("images that nobody uses may stay pinned: {fault}");
            Vec::new()
        });
        let pinned: BTreeSet<String> = pinned.into_iter().collect();
        let mut entries = Vec::with_capacity(states.len());
        for saved in states {
            match self.revive(saved, &pinned, failure) {
                Ok(entry) => entries.push(entry),
                Err(what) => self.tell_damage(what),
            }
        }
        self.unpin_orphans(pinned);
        if let Some(failure) = failure {
            tracing::error!("the daemon failed and was started again: {}", failure.what);
            self.wires.events.tell(
                EventKind::DaemonRecovered,
                Subject::default(),
                [("what", failure.what.clone())],
            );
        }
        Ok(entries)
    }

    fn revive(
        &self,
        saved: Saved,
        pinned: &BTreeSet<String>,
        failure: Option<&Failure>,
    ) -> Result<Arc<Entry>, String> {
        let (id, name) = (saved.id, saved.name.clone());
        let broken =
            |problem: Problem| format!("container {name} cannot be brought back: {problem}");
        let policy = settle::restart_policy(saved.spec.restart.as_deref()).map_err(broken)?;
        let log = self.open_log(id, &saved.spec).map_err(broken)?;
        {
            let mut table = self.table.write();
            if let Some(other) = table.names.get(&name) {
                return Err(format!(
                    "containers {other} and {id} both have the name {name}; the second is left out"
                ));
            }
            table.names.insert(name.clone(), id);
        }
        // It was pinned before it was on the disk; to do so again takes the disk longer than all the rest.
        let owner = pin_owner(id);
        if !pinned.contains(&owner)
            && let Err(fault) = self.images.pin(&owner, &saved.image.digest)
        {
            tracing::warn!("{name}: its image cannot be kept: {fault}");
        }
        let was_to_run = saved.desired != Desired::Stopped;
        let entry = Entry::new(
            saved,
            log,
            Restarts::new(policy, BackoffSettings::default()),
        );
        let entry = Arc::new(entry);
        self.table.write().entries.insert(id, Arc::clone(&entry));
        let was_running = failure.filter(|failure| failure.container == Some(id));
        match was_running {
            Some(failure) => self.after_host_failure(&entry, &failure.what),
            None if was_to_run && policy == RestartPolicy::Never => self.interrupted(&entry),
            None => {}
        }
        Ok(entry)
    }

    /// The daemon failed while it ran this container: it is started again later each time, and in the end left alone, so
    /// that it cannot take the others down for ever.
    fn after_host_failure(&self, entry: &Arc<Entry>, what: &str) {
        let _operation = entry.operate();
        let failures = {
            let mut inner = entry.inner();
            inner.host_failures += 1;
            if inner.host_failures >= HOST_FAILURES_MAX {
                inner.desired = Desired::Stopped;
            }
            inner.host_failures
        };
        let started_at = entry.inner().started_at;
        let end = record::without_run(EndReason::HostFailure, what.to_owned(), started_at);
        self.settle_end(entry, end);
        if failures >= HOST_FAILURES_MAX {
            let mut inner = entry.inner();
            inner.reason = Some(format!(
                "left alone: the daemon failed {failures} times in a row while it ran this; start it to try again"
            ));
            drop(inner);
            self.tell(
                EventKind::GiveUp,
                entry,
                [("failures", failures.to_string())],
            );
        }
    }

    /// One that is not to be started again was running when the device or the daemon went away.
    fn interrupted(&self, entry: &Arc<Entry>) {
        let _operation = entry.operate();
        let started_at = entry.inner().started_at;
        let end = record::without_run(
            EndReason::Interrupted,
            "the device or the daemon went away while it ran".to_owned(),
            started_at,
        );
        entry.inner().desired = Desired::Stopped;
        self.settle_end(entry, end);
    }

    /// Starts what is to run, in the order of their dependencies: one that must wait is started when it can be.
    pub(crate) fn resume(&self, entries: &[Arc<Entry>]) {
        let mut images = LastOpened::default();
        for entry in entries {
            let _operation = entry.operate();
            let starts = {
                let inner = entry.inner();
                inner.desired != Desired::Stopped
                    && !inner.removed
                    && !inner.phase.is_live()
                    && !matches!(inner.phase, Phase::Restarting { .. } | Phase::Waiting)
            };
            if starts && self.require_open().is_ok() {
                // Without one, the attempt to start it tells why.
                let image = images.open(&*self.images, &entry.image).ok();
                self.begin_by_itself(entry, image);
            }
        }
    }

    /// Gives up images that are pinned for containers that are not there.
    fn unpin_orphans(&self, owners: BTreeSet<String>) {
        let known: BTreeSet<String> = self
            .table
            .read()
            .entries
            .keys()
            .map(|id| pin_owner(*id))
            .collect();
        let orphans = owners
            .into_iter()
            .filter(|owner| owner.starts_with(PIN_PREFIX) && !known.contains(owner));
        for owner in orphans {
            if let Err(fault) = self.images.unpin(&owner) {
                tracing::warn!("an image that nobody uses stays pinned: {fault}");
            }
        }
    }
}

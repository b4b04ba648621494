//! Brings the containers back after a start: as they were declared, with their data, without anybody's help.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use thimble_runtime::Instant;
use thimble_runtime::lifecycle::RestartPolicy;
use thimble_serial::{Policy, RefusalKind};

use crate::batch::Batch;
use crate::container::Entry;
use crate::denied::{Denied, Outcome};
use crate::device::Device;
use crate::identity::is_name;
use crate::journal::Journal;
use crate::keys;
use crate::operations::phase_after;
use crate::records;
use crate::run_end;
use crate::saved::Desired;
use crate::supervisor::Supervisor;

/// How often in a row the firmware may fail while it runs a container before that is left alone.
const HOST_FAILURES_MAX: u8 = 3;
/// Bytes of what is told of the start.
const RECOVERED_BYTES_MAX: usize = 400;

impl Supervisor {
    /// Makes the containers that are on storage, and starts what is to run.
    #[inline(never)]
    pub(crate) fn recover(&mut self, now: Instant) {
        let told = self.device.facts.recovered();
        self.device.recovered = run_end::beginning(told, RECOVERED_BYTES_MAX).into();
        if let Err(why) = self.finish_what_was_begun() {
            self.device.tell_recovered(why.message);
        }
        let names = match self.device.declared_names() {
            Ok(names) => names,
            Err(why) => {
                self.device.tell_recovered(why.message);
                return;
            }
        };
        let mut starts = Vec::new();
        for name in names {
            match self.revive(&name) {
                Ok(is_started_anyway) => starts.push((name, is_started_anyway)),
                Err(why) => self.device.tell_recovered(why.message),
            }
        }
        self.count_host_failure(now);
        for (name, is_started_anyway) in starts {
            self.resume(&name, is_started_anyway, now);
        }
    }

    /// What a power cut interrupted.
    #[inline(never)]
    fn finish_what_was_begun(&mut self) -> Outcome<()> {
        if records::get(&self.device.records, keys::WIPE)?.is_some() {
            self.device.wipe()?;
        }
        for key in records::keys(&self.device.records, keys::LEFTOVERS)? {
            let name = key.get(keys::LEFTOVERS.len()..).unwrap_or_default();
            let mut batch = Batch::default();
            match core::str::from_utf8(name) {
                Ok(name) if is_name(name) => self.remove_leftover(name, &mut batch)?,
                _ => batch.delete(key),
            }
            records::apply(&self.device.records, &batch)?;
        }
        Ok(())
    }

    /// Makes a container that is on storage; whether it is started even if it was stopped.
    #[inline(never)]
    fn revive(&mut self, name: &str) -> Outcome<bool> {
        self.entries.reserve()?;
        let device = &mut self.device;
        let saved = device.saved(name)?;
        let log_bytes = device.settings.log_bytes;
        let journal = Arc::new(Journal::new(name, &device.shared, log_bytes));
        let mut entry = Entry::new(&saved, journal, device.settings.backoff);
        let ends = run_end::all(&device.records, name)?;
        entry.next_end = ends.first().map_or(0, |end| end.number.wrapping_add(1));
        entry.phase = phase_after(ends.first());
        self.entries.insert(entry);
        Ok(saved.declaration.restart == Policy::Always)
    }

    /// The firmware failed while it ran a container: that is left alone in the end, so that it cannot take the others
    /// down for ever.
    #[inline(never)]
    fn count_host_failure(&mut self, now: Instant) {
        let Some(name) = self.device.facts.failed_in().map(String::from) else {
            return;
        };
        let Ok(entry) = self.entries.find(&name) else {
            return;
        };
        if !matches!(entry.desired, Desired::Running | Desired::Paused) {
            return;
        }
        let failures = entry.host_failures.saturating_add(1);
        let why = if failures >= HOST_FAILURES_MAX {
            entry.desired = Desired::Stopped;
            alloc::format!(
                "the firmware failed {failures} times in a row while it ran; left alone, start it to try again"
            )
        } else {
            String::from("the firmware failed while it ran")
        };
        entry.host_failures = failures;
        let end = run_end::interrupted(&why, self.device.unix_ms());
        self.settle_end(&name, end, false, now);
        if let Ok(entry) = self.entries.find(&name) {
            // The count must be there at the next failure, whatever is written how often.
            self.device.flush(entry);
        }
    }

    /// Starts a container that is to run. One that is not to be started again was interrupted.
    #[inline(never)]
    fn resume(&mut self, name: &str, is_started_anyway: bool, now: Instant) {
        let Ok(entry) = self.entries.find(name) else {
            return;
        };
        if matches!(entry.phase, crate::container::Phase::Restarting { .. }) {
            return;
        }
        match entry.desired {
            Desired::Declared => {}
            Desired::Stopped => {
                if is_started_anyway && entry.host_failures < HOST_FAILURES_MAX {
                    entry.desired = Desired::Running;
                    self.begin(name, now);
                }
            }
            Desired::Running | Desired::Paused
                if entry.restarts.policy() == RestartPolicy::Never =>
            {
                entry.desired = Desired::Stopped;
                let end = run_end::interrupted(
                    "interrupted: the device restarted while it ran",
                    self.device.unix_ms(),
                );
                self.settle_end(name, end, false, now);
            }
            Desired::Running | Desired::Paused => self.begin(name, now),
        }
    }
}

impl Device {
    /// The names of the containers that are on storage.
    #[inline(never)]
    fn declared_names(&mut self) -> Outcome<Vec<String>> {
        let mut names = Vec::new();
        for key in records::keys(&self.records, keys::CONTAINERS)? {
            let name = key.get(keys::CONTAINERS.len()..).unwrap_or_default();
            match core::str::from_utf8(name) {
                Ok(name) if is_name(name) => names.push(String::from(name)),
                _ => self.tell_recovered("a container without a readable name is left out"),
            }
            if u32::try_from(names.len()).unwrap_or(u32::MAX) > self.settings.containers_max {
                names.pop();
                return Err(Denied::new(
                    RefusalKind::NoRoom,
                    "there are more containers on storage than there can be",
                ));
            }
        }
        Ok(names)
    }

    /// Tells what was wrong at the start.
    pub(crate) fn tell_recovered(&mut self, what: impl fmt::Display) {
        let text = alloc::format!("{what}");
        if self.recovered.len() + text.len() > RECOVERED_BYTES_MAX {
            return;
        }
        if !self.recovered.is_empty() {
            self.recovered.push_str("; ");
        }
        self.recovered.push_str(&text);
    }
}

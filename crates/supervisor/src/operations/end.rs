//! What happens when a run has ended, and when something is due.

use alloc::boxed::Box;
use alloc::string::{String, ToString};

use thimble_runtime::Instant;
use thimble_runtime::kernel::Beginning;
use thimble_runtime::lifecycle::{Decision, HealthState};
use thimble_runtime::record::ExitRecord;
use thimble_serial::RunEnd;

use crate::batch::Batch;
use crate::container::{Entry, Phase, Run};
use crate::denied::Outcome;
use crate::device::Device;
use crate::records;
use crate::run_end::{self, NumberedEnd};
use crate::saved::Desired;
use crate::status::millis;
use crate::supervisor::Supervisor;

impl Supervisor {
    /// Does all that is due.
    #[inline(never)]
    pub(crate) fn do_due(&mut self, now: Instant) {
        self.look_at_health(now);
        self.hear(now);
        while let Some(name) = self.first(|entry| is_restart_due(entry, now)) {
            self.start_again(&name, now);
        }
        while let Some(name) = self.first(|entry| {
            let mut allowance = entry.allowance;
            entry.unsaved.is_some() && allowance.take(now)
        }) {
            self.save_end(&name, now);
        }
    }

    #[inline(never)]
    fn first(&self, is_wanted: impl Fn(&Entry) -> bool) -> Option<String> {
        let entry = self.entries.iter().find(|entry| is_wanted(entry))?;
        Some(entry.name().to_string())
    }

    /// Looks at all ends that were told.
    #[inline(never)]
    pub(crate) fn hear(&mut self, now: Instant) {
        if !self.device.shared.take_news() {
            return;
        }
        let has_ended = |entry: &Entry| {
            let ended = entry.journal.look(|heard| heard.ended.is_some());
            ended == Some(true) && entry.run.is_some()
        };
        while let Some(name) = self.first(has_ended) {
            let Ok(entry) = self.entries.find(&name) else {
                return;
            };
            let record = entry.journal.look(|heard| heard.ended.take()).flatten();
            if let (Some(run), Some(record)) = (entry.run.take(), record) {
                self.ended(&name, &run, &record, now);
            }
        }
    }

    /// A run has ended.
    #[inline(never)]
    fn ended(&mut self, name: &str, run: &Run, record: &ExitRecord, now: Instant) {
        let device = &mut self.device;
        device.shared.forget(run.id);
        // It has just ended, so it can be removed.
        let _ = device.machine.remove(run.id);
        let (end, is_success) = run_end::of_run(record, run.unhealthy.as_deref());
        let Ok(entry) = self.entries.find(name) else {
            return;
        };
        entry.journal.look(|heard| heard.health.ended());
        entry.host_failures = 0;
        let digest = entry.digest;
        if !self.entries.runs_of(&digest) {
            self.device.catalog.close(&digest);
        }
        if run.starts_anew {
            self.begin_anew(name, end, is_success, now);
        } else {
            self.settle_end(name, end, is_success, now);
        }
    }

    /// An operator asked for another run.
    #[inline(never)]
    fn begin_anew(&mut self, name: &str, end: RunEnd, is_success: bool, now: Instant) {
        let Ok(entry) = self.entries.find(name) else {
            return;
        };
        entry.keep_end(end, is_success);
        entry.phase = if is_success {
            Phase::Exited
        } else {
            Phase::Failed
        };
        self.device.flush(entry);
        self.begin(name, now);
    }

    /// Keeps an end and decides what comes after it.
    #[inline(never)]
    pub(crate) fn settle_end(&mut self, name: &str, end: RunEnd, is_success: bool, now: Instant) {
        let random = self.device.random();
        let Self {
            device, entries, ..
        } = self;
        let Ok(entry) = entries.find(name) else {
            return;
        };
        let decision = if entry.desired == Desired::Stopped {
            Decision::Stay
        } else {
            entry.restarts.ended(is_success, now, random)
        };
        entry.tell_end(&end, decision);
        entry.keep_end(end, is_success);
        if let Decision::Restart { after, .. } = decision {
            entry.phase = Phase::Restarting { at: now + after };
            if entry.allowance.take(now) {
                device.flush(entry);
            }
            return;
        }
        entry.phase = if is_success {
            Phase::Exited
        } else {
            Phase::Failed
        };
        entry.desired = Desired::Stopped;
        if entry.is_removed_after {
            // What cannot be removed is shown as it ended.
            if self.forget(name).is_ok() {
                return;
            }
        }
        if let Ok(entry) = self.entries.find(name) {
            self.device.flush(entry);
        }
    }

    /// Starts a container whose time to wait is over.
    fn start_again(&mut self, name: &str, now: Instant) {
        if let Ok(entry) = self.entries.find(name) {
            entry.total_restarts = entry.total_restarts.saturating_add(1);
        }
        self.begin(name, now);
    }

    /// Begins a run that nobody waits for.
    #[inline(never)]
    pub(crate) fn begin(&mut self, name: &str, now: Instant) {
        let pinned = self.entries.running_images();
        let Self {
            device, entries, ..
        } = self;
        let Ok(entry) = entries.find(name) else {
            return;
        };
        let beginning = if entry.desired == Desired::Paused {
            Beginning::Paused
        } else {
            Beginning::Running
        };
        if let Err(why) = device.launch_saved(entry, beginning, &pinned, now) {
            let end = run_end::cannot_start(&why.message, device.unix_ms());
            self.settle_end(name, end, false, now);
        }
    }

    #[inline(never)]
    fn save_end(&mut self, name: &str, now: Instant) {
        if let Ok(entry) = self.entries.find(name) {
            entry.allowance.take(now);
            self.device.flush(entry);
        }
    }

    /// Ends containers that do not do their job.
    fn look_at_health(&mut self, now: Instant) {
        let Self {
            device, entries, ..
        } = self;
        for entry in entries.iter_mut() {
            device.look_at_health(entry, now);
        }
    }
}

impl Device {
    fn look_at_health(&mut self, entry: &mut Entry, now: Instant) {
        if !entry.counts_health() {
            return;
        }
        let Some(run) = &mut entry.run else { return };
        let why = entry.journal.look(|heard| match heard.health.check(now) {
            HealthState::Unhealthy(illness) if heard.health_message.is_empty() => {
                Some(illness.to_string())
            }
            HealthState::Unhealthy(illness) => {
                Some(alloc::format!("{illness}: {}", heard.health_message))
            }
            _ => None,
        });
        if let Some(why) = why.flatten() {
            entry.journal.line(format_args!("unhealthy: {why}"));
            run.unhealthy = Some(why.into_boxed_str());
            // One that has ended by itself meanwhile is heard of soon.
            let _ = self.machine.kill(run.id);
        }
    }

    /// Writes an end that was not written yet. Storage that fails is told, and what is in memory counts.
    pub(crate) fn flush(&mut self, entry: &mut Entry) {
        if let Err(why) = self.try_flush(entry) {
            entry.journal.line(format_args!(
                "how it ended could not be kept: {}",
                why.message
            ));
        }
    }

    #[inline(never)]
    fn try_flush(&mut self, entry: &mut Entry) -> Outcome<()> {
        let mut batch = Batch::default();
        if let Some(end) = &entry.unsaved {
            end.put(entry.name(), &mut batch);
        }
        self.put_desired(entry, entry.desired, &mut batch)?;
        records::apply(&self.records, &batch)?;
        entry.unsaved = None;
        Ok(())
    }
}

impl Entry {
    /// Keeps an end in memory, until it is written.
    pub(crate) fn keep_end(&mut self, end: RunEnd, is_success: bool) {
        self.unsaved = Some(Box::new(NumberedEnd {
            number: self.next_end,
            is_success,
            end,
        }));
        self.next_end = self.next_end.wrapping_add(1);
    }

    /// Tells an end, and what comes after it, in the container's log.
    #[inline(never)]
    fn tell_end(&self, end: &RunEnd, decision: Decision) {
        let RunEnd {
            reason, exit_code, ..
        } = end;
        match decision {
            Decision::Stay => self
                .journal
                .line(format_args!("{reason}, exit code {exit_code}")),
            Decision::Restart { after, crash_loop } => {
                let again = if crash_loop { ", again and again" } else { "" };
                self.journal.line(format_args!(
                    "{reason}, exit code {exit_code}{again}; starts again in {} ms",
                    millis(after)
                ));
            }
            Decision::GiveUp { failures } => self.journal.line(format_args!(
                "{reason}, exit code {exit_code}; gave up after {failures} failures in a row"
            )),
        }
    }
}

fn is_restart_due(entry: &Entry, now: Instant) -> bool {
    matches!(entry.phase, Phase::Restarting { at } if at <= now)
}

//! What happens when a run has ended, and when something is due.

use std::sync::Arc;
use std::time::Duration;

use thimble_device_api::{
    EndReason, EventKind, ExitRecord, Health, HealthAction, Problem, Timestamp,
};
use thimble_runtime::Instant;
use thimble_runtime::config::ContainerId;
use thimble_runtime::kernel::Usage;
use thimble_runtime::lifecycle::Decision;
use thimble_runtime::record::{End, ExitRecord as RuntimeRecord};

use crate::container::{Entry, Inner, Phase, is_success};
use crate::device::{Device, now, random_bits};
use crate::images::OpenedImage;
use crate::record;
use crate::state::Desired;

/// A container's health is told that often at most.
const HEALTH_EVERY: Duration = Duration::from_secs(1);

impl Device {
    /// A run has ended.
    pub(crate) fn ended(&self, runtime: ContainerId, ended: &RuntimeRecord, usage: Usage) {
        let Some(entry) = self.wires.runs.read().get(&runtime).cloned() else {
            return;
        };
        // Waits for whoever is starting it.
        let _operation = entry.operate();
        if !entry.inner().is_run(runtime) {
            return;
        }
        self.wires.runs.write().remove(&runtime);
        // It has just ended, so it can be removed.
        let _ = self.machine.remove(runtime);
        let mut end = self.describe(&entry, ended);
        let run = {
            let mut inner = entry.inner();
            inner.usage = usage;
            inner.health.ended();
            inner.health_seen = Health::None;
            inner.run.take()
        };
        if let (Some(reason), End::Killed) = (run.and_then(|run| run.unhealthy), &ended.end) {
            end.reason = EndReason::Unhealthy;
            end.detail = reason;
        }
        entry.log.ended();
        self.settle_end(&entry, end);
    }

    /// The end as it is told. The module is read again where it names places of a backtrace.
    fn describe(&self, entry: &Entry, ended: &RuntimeRecord) -> ExitRecord {
        let image = match &ended.end {
            End::Trapped(trap) if !trap.backtrace.is_empty() => self
                .images
                .open(&entry.image.reference, Some(&entry.image.digest))
                .ok(),
            _ => None,
        };
        record::of_run(ended, image.as_ref().map(|image| &image.module))
    }

    /// Keeps an end and decides what comes after it. The caller holds the operation.
    pub(crate) fn settle_end(&self, entry: &Arc<Entry>, end: ExitRecord) {
        let success = is_success(&end);
        let mut attributes = vec![
            ("reason", end.reason.name().to_owned()),
            ("exit_code", end.exit_code.to_string()),
        ];
        if !end.detail.is_empty() {
            attributes.push(("detail", end.detail.clone()));
        }
        let (next, auto_remove) = {
            let mut inner = entry.inner();
            if end.reason != EndReason::HostFailure {
                inner.host_failures = 0;
            }
            inner.add_end(end);
            let next = self.after_end(&mut inner, success);
            let removes = inner.spec.auto_remove && inner.phase.is_at_rest();
            (next, removes)
        };
        if auto_remove {
            self.tell(EventKind::End, entry, attributes);
            self.forget(entry);
            return;
        }
        // Before anybody hears of it: who was told that it has ended must not see it run again.
        self.save_later(entry);
        self.tell(EventKind::End, entry, attributes);
        self.tell_next(entry, next);
        self.changed(entry);
    }

    fn after_end(&self, inner: &mut Inner, success: bool) -> Decision {
        let closing = self.closing.load(std::sync::atomic::Ordering::Acquire);
        let decision = if inner.desired == Desired::Stopped || closing {
            Decision::Stay
        } else {
            let random = u32::try_from(random_bits() & u64::from(u32::MAX)).unwrap_or_default();
            inner.restarts.ended(success, now(), random)
        };
        match decision {
            Decision::Restart { after, .. } => {
                let shown = Timestamp::now()
                    .checked_add(after)
                    .unwrap_or_else(|_| Timestamp::now());
                inner.phase = Phase::Restarting {
                    at: now() + after,
                    shown,
                };
            }
            Decision::Stay | Decision::GiveUp { .. } => {
                inner.phase = if success {
                    Phase::Exited
                } else {
                    Phase::Failed
                };
                // What the daemon stops on its way down is to run again, if it ever is.
                if !closing || never_again(&inner.spec) {
                    inner.desired = Desired::Stopped;
                }
            }
        }
        inner.reason = match decision {
            Decision::GiveUp { failures } => {
                Some(format!("gave up after {failures} failures in a row"))
            }
            Decision::Restart {
                crash_loop: true, ..
            } => Some(format!(
                "fails again and again: {} failures in a row",
                inner.restarts.failures()
            )),
            _ => None,
        };
        decision
    }

    fn tell_next(&self, entry: &Entry, next: Decision) {
        match next {
            Decision::Stay => {}
            Decision::Restart { after, crash_loop } => {
                let kind = if crash_loop {
                    EventKind::CrashLoop
                } else {
                    EventKind::Restart
                };
                self.tell(kind, entry, [("after_ms", after.as_millis().to_string())]);
            }
            Decision::GiveUp { failures } => {
                self.tell(
                    EventKind::GiveUp,
                    entry,
                    [("failures", failures.to_string())],
                );
            }
        }
    }

    /// When something is due for a container, unless that is now.
    #[expect(
        clippy::option_option,
        reason = "nothing is due, which is not the same as something being due now"
    )]
    pub(crate) fn due_without_waiting(&self, entry: &Entry) -> Option<Option<Instant>> {
        let mut inner = entry.inner();
        inner.look_asked = false;
        match due(&inner) {
            Some(at) if at <= now() => None,
            at => Some(at),
        }
    }

    /// Does what is due for a container; when something is due next.
    pub(crate) fn look(&self, entry: &Arc<Entry>) -> Option<Instant> {
        let _operation = entry.operate();
        let restarts = {
            let inner = entry.inner();
            matches!(inner.phase, Phase::Restarting { at, .. } if at <= now()) && !inner.removed
        };
        if restarts && self.require_open().is_ok() {
            entry.inner().total_restarts += 1;
            self.begin_by_itself(entry, None);
        }
        self.look_at_health(entry);
        due(&entry.inner())
    }

    /// Starts those whose dependencies are as far as they must be.
    pub(crate) fn start_waiting(&self) {
        let waiting: Vec<_> = self.waiting.lock().iter().copied().collect();
        for id in waiting {
            let entry = self.table.read().entries.get(&id).cloned();
            let Some(entry) = entry else {
                self.waiting.lock().remove(&id);
                continue;
            };
            let _operation = entry.operate();
            let waits = entry.inner().phase == Phase::Waiting;
            if waits && self.require_open().is_ok() {
                self.begin_by_itself(&entry, None);
            }
        }
    }

    /// Begins a run that nobody waits for. The caller holds the operation.
    pub(crate) fn begin_by_itself(&self, entry: &Arc<Entry>, image: Option<&OpenedImage>) {
        if let Err(problem) = self.begin(entry, image) {
            self.cannot_start(entry, &problem);
        }
    }

    fn cannot_start(&self, entry: &Arc<Entry>, problem: &Problem) {
        tracing::warn!("{}: cannot be started: {}", entry.name, problem.detail);
        let started_at = entry.inner().started_at;
        let end = record::without_run(EndReason::CannotStart, problem.detail.clone(), started_at);
        self.settle_end(entry, end);
    }

    /// Tells a container's health if it changed, and ends one that is unhealthy.
    fn look_at_health(&self, entry: &Arc<Entry>) {
        let (told, kill) = {
            let mut inner = entry.inner();
            inner.look_at_health(now());
            let seen = inner.health_seen;
            let (before, at) = inner.health_told;
            let tells = seen != before && now().since(at) >= HEALTH_EVERY;
            if tells {
                inner.health_told = (seen, now());
            }
            let ill = seen == Health::Unhealthy
                && inner.phase == Phase::Running
                && inner.health_action == HealthAction::Restart;
            let message = inner.health_message.clone();
            let kill = inner
                .run
                .as_mut()
                .filter(|run| ill && run.unhealthy.is_none())
                .map(|run| {
                    run.unhealthy = Some(message.clone());
                    run.runtime
                });
            (tells.then_some((seen, message)), kill)
        };
        if let Some((seen, message)) = told {
            self.tell(
                EventKind::Health,
                entry,
                [("status", seen.name().to_owned()), ("message", message)],
            );
            self.changed(entry);
        }
        if let Some(runtime) = kill {
            // One that has ended by itself meanwhile is told soon.
            let _ = self.machine.kill(runtime);
        }
    }
}

/// Whether a container is left as it ended.
pub(crate) fn never_again(spec: &thimble_device_api::ContainerSpec) -> bool {
    matches!(spec.restart.as_deref(), None | Some("no"))
}

/// When something is due for a container: now, if its health is to be told.
fn due(inner: &Inner) -> Option<Instant> {
    let news = inner.health_seen != inner.health_told.0 && inner.run.is_some();
    if news {
        let told = inner.health_told.1 + HEALTH_EVERY;
        return Some(due_later(inner).map_or(told, |due| due.min(told)));
    }
    due_later(inner)
}

fn due_later(inner: &Inner) -> Option<Instant> {
    match inner.phase {
        Phase::Restarting { at, .. } => Some(at),
        Phase::Running => inner.health.due(),
        _ => None,
    }
}

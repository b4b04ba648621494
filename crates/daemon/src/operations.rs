//! What operators do to containers. Everything here may wait for the disk.

mod close;
mod create;
mod end;
mod launch;
mod remove;
mod update;

use std::sync::Arc;
use std::time::Duration;

use thimble_device_api::{EventKind, Problem, ProblemKind};
use thimble_runtime::config::ContainerId;

use crate::container::{Entry, Inner, Phase};
use crate::device::{Device, disk_problem};
use crate::state::Desired;
use crate::wait::Ending;

pub(crate) use create::CreateMode;

impl Device {
    /// Starts a container, or has it wait for those that it depends on. One that runs already stays as it is.
    pub(crate) fn start(&self, entry: &Arc<Entry>) -> Result<(), Problem> {
        self.require_open()?;
        let _operation = entry.operate();
        self.require_there(entry)?;
        let before = {
            let mut inner = entry.inner();
            if inner.phase.is_live() || inner.phase == Phase::Waiting {
                return Ok(());
            }
            // Whoever starts it anew thinks that what was wrong is right now.
            inner.restarts.reset();
            inner.host_failures = 0;
            std::mem::replace(&mut inner.desired, Desired::Running)
        };
        self.save_or(entry, |inner| inner.desired = before)?;
        self.begin(entry, None).inspect_err(|_| {
            entry.inner().desired = Desired::Stopped;
            self.save_later(entry);
        })
    }

    /// Asks a container to stop, and kills it after its grace, or after `grace` if there is one. Does not wait for that.
    pub(crate) fn stop(
        &self,
        entry: &Arc<Entry>,
        grace: Option<Duration>,
    ) -> Result<Ending, Problem> {
        let _operation = entry.operate();
        self.require_there(entry)?;
        let before = std::mem::replace(&mut entry.inner().desired, Desired::Stopped);
        if before != Desired::Stopped {
            self.save_or(entry, |inner| inner.desired = before)?;
        }
        let (ending, runtime) = {
            let mut inner = entry.inner();
            let runtime = if !inner.phase.is_live() {
                rest(&mut inner);
                None
            } else {
                let was_paused = inner.phase == Phase::Paused;
                inner.phase = Phase::Stopping;
                inner.run.as_ref().map(|run| (run.runtime, was_paused))
            };
            (inner.ending(), runtime)
        };
        self.waiting.lock().remove(&entry.id);
        if let Some((runtime, was_paused)) = runtime {
            self.tell(EventKind::Stop, entry, []);
            if was_paused {
                // It could not hear otherwise.
                let _ = self.machine.unpause(runtime);
            }
            // One that has ended by itself meanwhile is told soon.
            let _ = self.machine.stop_within(runtime, grace);
        }
        self.changed(entry);
        Ok(ending)
    }

    /// Kills a container. Does not wait for its end, which is soon.
    pub(crate) fn kill(&self, entry: &Arc<Entry>) -> Result<Ending, Problem> {
        let _operation = entry.operate();
        self.require_there(entry)?;
        let before = {
            let mut inner = entry.inner();
            if !inner.phase.is_live() && inner.phase.is_at_rest() {
                return Err(wrong_state(entry, &inner, "only what runs can be killed"));
            }
            std::mem::replace(&mut inner.desired, Desired::Stopped)
        };
        self.save_or(entry, |inner| inner.desired = before)?;
        let (ending, runtime) = to_be_killed(&mut entry.inner());
        self.waiting.lock().remove(&entry.id);
        if let Some(runtime) = runtime {
            self.tell(EventKind::Kill, entry, []);
            // One that has ended by itself meanwhile is told soon.
            let _ = self.machine.kill(runtime);
        }
        self.changed(entry);
        Ok(ending)
    }

    /// Ends a container that is about to be removed. What becomes of it is not kept, so that a full disk is no obstacle; one
    /// that could not be removed afterwards runs on.
    pub(crate) fn end_for_removal(&self, entry: &Arc<Entry>) -> Result<Ending, Problem> {
        let _operation = entry.operate();
        self.require_there(entry)?;
        self.states
            .check_removable()
            .map_err(|error| disk_problem("removing", &error).about(&entry.name))?;
        let (ending, runtime) = {
            let mut inner = entry.inner();
            inner.desired = Desired::Stopped;
            to_be_killed(&mut inner)
        };
        self.waiting.lock().remove(&entry.id);
        if let Some(runtime) = runtime {
            // One that has ended by itself meanwhile is told soon.
            let _ = self.machine.kill(runtime);
        }
        self.changed(entry);
        Ok(ending)
    }

    /// Keeps a container from running until [`Device::unpause`].
    pub(crate) fn pause(&self, entry: &Arc<Entry>) -> Result<(), Problem> {
        self.hold(
            entry,
            Phase::Running,
            Phase::Paused,
            "only what runs can be paused",
        )
    }

    /// Lets a paused container go on.
    pub(crate) fn unpause(&self, entry: &Arc<Entry>) -> Result<(), Problem> {
        self.hold(
            entry,
            Phase::Paused,
            Phase::Running,
            "only what is paused can go on",
        )
    }

    fn hold(
        &self,
        entry: &Arc<Entry>,
        from: Phase,
        to: Phase,
        otherwise: &str,
    ) -> Result<(), Problem> {
        let _operation = entry.operate();
        self.require_there(entry)?;
        let pauses = to == Phase::Paused;
        let (runtime, before) = {
            let mut inner = entry.inner();
            let runtime = inner.run.as_ref().map(|run| run.runtime);
            let Some(runtime) = runtime.filter(|_| inner.phase == from) else {
                return Err(wrong_state(entry, &inner, otherwise));
            };
            let desired = if pauses {
                Desired::Paused
            } else {
                Desired::Running
            };
            (runtime, std::mem::replace(&mut inner.desired, desired))
        };
        self.save_or(entry, |inner| inner.desired = before)?;
        let (done, kind) = if pauses {
            (self.machine.pause(runtime), EventKind::Pause)
        } else {
            (self.machine.unpause(runtime), EventKind::Unpause)
        };
        if done.is_err() {
            // It ended by itself this very moment; its end is told soon.
            let mut inner = entry.inner();
            inner.desired = Desired::Running;
            return Err(wrong_state(entry, &inner, otherwise));
        }
        {
            let mut inner = entry.inner();
            inner.phase = to;
            if pauses {
                inner.health.paused(crate::device::now());
            } else {
                inner.health.unpaused(crate::device::now());
            }
        }
        self.tell(kind, entry, []);
        self.changed(entry);
        Ok(())
    }

    /// Writes what was changed, or takes it back.
    fn save_or(&self, entry: &Entry, take_back: impl FnOnce(&mut Inner)) -> Result<(), Problem> {
        self.save(entry)
            .inspect_err(|_| take_back(&mut entry.inner()))
    }

    /// Writes what nobody was promised. A disk that fails is told, and what is in memory counts.
    pub(crate) fn save_later(&self, entry: &Entry) {
        if let Err(problem) = self.save(entry) {
            tracing::error!("{problem}");
        }
    }

    fn require_there(&self, entry: &Entry) -> Result<(), Problem> {
        if entry.inner().removed {
            return Err(crate::device::no_such_container(&entry.name));
        }
        Ok(())
    }
}

/// Leaves one that waits, or that would be started again, as its last run ended.
fn rest(inner: &mut Inner) {
    if !inner.phase.is_at_rest() {
        inner.phase = match inner.ends.first() {
            None => Phase::Created,
            Some(end) if crate::container::is_success(end) => Phase::Exited,
            Some(_) => Phase::Failed,
        };
    }
    inner.reason = None;
}

/// The run that is about to be killed, and what to wait for then. One that only waits ends by that.
fn to_be_killed(inner: &mut Inner) -> (Ending, Option<ContainerId>) {
    if !inner.phase.is_live() {
        rest(inner);
    }
    (inner.ending(), inner.run.as_ref().map(|run| run.runtime))
}

fn wrong_state(entry: &Entry, inner: &Inner, otherwise: &str) -> Problem {
    Problem::new(
        ProblemKind::WrongState,
        format_args!(
            "the container is {}; {otherwise}",
            inner.phase.state().name()
        ),
    )
    .about(&entry.name)
}

//! What operators do to containers.

mod create;
mod end;
mod remove;
mod reset;

use core::time::Duration;

use thimble_runtime::Instant;
use thimble_runtime::kernel::Beginning;

use crate::batch::Batch;
use crate::container::{Entry, Phase};
use crate::denied::{Denied, Outcome};
use crate::device::Device;
use crate::records;
use crate::run_end::{self, NumberedEnd};
use crate::saved::Desired;
use crate::supervisor::Supervisor;

impl Supervisor {
    /// Starts a container. One that runs already stays as it is; one that is about to stop begins anew then.
    #[inline(never)]
    pub(crate) fn start(&mut self, name: &str, now: Instant) -> Outcome<()> {
        let pinned = self.entries.running_images();
        let Self {
            device, entries, ..
        } = self;
        let entry = entries.find(name)?;
        if entry.run.is_some() {
            if entry.desired == Desired::Stopped {
                device.declare(entry, Desired::Running)?;
                if let Some(run) = &mut entry.run {
                    run.starts_anew = true;
                }
            }
            return Ok(());
        }
        let before = (entry.phase, entry.restarts.clone(), entry.host_failures);
        // Whoever starts it anew thinks that what was wrong is right now.
        entry.restarts.reset();
        entry.host_failures = 0;
        let started = device
            .launch_saved(entry, Beginning::Running, &pinned, now)
            .and_then(|()| device.declare(entry, Desired::Running));
        match started {
            Ok(()) => entry.total_restarts = 0,
            Err(_) => {
                device.discard_run(entry);
                (entry.phase, entry.restarts, entry.host_failures) = before;
            }
        }
        started
    }

    /// Asks a container to stop, and kills it after its grace. Does not wait for that.
    #[inline(never)]
    pub(crate) fn stop(&mut self, name: &str, grace_ms: Option<u32>) -> Outcome<()> {
        let Self {
            device, entries, ..
        } = self;
        let entry = entries.find(name)?;
        device.declare_stopped(entry)?;
        let Some(run) = &mut entry.run else {
            return device.rest(entry);
        };
        run.starts_anew = false;
        let grace = grace_ms.map(|ms| Duration::from_millis(ms.into()));
        device.ask_to_stop(entry, grace);
        Ok(())
    }

    /// Kills a container.
    #[inline(never)]
    pub(crate) fn kill(&mut self, name: &str) -> Outcome<()> {
        let Self {
            device, entries, ..
        } = self;
        let entry = entries.find(name)?;
        if entry.is_at_rest() {
            return Err(wrong_state(entry, "only what runs can be killed"));
        }
        device.declare_stopped(entry)?;
        let Some(run) = &mut entry.run else {
            return device.rest(entry);
        };
        run.starts_anew = false;
        // One that has ended by itself meanwhile is heard of soon.
        let _ = device.machine.kill(run.id);
        Ok(())
    }

    /// Keeps a container from running.
    #[inline(never)]
    pub(crate) fn pause(&mut self, name: &str, now: Instant) -> Outcome<()> {
        let Self {
            device, entries, ..
        } = self;
        let entry = entries.find(name)?;
        let id = match &entry.run {
            Some(run) if entry.phase == Phase::Running && entry.desired == Desired::Running => {
                run.id
            }
            _ => return Err(wrong_state(entry, "only what runs can be paused")),
        };
        device.declare(entry, Desired::Paused)?;
        // It could only have ended, which is heard of soon.
        if device.machine.pause(id).is_ok() {
            entry.phase = Phase::Paused;
            entry.journal.look(|heard| heard.health.paused(now));
        }
        Ok(())
    }

    /// Lets a paused container go on.
    #[inline(never)]
    pub(crate) fn unpause(&mut self, name: &str, now: Instant) -> Outcome<()> {
        let Self {
            device, entries, ..
        } = self;
        let entry = entries.find(name)?;
        if entry.run.is_none() || entry.phase != Phase::Paused {
            return Err(wrong_state(entry, "only what is paused can go on"));
        }
        device.declare(entry, Desired::Running)?;
        device.let_go_on(entry, now);
        Ok(())
    }

    /// Stops a container and starts it again.
    #[inline(never)]
    pub(crate) fn restart(&mut self, name: &str, now: Instant) -> Outcome<()> {
        let Self {
            device, entries, ..
        } = self;
        let entry = entries.find(name)?;
        let Some(run) = &mut entry.run else {
            return self.start(name, now);
        };
        let before = core::mem::replace(&mut run.starts_anew, true);
        if let Err(why) = device.declare(entry, Desired::Running) {
            if let Some(run) = &mut entry.run {
                run.starts_anew = before;
            }
            return Err(why);
        }
        entry.restarts.reset();
        entry.total_restarts = 0;
        device.ask_to_stop(entry, None);
        Ok(())
    }
}

impl Device {
    /// Keeps what is to become of a container, and an end that was not kept yet.
    ///
    /// # Errors
    /// Storage is full or failed; nothing has changed.
    #[inline(never)]
    pub(crate) fn declare(&mut self, entry: &mut Entry, desired: Desired) -> Outcome<()> {
        let mut batch = Batch::default();
        if let Some(end) = &entry.unsaved {
            end.put(entry.name(), &mut batch);
        }
        self.put_desired(entry, desired, &mut batch)?;
        records::apply(&self.records, &batch)?;
        entry.unsaved = None;
        entry.desired = desired;
        Ok(())
    }

    /// Keeps that a container is not to run. One that nobody has started yet stays so.
    fn declare_stopped(&mut self, entry: &mut Entry) -> Outcome<()> {
        if entry.desired == Desired::Declared {
            return Ok(());
        }
        self.declare(entry, Desired::Stopped)
    }

    #[inline(never)]
    fn ask_to_stop(&mut self, entry: &mut Entry, grace: Option<Duration>) {
        if entry.phase == Phase::Paused {
            // It could not hear otherwise.
            let now = self.shared.now();
            self.let_go_on(entry, now);
        }
        if let Some(run) = &entry.run {
            // One that has ended by itself meanwhile is heard of soon.
            let _ = self.machine.stop(run.id, grace);
        }
    }

    fn let_go_on(&mut self, entry: &mut Entry, now: Instant) {
        if let Some(run) = &entry.run
            && self.machine.unpause(run.id).is_ok()
        {
            entry.phase = Phase::Running;
            entry.journal.look(|heard| heard.health.unpaused(now));
        }
    }

    /// Leaves one that would be started again as its last run ended.
    #[inline(never)]
    pub(crate) fn rest(&mut self, entry: &mut Entry) -> Outcome<()> {
        if !entry.is_at_rest() {
            entry.phase = phase_after(self.last_end(entry)?.as_ref());
        }
        Ok(())
    }

    /// How a container's last run ended.
    ///
    /// # Errors
    /// Storage failed.
    #[inline(never)]
    pub(crate) fn last_end(&self, entry: &Entry) -> Outcome<Option<NumberedEnd>> {
        if let Some(end) = &entry.unsaved {
            return Ok(Some((**end).clone()));
        }
        Ok(run_end::all(&self.records, entry.name())?
            .into_iter()
            .next())
    }
}

/// Where a container is that does not run and is not going to.
pub(crate) fn phase_after(end: Option<&NumberedEnd>) -> Phase {
    match end {
        None => Phase::Created,
        Some(end) if end.is_success => Phase::Exited,
        Some(_) => Phase::Failed,
    }
}

fn wrong_state(entry: &Entry, otherwise: &str) -> Denied {
    let state = match (entry.desired, entry.run.is_some()) {
        (Desired::Stopped, true) => "about to stop",
        _ => entry.state_name(),
    };
    Denied::conflict(format_args!("the container is {state}; {otherwise}"))
}

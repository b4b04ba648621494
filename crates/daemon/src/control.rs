//! What happens by itself: ends of runs, restarts, health, dependencies. Waits without ticking.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use thimble_runtime::Instant;
use thimble_runtime::config::ContainerId;
use thimble_runtime::kernel::Usage;
use thimble_runtime::record::ExitRecord;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::device::{Device, now};
use crate::identity::Id;

/// What the control thread is told.
pub(crate) enum Control {
    /// A run has ended.
    Ended {
        runtime: ContainerId,
        record: Box<ExitRecord>,
        usage: Usage,
    },
    /// Something of a container changed: something may be due, or due at another time.
    Look(Id),
    /// Something changed that other containers may wait for.
    Changed,
    /// A container was looked at; when something is due next.
    Looked(Id, Option<Instant>),
    /// Those that wait were looked at.
    WaitingDone,
}

/// Carries out what happens by itself, until the daemon ends.
pub(crate) async fn run(device: Arc<Device>, mut told: mpsc::UnboundedReceiver<Control>) {
    let mut state = State::default();
    loop {
        let message = match state.next_due() {
            None => told.recv().await,
            Some(at) => {
                let wait = at.since(now());
                tokio::select! {
                    message = told.recv() => message,
                    () = tokio::time::sleep(wait) => {
                        state.look_at_due(&device);
                        continue;
                    }
                }
            }
        };
        let Some(message) = message else { return };
        state.hear(&device, message);
    }
}

#[derive(Default)]
struct State {
    due: BTreeSet<(Instant, Id)>,
    due_of: HashMap<Id, Instant>,
    /// Containers that are being looked at; `true` if they must be looked at again.
    looking: HashMap<Id, bool>,
    /// Whether those that wait are being looked at, and must be again.
    waiting: Option<bool>,
}

impl State {
    fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    fn set_due(&mut self, id: Id, at: Option<Instant>) {
        if let Some(before) = self.due_of.remove(&id) {
            self.due.remove(&(before, id));
        }
        if let Some(at) = at {
            self.due.insert((at, id));
            self.due_of.insert(id, at);
        }
    }

    fn look_at_due(&mut self, device: &Arc<Device>) {
        let now = now();
        while let Some((at, id)) = self.due.first().copied() {
            if at > now {
                return;
            }
            self.set_due(id, None);
            self.look(device, id);
        }
    }

    fn hear(&mut self, device: &Arc<Device>, message: Control) {
        match message {
            Control::Ended {
                runtime,
                record,
                usage,
            } => {
                let device = Arc::clone(device);
                spawn_blocking(move || device.ended(runtime, &record, usage));
            }
            Control::Look(id) => self.look(device, id),
            Control::Looked(id, at) => {
                let again = self.looking.remove(&id) == Some(true);
                if again {
                    self.look(device, id);
                } else {
                    // Not sooner than this, whatever a clock or a container does.
                    let soonest = now() + Duration::from_millis(1);
                    self.set_due(id, at.map(|at| at.max(soonest)));
                }
            }
            Control::Changed => self.look_at_waiting(device),
            Control::WaitingDone => {
                if self.waiting.take() == Some(true) {
                    self.look_at_waiting(device);
                }
            }
        }
    }

    fn look(&mut self, device: &Arc<Device>, id: Id) {
        if let Some(again) = self.looking.get_mut(&id) {
            *again = true;
            return;
        }
        let Some(entry) = device.table.read().entries.get(&id).cloned() else {
            self.set_due(id, None);
            return;
        };
        // Most have nothing that is due, and need no thread to find that out.
        if let Some(at) = device.due_without_waiting(&entry) {
            self.set_due(id, at);
            return;
        }
        self.looking.insert(id, false);
        let device = Arc::clone(device);
        spawn_blocking(move || {
            let at = device.look(&entry);
            device.control(Control::Looked(id, at));
        });
    }

    fn look_at_waiting(&mut self, device: &Arc<Device>) {
        if let Some(again) = &mut self.waiting {
            *again = true;
            return;
        }
        self.waiting = Some(false);
        let device = Arc::clone(device);
        spawn_blocking(move || {
            device.start_waiting();
            device.control(Control::WaitingDone);
        });
    }
}

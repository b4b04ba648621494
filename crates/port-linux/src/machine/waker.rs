//! Makes a container ready again.

use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

use thimble_runtime::config::ContainerId;

use super::{Machine, Shared};

struct ContainerWaker {
    machine: Weak<Shared>,
    id: ContainerId,
}

impl Wake for ContainerWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(shared) = self.machine.upgrade() {
            let machine = Machine(shared);
            if machine.0.kernel.lock().wake(self.id) {
                machine.notify();
            }
        }
    }
}

/// A waker for a container.
pub(super) fn container(machine: &Machine, id: ContainerId) -> Waker {
    Arc::new(ContainerWaker {
        machine: Arc::downgrade(&machine.0),
        id,
    })
    .into()
}

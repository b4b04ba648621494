//! Tells the loop that something happened, from anywhere: a host call, a task, an interrupt handler.

use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};

use embassy_sync::waitqueue::AtomicWaker;
use thimble_runtime::config::ContainerId;

/// Rings when there may be something to do.
pub struct Alarm {
    is_rung: AtomicBool,
    sleeper: AtomicWaker,
}

impl Alarm {
    pub(super) const fn new() -> Self {
        Self {
            is_rung: AtomicBool::new(false),
            sleeper: AtomicWaker::new(),
        }
    }

    /// Rings it.
    pub fn ring(&self) {
        self.is_rung.store(true, Ordering::SeqCst);
        self.sleeper.wake();
    }

    /// Whether it has rung since the last answer.
    pub(super) fn answer(&self) -> bool {
        self.is_rung.swap(false, Ordering::SeqCst)
    }

    /// Ready as soon as it has rung; [`super::Machine::step`] answers it.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        self.sleeper.register(context.waker());
        if self.is_rung.load(Ordering::SeqCst) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// A container's own bell.
struct Bell {
    id: ContainerId,
    is_rung: AtomicBool,
    alarm: Arc<Alarm>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_rung.store(true, Ordering::SeqCst);
        self.alarm.ring();
    }
}

/// The bells of the containers that live.
#[derive(Default)]
pub(super) struct Bells(Vec<Arc<Bell>>);

impl Bells {
    /// Hangs up a bell for a container.
    pub(super) fn add(&mut self, id: ContainerId, alarm: &Arc<Alarm>) -> Waker {
        let bell = Arc::new(Bell {
            id,
            is_rung: AtomicBool::new(false),
            alarm: Arc::clone(alarm),
        });
        self.0.push(Arc::clone(&bell));
        bell.into()
    }

    pub(super) fn remove(&mut self, id: ContainerId) {
        self.0.retain(|bell| bell.id != id);
    }

    /// Those that were rung since the last time.
    pub(super) fn rung(&self) -> impl Iterator<Item = ContainerId> + '_ {
        let rung = self
            .0
            .iter()
            .filter(|bell| bell.is_rung.swap(false, Ordering::SeqCst));
        rung.map(|bell| bell.id)
    }
}

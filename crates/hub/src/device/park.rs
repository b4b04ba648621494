//! A poll that waits: an entry in the map of versions, and no timer.

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};

use thimble_protocol::{DeviceId, StateVersion};

use super::versions::{Parked, Unparked, Versions};

/// A poll that waits. Costs an entry in a map and no timer.
#[derive(Debug)]
pub struct Park<'a> {
    pub(super) versions: &'a Versions,
    pub(super) id: DeviceId,
    pub(super) seen: StateVersion,
    pub(super) nudges: u8,
    pub(super) ticket: u64,
}

impl Future for Park<'_> {
    type Output = Unparked;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Unparked> {
        let versions = self.versions;
        let mut shard = versions.shard(self.id).lock();
        if versions.is_stopping.load(Ordering::SeqCst) {
            return Poll::Ready(Unparked::Stopping);
        }
        let Some(entry) = shard.devices.get(&self.id) else {
            return Poll::Ready(Unparked::Changed);
        };
        let is_same = entry.is_active
            && entry.version == self.seen.0
            && entry.nudges == self.nudges
            && !entry.is_report_wanted;
        if !is_same {
            return Poll::Ready(Unparked::Changed);
        }
        match shard.parked.get_mut(&self.id) {
            Some(parked) if parked.ticket > self.ticket => Poll::Ready(Unparked::Displaced),
            Some(parked) => {
                let is_other = parked.ticket != self.ticket;
                parked.ticket = self.ticket;
                if is_other || !parked.waker.will_wake(context.waker()) {
                    let before = core::mem::replace(&mut parked.waker, context.waker().clone());
                    if is_other {
                        before.wake();
                    }
                }
                Poll::Pending
            }
            None => {
                let parked = Parked {
                    ticket: self.ticket,
                    waker: context.waker().clone(),
                };
                shard.parked.insert(self.id, parked);
                versions.parked.fetch_add(1, Ordering::Relaxed);
                Poll::Pending
            }
        }
    }
}

impl Drop for Park<'_> {
    fn drop(&mut self) {
        let mut shard = self.versions.shard(self.id).lock();
        let is_mine = shard
            .parked
            .get(&self.id)
            .is_some_and(|parked| parked.ticket == self.ticket);
        if is_mine {
            shard.parked.remove(&self.id);
            self.versions.parked.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

//! All sockets of the device: their slots, their wakers, and the memory that they share.

use alloc::vec::Vec;
use core::mem;
use core::task::Waker;

use thimble_abi::Errno;

use super::endpoint::{Endpoint, Role, Slot};
use super::local::{LocalSettings, LocalUsage};

/// The first of the ports that the device gives (RFC 6335, section 6).
pub(super) const PORT_FIRST: u16 = 49_152;

/// All sockets.
pub(super) struct Stack {
    pub(super) settings: LocalSettings,
    /// The port that the device tries to give next.
    pub(super) port_next: u16,
    endpoints: Vec<Option<Endpoint>>,
    buffer_bytes: usize,
    /// A waker whose place another one took, to be called as soon as the lock is free.
    displaced: Option<Waker>,
    /// Whether any waker is to be called.
    is_due: bool,
}

impl Stack {
    pub(super) const fn new(settings: LocalSettings) -> Self {
        Self {
            settings,
            port_next: PORT_FIRST,
            endpoints: Vec::new(),
            buffer_bytes: 0,
            displaced: None,
            is_due: false,
        }
    }

    pub(super) fn usage(&self) -> LocalUsage {
        LocalUsage {
            sockets: u16::try_from(self.iter().count()).unwrap_or(u16::MAX),
            buffer_bytes: u32::try_from(self.buffer_bytes).unwrap_or(u32::MAX),
        }
    }

    /// Gives an endpoint a place.
    ///
    /// # Errors
    /// [`Errno::TooManyOpenFilesInSystem`] when the device has no more, [`Errno::NoMemory`] when it has no memory.
    pub(super) fn insert(&mut self, endpoint: Endpoint) -> Result<Slot, Errno> {
        let free = self.endpoints.iter().position(Option::is_none);
        let index = free.unwrap_or(self.endpoints.len());
        let slot = u16::try_from(index)
            .ok()
            .filter(|slot| *slot < self.settings.sockets_max)
            .ok_or(Errno::TooManyOpenFilesInSystem)?;
        if free.is_none() {
            self.endpoints.try_reserve(1).map_err(|_| Errno::NoMemory)?;
            self.endpoints.push(None);
        }
        if let Some(place) = self.endpoints.get_mut(index) {
            *place = Some(endpoint);
        }
        Ok(Slot(slot))
    }

    /// An endpoint.
    ///
    /// # Errors
    /// [`Errno::BadDescriptor`] if there is none, which no socket's slot is.
    pub(super) fn endpoint(&self, slot: Slot) -> Result<&Endpoint, Errno> {
        let place = self.endpoints.get(usize::from(slot.0));
        place.and_then(Option::as_ref).ok_or(Errno::BadDescriptor)
    }

    /// An endpoint, to change it.
    ///
    /// # Errors
    /// [`Errno::BadDescriptor`] if there is none, which no socket's slot is.
    pub(super) fn endpoint_mut(&mut self, slot: Slot) -> Result<&mut Endpoint, Errno> {
        let place = self.endpoints.get_mut(usize::from(slot.0));
        place.and_then(Option::as_mut).ok_or(Errno::BadDescriptor)
    }

    /// All endpoints.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &Endpoint)> {
        (0..=u16::MAX)
            .zip(&self.endpoints)
            .filter_map(|(slot, endpoint)| Some((Slot(slot), endpoint.as_ref()?)))
    }

    /// All slots, whether or not there is an endpoint.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        let count = u16::try_from(self.endpoints.len()).unwrap_or(u16::MAX);
        (0..count).map(Slot)
    }

    /// Closes an endpoint, which is to be dropped when the lock is free.
    ///
    /// What it has not received resets its connection, as `reset` does.
    pub(super) fn close(&mut self, slot: Slot, reset: bool) -> Option<Endpoint> {
        let mut endpoint = self.endpoints.get_mut(usize::from(slot.0))?.take()?;
        match &mut endpoint.role {
            Role::Stream(stream) => {
                self.release(stream.received.capacity());
                if let Some(peer) = stream.peer {
                    self.hang_up(peer, reset || !stream.received.is_empty());
                }
            }
            Role::Listener(listener) => {
                let waiting = mem::take(&mut listener.waiting);
                self.stop_listening(waiting);
            }
            Role::Datagrams(datagrams) => self.release(datagrams.queue_bytes),
            Role::Idle | Role::Connecting { .. } => {}
        }
        Some(endpoint)
    }

    /// Whether so many more bytes of buffers may be had.
    ///
    /// # Errors
    /// [`Errno::NoBufferSpace`] if not.
    pub(super) fn room(&self, bytes: usize) -> Result<(), Errno> {
        let bytes_max = usize::try_from(self.settings.buffer_bytes_max).unwrap_or(usize::MAX);
        match self.buffer_bytes.checked_add(bytes) {
            Some(sum) if sum <= bytes_max => Ok(()),
            _ => Err(Errno::NoBufferSpace),
        }
    }

    /// Counts bytes for which there was room.
    pub(super) const fn hold(&mut self, bytes: usize) {
        self.buffer_bytes = self.buffer_bytes.saturating_add(bytes);
    }

    /// Counts bytes no more.
    pub(super) const fn release(&mut self, bytes: usize) {
        self.buffer_bytes = self.buffer_bytes.saturating_sub(bytes);
    }

    /// Remembers who waits for an endpoint. Whom it replaces is woken, to ask again.
    pub(super) fn wait(&mut self, slot: Slot, waker: &Waker) {
        let Ok(endpoint) = self.endpoint_mut(slot) else {
            return;
        };
        if !endpoint
            .waker
            .as_ref()
            .is_some_and(|own| own.will_wake(waker))
        {
            self.displaced = endpoint.waker.replace(waker.clone());
            self.is_due |= self.displaced.is_some();
        }
    }

    /// Has whoever waits for an endpoint woken.
    pub(super) fn notify(&mut self, slot: Slot) {
        if let Ok(endpoint) = self.endpoint_mut(slot) {
            endpoint.is_due = endpoint.waker.is_some();
            self.is_due |= self.endpoint(slot).is_ok_and(|endpoint| endpoint.is_due);
        }
    }

    /// The next waker to call.
    pub(super) fn due(&mut self) -> Option<Waker> {
        if !self.is_due {
            return None;
        }
        let due = self.displaced.take().or_else(|| {
            let mut endpoints = self.endpoints.iter_mut().flatten();
            let endpoint = endpoints.find(|endpoint| endpoint.is_due)?;
            endpoint.is_due = false;
            endpoint.waker.take()
        });
        self.is_due = due.is_some();
        due
    }
}

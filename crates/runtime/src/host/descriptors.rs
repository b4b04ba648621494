//! A container's descriptors: the lowest free number is given out first, and there is a limit.
//!
//! The first are standard input, output and error; then the mounts from 3 on; then the listening sockets.

mod entry;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use thimble_abi::Errno;

use crate::config::ContainerConfig;
use crate::limits::Limits;

use super::Resources;

pub(super) use entry::{Descriptor, FdFlags, Kind, Name, OpenDirectory, OpenFile};

use super::sock::OpenSocket;

/// The table of open descriptors.
pub(super) struct Descriptors {
    entries: Vec<Option<Descriptor>>,
    descriptors_max: usize,
    sockets_max: usize,
    sockets: usize,
}

/// A limit that leaves no room for another descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The limit of all descriptors.
    Descriptors,
    /// The limit of sockets.
    Sockets,
}

impl Full {
    /// The limit's name, for `Context::limit_reached`.
    pub(super) const fn limit(self) -> &'static str {
        match self {
            Self::Descriptors => "descriptors",
            Self::Sockets => "sockets",
        }
    }
}

impl Descriptors {
    /// What a container has from the start. It is given all of it, even if its limit is lower.
    pub(super) fn new(resources: Resources, config: &ContainerConfig) -> Self {
        let Resources {
            stdin,
            stdout,
            stderr,
            mounts,
            listeners,
        } = resources;
        let mut entries = Vec::with_capacity(3 + mounts.len() + listeners.len());
        entries.push(Some(Descriptor::stream(Name::Input, stdin)));
        entries.push(Some(Descriptor::stream(Name::Output, stdout)));
        entries.push(Some(Descriptor::stream(Name::Error, stderr)));
        for (number, mount) in (0..).zip(mounts) {
            entries.push(Some(Descriptor::mount(number, mount)));
        }
        let sockets = listeners.len();
        entries.extend(
            listeners
                .into_iter()
                .map(|socket| Some(Descriptor::listener(socket))),
        );
        let mut descriptors = Self {
            entries,
            descriptors_max: 0,
            sockets_max: 0,
            sockets,
        };
        descriptors.set_limits(&config.limits);
        descriptors
    }

    /// Changes the limits; what is open stays open.
    pub(super) fn set_limits(&mut self, limits: &Limits) {
        self.descriptors_max = usize::try_from(limits.descriptors).unwrap_or(usize::MAX);
        self.sockets_max = usize::try_from(limits.sockets).unwrap_or(usize::MAX);
    }

    /// The descriptor of this number.
    ///
    /// # Errors
    /// [`Errno::BadDescriptor`] if it is not open.
    pub(super) fn entry(&mut self, number: u32) -> Result<&mut Descriptor, Errno> {
        let index = index(number)?;
        self.entries
            .get_mut(index)
            .and_then(Option::as_mut)
            .ok_or(Errno::BadDescriptor)
    }

    /// The descriptor of this number, which has all of these rights.
    ///
    /// # Errors
    /// [`Errno::BadDescriptor`] if it is not open, [`Errno::NotCapable`] if it lacks one of them.
    pub(super) fn with_rights(
        &mut self,
        number: u32,
        rights: u64,
    ) -> Result<&mut Descriptor, Errno> {
        let descriptor = self.entry(number)?;
        descriptor.require(rights)?;
        Ok(descriptor)
    }

    /// The socket of this number, which has all of these rights, and its flags.
    ///
    /// # Errors
    /// [`Errno::BadDescriptor`] if it is not open, [`Errno::NotSocket`] if it is something else,
    /// [`Errno::NotCapable`] if it lacks one of them.
    pub(super) fn socket(
        &mut self,
        number: u32,
        rights: u64,
    ) -> Result<(&mut OpenSocket, FdFlags), Errno> {
        let descriptor = self.entry(number)?;
        if !matches!(descriptor.kind, Kind::Socket(_)) {
            return Err(Errno::NotSocket);
        }
        descriptor.require(rights)?;
        let flags = descriptor.flags;
        match &mut descriptor.kind {
            Kind::Socket(socket) => Ok((socket, flags)),
            _ => Err(Errno::NotSocket),
        }
    }

    /// Two different descriptors at once.
    ///
    /// # Errors
    /// [`Errno::BadDescriptor`] if one is not open, [`Errno::Invalid`] if they are the same.
    pub(super) fn pair(
        &mut self,
        first: u32,
        second: u32,
    ) -> Result<(&mut Descriptor, &mut Descriptor), Errno> {
        let (first, second) = (index(first)?, index(second)?);
        let len = self.entries.len();
        if first >= len || second >= len {
            return Err(Errno::BadDescriptor);
        }
        let [first, second] = self
            .entries
            .get_disjoint_mut([first, second])
            .map_err(|_| Errno::Invalid)?;
        match (first, second) {
            (Some(first), Some(second)) => Ok((first, second)),
            _ => Err(Errno::BadDescriptor),
        }
    }

    /// Whether another descriptor, a socket or not, has room.
    ///
    /// # Errors
    /// The limit that leaves none.
    pub(super) fn room(&self, socket: bool) -> Result<(), Full> {
        if socket && self.sockets >= self.sockets_max {
            return Err(Full::Sockets);
        }
        let open = self.entries.iter().filter(|entry| entry.is_some()).count();
        if open < self.descriptors_max {
            Ok(())
        } else {
            Err(Full::Descriptors)
        }
    }

    /// Adds a descriptor under the lowest free number. Dropped if there is no room.
    ///
    /// # Errors
    /// The limit that leaves no room.
    pub(super) fn insert(&mut self, descriptor: Descriptor) -> Result<u32, Full> {
        let socket = descriptor.is_socket();
        self.room(socket)?;
        let free = self
            .entries
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.entries.len());
        let number = u32::try_from(free).map_err(|_| Full::Descriptors)?;
        match self.entries.get_mut(free) {
            Some(entry) => *entry = Some(descriptor),
            None => self.entries.push(Some(descriptor)),
        }
        self.sockets += usize::from(socket);
        Ok(number)
    }

    /// Takes a descriptor out of the table: dropping it closes it.
    ///
    /// # Errors
    /// [`Errno::BadDescriptor`] if it is not open.
    pub(super) fn close(&mut self, number: u32) -> Result<Descriptor, Errno> {
        let entry = self
            .entries
            .get_mut(index(number)?)
            .ok_or(Errno::BadDescriptor)?;
        let descriptor = entry.take().ok_or(Errno::BadDescriptor)?;
        self.sockets -= usize::from(descriptor.is_socket());
        while let Some(None) = self.entries.last() {
            self.entries.pop();
        }
        Ok(descriptor)
    }

    /// Moves a descriptor to the number of another open one, which is closed.
    ///
    /// # Errors
    /// [`Errno::BadDescriptor`] if either is not open; nothing is changed then.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.entry(to)?;
        self.entry(from)?;
        if from == to {
            return Ok(());
        }
        // Taken out first: closing the last one would shorten the table.
        let moved = self
            .entries
            .get_mut(index(from)?)
            .and_then(Option::take)
            .ok_or(Errno::BadDescriptor)?;
        let target = self
            .entries
            .get_mut(index(to)?)
            .ok_or(Errno::BadDescriptor)?;
        let replaced = target.replace(moved);
        self.sockets -= usize::from(replaced.is_some_and(|replaced| replaced.is_socket()));
        while let Some(None) = self.entries.last() {
            self.entries.pop();
        }
        Ok(())
    }
}

fn index(number: u32) -> Result<usize, Errno> {
    usize::try_from(number).map_err(|_| Errno::BadDescriptor)
}

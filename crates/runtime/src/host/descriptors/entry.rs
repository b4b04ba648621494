//! One descriptor: what it refers to, its rights and flags.

use alloc::boxed::Box;
use alloc::string::String;

use thimble_abi::Errno;
use thimble_abi::wasi::{filetype, rights};

use crate::host::Mount;
use crate::host::sock::OpenSocket;
use crate::port::{Directory, File, Protocol, Socket, Stream};

/// An open descriptor.
pub(in crate::host) struct Descriptor {
    /// What can be done with it.
    pub(in crate::host) rights: u64,
    /// What can be done with what is opened from it.
    pub(in crate::host) inheriting: u64,
    /// Its flags.
    pub(in crate::host) flags: FdFlags,
    /// What it refers to.
    pub(in crate::host) kind: Kind,
}

/// Flags of a descriptor, as the bits of a u16 (`fdflags`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::host) struct FdFlags(u16);

/// What a descriptor refers to. Boxed where it is large: a table has few of those, and standard streams always.
pub(in crate::host) enum Kind {
    /// Standard input, output or error.
    Stream(OpenStream),
    /// A file.
    File(Box<OpenFile>),
    /// A directory.
    Directory(Box<OpenDirectory>),
    /// A socket.
    Socket(Box<OpenSocket>),
}

/// Which standard stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) enum Name {
    /// Standard input.
    Input,
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// A standard stream.
pub(in crate::host) struct OpenStream {
    /// Which.
    pub(in crate::host) name: Name,
    /// The stream.
    pub(in crate::host) stream: Box<dyn Stream>,
}

/// An open file.
pub(in crate::host) struct OpenFile {
    /// The file.
    pub(in crate::host) file: Box<dyn File>,
    /// Where the next read or write happens.
    pub(in crate::host) position: u64,
    /// WASI's file type number.
    pub(in crate::host) filetype: u8,
}

/// An open directory.
pub(in crate::host) struct OpenDirectory {
    /// The directory.
    pub(in crate::host) directory: Box<dyn Directory>,
    /// Which mount it belongs to.
    pub(in crate::host) mount: u32,
    /// The mount's path in the guest, if this is the mount itself.
    pub(in crate::host) preopen: Option<String>,
    /// Whether nothing in it may be changed.
    pub(in crate::host) read_only: bool,
}

impl FdFlags {
    /// Every write goes to the end.
    pub(in crate::host) const APPEND: Self = Self(1 << 0);
    /// Data reach storage before a write is done.
    pub(in crate::host) const DSYNC: Self = Self(1 << 1);
    /// Nothing waits.
    pub(in crate::host) const NONBLOCK: Self = Self(1 << 2);
    /// Reads are synchronized like writes.
    pub(in crate::host) const RSYNC: Self = Self(1 << 3);
    /// Data and attributes reach storage before a write is done.
    pub(in crate::host) const SYNC: Self = Self(1 << 4);

    /// Reads the bits of a parameter.
    ///
    /// # Errors
    /// [`Errno::Invalid`] if there are bits that mean nothing.
    pub(in crate::host) fn parse(bits: u32) -> Result<Self, Errno> {
        match u16::try_from(bits) {
            Ok(bits) if bits < 1 << 5 => Ok(Self(bits)),
            _ => Err(Errno::Invalid),
        }
    }

    /// The bits.
    pub(in crate::host) const fn bits(self) -> u16 {
        self.0
    }

    /// Whether all of these are set.
    pub(in crate::host) const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether writes reach storage before they are done, one way or another.
    pub(in crate::host) const fn is_synchronous(self) -> bool {
        self.0 & (Self::DSYNC.0 | Self::RSYNC.0 | Self::SYNC.0) != 0
    }

    /// Whether nothing waits.
    pub(in crate::host) const fn is_nonblocking(self) -> bool {
        self.has(Self::NONBLOCK)
    }

    /// With another set of flags for what can be changed later: append and nonblock.
    pub(in crate::host) const fn with_changeable(self, flags: Self) -> Self {
        const CHANGEABLE: u16 = FdFlags::APPEND.0 | FdFlags::NONBLOCK.0;
        Self(self.0 & !CHANGEABLE | flags.0 & CHANGEABLE)
    }
}

impl Descriptor {
    /// A standard stream.
    pub(super) fn stream(name: Name, stream: Box<dyn Stream>) -> Self {
        let direction = match name {
            Name::Input => rights::FD_READ,
            Name::Output | Name::Error => rights::FD_WRITE,
        };
        Self {
            rights: direction | rights::STREAM,
            inheriting: 0,
            flags: FdFlags::default(),
            kind: Kind::Stream(OpenStream { name, stream }),
        }
    }

    /// A mount.
    pub(super) fn mount(number: u32, mount: Mount) -> Self {
        let Mount {
            path,
            directory,
            read_only,
        } = mount;
        let allowed = if read_only {
            !rights::CHANGING
        } else {
            rights::ALL
        };
        Self {
            rights: rights::DIRECTORY & allowed,
            // All of them: opening for writing then says `rofs`, not `notcapable`, as guests expect.
            inheriting: rights::DIRECTORY | rights::FILE,
            flags: FdFlags::default(),
            kind: Kind::Directory(Box::new(OpenDirectory {
                directory,
                mount: number,
                preopen: Some(path),
                read_only,
            })),
        }
    }

    /// A socket that was made or accepted.
    pub(in crate::host) fn socket(socket: Box<dyn Socket>) -> Self {
        Self {
            rights: rights::SOCKET,
            inheriting: rights::SOCKET,
            flags: FdFlags::default(),
            kind: Kind::Socket(Box::new(OpenSocket::new(socket))),
        }
    }

    /// A socket that listens from the start.
    pub(super) fn listener(socket: Box<dyn Socket>) -> Self {
        let mut descriptor = Self::socket(socket);
        if let Kind::Socket(socket) = &mut descriptor.kind {
            socket.listening = true;
        }
        descriptor
    }

    /// Checks for rights.
    ///
    /// # Errors
    /// [`Errno::NotCapable`] if it lacks one of them.
    pub(in crate::host) const fn require(&self, rights: u64) -> Result<(), Errno> {
        if self.rights & rights == rights {
            Ok(())
        } else {
            Err(Errno::NotCapable)
        }
    }

    /// Whether it is a socket, of which there is a limit of their own.
    pub(in crate::host) const fn is_socket(&self) -> bool {
        matches!(self.kind, Kind::Socket(_))
    }

    /// WASI's file type number.
    pub(in crate::host) fn filetype(&self) -> u8 {
        match &self.kind {
            // A guest's `isatty` looks for a character device that cannot be sought.
            Kind::Stream(stream) if stream.stream.is_terminal() => filetype::CHARACTER_DEVICE,
            Kind::Stream(_) => filetype::UNKNOWN,
            Kind::File(file) => file.filetype,
            Kind::Directory(_) => filetype::DIRECTORY,
            Kind::Socket(socket) => match socket.socket.protocol() {
                Protocol::Tcp => filetype::SOCKET_STREAM,
                Protocol::Udp => filetype::SOCKET_DGRAM,
            },
        }
    }

    /// The file.
    ///
    /// # Errors
    /// [`Errno::BadDescriptor`] if it is something else.
    pub(in crate::host) const fn file(&mut self) -> Result<&mut OpenFile, Errno> {
        match &mut self.kind {
            Kind::File(file) => Ok(file),
            _ => Err(Errno::BadDescriptor),
        }
    }

    /// The directory.
    ///
    /// # Errors
    /// [`Errno::NotDirectory`] if it is something else.
    pub(in crate::host) const fn directory(&mut self) -> Result<&mut OpenDirectory, Errno> {
        match &mut self.kind {
            Kind::Directory(directory) => Ok(directory),
            _ => Err(Errno::NotDirectory),
        }
    }
}

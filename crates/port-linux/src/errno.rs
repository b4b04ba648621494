//! The kernel's error numbers as guests know them.

use std::io;

use thimble_abi::Errno;

/// Turns an operating system error into a guest's.
#[must_use]
pub fn from_io(error: &io::Error) -> Errno {
    match error.raw_os_error() {
        Some(number) => from_raw(number),
        None => match error.kind() {
            io::ErrorKind::NotFound => Errno::NoEntry,
            // cap-std reports a path that leaves its directory this way.
            io::ErrorKind::PermissionDenied => Errno::NotCapable,
            io::ErrorKind::AlreadyExists => Errno::Exists,
            io::ErrorKind::InvalidInput => Errno::Invalid,
            io::ErrorKind::InvalidData => Errno::IllegalSequence,
            io::ErrorKind::WouldBlock => Errno::Again,
            io::ErrorKind::TimedOut => Errno::TimedOut,
            io::ErrorKind::Interrupted => Errno::Interrupted,
            io::ErrorKind::Unsupported => Errno::NotSupported,
            io::ErrorKind::OutOfMemory => Errno::NoMemory,
            io::ErrorKind::StorageFull => Errno::NoSpace,
            io::ErrorKind::WriteZero => Errno::NoSpace,
            _ => Errno::Io,
        },
    }
}

/// Turns a rustix error into a guest's.
#[must_use]
pub fn from_rustix(error: rustix::io::Errno) -> Errno {
    from_raw(error.raw_os_error())
}

/// Turns a kernel's error number into a guest's; numbers WASI does not know become `io`.
#[must_use]
pub fn from_raw(number: i32) -> Errno {
    use rustix::io::Errno as Os;
    let table: &[(Os, Errno)] = &[
        (Os::TOOBIG, Errno::TooBig),
        (Os::ACCESS, Errno::Access),
        (Os::ADDRINUSE, Errno::AddressInUse),
        (Os::ADDRNOTAVAIL, Errno::AddressNotAvailable),
        (Os::AFNOSUPPORT, Errno::AddressFamilyNotSupported),
        (Os::AGAIN, Errno::Again),
        (Os::ALREADY, Errno::Already),
        (Os::BADF, Errno::BadDescriptor),
        (Os::BADMSG, Errno::BadMessage),
        (Os::BUSY, Errno::Busy),
        (Os::CANCELED, Errno::Canceled),
        (Os::CONNABORTED, Errno::ConnectionAborted),
        (Os::CONNREFUSED, Errno::ConnectionRefused),
        (Os::CONNRESET, Errno::ConnectionReset),
        (Os::DEADLK, Errno::Deadlock),
        (Os::DESTADDRREQ, Errno::DestinationAddressRequired),
        (Os::DQUOT, Errno::Quota),
        (Os::EXIST, Errno::Exists),
        (Os::FBIG, Errno::FileTooBig),
        (Os::HOSTUNREACH, Errno::HostUnreachable),
        (Os::ILSEQ, Errno::IllegalSequence),
        (Os::INPROGRESS, Errno::InProgress),
        (Os::INTR, Errno::Interrupted),
        (Os::INVAL, Errno::Invalid),
        (Os::ISCONN, Errno::IsConnected),
        (Os::ISDIR, Errno::IsDirectory),
        (Os::LOOP, Errno::Loop),
        (Os::MFILE, Errno::TooManyOpenFilesInSystem),
        (Os::MLINK, Errno::TooManyLinks),
        (Os::MSGSIZE, Errno::MessageTooLong),
        (Os::NAMETOOLONG, Errno::NameTooLong),
        (Os::NETDOWN, Errno::NetworkDown),
        (Os::NETRESET, Errno::NetworkReset),
        (Os::NETUNREACH, Errno::NetworkUnreachable),
        (Os::NFILE, Errno::TooManyOpenFilesInSystem),
        (Os::NOBUFS, Errno::NoBufferSpace),
        (Os::NODEV, Errno::NoDevice),
        (Os::NOENT, Errno::NoEntry),
        (Os::NOLCK, Errno::NoLock),
        (Os::NOMEM, Errno::NoMemory),
        (Os::NOPROTOOPT, Errno::NoProtocolOption),
        (Os::NOSPC, Errno::NoSpace),
        (Os::NOSYS, Errno::NotSupportedCall),
        (Os::NOTCONN, Errno::NotConnected),
        (Os::NOTDIR, Errno::NotDirectory),
        (Os::NOTEMPTY, Errno::NotEmpty),
        (Os::NOTSOCK, Errno::NotSocket),
        (Os::OPNOTSUPP, Errno::NotSupported),
        (Os::NOTTY, Errno::NotTerminal),
        (Os::NXIO, Errno::NoDeviceOrAddress),
        (Os::OVERFLOW, Errno::Overflow),
        (Os::PERM, Errno::Permission),
        (Os::PIPE, Errno::BrokenPipe),
        (Os::PROTO, Errno::Protocol),
        (Os::PROTONOSUPPORT, Errno::ProtocolNotSupported),
        (Os::PROTOTYPE, Errno::ProtocolWrongType),
        (Os::RANGE, Errno::Range),
        (Os::ROFS, Errno::ReadOnly),
        (Os::SPIPE, Errno::InvalidSeek),
        (Os::STALE, Errno::Stale),
        (Os::TIMEDOUT, Errno::TimedOut),
        (Os::TXTBSY, Errno::TextBusy),
        (Os::XDEV, Errno::CrossDevice),
    ];
    table
        .iter()
        .find(|(os, _)| os.raw_os_error() == number)
        .map_or(Errno::Io, |(_, errno)| *errno)
}

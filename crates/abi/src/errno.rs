//! Error numbers: WASI's own, and Ocre's view of the same failures.

macro_rules! errnos {
    ($( $variant:ident = $number:literal, $name:literal, $text:literal; )*) => {
        /// An error number of WASI preview 1 (`errno` in its specification).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Errno { $( #[doc = $text] $variant = $number, )* }

        impl Errno {
            /// All of them, in order of their numbers.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// The number that a guest sees.
            #[must_use]
            pub const fn number(self) -> u16 { self as u16 }

            /// The name in the WASI specification.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// What it means, in a few words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $( Self::$variant => $text, )* }
            }
        }
    };
}

errnos! {
    TooBig = 1, "2big", "argument list too long";
    Access = 2, "acces", "permission denied";
    AddressInUse = 3, "addrinuse", "address in use";
    AddressNotAvailable = 4, "addrnotavail", "address not available";
    AddressFamilyNotSupported = 5, "afnosupport", "address family not supported";
    Again = 6, "again", "resource unavailable, try again";
    Already = 7, "already", "connection already in progress";
    BadDescriptor = 8, "badf", "bad file descriptor";
    BadMessage = 9, "badmsg", "bad message";
    Busy = 10, "busy", "device or resource busy";
    Canceled = 11, "canceled", "operation canceled";
    Child = 12, "child", "no child processes";
    ConnectionAborted = 13, "connaborted", "connection aborted";
    ConnectionRefused = 14, "connrefused", "connection refused";
    ConnectionReset = 15, "connreset", "connection reset";
    Deadlock = 16, "deadlk", "resource deadlock would occur";
    DestinationAddressRequired = 17, "destaddrreq", "destination address required";
    Domain = 18, "dom", "argument out of the function's domain";
    Quota = 19, "dquot", "storage quota exceeded";
    Exists = 20, "exist", "file exists";
    Fault = 21, "fault", "address outside the guest's memory";
    FileTooBig = 22, "fbig", "file too large";
    HostUnreachable = 23, "hostunreach", "host is unreachable";
    IdentifierRemoved = 24, "idrm", "identifier removed";
    IllegalSequence = 25, "ilseq", "illegal byte sequence";
    InProgress = 26, "inprogress", "operation in progress";
    Interrupted = 27, "intr", "interrupted";
    Invalid = 28, "inval", "invalid argument";
    Io = 29, "io", "input or output error";
    IsConnected = 30, "isconn", "socket is connected";
    IsDirectory = 31, "isdir", "is a directory";
    Loop = 32, "loop", "too many levels of symbolic links";
    TooManyOpenFiles = 33, "mfile", "the container's limit of open descriptors is reached";
    TooManyLinks = 34, "mlink", "too many links";
    MessageTooLong = 35, "msgsize", "message too long";
    MultiHop = 36, "multihop", "multihop attempted";
    NameTooLong = 37, "nametoolong", "file name too long";
    NetworkDown = 38, "netdown", "network is down";
    NetworkReset = 39, "netreset", "connection aborted by the network";
    NetworkUnreachable = 40, "netunreach", "network is unreachable";
    TooManyOpenFilesInSystem = 41, "nfile", "too many files open on the device";
    NoBufferSpace = 42, "nobufs", "no buffer space available";
    NoDevice = 43, "nodev", "no such device";
    NoEntry = 44, "noent", "no such file, key or name";
    NotExecutable = 45, "noexec", "executable format error";
    NoLock = 46, "nolck", "no locks available";
    NoLink = 47, "nolink", "link has been severed";
    NoMemory = 48, "nomem", "not enough memory";
    NoMessage = 49, "nomsg", "no message of the desired type";
    NoProtocolOption = 50, "noprotoopt", "protocol option not available";
    NoSpace = 51, "nospc", "no space left";
    NotSupportedCall = 52, "nosys", "function not supported";
    NotConnected = 53, "notconn", "the socket is not connected";
    NotDirectory = 54, "notdir", "not a directory";
    NotEmpty = 55, "notempty", "directory not empty";
    NotRecoverable = 56, "notrecoverable", "state not recoverable";
    NotSocket = 57, "notsock", "not a socket";
    NotSupported = 58, "notsup", "not supported";
    NotTerminal = 59, "notty", "inappropriate control operation";
    NoDeviceOrAddress = 60, "nxio", "no such device or address";
    Overflow = 61, "overflow", "value too large for its buffer or type";
    OwnerDead = 62, "ownerdead", "previous owner died";
    Permission = 63, "perm", "operation not permitted";
    BrokenPipe = 64, "pipe", "broken pipe";
    Protocol = 65, "proto", "protocol error";
    ProtocolNotSupported = 66, "protonosupport", "protocol not supported";
    ProtocolWrongType = 67, "prototype", "wrong protocol type for the socket";
    Range = 68, "range", "result too large";
    ReadOnly = 69, "rofs", "read-only mount";
    InvalidSeek = 70, "spipe", "invalid seek";
    NoProcess = 71, "srch", "no such process";
    Stale = 72, "stale", "stale file handle";
    TimedOut = 73, "timedout", "timed out";
    TextBusy = 74, "txtbsy", "text file busy";
    CrossDevice = 75, "xdev", "the two paths lie on different mounts";
    NotCapable = 76, "notcapable", "the descriptor lacks the right, or the path leaves its mount";
}

impl Errno {
    /// The number Ocre's `env` functions give for this failure, before negation (Linux numbering).
    ///
    /// Source: Ocre returns host errno values; its guests were built against the Linux ones.
    #[must_use]
    pub const fn ocre_number(self) -> i32 {
        match self {
            Self::Permission | Self::Access | Self::NotCapable => 1,
            Self::NoEntry => 2,
            Self::NoMemory | Self::NoSpace | Self::Quota | Self::TooManyOpenFiles => 12,
            Self::Fault | Self::Invalid => 22,
            Self::Busy | Self::Exists => 16,
            Self::NoDevice => 19,
            Self::NoMessage | Self::Again => 42,
            Self::NotSupported | Self::NotSupportedCall => 95,
            _ => 5,
        }
    }
}

impl core::fmt::Display for Errno {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(self.text())
    }
}

impl core::error::Error for Errno {}

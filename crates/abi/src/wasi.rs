//! Constants and layouts of WASI preview 1.

/// Rights of a descriptor, as the bits of a u64.
pub mod rights {
    /// Call `fd_datasync`.
    pub const FD_DATASYNC: u64 = 1 << 0;
    /// Call `fd_read` and `sock_recv`; with `FD_SEEK` also `fd_pread`.
    pub const FD_READ: u64 = 1 << 1;
    /// Call `fd_seek`; implies `FD_TELL`.
    pub const FD_SEEK: u64 = 1 << 2;
    /// Call `fd_fdstat_set_flags`.
    pub const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;
    /// Call `fd_sync`.
    pub const FD_SYNC: u64 = 1 << 4;
    /// Call `fd_tell`.
    pub const FD_TELL: u64 = 1 << 5;
    /// Call `fd_write` and `sock_send`; with `FD_SEEK` also `fd_pwrite`.
    pub const FD_WRITE: u64 = 1 << 6;
    /// Call `fd_advise`.
    pub const FD_ADVISE: u64 = 1 << 7;
    /// Call `fd_allocate`.
    pub const FD_ALLOCATE: u64 = 1 << 8;
    /// Call `path_create_directory`.
    pub const PATH_CREATE_DIRECTORY: u64 = 1 << 9;
    /// Make a file with `path_open`.
    pub const PATH_CREATE_FILE: u64 = 1 << 10;
    /// Call `path_link` with this directory as the source.
    pub const PATH_LINK_SOURCE: u64 = 1 << 11;
    /// Call `path_link` with this directory as the target.
    pub const PATH_LINK_TARGET: u64 = 1 << 12;
    /// Call `path_open`.
    pub const PATH_OPEN: u64 = 1 << 13;
    /// Call `fd_readdir`.
    pub const FD_READDIR: u64 = 1 << 14;
    /// Call `path_readlink`.
    pub const PATH_READLINK: u64 = 1 << 15;
    /// Call `path_rename` with this directory as the source.
    pub const PATH_RENAME_SOURCE: u64 = 1 << 16;
    /// Call `path_rename` with this directory as the target.
    pub const PATH_RENAME_TARGET: u64 = 1 << 17;
    /// Call `path_filestat_get`.
    pub const PATH_FILESTAT_GET: u64 = 1 << 18;
    /// Truncate a file with `path_open`.
    pub const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    /// Call `path_filestat_set_times`.
    pub const PATH_FILESTAT_SET_TIMES: u64 = 1 << 20;
    /// Call `fd_filestat_get`.
    pub const FD_FILESTAT_GET: u64 = 1 << 21;
    /// Call `fd_filestat_set_size`.
    pub const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    /// Call `fd_filestat_set_times`.
    pub const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
    /// Call `path_symlink`.
    pub const PATH_SYMLINK: u64 = 1 << 24;
    /// Call `path_remove_directory`.
    pub const PATH_REMOVE_DIRECTORY: u64 = 1 << 25;
    /// Call `path_unlink_file`.
    pub const PATH_UNLINK_FILE: u64 = 1 << 26;
    /// Wait for the descriptor with `poll_oneoff`.
    pub const POLL_FD_READWRITE: u64 = 1 << 27;
    /// Call `sock_shutdown`.
    pub const SOCK_SHUTDOWN: u64 = 1 << 28;
    /// Call `sock_accept`.
    pub const SOCK_ACCEPT: u64 = 1 << 29;
    /// Every right there is.
    pub const ALL: u64 = (1 << 30) - 1;
    /// What a standard stream has besides reading or writing.
    pub const STREAM: u64 = FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE;
    /// What a file can have.
    pub const FILE: u64 = FD_DATASYNC
        | FD_READ
        | FD_SEEK
        | FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | FD_TELL
        | FD_WRITE
        | FD_ADVISE
        | FD_ALLOCATE
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_SIZE
        | FD_FILESTAT_SET_TIMES
        | POLL_FD_READWRITE;
    /// What a directory can have.
    pub const DIRECTORY: u64 = FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | FD_DATASYNC
        | PATH_CREATE_DIRECTORY
        | PATH_CREATE_FILE
        | PATH_LINK_SOURCE
        | PATH_LINK_TARGET
        | PATH_OPEN
        | FD_READDIR
        | PATH_READLINK
        | PATH_RENAME_SOURCE
        | PATH_RENAME_TARGET
        | PATH_FILESTAT_GET
        | PATH_FILESTAT_SET_SIZE
        | PATH_FILESTAT_SET_TIMES
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_TIMES
        | PATH_SYMLINK
        | PATH_REMOVE_DIRECTORY
        | PATH_UNLINK_FILE;
    /// What a socket can have.
    pub const SOCKET: u64 = FD_READ
        | FD_WRITE
        | FD_FDSTAT_SET_FLAGS
        | FD_FILESTAT_GET
        | POLL_FD_READWRITE
        | SOCK_SHUTDOWN
        | SOCK_ACCEPT;
    /// What changes files or directories: a read-only mount has none of it.
    pub const CHANGING: u64 = FD_WRITE
        | FD_ALLOCATE
        | FD_FILESTAT_SET_SIZE
        | FD_FILESTAT_SET_TIMES
        | PATH_CREATE_DIRECTORY
        | PATH_CREATE_FILE
        | PATH_LINK_SOURCE
        | PATH_LINK_TARGET
        | PATH_RENAME_SOURCE
        | PATH_RENAME_TARGET
        | PATH_FILESTAT_SET_SIZE
        | PATH_FILESTAT_SET_TIMES
        | PATH_SYMLINK
        | PATH_REMOVE_DIRECTORY
        | PATH_UNLINK_FILE;
}

/// File types.
pub mod filetype {
    /// Not known, or none of the others: a pipe, for example.
    pub const UNKNOWN: u8 = 0;
    /// A block device.
    pub const BLOCK_DEVICE: u8 = 1;
    /// A character device: a terminal, for example.
    pub const CHARACTER_DEVICE: u8 = 2;
    /// A directory.
    pub const DIRECTORY: u8 = 3;
    /// A regular file.
    pub const REGULAR_FILE: u8 = 4;
    /// A socket of datagrams.
    pub const SOCKET_DGRAM: u8 = 5;
    /// A socket of a byte stream.
    pub const SOCKET_STREAM: u8 = 6;
    /// A symbolic link.
    pub const SYMBOLIC_LINK: u8 = 7;
}

/// Clocks.
pub mod clock {
    /// Time since 1970.
    pub const REALTIME: u32 = 0;
    /// Time that never goes back.
    pub const MONOTONIC: u32 = 1;
    /// Processor time of the container.
    pub const PROCESS_CPUTIME: u32 = 2;
    /// Processor time of the thread: the same, for there is one.
    pub const THREAD_CPUTIME: u32 = 3;
}

/// `lookupflags`: how the last part of a path is treated.
pub mod lookup {
    /// A symbolic link is followed.
    pub const SYMLINK_FOLLOW: u32 = 1 << 0;
    /// All bits there are.
    pub const ALL: u32 = SYMLINK_FOLLOW;
}

/// `oflags`: how `path_open` opens.
pub mod oflags {
    /// Make the file if it does not exist.
    pub const CREAT: u32 = 1 << 0;
    /// Fail unless it is a directory.
    pub const DIRECTORY: u32 = 1 << 1;
    /// Fail if it exists.
    pub const EXCL: u32 = 1 << 2;
    /// Cut it to no bytes.
    pub const TRUNC: u32 = 1 << 3;
    /// All bits there are.
    pub const ALL: u32 = (1 << 4) - 1;
}

/// `fstflags`: which times to set.
pub mod fstflags {
    /// Set the access time as given.
    pub const ATIM: u32 = 1 << 0;
    /// Set the access time to now.
    pub const ATIM_NOW: u32 = 1 << 1;
    /// Set the modification time as given.
    pub const MTIM: u32 = 1 << 2;
    /// Set the modification time to now.
    pub const MTIM_NOW: u32 = 1 << 3;
    /// All bits there are.
    pub const ALL: u32 = (1 << 4) - 1;
}

/// `whence`: what an offset counts from.
pub mod whence {
    /// The beginning.
    pub const SET: u32 = 0;
    /// The position.
    pub const CUR: u32 = 1;
    /// The end.
    pub const END: u32 = 2;
}

/// `subscription` and `event` of `poll_oneoff`.
pub mod poll {
    /// Bytes of a subscription.
    pub const SUBSCRIPTION_BYTES: u32 = 48;
    /// Bytes of an event.
    pub const EVENT_BYTES: u32 = 32;
    /// Event type: a clock.
    pub const CLOCK: u8 = 0;
    /// Event type: a descriptor can be read.
    pub const FD_READ: u8 = 1;
    /// Event type: a descriptor can be written.
    pub const FD_WRITE: u8 = 2;
    /// Clock flag: the timeout is a point in time.
    pub const ABSTIME: u16 = 1 << 0;
    /// Event flag: the other side has gone.
    pub const HANGUP: u16 = 1 << 0;
}

/// Bytes of a `filestat`.
pub const FILESTAT_BYTES: u32 = 64;
/// Bytes of an `fdstat`.
pub const FDSTAT_BYTES: u32 = 24;
/// Bytes of a `prestat`.
pub const PRESTAT_BYTES: u32 = 8;
/// Bytes of a `dirent`, without its name.
pub const DIRENT_BYTES: u32 = 24;

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
}

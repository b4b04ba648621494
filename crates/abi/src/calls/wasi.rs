//! `wasi_snapshot_preview1`, as the specification has it (WASI 0.1, witx `wasi_snapshot_preview1`).

use super::macros::calls;

calls! {
    /// The calls of WASI preview 1.
    pub enum WasiCall as Wasi in "wasi_snapshot_preview1" {
        "Writes the offsets of the arguments to `argv` (u32 each) and the NUL-terminated strings to `argv_buf`."
        ArgsGet = "args_get"(argv: ptr, argv_buf: ptr) -> errno, Prompt;
        "Writes the number of arguments and the bytes `args_get` needs for their strings (two u32)."
        ArgsSizesGet = "args_sizes_get"(argc: ptr, argv_buf_size: ptr) -> errno, Prompt;
        "Writes the offsets of the environment variables to `environ` and the `NAME=value` strings to `environ_buf`."
        EnvironGet = "environ_get"(environ: ptr, environ_buf: ptr) -> errno, Prompt;
        "Writes the number of environment variables and the bytes `environ_get` needs for their strings (two u32)."
        EnvironSizesGet = "environ_sizes_get"(environ_count: ptr, environ_buf_size: ptr) -> errno, Prompt;
        "Writes the resolution of clock `id` in nanoseconds (u64). `inval` for an unknown clock."
        ClockResGet = "clock_res_get"(id: i32, resolution: ptr) -> errno, Prompt;
        "Writes the time of clock `id` in nanoseconds (u64); `precision` (ns) is a hint. `inval` for an unknown clock."
        ClockTimeGet = "clock_time_get"(id: i32, precision: i64, time: ptr) -> errno, Prompt;
        "Announces how a range of a file will be used. A hint: it may have no effect."
        FdAdvise = "fd_advise"(fd: fd, offset: i64, len: i64, advice: i32) -> errno, Waits;
        "Makes sure that a range of a file has storage behind it; grows the file if it must."
        FdAllocate = "fd_allocate"(fd: fd, offset: i64, len: i64) -> errno, Waits;
        "Closes a descriptor."
        FdClose = "fd_close"(fd: fd) -> errno, Waits;
        "Flushes a file's data to storage."
        FdDatasync = "fd_datasync"(fd: fd) -> errno, Waits;
        "Writes a descriptor's type, flags and rights (fdstat, 24 bytes)."
        FdFdstatGet = "fd_fdstat_get"(fd: fd, stat: ptr) -> errno, Prompt;
        "Sets a descriptor's flags."
        FdFdstatSetFlags = "fd_fdstat_set_flags"(fd: fd, flags: i32) -> errno, Prompt;
        "Drops rights of a descriptor. `notcapable` if it would gain any."
        FdFdstatSetRights = "fd_fdstat_set_rights"(fd: fd, rights_base: i64, rights_inheriting: i64) -> errno, Prompt;
        "Writes a file's attributes (filestat, 64 bytes)."
        FdFilestatGet = "fd_filestat_get"(fd: fd, stat: ptr) -> errno, Waits;
        "Sets a file's length in bytes; new bytes read as zero."
        FdFilestatSetSize = "fd_filestat_set_size"(fd: fd, size: i64) -> errno, Waits;
        "Sets a file's access and modification times (ns since 1970)."
        FdFilestatSetTimes = "fd_filestat_set_times"(fd: fd, atim: i64, mtim: i64, fst_flags: i32) -> errno, Waits;
        "Reads at an offset into a list of buffers without moving the file's position; writes the bytes read (u32)."
        FdPread = "fd_pread"(fd: fd, iovs: ptr, iovs_len: len, offset: i64, nread: ptr) -> errno, Waits;
        "Writes what a preopened descriptor is (prestat, 8 bytes). `badf` past the last one."
        FdPrestatGet = "fd_prestat_get"(fd: fd, prestat: ptr) -> errno, Prompt;
        "Writes the path of a preopened directory, without a NUL."
        FdPrestatDirName = "fd_prestat_dir_name"(fd: fd, path: ptr, path_len: len) -> errno, Prompt;
        "Writes a list of buffers at an offset without moving the file's position; writes the bytes written (u32)."
        FdPwrite = "fd_pwrite"(fd: fd, iovs: ptr, iovs_len: len, offset: i64, nwritten: ptr) -> errno, Waits;
        "Reads into a list of buffers; writes the bytes read (u32), 0 at the end."
        FdRead = "fd_read"(fd: fd, iovs: ptr, iovs_len: len, nread: ptr) -> errno, Waits;
        "Reads directory entries (24 bytes and the name each) from `cookie` on; a full buffer means that there may be more."
        FdReaddir = "fd_readdir"(fd: fd, buf: ptr, buf_len: len, cookie: i64, bufused: ptr) -> errno, Waits;
        "Moves a descriptor to another number, closing what was there."
        FdRenumber = "fd_renumber"(fd: fd, to: fd) -> errno, Prompt;
        "Moves a file's position and writes the new one (u64)."
        FdSeek = "fd_seek"(fd: fd, offset: i64, whence: i32, position: ptr) -> errno, Waits;
        "Flushes a file's data and attributes to storage."
        FdSync = "fd_sync"(fd: fd) -> errno, Waits;
        "Writes a file's position (u64)."
        FdTell = "fd_tell"(fd: fd, position: ptr) -> errno, Waits;
        "Writes a list of buffers; writes the bytes written (u32)."
        FdWrite = "fd_write"(fd: fd, iovs: ptr, iovs_len: len, nwritten: ptr) -> errno, Waits;
        "Makes a directory."
        PathCreateDirectory = "path_create_directory"(fd: fd, path: ptr, path_len: len) -> errno, Waits, needs Files;
        "Writes the attributes of a file or directory (filestat, 64 bytes)."
        PathFilestatGet = "path_filestat_get"(fd: fd, flags: i32, path: ptr, path_len: len, stat: ptr) -> errno, Waits, needs Files;
        "Sets access and modification times (ns since 1970) by path."
        PathFilestatSetTimes = "path_filestat_set_times"(fd: fd, flags: i32, path: ptr, path_len: len, atim: i64, mtim: i64, fst_flags: i32) -> errno, Waits, needs Files;
        "Makes a hard link."
        PathLink = "path_link"(old_fd: fd, old_flags: i32, old_path: ptr, old_path_len: len, new_fd: fd, new_path: ptr, new_path_len: len) -> errno, Waits, needs Files;
        "Opens a file or directory below a directory and writes its descriptor (u32)."
        PathOpen = "path_open"(fd: fd, dirflags: i32, path: ptr, path_len: len, oflags: i32, rights_base: i64, rights_inheriting: i64, fdflags: i32, opened_fd: ptr) -> errno, Waits, needs Files;
        "Reads a symbolic link's target; writes the bytes written (u32)."
        PathReadlink = "path_readlink"(fd: fd, path: ptr, path_len: len, buf: ptr, buf_len: len, bufused: ptr) -> errno, Waits, needs Files;
        "Removes an empty directory."
        PathRemoveDirectory = "path_remove_directory"(fd: fd, path: ptr, path_len: len) -> errno, Waits, needs Files;
        "Renames a file or directory, within or across directories of one mount."
        PathRename = "path_rename"(fd: fd, old_path: ptr, old_path_len: len, new_fd: fd, new_path: ptr, new_path_len: len) -> errno, Waits, needs Files;
        "Makes a symbolic link. Absolute targets are refused with `notcapable`."
        PathSymlink = "path_symlink"(old_path: ptr, old_path_len: len, fd: fd, new_path: ptr, new_path_len: len) -> errno, Waits, needs Files;
        "Removes a file."
        PathUnlinkFile = "path_unlink_file"(fd: fd, path: ptr, path_len: len) -> errno, Waits, needs Files;
        "Waits until one of the subscriptions (48 bytes each) has happened; writes an event (32 bytes) for each that has, and their number (u32)."
        PollOneoff = "poll_oneoff"(subscriptions: ptr, events: ptr, nsubscriptions: len, nevents: ptr) -> errno, Waits;
        "Ends the container with an exit code."
        ProcExit = "proc_exit"(code: i32) -> nothing, Prompt;
        "Sends a signal to the guest itself: `none` does nothing, the others end the container as that signal would."
        ProcRaise = "proc_raise"(signal: i32) -> errno, Prompt;
        "Gives other containers a turn."
        SchedYield = "sched_yield"() -> errno, Waits;
        "Fills a buffer with cryptographically secure random bytes."
        RandomGet = "random_get"(buf: ptr, buf_len: len) -> errno, Prompt;
        "Accepts a connection on a listening socket and writes its descriptor (u32)."
        SockAccept = "sock_accept"(fd: fd, flags: i32, accepted_fd: ptr) -> errno, Waits;
        "Receives into a list of buffers; writes the bytes received (u32) and the result flags (u16)."
        SockRecv = "sock_recv"(fd: fd, iovs: ptr, iovs_len: len, flags: i32, nread: ptr, result_flags: ptr) -> errno, Waits;
        "Sends a list of buffers; writes the bytes sent (u32)."
        SockSend = "sock_send"(fd: fd, iovs: ptr, iovs_len: len, flags: i32, nwritten: ptr) -> errno, Waits;
        "Shuts down one or both directions of a socket."
        SockShutdown = "sock_shutdown"(fd: fd, how: i32) -> errno, Prompt;
    }
}

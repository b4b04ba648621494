//! The socket extension of `wasi_snapshot_preview1`, as WAMR defines it.

use super::macros::calls;

calls! {
    /// The calls of the socket extension.
    pub enum SockCall as Sock in "wasi_snapshot_preview1" {
        "Opens a socket; the address pool `poolfd` is not used: grants decide."
        Open = "sock_open"(poolfd: fd, family: i32, kind: i32, opened_fd: ptr) -> errno, Prompt, needs Network;
    }
}

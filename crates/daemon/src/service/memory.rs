//! Memory that the start has used and nobody needs any more.

/// Gives it back to the system. The C library keeps what was freed in case it is wanted again, which, after the start of a
/// daemon that then waits for days, it is not.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it may be called at any time, by any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

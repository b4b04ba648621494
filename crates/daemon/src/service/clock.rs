//! Whether the device's clock can be believed.

/// The kernel's state of a clock that nobody has set (`STA_UNSYNC`, adjtimex(2)).
const UNSYNCHRONISED: i32 = 0x40;
/// What the call gives for such a clock (`TIME_ERROR`).
const ERROR: libc::c_long = 5;

/// Whether something keeps the clock right, over the network or by radio, as far as the kernel knows.
#[must_use]
pub fn is_synchronised() -> bool {
    // SAFETY: an all-zero `timex` is a valid value: it consists of integers.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills the structure, which outlives the call; without modes it changes nothing.
    let code = unsafe { libc::syscall(libc::SYS_adjtimex, &raw mut state) };
    (0..ERROR).contains(&code) && state.status & UNSYNCHRONISED == 0
}

//! What the loops in assembly have in common: the two ways between them and the portable loop. [`run`] goes in,
//! [`thimble_inplace_step`] comes back for one instruction.

use core::ffi::c_void;

use super::calls::{ask_host, not_done};
use super::registers::{Entry, Registers};
use super::{Called, Calls, Halt, Stop, portable};
use crate::instance::Instance;

/// Why a loop ended, besides what it noted itself: there is no fuel left.
pub(super) const IS_PREEMPTED: u32 = 2;
/// The function that was begun returned.
pub(super) const IS_RETURNED: u32 = 3;

/// Runs a loop until something stops the guest. The loop takes the registers and the bridge, and gives why it ended.
pub(super) fn run(
    instance: &mut Instance,
    registers: &mut Registers,
    calls: &mut dyn Calls,
    enter: impl FnOnce(*mut Registers, *mut c_void) -> u32,
) -> Option<Halt> {
    let mut bridge = Bridge {
        instance,
        calls,
        halt: None,
    };
    match enter(registers, (&raw mut bridge).cast()) {
        IS_PREEMPTED => Some(Halt::Stop(Stop::Preempted)),
        IS_RETURNED => Some(Halt::Stop(Stop::Returned)),
        _ => bridge.halt,
    }
}

/// What the portable loop needs besides the registers.
struct Bridge<'a> {
    instance: &'a mut Instance,
    calls: &'a mut dyn Calls,
    halt: Option<Halt>,
}

impl Bridge<'_> {
    /// Keeps why the guest is stopped.
    #[cold]
    fn note(&mut self, halt: Option<Halt>) -> u32 {
        self.halt = halt;
        IS_HALTED
    }
}

const IS_HALTED: u32 = 1;

/// Does one instruction, whose opcode is next. Not 0 if the guest is stopped.
///
/// # Safety
/// For the loop in assembly only, with what it was given.
#[unsafe(no_mangle)]
unsafe extern "C" fn thimble_inplace_step(registers: *mut Registers, bridge: *mut c_void) -> u32 {
    // SAFETY: the loop hands on the pointer that `run` gave, and nobody else uses the bridge meanwhile.
    let bridge = unsafe { &mut *bridge.cast::<Bridge<'_>>() };
    // SAFETY: as above.
    let registers = unsafe { &mut *registers };
    match portable::run::<false>(bridge.instance, registers, bridge.calls) {
        None => 0,
        halt => bridge.note(halt),
    }
}

/// Calls the host: what became of it ([`Called`]) in the lower half, the new top of the stack in the upper one. The
/// loop gives the top and keeps all other registers.
///
/// # Safety
/// As above; `function` is the entry of what is called, and its arguments are topmost.
#[unsafe(no_mangle)]
unsafe extern "C" fn thimble_inplace_host(
    registers: *mut Registers,
    bridge: *mut c_void,
    function: Entry,
) -> u64 {
    // SAFETY: as above.
    let bridge = unsafe { &mut *bridge.cast::<Bridge<'_>>() };
    // SAFETY: as above.
    let registers = unsafe { &mut *registers };
    let called = ask_host(registers, bridge.calls, Registers::function_at(function), 0);
    u64::from(called as u32) | (registers.top as u64) << 32
}

/// Notes why a call that was not done stopped the guest. The registers are those of before the call, whose opcode is next.
///
/// # Safety
/// As above; `called` is what `thimble_inplace_host` gave.
#[unsafe(no_mangle)]
unsafe extern "C" fn thimble_inplace_not_done(
    registers: *mut Registers,
    bridge: *mut c_void,
    called: u32,
) -> u32 {
    // SAFETY: as above.
    let bridge = unsafe { &mut *bridge.cast::<Bridge<'_>>() };
    // SAFETY: as above.
    let registers = unsafe { &mut *registers };
    let called = if called == Called::Ended as u32 {
        Called::Ended
    } else {
        Called::Blocked
    };
    let at = registers.code;
    let halt = not_done(registers, bridge.calls, called, at);
    bridge.note(Some(halt))
}

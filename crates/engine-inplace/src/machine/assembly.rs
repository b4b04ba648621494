//! What the loops in assembly have in common: the two ways between them and the portable loop. [`run`] goes in,
//! [`thimble_inplace_step`] comes back for one instruction.

use core::ffi::c_void;

use super::registers::Registers;
use super::{Calls, Halt, Stop, portable};
use crate::instance::Instance;
use crate::table::{FUNCTION_WORDS, Function};

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
    /// Whether the guest is stopped.
    fn note(&mut self, halt: Option<Halt>) -> u32 {
        let is_halted = halt.is_some();
        if is_halted {
            self.halt = halt;
        }
        u32::from(is_halted)
    }
}

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
    let halt = portable::run::<false>(bridge.instance, registers, bridge.calls);
    bridge.note(halt)
}

/// Calls the host, with the place in the code behind the call and its arguments topmost. Not 0 if the guest is stopped.
///
/// # Safety
/// As above; `start` is the place of the call's opcode, and `function` that of the entry of what it calls.
#[unsafe(no_mangle)]
unsafe extern "C" fn thimble_inplace_host(
    registers: *mut Registers,
    bridge: *mut c_void,
    start: *const u8,
    function: *const [u32; FUNCTION_WORDS as usize],
) -> u32 {
    // SAFETY: as above.
    let bridge = unsafe { &mut *bridge.cast::<Bridge<'_>>() };
    // SAFETY: as above.
    let registers = unsafe { &mut *registers };
    // SAFETY: as above.
    let function = Function::from_words(unsafe { *function });
    let went = bridge
        .instance
        .call_host(registers, bridge.calls, function, start, 0);
    bridge.note(went.err())
}

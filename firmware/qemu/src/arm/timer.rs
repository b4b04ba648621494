//! Two timers of the CMSDK, 32 bits that count down: one runs forever, one alarms.
//!
//! The first wraps every 172 s (214 s on AN505), which is the only interrupt that nobody asked for.

use core::cell::Cell;

use critical_section::Mutex;

use super::{interrupts, map};
use crate::registers::Registers;

const CONTROL: usize = 0x0;
const VALUE: usize = 0x4;
const RELOAD: usize = 0x8;
/// Read: whether there is one. Written: it is over.
const INTERRUPT: usize = 0xc;

const ENABLE: u32 = 1;
const INTERRUPT_ENABLE: u32 = 1 << 3;

const STEPS_PER_MICROSECOND: u64 = map::CLOCK_HZ as u64 / 1_000_000;

// SAFETY: a timer is there on this board.
const COUNTER: Registers = unsafe { Registers::at(map::COUNTER) };
// SAFETY: a timer is there on this board.
const ALARM: Registers = unsafe { Registers::at(map::ALARM) };

/// How often the counter wrapped.
static WRAPS: Mutex<Cell<u32>> = Mutex::new(Cell::new(0));

/// Starts the counter.
pub(crate) fn begin() {
    ALARM.write(CONTROL, 0);
    COUNTER.write(RELOAD, u32::MAX);
    COUNTER.write(VALUE, u32::MAX);
    COUNTER.write(INTERRUPT, 1);
    COUNTER.write(CONTROL, ENABLE | INTERRUPT_ENABLE);
    interrupts::allow(&[map::COUNTER_INTERRUPT, map::ALARM_INTERRUPT]);
}

/// Steps of the counter since the start.
pub(crate) fn steps() -> u64 {
    critical_section::with(|section| {
        let mut left = COUNTER.read(VALUE);
        let mut wraps = u64::from(WRAPS.borrow(section).get());
        if COUNTER.read(INTERRUPT) != 0 {
            // It wrapped, and the handler could not count that yet.
            wraps += 1;
            left = COUNTER.read(VALUE);
        }
        // It interrupts as it reaches 0, a step before it begins anew: 0 is the first step of the next round.
        wraps << 32 | u64::from(left.wrapping_neg())
    })
}

/// Microseconds since the start.
pub(crate) fn now() -> u64 {
    steps() / STEPS_PER_MICROSECOND
}

/// The counter wrapped.
pub(super) fn wrapped() {
    critical_section::with(|section| {
        COUNTER.write(INTERRUPT, 1);
        let wraps = WRAPS.borrow(section);
        wraps.set(wraps.get().wrapping_add(1));
    });
}

/// Sets the alarm for this microsecond, or none; whether it is still to come. It may ring early, and then is set anew.
pub(crate) fn set_alarm(at: u64) -> bool {
    ALARM.write(CONTROL, 0);
    ALARM.write(INTERRUPT, 1);
    if at == u64::MAX {
        return true;
    }
    let Some(wait) = at.checked_sub(now()).filter(|wait| *wait > 0) else {
        return false;
    };
    let steps = wait.saturating_mul(STEPS_PER_MICROSECOND);
    // Nothing to begin with again: it rings once.
    ALARM.write(RELOAD, 0);
    ALARM.write(VALUE, u32::try_from(steps).unwrap_or(u32::MAX));
    ALARM.write(CONTROL, ENABLE | INTERRUPT_ENABLE);
    true
}

/// Ends the alarm that rings.
pub(super) fn silence() {
    ALARM.write(CONTROL, 0);
    ALARM.write(INTERRUPT, 1);
}

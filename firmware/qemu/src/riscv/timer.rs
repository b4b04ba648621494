//! The machine timer: 64 bits at 10 MHz, and one comparison, which the alarm and the watchdog share.

use core::cell::Cell;

use critical_section::Mutex;
use firmware_parts::{FaultKind, Trapped};

use crate::clock;
use crate::registers::Registers;

// SAFETY: the timer is there.
const TIMER: Registers = unsafe { Registers::at(0x0200_0000) };
const COMPARE_LOW: usize = 0x4000;
const COMPARE_HIGH: usize = 0x4004;
const TIME_LOW: usize = 0xbff8;
const TIME_HIGH: usize = 0xbffc;

const STEPS_PER_MICROSECOND: u64 = 10;

/// When what rings, in microseconds; never is the end of time.
#[derive(Clone, Copy)]
struct Deadlines {
    alarm: u64,
    watchdog: u64,
}

static DEADLINES: Mutex<Cell<Deadlines>> = Mutex::new(Cell::new(Deadlines {
    alarm: u64::MAX,
    watchdog: u64::MAX,
}));

/// The timer runs by itself; nothing rings yet.
pub(crate) fn begin() {
    compare(u64::MAX);
}

/// Microseconds since the start.
pub(crate) fn now() -> u64 {
    loop {
        let high = TIMER.read(TIME_HIGH);
        let low = TIMER.read(TIME_LOW);
        if TIMER.read(TIME_HIGH) == high {
            return (u64::from(high) << 32 | u64::from(low)) / STEPS_PER_MICROSECOND;
        }
    }
}

/// Sets the alarm for this microsecond, or none; whether it is still to come, or rings at once.
pub(crate) fn set_alarm(at: u64) -> bool {
    change(|deadlines| deadlines.alarm = at);
    true
}

/// Sets when the watchdog bites.
pub(super) fn set_watchdog(at: u64) {
    change(|deadlines| deadlines.watchdog = at);
}

fn change(change: impl FnOnce(&mut Deadlines)) {
    critical_section::with(|section| {
        let cell = DEADLINES.borrow(section);
        let mut deadlines = cell.get();
        change(&mut deadlines);
        cell.set(deadlines);
        compare(
            deadlines
                .alarm
                .min(deadlines.watchdog)
                .saturating_mul(STEPS_PER_MICROSECOND),
        );
    });
}

/// Never rings in between, whatever was there before.
fn compare(steps: u64) {
    let [low, high] = halves(steps);
    TIMER.write(COMPARE_HIGH, u32::MAX);
    TIMER.write(COMPARE_LOW, low);
    TIMER.write(COMPARE_HIGH, high);
}

fn halves(value: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    [
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    ]
}

/// The comparison came true.
pub(super) fn rings(interrupted: &Trapped) {
    let deadlines = critical_section::with(|section| DEADLINES.borrow(section).get());
    if now() >= deadlines.watchdog {
        interrupted.end(FaultKind::Watchdog);
    }
    clock::ring();
}

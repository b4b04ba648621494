//! The table of interrupts, and turning them on.

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;

use super::{map, timer};
use crate::{clock, console};

/// More than the interrupts in use.
const COUNT: usize = 64;

/// An interrupt, by its number.
#[derive(Clone, Copy)]
struct Interrupt(u16);

// SAFETY: the numbers are below that of the processor's interrupts.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

unsafe extern "C" {
    fn DefaultHandler();
}

/// For cortex-m-rt, which puts it behind the exceptions.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [unsafe extern "C" fn(); COUNT] = table();

const fn table() -> [unsafe extern "C" fn(); COUNT] {
    let mut table: [unsafe extern "C" fn(); COUNT] = [DefaultHandler; COUNT];
    table[map::COUNTER_INTERRUPT as usize] = on_counter;
    table[map::ALARM_INTERRUPT as usize] = on_alarm;
    table[map::UART_INTERRUPTS[0] as usize] = on_uart;
    table[map::UART_INTERRUPTS[1] as usize] = on_uart;
    table
}

extern "C" fn on_counter() {
    timer::wrapped();
}

extern "C" fn on_alarm() {
    timer::silence();
    clock::ring();
}

extern "C" fn on_uart() {
    super::uart::acknowledge();
    console::serve();
}

/// Lets interrupts of these numbers come.
pub(super) fn allow(numbers: &[u16]) {
    for number in numbers {
        // SAFETY: a handler is there, and critical sections are made of PRIMASK, not of these masks.
        unsafe { NVIC::unmask(Interrupt(*number)) };
    }
}

//! UART0 of the CMSDK. Source: Arm Cortex-M System Design Kit, chapter APB UART.

use super::{interrupts, map};
use crate::registers::Registers;

const DATA: usize = 0x0;
const STATE: usize = 0x4;
const CONTROL: usize = 0x8;
/// Read: which there are. Written: which are over.
const INTERRUPTS: usize = 0xc;
const DIVIDER: usize = 0x10;

/// In `STATE`.
const SEND_FULL: u32 = 1 << 0;
const RECEIVE_FULL: u32 = 1 << 1;
/// In `CONTROL`.
const SEND_ENABLE: u32 = 1 << 0;
const RECEIVE_ENABLE: u32 = 1 << 1;
const SEND_INTERRUPT: u32 = 1 << 2;
const RECEIVE_INTERRUPT: u32 = 1 << 3;

const BAUD: u32 = 115_200;

// SAFETY: a UART is there on this board.
const UART: Registers = unsafe { Registers::at(map::UART) };

/// Starts it.
pub(crate) fn begin() {
    UART.write(DIVIDER, map::CLOCK_HZ / BAUD);
    UART.write(
        CONTROL,
        SEND_ENABLE | RECEIVE_ENABLE | SEND_INTERRUPT | RECEIVE_INTERRUPT,
    );
    // What came before is nobody's. QEMU looks for more when this is read, and else only once a second.
    UART.read(DATA);
    interrupts::allow(&map::UART_INTERRUPTS);
}

/// Ends the interrupts that are there: what they were about is looked at afterwards.
pub(super) fn acknowledge() {
    UART.write(INTERRUPTS, UART.read(INTERRUPTS));
}

/// A byte that came.
pub(crate) fn receive() -> Option<u8> {
    if UART.read(STATE) & RECEIVE_FULL == 0 {
        return None;
    }
    let [byte, ..] = UART.read(DATA).to_le_bytes();
    Some(byte)
}

/// Whether a byte can be sent.
pub(crate) fn can_send() -> bool {
    UART.read(STATE) & SEND_FULL == 0
}

/// Sends a byte.
pub(crate) fn send(byte: u8) {
    UART.write(DATA, u32::from(byte));
}

/// Whether all bytes are sent.
pub(crate) fn is_idle() -> bool {
    can_send()
}

/// Whether interrupts tell that a byte came.
pub(crate) fn want_receive(wanted: bool) {
    let control = UART.read(CONTROL);
    let wish = match wanted {
        true => control | RECEIVE_INTERRUPT,
        false => control & !RECEIVE_INTERRUPT,
    };
    if wish != control {
        UART.write(CONTROL, wish);
    }
}

/// Whether interrupts tell that there is room. They come when a byte leaves, and only then: there is no need to stop
/// them.
pub(crate) fn want_send(_wanted: bool) {}

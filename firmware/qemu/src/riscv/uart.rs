//! A UART of the 16550 kind. Source: National Semiconductor's data sheet of the PC16550D.

use crate::registers::Registers;

/// Its number at the interrupt controller.
pub(super) const INTERRUPT: u32 = 10;

// SAFETY: the UART is there.
const UART: Registers = unsafe { Registers::at(0x1000_0000) };
const DATA: usize = 0;
const INTERRUPT_ENABLE: usize = 1;
/// Read: why there is an interrupt. Written: how the queues work.
const INTERRUPT_CAUSE: usize = 2;
const QUEUES: usize = 2;
const LINE_STATUS: usize = 5;

/// In `INTERRUPT_ENABLE`.
const RECEIVED: u8 = 1;
const SENT: u8 = 2;
/// In `LINE_STATUS`.
const HAS_BYTE: u8 = 1;
const CAN_SEND: u8 = 1 << 5;
/// In `QUEUES`: used and emptied, and an interrupt for each byte.
const QUEUES_EMPTY: u8 = 7;

/// Starts it. QEMU's has any rate.
pub(crate) fn begin() {
    UART.write_byte(QUEUES, QUEUES_EMPTY);
    UART.write_byte(INTERRUPT_ENABLE, RECEIVED);
    // What came before is nobody's. QEMU looks for more when this is read, and else only once a second.
    UART.read_byte(DATA);
}

/// Ends the interrupt about a byte that was sent.
pub(super) fn acknowledge() {
    UART.read_byte(INTERRUPT_CAUSE);
}

/// A byte that came.
pub(crate) fn receive() -> Option<u8> {
    match UART.read_byte(LINE_STATUS) & HAS_BYTE {
        0 => None,
        _ => Some(UART.read_byte(DATA)),
    }
}

/// Whether a byte can be sent.
pub(crate) fn can_send() -> bool {
    UART.read_byte(LINE_STATUS) & CAN_SEND != 0
}

/// Sends a byte.
pub(crate) fn send(byte: u8) {
    UART.write_byte(DATA, byte);
}

/// Whether all bytes are sent.
pub(crate) fn is_idle() -> bool {
    can_send()
}

/// Whether interrupts tell that a byte came.
pub(crate) fn want_receive(wanted: bool) {
    want(RECEIVED, wanted);
}

/// Whether interrupts tell that there is room.
pub(crate) fn want_send(wanted: bool) {
    want(SENT, wanted);
}

fn want(bit: u8, wanted: bool) {
    let enabled = UART.read_byte(INTERRUPT_ENABLE);
    let wish = match wanted {
        true => enabled | bit,
        false => enabled & !bit,
    };
    if wish != enabled {
        UART.write_byte(INTERRUPT_ENABLE, wish);
    }
}

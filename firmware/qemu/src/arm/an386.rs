//! MPS2 with AN386. Source: Arm application note 386, and QEMU's `hw/arm/mps2.c`.

/// The board.
pub(crate) const NAME: &str = "mps2-an386";
/// Its processor.
pub(crate) const PROCESSOR: &str = "Cortex-M4F";
/// The clock of everything.
pub(super) const CLOCK_HZ: u32 = 25_000_000;
/// The timer that counts.
pub(super) const COUNTER: usize = 0x4000_0000;
/// The timer that alarms.
pub(super) const ALARM: usize = 0x4000_1000;
/// The first UART.
pub(super) const UART: usize = 0x4000_4000;
/// The watchdog.
pub(super) const WATCHDOG: usize = 0x4000_8000;
/// The memory that holds the image of the flash.
pub(super) const PSRAM: usize = 0x2100_0000;
/// Bytes that it has.
pub(super) const PSRAM_BYTES: u32 = 16 * 1024 * 1024;

/// Numbers of interrupts.
pub(super) const COUNTER_INTERRUPT: u16 = 8;
pub(super) const ALARM_INTERRUPT: u16 = 9;
pub(super) const UART_INTERRUPTS: [u16; 2] = [0, 1];

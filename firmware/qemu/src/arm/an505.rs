//! MPS2 with AN505, at its secure addresses. Source: Arm application note 505, and QEMU's `hw/arm/mps2-tz.c` and
//! `hw/arm/armsse.c`.

/// The board.
pub(crate) const NAME: &str = "mps2-an505";
/// Its processor.
pub(crate) const PROCESSOR: &str = "Cortex-M33";
/// The clock of everything.
pub(super) const CLOCK_HZ: u32 = 20_000_000;
/// The timer that counts.
pub(super) const COUNTER: usize = 0x5000_0000;
/// The timer that alarms.
pub(super) const ALARM: usize = 0x5000_1000;
/// The first UART.
pub(super) const UART: usize = 0x5020_0000;
/// The watchdog of the secure state.
pub(super) const WATCHDOG: usize = 0x5008_1000;
/// The memory that holds the image of the flash.
pub(super) const PSRAM: usize = 0x8000_0000;
/// Bytes that it has.
pub(super) const PSRAM_BYTES: u32 = 16 * 1024 * 1024;

/// Numbers of interrupts.
pub(super) const COUNTER_INTERRUPT: u16 = 3;
pub(super) const ALARM_INTERRUPT: u16 = 4;
pub(super) const UART_INTERRUPTS: [u16; 2] = [32, 33];

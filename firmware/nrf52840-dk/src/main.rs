//! Thimble on Nordic's nRF52840 DK. The console is the debugger's serial port, 115200 baud.

#![no_std]
#![no_main]

extern crate alloc;

mod board;
mod chip;
mod watchdog;

use alloc::boxed::Box;
use core::ops::Range;

use embassy_nrf::buffered_uarte::{BufferedUarte, InterruptHandler};
use embassy_nrf::nvmc::Nvmc;
use embassy_nrf::rng::Rng;
use embassy_nrf::{bind_interrupts, peripherals, uarte};
use embassy_time::TICK_HZ;
#[cfg(feature = "check")]
use firmware_app as program;
#[cfg(not(feature = "check"))]
use firmware_device as program;
use firmware_parts::{Beginning, ClockFacts, Parts, Region, Words, scheduler, stack};

use crate::chip::Nrf52840;
use crate::watchdog::Watchdog;

/// The part of flash that is not the firmware's; see memory.x. Flash begins at address 0.
const STORAGE: Range<u32> = 512 * 1024..1024 * 1024;
const RECEIVED_BYTES: usize = 1024;
const SENDING_BYTES: usize = 256;

bind_interrupts!(struct Interrupts {
    UARTE0 => InterruptHandler<peripherals::UARTE0>;
});

unsafe extern "C" {
    static mut __sheap: u8;
    static mut __ram_end: u8;
}

#[cortex_m_rt::entry]
fn main() -> ! {
    // SAFETY: nothing but start-up ran so far, which is over.
    unsafe { stack::enter(on_stack) }
}

extern "C" fn on_stack() -> ! {
    let heap = (&raw const __sheap) as usize..(&raw const __ram_end) as usize;
    let reset = cortex_m::peripheral::SCB::sys_reset;
    // SAFETY: this runs once; the linker script leaves the memory to the heap.
    let left = unsafe { firmware_parts::begin(Beginning { heap, reset }) };
    let devices = embassy_nrf::init(embassy_nrf::config::Config::default());
    let left = left.with_watchdog(watchdog::has_bitten());
    let console = BufferedUarte::new(
        devices.UARTE0,
        devices.TIMER0,
        devices.PPI_CH0,
        devices.PPI_CH1,
        devices.PPI_GROUP0,
        devices.P0_08,
        devices.P0_06,
        Interrupts,
        uarte::Config::default(),
        alloc::vec![0; RECEIVED_BYTES].leak(),
        alloc::vec![0; SENDING_BYTES].leak(),
    );
    let (input, output) = console.split();
    let mut seed = [0; 32];
    let random = Rng::new_blocking(devices.RNG);
    random.set_bias_correction(true);
    fill(random, &mut seed);
    scheduler::run(|spawner| {
        let parts = Parts {
            input,
            output,
            flash: Region::new(
                Nvmc::new(devices.NVMC),
                STORAGE.start,
                STORAGE.end - STORAGE.start,
                STORAGE.start as usize,
            ),
            board: board::pins(board::Wires {
                lamps: [
                    devices.P0_13.into(),
                    devices.P0_14.into(),
                    devices.P0_15.into(),
                    devices.P0_16.into(),
                ],
                buttons: [
                    devices.P0_11.into(),
                    devices.P0_12.into(),
                    devices.P0_24.into(),
                    devices.P0_25.into(),
                ],
            }),
            watchdog: Watchdog::new(devices.WDT),
            seed,
            started_by: left.started_by,
            fault: left.fault,
            clock: ClockFacts {
                unix_seconds_at_start: None,
                resolution_nanos: 1_000_000_000 / TICK_HZ,
            },
            words: Words::default(),
            spawner,
        };
        // There is room for one, and this is the first.
        if let Ok(token) = device(Box::new(parts)) {
            spawner.spawn(token);
        }
    })
}

/// Takes randomness, and stops its source.
fn fill(mut random: Rng<'_, embassy_nrf::mode::Blocking>, seed: &mut [u8]) {
    random.blocking_fill_bytes(seed);
}

#[embassy_executor::task]
async fn device(parts: Box<Parts<Nrf52840>>) {
    program::run(parts).await
}

//! Thimble on Raspberry Pi's Pico 2. The console is UART0, on GP0 and GP1, 115200 baud.

#![no_std]
#![no_main]

extern crate alloc;

mod chip;
mod watchdog;

use alloc::boxed::Box;
use core::ops::Range;

use embassy_rp::flash::{Blocking, Flash};
use embassy_rp::gpio::{Input, Level, Output};
use embassy_rp::trng::{self, Trng};
use embassy_rp::uart::{self, BufferedInterruptHandler, BufferedUart};
use embassy_rp::{bind_interrupts, peripherals};
use embassy_time::TICK_HZ;
#[cfg(feature = "check")]
use firmware_app as program;
#[cfg(not(feature = "check"))]
use firmware_device as program;
use firmware_parts::{Beginning, ClockFacts, Parts, Region, Words, scheduler, stack};
use thimble_port_mcu::pins::{PinPlace, Pins, Polarity};

use crate::chip::{FLASH_BYTES, Pico2};
use crate::watchdog::Watchdog;

/// The part of flash that is not the firmware's; see memory.x.
const STORAGE: Range<u32> = 1024 * 1024..4 * 1024 * 1024;
/// Where the processor sees flash.
const FLASH_ADDRESS: usize = 0x1000_0000;
const RECEIVED_BYTES: usize = 1024;
const SENDING_BYTES: usize = 256;
/// The board's lamp.
const LAMP: PinPlace = PinPlace {
    name: "led0",
    port: 0,
    pin: 25,
    polarity: Polarity::ActiveHigh,
};

bind_interrupts!(struct Interrupts {
    UART0_IRQ => BufferedInterruptHandler<peripherals::UART0>;
    TRNG_IRQ => trng::InterruptHandler<peripherals::TRNG>;
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
    let devices = embassy_rp::init(embassy_rp::config::Config::default());
    let watchdog = Watchdog::new(devices.WATCHDOG);
    let left = left.with_watchdog(watchdog.has_bitten());
    let console = BufferedUart::new(
        devices.UART0,
        devices.PIN_0,
        devices.PIN_1,
        Interrupts,
        alloc::vec![0; SENDING_BYTES].leak(),
        alloc::vec![0; RECEIVED_BYTES].leak(),
        uart::Config::default(),
    );
    let (output, input) = console.split();
    let mut seed = [0; 32];
    Trng::new(devices.TRNG, Interrupts, trng::Config::default()).blocking_fill_bytes(&mut seed);
    let flash = Flash::<_, Blocking, FLASH_BYTES>::new_blocking(devices.FLASH);
    let lamp = Output::new(devices.PIN_25, Level::Low);
    scheduler::run(|spawner| {
        let parts = Parts {
            input,
            output,
            flash: Region::new(
                flash,
                STORAGE.start,
                STORAGE.end - STORAGE.start,
                FLASH_ADDRESS + STORAGE.start as usize,
            ),
            board: Pins::new([(LAMP, lamp)], [] as [(PinPlace, Input<'static>); 0]),
            watchdog,
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

#[embassy_executor::task]
async fn device(parts: Box<Parts<Pico2>>) {
    program::run(parts).await
}

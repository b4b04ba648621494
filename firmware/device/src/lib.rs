//! The program on a board: containers, kept as they were declared, with a console.
//!
//! It joins what the board gives ([`Parts`]) with the engine, the log and the image store in its flash, and the
//! supervisor, and then does one thing after the other: what is due, what was asked for, one slice of a container. When
//! nothing is left it waits for the console, a container's waker, or the next deadline; the processor sleeps meanwhile.
//!
//! Never: knowledge of a chip. What a chip has stands in its own package.

#![no_std]

extern crate alloc;

mod clock;
mod console;
mod facts;
mod flash;
mod joined;
mod programs;
mod settings;
mod volumes;

use embassy_futures::select::{Either3, select3};
use embassy_futures::yield_now;
use embassy_time::{Duration, Timer};
use embedded_io_async::{Read as _, Write as _};
use firmware_parts::{Chip, Parts, Watchdog as _};
use thimble_port_mcu::machine::Step;
use thimble_runtime::Instant;
use thimble_runtime::port::Clock as _;

use crate::clock::DeviceClock;
use crate::console::Console;

/// The longest time without progress before the watchdog resets the board.
const WATCHDOG_MS: u32 = 8_000;

/// Bytes that are taken from the console at a time.
const INPUT_BYTES: usize = 64;

/// Runs forever.
pub async fn run<C: Chip>(parts: Parts<C>) -> ! {
    let Parts {
        mut input,
        mut output,
        flash,
        board,
        mut watchdog,
        seed,
        started_by,
        fault,
        clock,
        words,
        ..
    } = parts;
    let clock = DeviceClock::new(clock);
    let joined = joined::Device {
        name: C::NAME,
        flash,
        board,
        seed,
        started_by,
        fault,
        words,
    };
    let (mut supervisor, greeting) = match joined::supervisor(joined, &clock) {
        Ok(supervisor) => supervisor,
        Err(reason) => {
            // Without flash there is nothing to keep: say so, and try again as long as somebody looks.
            let _ = output.write_all(reason.as_bytes()).await;
            let _ = output.flush().await;
            C::exit(1)
        }
    };
    let mut console = match Console::new(settings::message_bytes_max(words), &greeting) {
        Ok(console) => console,
        Err(_) => C::restart(),
    };
    watchdog.start(WATCHDOG_MS);
    let mut bytes = [0; INPUT_BYTES];
    loop {
        let next = supervisor.poll(clock.now());
        console.carry_out(&mut supervisor, &clock);
        while let Some(piece) = console.outgoing() {
            // A console that fails has nobody behind it.
            let _ = output.write_all(piece).await;
            console.sent();
        }
        watchdog.feed();
        if next.is_reboot_due {
            let _ = output.flush().await;
            C::restart();
        }
        match supervisor.step() {
            Step::Ran => {
                // Whoever was woken by an interrupt, and then whatever was typed meanwhile.
                yield_now().await;
                let typed = select3(input.read(&mut bytes), core::future::ready(()), core::future::ready(())).await;
                if let Either3::First(Ok(count)) = typed {
                    console.receive(bytes.get(..count).unwrap_or_default(), clock.uptime_ms());
                }
            }
            Step::Idle { .. } if console.has_work(clock.uptime_ms()) => {}
            Step::Idle { until } => {
                let until = [until, next.until, console.wake_at()].into_iter().flatten().min();
                let is_paused = watchdog.pause();
                let alarm = core::future::poll_fn(|context| supervisor.alarm().poll(context));
                let event = select3(input.read(&mut bytes), alarm, deadline(until, is_paused)).await;
                if let Either3::First(Ok(count)) = event {
                    console.receive(bytes.get(..count).unwrap_or_default(), clock.uptime_ms());
                }
            }
        }
    }
}

/// Waits until then, if ever; not for longer than a watchdog that cannot be paused allows.
async fn deadline(until: Option<Instant>, is_paused: bool) {
    let until = until.map(clock::embassy);
    let feeding = embassy_time::Instant::now() + Duration::from_millis(u64::from(WATCHDOG_MS / 2));
    let until = match is_paused {
        true => until,
        false => Some(until.map_or(feeding, |until| until.min(feeding))),
    };
    match until {
        Some(until) => Timer::at(until).await,
        None => core::future::pending().await,
    }
}

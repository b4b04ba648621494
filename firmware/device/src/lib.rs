//! The program on a board: containers, kept as they were declared, with a console.
//!
//! It joins what the board gives ([`Parts`]) with the engine, the log and the image store in its flash, and the
//! supervisor, and then does one thing after the other: what was asked for, what is due, one slice of a container. When
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
#[cfg_attr(not(feature = "marks"), path = "marks_absent.rs")]
mod marks;
mod programs;
mod settings;
mod volumes;

use alloc::boxed::Box;
use alloc::string::String;

use embassy_futures::select::{Either, Either3, select, select3};
use embassy_futures::yield_now;
use embassy_time::{Duration, Timer};
use embedded_io_async::{Read as _, Write as _};
use firmware_parts::{Chip, Parts, Pause, Watchdog as _, Words, fault};
use thimble_port_mcu::machine::Step;
use thimble_runtime::Instant;
use thimble_runtime::port::Clock as _;
use thimble_supervisor::Supervisor;

use crate::clock::DeviceClock;
use crate::console::Console;
use crate::marks::Marks;

/// The longest time without progress before the watchdog resets the board.
const WATCHDOG_MS: u32 = 8_000;

/// Bytes that are taken from the console at a time.
const INPUT_BYTES: usize = 64;

/// Runs forever.
pub async fn run<C: Chip>(parts: Box<Parts<C>>) -> ! {
    let mut marks = Marks::new(C::instructions);
    let mut device = match begin::<C>(parts) {
        Ok(device) => device,
        Err(mut failed) => {
            // Without flash there is nothing to keep.
            let _ = failed.output.write_all(failed.reason.as_bytes()).await;
            let _ = failed.output.flush().await;
            C::exit(1)
        }
    };
    let Running {
        input,
        output,
        watchdog,
        clock,
        supervisor,
        console,
    } = &mut *device;
    watchdog.start(WATCHDOG_MS);
    let mut bytes = [0; INPUT_BYTES];
    marks.happened("ready");
    loop {
        if !console.is_sending() {
            let is_asked = console.is_asked();
            marks.requested(is_asked);
            console.carry_out(supervisor, clock);
            marks.carried_out(is_asked);
        }
        if let Some(piece) = console.outgoing() {
            // A console that fails has nobody behind it.
            let _ = output.write_all(piece).await;
            console.sent();
        }
        // Behind what was asked for, which may have made something due: a restart of a container, or of the device.
        let next = supervisor.poll(clock.now());
        watchdog.feed();
        if next.is_reboot_due && !console.is_sending() {
            let _ = output.flush().await;
            C::restart();
        }
        // A run that was begun meanwhile has begun.
        fault::nobody_runs();
        marks.stepping();
        match supervisor.step() {
            Step::Ran => {
                marks.ran();
                console.say(&mut marks);
                // Whoever was woken by an interrupt, and then whatever was typed meanwhile.
                yield_now().await;
                if !console.is_sending() {
                    let typed = select(input.read(&mut bytes), core::future::ready(())).await;
                    if let Either::First(Ok(count)) = typed {
                        console.receive(bytes.get(..count).unwrap_or_default(), clock.uptime_ms());
                    }
                }
                marks.looked();
            }
            Step::Idle { .. } if console.say(&mut marks) => {}
            Step::Idle { .. } if console.is_sending() || console.has_work(clock.uptime_ms()) => {}
            Step::Idle { until } => {
                let until = [until, next.until, console.wake_at()]
                    .into_iter()
                    .flatten()
                    .min();
                let pause = watchdog.pause();
                let alarm = core::future::poll_fn(|context| supervisor.alarm().poll(context));
                let event = select3(input.read(&mut bytes), alarm, deadline(until, pause)).await;
                // It counts again before anything is done that could take too long.
                watchdog.feed();
                if let Either3::First(Ok(count)) = event {
                    console.receive(bytes.get(..count).unwrap_or_default(), clock.uptime_ms());
                }
                marks.looked();
            }
        }
    }
}

/// Waits until then, if ever; not for longer than the watchdog allows.
async fn deadline(until: Option<Instant>, pause: Pause) {
    let until = until.map(clock::embassy);
    let timeout_ms = match pause {
        Pause::None => Some(WATCHDOG_MS),
        Pause::Millis(millis) => Some(millis),
        Pause::Unlimited => None,
    };
    let feeding = timeout_ms.map(|timeout_ms| {
        embassy_time::Instant::now() + Duration::from_millis(u64::from(timeout_ms / 2))
    });
    match [until, feeding].into_iter().flatten().min() {
        Some(until) => Timer::at(until).await,
        None => core::future::pending().await,
    }
}

/// What runs.
struct Running<C: Chip> {
    input: C::Input,
    output: C::Output,
    watchdog: C::Watchdog,
    clock: DeviceClock,
    supervisor: Box<Supervisor>,
    console: Console,
}

/// Why nothing runs.
struct Failed<C: Chip> {
    output: C::Output,
    reason: String,
}

/// Everything but the supervisor.
struct Prepared<C: Chip> {
    input: C::Input,
    output: C::Output,
    watchdog: C::Watchdog,
    clock: DeviceClock,
    words: Words,
    parts: Box<thimble_supervisor::Parts>,
    console: Console,
}

/// Makes everything ready. Apart from what runs later, and in two steps, so that the stack is free again when containers
/// start.
#[inline(never)]
fn begin<C: Chip>(parts: Box<Parts<C>>) -> Result<Box<Running<C>>, Failed<C>> {
    let prepared = prepare(parts)?;
    let supervisor = Supervisor::new(settings::supervisor(prepared.words), *prepared.parts);
    Ok(Box::new(Running {
        input: prepared.input,
        output: prepared.output,
        watchdog: prepared.watchdog,
        clock: prepared.clock,
        supervisor,
        console: prepared.console,
    }))
}

#[inline(never)]
fn prepare<C: Chip>(parts: Box<Parts<C>>) -> Result<Box<Prepared<C>>, Failed<C>> {
    let clock = DeviceClock::new(parts.clock);
    let words = parts.words;
    let joined = joined::Device {
        name: C::NAME,
        flash: parts.flash,
        board: parts.board,
        seed: parts.seed,
        started_by: parts.started_by,
        fault: parts.fault,
        words,
    };
    let begun = joined::parts(joined, &clock).and_then(|(parts, greeting)| {
        let console = Console::new(settings::message_bytes_max(words), &greeting);
        let console = console.map_err(|_| String::from("there is no memory for messages\n"))?;
        Ok((parts, console))
    });
    let output = parts.output;
    match begun {
        Ok((supervised, console)) => Ok(Box::new(Prepared {
            input: parts.input,
            output,
            watchdog: parts.watchdog,
            clock,
            words,
            parts: supervised,
            console,
        })),
        Err(reason) => Err(Failed { output, reason }),
    }
}

//! A control loop as devices run them: read a sensor on a timer, act on it, tell the operator.
//!
//! ```text
//! thimble run sensor-loop-rust.wasm --board desk.toml -e ROUNDS=5 \
//!     --allow timer --allow sensor:temp --allow gpio:led0 --allow kv
//! ```
//!
//! Every 100 ms it reads the temperature `temp`, lights `led0` above 21.6 degrees, logs, and reports its health. After
//! ROUNDS rounds (5), or when asked to stop, it ends with exit code 0. It counts its runs in the key-value store. All but
//! the timer may be missing: it says so and does what it still can.

#![no_std]
#![no_main]

use core::fmt::Write;
use thimble_guest::{
    Event, Health, Level, Pin, Sensor, Timer, entry, environment, eprintln, get, log, println,
    report_health, set, wait,
};

const PERIOD_MS: u32 = 100;
const WARM_CELSIUS: f64 = 21.6;

entry!(main);

fn main() -> i32 {
    let mut variables = [0; 1024];
    let rounds = environment("ROUNDS", &mut variables)
        .and_then(|text| text.parse().ok())
        .unwrap_or(5);
    println!("run {}", count_runs());

    let sensor = Sensor::open("temp")
        .inspect_err(|error| println!("no sensor: {error}"))
        .ok();
    let led = Pin::open("led0")
        .inspect_err(|error| println!("no LED: {error}"))
        .ok();
    let timer = match Timer::every(PERIOD_MS) {
        Ok(timer) => timer,
        Err(error) => {
            eprintln!("no timer: {error}");
            return 1;
        }
    };

    let mut round = 0;
    let mut buffer = [0; 64];
    while round < rounds {
        match wait(None, &mut buffer) {
            Ok(Some(Event::Timer { id, missed, .. })) if id == timer.id() => {
                round += 1;
                take_round(round, missed, sensor.as_ref(), led.as_ref());
            }
            Ok(Some(Event::Stop { grace_ms })) => {
                println!("asked to stop within {grace_ms} ms");
                break;
            }
            Ok(_) => {}
            Err(error) => {
                eprintln!("cannot wait: {error}");
                return 1;
            }
        }
    }
    if let Some(led) = &led {
        // A pin that cannot be reset has been reported in the rounds already.
        let _ = led.set(false);
    }
    println!("done after {round} rounds");
    0
}

fn take_round(round: u32, missed: u64, sensor: Option<&Sensor>, led: Option<&Pin>) {
    if missed > 0 {
        println!("round {round}: {missed} missed");
    }
    let Some(celsius) = sensor.and_then(|sensor| sensor.read(0).ok()) else {
        println!("round {round}: no reading");
        report(Health::Degraded, "no temperature");
        return;
    };
    let warm = celsius > WARM_CELSIUS;
    let lit = led.is_some_and(|led| led.set(warm).is_ok());
    // In tenths: printing an f64 would double the size of this guest.
    #[expect(clippy::cast_possible_truncation, reason = "an indoor temperature")]
    let tenths = (celsius * 10.0 + 0.5) as i32;

    let mut line = Line::default();
    let note = if warm && lit { ", LED on" } else { "" };
    let _ = write!(
        line,
        "round {round}: {}.{} C{note}",
        tenths / 10,
        tenths.rem_euclid(10)
    );
    println!("{}", line.text());
    let _ = log(Level::Info, line.text());
    report(Health::Healthy, line.text());
}

fn report(health: Health, reason: &str) {
    if let Err(error) = report_health(health, reason) {
        println!("cannot report health: {error}");
    }
}

/// Adds one to the count of runs in the store; 1 without a store.
fn count_runs() -> u32 {
    let mut buffer = [0; 4];
    let runs = match get("runs", &mut buffer) {
        Ok(Some(&[a, b, c, d])) => u32::from_le_bytes([a, b, c, d]).wrapping_add(1),
        Ok(_) => 1,
        Err(error) => {
            println!("no store: {error}");
            return 1;
        }
    };
    if let Err(error) = set("runs", &runs.to_le_bytes()) {
        println!("cannot count this run: {error}");
    }
    runs
}

/// A short text, cut at its capacity.
#[derive(Default)]
struct Line {
    bytes: [u8; 32],
    used: usize,
}

impl Line {
    fn text(&self) -> &str {
        self.bytes
            .get(..self.used)
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .unwrap_or("")
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let end = self.used + text.len();
        let place = self.bytes.get_mut(self.used..end).ok_or(core::fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}

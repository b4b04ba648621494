//! Sends messages: a count under `demo/count`.
//!
//! ```text
//! thimble run publisher-rust.wasm --allow timer --allow bus.pub:demo/# -e ROUNDS=10
//! ```
//!
//! Every 100 ms it publishes a number, one more each time. After ROUNDS rounds (for ever), or when asked to stop, it
//! ends with exit code 0.

#![no_std]
#![no_main]

use thimble_guest::{Error, Event, Timer, entry, environment, eprintln, publish, wait};

const PERIOD_MS: u32 = 100;

entry!(main);

fn main() -> i32 {
    let mut variables = [0; 128];
    let rounds: Option<u32> =
        environment("ROUNDS", &mut variables).and_then(|text| text.parse().ok());
    let timer = match Timer::every(PERIOD_MS) {
        Ok(timer) => timer,
        Err(error) => {
            eprintln!("no timer: {error}");
            return 1;
        }
    };
    let mut round = 0;
    let mut buffer = [0; 64];
    while rounds.is_none_or(|rounds| round < rounds) {
        match wait(None, &mut buffer) {
            Ok(Some(Event::Timer { id, .. })) if id == timer.id() => {
                round += 1;
                let mut digits = [0; 10];
                match publish("demo/count", "text/plain", decimal(round, &mut digits)) {
                    // A subscriber that is too slow loses this one.
                    Ok(_) | Err(Error::AGAIN) => {}
                    Err(error) => {
                        eprintln!("cannot publish: {error}");
                        return 1;
                    }
                }
            }
            Ok(Some(Event::Stop { .. })) => break,
            Ok(_) => {}
            Err(error) => {
                eprintln!("cannot wait: {error}");
                return 1;
            }
        }
    }
    0
}

/// A number as text, at the end of the buffer.
fn decimal(mut number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut start = digits.len();
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        start = place;
        if number == 0 {
            break;
        }
    }
    digits.get(start..).unwrap_or_default()
}

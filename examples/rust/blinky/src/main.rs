//! A timer and an LED.
//!
//! ```text
//! thimble run blinky-rust.wasm --board desk.toml --allow timer --allow gpio:led0 -e ROUNDS=10
//! ```
//!
//! Every 100 ms it turns `led0` on or off. After ROUNDS rounds (for ever), or when asked to stop, it ends with exit
//! code 0.

#![no_std]
#![no_main]

use thimble_guest::{Event, Pin, Timer, entry, environment, eprintln, println, wait};

const PERIOD_MS: u32 = 100;

entry!(main);

fn main() -> i32 {
    let mut variables = [0; 128];
    let rounds: Option<u32> =
        environment("ROUNDS", &mut variables).and_then(|text| text.parse().ok());
    let (led, timer) = match (Pin::open("led0"), Timer::every(PERIOD_MS)) {
        (Ok(led), Ok(timer)) => (led, timer),
        (Err(error), _) => return missing("LED", error),
        (_, Err(error)) => return missing("timer", error),
    };
    let (mut round, mut is_on) = (0, false);
    let mut buffer = [0; 64];
    while rounds.is_none_or(|rounds| round < rounds) {
        match wait(None, &mut buffer) {
            Ok(Some(Event::Timer { id, .. })) if id == timer.id() => {
                is_on = !is_on;
                round += 1;
                if let Err(error) = led.set(is_on) {
                    return missing("LED", error);
                }
                println!("{}", if is_on { "on" } else { "off" });
            }
            Ok(Some(Event::Stop { .. })) => break,
            Ok(_) => {}
            Err(error) => return missing("event", error),
        }
    }
    0
}

fn missing(what: &str, error: thimble_guest::Error) -> i32 {
    eprintln!("no {what}: {error}");
    1
}

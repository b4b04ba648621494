//! Receives messages: prints what comes under `demo/`.
//!
//! ```text
//! thimble run subscriber-rust.wasm --allow bus.sub:demo/# -e MESSAGES=5
//! ```
//!
//! After MESSAGES messages (for ever), or when asked to stop, it ends with exit code 0.

#![no_std]
#![no_main]

use thimble_guest::{Event, entry, environment, eprintln, println, subscribe, wait};

entry!(main);

fn main() -> i32 {
    let mut variables = [0; 128];
    let messages: Option<u32> =
        environment("MESSAGES", &mut variables).and_then(|text| text.parse().ok());
    let subscription = match subscribe("demo/#") {
        Ok(subscription) => subscription,
        Err(error) => {
            eprintln!("cannot subscribe: {error}");
            return 1;
        }
    };
    let mut received = 0;
    let mut buffer = [0; 128];
    while messages.is_none_or(|messages| received < messages) {
        match wait(None, &mut buffer) {
            Ok(Some(Event::Message(message))) if message.subscription == subscription.id() => {
                received += 1;
                let text = core::str::from_utf8(message.payload).unwrap_or("(not text)");
                println!("{}: {text}", message.topic);
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

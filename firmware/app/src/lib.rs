//! The program on a board: so far a placeholder that shows that every part of the board works.
//!
//! It reads lines from the console. A line whose first word it knows is obeyed, any other comes back.

#![no_std]

extern crate alloc;

mod prove;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use embedded_io_async::{Read as _, Write as _};
use firmware_parts::{Chip, Parts};

/// The longest line.
const LINE_BYTES: usize = 128;

/// Runs forever.
pub async fn run<C: Chip>(mut parts: Box<Parts<C>>) -> ! {
    let mut text = alloc::format!(
        "thimble on {} ({}), started by {}, ready after {} us\n",
        C::NAME,
        C::PROCESSOR,
        parts.started_by,
        embassy_time::Instant::now().as_micros()
    );
    if let Some(fault) = &parts.fault {
        text.push_str(&alloc::format!("the last run ended: {fault}\n"));
    }
    say::<C>(&mut parts, &text).await;
    loop {
        say::<C>(&mut parts, "> ").await;
        let line = line::<C>(&mut parts).await;
        let answer = prove::answer::<C>(&mut parts, &line).await;
        say::<C>(&mut parts, &answer).await;
    }
}

/// Writes text; a console that fails has nobody behind it.
async fn say<C: Chip>(parts: &mut Parts<C>, text: &str) {
    let _ = parts.output.write_all(text.as_bytes()).await;
    let _ = parts.output.flush().await;
}

/// The next line, without its end.
async fn line<C: Chip>(parts: &mut Parts<C>) -> String {
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        let count = parts.input.read(&mut byte).await.unwrap_or(0);
        let [byte] = byte;
        match byte {
            _ if count == 0 => {}
            b'\r' | b'\n' => return String::from_utf8_lossy(&line).into_owned(),
            _ if line.len() < LINE_BYTES => line.push(byte),
            _ => {}
        }
    }
}

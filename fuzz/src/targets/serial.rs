//! Frames, messages, the link and the console from bytes that no honest line carries.

use std::time::Duration;

use thimble_serial::codec::{decode_reply, decode_request, encode_reply, encode_request};
use thimble_serial::frame::{Decoder, Kind, Received, encode};
use thimble_serial::{ClientLink, Reply, ServerEvent, ServerLink, Shell};

use crate::finding::{Violation, ensure, says_something};
use crate::shapes::Shapes;

use super::{Target, TargetSpec};

/// Bytes of messages that the ends under examination take.
const MESSAGE_BYTES_MAX: u32 = 256;

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "serial",
    summary: "frames, messages and the console of a serial line: never panic, what is accepted is written and read the same",
    bytes_max: 4096,
    patience: Duration::from_secs(5),
    tokens: &[
        b"\x00\x03\x11",
        b"\x00\x03\x12",
        b"\x00",
        b"\x82\x00\xa0",
        b"\x82\x01\xa5",
        b"\x82\x06\xa1\x00\xab",
        b"\x82\x07\xa1\x00\xae",
        b"\x82\x09\xa2\x00\x81\xa3",
        b"\x82\x0a\xa1\x00\x81\xa8",
        b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x9f",
        b"\x7f",
        b"\xff",
        b"run --name a -e A=b --allow timer -m 64k --limit kv=1k ",
        b"create --restart on-failure:3 --timeout 1.5s i -- x",
        b"logs -f a\r",
        b"factory-reset\ryes\r",
        b"time 2000-02-29T12:34:56Z\r",
        b"\r",
        b"\x03",
        b"\x1b[A",
        b"\x1b[3~",
        b"'",
        b"\"",
        b"\\",
    ],
    make: || Box::new(SerialLine),
};

struct SerialLine;

impl Target for SerialLine {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        let Some((kind, rest)) = input.split_first() else {
            return Ok(());
        };
        match kind % 5 {
            0 => request(rest, shapes),
            1 => reply(rest, shapes),
            2 => frames(rest, shapes),
            3 => link(rest, shapes),
            _ => shell(rest, shapes),
        }
    }
}

fn request(bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
    match decode_request(bytes) {
        Ok(request) => {
            shapes.note((0, std::mem::discriminant(&request)));
            let mut written = Vec::new();
            let fits = encode_request(&request, &mut written, u32::MAX);
            ensure(
                fits.is_ok() && decode_request(&written).as_ref() == Ok(&request),
                "a request is read as it was written",
                || format!("{request:?}"),
            )
        }
        Err(error) => {
            shapes.note((1, std::mem::discriminant(&error)));
            says_something(&error)
        }
    }
}

fn reply(bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
    match decode_reply(bytes) {
        Ok(reply) => {
            shapes.note((2, std::mem::discriminant(&reply)));
            let mut written = Vec::new();
            let fits = encode_reply(&reply, &mut written, u32::MAX);
            ensure(
                fits.is_ok() && decode_reply(&written).as_ref() == Ok(&reply),
                "a reply is read as it was written",
                || format!("{reply:?}"),
            )?;
            shortened(reply)
        }
        Err(error) => {
            shapes.note((3, std::mem::discriminant(&error)));
            says_something(&error)
        }
    }
}

/// Any reply becomes one that fits a message.
fn shortened(reply: Reply) -> Result<(), Violation> {
    let (Ok(mut server), Ok(mut decoder)) = (
        ServerLink::new(MESSAGE_BYTES_MAX),
        Decoder::new(MESSAGE_BYTES_MAX),
    ) else {
        return Ok(());
    };
    let told = format!("{reply:?}");
    let mut frame = Vec::new();
    encode(Kind::Request, 1, b"\x82\x00\xa0", &mut frame);
    for byte in frame {
        server.receive(byte, 0);
    }
    server.answer(reply);
    let is_one = server
        .outgoing()
        .iter()
        .any(|byte| match decoder.push(*byte, 0) {
            Received::Frame(frame) => decode_reply(frame.message).is_ok(),
            _ => false,
        });
    ensure(is_one, "a reply that is too long is shortened", || told)
}

/// Bytes as a line; behind them two frames, of which the second must arrive.
fn frames(bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
    let Ok(mut decoder) = Decoder::new(MESSAGE_BYTES_MAX) else {
        return Ok(());
    };
    for byte in bytes {
        if let Received::Frame(frame) = decoder.push(*byte, 0) {
            shapes.note((4, frame.kind as u8));
            ensure(
                frame.message.len() <= MESSAGE_BYTES_MAX as usize,
                "no message is longer than the limit",
                String::new,
            )?;
        }
    }
    let (mut last, mut frame) = (None, Vec::new());
    for sequence in [1, 2] {
        encode(
            Kind::Reply,
            sequence,
            bytes.get(..64).unwrap_or(bytes),
            &mut frame,
        );
        for byte in &frame {
            if let Received::Frame(frame) = decoder.push(*byte, 0) {
                last = Some(frame.sequence);
            }
        }
    }
    ensure(
        last == Some(2),
        "the second whole frame after noise arrives",
        || format!("{last:?}"),
    )
}

/// Messages that a device and a client find in whole frames.
fn link(bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
    let (Ok(mut server), Ok(mut client)) = (
        ServerLink::new(MESSAGE_BYTES_MAX),
        ClientLink::new(
            0,
            MESSAGE_BYTES_MAX,
            thimble_serial::link::Timing::default(),
        ),
    ) else {
        return Ok(());
    };
    let mut carried_out = 0;
    for (sequence, message) in (1_u32..).zip(bytes.split(|byte| *byte == 0xfe)) {
        let mut frame = Vec::new();
        encode(Kind::Request, sequence, message, &mut frame);
        // Each twice, as after a time-out.
        for byte in [frame.as_slice(), &frame].concat() {
            match server.receive(byte, 0) {
                Some(ServerEvent::Request(_)) => {
                    carried_out += 1;
                    server.answer(Reply::Done);
                }
                Some(ServerEvent::Text(_) | ServerEvent::Outgoing) | None => {}
            }
            for byte in server.outgoing() {
                // It asked nothing.
                ensure(
                    client.receive(*byte, 0).is_none(),
                    "a reply that nobody waits for is ignored",
                    String::new,
                )?;
            }
            server.sent();
        }
        ensure(
            carried_out <= sequence,
            "a request is carried out once",
            || format!("{carried_out} of {sequence}"),
        )?;
    }
    shapes.note((5, carried_out.min(4)));
    Ok(())
}

/// Keys at the console, and replies to what it asks.
fn shell(bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
    let mut shell = Shell::new();
    let mut out = String::new();
    let mut now_ms = 0;
    for (place, byte) in bytes.iter().enumerate() {
        shell.feed(*byte, &mut out);
        while let Some(request) = shell.next_request(now_ms) {
            shapes.note((6, std::mem::discriminant(&request)));
            // What would be an endless list or log ends after a while.
            let reply = match place % 3 {
                0 => Reply::Done,
                1 => Reply::NoMore,
                _ => Reply::Created {
                    name: "a\x1b\0".into(),
                    refused: vec!["b".into()],
                },
            };
            shell.reply(&reply, now_ms, &mut out);
            now_ms += 1;
        }
    }
    ensure(
        !out.contains('\0'),
        "a console never says what begins a frame",
        || format!("{out:?}"),
    )
}

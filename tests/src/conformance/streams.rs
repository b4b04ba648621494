//! Standard streams: the command with real pipes.

use std::io::{BufRead as _, BufReader, Write as _};

use super::device::{Device, last_line};
use super::on_every_engine;
use crate::command::{end, guest};

on_every_engine! { streams }

fn streams(device: &Device) {
    let program = guest("conform-streams");
    let mut child = device.place.spawn([
        "run",
        "--engine",
        device.engine_name(),
        "--timeout",
        "60s",
        "-i",
        program.to_str().unwrap(),
    ]);
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    stdin.write_all(b"first").unwrap();
    let mut heard = Vec::new();
    for line in lines.by_ref().map(Result::unwrap) {
        heard.push(line);
        match heard.last().map(String::as_str) {
            Some("more") => stdin.write_all(b"second").unwrap(),
            Some("end") => break,
            _ => {}
        }
    }
    drop(stdin);
    heard.extend(lines.map(Result::unwrap));
    let outcome = end(child);
    assert_eq!(outcome.code, 0, "{outcome:?} {heard:?}");
    assert_eq!(heard, ["more", "end", "moved"], "{outcome:?}");
    assert!(outcome.stdout.contains("gathered line\n"), "{outcome:?}");
    assert!(
        outcome.stdout.ends_with(&last_line("streams")),
        "{outcome:?}"
    );
}

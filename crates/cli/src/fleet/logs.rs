//! `thimble fleet logs`: what a container of a device wrote.
//!
//! The hub never calls a device: it asks when the device comes by, which may take until its next look.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use clap::Args;
use thimble_hub_api::device::{LogAnswer, LogRequest};

use crate::arguments::Shape;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::{Output, write};

use super::fields::LOGS;
use super::session::Session;
use super::words::time;

/// Time between two looks whether the device has answered.
const EVERY: Duration = Duration::from_millis(500);
/// Time after which it is told that the device is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Args)]
pub(super) struct LogsArguments {
    /// Lines from the end, 1 to 1000.
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "100")]
    lines: u32,

    /// Go on with what it writes from now on.
    #[arg(short, long)]
    follow: bool,

    /// How long the device is waited for.
    #[arg(long, value_name = "TIME", default_value = "20m")]
    wait: String,

    #[command(flatten)]
    shape: Shape,

    /// The device's name or id.
    #[arg(value_name = "DEVICE")]
    device: String,

    /// The container.
    #[arg(value_name = "APP.CONTAINER")]
    container: String,
}

/// Shows what a container of a device wrote.
pub(super) fn logs(arguments: &LogsArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, LOGS)?;
    let wait = time("--wait", &arguments.wait)?;
    let mut before = String::new();
    let mut has_lines = false;
    loop {
        let answer = request(arguments, session, wait)?;
        if let Some(error) = &answer.error {
            // One that is followed goes and comes back while it is updated.
            if has_lines {
                std::thread::sleep(EVERY);
                continue;
            }
            let device = printable(&arguments.device);
            let reason = format_args!("{device} says: {}", printable(error));
            return Err(Failure::device("reading the lines", reason));
        }
        has_lines = true;
        let text = answer.text.clone().unwrap_or_default();
        let new = new_lines(&before, &text);
        if output.is_text() {
            write(&shown(new))?;
        } else if !arguments.follow || !new.is_empty() {
            let answer = LogAnswer {
                text: Some(new.to_owned()),
                ..answer
            };
            output.item(&answer, String::new)?;
        }
        if !arguments.follow {
            return Ok(());
        }
        before = text;
        std::thread::sleep(EVERY);
    }
}

/// Asks for lines, and waits until the device has sent them.
fn request(
    arguments: &LogsArguments,
    session: &Session,
    wait: Duration,
) -> Result<LogAnswer, Failure> {
    let device = arguments.device.as_str();
    let wanted = LogRequest {
        container: arguments.container.clone(),
        lines: arguments.lines,
    };
    let asked = session.client.request_logs(device, &wanted);
    let mut answer = session.about(device, asked)?;
    let begun = Instant::now();
    let mut is_told = false;
    while answer.text.is_none() {
        let waited = begun.elapsed();
        if waited > wait {
            return Err(Failure::device(
                "waiting for the device",
                format_args!(
                    "{} did not come by within {}; `thimble fleet devices show` tells when it was seen, --wait waits longer",
                    printable(device),
                    arguments.wait
                ),
            ));
        }
        if waited > PATIENCE && !is_told {
            eprintln!("waiting for {} to come by", printable(device));
            is_told = true;
        }
        std::thread::sleep(EVERY);
        answer = session.about(device, session.client.logs(device, &answer.id))?;
    }
    Ok(answer)
}

/// The part of the text that was not there before: what follows the longest end of the earlier text that it begins with.
fn new_lines<'a>(before: &str, text: &'a str) -> &'a str {
    let starts = std::iter::once(0).chain(
        before
            .char_indices()
            .filter(|(_, letter)| *letter == '\n')
            .map(|(at, _)| at + 1),
    );
    for start in starts {
        let end = before.get(start..).unwrap_or_default();
        if let Some(new) = text.strip_prefix(end) {
            return new;
        }
    }
    text
}

/// As it is into a file, without control characters to a terminal.
fn shown(text: &str) -> String {
    let mut shown = if std::io::stdout().is_terminal() {
        text.lines()
            .map(|line| printable(line) + "\n")
            .collect::<String>()
    } else {
        text.to_owned()
    };
    if !shown.is_empty() && !shown.ends_with('\n') {
        shown.push('\n');
    }
    shown
}

#[cfg(test)]
mod tests {
    //! What is new of a text whose end was seen.

    use super::new_lines;

    #[test]
    fn only_new_lines_are_shown() {
        for (before, text, expected) in [
            ("", "a\nb\n", "a\nb\n"),
            ("a\nb\n", "a\nb\n", ""),
            ("a\nb\n", "b\nc\n", "c\n"),
            ("a\nb\n", "a\nb\nc\n", "c\n"),
            ("a\nb\n", "x\ny\n", "x\ny\n"),
            ("a\na\n", "a\na\na\n", "a\n"),
            ("a\nb", "a\nbc\n", "c\n"),
        ] {
            assert_eq!(new_lines(before, text), expected, "{before:?} {text:?}");
        }
    }
}

//! What is asked of whoever sits at the terminal, and texts that must not be on a command line.

use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _, Read, Write as _};
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::failure::Failure;

/// Bytes of what is typed or read at most.
const INPUT_BYTES_MAX: u64 = 64 << 10;

/// Asks whether to go on. Without a terminal there is nobody to ask.
pub(super) fn confirm(question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::option(
            "--yes",
            "",
            "there is no terminal to ask whether to go on; give --yes if it is wanted",
        ));
    }
    eprint!("{question} [y/N] ");
    let answer = line().map_err(failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES"))
}

/// Asks for a line.
pub(super) fn ask(what: &str) -> Result<String, Failure> {
    eprint!("{what}: ");
    line().map_err(failed)
}

/// Asks for a line that is not shown.
pub(super) fn ask_hidden(what: &str) -> Result<String, Failure> {
    eprint!("{what}: ");
    let _ = io::stderr().flush();
    let answer = without_echo(line).map_err(failed)?;
    eprintln!();
    Ok(answer)
}

/// A secret text: from a file, from standard input (`-`, or if there is no terminal), or asked for.
pub(super) fn secret(what: &str, file: Option<&Path>) -> Result<String, Failure> {
    match file {
        Some(path) if path != Path::new("-") => {
            let unreadable = |error: io::Error| Failure::Settings {
                path: path.to_owned(),
                reason: format!("cannot be read: {error}"),
            };
            text(File::open(path).map_err(unreadable)?).map_err(unreadable)
        }
        None if io::stdin().is_terminal() => ask_hidden(what),
        _ => text(io::stdin().lock()).map_err(failed),
    }
}

/// What there is, without the end of its last line.
fn text(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(INPUT_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > INPUT_BYTES_MAX {
        return Err(io::Error::other("it has more than 64 KiB"));
    }
    let end = text
        .strip_suffix('\n')
        .map(|text| text.strip_suffix('\r').unwrap_or(text));
    Ok(end.unwrap_or(&text).to_owned())
}

fn line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .take(INPUT_BYTES_MAX)
        .read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads from the terminal while it does not show what is typed.
fn without_echo(read: impl FnOnce() -> io::Result<String>) -> io::Result<String> {
    let terminal = io::stdin();
    let before = tcgetattr(&terminal)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
    let result = read();
    tcsetattr(&terminal, OptionalActions::Flush, &before)?;
    result
}

fn failed(error: io::Error) -> Failure {
    Failure::device("reading standard input", error)
}

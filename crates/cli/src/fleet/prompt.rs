//! What is asked of whoever sits at the terminal, and texts that must not be on a command line.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::Path;

use crate::failure::Failure;
use crate::terminal::{self, INPUT_BYTES_MAX};

/// Asks whether to go on. Without a terminal there is nobody to ask.
pub(super) fn confirm(question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::option(
            "--yes",
            "",
            "there is no terminal to ask whether to go on; give --yes if it is wanted",
        ));
    }
    let answer = terminal::ask(&format!("{question} [y/N] ")).map_err(failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES"))
}

/// Asks for a line.
pub(super) fn ask(what: &str) -> Result<String, Failure> {
    terminal::ask(&format!("{what}: ")).map_err(failed)
}

/// Asks for a line that is not shown.
pub(super) fn ask_hidden(what: &str) -> Result<String, Failure> {
    terminal::ask_hidden(&format!("{what}: ")).map_err(failed)
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

fn failed(error: io::Error) -> Failure {
    Failure::device("reading standard input", error)
}

//! Whoever sits at the terminal, and what they type.

use std::io::{self, BufRead as _, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// Bytes of what is typed or read at most.
pub(crate) const INPUT_BYTES_MAX: u64 = 64 << 10;

/// Asks for a line.
pub(crate) fn ask(question: &str) -> io::Result<String> {
    eprint!("{question}");
    line()
}

/// Asks for a line that is not shown while it is typed.
pub(crate) fn ask_hidden(question: &str) -> io::Result<String> {
    eprint!("{question}");
    let _ = io::stderr().flush();
    let terminal = io::stdin();
    let before = tcgetattr(&terminal)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
    let typed = line();
    tcsetattr(&terminal, OptionalActions::Flush, &before)?;
    eprintln!();
    typed
}

fn line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .take(INPUT_BYTES_MAX)
        .read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

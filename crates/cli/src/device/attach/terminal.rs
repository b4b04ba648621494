//! Makes a terminal hand over the keys for leaving at once, while lines are still edited as always.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;

use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// A terminal that is put back to what it was.
pub(super) struct Terminal {
    before: Termios,
}

impl Terminal {
    /// Prepares the terminal of standard input. Ctrl-P and Ctrl-Q end a line as Return does, so that they are heard; the
    /// second does not start output any more. None if it is no terminal that can do so.
    pub(super) fn prepare() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut terminal = before.clone();
        terminal.special_codes[SpecialCodeIndex::VEOL] = 0x10;
        terminal.special_codes[SpecialCodeIndex::VEOL2] = 0x11;
        terminal.local_modes |= LocalModes::IEXTEN;
        terminal.input_modes &= !InputModes::IXON;
        put_back_on_signals(before.clone()).ok()?;
        tcsetattr(io::stdin(), OptionalActions::Now, &terminal).ok()?;
        Some(Self { before })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        put_back(&self.before);
    }
}

fn put_back(before: &Termios) {
    // A terminal that has gone needs nothing.
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
}

/// A signal ends the process as it would have, with the terminal as it was.
fn put_back_on_signals(before: Termios) -> io::Result<()> {
    let (mut receiver, sender) = UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?;
    }
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            let mut byte = [0];
            if receiver.read_exact(&mut byte).is_ok() {
                put_back(&before);
                std::process::exit(130);
            }
        })
        .map(drop)
}

//! `thimble device console`: this terminal as the device's.

use std::io::{self, IsTerminal as _, Read as _};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use thimble_port_serial::{Address, Line, SerialError};
use thimble_serial::frame::{Decoder, Received};

use crate::failure::Failure;
use crate::output::write_bytes;

use super::ours;

/// Ctrl-], as telnet has it.
const LEAVE: u8 = 0x1d;

/// Ctrl-U and Return: whatever was typed before is not entered, and there is a prompt.
const WAKE: &[u8] = b"\x15\r";

/// How long a device may take to go on with what it says.
const QUIET: Duration = Duration::from_millis(400);

/// The longest time that the line may take for what was typed.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// Joins this terminal and the device's console, until Ctrl-] or the end of standard input.
pub(super) fn console(address: &Address, baud: u32) -> Result<(), Failure> {
    let line = Line::open(address, baud).map_err(|error| {
        ours(SerialError::Open {
            address: address.clone(),
            error,
        })
    })?;
    let decoder = Decoder::new(0).map_err(|error| Failure::device("making a buffer", error))?;
    let mut console = Console {
        line,
        decoder,
        began: Instant::now(),
        address,
    };
    if !io::stdin().is_terminal() {
        return console.script();
    }
    eprintln!("thimble: the console of {address}; Ctrl-] leaves it");
    let terminal =
        Raw::prepare().map_err(|error| Failure::device("setting the terminal", error))?;
    let result = console.talk();
    drop(terminal);
    eprintln!();
    result
}

struct Console<'a> {
    line: Line,
    /// Finds what is no text: the replies to another program.
    decoder: Decoder,
    began: Instant,
    address: &'a Address,
}

impl Console<'_> {
    /// Passes what is typed and what is said, until it is left.
    fn talk(&mut self) -> Result<(), Failure> {
        self.send(WAKE)?;
        let mut typed = [0; 64];
        loop {
            let stdin = io::stdin();
            let mut polled = [
                PollFd::new(&stdin, PollFlags::IN),
                PollFd::new(self.line.descriptor(), PollFlags::IN),
            ];
            match poll(&mut polled, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Failure::device("waiting for the terminal", error)),
            }
            let [has_typed, has_said] = polled.map(|polled| !polled.revents().is_empty());
            if has_said {
                self.show(Duration::ZERO)?;
            }
            if !has_typed {
                continue;
            }
            let count = rustix::io::read(&stdin, &mut typed)
                .map_err(|error| Failure::device("reading the terminal", error))?;
            let typed = typed.get(..count).unwrap_or_default();
            match typed.iter().position(|byte| *byte == LEAVE) {
                Some(end) => return self.send(typed.get(..end).unwrap_or_default()),
                None if count == 0 => return Ok(()),
                None => self.send(typed)?,
            }
        }
    }

    /// Passes standard input line by line, each when the device has nothing more to say to the one before.
    fn script(&mut self) -> Result<(), Failure> {
        let mut script = Vec::new();
        io::stdin()
            .read_to_end(&mut script)
            .map_err(|error| Failure::device("reading standard input", error))?;
        for line in script.split_inclusive(|byte| *byte == b'\n') {
            self.send(line)?;
            while self.show(QUIET)? {}
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let sent = self.line.write_all(bytes, WRITE_LIMIT);
        sent.map_err(|error| self.lost(Some(error)))
    }

    /// Shows what the device says; waits for it so long. Whether it said anything.
    fn show(&mut self, wait: Duration) -> Result<bool, Failure> {
        let mut buffer = [0; 256];
        let count = match self.line.read(&mut buffer, wait) {
            Ok(None) => return Ok(false),
            Ok(Some(0)) => return Err(self.lost(None)),
            Ok(Some(count)) => count,
            Err(error) => return Err(self.lost(Some(error))),
        };
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut text = Vec::with_capacity(count);
        for byte in buffer.iter().take(count) {
            if let Received::Text(piece) = self.decoder.push(*byte, now_ms) {
                text.extend_from_slice(piece.bytes());
            }
        }
        write_bytes(&text)?;
        Ok(true)
    }

    fn lost(&self, error: Option<io::Error>) -> Failure {
        ours(SerialError::Lost {
            address: self.address.clone(),
            error,
        })
    }
}

/// A terminal that hands over every key, and is put back to what it was.
struct Raw {
    before: Termios,
}

impl Raw {
    fn prepare() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that has gone needs nothing.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

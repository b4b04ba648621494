//! `thimble device logs`, and what a container writes while it is followed.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use thimble_port_serial::{Client, Watcher, Wish};
use thimble_serial::{LogEntry, LogStream};

use crate::arguments::SerialLogsArguments;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::{Output, write_bytes};

use super::fields::ENTRY;
use super::json;

/// Shows what a container wrote.
pub(super) fn logs(client: &mut Client, arguments: &SerialLogsArguments) -> Result<(), Failure> {
    let name = &arguments.container;
    let mut shown = Shown {
        output: Output::new(&arguments.shape, ENTRY)?,
        timestamps: arguments.timestamps,
        signals: None,
        failure: None,
    };
    client
        .log(name, arguments.follow, &mut shown)
        .map_err(|error| Failure::serial(name, error))?;
    shown.failure.map_or(Ok(()), Err)
}

/// Shows what a container writes, and hears what is wanted of it.
pub(super) struct Shown<'a> {
    pub(super) output: Output<'a>,
    pub(super) timestamps: bool,
    /// What Ctrl-C means, if not that this program ends.
    pub(super) signals: Option<Signals>,
    /// Why it could not be shown.
    pub(super) failure: Option<Failure>,
}

impl Watcher for Shown<'_> {
    fn wrote(&mut self, entries: &[LogEntry], lost_bytes: u64) -> ControlFlow<()> {
        if lost_bytes > 0 {
            eprintln!("thimble: {lost_bytes} bytes of the output are lost");
        }
        for entry in entries {
            let written = if self.output.is_text() {
                show(entry, self.timestamps)
            } else {
                self.output.item(&json::entry(entry), String::new)
            };
            if let Err(failure) = written {
                self.failure = Some(failure);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn wish(&mut self) -> Option<Wish> {
        self.signals.as_mut()?.wish()
    }
}

/// Writes where the container wrote: as it is into a file, without control characters to a terminal.
fn show(entry: &LogEntry, timestamps: bool) -> Result<(), Failure> {
    let is_output = entry.stream == LogStream::Output;
    let is_terminal = match is_output {
        true => io::stdout().is_terminal(),
        false => io::stderr().is_terminal(),
    };
    let mut bytes = Vec::new();
    if timestamps {
        bytes.extend_from_slice(format!("{} ms ", entry.at_ms).as_bytes());
    }
    if entry.stream == LogStream::Device {
        bytes.extend_from_slice(b"device: ");
    }
    if is_terminal {
        for line in String::from_utf8_lossy(&entry.bytes).split_inclusive('\n') {
            let text = line.trim_end_matches('\n');
            bytes.extend_from_slice(printable(text).as_bytes());
            bytes.extend_from_slice(line.get(text.len()..).unwrap_or_default().as_bytes());
        }
    } else {
        bytes.extend_from_slice(&entry.bytes);
    }
    if is_output {
        return write_bytes(&bytes);
    }
    // Nobody could be told otherwise.
    let _ = io::stderr().lock().write_all(&bytes);
    Ok(())
}

/// Ctrl-C and its kin: the first asks the container to stop, the second kills it, the third leaves it.
pub(super) struct Signals {
    receiver: UnixStream,
    count: usize,
    heard: usize,
}

impl Signals {
    /// Takes over SIGINT, SIGTERM and SIGHUP.
    pub(super) fn install() -> io::Result<Self> {
        let (receiver, sender) = UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?;
        }
        Ok(Self {
            receiver,
            count: 0,
            heard: 0,
        })
    }

    fn wish(&mut self) -> Option<Wish> {
        let mut bytes = [0; 16];
        while let Ok(count @ 1..) = (&self.receiver).read(&mut bytes) {
            self.count = self.count.saturating_add(count);
        }
        if self.count == self.heard {
            return None;
        }
        self.heard = self.count;
        Some(match self.count {
            1 => Wish::Stop,
            2 => Wish::Kill,
            _ => Wish::Leave,
        })
    }

    /// Whether there was one.
    pub(super) const fn is_asked(&self) -> bool {
        self.heard > 0
    }
}

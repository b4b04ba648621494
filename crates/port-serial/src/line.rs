//! An open serial port or socket, read and written with a time limit.

use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use rustix::io::Errno;
use rustix::termios::{
    ControlModes, OptionalActions, QueueSelector, ioctl_tiocexcl, tcflush, tcgetattr, tcsetattr,
};

use crate::address::Address;

/// An open line.
#[derive(Debug)]
pub struct Line {
    descriptor: OwnedFd,
}

impl Line {
    /// Opens it. A serial port is set to this speed, 8 data bits, no parity, 1 stop bit and no flow control, and what was
    /// received before is thrown away.
    ///
    /// # Errors
    /// It is not there, is used by somebody else, or cannot be set up.
    pub fn open(address: &Address, baud: u32) -> io::Result<Self> {
        let descriptor = match address {
            Address::Port(path) => open_port(path, baud)?,
            Address::Unix(path) => UnixStream::connect(path)?.into(),
            Address::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port))?;
                stream.set_nodelay(true)?;
                stream.into()
            }
        };
        Self::from_descriptor(descriptor)
    }

    /// Takes a descriptor that is open already.
    ///
    /// # Errors
    /// It cannot be set not to block.
    pub fn from_descriptor(descriptor: OwnedFd) -> io::Result<Self> {
        let flags = fcntl_getfl(&descriptor)?;
        fcntl_setfl(&descriptor, flags | OFlags::NONBLOCK)?;
        Ok(Self { descriptor })
    }

    /// The descriptor, for whoever waits for several.
    #[must_use]
    pub const fn descriptor(&self) -> &OwnedFd {
        &self.descriptor
    }

    /// Reads what is there; waits for something so long. `None` if nothing came, 0 if it was closed.
    ///
    /// # Errors
    /// The line fails.
    pub fn read(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<Option<usize>> {
        if !self.wait(PollFlags::IN, wait)? {
            return Ok(None);
        }
        match rustix::io::read(&self.descriptor, buffer) {
            Ok(count) => Ok(Some(count)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            // What a terminal says whose other end is gone.
            Err(Errno::IO) => Ok(Some(0)),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// The line fails, or does not take it in this time.
    pub fn write_all(&mut self, mut bytes: &[u8], limit: Duration) -> io::Result<()> {
        let until = Instant::now() + limit;
        while !bytes.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if !self.wait(PollFlags::OUT, left)? && left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match rustix::io::write(&self.descriptor, bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Whether it is so far within this time.
    fn wait(&self, what: PollFlags, wait: Duration) -> io::Result<bool> {
        let timeout = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        let mut polled = [PollFd::new(&self.descriptor, what)];
        match poll(&mut polled, Some(&timeout)) {
            Ok(count) => Ok(count > 0),
            // A signal: whoever waits looks whether it concerns them.
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn open_port(path: &Path, baud: u32) -> io::Result<OwnedFd> {
    // Without O_NONBLOCK, opening waits for a carrier that a cable of three wires does not have.
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let descriptor = open(path, flags, Mode::empty())?;
    let mut settings = tcgetattr(&descriptor).map_err(|error| match error {
        Errno::NOTTY => io::Error::other("it is no serial port"),
        error => error.into(),
    })?;
    ioctl_tiocexcl(&descriptor)?;
    settings.make_raw();
    settings.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
    // HUPCL would drop DTR in the end, which resets many boards.
    settings.control_modes -=
        ControlModes::HUPCL | ControlModes::CRTSCTS | ControlModes::CSTOPB | ControlModes::PARENB;
    settings.set_speed(baud)?;
    tcsetattr(&descriptor, OptionalActions::Now, &settings)?;
    tcflush(&descriptor, QueueSelector::IFlush)?;
    Ok(descriptor)
}

//! Asks a device and waits for its reply.

use std::time::{Duration, Instant};

use thimble_serial::link::{LinkError, Step, Timing};
use thimble_serial::{
    ClientEvent, ClientLink, ContainerStatus, DeviceStatus, ImageStatus, Reply, Request,
};

use crate::address::Address;
use crate::error::{Heard, SerialError};
use crate::line::Line;

/// The speed of a serial port where nobody says another.
pub const BAUD_DEFAULT: u32 = 115_200;

/// The longest reply that is taken, more than any device sends.
const REPLY_BYTES_MAX: u32 = 64 << 10;

/// The longest time that the line may take for a frame: 64 KiB at 9600 bits a second.
const WRITE_LIMIT: Duration = Duration::from_secs(70);

/// Bytes that are read at once.
const READ_BYTES: usize = 4096;

/// Takes what the device's console says beside the replies.
pub type TextSink = Box<dyn FnMut(&[u8]) + Send>;

/// How a device is talked to.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The speed of a serial port.
    pub baud: u32,
    /// When a request is repeated and given up.
    pub timing: Timing,
    /// How long a request may be worked on.
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            baud: BAUD_DEFAULT,
            timing: Timing::default(),
            patience: Duration::from_secs(120),
        }
    }
}

/// A device that answers.
pub struct Client {
    pub(crate) address: Address,
    settings: Settings,
    line: Line,
    carried_bytes: u64,
    link: ClientLink,
    began: Instant,
    sink: Option<TextSink>,
    heard: Heard,
    device: Option<DeviceStatus>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Client")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Opens the line and asks the device who it is. Text of its console goes to the sink.
    ///
    /// # Errors
    /// The line cannot be opened, or no device answers.
    pub fn open(
        address: &Address,
        settings: Settings,
        sink: Option<TextSink>,
    ) -> Result<Self, SerialError> {
        let opened = |error| SerialError::Open {
            address: address.clone(),
            error,
        };
        let line = Line::open(address, settings.baud).map_err(opened)?;
        let link = ClientLink::new(first_sequence(), REPLY_BYTES_MAX, settings.timing)
            .map_err(|error| opened(std::io::Error::other(error)))?;
        let mut client = Self {
            address: address.clone(),
            settings,
            line,
            carried_bytes: 0,
            link,
            began: Instant::now(),
            sink,
            heard: Heard::Nothing,
            device: None,
        };
        client.ask_device()?;
        Ok(client)
    }

    /// Asks the device how it is.
    ///
    /// # Errors
    /// As for [`request`](Self::request).
    pub fn ask_device(&mut self) -> Result<DeviceStatus, SerialError> {
        match self.request(&Request::Device)? {
            Reply::Device(device) => {
                self.link.set_message_bytes_max(device.message_bytes_max);
                self.device = Some(device.clone());
                Ok(device)
            }
            _ => Err(SerialError::OtherReply),
        }
    }

    /// Bytes of a message that the device takes.
    #[must_use]
    pub const fn message_bytes_max(&self) -> u32 {
        self.link.message_bytes_max()
    }

    /// Bytes that the line has carried so far, both ways.
    #[must_use]
    pub const fn carried_bytes(&self) -> u64 {
        self.carried_bytes
    }

    /// Asks, and waits for the reply. A refusal is an error.
    ///
    /// # Errors
    /// There is no reply, or none that can be understood, or the device refuses.
    pub fn request(&mut self, request: &Request) -> Result<Reply, SerialError> {
        let patience = self.settings.patience + own_time(request);
        let until = Instant::now() + patience;
        self.heard = Heard::Nothing;
        let now_ms = self.now_ms();
        self.link
            .ask(request, now_ms)
            .map_err(SerialError::Request)?;
        loop {
            let now_ms = self.now_ms();
            let wait = match self.link.step(now_ms) {
                Step::Idle => return Err(SerialError::OtherReply),
                Step::Failed(error) => return Err(self.failed(error)),
                Step::Wait { until_ms } => Duration::from_millis(until_ms.saturating_sub(now_ms)),
                Step::Transmit(bytes) => {
                    let written = self.line.write_all(bytes, WRITE_LIMIT);
                    self.carried_bytes += bytes.len() as u64;
                    written.map_err(|error| self.lost(Some(error)))?;
                    continue;
                }
            };
            if Instant::now() >= until {
                self.link.give_up();
                let seconds = patience.as_secs();
                return Err(SerialError::Late { seconds });
            }
            match self.listen(wait)? {
                None => {}
                Some(Ok(Reply::Refused(refusal))) => return Err(SerialError::Refused(refusal)),
                Some(Ok(reply)) => return Ok(reply),
                Some(Err(error)) => return Err(self.failed(error)),
            }
        }
    }

    /// Asks for what is answered with [`Reply::Done`].
    ///
    /// # Errors
    /// As for [`request`](Self::request).
    pub fn done(&mut self, request: &Request) -> Result<(), SerialError> {
        match self.request(request)? {
            Reply::Done => Ok(()),
            _ => Err(SerialError::OtherReply),
        }
    }

    /// Sends bytes beside the requests, as a terminal does what is typed. What the console says goes to the sink.
    ///
    /// # Errors
    /// The line fails.
    pub fn type_bytes(&mut self, bytes: &[u8]) -> Result<(), SerialError> {
        let written = self.line.write_all(bytes, WRITE_LIMIT);
        written.map_err(|error| self.lost(Some(error)))
    }

    /// Lets the device's console speak for this time.
    ///
    /// # Errors
    /// The line fails.
    pub fn idle(&mut self, time: Duration) -> Result<(), SerialError> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            self.listen(left)?;
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    /// A container.
    ///
    /// # Errors
    /// As for [`request`](Self::request).
    pub fn inspect(&mut self, name: &str) -> Result<ContainerStatus, SerialError> {
        let name = name.to_owned();
        match self.request(&Request::Inspect { name })? {
            Reply::Container(container) => Ok(container),
            _ => Err(SerialError::OtherReply),
        }
    }

    /// Every container.
    ///
    /// # Errors
    /// As for [`request`](Self::request).
    pub fn containers(&mut self) -> Result<Vec<ContainerStatus>, SerialError> {
        let mut containers: Vec<ContainerStatus> = Vec::new();
        loop {
            let last = containers.last();
            let after = last.map_or_else(String::new, |last| last.declaration.name.clone());
            match self.request(&Request::Container { after })? {
                Reply::NoMore => return Ok(containers),
                Reply::Container(container) => containers.push(container),
                _ => return Err(SerialError::OtherReply),
            }
        }
    }

    /// Every image.
    ///
    /// # Errors
    /// As for [`request`](Self::request).
    pub fn images(&mut self) -> Result<Vec<ImageStatus>, SerialError> {
        let mut images: Vec<ImageStatus> = Vec::new();
        loop {
            let last = images.last();
            let after = last.map_or_else(String::new, |last| last.digest.clone());
            match self.request(&Request::Image { after })? {
                Reply::NoMore => return Ok(images),
                Reply::Image(image) => images.push(image),
                _ => return Err(SerialError::OtherReply),
            }
        }
    }

    /// Takes what the line has, and waits for it so long: a reply, if it has one.
    fn listen(&mut self, wait: Duration) -> Result<Option<Result<Reply, LinkError>>, SerialError> {
        let mut buffer = vec![0; READ_BYTES];
        let read = self.line.read(&mut buffer, wait);
        let count = match read.map_err(|error| self.lost(Some(error)))? {
            None => return Ok(None),
            Some(0) => return Err(self.lost(None)),
            Some(count) => count,
        };
        self.carried_bytes += count as u64;
        let now_ms = self.now_ms();
        let (mut text, mut reply) = (Vec::new(), None);
        for byte in buffer.iter().take(count) {
            match self.link.receive(*byte, now_ms) {
                Some(ClientEvent::Text(bytes)) => text.extend_from_slice(bytes.bytes()),
                // There is one at most.
                Some(ClientEvent::Reply(answer)) => reply = Some(answer),
                Some(ClientEvent::Working) | None => {}
            }
        }
        if !text.is_empty() {
            self.said(&text);
        }
        Ok(reply)
    }

    /// The console has said something.
    fn said(&mut self, text: &[u8]) {
        let odd = text.iter().filter(|byte| !is_usual(**byte)).count();
        // A wrong speed makes most bytes odd ones; a language other than English makes some.
        self.heard = if odd * 2 > text.len() || self.heard == Heard::Noise {
            Heard::Noise
        } else {
            Heard::Text
        };
        if let Some(sink) = &mut self.sink {
            sink(text);
        }
    }

    fn failed(&self, error: LinkError) -> SerialError {
        match error {
            LinkError::NoAnswer { tries, damaged } => SerialError::Silent {
                address: self.address.clone(),
                baud: self.settings.baud,
                tries,
                heard: match damaged {
                    0 => self.heard,
                    _ => Heard::Noise,
                },
            },
            error => SerialError::Reply(error),
        }
    }

    fn lost(&self, error: Option<std::io::Error>) -> SerialError {
        SerialError::Lost {
            address: self.address.clone(),
            error,
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

const fn is_usual(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b | b' '..=b'~')
}

/// What a request takes by its own nature.
fn own_time(request: &Request) -> Duration {
    match request {
        Request::Stop {
            grace_ms: Some(grace_ms),
            ..
        } => Duration::from_millis((*grace_ms).into()),
        _ => Duration::ZERO,
    }
}

/// A number that no client used lately.
fn first_sequence() -> u32 {
    let mut bytes = [0; 4];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(_) => u32::from_ne_bytes(bytes),
        // Two programs do not have the same number at the same time.
        Err(_) => std::process::id(),
    }
}

//! The console: what came in waits in a ring, and what goes out too; interrupts move the bytes.
//!
//! While the receiving ring is full nothing is taken from the line: QEMU keeps it for us. A read or write that is given
//! up loses nothing.

use core::convert::Infallible;
use core::future::poll_fn;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::Pipe;
use embassy_sync::waitqueue::AtomicWaker;
use embedded_io_async::{ErrorType, Read, Write};

use crate::processor::uart;

/// A line of the interface's protocol fits, with room for what comes while it is looked at.
const RECEIVED_BYTES: usize = 1024;
const SENDING_BYTES: usize = 256;

static RECEIVED: Pipe<CriticalSectionRawMutex, RECEIVED_BYTES> = Pipe::new();
static SENDING: Pipe<CriticalSectionRawMutex, SENDING_BYTES> = Pipe::new();
/// Who waits for the last byte to leave.
static SENT: AtomicWaker = AtomicWaker::new();

/// Both halves.
pub(crate) struct Console {
    pub(crate) input: Input,
    pub(crate) output: Output,
}

impl Console {
    /// The console; once.
    pub(crate) const fn take() -> Self {
        Self {
            input: Input(()),
            output: Output(()),
        }
    }
}

/// The receiving half.
pub struct Input(());

/// The sending half.
pub struct Output(());

impl ErrorType for Input {
    type Error = Infallible;
}

impl ErrorType for Output {
    type Error = Infallible;
}

impl Read for Input {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = RECEIVED.read(buffer).await;
        // There is room again for what the line holds back.
        serve();
        Ok(count)
    }
}

impl Write for Output {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let count = SENDING.write(bytes).await;
        serve();
        Ok(count)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        poll_fn(|context| {
            SENT.register(context.waker());
            match is_sent() {
                true => Poll::Ready(Ok(())),
                false => Poll::Pending,
            }
        })
        .await
    }
}

fn is_sent() -> bool {
    SENDING.is_empty() && uart::is_idle()
}

/// Starts the line.
pub(crate) fn begin() {
    uart::begin();
}

/// Sends what waits, without sleeping.
pub(crate) fn drain() {
    while !is_sent() {
        serve();
    }
}

/// Moves bytes between the line and the rings: for the interrupt's handler, and for who changed the rings.
pub(crate) fn serve() {
    critical_section::with(|_| {
        receive();
        send();
    });
}

fn receive() {
    while RECEIVED.free_capacity() > 0 {
        let Some(byte) = uart::receive() else {
            break;
        };
        // There is room.
        let _ = RECEIVED.try_write(&[byte]);
    }
    uart::want_receive(RECEIVED.free_capacity() > 0);
}

fn send() {
    while uart::can_send() {
        let mut byte = [0];
        if SENDING.try_read(&mut byte).is_err() {
            break;
        }
        let [byte] = byte;
        uart::send(byte);
    }
    uart::want_send(!is_sent());
    if is_sent() {
        SENT.wake();
    }
}

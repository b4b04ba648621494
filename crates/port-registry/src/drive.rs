//! Drives a machine: sends what it asks for, waits, feeds it the answers.

use std::convert::Infallible;
use std::io::{self, Read};
use std::time::Duration;

use thimble_image::registry::{
    Action, BlobProgress, Event, Fault, Flow, Found, Machine, Method, Operation, Outgoing, Request,
};
use thimble_image::store::{Admission, BlobStore, BlobWriter, CommitError};
use thimble_image::{Descriptor, Digest};

use crate::Watch;
use crate::client::{Client, translate_io};

/// Bytes that are moved at once.
const PIECE_BYTES: usize = 64 << 10;

/// Why driving ended before the machine was done.
pub(crate) enum Stop<E> {
    Fault(Fault<E>),
    /// The caller's check refused.
    Refused(String),
}

impl<E> From<Fault<E>> for Stop<E> {
    fn from(fault: Fault<E>) -> Self {
        Self::Fault(fault)
    }
}

/// Who looks before layers are fetched.
pub(crate) type Check<'c> = &'c mut dyn FnMut(&Found) -> Result<(), String>;

/// Drives a machine that speaks to this registry until it is done.
pub(crate) fn drive<O, S>(
    client: &Client,
    registry: &str,
    machine: &mut Machine<O>,
    store: &S,
    watch: &mut dyn Watch,
    check: Check<'_>,
) -> Result<(), Stop<S::Error>>
where
    O: Operation<StoreError = S::Error>,
    S: BlobStore,
{
    let mut buffer = Vec::new();
    loop {
        let action = machine.advance();
        tell(machine, watch);
        match action? {
            Action::Request(request) => {
                let outcome = exchange(
                    client,
                    registry,
                    machine,
                    &request,
                    store,
                    watch,
                    &mut buffer,
                );
                tell(machine, watch);
                outcome?;
            }
            Action::Wait { ms, reason } => {
                let wait = Duration::from_millis(ms);
                watch.retry(&reason, wait);
                std::thread::sleep(wait);
            }
            Action::Check(found) => check(&found).map_err(Stop::Refused)?,
            Action::Done => return Ok(()),
        }
    }
}

fn tell<O: Operation>(machine: &mut Machine<O>, watch: &mut dyn Watch) {
    for event in machine.events() {
        match event {
            Event::Blob { blob, progress } => watch.blob(&blob, progress),
            Event::Note(text) => watch.note(&text),
        }
    }
}

fn exchange<O, S>(
    client: &Client,
    registry: &str,
    machine: &mut Machine<O>,
    request: &Request,
    store: &S,
    watch: &mut dyn Watch,
    buffer: &mut Vec<u8>,
) -> Result<(), Fault<S::Error>>
where
    O: Operation<StoreError = S::Error>,
    S: BlobStore,
{
    let mut outgoing = Reader {
        store,
        body: &request.body,
        sent: 0,
        fault: None,
        watch,
    };
    let is_reading = matches!(request.method, Method::Get | Method::Head);
    let body: Option<&mut dyn Read> = if is_reading {
        None
    } else {
        Some(&mut outgoing)
    };
    let answer = client.send(registry, request, body);
    if let Some(fault) = outgoing.fault.take() {
        return Err(Fault::Store(fault));
    }
    let (head, mut body) = match answer {
        Ok(answer) => answer,
        Err(error) => return machine.failed(error),
    };
    let mut flow = machine.head(head)?;
    buffer.resize(PIECE_BYTES, 0);
    while flow == Flow::More {
        match body.read(buffer) {
            Ok(0) => break,
            Ok(count) => {
                flow = machine.body(buffer.get(..count).unwrap_or_default())?;
                tell(machine, watch);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return machine.failed(translate_io(error)),
        }
    }
    machine.end()
}

/// Reads what a request carries.
struct Reader<'a, S: BlobStore> {
    store: &'a S,
    body: &'a Outgoing,
    sent: u64,
    fault: Option<S::Error>,
    watch: &'a mut dyn Watch,
}

impl<S: BlobStore> Read for Reader<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.body.length() - self.sent;
        let room = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let buffer = buffer.get_mut(..room).unwrap_or_default();
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = match self.body {
            Outgoing::Nothing => 0,
            Outgoing::Bytes(bytes) => {
                let start = usize::try_from(self.sent).unwrap_or(usize::MAX);
                let mut rest = bytes.get(start..).unwrap_or_default();
                rest.read(buffer)?
            }
            Outgoing::Blob { blob, offset, .. } => {
                let at = offset + self.sent;
                match self.store.read(&blob.digest, at, buffer) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(count) => {
                        let bytes = at + count as u64;
                        self.watch.blob(blob, BlobProgress::Moved { bytes });
                        count
                    }
                    Err(error) => {
                        self.fault = Some(error);
                        return Err(io::Error::other("the store fails"));
                    }
                }
            }
        };
        self.sent += count as u64;
        Ok(count)
    }
}

/// The store of operations that need none.
pub(crate) struct NoStore;

/// What a store writes that stores nothing: there is none.
pub(crate) enum NoWriter {}

impl BlobStore for NoStore {
    type Error = Infallible;
    type Writer = NoWriter;

    fn admit(&self, _blob: &Descriptor) -> Result<Admission<NoWriter>, Infallible> {
        Ok(Admission::Present)
    }

    fn read(&self, _: &Digest, _offset: u64, _buffer: &mut [u8]) -> Result<usize, Infallible> {
        Ok(0)
    }
}

impl BlobWriter for NoWriter {
    type Error = Infallible;

    fn offset(&self) -> u64 {
        match *self {}
    }

    fn write(&mut self, _bytes: &[u8]) -> Result<(), Infallible> {
        match *self {}
    }

    fn restart(&mut self) -> Result<(), Infallible> {
        match *self {}
    }

    fn commit(self) -> Result<(), CommitError<Infallible>> {
        match self {}
    }
}

//! Drives machines against answers that a test makes up, and a store in memory.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::registry::{
    Action, Credentials, Event, Fault, Flow, Head, Limits, Machine, Operation, Outgoing, Request,
    Secret, Target, TransportError, TransportErrorKind,
};
use crate::store::{Admission, BlobStore, BlobWriter, CommitError};

#[derive(Clone, Default)]
pub(super) struct Store(pub(super) Rc<RefCell<BTreeMap<Digest, Vec<u8>>>>);

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing;

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no such blob")
    }
}

impl core::error::Error for Missing {}

pub(super) struct Writer(Store, Descriptor, Vec<u8>);

impl Store {
    pub(super) fn add(&self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        self.0.borrow_mut().insert(descriptor.digest, bytes.into());
        descriptor
    }

    pub(super) fn bytes(&self, digest: &Digest) -> Vec<u8> {
        self.0.borrow()[digest].clone()
    }
}

impl BlobStore for Store {
    type Error = Missing;
    type Writer = Writer;

    fn admit(&self, blob: &Descriptor) -> Result<Admission<Writer>, Missing> {
        Ok(if self.0.borrow().contains_key(&blob.digest) {
            Admission::Present
        } else {
            Admission::Wanted(Writer(self.clone(), blob.clone(), Vec::new()))
        })
    }

    fn read(&self, digest: &Digest, offset: u64, buffer: &mut [u8]) -> Result<usize, Missing> {
        let blobs = self.0.borrow();
        let blob = blobs.get(digest).ok_or(Missing)?;
        let rest = &blob[usize::try_from(offset).unwrap().min(blob.len())..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl BlobWriter for Writer {
    type Error = Missing;

    fn offset(&self) -> u64 {
        self.2.len() as u64
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Missing> {
        self.2.extend_from_slice(bytes);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Missing> {
        self.2.clear();
        Ok(())
    }

    fn commit(self) -> Result<(), CommitError<Missing>> {
        let found = Digest::of(&self.2);
        if found != self.1.digest {
            let expected = self.1.digest;
            return Err(CommitError::Digest { expected, found });
        }
        self.0.0.borrow_mut().insert(found, self.2);
        Ok(())
    }
}

/// What a test lets a registry answer.
pub(super) enum Answer {
    Full(u16, Vec<(&'static str, String)>, Vec<u8>),
    Broken,
}

pub(super) fn status(status: u16) -> Answer {
    Answer::Full(status, Vec::new(), Vec::new())
}

pub(super) fn with(status: u16, headers: &[(&'static str, &str)]) -> Answer {
    let headers = headers
        .iter()
        .map(|(name, value)| (*name, value.to_string()));
    Answer::Full(status, headers.collect(), Vec::new())
}

/// A request as tests look at it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// `METHOD URL`.
    pub(super) line: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) authorization: Option<String>,
    pub(super) body: Vec<u8>,
    pub(super) length: u64,
}

/// What came of driving a machine.
pub(super) struct Outcome<E> {
    pub(super) asked: Vec<Asked>,
    pub(super) waits: Vec<u64>,
    pub(super) events: Vec<Event>,
    pub(super) result: Result<(), Fault<E>>,
}

impl<E: fmt::Display> Outcome<E> {
    pub(super) fn lines(&self) -> Vec<&str> {
        self.asked.iter().map(|asked| asked.line.as_str()).collect()
    }

    pub(super) fn error(&self) -> String {
        match &self.result {
            Ok(()) => "no error".into(),
            Err(error) => error.to_string(),
        }
    }
}

pub(super) fn target() -> Target {
    Target::new("registry.test", true)
}

pub(super) fn password() -> Credentials {
    Credentials::Password {
        username: "someone".into(),
        password: Secret::new("secret".into()),
    }
}

/// Drives an operation until it ends; a test that asks more than a hundred times is stuck.
pub(super) fn drive<O: Operation>(
    operation: O,
    credentials: Option<Credentials>,
    mut peer: impl FnMut(usize, &Asked) -> Answer,
) -> Outcome<O::StoreError> {
    let scopes = alloc::vec!["repository:app:pull".to_string()];
    let limits = Limits::default();
    let mut machine = Machine::new(operation, target(), credentials, scopes, limits, 7);
    let mut outcome = Outcome {
        asked: Vec::new(),
        waits: Vec::new(),
        events: Vec::new(),
        result: Ok(()),
    };
    for _ in 0..100 {
        let step = match machine.advance() {
            Ok(Action::Done) => break,
            Ok(Action::Check(_)) => Ok(()),
            Ok(Action::Wait { ms, .. }) => {
                outcome.waits.push(ms);
                Ok(())
            }
            Ok(Action::Request(request)) => {
                let asked = look(request);
                let answer = peer(outcome.asked.len(), &asked);
                outcome.asked.push(asked);
                feed(&mut machine, answer)
            }
            Err(error) => Err(error),
        };
        outcome.events.extend(machine.events());
        if let Err(error) = step {
            outcome.result = Err(error);
            return outcome;
        }
    }
    outcome.events.extend(machine.events());
    assert!(outcome.asked.len() < 100, "stuck: {:?}", outcome.asked);
    outcome
}

fn look(request: Request) -> Asked {
    Asked {
        line: alloc::format!("{} {}", request.method.name(), request.url),
        headers: request.headers,
        authorization: request.authorization.map(|secret| secret.expose().into()),
        length: request.body.length(),
        body: match request.body {
            Outgoing::Bytes(bytes) => bytes,
            Outgoing::Nothing | Outgoing::Blob { .. } => Vec::new(),
        },
    }
}

fn feed<O: Operation>(
    machine: &mut Machine<O>,
    answer: Answer,
) -> Result<(), Fault<O::StoreError>> {
    let broken = || TransportError {
        kind: TransportErrorKind::Closed,
        text: String::new(),
    };
    let Answer::Full(status, headers, body) = answer else {
        return machine.failed(broken());
    };
    let headers = headers
        .into_iter()
        .map(|(name, value)| (name.to_string(), value));
    let mut flow = machine.head(Head {
        status,
        headers: headers.collect(),
    })?;
    for piece in body.chunks(7) {
        if flow == Flow::Enough {
            break;
        }
        flow = machine.body(piece)?;
    }
    machine.end()
}

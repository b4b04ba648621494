//! Drives machines against answers that a test makes up.

use std::fmt;

use thimble_image::registry::{
    Action, Credentials, Event, Fault, Flow, Head, Limits, Machine, Operation, Outgoing, Request,
    Secret, Target, TransportError, TransportErrorKind,
};

/// What a test lets a registry answer.
pub(crate) enum Answer {
    Full(u16, Vec<(&'static str, String)>, Vec<u8>),
    Broken,
}

pub(crate) fn status(status: u16) -> Answer {
    Answer::Full(status, Vec::new(), Vec::new())
}

pub(crate) fn with(status: u16, headers: &[(&'static str, &str)]) -> Answer {
    let headers = headers
        .iter()
        .map(|(name, value)| (*name, value.to_string()));
    Answer::Full(status, headers.collect(), Vec::new())
}

/// A request as tests look at it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `METHOD URL`.
    pub(crate) line: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) length: u64,
}

/// What came of driving a machine.
pub(crate) struct Outcome<E> {
    pub(crate) asked: Vec<Asked>,
    pub(crate) waits: Vec<u64>,
    pub(crate) events: Vec<Event>,
    pub(crate) result: Result<(), Fault<E>>,
}

impl<E: fmt::Display> Outcome<E> {
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.asked.iter().map(|asked| asked.line.as_str()).collect()
    }

    pub(crate) fn error(&self) -> String {
        match &self.result {
            Ok(()) => "no error".into(),
            Err(error) => error.to_string(),
        }
    }
}

pub(crate) fn target() -> Target {
    Target::new("registry.test", true)
}

pub(crate) fn password() -> Credentials {
    Credentials::Password {
        username: "someone".into(),
        password: Secret::new("secret".into()),
    }
}

/// Drives an operation until it ends; a test that asks more than a hundred times is stuck.
pub(crate) fn drive<O: Operation>(
    operation: O,
    credentials: Option<Credentials>,
    mut peer: impl FnMut(usize, &Asked) -> Answer,
) -> Outcome<O::StoreError> {
    let scopes = vec!["repository:app:pull".to_string()];
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
        line: format!("{} {}", request.method.name(), request.url),
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

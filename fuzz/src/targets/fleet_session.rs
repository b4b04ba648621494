//! A hub and a network that do whatever the input says.

use std::time::Duration;

use thimble_image::Digest;
use thimble_protocol::session::{Exchange, Failure, Outcome, Response, Settings, Step};
use thimble_protocol::{Capabilities, EnrolRequest, Report, Session};

use crate::finding::{Violation, ensure, says_something};
use crate::shapes::Shapes;

use super::{Target, TargetSpec};

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "fleet_session",
    summary: "the session of device and hub: never panics, hangs or falls silent, whatever is answered",
    bytes_max: 2048,
    patience: Duration::from_secs(5),
    tokens: &[
        b"\x00\xc8",
        b"\x01\x30",
        b"\x01\x91",
        b"\x01\xf7",
        b"\"1.47DEQpj8HBSa\"",
        b"4294967295",
        b"18446744073709551615",
        b"bytes 0-1/2",
        b"{\"type\":\"x\",\"detail\":\"y\"}",
        b"\xa1\x02\xa1\x01\x05",
        b"\xa0",
    ],
    make: || Box::new(Sessions),
};

/// Milliseconds that a session may be silent at most: what the hub may ask for, and the longest retry.
const SILENT_MS_MAX: u64 = (86_400 + 900) * 1_000;
/// Bytes of a value of a step.
const VALUE_BYTES: usize = 24;
const RECOVERIES_MAX: u8 = 4;

struct Sessions;

/// A session, and the exchanges that are under way.
struct Conversation {
    session: Session,
    now_ms: u64,
    open: Vec<Exchange>,
}

impl Target for Sessions {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        let Some((kind, mut script)) = input.split_first() else {
            return Ok(());
        };
        let settings = Settings {
            is_parallel: kind & 1 != 0,
            wait_s: u32::from(kind & 2),
            recoveries: (kind >> 2) % (RECOVERIES_MAX + 1),
            ..Settings::default()
        };
        let seed = u64::from(*kind);
        let session = if kind & 0x80 == 0 {
            Session::new(settings, seed, 0, None)
        } else {
            Session::enrol(settings, seed, 0, &request())
        };
        let mut conversation = Conversation {
            session,
            now_ms: 0,
            open: Vec::new(),
        };
        while let Some((operation, rest)) = script.split_first() {
            let (value, rest) = rest.split_at(rest.len().min(VALUE_BYTES));
            script = rest;
            conversation.step(*operation, value, shapes)?;
        }
        Ok(())
    }
}

fn request() -> EnrolRequest {
    EnrolRequest {
        csr: vec![1],
        claim_code: None,
        capabilities: Capabilities::default(),
    }
}

impl Conversation {
    fn step(&mut self, operation: u8, value: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        let (session, now_ms) = (&mut self.session, self.now_ms);
        match operation % 8 {
            0 | 1 | 2 => return self.advance(shapes),
            3 => return self.answer(value, shapes),
            4 => {
                if let Some(exchange) = self.open.pop() {
                    session.failed(now_ms, &exchange, Failure::Connection);
                }
            }
            5 => session.report(now_ms, &Report::default()),
            6 => match operation / 8 % 4 {
                0 => session.renew(now_ms, &request()),
                1 => session.recover(),
                2 => session.hurry(now_ms),
                _ => session.set_recoveries(operation % (RECOVERIES_MAX + 1)),
            },
            _ => self
                .open
                .push(session.fetch(Digest::of(value), u64::from(operation))),
        }
        Ok(())
    }

    /// Does what the session wants.
    fn advance(&mut self, shapes: &mut Shapes) -> Result<(), Violation> {
        match self.session.next(self.now_ms) {
            Step::Send(exchange) => {
                shapes.note((0, std::mem::discriminant(&exchange.kind)));
                ensure(
                    exchange.endpoint <= RECOVERIES_MAX,
                    "only endpoints that there are get asked",
                    || format!("{exchange:?}"),
                )?;
                self.open.push(exchange);
                ensure(
                    self.open.len() <= 1_024,
                    "exchanges under way are few",
                    String::new,
                )
            }
            Step::Wait { until_ms: u64::MAX } => Ok(()),
            Step::Wait { until_ms } => {
                let waits_ms = until_ms.saturating_sub(self.now_ms);
                self.now_ms = until_ms;
                ensure(
                    (1..=SILENT_MS_MAX).contains(&waits_ms),
                    "a wait is one, and not for ever",
                    || waits_ms.to_string(),
                )
            }
            Step::Busy => ensure(
                !self.open.is_empty(),
                "a session that is busy has an exchange under way",
                String::new,
            ),
        }
    }

    /// Answers the exchange that is under way longest with a status and one value for every field.
    fn answer(&mut self, value: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        if self.open.is_empty() {
            return Ok(());
        }
        let exchange = self.open.remove(0);
        let (status, value) = value.split_at(value.len().min(2));
        let status = status
            .iter()
            .fold(0, |status, byte| status << 8 | u16::from(*byte));
        let text = String::from_utf8_lossy(value);
        let headers = [
            "etag",
            "next-poll",
            "retry-after",
            "content-range",
            "delay-apply",
            "report",
        ]
        .map(|name| (name, text.as_ref()));
        let response = Response {
            status,
            headers: &headers,
            body: value,
        };
        let outcome = self.session.answered(self.now_ms, &exchange, &response);
        shapes.note((1, std::mem::discriminant(&outcome)));
        if let Outcome::State(state) = &outcome {
            self.session.took(self.now_ms, state.etag);
        }
        if let Outcome::Invalid(invalid) = &outcome {
            says_something(&format!("{invalid:?}"))?;
        }
        Ok(())
    }
}

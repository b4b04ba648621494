//! A hub and a network that do whatever the input says.

use std::time::Duration;

use thimble_image::Digest;
use thimble_protocol::session::{Exchange, Failure, Outcome, Response, Settings, Step};
use thimble_protocol::{Capabilities, EnrolReply, EnrolRequest, Report, ReportReply, Session};

use crate::finding::{Violation, ensure, home};
use crate::shapes::Shapes;

use super::{Target, TargetSpec};

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "fleet_session",
    summary: "the session of device and hub: never panics, hangs or falls silent, whatever is answered",
    bytes_max: 2048,
    patience: Duration::from_secs(5),
    tokens: &[
        b"\x00\x00\x03\x01\x01\x00\x00",
        b"\x00\x00\x03\x00\x00\x01\x00",
        b"\x05\x00\x03\x00\x00\x00\x00",
        b"\x07\x03\x04\x00\x00\x08",
        b"\x04\x0e\x16\x1e",
    ],
    make: || Box::new(Sessions::new()),
};

/// Milliseconds that a session may be silent at most: what the hub may ask for, and the longest retry.
const SILENT_MS_MAX: u64 = (86_400 + 900) * 1_000;
const RECOVERIES_MAX: u8 = 4;

/// What a hub may answer, whether it makes sense or not.
const STATUSES: &[u16] = &[
    200, 304, 202, 206, 204, 100, 301, 400, 401, 404, 409, 416, 422, 429, 500, 503, 0, 999,
];
const VALUES: &[&str] = &[
    "",
    "\"1.47DEQpj8HBSa\"",
    "W/\"1\"",
    "0",
    "1",
    "60",
    "4294967295",
    "18446744073709551616",
    "bytes 7-8/9",
    "bytes */9",
    "bytes -",
];

struct Sessions {
    /// What the bodies of answers may be.
    bodies: Vec<Vec<u8>>,
}

impl Sessions {
    fn new() -> Self {
        let pending = EnrolReply::Pending {
            retry_s: 60,
            fingerprint: String::new(),
        };
        let mut bodies = vec![
            ReportReply::default().encode(),
            pending.encode(),
            br#"{"type":"x","detail":"y"}"#.to_vec(),
            b"\xff".to_vec(),
        ];
        // A certificate, from the corpus of the messages, behind the byte that says what it is.
        bodies.extend(
            std::fs::read(home().join("corpus/fleet_messages/issued"))
                .ok()
                .and_then(|bytes| Some(bytes.get(1..)?.to_vec())),
        );
        Self { bodies }
    }
}

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
        while !script.is_empty() {
            conversation.step(&mut script, &self.bodies, shapes)?;
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
    fn step(
        &mut self,
        script: &mut &[u8],
        bodies: &[Vec<u8>],
        shapes: &mut Shapes,
    ) -> Result<(), Violation> {
        let operation = next(script);
        let (session, now_ms) = (&mut self.session, self.now_ms);
        match operation % 8 {
            0..=2 => return self.advance(shapes),
            3 => self.answer(script, bodies, shapes),
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
                .push(session.fetch(Digest::of(b""), u64::from(operation))),
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

    /// Answers the exchange that is under way longest.
    fn answer(&mut self, script: &mut &[u8], bodies: &[Vec<u8>], shapes: &mut Shapes) {
        if self.open.is_empty() {
            return;
        }
        let exchange = self.open.remove(0);
        let status = *pick(STATUSES, script);
        let tag = *pick(VALUES, script);
        let number = *pick(VALUES, script);
        let response = Response {
            status,
            headers: &[
                ("etag", tag),
                ("next-poll", number),
                ("retry-after", number),
                ("delay-apply", number),
                ("report", number),
                ("content-range", number),
            ],
            body: pick(bodies, script).as_slice(),
        };
        let outcome = self.session.answered(self.now_ms, &exchange, &response);
        shapes.note((
            1,
            status,
            std::mem::discriminant(&exchange.kind),
            std::mem::discriminant(&outcome),
        ));
        if let Outcome::State(state) = &outcome {
            self.session.took(self.now_ms, state.etag);
        }
    }
}

/// The next byte of a script, or 0.
fn next(script: &mut &[u8]) -> u8 {
    let Some((first, rest)) = script.split_first() else {
        return 0;
    };
    *script = rest;
    *first
}

/// One of these, which are not none.
fn pick<'a, T>(choices: &'a [T], script: &mut &[u8]) -> &'a T {
    let place = usize::from(next(script)) % choices.len();
    choices
        .get(place)
        .unwrap_or_else(|| unreachable!("{place}"))
}

//! What an answer means.

use alloc::vec::Vec;

use thimble_image::Digest;

use super::backoff::Failure;
use super::exchange::{Exchange, Kind, Response};
use super::problem::Problem;
use super::{Errand, Session};
use crate::codec::DecodeError;
use crate::enrol::{EnrolReply, Issued};
use crate::etag::{ETag, ETagError};
use crate::report::ReportReply;

/// Milliseconds of a second.
const SECOND_MS: u64 = 1_000;

/// What came of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is another state.
    State(State),
    /// The state is the one that the device has.
    NotModified {
        /// Whether the hub asks for a report now.
        is_report_wanted: bool,
    },
    /// The hub has the report.
    Reported(ReportReply),
    /// The device has a certificate. A session that only enrols is over.
    Enrolled(Issued),
    /// Somebody has to approve the device; it asks again by itself.
    Pending {
        /// What people compare before they approve.
        fingerprint: alloc::string::String,
    },
    /// A blob comes.
    Blob(Blob),
    /// The hub does not do what was asked.
    Problem(Problem),
    /// The answer is not one that the protocol knows.
    Invalid(Invalid),
}

/// A state that nobody has looked at yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The envelope, for [`crate::sign::open_state`].
    pub envelope: Vec<u8>,
    /// Its entity tag, as the hub says.
    pub etag: ETag,
    /// Seconds to wait before it is brought into force, so that a fleet does not change at once.
    pub delay_apply_s: u32,
    /// Whether the hub asks for a report now.
    pub is_report_wanted: bool,
}

/// A blob, or what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The blob.
    pub digest: Digest,
    /// Where the body begins within it: 0 if the hub sends it from the beginning again.
    pub offset: u64,
}

/// Why an answer is not one that the protocol knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invalid {
    /// The body is none of what was asked for.
    Body(DecodeError),
    /// The state has no entity tag.
    NoETag,
    /// The state's entity tag is none.
    ETag(ETagError),
    /// Another part of the blob comes than was asked for.
    Range,
    /// The status is none that answers this request.
    Status {
        /// The status.
        status: u16,
    },
}

impl Session {
    /// An exchange was answered: says what the answer means, and makes up its mind when to ask again.
    pub fn answered(
        &mut self,
        now_ms: u64,
        exchange: &Exchange,
        response: &Response<'_>,
    ) -> Outcome {
        self.ended(exchange);
        match (exchange.kind, response.status) {
            (Kind::Poll, 200) => self.state(now_ms, exchange, response),
            // Also before the first state: nothing was declared yet.
            (Kind::Poll, 304) => {
                self.succeeded(exchange);
                self.heard_at_ms = Some(now_ms);
                self.poll_later(now_ms, response);
                Outcome::NotModified {
                    is_report_wanted: is_report_wanted(response),
                }
            }
            (Kind::Report { sequence }, 200) => self.reported(now_ms, exchange, sequence, response),
            (Kind::Enrol, 200 | 202) => self.enrolled(now_ms, exchange, response),
            (Kind::Blob { digest, offset }, 200 | 206) => {
                self.blob(now_ms, exchange, digest, offset, response)
            }
            (kind, 400..) => self.problem(now_ms, kind, response),
            (_, status) => self.invalid(now_ms, Invalid::Status { status }),
        }
    }

    /// An exchange got no answer.
    pub fn failed(&mut self, now_ms: u64, exchange: &Exchange, failure: Failure) {
        self.ended(exchange);
        self.last_failure = Some(failure);
        self.is_reached = false;
        self.give_up(now_ms, 0);
    }

    /// An exchange of this session is no longer under way.
    const fn ended(&mut self, exchange: &Exchange) {
        match exchange.kind {
            Kind::Poll => self.is_polling = false,
            Kind::Report { .. } => self.is_reporting = false,
            Kind::Enrol => self.is_enrolling = false,
            Kind::Blob { .. } => {}
        }
    }

    fn state(&mut self, now_ms: u64, exchange: &Exchange, response: &Response<'_>) -> Outcome {
        let etag = match response.header("etag").map(str::parse) {
            Some(Ok(etag)) => etag,
            Some(Err(error)) => return self.invalid(now_ms, Invalid::ETag(error)),
            None => return self.invalid(now_ms, Invalid::NoETag),
        };
        self.succeeded(exchange);
        self.poll_later(now_ms, response);
        Outcome::State(State {
            envelope: response.body.into(),
            etag,
            delay_apply_s: response
                .seconds("delay-apply")
                .unwrap_or_default()
                .min(self.settings.poll_s_max),
            is_report_wanted: is_report_wanted(response),
        })
    }

    fn reported(
        &mut self,
        now_ms: u64,
        exchange: &Exchange,
        sequence: u64,
        response: &Response<'_>,
    ) -> Outcome {
        match ReportReply::decode(response.body) {
            Ok(reply) => {
                self.succeeded(exchange);
                self.heard_at_ms = Some(now_ms);
                self.drop_report(sequence);
                Outcome::Reported(reply)
            }
            Err(error) => self.invalid(now_ms, Invalid::Body(error)),
        }
    }

    fn enrolled(&mut self, now_ms: u64, exchange: &Exchange, response: &Response<'_>) -> Outcome {
        match EnrolReply::decode(response.body) {
            Ok(EnrolReply::Issued(issued)) => {
                self.succeeded(exchange);
                self.enrolment = None;
                Outcome::Enrolled(issued)
            }
            Ok(EnrolReply::Pending {
                retry_s,
                fingerprint,
            }) => {
                self.succeeded(exchange);
                let at_ms = self.after_s(now_ms, retry_s);
                if let Some(Errand { at_ms: at, .. }) = &mut self.enrolment {
                    *at = at_ms;
                }
                Outcome::Pending { fingerprint }
            }
            Err(error) => self.invalid(now_ms, Invalid::Body(error)),
        }
    }

    fn blob(
        &mut self,
        now_ms: u64,
        exchange: &Exchange,
        digest: Digest,
        offset: u64,
        response: &Response<'_>,
    ) -> Outcome {
        let begins_at = match response.status {
            200 => 0,
            _ => match response.header("content-range").and_then(range_begin) {
                Some(begin) if begin == offset => begin,
                _ => return self.invalid(now_ms, Invalid::Range),
            },
        };
        self.succeeded(exchange);
        Outcome::Blob(Blob {
            digest,
            offset: begins_at,
        })
    }

    fn problem(&mut self, now_ms: u64, kind: Kind, response: &Response<'_>) -> Outcome {
        let problem = Problem::of(response);
        let asked_s = response.seconds("retry-after").unwrap_or_default();
        let asked_ms = u64::from(asked_s.min(self.settings.poll_s_max)) * SECOND_MS;
        // A report that is wrong stays wrong; the next one may be better.
        if let (Kind::Report { sequence }, false) = (kind, problem.is_passing) {
            self.drop_report(sequence);
        }
        self.give_up(now_ms, asked_ms);
        Outcome::Problem(problem)
    }

    fn invalid(&mut self, now_ms: u64, invalid: Invalid) -> Outcome {
        self.give_up(now_ms, 0);
        Outcome::Invalid(invalid)
    }

    const fn succeeded(&mut self, exchange: &Exchange) {
        self.last_failure = None;
        self.is_reached = true;
        self.backoff.succeeded();
        if exchange.endpoint == 0 {
            self.is_recovering = false;
            self.turn = 0;
        } else {
            // Whoever answers at a recovery URL stands in for the hub, which is asked again next.
            self.turn = self.turn.wrapping_add(1);
        }
    }

    fn give_up(&mut self, now_ms: u64, asked_ms: u64) {
        self.turn = self.turn.wrapping_add(1);
        self.backoff.failed(now_ms, asked_ms, &mut self.chance);
    }

    fn drop_report(&mut self, sequence: u64) {
        if self.report.as_ref().is_some_and(|it| it.number == sequence) {
            self.report = None;
        }
    }

    /// Polls again when the hub says, or a little before or after the usual time.
    fn poll_later(&mut self, now_ms: u64, response: &Response<'_>) {
        let at_ms = match response.seconds("next-poll") {
            Some(seconds) => self.after_s(now_ms, seconds),
            None => {
                let usual_ms = u64::from(self.settings.poll_s) * SECOND_MS;
                let tenth = usual_ms / 10;
                let jitter = self.chance.up_to(tenth * 2);
                now_ms
                    .saturating_add(usual_ms - tenth)
                    .saturating_add(jitter)
            }
        };
        self.poll_at_ms = self.poll_at_ms.map(|_| at_ms);
    }

    /// So many seconds from now, within what the settings allow.
    fn after_s(&self, now_ms: u64, seconds: u32) -> u64 {
        let most = self.settings.poll_s_max.max(self.settings.poll_s_min);
        let seconds = seconds.clamp(self.settings.poll_s_min, most);
        now_ms.saturating_add(u64::from(seconds) * SECOND_MS)
    }
}

fn is_report_wanted(response: &Response<'_>) -> bool {
    response.header("report") == Some("1")
}

/// Where a `Content-Range: bytes FIRST-LAST/LENGTH` begins (RFC 9110, section 14.4).
fn range_begin(range: &str) -> Option<u64> {
    let (begin, _) = range.strip_prefix("bytes ")?.split_once('-')?;
    begin.parse().ok()
}

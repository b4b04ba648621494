//! When a device asks the hub for what, as a machine: it owns time, order and patience, and neither sockets nor a clock.
//!
//! A port asks [`Session::next`] what to do, does it, and says with [`Session::answered`] or [`Session::failed`] how it went. All
//! chance comes from the seed. No answer, whatever it says, makes a device ask more often than its [`Settings`] let it, or
//! makes it fall silent for longer.

mod answer;
mod backoff;
mod chance;
mod exchange;
mod problem;

pub use answer::{Blob, Invalid, Outcome, State};
pub use backoff::Failure;
pub use exchange::{Exchange, Kind, Method, Response};
pub use problem::Problem;

use alloc::vec::Vec;

use thimble_image::Digest;

use crate::enrol::EnrolRequest;
use crate::etag::ETag;
use crate::report::Report;
use backoff::Backoff;
use chance::Chance;

/// How patient a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The first exchange happens at some time within this, so that a site whose power returns does not ask as one.
    pub spread_ms: u64,
    /// Seconds between polls, as long as the hub names no other number.
    pub poll_s: u32,
    /// Seconds between polls at least, whatever the hub says.
    pub poll_s_min: u32,
    /// Seconds between polls at most, whatever the hub says.
    pub poll_s_max: u32,
    /// Seconds that a poll waits at the hub for something new; 0 does not wait.
    pub wait_s: u32,
    /// The first retry happens within this.
    pub retry_ms_min: u64,
    /// Any retry happens within this, unless the hub asks for more time.
    pub retry_ms_max: u64,
    /// Whether a report may be sent while a poll waits: over a second connection.
    pub is_parallel: bool,
    /// How many recovery URLs there are, beside the hub. They are the endpoints from 1 on.
    pub recoveries: u8,
}

impl Default for Settings {
    /// A quarter of an hour keeps most firewalls from forgetting the connection, and costs 35 KB a day (360 bytes a poll).
    fn default() -> Self {
        Self {
            spread_ms: 30_000,
            poll_s: 900,
            poll_s_min: 1,
            poll_s_max: 86_400,
            wait_s: 0,
            retry_ms_min: 2_000,
            retry_ms_max: 900_000,
            is_parallel: false,
            recoveries: 0,
        }
    }
}

/// Seconds that a poll waits while it is not known whether the hub is there.
const FIRST_WAIT_S: u32 = 1;

/// What a port does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing before this time, or before something else happens.
    Wait {
        /// The time.
        until_ms: u64,
    },
    /// Nothing before an exchange that was begun has ended.
    Busy,
    /// This exchange.
    Send(Exchange),
}

/// The conversation of a device with its hub. Times are milliseconds of a clock that never goes back; where it begins is no matter.
#[derive(Clone, Debug)]
pub struct Session {
    settings: Settings,
    chance: Chance,
    backoff: Backoff,
    /// The state that the device has.
    etag: Option<ETag>,
    /// When it polls next; none while it is not enrolled.
    poll_at_ms: Option<u64>,
    enrolment: Option<Errand>,
    report: Option<Errand>,
    is_polling: bool,
    is_reporting: bool,
    is_enrolling: bool,
    /// Whether recovery URLs are asked too.
    is_recovering: bool,
    turn: u32,
    began_at_ms: u64,
    heard_at_ms: Option<u64>,
    last_failure: Option<Failure>,
    /// Whether the last exchange got an answer.
    is_reached: bool,
}

/// A body that waits to be sent.
#[derive(Clone, Debug)]
struct Errand {
    body: Vec<u8>,
    at_ms: u64,
    /// A later one replaces it; an answer to an earlier one does not remove it.
    number: u64,
}

impl Session {
    /// The session of a device that is enrolled. `etag` is the state that it has.
    #[must_use]
    pub fn new(settings: Settings, seed: u64, now_ms: u64, etag: Option<ETag>) -> Self {
        let mut session = Self::blank(settings, seed, now_ms);
        session.etag = etag;
        let first = session.chance.up_to(session.settings.spread_ms);
        session.poll_at_ms = Some(now_ms.saturating_add(first));
        session
    }

    /// The session of a device that is not enrolled: it asks until the hub has issued a certificate, and then is over.
    #[must_use]
    pub fn enrol(settings: Settings, seed: u64, now_ms: u64, request: &EnrolRequest) -> Self {
        let mut session = Self::blank(settings, seed, now_ms);
        let first = session.chance.up_to(session.settings.spread_ms);
        session.enrolment = Some(Errand {
            body: request.encode(),
            at_ms: now_ms.saturating_add(first),
            number: 0,
        });
        session
    }

    fn blank(settings: Settings, seed: u64, now_ms: u64) -> Self {
        Self {
            backoff: Backoff::new(settings.retry_ms_min, settings.retry_ms_max),
            chance: Chance::new(seed),
            settings,
            etag: None,
            poll_at_ms: None,
            enrolment: None,
            report: None,
            is_polling: false,
            is_reporting: false,
            is_enrolling: false,
            is_recovering: false,
            turn: 0,
            began_at_ms: now_ms,
            heard_at_ms: None,
            last_failure: None,
            is_reached: false,
        }
    }

    /// What to do now.
    #[must_use]
    pub fn next(&mut self, now_ms: u64) -> Step {
        let is_busy = self.is_polling || self.is_reporting || self.is_enrolling;
        if self.is_enrolling || (is_busy && !self.settings.is_parallel) {
            return Step::Busy;
        }
        let not_before_ms = self.backoff.until_ms();
        let enrolment_at = self
            .enrolment
            .as_ref()
            .map(|it| it.at_ms.max(not_before_ms));
        // A poll may wait for long: it is not waited for.
        let may_enrol = !self.is_reporting && (!self.is_polling || self.settings.is_parallel);
        if enrolment_at.is_some_and(|at| at <= now_ms) && may_enrol {
            return self.send_enrolment();
        }
        let report_at = self.report.as_ref().map(|it| it.at_ms.max(not_before_ms));
        if report_at.is_some_and(|at| at <= now_ms) && !self.is_reporting {
            return self.send_report();
        }
        let poll_at = self.poll_at_ms.map(|at| at.max(not_before_ms));
        if poll_at.is_some_and(|at| at <= now_ms) && !self.is_polling {
            return self.send_poll();
        }
        let waits = [
            enrolment_at.filter(|_| may_enrol),
            report_at.filter(|_| !self.is_reporting),
            poll_at.filter(|_| !self.is_polling),
        ];
        match waits.into_iter().flatten().min() {
            Some(until_ms) => Step::Wait { until_ms },
            None if is_busy => Step::Busy,
            None => Step::Wait { until_ms: u64::MAX },
        }
    }

    /// A report is to be sent; it replaces one that was not sent yet.
    pub fn report(&mut self, now_ms: u64, report: &Report) {
        self.report = Some(Errand {
            body: report.encode(),
            at_ms: now_ms,
            number: report.sequence,
        });
    }

    /// A new certificate is to be asked for, over TLS with the present one.
    pub fn renew(&mut self, now_ms: u64, request: &EnrolRequest) {
        self.enrolment = Some(Errand {
            body: request.encode(),
            at_ms: now_ms,
            number: 0,
        });
    }

    /// Something happened that makes it worth to ask the hub soon: an operator wants it, the network is back. Patience stays.
    pub fn hurry(&mut self, now_ms: u64) {
        if self.poll_at_ms.is_some() {
            let soon = self.chance.up_to(self.settings.retry_ms_min);
            let at_ms = now_ms.saturating_add(soon);
            self.poll_at_ms = self.poll_at_ms.map(|before| before.min(at_ms));
        }
    }

    /// The request for a blob from this byte on. It may be sent at any time; what failed is a port's to repeat, not before
    /// [`Self::next`] sends again or its wait is over.
    #[must_use]
    pub fn fetch(&self, digest: Digest, offset: u64) -> Exchange {
        exchange::blob(self.endpoint(), digest, offset)
    }

    /// The state of an envelope was opened and taken, or is the one that the device has: somebody who is trusted has spoken.
    pub fn took(&mut self, now_ms: u64, etag: ETag) {
        self.etag = Some(etag);
        self.heard_at_ms = Some(now_ms);
    }

    /// Milliseconds since somebody who is trusted answered, or since the session began.
    #[must_use]
    pub fn silent_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.heard_at_ms.unwrap_or(self.began_at_ms))
    }

    /// When somebody who is trusted last answered.
    #[must_use]
    pub const fn heard_at_ms(&self) -> Option<u64> {
        self.heard_at_ms
    }

    /// Why the last exchange got no answer; none if it got one.
    #[must_use]
    pub const fn last_failure(&self) -> Option<Failure> {
        self.last_failure
    }

    /// Asks the recovery URLs too, in turn with the hub, until the hub answers.
    pub const fn recover(&mut self) {
        self.is_recovering = true;
    }

    /// How many recovery URLs there are from now on, as a state said.
    pub const fn set_recoveries(&mut self, recoveries: u8) {
        self.settings.recoveries = recoveries;
    }

    /// The state that the device has.
    #[must_use]
    pub const fn etag(&self) -> Option<ETag> {
        self.etag
    }

    /// Which endpoint is asked next: 0 is the hub.
    fn endpoint(&self) -> u8 {
        let recoveries = u32::from(self.settings.recoveries);
        if !self.is_recovering || recoveries == 0 || self.turn.is_multiple_of(2) {
            return 0;
        }
        u8::try_from(1 + (self.turn / 2) % recoveries).unwrap_or(0)
    }

    fn send_enrolment(&mut self) -> Step {
        let body = self.enrolment.as_ref().map(|it| it.body.clone());
        self.is_enrolling = true;
        Step::Send(exchange::enrol(self.endpoint(), body.unwrap_or_default()))
    }

    fn send_report(&mut self) -> Step {
        let (body, number) = self
            .report
            .as_ref()
            .map(|it| (it.body.clone(), it.number))
            .unwrap_or_default();
        self.is_reporting = true;
        Step::Send(exchange::report(self.endpoint(), number, body))
    }

    fn send_poll(&mut self) -> Step {
        self.is_polling = true;
        // Whether the hub is there at all is known at once, not only when there is something new.
        let wait_s = if self.is_reached {
            self.settings.wait_s
        } else {
            self.settings.wait_s.min(FIRST_WAIT_S)
        };
        Step::Send(exchange::poll(self.endpoint(), self.etag, wait_s))
    }
}

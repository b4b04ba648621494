//! The agent: one value that events change.
//!
//! At any time it is idle, or prepares a round of changes (nothing stops, and a restart begins the round anew), or executes
//! one (each step of which was kept before). One ticket is open at most.

mod accept;
mod execute;
mod ladder;
mod plan;
mod prepare;
mod probation;
mod report;
mod work;

use alloc::vec::Vec;

use thimble_image::Digest;
use thimble_protocol::ETag;
use thimble_protocol::report::Phase;

use crate::action::{Action, Ticket};
use crate::event::{Consent, Event, Failure};
use crate::gate::held;
use crate::kept::Kept;
use crate::saved;
use crate::settings::{Now, Settings};
use crate::status::Status;
use crate::trust::Trust;
use report::Reporting;
use work::{Doing, Pending, Work};

pub use crate::saved::RestoreError;

/// Steps that one event can lead to; more would be a mistake of ours, and the next event goes on.
const STEPS_MAX: u32 = 10_000;

/// What a device does about the state that its hub declared.
#[derive(Clone, Debug)]
pub struct Agent {
    settings: Settings,
    kept: Kept,
    work: Work,
    pending: Option<Pending>,
    /// The last ticket.
    ticket: Ticket,
    contact: Contact,
    reporting: Reporting,
    /// The hub asked to change nothing before.
    delay_until_ms: u64,
    has_begun: bool,
    /// What the driver was last told to keep.
    keeping: Vec<Digest>,
    random: u64,
}

/// When the hub answered.
#[derive(Clone, Copy, Debug)]
struct Contact {
    began_ms: u64,
    answered_ms: Option<u64>,
    /// How often it did.
    answers: u64,
    /// Seconds that the outage had lasted when the agent began.
    outage_s: u32,
    is_failing: bool,
}

/// An event's time, and where actions go.
struct Turn<'a> {
    now: Now,
    trust: &'a dyn Trust,
    actions: &'a mut Vec<Action>,
}

impl Agent {
    /// Makes the agent of a device that was never told anything.
    #[must_use]
    pub fn new(settings: Settings, now: Now) -> Self {
        Self::with(settings, Kept::new(settings.device), now)
    }

    /// Makes the agent that goes on from what was saved last. Call [`handle`](Self::handle) with [`Event::Tick`] next.
    ///
    /// # Errors
    ///
    /// The bytes are not what an agent of this device saved.
    pub fn restore(settings: Settings, saved: &[u8], now: Now) -> Result<Self, RestoreError> {
        let kept = saved::read(saved)?;
        if kept.device != settings.device {
            return Err(RestoreError::OtherDevice {
                device: kept.device,
            });
        }
        Ok(Self::with(settings, kept, now))
    }

    fn with(settings: Settings, kept: Kept, now: Now) -> Self {
        Self {
            settings,
            work: Work::Idle,
            pending: None,
            ticket: Ticket(0),
            contact: Contact {
                began_ms: now.ms,
                answered_ms: None,
                answers: 0,
                outage_s: kept.outage_s,
                is_failing: false,
            },
            reporting: Reporting::new(kept.sequence_end, now.ms),
            delay_until_ms: 0,
            has_begun: false,
            keeping: Vec::new(),
            random: settings.seed,
            kept,
        }
    }

    /// Takes an event, and appends what is to be done.
    ///
    /// Send [`Event::Tick`] also when the wall clock was set, so that windows are looked at anew.
    pub fn handle(
        &mut self,
        now: Now,
        event: Event<'_>,
        trust: &dyn Trust,
        actions: &mut Vec<Action>,
    ) {
        let mut turn = Turn {
            now,
            trust,
            actions,
        };
        if !self.has_begun {
            self.begin(&mut turn);
        }
        self.take(&mut turn, event);
        for _ in 0..STEPS_MAX {
            if !self.step(&mut turn) {
                break;
            }
        }
        self.report_if_due(&mut turn);
    }

    /// Returns when [`Event::Tick`] is wanted if nothing else happens, in the milliseconds of [`Now`].
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        if !self.has_begun {
            return Some(self.contact.began_ms);
        }
        let asking = self.pending.as_ref().and_then(|pending| pending.until_ms);
        let work = match &self.work {
            Work::Idle => self.plan_deadline(),
            Work::Preparing(preparing) if self.pending.is_none() => preparing.wake_ms,
            Work::Executing(executing) if self.pending.is_none() => {
                self.execution_deadline(executing)
            }
            Work::Preparing(_) | Work::Executing(_) => None,
        };
        let all = [asking, work, self.rung_deadline(), self.report_deadline()];
        all.into_iter().flatten().min()
    }

    /// Returns the entity tag by which the session asks for states; absent before the first.
    #[must_use]
    pub const fn tag(&self) -> Option<ETag> {
        self.kept.tag
    }

    /// Returns how the agent is.
    #[must_use]
    pub fn status(&self, now: Now) -> Status {
        let is_held_by_hub = held(now, &self.kept.policy, false).is_some();
        let name = |app: &str| (!app.is_empty()).then(|| app.into());
        let deployments = self
            .kept
            .entries
            .iter()
            .map(|entry| (name(&entry.app), report::status_of(entry)));
        Status {
            adopted: self.kept.adopted,
            committed: self.kept.committed,
            phase: self.phase(),
            is_held_here: self.kept.is_held_here,
            is_held_by_hub,
            hub_answered_ms_ago: self
                .contact
                .answered_ms
                .map(|answered_ms| now.ms.saturating_sub(answered_ms)),
            deployments: deployments.collect(),
        }
    }

    fn phase(&self) -> Phase {
        let phases = self.kept.entries.iter().map(|entry| entry.condition.phase);
        let is_doing = |phase: &Phase| !matches!(phase, Phase::Idle | Phase::RolledBack);
        phases.filter(is_doing).max().unwrap_or_default()
    }

    /// The first event of this run.
    fn begin(&mut self, turn: &mut Turn<'_>) {
        self.has_begun = true;
        if self.kept.has_trials() {
            self.kept.trial_starts = self.kept.trial_starts.saturating_add(1);
            self.resume(turn);
        }
        self.describe_restored();
        self.keep(turn);
        if !self.kept.recovery_urls.is_empty() {
            turn.actions
                .push(Action::RecoveryUrls(self.kept.recovery_urls.clone()));
        }
        if self.kept.adopted.0 > 0 {
            turn.actions.push(Action::TagChanged);
            self.reporting.is_dirty = true;
        }
    }

    fn take(&mut self, turn: &mut Turn<'_>, event: Event<'_>) {
        match event {
            Event::Tick => {}
            Event::StateReceived {
                envelope,
                delay_apply_s,
            } => {
                self.hub_answered(turn);
                self.accept(turn, envelope, Some(delay_apply_s));
            }
            Event::BundleImported { envelope } => self.accept(turn, envelope, None),
            Event::HubAnswered => self.hub_answered(turn),
            Event::HubFailed => self.contact.is_failing = true,
            Event::Loaded { ticket, envelope } => {
                if let Some(Doing::Load { deployment, digest }) = self.settle(ticket) {
                    self.loaded(turn, deployment, digest, envelope);
                }
            }
            Event::Measured { ticket, capacity } => {
                if let Some(Doing::Measure) = self.settle(ticket) {
                    self.measured(turn, capacity);
                }
            }
            Event::Done { ticket } => self.done(turn, ticket),
            Event::Failed { ticket, failure } => self.failed(turn, ticket, failure),
            Event::Answered { ticket, consent } => {
                if let Some(Doing::Ask { deployment }) = self.settle(ticket) {
                    self.answered(turn, deployment, consent);
                }
            }
            Event::AppStatus {
                deployment,
                containers,
            } => self.observed(turn, deployment, containers),
            Event::LocalHold { is_held } => {
                if self.kept.is_held_here != is_held {
                    self.kept.is_held_here = is_held;
                    let text = if is_held {
                        "held at the device"
                    } else {
                        "no longer held at the device"
                    };
                    self.note(turn, if is_held { "held" } else { "released" }, text.into());
                    self.save(turn);
                }
            }
            Event::ReportSent { sequence, send_all } => {
                self.hub_answered(turn);
                self.report_sent(turn, sequence, send_all);
            }
            Event::ReportFailed => self.report_failed(turn),
            Event::ReportWanted => self.reporting.is_wanted = true,
            Event::Noted { code, text } => self.note(turn, &code, text),
        }
    }

    /// Does one thing that is due. Returns whether there may be more.
    fn step(&mut self, turn: &mut Turn<'_>) -> bool {
        if self.take_rung(turn) {
            return true;
        }
        match &self.work {
            Work::Idle => self.plan(turn),
            Work::Preparing(_) => self.prepare(turn),
            Work::Executing(_) => self.execute(turn),
        }
    }

    /// Gives back what a ticket stands for, if it is the open one and of the kind that the event answers.
    fn settle(&mut self, ticket: Ticket) -> Option<Doing> {
        self.pending
            .take_if(|pending| pending.ticket == ticket)
            .map(|pending| pending.doing)
    }

    fn done(&mut self, turn: &mut Turn<'_>, ticket: Ticket) {
        match self.settle(ticket) {
            Some(Doing::Fetch { .. }) => self.fetched(),
            Some(Doing::Verify { deployment }) => self.verified(deployment),
            Some(Doing::Stop { deployment }) => self.stopped(deployment),
            Some(Doing::Remove { deployment }) => self.removed(turn, deployment),
            Some(Doing::Apply { deployment }) => self.applied(turn, deployment),
            Some(Doing::Load { .. } | Doing::Measure | Doing::Ask { .. }) | None => {}
        }
    }

    fn failed(&mut self, turn: &mut Turn<'_>, ticket: Ticket, failure: Failure) {
        match self.settle(ticket) {
            Some(Doing::Fetch { deployment }) => self.not_fetched(turn, deployment, failure),
            Some(Doing::Verify { deployment }) => self.not_verified(turn, deployment, failure),
            Some(
                Doing::Stop { deployment }
                | Doing::Remove { deployment }
                | Doing::Apply { deployment },
            ) => {
                self.not_done(turn, deployment, failure);
            }
            Some(Doing::Load { deployment, digest }) => self.loaded(turn, deployment, digest, None),
            Some(Doing::Ask { deployment }) => self.answered(turn, deployment, Consent::Silent),
            Some(Doing::Measure) => self.not_measured(turn),
            None => {}
        }
    }

    /// Opens a ticket.
    const fn open_ticket(&mut self, doing: Doing, until_ms: Option<u64>) -> Ticket {
        self.ticket = Ticket(self.ticket.0.wrapping_add(1));
        self.pending = Some(Pending {
            ticket: self.ticket,
            doing,
            until_ms,
        });
        self.ticket
    }

    /// Keeps what is to be kept, before whatever is done next.
    fn save(&mut self, turn: &mut Turn<'_>) {
        self.kept.tidy();
        let saved = saved::write(&self.kept);
        turn.actions.push(Action::Save(saved));
        self.keep(turn);
    }

    /// Says what garbage collection must leave, if that changed.
    fn keep(&mut self, turn: &mut Turn<'_>) {
        let manifests = self.kept.manifests();
        if manifests != self.keeping {
            self.keeping.clone_from(&manifests);
            turn.actions.push(Action::Keep(manifests));
        }
    }

    /// A number that spreads retries: SplitMix64.
    const fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Milliseconds until something that failed so many times in a row is tried again: between half and all of 5 seconds
    /// doubled each time, 15 minutes at most.
    const fn backoff_ms(&mut self, failures: u32) -> u64 {
        let doublings = if failures > 8 { 8 } else { failures };
        let longest_ms = 5_000_u64 << doublings;
        let longest_ms = if longest_ms > 900_000 {
            900_000
        } else {
            longest_ms
        };
        longest_ms / 2 + self.next_random() % (longest_ms / 2 + 1)
    }
}

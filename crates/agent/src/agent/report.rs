//! Tells the hub what is new, once and not too often. A report decides nothing here: one that is lost is made anew.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thimble_image::Digest;
use thimble_protocol::Report;
use thimble_protocol::report::{DeploymentState, DeploymentStatus, Note};

use super::{Agent, Turn};
use crate::action::Action;
use crate::kept::Entry;

/// Sequences that one save makes room for.
const SEQUENCES_SAVED: u64 = 64;

/// Notes that wait for the hub; the oldest goes first.
const NOTES_MAX: usize = 8;

/// A note's text at most, in bytes.
const NOTE_BYTES_MAX: usize = 256;

/// Time between two notes of one cause at least.
const NOTE_EVERY_MS: u64 = 3_600_000;

/// Causes of which it is known when they were last noted.
const CAUSES_MAX: usize = 8;

/// An answer to a report is not waited for any longer.
const ANSWER_MS: u64 = 120_000;

/// A report that could not be sent although the hub answers is tried again.
const RETRY_MS: u64 = 60_000;

/// What is to be told.
#[derive(Clone, Debug)]
pub(super) struct Reporting {
    /// Something happened to a deployment or a version.
    pub(super) is_dirty: bool,
    /// Containers changed by themselves.
    pub(super) has_new_containers: bool,
    /// The hub asked for a report.
    pub(super) is_wanted: bool,
    pub(super) retry_at_ms: Option<u64>,
    wants_capabilities: bool,
    sequence: u64,
    in_flight: Option<InFlight>,
    sent_at_ms: Option<u64>,
    notes: Vec<Note>,
    /// Causes, and when they were last noted.
    noted: Vec<(u8, u64)>,
}

/// A report that is not answered yet.
#[derive(Clone, Debug)]
struct InFlight {
    sequence: u64,
    until_ms: u64,
    notes: Vec<Note>,
}

impl Reporting {
    pub(super) const fn new(sequence: u64, _began_ms: u64) -> Self {
        Self {
            is_dirty: false,
            has_new_containers: false,
            is_wanted: false,
            retry_at_ms: None,
            wants_capabilities: false,
            sequence,
            in_flight: None,
            sent_at_ms: None,
            notes: Vec::new(),
            noted: Vec::new(),
        }
    }
}

impl Agent {
    /// When a report is due, or given up.
    pub(super) fn report_deadline(&self) -> Option<u64> {
        let reporting = &self.reporting;
        if let Some(in_flight) = &reporting.in_flight {
            return Some(in_flight.until_ms);
        }
        if reporting.is_wanted {
            return Some(0);
        }
        let every_ms = if reporting.is_dirty || !reporting.notes.is_empty() {
            self.settings.report_every_ms
        } else if reporting.has_new_containers {
            self.settings.containers_every_ms
        } else {
            return None;
        };
        if self.contact.is_failing || self.kept.adopted.0 == 0 && reporting.notes.is_empty() {
            return None;
        }
        let next_ms = reporting.sent_at_ms.map_or(0, |sent_at_ms| {
            sent_at_ms.saturating_add(u64::from(every_ms))
        });
        Some(next_ms.max(reporting.retry_at_ms.unwrap_or(0)))
    }

    pub(super) fn report_if_due(&mut self, turn: &mut Turn<'_>) {
        if self
            .report_deadline()
            .is_none_or(|due_ms| turn.now.ms < due_ms)
        {
            return;
        }
        if self.reporting.in_flight.is_some() {
            // Whoever was to answer forgot it.
            self.report_failed(turn);
            return;
        }
        let sequence = self.reporting.sequence.saturating_add(1);
        self.reporting.sequence = sequence;
        if sequence > self.kept.sequence_end {
            self.kept.sequence_end = sequence.saturating_add(SEQUENCES_SAVED - 1);
            self.save(turn);
        }
        let notes = core::mem::take(&mut self.reporting.notes);
        for entry in &mut self.kept.entries {
            entry.condition.is_told =
                entry.condition.state == DeploymentState::Removed && entry.removed.is_some();
        }
        let deployments = self.kept.entries.iter().map(status_of).collect();
        let report = Report {
            sequence,
            adopted: self.kept.adopted,
            committed: self.kept.committed,
            now: turn.now.clock,
            up_s: u32::try_from(turn.now.ms / 1000).unwrap_or(u32::MAX),
            deployments: Some(deployments),
            notes: notes.clone(),
            ..Report::default()
        };
        let until_ms = turn.now.ms.saturating_add(ANSWER_MS);
        self.reporting.in_flight = Some(InFlight {
            sequence,
            until_ms,
            notes,
        });
        self.reporting.sent_at_ms = Some(turn.now.ms);
        self.reporting.is_dirty = false;
        self.reporting.has_new_containers = false;
        self.reporting.is_wanted = false;
        self.reporting.retry_at_ms = None;
        let wants_capabilities = self.reporting.wants_capabilities;
        turn.actions.push(Action::Report {
            report: Box::new(report),
            wants_capabilities,
        });
    }

    /// The hub has a report.
    pub(super) fn report_sent(&mut self, turn: &mut Turn<'_>, sequence: u64, send_all: bool) {
        let is_this = |in_flight: &mut InFlight| in_flight.sequence == sequence;
        if self.reporting.in_flight.take_if(is_this).is_none() {
            return;
        }
        self.reporting.wants_capabilities = send_all;
        self.reporting.is_dirty |= send_all;
        let mut is_changed = false;
        for entry in &mut self.kept.entries {
            if entry.condition.is_told && entry.wanted.is_none() {
                entry.removed = None;
                is_changed = true;
            }
        }
        if is_changed {
            self.save(turn);
        }
    }

    /// A report was not sent. Nothing but a later report comes of that.
    pub(super) fn report_failed(&mut self, turn: &Turn<'_>) {
        let Some(in_flight) = self.reporting.in_flight.take() else {
            return;
        };
        let mut notes = in_flight.notes;
        notes.append(&mut self.reporting.notes);
        let excess = notes.len().saturating_sub(NOTES_MAX);
        notes.drain(..excess);
        self.reporting.notes = notes;
        self.reporting.is_dirty = true;
        self.reporting.retry_at_ms = Some(turn.now.ms.saturating_add(RETRY_MS));
    }

    /// Has something told with the next report.
    pub(super) fn note(&mut self, turn: &Turn<'_>, code: &str, text: String) {
        if self.reporting.notes.len() >= NOTES_MAX {
            self.reporting.notes.remove(0);
        }
        let mut text = text;
        while text.len() > NOTE_BYTES_MAX {
            text.pop();
        }
        self.reporting.notes.push(Note {
            at: turn.now.clock,
            code: code.to_string(),
            text,
        });
    }

    /// Notes a cause at most once an hour.
    pub(super) fn note_cause(&mut self, turn: &Turn<'_>, code: &str, cause: u8, text: String) {
        let noted = &mut self.reporting.noted;
        noted.retain(|(_, at_ms)| turn.now.ms.saturating_sub(*at_ms) < NOTE_EVERY_MS);
        if noted.iter().any(|(other, _)| *other == cause) || noted.len() >= CAUSES_MAX {
            return;
        }
        noted.push((cause, turn.now.ms));
        self.note(turn, code, text);
    }
}

/// How a deployment is, in the protocol's words.
pub(super) fn status_of(entry: &Entry) -> DeploymentStatus {
    let running = entry.running.as_ref().map(|version| version.manifest);
    let tried = entry
        .trial
        .as_ref()
        .and_then(|trial| trial.target.as_ref())
        .map(|version| version.manifest);
    let wanted = entry.wanted.as_ref().map(|wanted| wanted.manifest);
    let about = tried.or(wanted).or(running).or(entry.removed);
    let manifest = about.unwrap_or(Digest::from_bytes([0; 32]));
    DeploymentStatus {
        deployment: entry.deployment,
        manifest,
        running: running.filter(|running| *running != manifest),
        state: entry.condition.state,
        phase: entry.condition.phase,
        reason: entry.condition.reason.clone(),
        containers: entry.condition.containers.clone(),
    }
}

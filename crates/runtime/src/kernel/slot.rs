//! What the kernel knows of one container.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use crate::config::ContainerConfig;
use crate::engine::{Budget, Interrupt, Yield};
use crate::host::Question;
use crate::record::{End, ExitRecord};
use crate::time::nanos;

use super::Body;

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// It has not been started.
    Created,
    /// It runs, or waits for something.
    Running,
    /// It is kept from running.
    Paused,
    /// It ended by itself with exit code 0, or was stopped.
    Exited,
    /// It ended otherwise.
    Failed,
}

impl State {
    /// The word that users read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Exited => "exited",
            Self::Failed => "failed",
        }
    }
}

/// What a run has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time.
    pub cpu: Duration,
    /// Linear memory now, in bytes.
    pub memory_bytes: u64,
    /// The most linear memory it had, in bytes.
    pub memory_bytes_max: u64,
    /// Slices it ran.
    pub slices: u64,
}

/// One container.
pub(super) struct Slot {
    pub(super) config: Arc<ContainerConfig>,
    /// Where its guest is: here, or on loan to a worker while it is live.
    pub(super) body: Option<Box<Body>>,
    /// Interrupts its guest; there while it is live.
    pub(super) interrupt: Option<Arc<dyn Interrupt>>,
    pub(super) hears_stop: bool,
    /// Whether it wants to be asked before it is replaced, as of its last slice.
    pub(super) wants_update_question: bool,
    pub(super) virtual_time: u64,
    pub(super) waiting: bool,
    pub(super) waiting_until: Option<crate::time::Instant>,
    /// Something happened since its slice began.
    pub(super) woken: bool,
    pub(super) paused: bool,
    /// It has ended, and what it held is not given back yet.
    pub(super) releasing: bool,
    /// By when it has to end; few have to.
    ending: Option<Box<Ending>>,
    /// How it is to end after the slice that is running.
    pub(super) doom: Option<Box<End>>,
    pub(super) record: Option<Box<ExitRecord>>,
    usage: Usage,
    /// Fuel that lasts about a microsecond, learned from its slices; 0 until then.
    fuel_per_microsecond: u64,
    started_nanos: u64,
}

/// By when a container has to end.
#[derive(Default)]
pub(super) struct Ending {
    /// When its time is over.
    pub(super) timeout_at: Option<crate::time::Instant>,
    /// When the grace of a stop is over.
    pub(super) kill_at: Option<crate::time::Instant>,
    /// The grace of a stop it has been asked for.
    pub(super) stop: Option<Duration>,
    /// Whether it may be replaced: asked while it was running, and to be told with its next slice.
    pub(super) question: Option<Question>,
}

/// Fuel of slices before anything is known of the processor: some milliseconds of a slow one. And no more than an
/// interpreter burns in a microsecond.
const FUEL_FIRST: u64 = 20_000;
const FUEL_PER_MICROSECOND: u64 = 200;

impl Slot {
    pub(super) fn new(config: Arc<ContainerConfig>) -> Self {
        Self {
            config,
            body: None,
            interrupt: None,
            hears_stop: false,
            wants_update_question: false,
            virtual_time: 0,
            waiting: false,
            waiting_until: None,
            woken: false,
            paused: false,
            releasing: false,
            ending: None,
            doom: None,
            record: None,
            usage: Usage::default(),
            fuel_per_microsecond: 0,
            started_nanos: 0,
        }
    }

    pub(super) fn start(&mut self, mut body: Box<Body>, realtime_nanos: u64, virtual_time: u64) {
        // It was made for the configuration of a moment ago.
        body.reconfigure(&self.config);
        *self = Self {
            interrupt: Some(body.guest.interrupter()),
            hears_stop: body.host.hears_stop(),
            body: Some(body),
            virtual_time,
            started_nanos: realtime_nanos,
            ..Self::new(self.config.clone())
        };
    }

    pub(super) const fn is_live(&self) -> bool {
        self.interrupt.is_some()
    }

    pub(super) const fn is_leased(&self) -> bool {
        self.is_live() && self.body.is_none()
    }

    pub(super) fn state(&self) -> State {
        match (&self.record, self.is_live()) {
            (_, true) if self.paused => State::Paused,
            (_, true) => State::Running,
            (None, false) => State::Created,
            (Some(record), false) => match record.end {
                End::Exited(0) | End::Stopped => State::Exited,
                _ => State::Failed,
            },
        }
    }

    /// By when it has to end.
    pub(super) fn ending(&mut self) -> &mut Ending {
        self.ending.get_or_insert_default()
    }

    /// Forgets by when it had to end.
    pub(super) fn take_ending(&mut self) -> Ending {
        self.ending.take().map(|ending| *ending).unwrap_or_default()
    }

    pub(super) const fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes the body out for a slice, with the fuel that should last for it.
    pub(super) fn lease(&mut self, time: Duration) -> Option<(Box<Body>, u64)> {
        let mut body = self.body.take()?;
        self.woken = false;
        let stop = self.ending.as_mut().and_then(|ending| ending.stop.as_mut());
        if let Some(grace) = stop.filter(|grace| !grace.is_zero()) {
            // Told once; a zero grace marks that it was.
            body.host.request_stop(*grace);
            *grace = Duration::ZERO;
        }
        let question = self
            .ending
            .as_mut()
            .and_then(|ending| ending.question.take());
        if let Some(question) = question {
            body.host.ask_update(question);
        }
        body.host.set_cpu_used(self.usage.cpu);
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        let fuel = match self.fuel_per_microsecond {
            0 => FUEL_FIRST.min(micros.saturating_mul(FUEL_PER_MICROSECOND)),
            per_microsecond => micros.saturating_mul(per_microsecond),
        };
        Some((body, fuel))
    }

    /// Books a slice.
    pub(super) fn account(&mut self, body: &Body, ran: Duration, budget: Budget, yielded: &Yield) {
        let nanos = nanos(ran).max(1);
        let share = u64::from(self.config.cpu_share.thousandths());
        self.virtual_time = self
            .virtual_time
            .saturating_add((nanos.saturating_mul(1000) / share).max(1));
        self.usage.cpu += ran;
        self.usage.slices += 1;
        self.usage.memory_bytes = body.guest.memory_bytes();
        self.usage.memory_bytes_max = self.usage.memory_bytes_max.max(self.usage.memory_bytes);
        let known = self.fuel_per_microsecond;
        if matches!(yielded, Yield::Preempted) && (nanos > 10_000 || known == 0) {
            let measured = (budget.fuel.saturating_mul(1000) / nanos).max(1);
            self.fuel_per_microsecond = match known {
                0 => measured.min(FUEL_PER_MICROSECOND),
                // The next slice would be too long as well.
                known if measured < known => known.midpoint(measured),
                // A slice that was cut short burnt less than its budget, so one measurement counts for little.
                known => (known * 3 + measured.min(known * 2)).div_ceil(4),
            };
        }
    }

    pub(super) fn end(&mut self, body: &Body, end: End, realtime_nanos: u64) {
        self.interrupt = None;
        self.paused = false;
        self.waiting = false;
        self.record = Some(Box::new(ExitRecord {
            end,
            started_nanos: self.started_nanos,
            ended_nanos: realtime_nanos,
            cpu: self.usage.cpu,
            memory_bytes_max: self.usage.memory_bytes_max,
            memory_refused: body.host.memory_refused(),
            last_output: body.host.last_output(),
        }));
        self.usage.memory_bytes = 0;
    }
}

/// Why something could not be done to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// There is none of this id.
    Unknown,
    /// It is in a state in which this cannot be done.
    Wrong {
        /// The state.
        state: State,
    },
}

impl fmt::Display for StateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("there is no such container"),
            Self::Wrong { state } => write!(formatter, "the container is {}", state.name()),
        }
    }
}

impl core::error::Error for StateError {}

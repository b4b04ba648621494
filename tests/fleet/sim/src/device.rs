//! A device: what its flash, its containers and its connection are in truth, whatever anybody believes.

mod act;
mod containers;

use std::collections::VecDeque;

use thimble_agent::{Agent, Consent, Now, Ticket};
use thimble_image::Digest;
use thimble_protocol::report::Phase;
use thimble_protocol::session::{Exchange, Session, Settings};
use thimble_protocol::state::{Rung, UpdatePolicy};
use thimble_protocol::{Report, UnixSeconds};

use crate::hub::{BASE_MS, device_id};
use crate::random::Random;

pub(crate) use act::{Around, Coming};
pub(crate) use containers::Installed;

/// An answer that the agent waits for.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Loaded(Ticket, Digest),
    Done(Ticket),
    Failed(Ticket, thimble_agent::Failure),
    Measured(Ticket, Vec<thimble_protocol::manifest::Blob>),
    Answered(Ticket, usize, Consent),
    Applied(Ticket, usize),
    Observed(usize),
    Report(Box<Report>),
    Tick,
}

/// How a device and the world between it and the hub behave.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    /// Requests and answers that are lost, of a thousand.
    pub(crate) loss: u64,
    /// Requests that arrive twice, of a thousand.
    pub(crate) twice: u64,
    /// Times that the power goes while something is kept, of a thousand.
    pub(crate) cuts: u64,
    /// Stops, starts and removals that fail, of a thousand.
    pub(crate) failing: u64,
    /// Starts that take minutes, of a thousand.
    pub(crate) slow: u64,
    /// Times that storage is short and what may go goes, of a thousand.
    pub(crate) collecting: u64,
    pub(crate) latency_ms: u64,
    /// The clock is kept while the power is off.
    pub(crate) has_battery: bool,
    /// Questions are never answered.
    pub(crate) is_silent: bool,
}

impl Habits {
    /// Nothing fails.
    pub(crate) const GOOD: Self = Self {
        loss: 0,
        twice: 0,
        cuts: 0,
        failing: 0,
        slow: 0,
        collecting: 0,
        latency_ms: 50,
        has_battery: true,
        is_silent: false,
    };
}

/// A device.
pub(crate) struct Device {
    pub(crate) index: u32,
    pub(crate) agent: Agent,
    pub(crate) session: Session,
    session_settings: Settings,
    pub(crate) random: Random,
    pub(crate) habits: Habits,

    // What outlives a power cut.
    pub(crate) saved: Option<Vec<u8>>,
    pub(crate) stored: Vec<Digest>,
    pub(crate) kept: Vec<Digest>,
    pub(crate) installed: Vec<Installed>,
    pub(crate) is_held_here: bool,

    // What does not.
    pub(crate) is_on: bool,
    /// Rises with every start.
    pub(crate) boot: u32,
    started_ms: u64,
    pub(crate) is_clock_known: bool,
    pub(crate) flights: Vec<Flight>,
    flight: u32,
    pub(crate) answers: VecDeque<Answer>,
    pub(crate) wake_ms: u64,
    /// The question that nobody answers.
    pub(crate) asked: Option<usize>,
    is_restart_due: bool,

    /// The last answer was that it has what it is to have.
    pub(crate) is_unchanged: bool,
    /// It sleeps through polls that change nothing.
    pub(crate) is_asleep: bool,

    // The world around it.
    pub(crate) is_linked: bool,
    /// Nothing links it before.
    pub(crate) away_until_ms: u64,
    /// The connection on which its poll waits is forgotten.
    pub(crate) is_rebound: bool,
    pub(crate) veto_until_ms: u64,
    pub(crate) fetched_wrong: Vec<Digest>,
    pub(crate) cut_at: Option<Phase>,
    /// The next answer to a poll is the first state that it ever got.
    pub(crate) is_replayed: bool,

    // What judges remember.
    pub(crate) truth: Truth,
}

/// An exchange that is under way.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) number: u32,
    pub(crate) exchange: Exchange,
    /// When it is over, or at least known to go on.
    pub(crate) lands_ms: u64,
}

/// What is true of a device, for those who judge it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    pub(crate) adopted: u64,
    pub(crate) committed: u64,
    pub(crate) sequence: u64,
    /// It stopped or started something and is not through.
    pub(crate) is_changing: bool,
    pub(crate) was_saved: bool,
    /// Deployments that were stopped and not started since.
    pub(crate) stopped: Vec<usize>,
    /// Deployments whose app said no last.
    pub(crate) refused: Vec<usize>,
    pub(crate) verified: Vec<Digest>,
    /// What was kept last of each deployment, and before that.
    pub(crate) good: Vec<(usize, [Option<Digest>; 2])>,
    /// What the state says that was taken last, and the one that came last.
    pub(crate) declared: Declared,
    pub(crate) next: Option<Declared>,
    /// As far as the hub could know it was down when it was given what it is to have.
    pub(crate) was_down: bool,
    /// It counts among those of its line that change.
    pub(crate) is_counted: bool,
    /// When the hub last answered.
    pub(crate) heard_ms: u64,
    /// The hub forgot what it told this device.
    pub(crate) is_forgotten: bool,
    pub(crate) cuts: u32,
}

/// What a state says of when something may change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    pub(crate) version: u64,
    pub(crate) policy: UpdatePolicy,
    pub(crate) ladder: Vec<Rung>,
    pub(crate) overridden: Vec<usize>,
}

impl Device {
    pub(crate) fn new(
        index: u32,
        seed: u64,
        habits: Habits,
        settings: Settings,
        at_ms: u64,
    ) -> Self {
        let mut random = Random::of(seed, 0x0d_e7 + u64::from(index));
        let now = Now {
            ms: 1_000,
            clock: Some(UnixSeconds((BASE_MS + at_ms) / 1000)),
        };
        let id = device_id(index);
        let agent = Agent::new(
            thimble_agent::Settings::new(id, random.below(u64::MAX)),
            now,
        );
        let session = Session::new(settings.clone(), random.below(u64::MAX), now.ms, None);
        Self {
            index,
            agent,
            session,
            session_settings: settings,
            random,
            habits,
            saved: None,
            stored: Vec::new(),
            kept: Vec::new(),
            installed: Vec::new(),
            is_held_here: false,
            is_on: true,
            boot: 0,
            started_ms: at_ms,
            is_clock_known: true,
            flights: Vec::new(),
            flight: 0,
            answers: VecDeque::from([Answer::Tick]),
            wake_ms: u64::MAX,
            asked: None,
            is_restart_due: false,
            is_unchanged: false,
            is_asleep: false,
            is_linked: true,
            away_until_ms: 0,
            is_rebound: false,
            veto_until_ms: 0,
            fetched_wrong: Vec::new(),
            cut_at: None,
            is_replayed: false,
            truth: Truth {
                heard_ms: at_ms,
                ..Truth::default()
            },
        }
    }

    /// Its time.
    pub(crate) fn now(&self, at_ms: u64) -> Now {
        Now {
            ms: at_ms.saturating_sub(self.started_ms) + 1_000,
            clock: self
                .is_clock_known
                .then_some(UnixSeconds((BASE_MS + at_ms) / 1000)),
        }
    }

    /// Milliseconds between two polls that change nothing, and those that one waits at the hub.
    pub(crate) fn pause_ms(&self) -> (u64, u64) {
        let Settings { poll_s, wait_s, .. } = &self.session_settings;
        (u64::from(*poll_s) * 1000, u64::from(*wait_s) * 1000)
    }

    /// When one of its times is, for everybody.
    pub(crate) const fn at(&self, own_ms: u64) -> u64 {
        own_ms.saturating_sub(1_000).saturating_add(self.started_ms)
    }

    /// An exchange is under way, and not over before then.
    pub(crate) fn take_off(&mut self, exchange: Exchange, lands_ms: u64) -> u32 {
        self.flight += 1;
        self.flights.push(Flight {
            number: self.flight,
            exchange,
            lands_ms,
        });
        self.flight
    }

    pub(crate) fn landed(&mut self, flight: u32) -> Option<Exchange> {
        let mut flights = self.flights.iter();
        let place = flights.position(|one| one.number == flight)?;
        Some(self.flights.swap_remove(place).exchange)
    }

    /// The power goes.
    pub(crate) fn cut(&mut self) {
        self.is_on = false;
        (self.is_unchanged, self.is_asleep, self.is_rebound) = (false, false, false);
        self.boot += 1;
        self.flights.clear();
        self.answers.clear();
        self.asked = None;
        self.is_restart_due = false;
        self.truth.cuts += 1;
        self.is_clock_known &= self.habits.has_battery;
    }

    /// The power comes back: the agent goes on from what was saved.
    pub(crate) fn start(&mut self, at_ms: u64) -> Result<(), String> {
        self.is_on = true;
        self.boot += 1;
        self.started_ms = at_ms;
        let now = self.now(at_ms);
        let seed = self.random.below(u64::MAX);
        let settings = thimble_agent::Settings::new(device_id(self.index), seed);
        self.agent = match &self.saved {
            Some(saved) => Agent::restore(settings, saved, now)
                .map_err(|error| format!("what was saved cannot be gone on from: {error}"))?,
            None => Agent::new(settings, now),
        };
        self.is_held_here = self.agent.status(now).is_held_here;
        let seed = self.random.below(u64::MAX);
        self.session = Session::new(
            self.session_settings.clone(),
            seed,
            now.ms,
            self.agent.tag(),
        );
        self.truth.was_saved = true;
        self.answers.push_back(Answer::Tick);
        Ok(())
    }

    /// Whether something asked for a restart; asks once.
    pub(crate) const fn takes_restart(&mut self) -> bool {
        std::mem::replace(&mut self.is_restart_due, false)
    }

    pub(crate) fn is_stored(&self, digest: &Digest) -> bool {
        self.stored.contains(digest)
    }
}

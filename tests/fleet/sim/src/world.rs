//! The world: devices, the hub, what is between them, and time.
//!
//! One queue of events; each is taken by itself, so that a seed says everything. Devices are judged at each action, rollouts
//! whenever a plan is kept, the fleet at the end.

mod carry;
mod end;
mod groups;
mod network;
mod order;
mod rollouts;
mod sleep;

use std::sync::Arc;

use anyhow::Result;
use thimble_agent::{Action, Event as AgentEvent};
use thimble_image::Digest;
use thimble_protocol::ETag;
use thimble_protocol::session::{Exchange, Step};
use thimble_rollout::policy::Budget;

use crate::apps::Apps;
use crate::device::{Answer, Around, Coming, Device};
use crate::hub::{Facts, Hub, Made, Reply};
use crate::queue::Queue;
use crate::random::Random;
use crate::signature::{Key, Signatures};
use crate::tally::{Trouble, Troubles};
use crate::trace::Trace;

use groups::Groups;
pub(crate) use order::Order;

/// Wakes of one device within a second that are too many.
const WAKES_MAX: u32 = 500;

/// What breaks a rule on purpose, so that it is known that the judges see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sabotage {
    /// Nothing.
    #[default]
    None,
    /// Executors keep plans though another has taken the lease, and though the rollout changed since.
    Fence,
    /// The hub takes every change that it told a device of for one that succeeded.
    Hasty,
    /// Devices go on though what is to be kept is not kept.
    LostSave,
}

/// What one device was sent: tags of states, and their envelopes.
type Sent = Vec<(ETag, Vec<u8>)>;

/// Something that happens.
enum Event {
    Wake(u32),
    Coming(u32, u32, Coming),
    Response(u32, u32, u32, Fate),
    /// A request arrives once more, and nobody waits for the answer.
    Again(u32, Box<Exchange>),
    Unpark(u32, u32),
    PowerOn(u32),
    Step(u8),
    Commit(u8, Box<Made>, Vec<usize>, u32),
    Order(Box<Order>),
}

/// What comes of a request.
enum Fate {
    /// The hub's answer, and which life of the hub gave it.
    Reply(Reply, u32),
    Failed(thimble_protocol::session::Failure),
}

/// One that carries rollouts out.
#[derive(Clone, Copy, Debug, Default)]
struct Executor {
    stall_ms: u64,
}

/// A rule that was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// When, in milliseconds since the beginning.
    pub at_ms: u64,
    /// On which device, if on one.
    pub device: Option<u32>,
    /// Which.
    pub what: String,
}

/// What happened, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that were taken.
    pub events: u64,
    /// Polls, reports.
    pub exchanges: u64,
    /// Changes of what runs that devices began.
    pub changes: u64,
    /// Plans that were made.
    pub looks: u64,
    /// Plans that did something.
    pub plans: u64,
    /// Devices that are not as declared in the end, each for a reason that the planner gives.
    pub excused: u64,
}

/// The world.
pub(crate) struct World {
    pub(crate) now_ms: u64,
    queue: Queue<Event>,
    pub(crate) devices: Vec<Device>,
    pub(crate) hub: Hub,
    pub(crate) apps: Apps,
    pub(crate) key: Key,
    trust: thimble_agent::Signatures<Signatures>,
    random: Random,
    executors: [Executor; 2],
    /// Milliseconds between two looks of an executor, and those that keeping takes at most.
    pub(crate) pace_ms: u64,
    /// When a device was last given something else.
    given_ms: u64,
    /// When an executor last looked at rollouts.
    looked_ms: u64,
    /// The budgets that all rollouts have, of lines and sites.
    pub(crate) budgets: Vec<Budget>,
    /// How many devices of each line and site are changing in truth.
    groups: Groups,
    /// Once nothing fails any more, devices may sleep through polls that change nothing.
    pub(crate) may_sleep: bool,
    is_calm: bool,
    pub(crate) sabotage: Sabotage,
    pub(crate) trace: Trace,
    pub(crate) violations: Vec<Violation>,
    pub(crate) counts: Counts,
    pub(crate) troubles: Troubles,
    /// Who spins: device, second, wakes within it.
    spin: (u32, u64, u32),
    /// Envelopes that were sent, for those who send them again.
    pub(crate) sent: Option<Vec<Sent>>,
    actions: Vec<Action>,
    coming: Vec<(u64, Coming)>,
}

impl World {
    pub(crate) fn new(
        seed: u64,
        facts: Vec<Facts>,
        signatures: Signatures,
        device: impl Fn(u32) -> Device,
    ) -> Result<Self> {
        let key = Key::new(signatures)?;
        let keyring = key.keyring()?;
        let count = u32::try_from(facts.len())?;
        let groups = Groups::new(&facts);
        let mut queue = Queue::new();
        for device in 0..count {
            queue.put(0, Event::Coming(device, 0, Coming::Answer(Answer::Tick)));
        }
        queue.put(0, Event::Step(0));
        queue.put(700, Event::Step(1));
        Ok(Self {
            now_ms: 0,
            queue,
            devices: (0..count).map(device).collect(),
            hub: Hub::new(facts),
            apps: Apps::default(),
            key,
            trust: thimble_agent::Signatures {
                keyring,
                verify: signatures,
            },
            random: Random::of(seed, 0x0077_0721),
            executors: [Executor::default(); 2],
            pace_ms: 2_000,
            looked_ms: 0,
            given_ms: 0,
            budgets: Vec::new(),
            groups,
            may_sleep: false,
            is_calm: false,
            sabotage: Sabotage::None,
            trace: Trace::default(),
            violations: Vec::new(),
            counts: Counts::default(),
            troubles: Troubles::default(),
            spin: (0, 0, 0),
            sent: None,
            actions: Vec::new(),
            coming: Vec::new(),
        })
    }

    /// Orders something for later.
    pub(crate) fn order_at(&mut self, at_ms: u64, order: Order) {
        self.queue.put(at_ms, Event::Order(Box::new(order)));
    }

    /// Lets everything happen until then, or until a rule is broken.
    pub(crate) fn run_until(&mut self, until_ms: u64) {
        while self.violations.is_empty() {
            let Some((at_ms, event)) = self.queue.take(until_ms) else {
                break;
            };
            self.now_ms = self.now_ms.max(at_ms);
            self.counts.events += 1;
            self.take(event);
        }
        if self.violations.is_empty() {
            self.now_ms = self.now_ms.max(until_ms);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Wake(device) => self.wake(device),
            Event::Coming(device, boot, coming) => self.come(device, boot, coming),
            Event::Response(device, boot, flight, fate) => {
                if self.devices[device as usize].boot == boot {
                    self.respond(device, flight, fate);
                    self.settle(device);
                }
            }
            Event::Again(device, exchange) => {
                if self.hub.is_up {
                    let _ = self
                        .hub
                        .take(&self.apps, &self.key, device, &exchange, self.now_ms);
                }
            }
            Event::Unpark(device, flight) => self.unpark(device, Some(flight)),
            Event::PowerOn(device) => self.power_on(device),
            Event::Step(executor) => self.step(executor),
            Event::Commit(executor, made, rest, life) => self.commit(executor, &made, rest, life),
            Event::Order(order) => self.obey(*order),
        }
    }

    pub(crate) fn violate(&mut self, device: Option<u32>, what: String) {
        self.trace
            .line(self.now_ms, device, || format!("BROKEN: {what}"));
        self.violations.push(Violation {
            at_ms: self.now_ms,
            device,
            what,
        });
    }

    fn wake(&mut self, device: u32) {
        let now_ms = self.now_ms;
        let one = &mut self.devices[device as usize];
        if one.wake_ms != now_ms || !one.is_on {
            return;
        }
        one.wake_ms = u64::MAX;
        let second = now_ms / 1000;
        let (spinner, last, wakes) = &mut self.spin;
        if (*spinner, *last) == (device, second) {
            *wakes += 1;
        } else {
            self.spin = (device, second, 0);
        }
        if self.spin.2 > WAKES_MAX {
            self.violate(
                Some(device),
                "the agent wants to be woken without end".into(),
            );
            return;
        }
        let one = &mut self.devices[device as usize];
        let now = one.now(now_ms);
        if one
            .agent
            .deadline()
            .is_some_and(|deadline| deadline <= now.ms)
        {
            self.tell(device, AgentEvent::Tick);
        }
        self.settle(device);
    }

    fn come(&mut self, device: u32, boot: u32, coming: Coming) {
        if self.devices[device as usize].boot != boot || !self.devices[device as usize].is_on {
            return;
        }
        match coming {
            Coming::Answer(answer) => self.devices[device as usize].answers.push_back(answer),
            Coming::Container { deployment, life } => {
                let mut later = Vec::new();
                let one = &mut self.devices[device as usize];
                let around = Around {
                    apps: &self.apps,
                    hardware: &self.hub.facts[device as usize].hardware,
                    is_reached: one.is_linked && self.hub.is_up,
                    now_ms: self.now_ms,
                    troubles: &self.troubles,
                };
                if one.fare(deployment, life, &around, &mut later) {
                    one.answers.push_back(Answer::Observed(deployment));
                }
                self.put(device, later);
            }
        }
        self.settle(device);
    }

    fn put(&mut self, device: u32, coming: impl IntoIterator<Item = (u64, Coming)>) {
        let boot = self.devices[device as usize].boot;
        for (after_ms, coming) in coming {
            self.queue
                .put(self.now_ms + after_ms, Event::Coming(device, boot, coming));
        }
    }

    fn power_on(&mut self, device: u32) {
        if self.devices[device as usize].is_on {
            return;
        }
        self.trace
            .line(self.now_ms, Some(device), || "power on".into());
        if let Err(why) = self.devices[device as usize].start(self.now_ms) {
            self.violate(Some(device), why);
            return;
        }
        let mut later = Vec::new();
        self.devices[device as usize].start_containers(&mut later);
        self.put(device, later);
        self.settle(device);
    }

    /// The power goes, and comes back later.
    pub(crate) fn cut(&mut self, device: u32, off_ms: u64) {
        if !self.devices[device as usize].is_on {
            return;
        }
        self.trace
            .line(self.now_ms, Some(device), || "power off".into());
        self.troubles.note(Trouble::PowerCut);
        let one = &mut self.devices[device as usize];
        if one.is_clock_known && !one.habits.has_battery {
            self.troubles.note(Trouble::ClockReset);
        }
        one.cut();
        self.hub.parked[device as usize] = None;
        self.queue.put(self.now_ms + off_ms, Event::PowerOn(device));
    }

    /// Gives the agent every answer that is there, and does what the session and the agent want next.
    pub(crate) fn settle(&mut self, device: u32) {
        while self.devices[device as usize].is_on {
            let Some(answer) = self.devices[device as usize].answers.pop_front() else {
                break;
            };
            self.give(device, answer);
        }
        if self.devices[device as usize].is_on {
            self.drive(device);
        }
    }

    fn give(&mut self, device: u32, answer: Answer) {
        let one = &mut self.devices[device as usize];
        match answer {
            Answer::Tick => self.tell(device, AgentEvent::Tick),
            Answer::Loaded(ticket, digest) => {
                let envelope = self.envelope(device, digest);
                let envelope = envelope.as_deref();
                self.tell(device, AgentEvent::Loaded { ticket, envelope });
            }
            Answer::Done(ticket) => self.tell(device, AgentEvent::Done { ticket }),
            Answer::Failed(ticket, failure) => {
                self.tell(device, AgentEvent::Failed { ticket, failure });
            }
            Answer::Measured(ticket, blobs) => {
                let capacity = &one.capacity(&blobs);
                self.tell(device, AgentEvent::Measured { ticket, capacity });
            }
            Answer::Answered(ticket, deployment, consent) => {
                if one.asked.take_if(|asked| *asked == deployment).is_some() {
                    one.truth.refused.retain(|refused| *refused != deployment);
                    if matches!(consent, thimble_agent::Consent::No(_)) {
                        one.truth.refused.push(deployment);
                        self.troubles.note(Trouble::Veto);
                    }
                }
                self.tell(device, AgentEvent::Answered { ticket, consent });
            }
            Answer::Applied(ticket, deployment) => {
                let boot = one.boot;
                self.tell(device, AgentEvent::Done { ticket });
                if self.devices[device as usize].boot == boot {
                    self.observe(device, deployment);
                }
            }
            Answer::Observed(deployment) => self.observe(device, deployment),
            Answer::Report(report) => {
                let now = one.now(self.now_ms);
                one.session.report(now.ms, &report);
            }
        }
    }

    fn observe(&mut self, device: u32, deployment: usize) {
        let containers = self.devices[device as usize].containers(deployment);
        let event = AgentEvent::AppStatus {
            deployment: crate::apps::deployment_id(deployment),
            containers: &containers,
        };
        self.tell(device, event);
    }

    fn envelope(&self, device: u32, digest: Digest) -> Option<Arc<[u8]>> {
        let is_here = self.devices[device as usize].is_stored(&digest);
        is_here.then(|| {
            self.apps
                .found(digest)
                .map(|version| Arc::clone(&version.envelope))
        })?
    }

    /// Sends what the session wants to send, and sleeps until something is due.
    fn drive(&mut self, device: u32) {
        self.rouse(device);
        let session_ms = loop {
            let one = &mut self.devices[device as usize];
            match one.session.next(one.now(self.now_ms).ms) {
                Step::Send(exchange) => self.send(device, exchange),
                Step::Wait { until_ms } => break Some(until_ms),
                Step::Busy => break None,
            }
        };
        self.sleep(device, session_ms);
    }
}

impl Counts {
    /// Adds what happened in another life.
    pub const fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.exchanges += other.exchanges;
        self.changes += other.changes;
        self.looks += other.looks;
        self.plans += other.plans;
        self.excused += other.excused;
    }
}

//! An agent whose hub, driver, apps and power do whatever the input says.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use thimble_agent::{
    Action, Agent, Capacity, Consent, Event, Failure, Now, OpenedState, Refusal, RefusalCause,
    Settings, Ticket, Trust,
};
use thimble_image::Digest;
use thimble_protocol::manifest::{Container, Image, Limits, UpdateRules};
use thimble_protocol::report::{ContainerStatus, ReasonCode};
use thimble_protocol::state::{Escalation, Rung, SigningKey, UpdatePolicy, Window};
use thimble_protocol::{
    DeploymentId, DesiredState, DeviceId, ETag, Item, Manifest, StateVersion, UnixSeconds,
};

use crate::finding::{Violation, ensure};
use crate::shapes::Shapes;

use super::{Target, TargetSpec};

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "agent_events",
    summary: "a device's agent: never panics or wakes without end, takes no older state, always goes on from what it saved",
    bytes_max: 1024,
    patience: Duration::from_secs(5),
    tokens: &[
        b"\x00\x0f\x00\x00\x00",
        b"\x00\x03\x01\x40\x00",
        b"\x05\x05\x05\x05\x05\x05\x05\x05",
        b"\x06\x00",
        b"\x02\x08",
        b"\x0a",
        b"\x01\x01\x01",
    ],
    make: || Box::new(Events),
};

const DEVICE: DeviceId = DeviceId([1; 16]);

/// Ticks at one time, after which an agent is thought to want them without end.
const TICKS_MAX: u32 = 200;

/// Every manifest that there is, by its digest.
static MANIFESTS: LazyLock<BTreeMap<Digest, [u8; 2]>> = LazyLock::new(|| {
    let all = (0..=255_u8).flat_map(|variant| (0..4_u8).map(move |number| [number, variant]));
    all.map(|envelope| (Digest::of(&envelope), envelope))
        .collect()
});

struct Events;

impl Target for Events {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        let Some((kind, script)) = input.split_first() else {
            return Ok(());
        };
        let now = Now { ms: 1, clock: None };
        let settings = Settings::new(DEVICE, u64::from(*kind));
        if *kind == 0xff {
            // What was saved is whatever the input says.
            return match Agent::restore(settings, script, now) {
                Ok(agent) => {
                    Life::new(agent, now).run(&[1, 5, 1, 5, 3, 5, 2, 9, 5, 10, 1, 5], shapes)
                }
                Err(_) => Ok(()),
            };
        }
        Life::new(Agent::new(settings, now), now).run(script, shapes)
    }
}

/// An agent, and what it waits for.
struct Life {
    agent: Agent,
    now: Now,
    saved: Option<Vec<u8>>,
    open: Vec<Action>,
    version: u8,
    adopted: u64,
}

impl Life {
    fn new(agent: Agent, now: Now) -> Self {
        let adopted = agent.status(now).adopted.0;
        Self {
            agent,
            now,
            saved: None,
            open: Vec::new(),
            version: 0,
            adopted,
        }
    }

    fn run(mut self, script: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        let mut bytes = script.iter().copied();
        while let Some(word) = bytes.next() {
            let mut next = || bytes.next().unwrap_or(0);
            match word % 14 {
                0 => {
                    self.version = self.version.saturating_add(1);
                    let envelope = [self.version, next(), next(), next()];
                    self.give(
                        Event::StateReceived {
                            envelope: &envelope,
                            delay_apply_s: u32::from(next()),
                        },
                        shapes,
                    )?;
                }
                1 => self.wait(u64::MAX, shapes)?,
                2 => {
                    let seconds = u64::from(next());
                    self.wait(seconds * seconds * 1000, shapes)?;
                }
                3 => self.give(Event::HubAnswered, shapes)?,
                4 => self.give(Event::HubFailed, shapes)?,
                5 => self.answer(None, shapes)?,
                6 => self.answer(Some(next()), shapes)?,
                7 => self.give(
                    Event::Done {
                        ticket: Ticket(u32::from(next())),
                    },
                    shapes,
                )?,
                8 => {
                    let (number, restarts) = (next(), next());
                    let containers = statuses(restarts);
                    self.give(
                        Event::AppStatus {
                            deployment: id(number % 4),
                            containers: &containers,
                        },
                        shapes,
                    )?;
                }
                9 => self.give(
                    Event::LocalHold {
                        is_held: next() % 2 == 0,
                    },
                    shapes,
                )?,
                10 => self.cut(next(), shapes)?,
                11 => {
                    self.give(Event::ReportWanted, shapes)?;
                    self.give(Event::ReportFailed, shapes)?;
                }
                12 => {
                    let envelope = [next(), next(), next(), next()];
                    self.give(
                        Event::BundleImported {
                            envelope: &envelope,
                        },
                        shapes,
                    )?;
                }
                _ => self.now.clock = Some(UnixSeconds(u64::from(next()) * 10_000_000_000)),
            }
        }
        Ok(())
    }

    fn give(&mut self, event: Event<'_>, shapes: &mut Shapes) -> Result<(), Violation> {
        let mut actions = Vec::new();
        self.agent.handle(self.now, event, &Anything, &mut actions);
        for action in actions {
            shapes.note((1, std::mem::discriminant(&action)));
            match action {
                Action::Save(saved) => {
                    let restored = Agent::restore(Settings::new(DEVICE, 0), &saved, self.now);
                    ensure(
                        restored.is_ok(),
                        "an agent goes on from what it saved",
                        || format!("{saved:02x?}"),
                    )?;
                    self.saved = Some(saved);
                }
                other => self.open.push(other),
            }
        }
        let status = self.agent.status(self.now);
        shapes.note((2, status.phase, status.deployments.len()));
        for (_, deployment) in &status.deployments {
            shapes.note((3, deployment.state, deployment.phase));
        }
        ensure(
            status.adopted.0 >= self.adopted && status.committed <= status.adopted,
            "versions only rise",
            || format!("{status:?}"),
        )?;
        self.adopted = status.adopted.0;
        Ok(())
    }

    /// Lets time pass until the agent wants to be woken, or for so long.
    fn wait(&mut self, most_ms: u64, shapes: &mut Shapes) -> Result<(), Violation> {
        let end_ms = self.now.ms.saturating_add(most_ms.min(1 << 40));
        let mut ticks = 0;
        while let Some(deadline) = self.agent.deadline().filter(|deadline| *deadline <= end_ms) {
            let is_later = deadline > self.now.ms;
            if is_later && most_ms == u64::MAX && ticks > 0 {
                return Ok(());
            }
            ticks = if is_later { 1 } else { ticks + 1 };
            ensure(
                ticks < TICKS_MAX,
                "the agent is not woken without end",
                || format!("{:?}", self.agent.status(self.now)),
            )?;
            self.now.ms = self.now.ms.max(deadline);
            self.give(Event::Tick, shapes)?;
        }
        if most_ms != u64::MAX {
            self.now.ms = end_ms;
        }
        Ok(())
    }

    /// Answers what was asked first, well or badly.
    fn answer(&mut self, bad: Option<u8>, shapes: &mut Shapes) -> Result<(), Violation> {
        if self.open.is_empty() {
            return Ok(());
        }
        let failure = bad.map(|how| Failure {
            code: if how & 2 == 0 {
                ReasonCode::StartFailed
            } else {
                ReasonCode::Unavailable
            },
            text: String::from("bad"),
            is_passing: how & 1 == 0,
        });
        match self.open.remove(0) {
            Action::Load { ticket, digest } => {
                let envelope = MANIFESTS.get(&digest).filter(|_| bad.is_none());
                self.give(
                    Event::Loaded {
                        ticket,
                        envelope: envelope.map(<[u8; 2]>::as_slice),
                    },
                    shapes,
                )
            }
            Action::Measure { ticket, blobs } => {
                let few = u64::from(bad.unwrap_or(255));
                let capacity = Capacity {
                    ram_bytes: few * 1000,
                    storage_bytes: few * 1000,
                    containers: u32::from(bad.unwrap_or(8)),
                    missing: blobs.iter().map(|blob| blob.digest).collect(),
                    ..Capacity::default()
                };
                self.give(
                    Event::Measured {
                        ticket,
                        capacity: &capacity,
                    },
                    shapes,
                )
            }
            Action::Ask { ticket, .. } => {
                let consent = match bad {
                    None => Consent::Yes,
                    Some(how) if how & 1 == 0 => Consent::No("é".repeat(usize::from(how))),
                    Some(_) => Consent::Silent,
                };
                self.give(Event::Answered { ticket, consent }, shapes)
            }
            Action::Report { report, .. } => match bad {
                None => self.give(
                    Event::ReportSent {
                        sequence: report.sequence,
                        send_all: false,
                    },
                    shapes,
                ),
                Some(_) => self.give(Event::ReportFailed, shapes),
            },
            Action::Observe { deployment, .. } => {
                let containers = statuses(bad.unwrap_or(0));
                self.give(
                    Event::AppStatus {
                        deployment,
                        containers: &containers,
                    },
                    shapes,
                )
            }
            Action::Fetch { ticket, .. }
            | Action::Verify { ticket, .. }
            | Action::Stop { ticket, .. }
            | Action::Apply { ticket, .. }
            | Action::Remove { ticket, .. } => match failure {
                None => self.give(Event::Done { ticket }, shapes),
                Some(failure) => self.give(Event::Failed { ticket, failure }, shapes),
            },
            _ => Ok(()),
        }
    }

    fn cut(&mut self, seed: u8, shapes: &mut Shapes) -> Result<(), Violation> {
        let settings = Settings::new(DEVICE, u64::from(seed));
        self.now.ms = 1;
        self.open.clear();
        self.agent = match self
            .saved
            .as_deref()
            .map(|saved| Agent::restore(settings, saved, self.now))
        {
            Some(Ok(agent)) => agent,
            Some(Err(_)) | None => Agent::new(settings, self.now),
        };
        self.adopted = self.agent.status(self.now).adopted.0;
        self.give(Event::Tick, shapes)
    }
}

const fn id(number: u8) -> DeploymentId {
    DeploymentId([number; 16])
}

fn statuses(restarts: u8) -> Vec<ContainerStatus> {
    vec![ContainerStatus {
        name: String::from("main"),
        state: String::from(if restarts > 200 { "failed" } else { "running" }),
        health: String::from(if restarts > 100 {
            "unhealthy"
        } else {
            "healthy"
        }),
        restarts: u32::from(restarts),
        last_end: None,
    }]
}

/// Believes everything: signatures are other targets' matter.
struct Anything;

impl Trust for Anything {
    fn open_state(
        &self,
        envelope: &[u8],
        device: DeviceId,
        _: &[SigningKey],
    ) -> Result<OpenedState, Refusal> {
        let &[version, items, variant, policy] = envelope else {
            return Err(malformed());
        };
        let numbers = (0..4_u8).filter(|number| items & (1 << number) != 0);
        let state = DesiredState {
            device,
            version: StateVersion(u64::from(version)),
            issued_at: UnixSeconds(0),
            items: numbers
                .map(|number| Item {
                    deployment: id(number),
                    manifest: Digest::of(&[number, variant.wrapping_mul(number)]),
                    manifest_bytes: 2,
                    override_reason: (items & 0x80 != 0).then(|| String::from("why")),
                })
                .collect(),
            policy: UpdatePolicy {
                windows: (policy & 1 != 0)
                    .then_some(Window {
                        days: policy >> 1,
                        begin_minute: 0,
                        minutes: 1440,
                        utc_offset_minutes: -840,
                    })
                    .into_iter()
                    .collect(),
                hold_until: (policy & 2 != 0).then_some(UnixSeconds(u64::from(policy) << 30)),
                is_held: policy & 4 != 0,
            },
            secrets: Vec::new(),
            ladder: vec![
                Rung {
                    after_s: 60 + u32::from(policy) * 10,
                    step: Escalation::Reconnect,
                },
                Rung {
                    after_s: 600 + u32::from(variant) * 100,
                    step: Escalation::RollBack,
                },
                Rung {
                    after_s: 20_000,
                    step: Escalation::RestartAgent,
                },
            ],
            recovery_urls: Vec::new(),
            next_keys: Vec::new(),
        };
        Ok(OpenedState {
            tag: ETag::of(state.version, envelope),
            state,
        })
    }

    fn open_manifest(
        &self,
        envelope: &[u8],
        digest: Digest,
        _: &[SigningKey],
    ) -> Result<Manifest, Refusal> {
        self.reopen_manifest(envelope, digest)
    }

    fn reopen_manifest(&self, envelope: &[u8], _: Digest) -> Result<Manifest, Refusal> {
        let &[number, variant] = envelope else {
            return Err(malformed());
        };
        let blob = Digest::of(&[number, variant, 0]);
        let container = Container {
            name: String::from("main"),
            image: Image {
                reference: String::new(),
                manifest: blob,
                manifest_bytes: 1,
                config: blob,
                config_bytes: 1,
                layer: blob,
                layer_bytes: 1,
                referrers: Vec::new(),
            },
            args: None,
            env: Vec::new(),
            secret_env: Vec::new(),
            grants: Vec::new(),
            mounts: Vec::new(),
            listen: Vec::new(),
            limits: Limits {
                memory_bytes: Some(u64::from(variant) * 500),
                ..Limits::default()
            },
            restart: String::from("always"),
            health: None,
            depends_on: Vec::new(),
        };
        Ok(Manifest {
            deployment: id(number),
            app: format!("app{}", if variant == 77 { 0 } else { number }),
            version: variant.to_string(),
            containers: vec![container],
            update: UpdateRules {
                consent_ms: u32::from(variant & 1) * 1000,
                ask_again_s: u32::from(variant & 2),
                probation_s: u32::from(variant & 4) * 10,
                hub_within_s: u32::from(variant & 8) * 10,
            },
            depends_on: if variant & 0x30 == 0x30 {
                vec![id(variant % 4)]
            } else {
                Vec::new()
            },
        })
    }
}

const fn malformed() -> Refusal {
    Refusal {
        cause: RefusalCause::Malformed,
        text: String::new(),
    }
}

//! Random lives of fleets: what is deployed when, and everything that goes wrong meanwhile, by a seed.

use std::sync::Arc;

use anyhow::Result;
use thimble_protocol::manifest::UpdateRules;
use thimble_protocol::session::Settings;
use thimble_protocol::state::{Escalation, Rung, Window};
use thimble_rollout::placement::Offer;
use thimble_rollout::policy::{Amount, ApprovalRule, Budget, OnFailures, Threshold, Wave};
use thimble_rollout::{Labels, Policy};

use crate::apps::{Among, Fault};
use crate::device::{Device, Habits};
use crate::hub::Facts;
use crate::random::Random;
use crate::signature::Signatures;
use crate::trace::Trace;
use crate::world::{Counts, Order, Sabotage, Violation, World};

/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;

/// Devices of a line.
const LINE_DEVICES: u32 = 10;

/// Which life.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// What everything follows from.
    pub seed: u64,
    /// Devices.
    pub devices: u32,
    /// Hours in which things go wrong; as many and a day more follow in which nothing does.
    pub hours: u64,
    /// How signatures are made.
    pub signatures: Signatures,
    /// A rule that is broken on purpose.
    pub sabotage: Sabotage,
}

/// What came of a life.
#[derive(Clone, Debug)]
pub struct Lived {
    /// The rule that was broken, if one was.
    pub violation: Option<Violation>,
    /// What happened, in numbers.
    pub counts: Counts,
    /// What happened, line by line, if that was asked for.
    pub trace: Vec<String>,
}

/// What is traced of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traced {
    /// Nothing.
    Nothing,
    /// Everything.
    All,
    /// One device, and what is about none.
    Device(u32),
}

impl Life {
    /// Lives it.
    ///
    /// # Errors
    /// It could not be begun.
    pub fn live(&self, traced: Traced) -> Result<Lived> {
        let mut random = Random::of(self.seed, 1);
        let mut world = self.world(&mut random)?;
        world.sabotage = self.sabotage;
        world.trace = match traced {
            Traced::Nothing => Trace::default(),
            Traced::All => Trace::on(None),
            Traced::Device(device) => Trace::on(Some(device)),
        };
        let end_ms = self.hours * HOUR_MS;
        self.deploy(&mut world, &mut random)?;
        for device in 0..self.devices {
            self.trouble_device(&mut world, device);
        }
        self.trouble_hub(&mut world, &mut random);
        world.order_at(end_ms, Order::Heal);
        world.run_until(2 * end_ms + 24 * HOUR_MS);
        world.judge_end();
        Ok(Lived {
            violation: world.violations.first().cloned(),
            counts: world.counts,
            trace: world.trace.take(),
        })
    }

    fn world(&self, random: &mut Random) -> Result<World> {
        let lines = self.devices.div_ceil(LINE_DEVICES).max(1);
        let facts: Result<Vec<Facts>> = (0..self.devices)
            .map(|device| {
                let line = device % lines;
                let hardware = ["m4", "m33", "x86"][random.index(3)];
                Ok(Facts {
                    labels: Labels::new([
                        ("line".into(), format!("l{line}")),
                        ("kind".into(), ["press", "oven"][random.index(2)].into()),
                    ])?,
                    line,
                    hardware: hardware.into(),
                    offer: offer(),
                })
            })
            .collect();
        let (seed, loss) = (self.seed, [0, 5, 20, 100][random.index(4)]);
        let (cuts, failing) = ([0, 0, 10, 50][random.index(4)], [0, 0, 20][random.index(3)]);
        let (twice, collecting) = ([0, 10, 100][random.index(3)], [0, 200][random.index(2)]);
        let slow = [0, 0, 100][random.index(3)];
        let wait_s = [0, 0, 300][random.index(3)];
        let device = |index: u32| {
            let habits = Habits {
                loss,
                twice,
                cuts,
                failing,
                slow,
                collecting,
                latency_ms: 20 + u64::from(index % 7) * 40,
                has_battery: index % 3 != 0,
                is_silent: index % 17 == 0,
            };
            let settings = Settings {
                wait_s,
                poll_s: 900,
                is_parallel: index % 2 == 0 && wait_s > 0,
                ..Settings::default()
            };
            Device::new(index, seed, habits, settings, 0)
        };
        let mut world = World::new(self.seed, facts?, self.signatures, device)?;
        world.pace_ms = if self.devices > 1_000 { 60_000 } else { 10_000 };
        world.hub.delay_apply_max_s = [0, 0, 120][random.index(3)];
        world.budget = match random.below(4) {
            0 => None,
            1 => Some(budget(Some(u32::try_from(random.within(1, 3))?), None)),
            _ => Some(budget(None, Some(u8::try_from(random.within(10, 50))?))),
        };
        Ok(world)
    }

    /// Decides what is deployed when.
    fn deploy(&self, world: &mut World, random: &mut Random) -> Result<()> {
        let count = random.within(1, 3);
        for place in 0..count {
            let rules = UpdateRules {
                consent_ms: [0, 10_000][random.index(2)],
                ask_again_s: 1_200,
                probation_s: 60,
                hub_within_s: [0, 900, 2_000][random.index(3)],
            };
            let selector = ["", "kind=press", "kind in (press,oven)"][random.index(3)];
            let name = format!("app{place}");
            // The last may compete with the first for its app.
            let is_rival = place == 2 && random.chance(300);
            let app = if is_rival { "app0" } else { &name };
            let needs: &[usize] = if place == 1 && random.chance(500) { &[0] } else { &[] };
            world.apps.add(&name, app, selector, i32::try_from(random.below(2))?, rules, needs)?;
        }
        for place in 0..world.apps.deployments.len() {
            let mut at_ms = random.below(HOUR_MS);
            let mut revision = 1;
            while at_ms < self.hours * HOUR_MS {
                let (fault, among) = fault(random, revision);
                world.apps.publish(place, revision, fault, among, &world.key)?;
                if let Some(version) = world.apps.versions.last_mut().filter(|_| random.chance(700)) {
                    version.missing_until_ms = at_ms + random.within(HOUR_MS / 4, 4 * HOUR_MS);
                }
                let target = if revision > 2 && random.chance(100) { None } else { Some(revision) };
                let policy = policy(random, world.budget.clone());
                world.order_at(at_ms, Order::Begin(place, target, Arc::new(policy)));
                at_ms += random.within(HOUR_MS, 6 * HOUR_MS);
                revision += 1;
            }
        }
        world.hub.place(&world.apps)
    }

    /// Decides what happens to a device.
    fn trouble_device(&self, world: &mut World, device: u32) {
        let mut random = Random::of(self.seed, 0x1_0000 + u64::from(device));
        let end_ms = self.hours * HOUR_MS;
        let mut times = random.below(4);
        if random.chance(150) {
            let windows = vec![window(&mut random)];
            world.order_at(0, Order::Windows(device, windows));
        }
        if random.chance(200) {
            let after_s = 7_200;
            let ladder = vec![
                Rung { after_s: 3_600, step: Escalation::Reconnect },
                Rung { after_s, step: Escalation::RollBack },
                Rung { after_s: after_s * 2, step: Escalation::RestartDevice },
            ];
            world.order_at(0, Order::Ladder(device, ladder));
        }
        while times > 0 {
            times -= 1;
            let at_ms = random.below(end_ms);
            let later_ms = at_ms + random.within(60_000, 6 * HOUR_MS);
            match random.below(8) {
                0 => {
                    world.order_at(at_ms, Order::Link(device, false));
                    world.order_at(later_ms, Order::Link(device, true));
                }
                1 => world.order_at(at_ms, Order::Cut(device, later_ms - at_ms)),
                2 => world.order_at(at_ms, Order::Cut(device, 1_000)),
                3 => {
                    world.order_at(at_ms, Order::Hold(device, true));
                    world.order_at(later_ms, Order::Hold(device, false));
                }
                4 => {
                    world.order_at(at_ms, Order::HoldHere(device, true));
                    world.order_at(later_ms, Order::HoldHere(device, false));
                }
                5 => world.order_at(at_ms, Order::Veto(device, later_ms)),
                6 => world.order_at(at_ms, Order::HoldUntil(device, Some(later_ms))),
                _ => {
                    world.order_at(at_ms, Order::Veto(device, later_ms));
                    world.order_at(at_ms + 60_000, Order::Override(device, 0, true));
                }
            }
        }
    }

    /// Decides what happens to the hub and to rollouts.
    fn trouble_hub(&self, world: &mut World, random: &mut Random) {
        let end_ms = self.hours * HOUR_MS;
        for _ in 0..random.below(4) {
            let at_ms = random.below(end_ms);
            world.order_at(at_ms, Order::HubDown);
            world.order_at(at_ms + random.within(5_000, 2 * HOUR_MS), Order::HubUp);
        }
        if random.chance(250) {
            let at_ms = random.below(end_ms / 2);
            world.order_at(at_ms, Order::BackUp);
            let back_ms = at_ms + random.within(HOUR_MS / 4, end_ms / 3);
            world.order_at(back_ms, Order::Restore);
            world.order_at(back_ms + 60_000, Order::HubUp);
        }
        for _ in 0..random.below(12) {
            let executor = u8::from(random.chance(500));
            let stall_ms = random.within(1_000, 300_000);
            world.order_at(random.below(end_ms), Order::Stall(executor, stall_ms));
        }
        for _ in 0..random.below(10) {
            let at_ms = random.below(end_ms);
            let rollout = random.index(6);
            world.order_at(at_ms, match random.below(6) {
                0 => Order::Abort(rollout),
                1 => Order::RollBack(rollout),
                2 => Order::Pause(rollout),
                3 => Order::Resume(rollout),
                _ => Order::Approve(rollout, format!("person{}", random.below(3))),
            });
        }
    }
}

pub(crate) fn offer() -> Offer {
    Offer {
        architecture: "x86_64".into(),
        ram_bytes: 1 << 20,
        storage_bytes: 10_000_000,
        containers_max: 16,
        grants: Vec::new(),
    }
}

pub(crate) fn budget(count: Option<u32>, percent: Option<u8>) -> Budget {
    Budget {
        key: "line".into(),
        max: Threshold { count, percent },
    }
}

fn fault(random: &mut Random, revision: u64) -> (Fault, Among) {
    const FAULTS: [Fault; 8] = [
        Fault::Crashes,
        Fault::Unhealthy,
        Fault::FailsLater,
        Fault::DoesNotStart,
        Fault::Untrusted,
        Fault::Unavailable,
        Fault::WrongOnce,
        Fault::Slow,
    ];
    if revision == 1 || random.chance(400) {
        return (Fault::None, Among::All);
    }
    let fault = FAULTS[random.index(FAULTS.len())];
    let among = match random.below(4) {
        0 => Among::All,
        1 => Among::Hardware("m33".into()),
        _ => Among::Percent(random.within(1, 30)),
    };
    (fault, among)
}

fn window(random: &mut Random) -> Window {
    Window {
        days: 0x7f,
        begin_minute: u16::try_from(random.below(1440)).unwrap_or(0),
        minutes: u16::try_from(random.within(60, 600)).unwrap_or(60),
        utc_offset_minutes: [0, 60, -300][random.index(3)],
    }
}

fn policy(random: &mut Random, budget: Option<Budget>) -> Policy {
    let mut waves = Vec::new();
    if random.chance(600) {
        waves.push(Wave {
            name: "canary".into(),
            amount: Amount::percent(5),
            soak_s: 600,
            failures_max: Threshold { count: Some(0), percent: None },
            ..Wave::default()
        });
        let approval = ApprovalRule {
            persons: 1,
            roles: Vec::new(),
            excludes_author: random.chance(500),
        };
        waves.push(Wave {
            name: "rest".into(),
            success_percent: random.chance(300).then_some(80),
            failures_max: Threshold { count: None, percent: Some(30) },
            approval: random.chance(200).then_some(approval),
            ..Wave::default()
        });
    }
    Policy {
        waves,
        budgets: budget.into_iter().collect(),
        at_once_max: random.chance(200).then_some(20),
        attempt_timeout_s: 3_600,
        offline_after_s: 3_600,
        on_failures: [OnFailures::Pause, OnFailures::Abort, OnFailures::RollBack][random.index(3)],
        ..Policy::default()
    }
}

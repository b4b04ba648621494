//! Random lives of fleets: what is deployed when, and everything that goes wrong meanwhile, by a seed.

mod plans;
mod trouble;

use anyhow::Result;
use thimble_protocol::session::Settings;
use thimble_rollout::Labels;
use thimble_rollout::placement::Offer;
use thimble_rollout::policy::{Budget, Threshold};

use crate::device::{Device, Habits};
use crate::hub::Facts;
use crate::random::Random;
use crate::signature::Signatures;
use crate::tally::Troubles;
use crate::trace::Trace;
use crate::world::{Counts, Order, Sabotage, Violation, World};

/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;

/// Hours within which a fleet that is still at it is left to it, after the end.
const SETTLES_WITHIN: u64 = 96;

/// Of so many lives one is played with every poll to its end.
const SLEEPLESS: u64 = 16;

/// Devices of a line.
const LINE_DEVICES: u32 = 10;

/// Lines of a site.
const SITE_LINES: u32 = 10;

/// Devices of a fleet that is large: hubs are slower with them, and a few that fail are no reason to stop.
const LARGE: u32 = 1_000;

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
    /// What went wrong, in numbers.
    pub troubles: Troubles,
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
        world.may_sleep = !self.seed.is_multiple_of(SLEEPLESS);
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
        self.trouble_sites(&mut world);
        self.trouble_hub(&mut world, &mut random);
        world.order_at(end_ms, Order::Heal);
        world.run_until(2 * end_ms + 24 * HOUR_MS);
        for _ in 0..SETTLES_WITHIN {
            if world.is_settled() {
                break;
            }
            world.run_until(world.now_ms + HOUR_MS);
        }
        world.judge_end();
        Ok(Lived {
            violation: world.violations.first().cloned(),
            counts: world.counts,
            troubles: world.troubles,
            trace: world.trace.take(),
        })
    }

    fn world(&self, random: &mut Random) -> Result<World> {
        let facts: Result<Vec<Facts>> = (0..self.devices)
            .map(|device| {
                let line = device / LINE_DEVICES;
                let site = line / SITE_LINES;
                let hardware = ["m4", "m33", "x86"][random.index(3)];
                Ok(Facts {
                    labels: Labels::new([
                        ("line".into(), format!("l{line}")),
                        ("site".into(), format!("s{site}")),
                        ("kind".into(), ["press", "oven"][random.index(2)].into()),
                    ])?,
                    line,
                    site,
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
        let poll_s = if self.devices > LARGE { 1_800 } else { 900 };
        let poll_s = [900, poll_s][random.index(2)];
        let device = |index: u32| {
            let habits = Habits {
                loss,
                twice,
                cuts,
                failing,
                slow,
                collecting,
                latency_ms: 20 + u64::from(index % 7) * 40,
                has_battery: !index.is_multiple_of(3),
                is_silent: index.is_multiple_of(17),
            };
            let settings = Settings {
                wait_s,
                poll_s,
                is_parallel: index.is_multiple_of(2) && wait_s > 0,
                ..Settings::default()
            };
            Device::new(index, seed, habits, settings, 0)
        };
        let mut world = World::new(self.seed, facts?, self.signatures, device)?;
        world.pace_ms = if self.devices > LARGE {
            180_000
        } else {
            10_000
        };
        world.hub.delay_apply_max_s = [0, 0, 120][random.index(3)];
        world.budgets = self.budgets(random)?;
        Ok(world)
    }

    /// Decides how many devices of a line, and of a site, may be down at once.
    fn budgets(&self, random: &mut Random) -> Result<Vec<Budget>> {
        let mut budgets = Vec::new();
        match random.below(4) {
            0 => {}
            1 => {
                let count = u32::try_from(random.within(1, 3))?;
                budgets.push(budget("line", Some(count), None));
            }
            _ => {
                let percent = u8::try_from(random.within(20, 60))?;
                budgets.push(budget("line", None, Some(percent)));
            }
        }
        if random.chance(400) {
            let percent = u8::try_from(random.within(15, 50))?;
            budgets.push(budget("site", None, Some(percent)));
        }
        Ok(budgets)
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

pub(crate) fn budget(key: &str, count: Option<u32>, percent: Option<u8>) -> Budget {
    Budget {
        key: key.into(),
        max: Threshold { count, percent },
    }
}

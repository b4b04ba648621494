//! What is deployed when, how its rollouts go, and what is wrong with it.

use std::sync::Arc;

use anyhow::Result;
use thimble_protocol::manifest::UpdateRules;
use thimble_rollout::policy::{Amount, ApprovalRule, Budget, OnFailures, Threshold, Wave};
use thimble_rollout::{Policy, Selector};

use super::{HOUR_MS, LARGE, Life};
use crate::apps::{Among, Fault};
use crate::random::Random;
use crate::world::{Order, World};

impl Life {
    /// Decides what is deployed when.
    pub(super) fn deploy(&self, world: &mut World, random: &mut Random) -> Result<()> {
        let count = random.within(1, 3);
        for place in 0..count {
            let rules = UpdateRules {
                consent_ms: [0, 10_000][random.index(2)],
                ask_again_s: 1_200,
                probation_s: 60,
                hub_within_s: [0, 900, 2_000][random.index(3)],
            };
            let selectors = ["", "kind=press", "kind in (press,oven)", "site!=s0"];
            let selector = selectors[random.index(if self.devices > LARGE { 4 } else { 3 })];
            let name = format!("app{place}");
            // The last may compete with the first for its app.
            let is_rival = place == 2 && random.chance(300);
            let app = if is_rival { "app0" } else { &name };
            let needs: &[usize] = if place == 1 && random.chance(500) {
                &[0]
            } else {
                &[]
            };
            world.apps.add(
                &name,
                app,
                selector,
                i32::try_from(random.below(2))?,
                rules,
                needs,
            )?;
        }
        for place in 0..world.apps.deployments.len() {
            let mut at_ms = random.below(HOUR_MS / 4);
            let mut revision = 1;
            while at_ms < self.hours * HOUR_MS {
                let (fault, among) = fault(random, revision);
                world
                    .apps
                    .publish(place, revision, fault, among, &world.key)?;
                if let Some(version) = world
                    .apps
                    .versions
                    .last_mut()
                    .filter(|_| random.chance(700))
                {
                    version.missing_until_ms = at_ms + random.within(HOUR_MS / 4, 4 * HOUR_MS);
                }
                let target = if revision > 2 && random.chance(100) {
                    None
                } else {
                    Some(revision)
                };
                let policy = self.policy(random, world.budgets.clone());
                world.order_at(at_ms, Order::Begin(place, target, Arc::new(policy)));
                at_ms += random.within(3 * HOUR_MS / 2, 4 * HOUR_MS);
                revision += 1;
            }
        }
        world.hub.place(&world.apps)
    }

    fn policy(&self, random: &mut Random, budgets: Vec<Budget>) -> Policy {
        let waves = if random.chance(600) {
            self.waves(random)
        } else {
            Vec::new()
        };
        Policy {
            waves,
            budgets,
            at_once_max: random.chance(200).then_some(20.max(self.devices / 20)),
            rate_per_minute: random.chance(100).then_some(20.max(self.devices / 50)),
            failures_per_device_max: random.chance(200).then_some(4),
            attempt_timeout_s: 3_600,
            offline_after_s: 3_600,
            on_failures: [OnFailures::Pause, OnFailures::Abort, OnFailures::RollBack]
                [random.index(3)],
            ..Policy::default()
        }
    }

    fn waves(&self, random: &mut Random) -> Vec<Wave> {
        let (count, percent) = if self.devices > LARGE {
            (None, u8::try_from(random.within(2, 25)).ok())
        } else {
            (Some(0), None)
        };
        let canary = Wave {
            name: "canary".into(),
            selector: None,
            amount: Amount::percent(5),
            soak_s: 600,
            failures_max: Threshold { count, percent },
            ..Wave::default()
        };
        let second = Wave {
            name: "ovens".into(),
            selector: Selector::parse("kind=oven").ok(),
            hardware_failures_max: Threshold {
                count: None,
                percent: Some(40),
            },
            soak_s: 60,
            ..Wave::default()
        };
        let approval = ApprovalRule {
            persons: 1,
            roles: Vec::new(),
            excludes_author: random.chance(500),
        };
        let rest = Wave {
            name: "rest".into(),
            success_percent: random.chance(300).then_some(80),
            failures_max: Threshold {
                count: None,
                percent: Some(30),
            },
            approval: random.chance(200).then_some(approval),
            ..Wave::default()
        };
        if random.chance(300) {
            vec![canary, second, rest]
        } else {
            vec![canary, rest]
        }
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
    let among = match random.below(8) {
        0 => Among::All,
        1..=2 => Among::Hardware("m33".into()),
        _ => Among::Percent(random.within(1, 30)),
    };
    (fault, among)
}

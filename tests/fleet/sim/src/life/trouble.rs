//! What goes wrong when.

use thimble_protocol::state::{Escalation, Rung, Window};

use super::{HOUR_MS, LINE_DEVICES, Life, SITE_LINES};
use crate::random::Random;
use crate::world::{Order, World};

impl Life {
    /// Decides what happens to a device.
    pub(super) fn trouble_device(&self, world: &mut World, device: u32) {
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
                Rung {
                    after_s: 3_600,
                    step: Escalation::Reconnect,
                },
                Rung {
                    after_s,
                    step: Escalation::RollBack,
                },
                Rung {
                    after_s: after_s * 2,
                    step: Escalation::RestartDevice,
                },
            ];
            world.order_at(0, Order::Ladder(device, ladder));
        }
        while times > 0 {
            times -= 1;
            let at_ms = random.below(end_ms);
            let later_ms = at_ms + random.within(60_000, 6 * HOUR_MS);
            match random.below(10) {
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
                7 => world.order_at(at_ms, Order::ResetClock(device)),
                8 if random.chance(300) => {
                    world.order_at(at_ms, Order::Away(device, at_ms + 24 * HOUR_MS));
                }
                _ => {
                    world.order_at(at_ms, Order::Veto(device, later_ms));
                    world.order_at(at_ms + 60_000, Order::Override(device, 0, true));
                }
            }
        }
    }

    /// Decides what happens to all devices of a site at once.
    pub(super) fn trouble_sites(&self, world: &mut World) {
        let end_ms = self.hours * HOUR_MS;
        let sites = self.devices.div_ceil(LINE_DEVICES * SITE_LINES);
        for site in 0..sites {
            let mut random = Random::of(self.seed, 0x2_0000_0000 + u64::from(site));
            for _ in 0..random.below(3) {
                let at_ms = random.below(end_ms);
                let later_ms = at_ms + random.within(60_000, 3 * HOUR_MS);
                world.order_at(at_ms, Order::LinkSite(site, false));
                world.order_at(later_ms, Order::LinkSite(site, true));
            }
            for _ in 0..random.below(5) {
                world.order_at(random.below(end_ms), Order::Rebind(site));
            }
        }
    }

    /// Decides what happens to the hub and to rollouts.
    pub(super) fn trouble_hub(&self, world: &mut World, random: &mut Random) {
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
            // Long enough, some of the time, for the lease to go to another.
            let stall_ms = random.within(1_000, 300_000.max(world.pace_ms * 8));
            world.order_at(random.below(end_ms), Order::Stall(executor, stall_ms));
        }
        // Somebody looks after rollouts that stopped or wait.
        let mut at_ms = random.within(HOUR_MS / 2, 4 * HOUR_MS);
        while at_ms < end_ms + 6 * HOUR_MS {
            world.order_at(at_ms, Order::Attend(random.below(1 << 32)));
            at_ms += random.within(HOUR_MS / 2, 4 * HOUR_MS);
        }
        for _ in 0..random.below(10) {
            let at_ms = random.below(end_ms);
            let rollout = random.index(6);
            world.order_at(
                at_ms,
                match random.below(6) {
                    0 => Order::Abort(rollout),
                    1 => Order::RollBack(rollout),
                    2 => Order::Pause(rollout),
                    3 => Order::Resume(rollout),
                    _ => Order::Approve(rollout, format!("person{}", random.below(3))),
                },
            );
        }
    }
}

fn window(random: &mut Random) -> Window {
    Window {
        days: 0x7f,
        begin_minute: u16::try_from(random.below(1440)).unwrap_or(0),
        minutes: u16::try_from(random.within(60, 600)).unwrap_or(60),
        utc_offset_minutes: [0, 60, -300][random.index(3)],
    }
}

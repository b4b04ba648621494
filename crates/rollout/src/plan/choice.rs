//! Chooses the devices that change now, in the order of their waves, and says why the others do not.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::ids::{Assigned, DeviceId, RolloutId, UnixMs};
use crate::policy::Policy;
use crate::snapshot::{Direction, Hold, Outcome, Snapshot, WindowState};
use crate::standing::Standing;

use super::budget::Budgets;
use super::device::{Row, Shuffle, is_offline, left_out, unreachable};
use super::wave::Gate;
use super::{Assignment, Plan, Watch};

/// Milliseconds over which the rate counts.
const RATE_WINDOW_MS: u64 = 60_000;

/// What is left of everything that bounds a plan.
pub(super) struct Choice<'a> {
    policy: &'a Policy,
    budgets: Budgets<'a>,
    /// Updates that are open.
    open: u32,
    /// Updates that are open in each wave.
    open_in: BTreeMap<u16, u32>,
    /// Updates that may still begin within this minute.
    rate_left: u32,
    /// When the next one may.
    rate_next: UnixMs,
}

impl<'a> Choice<'a> {
    /// Counts what is used.
    pub(super) fn new(
        policy: &'a Policy,
        snapshot: &'a Snapshot,
        rows: &[Row<'a>],
        now: UnixMs,
    ) -> Self {
        let all = policy.budgets.iter().chain(&snapshot.other_budgets);
        let mut budgets = Budgets::new(all);
        let mut open = 0;
        let mut open_in = BTreeMap::new();
        let mut recent = Vec::new();
        for row in rows {
            budgets.count(row.device.id, &row.device.labels, row.is_down);
            if row.outcome == Some(Outcome::Open) {
                open += 1;
                *open_in.entry(row.wave.unwrap_or(0)).or_default() += 1;
            }
            if let Some(attempt) = &row.device.attempt
                && attempt.begun_at.plus_ms(RATE_WINDOW_MS) > now
            {
                recent.push(attempt.begun_at);
            }
        }
        for bystander in &snapshot.bystanders {
            let is_down = bystander.is_unhealthy
                || bystander.is_busy
                || is_offline(policy, bystander.last_seen, now);
            budgets.count(bystander.id, &bystander.labels, is_down);
        }
        let (rate_left, rate_next) = rate(policy, recent, now);
        Self {
            policy,
            budgets,
            open,
            open_in,
            rate_left,
            rate_next,
        }
    }

    /// Takes a device if nothing that bounds the plan is used up.
    pub(super) fn take(&mut self, row: &Row<'a>, watch: &mut Watch) -> Result<(), Standing> {
        let is_open = row.outcome == Some(Outcome::Open);
        if let Some(max) = self.policy.at_once_max
            && !is_open
            && self.open >= max
        {
            return Err(Standing::AtOnce { open: self.open });
        }
        let index = row.wave.unwrap_or(0);
        let open_in = self.open_in.get(&index).copied().unwrap_or(0);
        let wave = self.policy.waves.get(usize::from(index));
        if let Some(max) = wave.and_then(|wave| wave.at_once_max)
            && !is_open
            && open_in >= max
        {
            return Err(Standing::AtOnce { open: open_in });
        }
        if let Some(per_minute) = self.policy.rate_per_minute
            && self.rate_left == 0
        {
            let next_at = self.rate_next;
            watch.look_at(next_at);
            return Err(Standing::Rate {
                per_minute,
                next_at,
            });
        }
        if !row.is_down {
            self.budgets
                .take(row.device.id, &row.device.labels)
                .map_err(Standing::Budget)?;
        }
        self.rate_left = self.rate_left.saturating_sub(1);
        if !is_open {
            self.open += 1;
            self.open_in.insert(index, open_in + 1);
        }
        Ok(())
    }
}

/// Returns how many updates may still begin within this minute, and when the next one may.
fn rate(policy: &Policy, mut recent: Vec<UnixMs>, now: UnixMs) -> (u32, UnixMs) {
    let Some(per_minute) = policy.rate_per_minute else {
        return (u32::MAX, now);
    };
    let used = u32::try_from(recent.len()).unwrap_or(u32::MAX);
    let left = per_minute.saturating_sub(used);
    recent.sort_unstable();
    let over = usize::try_from(used.saturating_sub(per_minute)).unwrap_or(usize::MAX);
    let first = recent.get(over).copied().unwrap_or(now);
    (left, first.plus_ms(RATE_WINDOW_MS))
}

/// A device that may change, if the bounds have room for it.
struct Next {
    /// Its wave, and where it comes in it.
    place: (u16, u64, DeviceId),
    /// Where its row is.
    index: usize,
    to: Option<Assigned>,
    takes_over: Option<RolloutId>,
}

/// Chooses the devices that change now.
pub(super) fn choose(
    policy: &Policy,
    snapshot: &Snapshot,
    gate: &Gate,
    rows: &mut [Row<'_>],
    plan: &mut Plan,
    watch: &mut Watch,
) {
    let shuffle = Shuffle::of(snapshot.rollout);
    let mut order = Vec::new();
    for (index, row) in rows.iter_mut().enumerate() {
        let Some(to) = row.change else { continue };
        match admit(policy, gate, row, watch) {
            Ok((wave, takes_over)) => order.push(Next {
                place: (wave, shuffle.place(row.device.id), row.device.id),
                index,
                to,
                takes_over,
            }),
            Err(standing) => row.standing = standing,
        }
    }
    if order.is_empty() {
        return;
    }
    order.sort_unstable_by_key(|next| next.place);
    let mut choice = Choice::new(policy, snapshot, rows, watch.now);
    for next in order {
        let Some(row) = rows.get_mut(next.index) else {
            continue;
        };
        match choice.take(row, watch) {
            Ok(()) => {
                let (wave, ..) = next.place;
                row.standing = Standing::Begins { wave };
                plan.assignments.push(Assignment {
                    device: row.device.id,
                    direction: Direction::Forward,
                    from: row.device.assigned,
                    to: next.to,
                    wave,
                    takes_over: next.takes_over,
                });
                watch.look_at(watch.now.plus_s(policy.attempt_timeout_s.into()));
            }
            Err(standing) => row.standing = standing,
        }
    }
}

/// Says whether a device may change now, if the bounds have room: its wave, and the rollout that it is taken over from; or why
/// not.
fn admit(
    policy: &Policy,
    gate: &Gate,
    row: &Row<'_>,
    watch: &mut Watch,
) -> Result<(u16, Option<RolloutId>), Standing> {
    let wave = row.wave.ok_or(Standing::NoWave)?;
    refuse(left_out(policy, row))?;
    let device = row.device;
    let away = unreachable(policy, device, watch.now);
    match (gate.admit(wave), &away) {
        // Of what came to its end, each device says what it was that kept it.
        (Err(Standing::Stopped { state }), Some(_)) if state.is_ended() => {}
        (admitted, _) => admitted?,
    }
    if let (Some(_), Hold::Until(until)) = (&away, device.hold) {
        watch.look_at(until);
    }
    refuse(away)?;
    refuse(window(policy, row, watch))?;
    if let Some(deployment) = device.waits_for {
        return Err(Standing::DependencyLater { deployment });
    }
    match device.busy {
        Some(busy) if !busy.may_take_over => Err(Standing::Busy {
            rollout: busy.rollout,
        }),
        busy => Ok((wave, busy.map(|busy| busy.rollout))),
    }
}

/// Turns a reason against a device into an error.
fn refuse(reason: Option<Standing>) -> Result<(), Standing> {
    reason.map_or(Ok(()), Err)
}

/// Says whether a device's window is too far away.
pub(super) fn window(policy: &Policy, row: &Row<'_>, watch: &mut Watch) -> Option<Standing> {
    let WindowState::OpensAt(opens_at) = row.device.window else {
        return None;
    };
    let lead_ms = u64::from(policy.window_lead_s).saturating_mul(1000);
    let told_at = UnixMs(opens_at.0.saturating_sub(lead_ms));
    watch.look_at(told_at);
    (told_at > watch.now).then_some(Standing::OutsideWindow {
        opens_at: Some(opens_at),
    })
}

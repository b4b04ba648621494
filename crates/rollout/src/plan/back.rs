//! Gives devices back what they had, the last first, within the same bounds.

use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::ids::{Assigned, UnixMs};
use crate::policy::Policy;
use crate::snapshot::{Direction, Hold, Outcome, Snapshot, State, WindowState};
use crate::standing::Standing;

use super::choice::{Choice, window};
use super::device::{Row, Shuffle};
use super::{Assignment, Plan, Stop, Transition, Watch};

/// A device that is to go back.
struct Next {
    /// The last that was changed comes first.
    place: (Reverse<UnixMs>, u64),
    /// Where its row is.
    index: usize,
    to: Option<Assigned>,
}

/// Chooses the devices that go back now, and ends the rollout when none is left.
pub(super) fn choose(
    policy: &Policy,
    snapshot: &Snapshot,
    rows: &mut [Row<'_>],
    plan: &mut Plan,
    watch: &mut Watch,
) {
    let shuffle = Shuffle::of(snapshot.rollout);
    let mut left = 0;
    let (mut devices, mut failed) = (0, 0);
    let mut order = Vec::new();
    for (index, row) in rows.iter_mut().enumerate() {
        if let Some((to, begun_at)) = previous(row) {
            order.push(Next {
                place: (Reverse(begun_at), shuffle.place(row.device.id)),
                index,
                to,
            });
            continue;
        }
        match (&row.device.attempt, &row.outcome) {
            (Some(attempt), Some(outcome)) if attempt.direction == Direction::Back => match outcome
            {
                Outcome::Open => left += 1,
                Outcome::Succeeded { .. } => devices += 1,
                _ => failed += 1,
            },
            _ if row.change.is_some() => row.standing = Standing::NotReached,
            _ => {}
        }
    }
    left += order.len();
    order.sort_unstable_by_key(|next| next.place);
    let mut choice = Choice::new(policy, snapshot, rows, watch.now);
    for next in order {
        let Some(row) = rows.get_mut(next.index) else {
            continue;
        };
        match admit(policy, row, watch).and_then(|()| choice.take(row, watch)) {
            Ok(()) => {
                row.standing = Standing::GoesBack;
                plan.assignments.push(Assignment {
                    device: row.device.id,
                    direction: Direction::Back,
                    from: row.device.assigned,
                    to: next.to,
                    wave: row.wave.unwrap_or(0),
                    takes_over: None,
                });
                watch.look_at(watch.now.plus_s(policy.attempt_timeout_s.into()));
            }
            Err(standing) => row.standing = standing,
        }
    }
    if left == 0 {
        plan.progress.state = State::Failed;
        plan.transitions.push(Transition::Stopped {
            state: State::Failed,
            stop: Stop::RolledBack { devices, failed },
        });
    }
}

/// Returns what a device had before this rollout, if it still has what it was given, and when it was.
fn previous(row: &Row<'_>) -> Option<(Option<Assigned>, UnixMs)> {
    let attempt = row.device.attempt.as_ref()?;
    let is_ours = attempt.direction == Direction::Forward
        && attempt.to == row.device.assigned
        && !matches!(row.outcome, Some(Outcome::Replaced { .. }));
    is_ours.then_some((attempt.from, attempt.begun_at))
}

/// Says whether a device may go back now. One that has not changed yet, or cannot be reached, is told at once.
fn admit(policy: &Policy, row: &Row<'_>, watch: &mut Watch) -> Result<(), Standing> {
    let device = row.device;
    let is_pending = matches!(row.outcome, Some(Outcome::Open | Outcome::TimedOut { .. }));
    if !is_pending {
        if device.hold.binds(watch.now) {
            let until = match device.hold {
                Hold::Until(until) => Some(until),
                Hold::Held | Hold::Free => None,
            };
            if let Some(until) = until {
                watch.look_at(until);
            }
            return Err(Standing::Held {
                until,
                note: device.hold_note.clone(),
            });
        }
        if device.window == WindowState::Never {
            return Err(Standing::OutsideWindow { opens_at: None });
        }
        if let Some(standing) = window(policy, row, watch) {
            return Err(standing);
        }
    }
    match device.busy {
        Some(busy) => Err(Standing::Busy {
            rollout: busy.rollout,
        }),
        None => Ok(()),
    }
}

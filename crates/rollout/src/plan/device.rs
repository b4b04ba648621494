//! What is known of each device before anything is chosen: what it is to have, what came of its change, how it counts.

use crate::ids::{Assigned, DeviceId, RolloutId, UnixMs};
use crate::placement::Verdict;
use crate::policy::Policy;
use crate::snapshot::{
    Attempt, Device, Direction, Hold, Outcome, Reported, Snapshot, State, Wait, WindowState,
};
use crate::standing::Standing;

use super::Watch;

/// A device, on its way through a plan.
pub(super) struct Row<'a> {
    pub(super) device: &'a Device,
    /// What came of its change, with what this plan found.
    pub(super) outcome: Option<Outcome>,
    /// This plan found it.
    pub(super) is_closed_now: bool,
    /// What it is to have, if that is another thing than it has.
    pub(super) change: Option<Option<Assigned>>,
    pub(super) wave: Option<u16>,
    pub(super) class: Class,
    pub(super) standing: Standing,
    /// It is left out only because it cannot be reached now: it is silent, or held.
    pub(super) is_away: bool,
    /// It is down or updating, and counts in budgets.
    pub(super) is_down: bool,
}

/// An order of devices that is another one in each rollout.
#[derive(Clone, Copy)]
pub(super) struct Shuffle(u64);

/// How a device counts in its wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It takes no part.
    Outside,
    Succeeded,
    Failed,
    Open,
    Ready,
    /// It takes part, but not now.
    Aside,
}

/// Looks at every device.
pub(super) fn rows<'a>(
    policy: &Policy,
    snapshot: &'a Snapshot,
    watch: &mut Watch,
) -> alloc::vec::Vec<Row<'a>> {
    snapshot
        .devices
        .iter()
        .map(|device| row(policy, snapshot, device, watch))
        .collect()
}

fn row<'a>(
    policy: &Policy,
    snapshot: &'a Snapshot,
    device: &'a Device,
    watch: &mut Watch,
) -> Row<'a> {
    let now = watch.now;
    let closed = device
        .attempt
        .as_ref()
        .and_then(|attempt| close(policy, snapshot, device, attempt, watch));
    let is_closed_now = closed.is_some();
    let outcome = closed.or_else(|| Some(device.attempt.as_ref()?.outcome.clone()));
    let is_pending = matches!(outcome, Some(Outcome::Open | Outcome::TimedOut { .. }));
    let is_offline = is_offline(policy, device.last_seen, now);
    let mut row = Row {
        device,
        is_closed_now,
        change: None,
        wave: device.wave,
        class: Class::Outside,
        standing: Standing::UpToDate,
        is_away: false,
        is_down: is_pending
            || is_offline
            || device.is_unhealthy
            || device.is_retrying
            || device.busy.is_some(),
        outcome,
    };
    classify(policy, snapshot, &mut row, now);
    row
}

/// Returns what came of a change, if that is new.
fn close(
    policy: &Policy,
    snapshot: &Snapshot,
    device: &Device,
    attempt: &Attempt,
    watch: &mut Watch,
) -> Option<Outcome> {
    let at = watch.now;
    let is_open = attempt.outcome == Outcome::Open;
    if !is_open && !matches!(attempt.outcome, Outcome::TimedOut { .. }) {
        return None;
    }
    if attempt.to != device.assigned {
        return Some(Outcome::Replaced { at });
    }
    match &device.reported {
        Reported::Done => Some(Outcome::Succeeded { at }),
        Reported::Failed { why } => Some(Outcome::Failed {
            at,
            why: why.clone(),
        }),
        Reported::Nothing | Reported::Working if is_open => {
            let began = attempt.begun_at.max(snapshot.listening_since);
            let ends = began.plus_s(policy.attempt_timeout_s.into());
            watch.look_at(ends);
            (ends <= at).then_some(Outcome::TimedOut { at })
        }
        Reported::Nothing | Reported::Working | Reported::Waiting(_) => None,
    }
}

/// Says whether a device has been silent for too long.
pub(super) fn is_offline(policy: &Policy, last_seen: Option<UnixMs>, now: UnixMs) -> bool {
    last_seen.is_none_or(|seen| seen.plus_s(policy.offline_after_s.into()) <= now)
}

/// Says how a device counts and where it stands, as long as nothing is chosen.
fn classify(policy: &Policy, snapshot: &Snapshot, row: &mut Row<'_>, now: UnixMs) {
    let device = row.device;
    let goal = goal(snapshot, device);
    if let Some(attempt) = &device.attempt
        && let Some(outcome) = &row.outcome
    {
        let is_settled = match &goal {
            Ok(goal) => *goal == device.assigned,
            Err(_) => true,
        };
        let is_open = *outcome == Outcome::Open;
        let is_replaced = matches!(outcome, Outcome::Replaced { .. });
        if is_open || (is_settled && !is_replaced) || attempt.direction == Direction::Back {
            row.standing = after(policy, device, attempt, outcome);
            row.class = counted(snapshot, device, attempt, outcome);
            return;
        }
    }
    match goal {
        Err(standing) => row.standing = standing,
        Ok(goal) if goal == device.assigned => {}
        Ok(goal) => {
            row.change = Some(goal);
            let is_left_out = left_out(policy, row).is_some();
            row.is_away = !is_left_out && unreachable(policy, device, now).is_some();
            row.class = if is_left_out || row.is_away {
                Class::Aside
            } else {
                Class::Ready
            };
        }
    }
}

/// Returns what a device is to have in the end, or why it keeps what it has.
fn goal(snapshot: &Snapshot, device: &Device) -> Result<Option<Assigned>, Standing> {
    let has_it = device
        .assigned
        .is_some_and(|assigned| assigned.deployment == snapshot.deployment);
    let Some(revision) = snapshot.revision else {
        return if has_it {
            Ok(None)
        } else {
            Err(Standing::NotSelected)
        };
    };
    match &device.verdict {
        Verdict::Placed => Ok(Some(Assigned {
            deployment: snapshot.deployment,
            revision,
        })),
        Verdict::NotSelected if has_it => Ok(None),
        Verdict::NotSelected => Err(Standing::NotSelected),
        Verdict::Conflict { with } => Err(Standing::Conflict { with: *with }),
        Verdict::Superseded { by } => Err(Standing::Superseded { by: *by }),
        Verdict::MissingDependency { deployment } => Err(Standing::MissingDependency {
            deployment: *deployment,
        }),
        Verdict::DoesNotFit(misfit) => Err(Standing::DoesNotFit(misfit.clone())),
    }
}

/// Returns where a device stands by what came of its change.
fn after(policy: &Policy, device: &Device, attempt: &Attempt, outcome: &Outcome) -> Standing {
    let since = attempt.begun_at;
    match (outcome, attempt.direction) {
        (Outcome::Open, _) => match device.reported {
            Reported::Waiting(wait) => Standing::Waiting {
                since,
                wait,
                note: match wait {
                    Wait::Hold => device.hold_note.clone(),
                    Wait::Veto | Wait::Window => None,
                },
            },
            _ => Standing::Updating { since },
        },
        (Outcome::Succeeded { at }, Direction::Back) => Standing::RolledBack { at: *at },
        (Outcome::Succeeded { at }, Direction::Forward) if device.is_unhealthy => {
            Standing::Unhealthy { at: *at }
        }
        (Outcome::Succeeded { at }, Direction::Forward) => Standing::Succeeded { at: *at },
        (Outcome::Failed { at, why }, _) => Standing::Failed {
            at: *at,
            why: why.clone(),
        },
        (Outcome::TimedOut { .. }, _) => Standing::TimedOut {
            since,
            timeout_s: policy.attempt_timeout_s,
        },
        (Outcome::Replaced { at }, _) => Standing::Replaced { at: *at },
    }
}

/// Says how a device counts by what came of its change. Failures that an operator saw do not count.
fn counted(snapshot: &Snapshot, device: &Device, attempt: &Attempt, outcome: &Outcome) -> Class {
    let forgiven_before = snapshot.progress.forgiven_before;
    let failed = |at: UnixMs| {
        if at < forgiven_before {
            Class::Aside
        } else {
            Class::Failed
        }
    };
    match outcome {
        _ if attempt.direction == Direction::Back => Class::Outside,
        Outcome::Open => Class::Open,
        Outcome::Succeeded { at } if device.is_unhealthy => failed(*at),
        Outcome::Succeeded { .. } => Class::Succeeded,
        Outcome::Failed { at, .. } | Outcome::TimedOut { at } => failed(*at),
        Outcome::Replaced { .. } => Class::Outside,
    }
}

/// Says why a device is left out until somebody does something.
pub(super) fn left_out(policy: &Policy, row: &Row<'_>) -> Option<Standing> {
    let device = row.device;
    let installs = matches!(row.change, Some(Some(_)));
    if installs && device.has_failed_before {
        return Some(Standing::FailedBefore);
    }
    if let Some(max) = policy.failures_per_device_max
        && installs
        && device.failures >= max
    {
        let failures = device.failures;
        return Some(Standing::Penalty { failures, max });
    }
    if device.window == WindowState::Never {
        return Some(Standing::OutsideWindow { opens_at: None });
    }
    None
}

/// Says why a device cannot be changed now.
pub(super) fn unreachable(policy: &Policy, device: &Device, now: UnixMs) -> Option<Standing> {
    if device.hold.binds(now) {
        let until = match device.hold {
            Hold::Until(until) => Some(until),
            Hold::Held | Hold::Free => None,
        };
        return Some(Standing::Held {
            until,
            note: device.hold_note.clone(),
        });
    }
    is_offline(policy, device.last_seen, now).then_some(Standing::Offline {
        since: device.last_seen,
    })
}

impl Shuffle {
    /// The order of a rollout.
    pub(super) fn of(rollout: RolloutId) -> Self {
        Self(mix(0, &rollout.0))
    }

    /// Returns where a device comes in it: SplitMix64 over both ids.
    pub(super) fn place(self, device: DeviceId) -> u64 {
        let mut mixed = mix(self.0, &device.0);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn mix(mixed: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(mixed, |mixed, byte| {
        (mixed ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Says whether a rollout in this state goes on by itself.
pub(super) const fn goes_on(state: State) -> bool {
    matches!(
        state,
        State::Planned | State::WaitingApproval | State::Running | State::Finished
    )
}

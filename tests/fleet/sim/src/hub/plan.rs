//! Rollouts: plans by `thimble_rollout`, and how a plan is kept.

use thimble_protocol::StateVersion;
use thimble_protocol::report::{Change, Goal, Said};
use thimble_rollout::placement::Verdict;
use thimble_rollout::plan::{Assignment, Plan};
use thimble_rollout::snapshot::{
    Attempt, Direction, Outcome, Reported, Snapshot, State, Wait, WindowState,
};
use thimble_rollout::window::{Window, opens_at};
use thimble_rollout::{Assigned, UnixMs, plan};

use super::{Hub, Record, Rollout, Row, unix};
use crate::apps::{Apps, deployment_id, place_of};

/// A plan that is not kept yet.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) rollout: usize,
    pub(crate) edition: u64,
    pub(crate) token: u64,
    /// The plan's time.
    pub(crate) at_ms: u64,
    pub(crate) plan: Plan,
}

impl Hub {
    /// Says whether something may come of a rollout.
    pub(crate) fn is_live(&self, rollout: usize) -> bool {
        let Some(own) = self.kept.rollouts.get(rollout) else {
            return false;
        };
        !own.has_ended || (self.is_newest(rollout) && own.progress.state == State::Finished)
    }

    /// Whether a plan may say something else than the last one that was kept. If not, when to look at the latest.
    pub(crate) fn is_due(
        &mut self,
        apps: &Apps,
        rollout: usize,
        now_ms: u64,
        look_ms: u64,
    ) -> Result<(), Option<UnixMs>> {
        let Some(view) = self.take_view(apps, rollout, now_ms) else {
            return Ok(());
        };
        let is_due = view.is_stale
            || now_ms >= view.planned_ms + look_ms
            || view.next_look.is_some_and(|at| at <= unix(now_ms));
        let next_look = view.next_look;
        if cfg!(debug_assertions) && !is_due {
            self.check_idle(rollout, &view.snapshot, now_ms);
        }
        self.put_view(rollout, view);
        if is_due { Ok(()) } else { Err(next_look) }
    }

    /// Checks that a plan would do nothing. Devices of which nothing was heard for long are found when it is looked at anyway.
    fn check_idle(&self, rollout: usize, snapshot: &Snapshot, now_ms: u64) {
        let own = self.kept.rollouts.get(rollout);
        if let Some(plan) = own.map(|own| plan(&own.policy, snapshot, unix(now_ms))) {
            let is_idle = plan.closed.is_empty()
                && (plan.assignments.is_empty() || !plan.transitions.is_empty());
            debug_assert!(
                is_idle,
                "something would come of a plan that was not made: {:?}, {:?}",
                plan.closed, plan.assignments
            );
        }
    }

    /// Plans what is to be done about a rollout.
    pub(crate) fn plan(
        &mut self,
        apps: &Apps,
        rollout: usize,
        token: u64,
        now_ms: u64,
    ) -> Option<Made> {
        let mut view = self.take_view(apps, rollout, now_ms)?;
        let own = self.kept.rollouts.get(rollout)?;
        // Until it is kept, what it says is still to be done.
        view.is_stale = true;
        let made = Made {
            rollout,
            edition: own.edition,
            token,
            at_ms: now_ms,
            plan: plan(&own.policy, &view.snapshot, unix(now_ms)),
        };
        self.put_view(rollout, view);
        Some(made)
    }

    pub(super) fn verdict(&self, index: usize, deployment: usize) -> Verdict {
        let verdicts = self.verdicts.get(index);
        let verdict = verdicts.and_then(|all| all.get(&planner_deployment(deployment)));
        verdict.cloned().unwrap_or_default()
    }

    pub(super) fn concerns(&self, own: &Rollout, index: usize, record: &Record) -> bool {
        own.rows.get(index).is_some_and(|row| row.attempt.is_some())
            || record.revision(own.deployment).is_some()
            || self.verdict(index, own.deployment) != Verdict::NotSelected
    }

    /// A deployment that must be there first, and that a device was not given yet.
    pub(super) fn waits_for(
        &self,
        apps: &Apps,
        own: &Rollout,
        record: &Record,
    ) -> Option<thimble_rollout::DeploymentId> {
        own.revision?;
        let needed = &apps.deployments.get(own.deployment)?.depends_on;
        let mut missing = needed
            .iter()
            .filter(|id| record.revision(place_of(**id)).is_none());
        missing.next().map(|id| planner_deployment(place_of(*id)))
    }

    /// Keeps a plan, in one transaction; the devices that were given something else. Nothing is kept if the rollout was changed
    /// since.
    pub(crate) fn keep(&mut self, apps: &Apps, made: &Made, is_unfenced: bool) -> Option<Vec<u32>> {
        let at = unix(made.at_ms);
        let begin = self.changes_end();
        let own = self.kept.rollouts.get_mut(made.rollout)?;
        if own.edition != made.edition && !is_unfenced {
            return None;
        }
        own.edition += 1;
        own.progress = made.plan.progress.clone();
        if let Some(last) = made.plan.transitions.last() {
            own.reason = last.to_string();
        }
        let mut changed = Vec::with_capacity(made.plan.assignments.len());
        for place in &made.plan.places {
            let index = index_of(place.device);
            if let Some(row) = own.rows.get_mut(index) {
                if row.wave != place.wave {
                    row.wave = place.wave;
                    changed.push(u32::try_from(index).ok()?);
                }
                row.word = place.standing.word();
            }
        }
        for closed in &made.plan.closed {
            let index = index_of(closed.device);
            changed.push(u32::try_from(index).ok()?);
            let Some(attempt) = own.rows.get_mut(index).and_then(|row| row.attempt.as_mut()) else {
                continue;
            };
            attempt.outcome = closed.outcome.clone();
            let is_forward = attempt.direction == Direction::Forward;
            let has_failed = is_forward && matches!(closed.outcome, Outcome::Failed { .. });
            if let Some(row) = own.rows.get_mut(index) {
                row.has_failed |= has_failed;
            }
            if let Some(record) = self.kept.records.get_mut(index).filter(|_| is_forward) {
                match closed.outcome {
                    Outcome::Failed { .. } => record.failures += 1,
                    Outcome::Succeeded { .. } => record.failures = 0,
                    _ => {}
                }
            }
        }
        for device in changed {
            self.note_changed(device);
        }
        let mut assigned = Vec::with_capacity(made.plan.assignments.len());
        for assignment in &made.plan.assignments {
            assigned.push(u32::try_from(index_of(assignment.device)).ok()?);
            self.assign(apps, made.rollout, assignment, at, made.at_ms);
        }
        let end = self.changes_end();
        let own = self.kept.rollouts.get_mut(made.rollout)?;
        let is_over = own.progress.state.is_ended() || own.progress.state == State::Finished;
        own.has_ended = is_over && !own.rows.iter().any(Row::is_pending);
        if let Some(Some(view)) = self.views.get_mut(made.rollout) {
            view.keep(&made.plan, made.at_ms, own.edition, begin..end);
        }
        // What it did itself is looked at now, before anything else is new about the same devices.
        if let Some(view) = self.take_view(apps, made.rollout, made.at_ms) {
            self.put_view(made.rollout, view);
        }
        Some(assigned)
    }

    fn assign(&mut self, apps: &Apps, rollout: usize, one: &Assignment, at: UnixMs, at_ms: u64) {
        let index = index_of(one.device);
        let Some(deployment) = self.kept.rollouts.get(rollout).map(|own| own.deployment) else {
            return;
        };
        let app = |deployment: usize| apps.deployments.get(deployment).map(|one| &one.placed.app);
        if let Some(record) = self.kept.records.get_mut(index) {
            record
                .items
                .retain(|(other, _)| app(*other) != app(deployment));
            if let Some(to) = one.to {
                record.items.push((place(to.deployment), to.revision));
                record.items.sort_unstable();
            }
        }
        if let Ok(device) = u32::try_from(index) {
            self.publish(apps, device, 0, at_ms);
        }
        let version = self
            .kept
            .records
            .get(index)
            .map_or(0, |record| record.version);
        for (place, other) in self.kept.rollouts.iter_mut().enumerate() {
            let Some(row) = other.rows.get_mut(index) else {
                continue;
            };
            if place == rollout {
                row.attempt = Some(Attempt {
                    direction: one.direction,
                    from: one.from,
                    to: one.to,
                    begun_at: at,
                    outcome: Outcome::Open,
                });
                row.state_version = version;
            } else if one.takes_over == Some(other.id)
                && let Some(attempt) = &mut row.attempt
            {
                attempt.outcome = Outcome::Replaced { at };
            }
        }
    }

    /// How many changes of a device are open.
    pub(crate) fn attempts_open(&self, device: u32) -> usize {
        let index = device as usize;
        let mut rows = self
            .kept
            .rollouts
            .iter()
            .filter_map(|one| one.rows.get(index));
        rows.by_ref().filter(|row| row.is_open()).count()
    }

    /// Where every device stands in a rollout now, in words.
    pub(crate) fn standings(
        &self,
        apps: &Apps,
        rollout: usize,
        now_ms: u64,
    ) -> Vec<(u32, &'static str, String)> {
        let own = self.kept.rollouts.get(rollout);
        let snapshot = self.snapshot(apps, rollout, now_ms);
        let Some((own, snapshot)) = own.zip(snapshot) else {
            return Vec::new();
        };
        let plan = plan(&own.policy, &snapshot, unix(now_ms));
        let places = plan.places.into_iter().filter_map(|place| {
            let device = u32::try_from(index_of(place.device)).ok()?;
            Some((device, place.standing.word(), place.standing.to_string()))
        });
        places.collect()
    }
}

pub(crate) fn index_of(id: thimble_rollout::DeviceId) -> usize {
    let [a, b, c, d, ..] = id.0;
    u32::from_be_bytes([a, b, c, d]) as usize
}

fn place(id: thimble_rollout::DeploymentId) -> usize {
    place_of(thimble_protocol::DeploymentId(id.0))
}

pub(super) fn planner_deployment(place: usize) -> thimble_rollout::DeploymentId {
    thimble_rollout::DeploymentId(deployment_id(place).0)
}

pub(super) fn assigned(deployment: usize, revision: u64) -> Assigned {
    Assigned {
        deployment: planner_deployment(deployment),
        revision,
    }
}

pub(super) const fn is_under_way(state: State) -> bool {
    matches!(
        state,
        State::Running | State::WaitingApproval | State::Paused | State::RollingBack
    )
}

pub(super) fn window(record: &Record, now: UnixMs) -> WindowState {
    if record.windows.is_empty() {
        return WindowState::Open;
    }
    let windows: Vec<Window> = record
        .windows
        .iter()
        .map(|window| Window {
            days: window.days,
            begin_minute: window.begin_minute,
            minutes: window.minutes,
            utc_offset_minutes: window.utc_offset_minutes,
        })
        .collect();
    match opens_at(&windows, now) {
        Some(at) if at <= now => WindowState::Open,
        Some(at) => WindowState::OpensAt(at),
        None => WindowState::Never,
    }
}

/// What a device says of a change.
pub(super) fn reported(apps: &Apps, record: &Record, row: &Row, attempt: &Attempt) -> Reported {
    let subject = attempt.to.or(attempt.from);
    let (Some(report), Some(subject)) = (&record.report, subject) else {
        return Reported::Nothing;
    };
    let change = Change {
        deployment: thimble_protocol::DeploymentId(subject.deployment.0),
        goal: match attempt.to {
            Some(to) => {
                let version = apps.number(place(to.deployment), to.revision);
                Goal::Installed(version.map(|one| one.digest))
            }
            None => Goal::Removed,
        },
        version: StateVersion(row.state_version),
        newest: StateVersion(record.version),
    };
    match report.says_of(&change) {
        Said::Nothing => Reported::Nothing,
        Said::Working => Reported::Working,
        Said::Vetoed => Reported::Waiting(Wait::Veto),
        Said::Held => Reported::Waiting(Wait::Hold),
        Said::Waiting => Reported::Waiting(Wait::Window),
        Said::Done => Reported::Done,
        Said::Failed { why } => Reported::Failed {
            why: why.unwrap_or("the device did not say why").to_owned(),
        },
    }
}

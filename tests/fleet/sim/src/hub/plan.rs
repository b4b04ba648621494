//! Rollouts: snapshots of what is kept, plans by `thimble_rollout`, and how a plan is kept.

use thimble_image::Digest;
use thimble_protocol::report::{DeploymentState, DeploymentStatus, Phase, ReasonCode};
use thimble_rollout::placement::Verdict;
use thimble_rollout::plan::{Assignment, Plan};
use thimble_rollout::snapshot::{
    Attempt, Busy, Bystander, Device, Direction, Outcome, Reported, Snapshot, State, Wait,
    WindowState,
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

    /// Plans what is to be done about a rollout.
    pub(crate) fn plan(
        &self,
        apps: &Apps,
        rollout: usize,
        token: u64,
        now_ms: u64,
    ) -> Option<Made> {
        let own = self.kept.rollouts.get(rollout)?;
        let snapshot = self.snapshot(apps, rollout, now_ms)?;
        Some(Made {
            rollout,
            edition: own.edition,
            token,
            at_ms: now_ms,
            plan: plan(&own.policy, &snapshot, unix(now_ms)),
        })
    }

    fn snapshot(&self, apps: &Apps, rollout: usize, now_ms: u64) -> Option<Snapshot> {
        let own = self.kept.rollouts.get(rollout)?;
        let live: Vec<usize> = (0..self.kept.rollouts.len())
            .filter(|place| self.is_live(*place))
            .collect();
        let others = live.iter().filter(|place| **place != rollout);
        let others = others.filter_map(|place| self.kept.rollouts.get(*place));
        let other_budgets: Vec<_> = others
            .filter(|other| is_under_way(other.progress.state))
            .flat_map(|other| other.policy.budgets.iter().cloned())
            .collect();
        let has_budgets = !own.policy.budgets.is_empty() || !other_budgets.is_empty();
        let mut devices = Vec::new();
        let mut bystanders = Vec::new();
        for (index, record) in self.kept.records.iter().enumerate() {
            let device = u32::try_from(index).ok()?;
            let facts = self.facts.get(index)?;
            if self.concerns(own, index, record) {
                devices.push(self.device(apps, &live, rollout, device, now_ms)?);
            } else if has_budgets {
                bystanders.push(Bystander {
                    id: thimble_rollout::DeviceId(super::device_id(device).0),
                    labels: facts.labels.clone(),
                    is_unhealthy: record.is_unhealthy,
                    last_seen: record.seen_ms.map(unix),
                    is_busy: record.is_retrying || self.open_of(&live, index).next().is_some(),
                });
            }
        }
        Some(Snapshot {
            rollout: own.id,
            deployment: planner_deployment(own.deployment),
            revision: own.revision,
            author: "operator".into(),
            progress: own.progress.clone(),
            approvals: own.approvals.clone(),
            devices,
            bystanders,
            other_budgets,
            listening_since: unix(self.up_since_ms),
        })
    }

    fn verdict(&self, index: usize, deployment: usize) -> Verdict {
        let verdicts = self.verdicts.get(index);
        let verdict = verdicts.and_then(|all| all.get(&planner_deployment(deployment)));
        verdict.cloned().unwrap_or_default()
    }

    fn concerns(&self, own: &Rollout, index: usize, record: &Record) -> bool {
        self.verdict(index, own.deployment) != Verdict::NotSelected
            || record.revision(own.deployment).is_some()
            || own.rows.get(index).is_some_and(|row| row.attempt.is_some())
    }

    /// Rollouts that have a change of a device open.
    fn open_of<'a>(
        &'a self,
        live: &'a [usize],
        index: usize,
    ) -> impl Iterator<Item = (usize, &'a Rollout)> + 'a {
        let rollouts = live
            .iter()
            .filter_map(|place| Some((*place, self.kept.rollouts.get(*place)?)));
        rollouts.filter(move |(_, one)| one.rows.get(index).is_some_and(Row::is_pending))
    }

    fn device(
        &self,
        apps: &Apps,
        live: &[usize],
        rollout: usize,
        device: u32,
        now_ms: u64,
    ) -> Option<Device> {
        let index = device as usize;
        let own = self.kept.rollouts.get(rollout)?;
        let record = self.kept.records.get(index)?;
        let facts = self.facts.get(index)?;
        let row = own.rows.get(index)?;
        let app = |deployment: usize| apps.deployments.get(deployment).map(|one| &one.placed.app);
        let mut of_app = record
            .items
            .iter()
            .filter(|(one, _)| app(*one) == app(own.deployment));
        let reported = match &row.attempt {
            Some(attempt) if row.is_pending() => reported(apps, record, row, attempt),
            _ => Reported::Nothing,
        };
        let mut open = self
            .open_of(live, index)
            .filter(|(place, _)| *place != rollout);
        let busy = open.next().map(|(_, other)| Busy {
            rollout: other.id,
            may_take_over: !is_under_way(other.progress.state)
                && other.deployment == own.deployment
                && open.next().is_none(),
        });
        let needed = apps.deployments.get(own.deployment)?.depends_on.iter();
        let mut missing = needed.filter(|id| record.revision(place_of(**id)).is_none());
        let earlier = self.kept.rollouts.iter().filter(|other| {
            other.id != own.id
                && (other.deployment, other.revision) == (own.deployment, own.revision)
        });
        Some(Device {
            id: thimble_rollout::DeviceId(super::device_id(device).0),
            labels: facts.labels.clone(),
            hardware: facts.hardware.clone(),
            assigned: of_app
                .next()
                .map(|(one, revision)| assigned(*one, *revision)),
            verdict: self.verdict(index, own.deployment),
            wave: row.wave,
            attempt: row.attempt.clone(),
            reported,
            is_unhealthy: record.is_unhealthy,
            is_retrying: record.is_retrying,
            last_seen: record.seen_ms.map(unix),
            hold: record.hold(),
            hold_note: None,
            window: window(record, unix(now_ms)),
            failures: record.failures,
            has_failed_before: earlier
                .clone()
                .any(|other| other.rows.get(index).is_some_and(|row| row.has_failed)),
            busy,
            waits_for: match own.revision {
                Some(_) => missing.next().map(|id| planner_deployment(place_of(*id))),
                None => None,
            },
        })
    }

    /// Keeps a plan, in one transaction; the devices that were given something else. Nothing is kept if the rollout was changed
    /// since.
    pub(crate) fn keep(&mut self, apps: &Apps, made: &Made, is_unfenced: bool) -> Option<Vec<u32>> {
        let at = unix(made.at_ms);
        let own = self.kept.rollouts.get_mut(made.rollout)?;
        if own.edition != made.edition && !is_unfenced {
            return None;
        }
        own.edition += 1;
        own.progress = made.plan.progress.clone();
        if let Some(last) = made.plan.transitions.last() {
            own.reason = last.to_string();
        }
        for place in &made.plan.places {
            if let Some(row) = own.rows.get_mut(index_of(place.device)) {
                row.wave = place.wave;
                row.word = place.standing.word();
            }
        }
        for closed in &made.plan.closed {
            let index = index_of(closed.device);
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
        let mut changed = Vec::with_capacity(made.plan.assignments.len());
        for assignment in &made.plan.assignments {
            changed.push(u32::try_from(index_of(assignment.device)).ok()?);
            self.assign(apps, made.rollout, assignment, at, made.at_ms);
        }
        let own = self.kept.rollouts.get_mut(made.rollout)?;
        let is_over = own.progress.state.is_ended() || own.progress.state == State::Finished;
        own.has_ended = is_over && !own.rows.iter().any(Row::is_pending);
        Some(changed)
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
        let Some(made) = self.plan(apps, rollout, 0, now_ms) else {
            return Vec::new();
        };
        let places = made.plan.places.into_iter().filter_map(|place| {
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

fn planner_deployment(place: usize) -> thimble_rollout::DeploymentId {
    thimble_rollout::DeploymentId(deployment_id(place).0)
}

fn assigned(deployment: usize, revision: u64) -> Assigned {
    Assigned {
        deployment: planner_deployment(deployment),
        revision,
    }
}

const fn is_under_way(state: State) -> bool {
    matches!(
        state,
        State::Running | State::WaitingApproval | State::Paused | State::RollingBack
    )
}

fn window(record: &Record, now: UnixMs) -> WindowState {
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

/// What a device says of a change, as the hub reads it (`rollouts/attempt.rs` there).
fn reported(apps: &Apps, record: &Record, row: &Row, attempt: &Attempt) -> Reported {
    let Some(report) = &record.report else {
        return Reported::Nothing;
    };
    // A version that the hub never gave is of its life before it was restored.
    let is_about_it = (row.state_version..=record.version).contains(&report.adopted.0);
    let (true, Some(deployments)) = (is_about_it, &report.deployments) else {
        return Reported::Nothing;
    };
    let Some(subject) = attempt.to.or(attempt.from) else {
        return Reported::Nothing;
    };
    let mut statuses = deployments.iter();
    let status = statuses.find(|status| status.deployment.0 == subject.deployment.0);
    match (attempt.to, status) {
        (None, None) => Reported::Done,
        (None, Some(status)) => match status.state {
            DeploymentState::Removed => Reported::Done,
            DeploymentState::Failed => failed(status),
            _ if status.phase == Phase::Vetoed => Reported::Waiting(Wait::Veto),
            _ => Reported::Working,
        },
        (Some(_), None) => Reported::Nothing,
        (Some(to), Some(status)) => {
            let wanted = apps
                .number(place(to.deployment), to.revision)
                .map(|one| one.digest);
            install(wanted, status)
        }
    }
}

fn install(wanted: Option<Digest>, status: &DeploymentStatus) -> Reported {
    if wanted.is_some_and(|wanted| wanted != status.manifest) {
        return Reported::Working;
    }
    match (status.state, status.phase) {
        (_, Phase::RollingBack) => Reported::Working,
        (DeploymentState::Failed, _) | (_, Phase::RolledBack) => failed(status),
        (DeploymentState::Installed, Phase::Idle) => Reported::Done,
        (_, Phase::Vetoed) => Reported::Waiting(Wait::Veto),
        (_, Phase::Waiting) => {
            let code = status.reason.as_ref().map(|reason| reason.code);
            Reported::Waiting(if code == Some(ReasonCode::Held) {
                Wait::Hold
            } else {
                Wait::Window
            })
        }
        _ => Reported::Working,
    }
}

fn failed(status: &DeploymentStatus) -> Reported {
    let why = match &status.reason {
        Some(reason) => reason.text.clone(),
        None => "the device did not say why".to_owned(),
    };
    Reported::Failed { why }
}

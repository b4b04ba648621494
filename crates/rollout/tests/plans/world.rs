//! A fleet that does what plans say, by chance well or badly.

use std::collections::BTreeMap;

use thimble_rollout::placement::Verdict;
use thimble_rollout::policy::{Amount, ApprovalRule, Budget, OnFailures, Policy, Threshold, Wave};
use thimble_rollout::snapshot::{
    Approval, Attempt, Busy, Bystander, Device, Direction, Hold, Outcome, Progress, Reported,
    Snapshot, Wait, WindowState,
};
use thimble_rollout::{
    Assigned, DeploymentId, DeviceId, Labels, Plan, RolloutId, Selector, UnixMs,
};
use thimble_testkit::random::Random;

/// What is deployed.
pub(crate) const DEPLOYMENT: DeploymentId = DeploymentId([7; 16]);
/// When tests begin.
pub(crate) const BEGIN: UnixMs = UnixMs(1_795_993_200_000);

/// Returns a device's id.
pub(crate) fn device_id(number: u32) -> DeviceId {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    DeviceId(id)
}

/// Returns what a device has of a revision.
pub(crate) const fn revision(revision: u64) -> Option<Assigned> {
    Some(Assigned {
        deployment: DEPLOYMENT,
        revision,
    })
}

/// Returns labels of `KEY=VALUE`.
pub(crate) fn labels(pairs: &[(&str, String)]) -> Labels {
    let pairs = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()));
    Labels::new(pairs).unwrap()
}

/// Returns a device that has revision 1 and is fine.
pub(crate) fn device(number: u32, line: u32, hardware: &str) -> Device {
    Device {
        id: device_id(number),
        labels: labels(&[("line", line.to_string()), ("site", (line % 2).to_string())]),
        hardware: hardware.to_owned(),
        assigned: revision(1),
        verdict: Verdict::Placed,
        last_seen: Some(BEGIN),
        ..Device::default()
    }
}

/// Returns a rollout of revision 2 to these devices.
pub(crate) fn snapshot(devices: Vec<Device>) -> Snapshot {
    Snapshot {
        rollout: RolloutId([9; 16]),
        deployment: DEPLOYMENT,
        revision: Some(2),
        author: "ada".to_owned(),
        devices,
        ..Snapshot::default()
    }
}

/// Does what a plan says.
pub(crate) fn apply(snapshot: &mut Snapshot, plan: &Plan, now: UnixMs) {
    let mut by_id: BTreeMap<DeviceId, &mut Device> = snapshot
        .devices
        .iter_mut()
        .map(|device| (device.id, device))
        .collect();
    for place in &plan.places {
        by_id.get_mut(&place.device).unwrap().wave = place.wave;
    }
    for closed in &plan.closed {
        let device = by_id.get_mut(&closed.device).unwrap();
        if matches!(
            closed.outcome,
            Outcome::Failed { .. } | Outcome::TimedOut { .. }
        ) {
            device.failures += 1;
        }
        device.attempt.as_mut().unwrap().outcome = closed.outcome.clone();
    }
    for assignment in &plan.assignments {
        let device = by_id.get_mut(&assignment.device).unwrap();
        assert_eq!(device.assigned, assignment.from);
        device.assigned = assignment.to;
        device.reported = Reported::Nothing;
        device.busy = None;
        device.attempt = Some(Attempt {
            direction: assignment.direction,
            from: assignment.from,
            to: assignment.to,
            begun_at: now,
            outcome: Outcome::Open,
        });
    }
    snapshot.progress = plan.progress.clone();
}

/// Returns a number of devices or a percentage, or neither.
fn threshold(random: &mut Random, most: u64) -> Threshold {
    let mut some = |bound: u64| (random.below(2) == 0).then(|| random.below(bound));
    Threshold {
        count: some(most).map(|count| u32::try_from(count).unwrap()),
        percent: some(101).map(|percent| u8::try_from(percent).unwrap()),
    }
}

fn optional(random: &mut Random, least: u64, most: u64) -> Option<u32> {
    (random.below(2) == 0).then(|| u32::try_from(least + random.below(most)).unwrap())
}

fn wave(random: &mut Random, index: usize) -> Wave {
    let selectors = [
        "line=1",
        "site in (0)",
        "!canary",
        "canary",
        "line notin (1,2)",
    ];
    Wave {
        name: format!("wave {index}"),
        selector: (random.below(2) == 0)
            .then(|| Selector::parse(selectors[random.index(selectors.len())]).unwrap()),
        amount: match random.below(3) {
            0 => Amount::ALL,
            1 => Amount::count(1 + u32::try_from(random.below(8)).unwrap()),
            _ => Amount::percent(1 + u8::try_from(random.below(100)).unwrap()),
        },
        at_once_max: optional(random, 1, 20),
        success_percent: (random.below(2) == 0).then(|| u8::try_from(random.below(101)).unwrap()),
        failures_max: threshold(random, 6),
        hardware_failures_max: threshold(random, 6),
        soak_s: u32::try_from(random.below(600)).unwrap(),
        approval: (random.below(4) == 0).then(|| ApprovalRule {
            persons: 1 + u8::try_from(random.below(2)).unwrap(),
            roles: vec!["approver".to_owned()],
            excludes_author: random.below(2) == 0,
        }),
    }
}

/// Returns a policy.
pub(crate) fn policy(random: &mut Random) -> Policy {
    let waves = (0..random.index(5))
        .map(|index| wave(random, index))
        .collect();
    let budgets = (0..random.index(3))
        .map(|_| Budget {
            key: (*random.pick(&["line", "site", "none"])).to_owned(),
            max: Threshold {
                count: Some(u32::try_from(random.below(5)).unwrap()),
                ..threshold(random, 2)
            },
        })
        .collect();
    Policy {
        waves,
        budgets,
        rate_per_minute: optional(random, 1, 20),
        at_once_max: optional(random, 1, 20),
        failures_per_device_max: optional(random, 1, 3),
        attempt_timeout_s: 600,
        offline_after_s: 900,
        window_lead_s: u32::try_from(random.below(7200)).unwrap(),
        begins_at: (random.below(4) == 0).then(|| BEGIN.plus_s(500)),
        deadline: (random.below(4) == 0).then(|| BEGIN.plus_s(20_000)),
        on_failures: *random.pick(&[OnFailures::Pause, OnFailures::Abort, OnFailures::RollBack]),
    }
}

/// Returns a fleet in which much is wrong.
pub(crate) fn fleet(random: &mut Random) -> Snapshot {
    let count = 1 + u32::try_from(random.below(60)).unwrap();
    let verdicts = [
        Verdict::Placed,
        Verdict::Placed,
        Verdict::Placed,
        Verdict::NotSelected,
        Verdict::Conflict {
            with: DeploymentId([8; 16]),
        },
        Verdict::Superseded {
            by: DeploymentId([8; 16]),
        },
        Verdict::MissingDependency {
            deployment: DeploymentId([8; 16]),
        },
    ];
    let devices = (0..count).map(|number| {
        let line = u32::try_from(random.below(4)).unwrap();
        let hardware = *random.pick(&["a", "b"]);
        let mut device = device(number, line, hardware);
        if random.below(8) == 0 {
            device.labels = labels(&[("canary", String::new()), ("line", line.to_string())]);
        }
        device.verdict = random.pick(&verdicts).clone();
        device.assigned = *random.pick(&[None, revision(1), revision(1), revision(2)]);
        device.has_failed_before = random.below(20) == 0;
        device.busy = (random.below(20) == 0).then(|| Busy {
            rollout: RolloutId([5; 16]),
            may_take_over: random.below(2) == 0,
        });
        device
    });
    let devices = devices.collect();
    let bystanders = (count..count + 10)
        .map(|number| Bystander {
            id: device_id(number),
            labels: labels(&[("line", random.below(4).to_string())]),
            is_unhealthy: random.below(8) == 0,
            last_seen: Some(BEGIN.plus_s(100_000)),
            is_busy: random.below(8) == 0,
        })
        .collect();
    Snapshot {
        revision: (random.below(8) != 0).then_some(2),
        bystanders,
        other_budgets: vec![Budget {
            key: "site".to_owned(),
            max: Threshold {
                count: Some(4),
                percent: None,
            },
        }],
        ..snapshot(devices)
    }
}

/// Lets devices and people do something until the next plan.
pub(crate) fn live(random: &mut Random, snapshot: &mut Snapshot, now: UnixMs) {
    for device in &mut snapshot.devices {
        if random.below(10) != 0 {
            device.last_seen = device.last_seen.max(Some(now));
        }
        if random.below(30) == 0 {
            device.is_unhealthy = !device.is_unhealthy;
        }
        if random.below(40) == 0 {
            device.hold = *random.pick(&[Hold::Held, Hold::Free, Hold::Until(now.plus_s(900))]);
        }
        if random.below(40) == 0 {
            device.window = *random.pick(&[
                WindowState::Open,
                WindowState::OpensAt(now.plus_s(5000)),
                WindowState::Never,
            ]);
        }
        if random.below(60) == 0 {
            device.verdict = random
                .pick(&[Verdict::Placed, Verdict::NotSelected])
                .clone();
        }
        if device
            .attempt
            .as_ref()
            .is_some_and(|attempt| attempt.outcome == Outcome::Open)
        {
            device.reported = match random.below(8) {
                0..3 => Reported::Done,
                3 => Reported::Failed {
                    why: "crashed".to_owned(),
                },
                4 => Reported::Waiting(Wait::Veto),
                5 => Reported::Working,
                _ => device.reported.clone(),
            };
        }
    }
    operate(random, snapshot, now);
}

/// Lets people do something.
fn operate(random: &mut Random, snapshot: &mut Snapshot, now: UnixMs) {
    if random.below(3) == 0 {
        snapshot.approvals.push(Approval {
            wave: u16::try_from(random.below(5)).unwrap(),
            user: (*random.pick(&["ada", "bo", "cy"])).to_owned(),
            roles: vec![(*random.pick(&["approver", "viewer"])).to_owned()],
        });
    }
    let progress: &mut Progress = &mut snapshot.progress;
    // What is not possible is refused, and changes nothing.
    let _ = match random.below(60) {
        0 => progress.pause(),
        1..20 => progress.resume(now),
        20 if random.below(4) == 0 => progress.abort(),
        21 if random.below(2) == 0 => progress.roll_back(),
        _ => Ok(()),
    };
}

/// Says whether a device is down or updating.
pub(crate) fn is_down(device: &Device, policy: &Policy, now: UnixMs) -> bool {
    let is_pending = device
        .attempt
        .as_ref()
        .is_some_and(|attempt| matches!(attempt.outcome, Outcome::Open | Outcome::TimedOut { .. }));
    is_pending
        || device.is_unhealthy
        || device.busy.is_some()
        || device
            .last_seen
            .is_none_or(|seen| seen.plus_s(policy.offline_after_s.into()) <= now)
}

/// Says whether a change goes forward.
pub(crate) fn is_forward(direction: Direction) -> bool {
    direction == Direction::Forward
}

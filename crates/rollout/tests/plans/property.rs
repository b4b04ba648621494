//! Whatever the policy, the fleet and its history: bounds hold, waves keep their order, and every device has a reason.

use std::collections::{BTreeMap, BTreeSet};

use thimble_rollout::policy::{Budget, Policy};
use thimble_rollout::snapshot::{Outcome, Snapshot, State};
use thimble_rollout::{DeviceId, Plan, Standing, UnixMs, plan};
use thimble_testkit::random::{Random, seed};

use super::world::{BEGIN, apply, fleet, is_down, is_forward, live, policy};

/// Devices that are down or updating, and all, by budget and value.
fn usage(
    snapshot: &Snapshot,
    policy: &Policy,
    now: UnixMs,
) -> BTreeMap<(usize, String), (u32, u32)> {
    let mut usage = BTreeMap::new();
    let budgets = policy.budgets.iter().chain(&snapshot.other_budgets);
    for (index, budget) in budgets.enumerate() {
        let devices = snapshot
            .devices
            .iter()
            .map(|device| (&device.labels, is_down(device, policy, now)));
        let bystanders = snapshot
            .bystanders
            .iter()
            .map(|one| (&one.labels, one.is_unhealthy || one.is_busy));
        for (labels, is_down) in devices.chain(bystanders) {
            let Some(value) = labels.value(&budget.key) else {
                continue;
            };
            let used: &mut (u32, u32) = usage.entry((index, value.to_owned())).or_default();
            used.0 += u32::from(is_down);
            used.1 += 1;
        }
    }
    usage
}

fn check_budgets(before: &Snapshot, after: &Snapshot, policy: &Policy, now: UnixMs) {
    let budgets: Vec<&Budget> = policy.budgets.iter().chain(&before.other_budgets).collect();
    let earlier = usage(before, policy, now);
    for (place, (down, whole)) in usage(after, policy, now) {
        let max = budgets[place.0].max_of(whole);
        let (down_before, _) = earlier[&place];
        assert!(
            down <= max.max(down_before),
            "{place:?}: {down} of {max}, {down_before} before"
        );
    }
}

fn check_devices(before: &Snapshot, plan: &Plan, policy: &Policy, now: UnixMs) {
    let devices: BTreeMap<DeviceId, _> = before
        .devices
        .iter()
        .map(|device| (device.id, device))
        .collect();
    let standings: BTreeMap<DeviceId, _> = plan
        .places
        .iter()
        .map(|place| (place.device, &place.standing))
        .collect();
    assert_eq!(
        plan.places.len(),
        before.devices.len(),
        "every device has a reason"
    );
    for place in &plan.places {
        assert!(!place.standing.to_string().is_empty());
        let wave = devices[&place.device].wave;
        assert!(
            wave.is_none() || wave == place.wave,
            "a device keeps its wave"
        );
    }
    let mut seen = BTreeSet::new();
    for assignment in &plan.assignments {
        let device = devices[&assignment.device];
        let standing = standings[&assignment.device];
        assert!(seen.insert(assignment.device), "twice in a plan");
        assert!(
            device.busy.is_none() || assignment.takes_over.is_some(),
            "two rollouts"
        );
        if !is_forward(assignment.direction) {
            assert_eq!(*standing, Standing::GoesBack);
            continue;
        }
        assert_eq!(
            *standing,
            Standing::Begins {
                wave: assignment.wave
            }
        );
        let is_open = device
            .attempt
            .as_ref()
            .is_some_and(|one| one.outcome == Outcome::Open);
        let is_closed = plan.closed.iter().any(|closed| closed.device == device.id);
        assert!(!is_open || is_closed, "two changes of one device");
        assert!(!device.hold.binds(now), "held");
        assert!(
            device
                .last_seen
                .unwrap()
                .plus_s(policy.offline_after_s.into())
                > now,
            "offline"
        );
        assert!(assignment.wave <= plan.progress.wave, "a later wave");
        let rule = policy
            .waves
            .get(usize::from(assignment.wave))
            .and_then(|wave| wave.approval.as_ref());
        if let Some(rule) = rule {
            let persons: BTreeSet<&str> = before
                .approvals
                .iter()
                .filter(|one| one.wave == assignment.wave && one.roles == rule.roles)
                .filter(|one| !rule.excludes_author || one.user != before.author)
                .map(|one| one.user.as_str())
                .collect();
            assert!(persons.len() >= usize::from(rule.persons), "not approved");
        }
    }
}

fn check_plan(before: &Snapshot, plan_made: &Plan, policy: &Policy, now: UnixMs) {
    assert_eq!(plan(policy, before, now), *plan_made, "the same again");
    let mut turned = before.clone();
    turned.devices.reverse();
    let mut other = plan(policy, &turned, now);
    other.places.reverse();
    other.closed.reverse();
    other
        .assignments
        .sort_by_key(|assignment| assignment.device);
    let mut same = plan_made.clone();
    same.assignments.sort_by_key(|assignment| assignment.device);
    // Which devices a used up budget names may depend on the order; who changes may not.
    assert_eq!(other.assignments, same.assignments);
    assert_eq!((other.progress, other.closed), (same.progress, same.closed));
    assert!(
        plan_made.next_look.is_none_or(|at| at > now),
        "a look in the past"
    );
    assert!(
        plan_made.progress.wave >= before.progress.wave,
        "waves go back"
    );
    let stopped = [State::Paused, State::Aborted, State::Failed];
    if stopped.contains(&before.progress.state) {
        assert!(
            plan_made.assignments.is_empty(),
            "{:?}",
            before.progress.state
        );
        assert_eq!(plan_made.progress, before.progress);
    }
}

#[test]
fn bounds_hold_and_every_device_has_a_reason() {
    let mut random = Random::new(seed(28));
    let mut ends = BTreeMap::new();
    let mut assigned = 0;
    for _ in 0..400 {
        let policy = policy(&mut random);
        policy.check().unwrap();
        let mut snapshot = fleet(&mut random);
        let mut now = BEGIN;
        let mut begun: Vec<UnixMs> = Vec::new();
        for _ in 0..60 {
            let plan = plan(&policy, &snapshot, now);
            check_plan(&snapshot, &plan, &policy, now);
            check_devices(&snapshot, &plan, &policy, now);
            let before = snapshot.clone();
            apply(&mut snapshot, &plan, now);
            check_budgets(&before, &snapshot, &policy, now);
            assigned += plan.assignments.len();
            begun.extend(plan.assignments.iter().map(|_| now));
            begun.retain(|at| at.plus_s(60) > now);
            if let Some(rate) = policy.rate_per_minute {
                assert!(begun.len() <= rate as usize, "{} of {rate}", begun.len());
            }
            now = now.plus_ms(1 + random.below(400_000));
            live(&mut random, &mut snapshot, now);
        }
        *ends.entry(snapshot.progress.state).or_insert(0) += 1;
    }
    // Otherwise the test would say nothing.
    assert!(assigned > 1000, "{assigned}");
    for state in [
        State::Finished,
        State::Paused,
        State::Aborted,
        State::Failed,
        State::Running,
    ] {
        assert!(ends.get(&state).is_some_and(|count| *count > 3), "{ends:?}");
    }
}

#[test]
fn a_healthy_fleet_gets_there_and_back() {
    let mut random = Random::new(seed(29));
    for _ in 0..300 {
        let mut policy = policy(&mut random);
        policy.deadline = None;
        for budget in &mut policy.budgets {
            budget.max.count = budget.max.count.map(|count| count.max(1));
        }
        for wave in &mut policy.waves {
            wave.approval = None;
        }
        // Whatever is in no other wave is in the last.
        policy.waves.push(thimble_rollout::policy::Wave::default());
        let count = 1 + u32::try_from(random.below(50)).unwrap();
        let devices = (0..count)
            .map(|number| super::world::device(number, number % 5, "a"))
            .collect();
        let mut snapshot = super::world::snapshot(devices);
        let mut now = BEGIN;
        run(&policy, &mut snapshot, &mut now, State::Finished);
        assert!(
            snapshot
                .devices
                .iter()
                .all(|one| one.assigned == super::world::revision(2))
        );
        snapshot.progress.roll_back().unwrap();
        run(&policy, &mut snapshot, &mut now, State::Failed);
        assert!(
            snapshot
                .devices
                .iter()
                .all(|one| one.assigned == super::world::revision(1))
        );
    }
}

/// Lets every device do what it is told, until the rollout is in a state.
fn run(policy: &Policy, snapshot: &mut Snapshot, now: &mut UnixMs, state: State) {
    for _ in 0..1000 {
        let plan = plan(policy, snapshot, *now);
        apply(snapshot, &plan, *now);
        if snapshot.progress.state == state {
            return;
        }
        // Either something was begun, which devices then do, or the plan says when to look again.
        let is_open = |device: &thimble_rollout::snapshot::Device| {
            device
                .attempt
                .as_ref()
                .is_some_and(|one| one.outcome == Outcome::Open)
        };
        if snapshot.devices.iter().any(is_open) {
            *now = now.plus_ms(1);
        } else {
            *now = plan
                .next_look
                .expect("nothing is open, and nobody looks again");
        }
        for device in &mut snapshot.devices {
            device.last_seen = Some(*now);
            device.reported = thimble_rollout::snapshot::Reported::Done;
        }
    }
    panic!("never {state:?}: {:?}", snapshot.progress);
}

//! Plans of a few fleets, as people read them. `UPDATE=1` writes them anew.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use thimble_rollout::placement::{Misfit, Verdict};
use thimble_rollout::policy::{Amount, ApprovalRule, Budget, OnFailures, Policy, Threshold, Wave};
use thimble_rollout::snapshot::{
    Approval, Attempt, Busy, Bystander, Device, Direction, Hold, HoldNote, Outcome, Reported,
    Snapshot, State, Wait, WindowState,
};
use thimble_rollout::{DeploymentId, RolloutId, Selector, UnixMs, plan};

use super::world::{BEGIN, apply, device, device_id, labels, revision, snapshot};

/// Plans, does it, and writes it down.
fn tell(text: &mut String, title: &str, policy: &Policy, snapshot: &mut Snapshot, now: UnixMs) {
    let plan = plan(policy, snapshot, now);
    writeln!(text, "## {title}, at {now}\n").unwrap();
    for place in &plan.places {
        let wave = place
            .wave
            .map_or_else(|| "-".to_owned(), |wave| (wave + 1).to_string());
        let word = place.standing.word();
        let id = place.device.to_string();
        writeln!(text, "{} wave {wave} {word}: {}", &id[34..], place.standing).unwrap();
    }
    for transition in &plan.transitions {
        writeln!(text, "rollout: {transition}").unwrap();
    }
    let next = plan
        .next_look
        .map_or_else(|| "-".to_owned(), |at| at.to_string());
    writeln!(text, "{}, next look {next}\n", plan.progress.state.word()).unwrap();
    apply(snapshot, &plan, now);
}

fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "UPDATE=1 writes {name} anew");
}

fn done(snapshot: &mut Snapshot, numbers: &[u32], now: UnixMs) {
    for device in &mut snapshot.devices {
        device.last_seen = device.last_seen.map(|_| now);
        if numbers.iter().any(|number| device.id == device_id(*number)) {
            device.reported = Reported::Done;
        }
    }
}

fn count(count: u32) -> Threshold {
    Threshold {
        count: Some(count),
        percent: None,
    }
}

#[test]
fn a_canary_and_then_lines() {
    let policy = Policy {
        waves: vec![
            Wave {
                name: "canary".to_owned(),
                selector: Some(Selector::parse("line=0").unwrap()),
                amount: Amount::count(1),
                soak_s: 600,
                ..Wave::default()
            },
            Wave {
                approval: Some(ApprovalRule {
                    persons: 2,
                    roles: vec!["approver".to_owned()],
                    excludes_author: true,
                }),
                failures_max: Threshold {
                    count: None,
                    percent: Some(10),
                },
                ..Wave::default()
            },
        ],
        budgets: vec![Budget {
            key: "line".to_owned(),
            max: count(1),
        }],
        ..Policy::default()
    };
    let mut fleet = snapshot(
        (0..8)
            .map(|number| device(number, number % 3, "a"))
            .collect(),
    );
    fleet.devices[7].last_seen = Some(UnixMs(BEGIN.0 - 7_200_000));
    fleet.bystanders.push(Bystander {
        id: device_id(99),
        labels: labels(&[("line", "2".to_owned())]),
        ..Bystander::default()
    });
    let mut text = "# A canary and then lines\n\n".to_owned();
    tell(&mut text, "The canary", &policy, &mut fleet, BEGIN);
    let now = BEGIN.plus_s(60);
    done(&mut fleet, &[0, 3, 6], now);
    tell(&mut text, "It is watched", &policy, &mut fleet, now);
    let now = BEGIN.plus_s(700);
    tell(
        &mut text,
        "Two people must approve",
        &policy,
        &mut fleet,
        now,
    );
    for user in ["ada", "bo", "bo", "cy"] {
        fleet.approvals.push(Approval {
            wave: 1,
            user: user.to_owned(),
            roles: vec!["approver".to_owned()],
        });
    }
    fleet.devices[7].last_seen = Some(now);
    tell(&mut text, "One of each line", &policy, &mut fleet, now);
    for device in &mut fleet.devices {
        device.reported = Reported::Failed {
            why: "reader crashed three times".to_owned(),
        };
    }
    tell(
        &mut text,
        "It goes wrong",
        &policy,
        &mut fleet,
        now.plus_s(60),
    );
    fleet.progress.roll_back().unwrap();
    tell(&mut text, "Back", &policy, &mut fleet, now.plus_s(120));
    done(&mut fleet, &[0, 1, 2, 3, 4, 5, 6, 7], now.plus_s(180));
    tell(
        &mut text,
        "Back again",
        &policy,
        &mut fleet,
        now.plus_s(180),
    );
    check("canary.txt", &text);
}

#[test]
fn every_reason() {
    let other = DeploymentId([8; 16]);
    let mut devices: Vec<Device> = (0..24).map(|number| device(number, number, "a")).collect();
    devices[0].assigned = revision(2);
    devices[1].verdict = Verdict::NotSelected;
    devices[2].verdict = Verdict::Conflict { with: other };
    devices[3].verdict = Verdict::Superseded { by: other };
    devices[4].verdict = Verdict::MissingDependency { deployment: other };
    devices[5].verdict = Verdict::DoesNotFit(Misfit::Ram {
        needed_bytes: 65_536,
        free_bytes: 1024,
    });
    devices[6].last_seen = None;
    devices[7].last_seen = Some(UnixMs(BEGIN.0 - 3_600_000));
    devices[8].hold = Hold::Held;
    devices[8].hold_note = Some(Arc::new(HoldNote {
        who: "olga".to_owned(),
        why: "the press is being repaired".to_owned(),
    }));
    devices[9].hold = Hold::Until(BEGIN.plus_s(60));
    devices[10].window = WindowState::OpensAt(BEGIN.plus_s(7200));
    devices[11].window = WindowState::Never;
    devices[12].has_failed_before = true;
    devices[13].failures = 3;
    devices[14].busy = Some(Busy {
        rollout: RolloutId([5; 16]),
        may_take_over: false,
    });
    devices[15].busy = Some(Busy {
        rollout: RolloutId([5; 16]),
        may_take_over: true,
    });
    devices[16].waits_for = Some(other);
    let attempt = |outcome| Attempt {
        direction: Direction::Forward,
        from: revision(1),
        to: revision(2),
        begun_at: UnixMs(BEGIN.0 - 600_000),
        outcome,
    };
    for device in &mut devices[17..22] {
        device.assigned = revision(2);
        device.attempt = Some(attempt(Outcome::Open));
    }
    devices[17].reported = Reported::Waiting(Wait::Veto);
    devices[18].reported = Reported::Working;
    devices[19].reported = Reported::Done;
    devices[20].reported = Reported::Done;
    devices[20].is_unhealthy = true;
    devices[21].attempt = Some(Attempt {
        begun_at: UnixMs(BEGIN.0 - 3_600_000),
        ..attempt(Outcome::Open)
    });
    let mut fleet = snapshot(devices);
    fleet.progress.state = State::Running;
    let mut policy = Policy {
        rate_per_minute: Some(2),
        ..Policy::default()
    };
    let mut text = "# Every reason\n\n".to_owned();
    tell(&mut text, "At the first look", &policy, &mut fleet, BEGIN);
    policy.deadline = Some(BEGIN.plus_s(90));
    tell(
        &mut text,
        "At the deadline",
        &policy,
        &mut fleet,
        BEGIN.plus_s(90),
    );
    check("reasons.txt", &text);
}

#[test]
fn a_hardware_type_that_fails() {
    let policy = Policy {
        waves: vec![Wave {
            hardware_failures_max: count(1),
            ..Wave::default()
        }],
        on_failures: OnFailures::RollBack,
        ..Policy::default()
    };
    let mut fleet = snapshot(
        (0..6)
            .map(|number| device(number, number, if number < 3 { "old" } else { "new" }))
            .collect(),
    );
    let mut text = "# A hardware type that fails\n\n".to_owned();
    tell(&mut text, "All begin", &policy, &mut fleet, BEGIN);
    done(&mut fleet, &[3, 4, 5], BEGIN);
    for device in &mut fleet.devices[..2] {
        device.reported = Reported::Failed {
            why: "does not start".to_owned(),
        };
    }
    tell(
        &mut text,
        "Two of the old ones fail",
        &policy,
        &mut fleet,
        BEGIN.plus_s(60),
    );
    tell(&mut text, "Back", &policy, &mut fleet, BEGIN.plus_s(61));
    check("hardware.txt", &text);
}

//! What is not known of devices: a hub that was away does not blame them, and those that try again by themselves count.

use thimble_rollout::policy::{Budget, Threshold};
use thimble_rollout::snapshot::{Attempt, Direction, Outcome, Reported};
use thimble_rollout::{Policy, plan};

use crate::world::{BEGIN, device, revision, snapshot};

#[test]
fn what_a_device_could_not_say_does_not_count_against_it() {
    let policy = Policy {
        attempt_timeout_s: 600,
        ..Policy::default()
    };
    let mut told = device(1, 1, "m4");
    told.assigned = revision(2);
    told.reported = Reported::Nothing;
    told.attempt = Some(Attempt {
        direction: Direction::Forward,
        from: revision(1),
        to: revision(2),
        begun_at: BEGIN,
        outcome: Outcome::Open,
    });
    let mut snapshot = snapshot(vec![told]);
    let back = BEGIN.plus_s(86_400);
    let outcomes = |snapshot: &_, now| -> Vec<Outcome> {
        let closed = plan(&policy, snapshot, now).closed;
        closed.into_iter().map(|closed| closed.outcome).collect()
    };
    assert_eq!(
        outcomes(&snapshot, back),
        [Outcome::TimedOut { at: back }],
        "the hub was there all day"
    );
    snapshot.listening_since = back;
    assert_eq!(outcomes(&snapshot, back), [], "the hub was away");
    let looked = plan(&policy, &snapshot, back).next_look;
    assert_eq!(looked, Some(back.plus_s(600)));
    let late = back.plus_s(600);
    assert_eq!(
        outcomes(&snapshot, late),
        [Outcome::TimedOut { at: late }],
        "the device had as long as any"
    );
}

#[test]
fn a_device_that_tries_again_by_itself_counts_in_its_budget() {
    let policy = Policy {
        budgets: vec![Budget {
            key: "line".to_owned(),
            max: Threshold {
                count: Some(1),
                percent: None,
            },
        }],
        ..Policy::default()
    };
    let mut retrying = device(1, 1, "m4");
    retrying.assigned = revision(2);
    retrying.attempt = Some(Attempt {
        direction: Direction::Forward,
        from: revision(1),
        to: revision(2),
        begun_at: BEGIN,
        outcome: Outcome::Failed {
            at: BEGIN,
            why: "404".to_owned(),
        },
    });
    let mut snapshot = snapshot(vec![retrying, device(2, 1, "m4")]);
    assert_eq!(plan(&policy, &snapshot, BEGIN).assignments.len(), 1);
    for device in &mut snapshot.devices {
        device.is_retrying = device.attempt.is_some();
    }
    let made = plan(&policy, &snapshot, BEGIN);
    assert_eq!(made.assignments, []);
    let standing = made.places.last().map(|place| place.standing.word());
    assert_eq!(standing, Some("budget"));
}

//! Restart policies, crash loops, dependencies.

use thimble_device_api::client::EventQuery;
use thimble_device_api::{
    ContainerSpec, Dependency, DependencyCondition, EndReason, Event, EventKind, State,
};

use super::device::Device;
use super::guests::{IDLE, ends, plain, reports};

fn with_policy(image: &str, policy: &str) -> ContainerSpec {
    ContainerSpec {
        restart: Some(policy.into()),
        ..Device::spec(image)
    }
}

#[test]
fn each_policy_does_what_it_says() {
    let device = Device::started();
    device.image("good", &ends("good", 0), plain());
    device.image("bad", &ends("bad", 1), plain());

    device.run("no", with_policy("bad", "no"));
    assert_eq!(device.until_state("no", State::Failed).restarts, 0);
    device.run("on-failure", with_policy("good", "on-failure"));
    assert_eq!(device.until_state("on-failure", State::Exited).restarts, 0);
    device.run("twice", with_policy("bad", "on-failure:2"));
    let given_up = device.until_state("twice", State::Failed);
    assert_eq!(given_up.restarts, 2);
    assert_eq!(given_up.ends.len(), 3);
    assert!(
        given_up
            .reason
            .unwrap()
            .contains("gave up after 3 failures")
    );
    device.run("always", with_policy("good", "always"));
    device.until("always", |container| container.restarts >= 2);
    // An operator's word counts more than a policy.
    let stopped = device.client().stop("always", None).unwrap();
    assert_eq!(stopped.state, State::Exited);
}

#[test]
fn a_crash_loop_is_told_and_slows_down() {
    let device = Device::started();
    device.image("bad", &ends("bad", 1), plain());
    device.run("loops", with_policy("bad", "always"));
    let container = device.until("loops", |container| container.crash_loop);
    assert!(container.failures >= 5);
    assert!(container.reason.unwrap().contains("fails again and again"));
    let client = device.client();
    let query = EventQuery {
        container: Some("loops".into()),
        ..EventQuery::default()
    };
    let told = |events: &[Event]| {
        events
            .iter()
            .any(|event| event.kind == EventKind::CrashLoop)
    };
    let mut events: Vec<Event> = Vec::new();
    while !told(&events) {
        events = client.events(&query).unwrap().map(Result::unwrap).collect();
    }
    let delays: Vec<u64> = events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Restart | EventKind::CrashLoop))
        .map(|event| event.attributes["after_ms"].parse().unwrap())
        .collect();
    // Twice as long each time, give or take a fifth.
    for pair in delays.windows(2) {
        assert!(
            pair[1] > pair[0] * 12 / 10 && pair[1] < pair[0] * 31 / 10,
            "{delays:?}"
        );
    }
    // Started by hand it begins anew.
    client.stop("loops", None).unwrap();
    let started = client.start("loops").unwrap();
    assert!(!started.crash_loop);
}

#[test]
fn one_waits_for_those_that_it_depends_on() {
    let device = Device::started();
    device.image("idle", IDLE, plain());
    device.image("ready", &reports(0), plain());
    device.image("done", &ends("done", 0), plain());
    device.image("bad", &ends("bad", 1), plain());
    let depends = |on: &[(&str, DependencyCondition)]| ContainerSpec {
        depends_on: on
            .iter()
            .map(|(name, condition)| Dependency {
                name: (*name).to_owned(),
                condition: *condition,
            })
            .collect(),
        ..Device::spec("idle")
    };
    let last = device.run(
        "last",
        depends(&[
            ("db", DependencyCondition::Healthy),
            ("setup", DependencyCondition::Completed),
            ("idle", DependencyCondition::Started),
        ]),
    );
    assert_eq!(last.state, State::Waiting);
    assert_eq!(
        last.reason.as_deref(),
        Some("waits for db, which does not exist")
    );
    device.run("idle", Device::spec("idle"));
    device.run("db", Device::spec("ready"));
    assert_eq!(
        device.client().container("last").unwrap().state,
        State::Waiting
    );
    device.run("setup", Device::spec("done"));
    device.until_state("last", State::Running);

    device.run("never", depends(&[("bad", DependencyCondition::Completed)]));
    device.run("bad", Device::spec("bad"));
    device.until_state("bad", State::Failed);
    let never = device.until("never", |container| {
        container
            .reason
            .as_deref()
            .is_some_and(|reason| reason.contains("is failed"))
    });
    assert_eq!(never.state, State::Waiting);
    assert_eq!(
        device.client().stop("never", None).unwrap().state,
        State::Created
    );
    let end = device.client().container("bad").unwrap().ends[0].clone();
    assert_eq!(end.reason, EndReason::Exited);
}

//! Health, by the guest's own report and by its silence.

use thimble_device_api::client::EventQuery;
use thimble_device_api::{
    ContainerSpec, EndReason, EventKind, Health, HealthAction, HealthSpec, State,
};

use super::device::Device;
use super::guests::{IDLE, plain, reports};

fn checked(
    image: &str,
    start_ms: u64,
    heartbeat_ms: Option<u64>,
    action: HealthAction,
) -> ContainerSpec {
    ContainerSpec {
        health: Some(HealthSpec {
            start_ms,
            heartbeat_ms,
            action,
        }),
        restart: Some("always".into()),
        ..Device::spec(image)
    }
}

#[test]
fn what_a_guest_says_of_itself_is_told() {
    let device = Device::started();
    for (name, status, health) in [
        ("well", 0, Health::Healthy),
        ("unwell", 1, Health::Degraded),
    ] {
        device.image(name, &reports(status), plain());
        device.run(name, Device::spec(name));
        let container = device.until(name, |container| container.health.status == health);
        assert_eq!(container.health.message, "here I am");
        assert!(container.health.reported_at.is_some());
    }
    let query = EventQuery {
        kind: Some(EventKind::Health),
        ..EventQuery::default()
    };
    // An event is told shortly after what it tells of.
    device.until("unwell", |_| {
        let events = device.client().events(&query).unwrap();
        events.map(Result::unwrap).count() == 2
    });
}

#[test]
fn one_that_is_not_ready_in_time_or_falls_silent_is_restarted() {
    let device = Device::started();
    device.image("mute", IDLE, plain());
    device.image("once", &reports(0), plain());
    device.run("mute", checked("mute", 20, None, HealthAction::Restart));
    device.run(
        "silent",
        checked("once", 20, Some(30), HealthAction::Restart),
    );
    for name in ["mute", "silent"] {
        let container = device.until(name, |container| container.restarts >= 1);
        let end = &container.ends[0];
        assert_eq!(end.reason, EndReason::Unhealthy, "{end:?}");
        assert!(!end.detail.is_empty());
    }
}

#[test]
fn one_that_is_only_watched_runs_on() {
    let device = Device::started();
    device.image("failing", &reports(2), plain());
    device.run(
        "failing",
        checked("failing", 20, None, HealthAction::Report),
    );
    let container = device.until("failing", |container| {
        container.health.status == Health::Unhealthy
    });
    assert_eq!((container.state, container.restarts), (State::Running, 0));
}

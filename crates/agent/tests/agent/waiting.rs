//! Consent, windows, holds and delays: when a change may begin.

use crate::support::{Fault, MONDAY, app, id, with_apps};
use thimble_agent::{Consent, Event};
use thimble_protocol::UnixSeconds;
use thimble_protocol::report::{DeploymentState, Phase, ReasonCode};
use thimble_protocol::state::{UpdatePolicy, Window};

#[test]
fn an_app_that_says_no_is_asked_again_later() {
    let (mut device, _) = with_apps(&[1, 2]);
    let first = device.publish(&app(1, "2"), Fault::None);
    let second = device.publish(&app(2, "2"), Fault::None);
    device.consents.insert(id(1), Consent::No("welding".into()));
    device.declare(&[first.clone(), second.clone()]);
    device.pass_polling(120, 30);
    assert_eq!(
        device.phase(id(1)),
        (
            DeploymentState::Pending,
            Phase::Vetoed,
            Some(ReasonCode::Vetoed)
        )
    );
    assert_eq!(device.reason(id(1)), "welding");
    assert_eq!(device.running(id(2)), Some("2"), "the other goes on");
    device.take_log();
    let reports = device.reports.len();
    device.pass_polling(600, 30);
    let asked = device.log.iter().filter(|line| *line == "ask 1").count();
    assert_eq!(asked, 1, "{:?}", device.log);
    assert_eq!(
        device.reports.len(),
        reports,
        "being refused again is no news"
    );
    device.consents.insert(id(1), Consent::Yes);
    device.pass_polling(900, 30);
    assert_eq!(device.running(id(1)), Some("2"));

    // Whoever operates the fleet may override it, and that is told.
    device.consents.insert(id(1), Consent::No("welding".into()));
    let mut third = device.publish(&app(1, "3"), Fault::None);
    third.override_reason = Some("CVE-2026-1234".into());
    device.take_log();
    device.declare(&[third, second]);
    device.pass_polling(120, 30);
    assert_eq!(device.running(id(1)), Some("3"));
    assert!(!device.log.contains(&"ask 1".to_string()));
    let notes: Vec<_> = device
        .reports
        .iter()
        .flat_map(|report| &report.notes)
        .collect();
    let note = notes
        .iter()
        .find(|note| note.code == "veto-overridden")
        .unwrap();
    assert_eq!(note.text, "`app1` was not asked: CVE-2026-1234");
}

#[test]
fn an_app_that_says_nothing_is_not_waited_for_beyond_its_time() {
    let (mut device, _) = with_apps(&[1]);
    let second = device.publish(&app(1, "2"), Fault::None);
    device.consents.insert(id(1), Consent::Silent);
    device.declare(&[second]);
    assert_eq!(device.phase(id(1)).1, Phase::Asking);
    device.pass(11);
    assert_eq!(device.running(id(1)), Some("1"));
    device.pass(2);
    assert_eq!(device.running(id(1)), Some("2"));
    let log = device.take_log();
    assert_eq!(
        log[log.len() - 4..],
        ["ask 1", "stop asking", "stop 1", "apply 1 2"]
    );
    device.pass(10);
    let notes: Vec<_> = device
        .reports
        .iter()
        .flat_map(|report| &report.notes)
        .collect();
    assert!(notes.iter().any(|note| note.code == "app-silent"));
}

#[test]
fn a_question_is_withdrawn_if_the_device_is_held_meanwhile() {
    let (mut device, _) = with_apps(&[1]);
    let second = device.publish(&app(1, "2"), Fault::None);
    device.consents.insert(id(1), Consent::Silent);
    device.declare(&[second]);
    device.handle(Event::LocalHold { is_held: true });
    device.invariants.is_held_here = true;
    assert_eq!(device.log.last().unwrap(), "stop asking");
    assert_eq!(
        device.phase(id(1)),
        (
            DeploymentState::Pending,
            Phase::Waiting,
            Some(ReasonCode::Held)
        )
    );
    device.pass_polling(3600, 60);
    device.cut_power();
    device.pass_polling(3600, 60);
    assert_eq!(
        device.running(id(1)),
        Some("1"),
        "a hold at the device outlives a restart"
    );
    device.consents.insert(id(1), Consent::Yes);
    device.invariants.is_held_here = false;
    device.handle(Event::LocalHold { is_held: false });
    device.pass_polling(120, 30);
    assert_eq!(device.running(id(1)), Some("2"));
}

#[test]
fn changes_wait_for_a_window_and_blobs_do_not() {
    let (mut device, _) = with_apps(&[1]);
    let window = Window {
        days: 1,
        begin_minute: 60,
        minutes: 30,
        utc_offset_minutes: 0,
    };
    let policy = UpdatePolicy {
        windows: vec![window],
        ..UpdatePolicy::default()
    };
    let second = device.publish(&app(1, "2"), Fault::None);
    device.declare_with(&[second], policy, |_| {});
    let waits = (
        DeploymentState::Pending,
        Phase::Waiting,
        Some(ReasonCode::OutsideWindow),
    );
    assert_eq!(device.phase(id(1)), waits);
    assert!(device.log.contains(&"fetch 10001".to_string()));
    device.pass_polling(3400, 10);
    assert_eq!(device.phase(id(1)), waits);
    device.pass_polling(300, 10);
    assert_eq!(device.running(id(1)), Some("2"));
    assert!(device.now.clock.unwrap().0 >= MONDAY + 3600);
}

#[test]
fn without_a_clock_windows_are_closed_and_it_says_so() {
    let (mut device, _) = with_apps(&[1]);
    let window = Window {
        days: 127,
        begin_minute: 0,
        minutes: 1440,
        utc_offset_minutes: 0,
    };
    let policy = UpdatePolicy {
        windows: vec![window],
        ..UpdatePolicy::default()
    };
    let second = device.publish(&app(1, "2"), Fault::None);
    device.now.clock = None;
    device.declare_with(&[second], policy, |_| {});
    device.pass_polling(3600, 60);
    assert_eq!(device.phase(id(1)).2, Some(ReasonCode::OutsideWindow));
    assert!(device.reason(id(1)).contains("clock is not believed"));
    device.now.clock = Some(UnixSeconds(MONDAY));
    device.handle(Event::Tick);
    assert_eq!(device.running(id(1)), Some("2"));
}

#[test]
fn the_hubs_holds_are_kept_and_end_by_themselves_or_by_the_next_state() {
    let (mut device, _) = with_apps(&[1]);
    let second = device.publish(&app(1, "2"), Fault::None);
    let until = UnixSeconds(MONDAY + 7200);
    let policy = UpdatePolicy {
        hold_until: Some(until),
        ..UpdatePolicy::default()
    };
    device.declare_with(std::slice::from_ref(&second), policy, |_| {});
    device.pass_polling(3600, 60);
    assert_eq!(device.reason(id(1)), "held until 2026-11-30T02:00Z");
    device.pass_polling(3600, 60);
    assert_eq!(device.running(id(1)), Some("2"));

    let third = device.publish(&app(1, "3"), Fault::None);
    device.declare_with(
        std::slice::from_ref(&third),
        UpdatePolicy {
            is_held: true,
            ..UpdatePolicy::default()
        },
        |_| {},
    );
    device.pass_polling(100_000, 1000);
    assert_eq!(device.running(id(1)), Some("2"));
    assert!(device.agent.status(device.now).is_held_by_hub);
    device.declare(&[third]);
    device.pass_polling(120, 30);
    assert_eq!(device.running(id(1)), Some("3"));
}

#[test]
fn the_hubs_delay_is_waited_for() {
    let (mut device, _) = with_apps(&[1]);
    let second = device.publish(&app(1, "2"), Fault::None);
    let envelope = device.sign(&[second], UpdatePolicy::default());
    device.handle(Event::StateReceived {
        envelope: &envelope,
        delay_apply_s: 300,
    });
    device.pass_polling(290, 10);
    assert_eq!(
        device.phase(id(1)),
        (DeploymentState::Pending, Phase::Waiting, None)
    );
    device.pass_polling(20, 10);
    assert_eq!(device.running(id(1)), Some("2"));
}

#[test]
fn an_update_that_must_reach_the_hub_is_not_begun_while_that_is_away() {
    let (mut device, _) = with_apps(&[1]);
    let second = device.publish(&app(1, "2"), Fault::None);
    let policy = UpdatePolicy {
        is_held: true,
        ..UpdatePolicy::default()
    };
    device.declare_with(std::slice::from_ref(&second), policy, |_| {});
    device.declare_with(&[second], UpdatePolicy::default(), |_| {});
    // Declared twice in a row: it begins at once, so hold it at the device instead.
    assert_eq!(device.running(id(1)), Some("2"));
    device.pass_polling(120, 30);
    let third = device.publish(&app(1, "3"), Fault::None);
    device.handle(Event::LocalHold { is_held: true });
    device.declare(&[third]);
    device.is_hub_up = false;
    device.poll();
    device.handle(Event::LocalHold { is_held: false });
    device.pass_polling(10_000, 100);
    let waits = (
        DeploymentState::Pending,
        Phase::Waiting,
        Some(ReasonCode::HubNotReached),
    );
    assert_eq!(device.phase(id(1)), waits);
    device.is_hub_up = true;
    device.pass_polling(200, 30);
    assert_eq!(device.running(id(1)), Some("3"));
}

#[test]
fn a_newer_state_waits_for_probation_and_replaces_what_has_not_begun() {
    let (mut device, _) = with_apps(&[1]);
    let second = device.publish(&app(1, "2"), Fault::None);
    let third = device.publish(&app(1, "3"), Fault::None);
    let fourth = device.publish(&app(1, "4"), Fault::None);
    device.declare(&[second]);
    assert_eq!(device.phase(id(1)).1, Phase::Probation);
    device.declare(&[third]);
    assert_eq!(device.running(id(1)), Some("2"));
    device.declare_with(
        &[fourth],
        UpdatePolicy {
            is_held: true,
            ..UpdatePolicy::default()
        },
        |_| {},
    );
    device.pass_polling(120, 30);
    assert_eq!(
        device.phase(id(1)),
        (
            DeploymentState::Pending,
            Phase::Waiting,
            Some(ReasonCode::Held)
        )
    );
    assert_eq!(device.running(id(1)), Some("2"));
    let fifth = device.publish(&app(1, "5"), Fault::None);
    device.declare(&[fifth]);
    device.pass_polling(120, 30);
    assert_eq!(device.running(id(1)), Some("5"));
    assert!(
        !device
            .log
            .iter()
            .any(|line| line == "apply 1 3" || line == "apply 1 4")
    );
}

#[test]
fn a_hold_that_comes_while_room_is_measured_is_in_time() {
    for answers in 0.. {
        let (mut device, _) = with_apps(&[1]);
        let second = device.publish(&app(1, "2"), Fault::None);
        device.is_slow = true;
        device.declare(&[second]);
        device.work(answers);
        let was_begun = device.log.iter().any(|line| line == "stop 1");
        device.invariants.is_held_here = true;
        device.handle(Event::LocalHold { is_held: true });
        device.is_slow = false;
        device.work(u64::MAX);
        device.pass_polling(120, 30);
        let expected = if was_begun { "2" } else { "1" };
        assert_eq!(device.running(id(1)), Some(expected), "{answers}");
        if was_begun {
            assert!(answers > 8, "{answers}");
            break;
        }
    }
}

#[test]
fn an_apps_name_is_not_taken_over_while_its_holder_says_no() {
    let (mut device, _) = with_apps(&[1]);
    let mut next = app(2, "1");
    next.app = "app1".into();
    let next = device.publish(&next, Fault::None);
    device.consents.insert(id(1), Consent::No("welding".into()));
    device.declare(&[next]);
    device.pass_polling(3600, 100);
    assert_eq!(
        (device.running(id(1)), device.running(id(2))),
        (Some("1"), None)
    );
    device.consents.insert(id(1), Consent::Yes);
    device.pass_polling(8000, 100);
    assert_eq!(
        (device.running(id(1)), device.running(id(2))),
        (None, Some("1")),
        "{}",
        device.log.join("\n")
    );
}

#[test]
fn an_apps_name_is_not_taken_over_while_its_holder_cannot_be_removed() {
    let (mut device, _) = with_apps(&[1]);
    let mut next = app(2, "1");
    next.app = "app1".into();
    let next = device.publish(&next, Fault::None);
    device.failing = 3;
    device.declare(&[next]);
    device.pass_polling(5, 1);
    assert_eq!(device.failing, 2, "the removal is tried again");
    assert_eq!(
        (device.running(id(1)), device.running(id(2))),
        (Some("1"), None)
    );
    device.pass_polling(8000, 100);
    assert_eq!(
        (device.running(id(1)), device.running(id(2))),
        (None, Some("1")),
        "{}",
        device.log.join("\n")
    );
}

//! Power cuts, a hub that is away, and bundles.

use crate::support::{Device, Fault, app, id};
use thimble_agent::{Consent, Event};
use thimble_protocol::report::{DeploymentState, Phase, ReasonCode};
use thimble_protocol::state::{UpdatePolicy, Window};
use thimble_protocol::{Manifest, UnixSeconds};

pub(crate) const INSTALLED: (DeploymentState, Phase, Option<ReasonCode>) =
    (DeploymentState::Installed, Phase::Idle, None);

pub(crate) fn with_app(change: impl FnOnce(&mut Manifest)) -> Device {
    let mut device = Device::new();
    let mut first = app(1, "1");
    change(&mut first);
    let item = device.publish(&first, Fault::None);
    device.declare(&[item]);
    device.pass_polling(120, 30);
    assert_eq!(device.phase(id(1)), INSTALLED);
    device.take_log();
    device
}

#[test]
fn whatever_action_the_power_is_cut_at_the_update_goes_on() {
    for (fault, version) in [
        (Fault::None, "2"),
        (Fault::Crashes, "1"),
        (Fault::DoesNotStart, "1"),
    ] {
        for actions in 0.. {
            let mut device = with_app(|_| {});
            let second = device.publish(&app(1, "2"), fault);
            let new = device.publish(&app(2, "1"), fault);
            device.actions_left = Some(actions);
            device.declare(&[second, new]);
            device.pass_polling(200, 10);
            let was_cut = device.cuts > 0;
            device.actions_left = None;
            device.pass_polling(400, 10);
            assert_eq!(
                device.running(id(1)),
                Some(version),
                "{fault:?} {actions}\n{}",
                device.log.join("\n")
            );
            let new = if fault == Fault::None {
                Some("1")
            } else {
                None
            };
            assert_eq!(
                device.running(id(2)),
                new,
                "{fault:?} {actions}\n{}",
                device.log.join("\n")
            );
            if !was_cut {
                assert!(actions > 20, "{actions}");
                break;
            }
        }
    }
}

#[test]
fn whatever_action_the_power_is_cut_at_a_failure_is_reported_with_its_reason() {
    for actions in 0.. {
        let mut device = with_app(|_| {});
        let second = device.publish(&app(1, "2"), Fault::DoesNotStart);
        device.actions_left = Some(actions);
        device.declare(&[second]);
        device.pass_polling(200, 10);
        let was_cut = device.cuts > 0;
        device.actions_left = None;
        device.pass_polling(400, 10);
        let reports = device.reports.iter();
        let mut statuses = reports.flat_map(|report| report.deployments.iter().flatten());
        assert!(
            statuses.all(|one| one.state != DeploymentState::Failed || one.reason.is_some()),
            "{actions}\n{}",
            device.log.join("\n")
        );
        if !was_cut {
            break;
        }
    }
}

#[test]
fn a_device_that_restarts_again_and_again_on_probation_goes_back() {
    let mut device = with_app(|_| {});
    let second = device.publish(&app(1, "2"), Fault::None);
    device.declare(&[second]);
    for _ in 0..6 {
        device.pass(20);
        device.cut_power();
        device.handle(Event::Tick);
    }
    device.pass_polling(120, 30);
    assert_eq!(device.running(id(1)), Some("1"));
    let failed = |code| (DeploymentState::Failed, Phase::RolledBack, Some(code));
    let phase = device.phase(id(1));
    assert!(
        phase == failed(ReasonCode::Crashed) || phase == failed(ReasonCode::FailedBefore),
        "{phase:?}"
    );
}

#[test]
fn nothing_expires_while_the_hub_is_away() {
    let mut device = with_app(|first| first.update.hub_within_s = 0);
    let mut second = app(1, "2");
    second.update.hub_within_s = 0;
    let second = device.publish(&second, Fault::None);
    device.is_hub_up = false;
    device.declare(&[second]);
    assert_eq!(device.phase(id(1)).2, Some(ReasonCode::Unavailable));
    device.pass_polling(40 * 86_400, 3600);
    device.cut_power();
    device.pass_polling(40 * 86_400, 3600);
    assert_eq!(device.running(id(1)), Some("1"));
    device.is_hub_up = true;
    device.pass_polling(7200, 60);
    assert_eq!(device.running(id(1)), Some("2"));
    assert_eq!(device.phase(id(1)), INSTALLED);
}

#[test]
fn a_bundle_is_installed_without_a_hub() {
    let mut device = with_app(|_| {});
    device.is_hub_up = false;
    device.poll();
    let second = app(1, "2");
    let item = device.publish(&second, Fault::None);
    let envelope = device.sign(std::slice::from_ref(&item), UpdatePolicy::default());
    let image = &second.containers[0].image;
    device
        .stored
        .extend([item.manifest, image.manifest, image.config, image.layer]);
    device.handle(Event::BundleImported {
        envelope: &envelope,
    });
    assert_eq!(device.running(id(1)), Some("2"));
    device.pass_polling(3600, 100);
    assert_eq!(device.phase(id(1)), INSTALLED, "the hub is not asked for");
    assert_eq!(device.agent.status(device.now).committed.0, 2);
    device.is_hub_up = true;
    device.pass_polling(100, 10);
    assert_eq!(device.reports.last().unwrap().committed.0, 2);
}

#[test]
fn a_bundle_of_the_state_that_waits_for_its_blobs_brings_them() {
    let mut device = with_app(|_| {});
    let second = app(1, "2");
    let item = device.publish(&second, Fault::None);
    device.is_hub_up = false;
    device.declare(std::slice::from_ref(&item));
    device.pass_polling(5000, 100);
    let (_, envelope) = device.state.clone().unwrap();
    let image = &second.containers[0].image;
    device
        .stored
        .extend([item.manifest, image.manifest, image.config, image.layer]);
    device.handle(Event::BundleImported {
        envelope: &envelope,
    });
    device.pass(1000);
    assert_eq!(device.phase(id(1)), INSTALLED);
    assert_eq!(device.running(id(1)), Some("2"));
}

#[test]
fn a_veto_before_a_power_cut_is_asked_again_after_it() {
    let mut device = with_app(|_| {});
    let second = device.publish(&app(1, "2"), Fault::None);
    device.consents.insert(id(1), Consent::No("welding".into()));
    device.declare(&[second]);
    device.cut_power();
    device.take_log();
    device.poll();
    assert!(
        device.log.contains(&"ask 1".to_string()),
        "{:?}",
        device.log
    );
    assert_eq!(device.running(id(1)), Some("1"));
}

#[test]
fn a_switch_that_a_power_cut_interrupts_goes_back_if_the_window_has_closed_meanwhile() {
    for actions in 0.. {
        let mut device = with_app(|_| {});
        let clock = device.now.clock.unwrap().0;
        let minute = u16::try_from((clock - crate::support::MONDAY) / 60).unwrap();
        let window = Window {
            days: 1,
            begin_minute: minute,
            minutes: 5,
            utc_offset_minutes: 0,
        };
        let second = device.publish(&app(1, "2"), Fault::None);
        let policy = UpdatePolicy {
            windows: vec![window],
            ..UpdatePolicy::default()
        };
        device.actions_left = Some(actions);
        device.declare_with(&[second], policy, |_| {});
        if device.cuts == 0 {
            assert!(actions > 10, "{actions}");
            break;
        }
        let was_on_probation =
            device.log.iter().any(|line| line == "apply 1 2") && device.saved.is_some();
        device.now.clock = Some(UnixSeconds(clock + 86_400));
        device.pass_polling(200, 10);
        let running = device.running(id(1));
        assert!(
            running == Some("1") || (was_on_probation && running == Some("2")),
            "{running:?} {actions}"
        );
        device.now.clock = Some(UnixSeconds(clock + 7 * 86_400));
        device.pass_polling(200, 10);
        assert_eq!(device.phase(id(1)), INSTALLED);
        assert_eq!(
            device.running(id(1)),
            Some("2"),
            "{actions}\n{}",
            device.log.join("\n")
        );
    }
}

#[test]
fn a_device_that_is_busy_is_not_the_new_versions_fault() {
    for failing in 1..12 {
        let mut device = with_app(|_| {});
        let second = device.publish(&app(1, "2"), Fault::None);
        device.failing = failing;
        device.declare(&[second]);
        device.pass_polling(4000, 10);
        let log = device.log.join("\n");
        assert_eq!(device.failing, 0, "{failing}\n{log}");
        let is_blamed = log.contains("apply 1 2\n-- fails --");
        let expected = if is_blamed { "1" } else { "2" };
        let running = device.running(id(1));
        assert!(
            running == Some("2") || (is_blamed && running == Some(expected)),
            "{failing}\n{log}"
        );
    }
}

#[test]
fn what_cannot_be_put_back_is_repaired_when_it_can_be() {
    let mut device = with_app(|_| {});
    let bad = device.publish(&app(1, "2"), Fault::DoesNotStart);
    let envelope = device.sign(&[bad], UpdatePolicy::default());
    device.is_slow = true;
    device.receive(&envelope);
    while !device.log.contains(&"apply 1 2".to_string()) {
        device.work(1);
    }
    device.failing = 20;
    device.is_slow = false;
    device.work(u64::MAX);
    device.pass_polling(100, 10);
    assert_eq!(device.running(id(1)), None);
    assert_eq!(
        device.phase(id(1)),
        (
            DeploymentState::Failed,
            Phase::RollingBack,
            Some(ReasonCode::StartFailed)
        )
    );
    let reports = device.reports.len();
    device.cut_power();
    device.pass_polling(40_000, 100);
    assert_eq!(
        device.running(id(1)),
        Some("1"),
        "{}",
        device.log.join("\n")
    );
    assert!(
        device.reports.len() < reports + 8,
        "trying again is no news"
    );
}

#[test]
fn a_blob_that_rots_is_fetched_again() {
    let mut device = with_app(|_| {});
    let (digest, item) = {
        let item = device.publish(&app(1, "2"), Fault::None);
        (item.manifest, item)
    };
    device.stored.insert(digest);
    device.rotten.insert(digest);
    device.declare(&[item]);
    device.pass_polling(200, 10);
    assert_eq!(device.running(id(1)), Some("2"));
}

#[test]
fn what_was_signed_with_a_key_that_is_gone_can_still_be_put_back() {
    let mut device = with_app(|_| {});
    device.replace_key();
    let second = device.publish(&app(1, "2"), Fault::Crashes);
    device.declare(&[second]);
    device.pass_polling(200, 10);
    assert_eq!(
        device.running(id(1)),
        Some("1"),
        "{}",
        device.log.join("\n")
    );
    assert_eq!(
        device.phase(id(1)),
        (
            DeploymentState::Failed,
            Phase::RolledBack,
            Some(ReasonCode::Crashed)
        )
    );
}

//! The ladder, refused states, and what an idle device costs.

use crate::support::{DEVICE, Device, Fault, app, id};
use thimble_agent::{Agent, Event, RestoreError, Settings};
use thimble_protocol::DeviceId;
use thimble_protocol::report::{DeploymentState, Phase, ReasonCode};
use thimble_protocol::state::{Escalation, Rung, UpdatePolicy};

use crate::offline::{INSTALLED, with_app};

#[test]
fn states_that_are_not_for_it_are_noted_once_an_hour_for_each_cause() {
    let mut device = with_app(|_| {});
    let (_, first) = device.state.clone().unwrap();
    let ours = device.state.clone();
    let foreign = device.sign_as(9, &[], UpdatePolicy::default(), |state| {
        state.device = DeviceId([8; 16])
    });
    let other = device.sign_as(1, &[], UpdatePolicy::default(), |_| {});
    let mut forged = device.sign_as(10, &[], UpdatePolicy::default(), |_| {});
    *forged.last_mut().unwrap() ^= 1;
    let newer = device.sign_as(5, &[], UpdatePolicy::default(), |_| {});
    let older = device.sign_as(4, &[], UpdatePolicy::default(), |_| {});
    device.state = ours;
    let before = device.reports.len();
    for envelope in [
        &foreign,
        &other,
        &forged,
        &b"no envelope".to_vec(),
        &foreign,
        &forged,
    ] {
        device.receive(envelope);
        device.pass(10);
    }
    assert_eq!(device.agent.status(device.now).adopted.0, 1);
    assert_eq!(device.running(id(1)), Some("1"));
    let notes = |device: &Device, from: usize| -> Vec<String> {
        device.reports[from..]
            .iter()
            .flat_map(|report| &report.notes)
            .map(|note| note.text.clone())
            .collect()
    };
    assert_eq!(
        notes(&device, before).len(),
        4,
        "{:#?}",
        notes(&device, before)
    );
    let before = device.reports.len();
    device.pass_polling(3700, 100);
    device.receive(&forged);
    device.pass(10);
    assert_eq!(notes(&device, before).len(), 1);
    // The same state again is nothing.
    device.receive(&first);
    device.pass(10);
    assert_eq!(notes(&device, before).len(), 1);

    device.receive(&newer);
    assert_eq!(device.agent.status(device.now).adopted.0, 5);
    let before = device.reports.len();
    device.receive(&older);
    device.pass(10);
    assert_eq!(
        notes(&device, before),
        ["version 4 came, and 5 was taken already"]
    );
    device.cut_power();
    device.receive(&older);
    device.receive(&first);
    assert_eq!(device.agent.status(device.now).adopted.0, 5);
}

#[test]
fn each_rung_of_the_ladder_is_taken_once_for_each_outage() {
    let mut device = with_app(|_| {});
    let items = device.state.clone().unwrap().0.items;
    let rung = |after_s, step| Rung { after_s, step };
    device.declare_with(&items, UpdatePolicy::default(), |state| {
        state.ladder = vec![
            rung(600, Escalation::Reconnect),
            rung(1200, Escalation::Recovery),
            rung(3600, Escalation::RestartAgent),
            rung(7200, Escalation::RestartDevice),
        ];
        state.recovery_urls = vec!["https://elsewhere.example".into()];
    });
    assert_eq!(device.recovery_urls, ["https://elsewhere.example"]);
    for _ in 0..2 {
        device.pass_polling(1000, 100);
        assert_eq!(device.escalations, []);
        device.is_hub_up = false;
        device.pass_polling(1300, 100);
        assert_eq!(
            device.escalations,
            [Escalation::Reconnect, Escalation::Recovery]
        );
        device.pass_polling(2400, 100);
        assert_eq!(device.escalations.last(), Some(&Escalation::RestartAgent));
        device.cut_power();
        device.recovery_urls.clear();
        device.pass_polling(3400, 100);
        assert_eq!(
            device.recovery_urls,
            ["https://elsewhere.example"],
            "known after a restart too"
        );
        assert_eq!(device.escalations.len(), 3);
        device.pass_polling(300, 100);
        assert_eq!(device.escalations.last(), Some(&Escalation::RestartDevice));
        device.cut_power();
        device.pass_polling(100_000, 1000);
        assert_eq!(device.escalations.len(), 4, "{:?}", device.escalations);
        device.is_hub_up = true;
        device.escalations.clear();
    }
    assert_eq!(device.running(id(1)), Some("1"));
}

#[test]
fn the_ladder_goes_back_only_from_what_the_hub_never_confirmed() {
    let ladder = vec![Rung {
        after_s: 3600,
        step: Escalation::RollBack,
    }];
    for is_confirmed in [false, true] {
        let mut device = with_app(|first| first.update.hub_within_s = 0);
        let mut second = app(1, "2");
        second.update.hub_within_s = 0;
        let mut new = app(2, "1");
        new.update.hub_within_s = 0;
        let items = [
            device.publish(&second, Fault::None),
            device.publish(&new, Fault::None),
        ];
        device.declare_with(&items, UpdatePolicy::default(), |state| {
            state.ladder = ladder.clone()
        });
        device.is_hub_up = false;
        device.pass_polling(200, 10);
        assert_eq!(device.phase(id(1)), INSTALLED);
        if is_confirmed {
            device.is_hub_up = true;
            device.poll();
            device.is_hub_up = false;
        }
        device.invariants.may_roll_back_state = true;
        device.pass_polling(4000, 10);
        let expected = if is_confirmed {
            (Some("2"), Some("1"))
        } else {
            (Some("1"), None)
        };
        assert_eq!(
            (device.running(id(1)), device.running(id(2))),
            expected,
            "{}",
            device.log.join("\n")
        );
        device.cut_power();
        device.is_hub_up = true;
        device.pass_polling(1000, 10);
        assert_eq!(
            (device.running(id(1)), device.running(id(2))),
            expected,
            "until there is a newer state"
        );
        device.declare(&items);
        device.pass_polling(200, 10);
        assert_eq!(
            (device.running(id(1)), device.running(id(2))),
            (Some("2"), Some("1"))
        );
    }
}

#[test]
fn why_the_ladder_went_back_outlives_a_power_cut_at_any_action() {
    for actions in 0..12 {
        let mut device = with_app(|first| first.update.hub_within_s = 0);
        let mut new = app(2, "1");
        new.update.hub_within_s = 0;
        let new = device.publish(&new, Fault::None);
        let mut second = app(1, "2");
        second.update.hub_within_s = 0;
        let second = device.publish(&second, Fault::None);
        device.loses_reports = true;
        device.declare_with(&[second, new], UpdatePolicy::default(), |state| {
            state.ladder = vec![Rung {
                after_s: 3600,
                step: Escalation::RollBack,
            }];
        });
        device.is_hub_up = false;
        device.pass_polling(200, 10);
        assert_eq!(device.phase(id(2)), INSTALLED);
        device.invariants.may_roll_back_state = true;
        device.pass_polling(3_300, 10);
        device.actions_left = Some(actions);
        device.pass_polling(4_000, 10);
        device.actions_left = None;
        device.loses_reports = false;
        device.is_hub_up = true;
        device.pass_polling(200, 10);
        for place in [1, 2] {
            let expected = (
                DeploymentState::Failed,
                Phase::RolledBack,
                Some(ReasonCode::HubNotReached),
            );
            assert_eq!(
                device.phase(id(place)),
                expected,
                "cut at action {actions}\n{}",
                device.log.join("\n")
            );
        }
    }
}

#[test]
fn what_was_removed_comes_back_if_that_lost_the_hub() {
    let mut device = with_app(|first| first.update.hub_within_s = 0);
    // The removal's own report does not come through.
    device.loses_reports = true;
    device.declare_with(&[], UpdatePolicy::default(), |state| {
        state.ladder = vec![Rung {
            after_s: 3600,
            step: Escalation::RollBack,
        }];
    });
    device.is_hub_up = false;
    assert_eq!(device.running(id(1)), None);
    device.invariants.may_roll_back_state = true;
    device.pass_polling(4000, 10);
    assert_eq!(
        device.running(id(1)),
        Some("1"),
        "{}",
        device.log.join("\n")
    );
}

#[test]
fn sequences_rise_over_restarts_and_cost_a_save_for_each_64() {
    let mut device = with_app(|_| {});
    let saves = device.saves;
    let before = device.reports.len();
    for _ in 0..128 {
        device.handle(Event::ReportWanted);
    }
    assert_eq!(device.reports.len() - before, 128);
    assert_eq!(device.saves - saves, 2);
    for _ in 0..10 {
        device.cut_power();
        device.handle(Event::HubAnswered);
    }
    let sequences: Vec<u64> = device
        .reports
        .iter()
        .map(|report| report.sequence)
        .collect();
    assert!(sequences.is_sorted_by(|one, next| one < next));
}

#[test]
fn while_a_poll_waits_at_the_hub_the_answer_to_a_report_ends_probation() {
    let mut device = with_app(|_| {});
    let second = device.publish(&app(1, "2"), Fault::None);
    device.declare(&[second]);
    assert_eq!(device.phase(id(1)).1, Phase::Probation);
    // Nothing is heard but the answers to what the agent itself sends.
    device.pass(120);
    assert_eq!(device.phase(id(1)), INSTALLED);
}

#[test]
fn an_idle_device_costs_nothing() {
    let mut device = with_app(|_| {});
    device.poll();
    device.pass(100);
    let (saves, reports) = (device.saves, device.reports.len());
    device.pass_polling(30 * 86_400, 900);
    assert_eq!((device.saves, device.reports.len()), (saves, reports));
    assert_eq!(device.take_log(), [""; 0]);
    assert_eq!(device.agent.deadline(), None);
}

#[test]
fn what_is_saved_is_small_and_of_this_device_only() {
    let mut device = Device::new();
    let items: Vec<_> = (1..=3)
        .map(|number| {
            device.publish(
                &crate::support::with_secret(app(number, "1"), "db"),
                Fault::None,
            )
        })
        .collect();
    let declare = |device: &mut Device, items: &[_]| {
        let window = thimble_protocol::state::Window {
            days: 127,
            begin_minute: 0,
            minutes: 1440,
            utc_offset_minutes: 0,
        };
        let policy = UpdatePolicy {
            windows: vec![window],
            ..UpdatePolicy::default()
        };
        device.declare_with(items, policy, |state| {
            state.secrets = vec![
                crate::support::sealed("db", 1),
                crate::support::sealed("mail", 1),
            ];
            state.ladder = vec![
                Rung {
                    after_s: 600,
                    step: Escalation::Reconnect,
                },
                Rung {
                    after_s: 3600,
                    step: Escalation::Recovery,
                },
                Rung {
                    after_s: 86_400,
                    step: Escalation::RestartAgent,
                },
            ];
            state.recovery_urls = vec!["https://hub2.example.com".into()];
        });
    };
    declare(&mut device, &items);
    device.pass_polling(120, 30);
    let idle = device.saved.clone().unwrap().len();
    let next: Vec<_> = (1..=3)
        .map(|number| {
            device.publish(
                &crate::support::with_secret(app(number, "2"), "db"),
                Fault::None,
            )
        })
        .collect();
    declare(&mut device, &next);
    let switching = device.saved.clone().unwrap().len();
    println!("saved: {idle} bytes idle, {switching} bytes in an update of three deployments");
    println!(
        "an agent: {} bytes and what it points to",
        size_of::<Agent>()
    );
    assert!(idle < 1024 && switching < 2048, "{idle} {switching}");

    let saved = device.saved.clone().unwrap();
    let other = Settings::new(DeviceId([1; 16]), 0);
    let refused = Agent::restore(other, &saved, device.now).unwrap_err();
    assert_eq!(refused, RestoreError::OtherDevice { device: DEVICE });
}

#[test]
fn what_a_poll_costs_is_printed() {
    let mut device = with_app(|_| {});
    device.poll();
    device.pass(100);
    let now = device.now;
    let mut actions = Vec::new();
    let begun = std::time::Instant::now();
    let polls = 100_000_u32;
    for _ in 0..polls {
        device
            .agent
            .handle(now, Event::HubAnswered, &device.trust, &mut actions);
    }
    println!("a poll answered with 304: {:?}", begun.elapsed() / polls);
    assert_eq!(actions, []);
}

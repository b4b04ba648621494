//! Each path of an update, by what the device does and what it says.

use crate::support::{Device, Fault, app, id, sealed, with_apps, with_secret};
use thimble_protocol::report::{DeploymentState, Phase, ReasonCode};
use thimble_protocol::state::UpdatePolicy;

#[test]
fn an_app_is_installed_updated_and_removed() {
    let mut device = Device::new();
    let first = device.publish(&app(1, "1"), Fault::None);
    device.declare(std::slice::from_ref(&first));
    assert_eq!(
        device.take_log(),
        [
            "fetch 300",
            "fetch 200",
            "fetch 10001",
            "verify 1 1",
            "apply 1 1"
        ]
    );
    assert_eq!(
        device.phase(id(1)),
        (DeploymentState::Installing, Phase::Probation, None)
    );
    device.pass_polling(120, 30);
    assert_eq!(
        device.phase(id(1)),
        (DeploymentState::Installed, Phase::Idle, None)
    );
    assert_eq!(device.agent.status(device.now).committed.0, 1);

    let second = device.publish(&app(1, "2"), Fault::None);
    device.declare(&[second]);
    let expected = [
        "fetch 300",
        "fetch 200",
        "fetch 10001",
        "verify 1 2",
        "ask 1",
        "stop 1",
        "apply 1 2",
    ];
    assert_eq!(device.take_log(), expected);
    device.pass_polling(120, 30);
    assert_eq!(device.running(id(1)), Some("2"));
    assert_eq!(device.agent.status(device.now).committed.0, 2);
    assert!(
        !device.kept.contains(&first.manifest),
        "the first version may go"
    );

    device.declare(&[]);
    assert_eq!(device.take_log(), ["ask 1", "remove 1"]);
    device.pass(10);
    let last = device.reports.last().unwrap();
    let statuses = last.deployments.as_ref().unwrap();
    assert_eq!(statuses.len(), 1);
    assert_eq!(statuses[0].state, DeploymentState::Removed);
    assert_eq!(statuses[0].manifest, second_digest(&device));
    assert_eq!((last.adopted.0, last.committed.0), (3, 3));
    device.poll();
    device.declare(&[]);
    device.pass(10);
    assert_eq!(
        device.reports.last().unwrap().deployments,
        Some(Vec::new()),
        "it is told once"
    );
    assert_eq!(device.agent.deadline(), None, "nothing is left to be done");
}

fn second_digest(device: &Device) -> thimble_image::Digest {
    let mut manifests = device.manifests.iter();
    *manifests
        .find(|(_, (_, manifest, _))| manifest.version == "2")
        .unwrap()
        .0
}

#[test]
fn what_crashes_or_is_unhealthy_or_does_not_start_is_taken_back_and_refused_until_it_changes() {
    for (fault, code) in [
        (Fault::Crashes, ReasonCode::Crashed),
        (Fault::Unhealthy, ReasonCode::Unhealthy),
        (Fault::DoesNotStart, ReasonCode::StartFailed),
    ] {
        let (mut device, items) = with_apps(&[1]);
        let bad = device.publish(&app(1, "2"), fault);
        device.declare(std::slice::from_ref(&bad));
        device.pass_polling(300, 30);
        assert_eq!(
            device.phase(id(1)),
            (DeploymentState::Failed, Phase::RolledBack, Some(code)),
            "{fault:?}"
        );
        assert_eq!(device.running(id(1)), Some("1"));
        assert_eq!(device.agent.status(device.now).committed.0, 1);
        let log = device.take_log();
        let tail = ["stop 1", "apply 1 2", "stop 1", "apply 1 1"];
        assert_eq!(log[log.len() - 4..], tail, "{fault:?}");
        let status = &device.reports.last().unwrap().deployments.as_ref().unwrap()[0];
        assert_eq!(
            (status.manifest, status.running),
            (bad.manifest, Some(items[0].manifest))
        );

        // Neither a new version of the state nor a restart has it tried again.
        device.declare(std::slice::from_ref(&bad));
        device.pass_polling(4000, 500);
        assert_eq!(device.take_log(), [""; 0], "{fault:?}");
        let expected = (
            DeploymentState::Failed,
            Phase::RolledBack,
            Some(ReasonCode::FailedBefore),
        );
        assert_eq!(device.phase(id(1)), expected);
        device.cut_power();
        device.pass_polling(4000, 500);
        assert_eq!(device.take_log(), ["-- power --"], "{fault:?}");
        assert_eq!(device.phase(id(1)), expected);

        let good = device.publish(&app(1, "3"), Fault::None);
        device.declare(&[good]);
        device.pass_polling(120, 30);
        assert_eq!(device.running(id(1)), Some("3"));
    }
}

#[test]
fn a_new_app_that_fails_is_removed() {
    let mut device = Device::new();
    let bad = device.publish(&app(1, "1"), Fault::Crashes);
    let good = device.publish(&app(2, "1"), Fault::None);
    device.declare(&[bad, good]);
    device.pass_polling(120, 30);
    assert_eq!(device.running(id(1)), None);
    assert!(!device.installed.contains_key(&id(1)));
    assert_eq!(device.running(id(2)), Some("1"));
    assert_eq!(
        device.phase(id(2)),
        (DeploymentState::Installed, Phase::Idle, None)
    );
    assert!(
        device.reason(id(1)).contains("trapped: unreachable"),
        "{}",
        device.reason(id(1))
    );
}

#[test]
fn everything_is_fetched_and_verified_before_anything_stops() {
    let (mut device, _) = with_apps(&[1, 2]);
    let first = device.publish(&app(1, "2"), Fault::None);
    let second = device.publish(&app(2, "2"), Fault::None);
    device.declare(&[first, second]);
    let log = device.take_log();
    let stop = log
        .iter()
        .position(|line| line.starts_with("stop"))
        .unwrap();
    assert!(
        log[stop..]
            .iter()
            .all(|line| !line.starts_with("fetch") && !line.starts_with("verify")),
        "{log:?}"
    );
}

#[test]
fn what_cannot_be_had_or_is_not_trusted_is_left_out_and_the_rest_goes_on() {
    for (fault, code) in [
        (Fault::Unavailable, ReasonCode::Unavailable),
        (Fault::Untrusted, ReasonCode::Untrusted),
    ] {
        let (mut device, _) = with_apps(&[1, 2, 3]);
        let bad = device.publish(&app(1, "2"), fault);
        let good = device.publish(&app(2, "2"), Fault::None);
        let mut dependent = app(3, "2");
        dependent.depends_on = vec![id(1)];
        let dependent = device.publish(&dependent, Fault::None);
        device.declare(&[bad, good, dependent]);
        device.pass_polling(120, 30);
        assert_eq!(
            device.phase(id(1)),
            (DeploymentState::Failed, Phase::Idle, Some(code))
        );
        let waits = (
            DeploymentState::Pending,
            Phase::Waiting,
            Some(ReasonCode::Dependency),
        );
        assert_eq!(device.phase(id(3)), waits);
        let running = [1, 2, 3].map(|number| device.running(id(number)));
        assert_eq!(running, [Some("1"), Some("2"), Some("1")]);
        assert_eq!(device.agent.status(device.now).committed.0, 1);
    }
}

#[test]
fn it_says_with_numbers_what_does_not_fit() {
    let (mut device, _) = with_apps(&[1]);
    let mut large = app(2, "1");
    large.containers[0].limits.memory_bytes = Some(1_000_000);
    let large = device.publish(&large, Fault::None);
    let same = device.publish(&app(1, "2"), Fault::None);
    device.declare(&[same.clone(), large.clone()]);
    device.pass_polling(120, 30);
    assert_eq!(
        device.phase(id(2)),
        (
            DeploymentState::Failed,
            Phase::Idle,
            Some(ReasonCode::DoesNotFit)
        )
    );
    assert_eq!(
        device.reason(id(2)),
        "it needs 1000000 bytes of memory, and 917504 would be free"
    );
    assert_eq!(device.running(id(1)), Some("2"), "what fits goes on");

    // What goes makes room.
    device.declare(&[large]);
    device.pass_polling(120, 30);
    assert_eq!(device.running(id(2)), Some("1"));
    assert_eq!(device.running(id(1)), None);

    let mut strange = app(3, "1");
    strange.containers[0].grants = vec!["gpio:led0".into(), "gpio:relay".into()];
    let strange = device.publish(&strange, Fault::None);
    device.declare(&[strange]);
    assert_eq!(
        device.phase(id(3)),
        (
            DeploymentState::Failed,
            Phase::Idle,
            Some(ReasonCode::Unsupported)
        )
    );
    assert_eq!(
        device.reason(id(3)),
        "this device cannot give the grant `gpio:relay`"
    );

    device.storage_bytes = 10_000;
    let fat = device.publish(&app(4, "1"), Fault::None);
    device.declare(std::slice::from_ref(&fat));
    assert_eq!(
        device.reason(id(4)),
        "it needs 10504 bytes of storage, and 10000 are free"
    );
    assert!(
        device
            .take_log()
            .iter()
            .all(|line| !line.starts_with("fetch 10004")),
        "nothing is fetched in vain"
    );
    device.storage_bytes = 1 << 20;
    device.pass_polling(1000, 100);
    assert_eq!(device.running(id(4)), Some("1"), "it is tried again");
}

#[test]
fn an_update_that_loses_the_hub_is_taken_back() {
    let (mut device, _) = with_apps(&[1]);
    // Not even the first report about it comes through.
    device.loses_reports = true;
    let second = device.publish(&app(1, "2"), Fault::None);
    device.declare(&[second]);
    assert_eq!(device.running(id(1)), Some("2"));
    device.is_hub_up = false;
    device.pass_polling(890, 10);
    assert_eq!(device.running(id(1)), Some("2"), "it still may");
    device.pass_polling(20, 10);
    assert_eq!(device.running(id(1)), Some("1"));
    let expected = (
        DeploymentState::Failed,
        Phase::RolledBack,
        Some(ReasonCode::HubNotReached),
    );
    assert_eq!(device.phase(id(1)), expected);
    device.is_hub_up = true;
    device.loses_reports = false;
    device.pass_polling(100, 10);
    assert_eq!(
        device.reports.last().unwrap().deployments.as_ref().unwrap()[0].state,
        DeploymentState::Failed
    );
}

#[test]
fn a_report_that_cannot_be_sent_changes_nothing() {
    let (mut device, _) = with_apps(&[1]);
    device.loses_reports = true;
    let second = device.publish(&app(1, "2"), Fault::None);
    device.declare(&[second]);
    device.pass_polling(3000, 30);
    assert_eq!(
        device.phase(id(1)),
        (DeploymentState::Installed, Phase::Idle, None)
    );
    device.loses_reports = false;
    device.pass_polling(120, 30);
    let status = &device.reports.last().unwrap().deployments.as_ref().unwrap()[0];
    assert_eq!(status.state, DeploymentState::Installed);
}

#[test]
fn dependencies_are_installed_first_and_stopped_last_and_fail_together() {
    let mut device = Device::new();
    let mut front = app(1, "1");
    front.depends_on = vec![id(2)];
    let items = [
        device.publish(&front, Fault::None),
        device.publish(&app(2, "1"), Fault::None),
    ];
    device.declare(&items);
    device.pass_polling(120, 30);
    let log = device.take_log();
    assert_eq!(log[log.len() - 2..], ["apply 2 1", "apply 1 1"]);

    front.version = "2".into();
    let items = [
        device.publish(&front, Fault::None),
        device.publish(&app(2, "2"), Fault::Crashes),
    ];
    device.declare(&items);
    device.pass_polling(120, 30);
    let running = [1, 2].map(|number| device.running(id(number)));
    assert_eq!(running, [Some("1"), Some("1")]);
    assert_eq!(
        device.phase(id(2)),
        (
            DeploymentState::Failed,
            Phase::RolledBack,
            Some(ReasonCode::Crashed)
        )
    );
    let waits = (
        DeploymentState::Pending,
        Phase::Waiting,
        Some(ReasonCode::Dependency),
    );
    assert_eq!(device.phase(id(1)), waits);
    let log = device.take_log();
    let stops: Vec<_> = log
        .iter()
        .filter(|line| line.starts_with("stop") || line.starts_with("apply"))
        .collect();
    assert_eq!(
        stops,
        [
            "stop 1",
            "stop 2",
            "apply 2 2",
            "apply 1 2",
            "stop 1",
            "stop 2",
            "apply 2 1",
            "apply 1 1"
        ]
    );

    let items = [items[0].clone(), device.publish(&app(2, "3"), Fault::None)];
    device.declare(&items);
    device.pass_polling(120, 30);
    let running = [1, 2].map(|number| device.running(id(number)));
    assert_eq!(
        running,
        [Some("2"), Some("3")],
        "what only depended on a failure is not to blame"
    );
}

#[test]
fn contradictions_are_refused_with_a_reason() {
    let mut device = Device::new();
    let mut first = app(1, "1");
    first.depends_on = vec![id(2)];
    let mut second = app(2, "1");
    second.depends_on = vec![id(1)];
    let mut third = app(3, "1");
    third.depends_on = vec![id(9)];
    let mut fourth = app(4, "1");
    fourth.app = "app5".into();
    let items = [first, second, third, fourth, app(5, "1"), app(6, "1")]
        .map(|app| device.publish(&app, Fault::None));
    device.declare(&items);
    device.pass_polling(120, 30);
    for number in [1, 2, 4] {
        assert_eq!(
            device.phase(id(number)),
            (
                DeploymentState::Failed,
                Phase::Idle,
                Some(ReasonCode::Invalid)
            ),
            "{number}"
        );
    }
    assert_eq!(
        device.phase(id(3)),
        (
            DeploymentState::Failed,
            Phase::Idle,
            Some(ReasonCode::Dependency)
        )
    );
    assert_eq!(
        device.running(id(5)),
        Some("1"),
        "one of two with the same name is installed"
    );
    assert_eq!(device.running(id(6)), Some("1"));

    let mut renamed = app(6, "2");
    renamed.app = "other".into();
    let renamed = device.publish(&renamed, Fault::None);
    device.declare(&[renamed]);
    assert_eq!(
        device.phase(id(6)),
        (
            DeploymentState::Failed,
            Phase::Idle,
            Some(ReasonCode::Invalid)
        )
    );
}

#[test]
fn another_deployment_may_take_an_apps_name_over() {
    let (mut device, _) = with_apps(&[1]);
    let mut next = app(2, "1");
    next.app = "app1".into();
    let next = device.publish(&next, Fault::None);
    device.declare(&[next]);
    device.pass_polling(120, 30);
    assert_eq!(device.running(id(1)), None);
    assert_eq!(device.running(id(2)), Some("1"));
}

#[test]
fn a_secret_that_changes_is_applied_and_one_that_is_missing_is_told() {
    let mut device = Device::new();
    let item = device.publish(&with_secret(app(1, "1"), "db"), Fault::None);
    device.declare(std::slice::from_ref(&item));
    assert_eq!(device.phase(id(1)).2, Some(ReasonCode::Secret));
    device.declare_with(
        std::slice::from_ref(&item),
        UpdatePolicy::default(),
        |state| state.secrets = vec![sealed("db", 1)],
    );
    device.pass_polling(120, 30);
    assert_eq!(device.installed[&id(1)].secrets, [sealed("db", 1)]);
    device.take_log();
    device.declare_with(
        std::slice::from_ref(&item),
        UpdatePolicy::default(),
        |state| state.secrets = vec![sealed("db", 2)],
    );
    device.pass_polling(120, 30);
    assert_eq!(device.installed[&id(1)].secrets, [sealed("db", 2)]);
    assert_eq!(
        device.take_log(),
        ["verify 1 1", "ask 1", "stop 1", "apply 1 1"]
    );

    // A version that fails is taken back with the secret that it had.
    let bad = device.publish(&with_secret(app(1, "2"), "db"), Fault::Crashes);
    device.declare_with(&[bad], UpdatePolicy::default(), |state| {
        state.secrets = vec![sealed("db", 3)]
    });
    device.pass_polling(120, 30);
    assert_eq!(device.installed[&id(1)].secrets, [sealed("db", 2)]);
    assert_eq!(device.running(id(1)), Some("1"));
}

#[test]
fn a_blob_that_two_apps_share_is_there_although_one_of_them_is_left_out() {
    let mut device = Device::new();
    let mut first = app(1, "1");
    let second = app(2, "1");
    let mut shared = second.containers[0].clone();
    shared.name = "other".into();
    first.containers.push(shared);
    let items = [
        device.publish(&first, Fault::Unavailable),
        device.publish(&second, Fault::None),
    ];
    device.declare(&items);
    device.pass_polling(120, 30);
    assert_eq!(device.phase(id(1)).2, Some(ReasonCode::Unavailable));
    assert_eq!(
        device.running(id(2)),
        Some("1"),
        "{}",
        device.log.join("\n")
    );
}

#[test]
fn apps_that_swap_their_memory_are_taken_back_together() {
    let mut device = Device::new();
    let sized = |number, version, memory_bytes| {
        let mut app = app(number, version);
        app.containers[0].limits.memory_bytes = Some(memory_bytes);
        app
    };
    let items = [(1, 300_000), (2, 700_000)]
        .map(|(number, bytes)| device.publish(&sized(number, "1", bytes), Fault::None));
    device.declare(&items);
    device.pass_polling(120, 30);
    let items = [
        device.publish(&sized(1, "2", 700_000), Fault::None),
        device.publish(&sized(2, "2", 300_000), Fault::Unhealthy),
    ];
    device.declare(&items);
    device.pass_polling(30, 30);
    assert_eq!(
        [1, 2].map(|number| device.running(id(number))),
        [Some("2"), Some("2")]
    );
    device.pass_polling(120, 30);
    assert_eq!(
        [1, 2].map(|number| device.running(id(number))),
        [Some("1"), Some("1")]
    );
    assert_eq!(device.phase(id(2)).2, Some(ReasonCode::Unhealthy));
    assert_eq!(device.phase(id(1)).2, Some(ReasonCode::DoesNotFit));
}

#[test]
fn what_ends_while_something_else_is_declared_says_nothing_of_that() {
    for fault in [Fault::None, Fault::Unhealthy] {
        let (mut device, _) = with_apps(&[1]);
        let second = device.publish(&app(1, "2"), fault);
        device.declare(&[second]);
        let (state, phase, _) = device.phase(id(1));
        assert_eq!(
            (state, phase),
            (DeploymentState::Installing, Phase::Probation)
        );
        let third = device.publish(&app(1, "3"), Fault::None);
        device.declare(std::slice::from_ref(&third));
        let reports = device.reports.len();
        device.pass_polling(300, 5);
        assert_eq!(device.running(id(1)), Some("3"));
        let mut commits = 0;
        for report in &device.reports[reports..] {
            let status = &report.deployments.as_ref().unwrap()[0];
            if status.manifest != third.manifest {
                continue;
            }
            assert_ne!(
                status.state,
                DeploymentState::Failed,
                "{fault:?}: {report:?}"
            );
            if status.state == DeploymentState::Installed {
                assert_eq!(report.committed.0, 3, "{fault:?}: {report:?}");
                commits += 1;
            }
        }
        assert!(commits > 0, "{fault:?}");
    }
}

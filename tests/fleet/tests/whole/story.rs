//! The life of a small fleet, from its first device to what is taken back, on both databases.

use std::collections::BTreeMap;

use thimble_device_api::{FleetLink, Publish};
use thimble_hub_api::client::Paged;
use thimble_hub_api::device::{Because, DeviceState, Hold, LogRequest};
use thimble_hub_api::rollout::{OnError, Policy, RolloutOrder, RolloutState, Threshold, Wave};
use thimble_hub_api::secret::SecretValue;
use thimble_tests_fleet::rig::operate::{
    claim_code, create_app, declare, deploy, main_of, publish, reasons, roll_out, spec,
    until_device, until_devices, until_state, watched,
};
use thimble_tests_fleet::rig::{
    CAREFUL, Database, Device, Hub, HubSettings, Join, TELLS, TRAPS, WELL,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_lives_on_sqlite() {
    live(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_lives_on_postgres() {
    live(Database::Postgres).await;
}

async fn live(database: Database) {
    let mut hub = Hub::start(&HubSettings {
        database,
        ..HubSettings::default()
    })
    .await;
    let mut devices = enrol(&hub).await;
    install_and_update(&hub, &devices).await;
    take_back(&hub, &devices).await;
    hold_and_come_back(&hub, &mut devices).await;
    carry_by_hand(&mut hub, &mut devices).await;
    keep_secrets_and_read_logs(&hub, &devices).await;
    ask_and_overrule(&hub, &devices).await;
    let verified = hub.client(0).verify_audit().await.unwrap();
    assert!(verified.intact, "{verified:?}");
    assert!(!hub.log().contains("ERROR"), "{}", hub.log());
}

/// By a code, by a list of expected devices, and by an approver who compares fingerprints.
async fn enrol(hub: &Hub) -> [Device; 3] {
    let client = hub.client(0);
    let code = claim_code(&client, 1, &[("line", "a")]).await;
    let csv = "serial,name,labels,code\nbulk-1,press,line=b,of-the-press\n";
    assert_eq!(client.expect_devices(csv).await.unwrap().expected, 1);
    let by_code = Device::start_new(hub, &Join::with_code("one", &code));
    let by_list = Device::start_new(hub, &Join::with_code("bulk-1", "of-the-press"));
    let join = Join {
        serial: "three".to_owned(),
        ..Join::default()
    };
    let by_hand = Device::start_new(hub, &join);
    by_hand.until_fleet("it waits to be approved", |it| {
        it.link == FleetLink::Pending
    });
    let pending = until_devices(&client, DeviceState::Pending, 1).await;
    assert_eq!(pending[0].serial, "three");
    assert_eq!(pending[0].fingerprint, by_hand.fleet().fingerprint);
    client.approve_device(&pending[0].id).await.unwrap();

    let active = until_devices(&client, DeviceState::Active, 3).await;
    for device in [&by_code, &by_list, &by_hand] {
        device.until_fleet("it has enrolled", |fleet| fleet.device.is_some());
    }
    let labels: BTreeMap<&str, Option<&String>> = active
        .iter()
        .map(|device| (device.name.as_str(), device.labels.get("line")))
        .collect();
    let (a, b) = ("a".to_owned(), "b".to_owned());
    let expected = [("one", Some(&a)), ("press", Some(&b)), ("three", None)];
    assert_eq!(labels, BTreeMap::from(expected));

    // The code is used up: whoever comes with it now stays outside.
    let late = Device::start_new(hub, &Join::with_code("late", &code));
    late.until_fleet("it is refused", |it| it.link == FleetLink::Refused);
    assert_eq!(
        until_devices(&client, DeviceState::Active, 3).await.len(),
        3
    );
    [by_code, by_list, by_hand]
}

async fn install_and_update(hub: &Hub, devices: &[Device; 3]) {
    let client = hub.client(0);
    for tag in ["1", "2"] {
        hub.push(0, "app", tag, WELL);
    }
    hub.push(0, "app", "3", TRAPS);
    create_app(&client, "app").await;
    for tag in ["1", "2"] {
        publish(&client, "app", tag, watched(main_of(&format!("app:{tag}")))).await;
    }
    publish(&client, "app", "3", main_of("app:3")).await;
    for tag in ["1", "2"] {
        deploy(&client, "app", &spec("app", tag)).await;
        for device in devices {
            assert!(device.runs("app.main", tag), "{tag}: {}", device.log());
        }
    }
    for device in ["one", "press", "three"] {
        let device = client.device(device).await.unwrap().value;
        assert_eq!(device.desired_version, 2);
        assert_eq!((device.adopted_version, device.committed_version), (2, 2));
    }
}

/// What is broken is tried on one device, goes back there, stops the rollout, and is not tried again.
async fn take_back(hub: &Hub, devices: &[Device; 3]) {
    let client = hub.client(0);
    declare(&client, "app", &spec("app", "3")).await;
    let policy = Policy {
        waves: vec![Wave {
            selector: "line=a".to_owned(),
            errors: Threshold {
                count: Some(0),
                percent: None,
            },
            ..Wave::default()
        }],
        on_error: OnError::Pause,
        ..Policy::default()
    };
    let id = roll_out(&client, "app", policy.clone()).await;
    let paused = until_state(&client, &id, RolloutState::Paused).await;
    let reason = paused.reason.unwrap_or_default();
    assert!(reason.contains("failed"), "{reason}");
    assert_eq!(paused.counts.get("failed"), Some(&1), "{:?}", paused.counts);
    for device in devices {
        device.until_runs("app.main", "2");
    }
    let failed = until_device(&client, "one", "the hub knows why", |device| {
        reasons(device)
            .iter()
            .any(|reason| reason.contains("unreachable"))
    })
    .await;
    assert_eq!((failed.desired_version, failed.committed_version), (3, 2));
    let rows = client
        .rollout_devices(&id, &Paged::default())
        .await
        .unwrap();
    for row in rows.items {
        assert_eq!(row.status == "failed", row.name == "one", "{row:?}");
    }
    let before = devices[0].container("app.main").unwrap().id;
    client
        .order_rollout(&id, RolloutOrder::Abort, "it is broken")
        .await
        .unwrap();
    // Somebody tries it once more: the device knows it already, and what runs there is not touched.
    let again = roll_out(&client, "app", policy).await;
    until_state(&client, &again, RolloutState::Paused).await;
    assert_eq!(devices[0].container("app.main").unwrap().id, before);
    client
        .order_rollout(&again, RolloutOrder::Abort, "still broken")
        .await
        .unwrap();
    deploy(&client, "app", &spec("app", "1")).await;
    for device in devices {
        device.until_runs("app.main", "1");
    }
}

/// A device that is held, and one that is away, are waited for.
async fn hold_and_come_back(hub: &Hub, devices: &mut [Device; 3]) {
    let client = hub.client(0);
    let hold = Hold {
        until: None,
        reason: "the line is being tested".to_owned(),
    };
    client.hold("three", &hold).await.unwrap();
    devices[2].until_fleet("it is held", |it| it.held_by_hub);
    devices[1].kill();
    declare(&client, "app", &spec("app", "2")).await;
    let id = roll_out(&client, "app", Policy::default()).await;
    devices[0].until_runs("app.main", "2");
    assert!(devices[2].runs("app.main", "1"));
    let rollout = client.rollout(&id).await.unwrap();
    assert_eq!(rollout.state, RolloutState::Running, "{rollout:?}");
    devices[1].start();
    devices[1].until_runs("app.main", "2");
    assert!(devices[2].runs("app.main", "1"));
    client.release("three").await.unwrap();
    devices[2].until_runs("app.main", "2");
    until_state(&client, &id, RolloutState::Finished).await;
}

/// Where there is no network, somebody carries the state on a stick.
async fn carry_by_hand(hub: &mut Hub, devices: &mut [Device; 3]) {
    let client = hub.client(0);
    devices[1].kill();
    declare(&client, "app", &spec("app", "1")).await;
    let id = roll_out(&client, "app", Policy::default()).await;
    let before = devices[0].fleet().adopted;
    until_device(&client, "press", "its state is published", |device| {
        device.desired_version > before
    })
    .await;
    let stick = hub.folder().join("stick");
    let written = hub.run(0, &["bundle", "--device", "press", stick.to_str().unwrap()]);
    assert!(written.status.success(), "{written:?}");
    hub.node(0).stop();
    devices[1].start();
    devices[1].until_runs("app.main", "2");
    let other = devices[0].run(&["agent", "import", stick.to_str().unwrap()]);
    assert!(
        !other.status.success(),
        "it is for another device: {other:?}"
    );
    let imported = devices[1].run(&["agent", "import", stick.to_str().unwrap()]);
    assert!(imported.status.success(), "{imported:?}");
    devices[1].until_runs("app.main", "1");
    hub.node(0).start();
    until_state(&client, &id, RolloutState::Finished).await;
}

async fn keep_secrets_and_read_logs(hub: &Hub, devices: &[Device; 3]) {
    let client = hub.client(0);
    hub.push(0, "teller", "1", TELLS);
    let value = |value: &str| SecretValue {
        value: value.to_owned(),
    };
    client
        .set_secret("password", &value("hunter2"))
        .await
        .unwrap();
    create_app(&client, "teller").await;
    let mut container = main_of("teller:1");
    container.env.insert("COLOUR".to_owned(), "blue".to_owned());
    container
        .secret_env
        .insert("PASSWORD".to_owned(), "password".to_owned());
    publish(&client, "teller", "1", container).await;
    let mut teller = spec("teller", "1");
    teller.selector = "line=a".to_owned();
    deploy(&client, "teller", &teller).await;
    let has = |line: &str| {
        devices[0]
            .lines("teller.main")
            .iter()
            .any(|one| one == line)
    };
    devices[0].until("it has its secret", || has("PASSWORD=hunter2"));
    assert!(has("COLOUR=blue"));
    assert!(devices[1].container("teller.main").is_none());
    let shown = serde_json::to_string(&devices[0].container("teller.main").unwrap()).unwrap();
    assert!(!shown.contains("hunter2"), "{shown}");

    let request = LogRequest {
        container: "teller.main".to_owned(),
        lines: 10,
    };
    let asked = client.request_logs("one", &request).await.unwrap();
    let answer = thimble_tests_fleet::rig::until_async("the logs come", || async {
        match client.logs("one", &asked.id).await {
            Ok(answer) if answer.text.is_some() => Ok(answer),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let text = answer.text.unwrap();
    let is_line = |line: &str| line.contains(" stdout ") && line.ends_with("COLOUR=blue");
    assert!(text.lines().any(is_line), "{text}");
    assert_eq!(answer.error, None);

    // One that is not there is said to be so.
    let request = LogRequest {
        container: "teller.nobody".to_owned(),
        lines: 10,
    };
    let asked = client.request_logs("one", &request).await.unwrap();
    let answer = thimble_tests_fleet::rig::until_async("the refusal comes", || async {
        match client.logs("one", &asked.id).await {
            Ok(answer) if answer.text.is_some() => Ok(answer),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!(answer.text.as_deref(), Some(""));
    assert!(answer.error.unwrap().contains("teller.nobody"));

    // Another value makes it anew.
    client
        .set_secret("password", &value("correct horse"))
        .await
        .unwrap();
    devices[0].until("it has the other one", || has("PASSWORD=correct horse"));
    client
        .remove_deployment("teller", "not needed")
        .await
        .unwrap();
    devices[0].until("it goes", || devices[0].container("teller.main").is_none());
}

/// An app that says no is asked again, and overruled by somebody who says why.
async fn ask_and_overrule(hub: &Hub, devices: &[Device; 3]) {
    let client = hub.client(0);
    for tag in ["1", "2", "3"] {
        hub.push(0, "careful", tag, CAREFUL);
    }
    create_app(&client, "careful").await;
    for tag in ["1", "2", "3"] {
        let mut container = main_of(&format!("careful:{tag}"));
        container.grants.push("bus.sub:job".to_owned());
        publish(&client, "careful", tag, container).await;
    }
    let mut careful = spec("careful", "1");
    careful.selector = "line=a".to_owned();
    deploy(&client, "careful", &careful).await;
    careful.version = "2".to_owned();
    declare(&client, "careful", &careful).await;
    let id = roll_out(&client, "careful", Policy::default()).await;
    let says_no = |device: &thimble_hub_api::device::Device| {
        reasons(device)
            .iter()
            .any(|reason| reason.contains("a job is running"))
    };
    until_device(&client, "one", "it says no", says_no).await;
    assert!(devices[0].runs("careful.main", "1"));
    let idle = Publish {
        topic: "job".to_owned(),
        payload: "idle".to_owned(),
        content_type: String::new(),
        retain: false,
    };
    devices[0].ask(|client| client.publish(&idle)).unwrap();
    devices[0].until_runs("careful.main", "2");
    until_state(&client, &id, RolloutState::Finished).await;

    careful.version = "3".to_owned();
    declare(&client, "careful", &careful).await;
    let id = roll_out(&client, "careful", Policy::default()).await;
    until_device(&client, "one", "it says no again", says_no).await;
    let because = Because {
        reason: "a hole in the wall".to_owned(),
    };
    client.override_veto("one", &because).await.unwrap();
    devices[0].until_runs("careful.main", "3");
    until_state(&client, &id, RolloutState::Finished).await;
    client.respect_veto("one").await.unwrap();
}

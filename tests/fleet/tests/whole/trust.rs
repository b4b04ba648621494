//! What a device believes, and who believes it.

use thimble_device_api::FleetLink;
use thimble_hub_api::device::{DeviceState, Hold};
use thimble_tests_fleet::rig::operate::{
    claim_code, create_app, deploy, main_of, publish, spec, until_device, until_devices, watched,
};
use thimble_tests_fleet::rig::{Device, Hub, HubSettings, Join, Proxy, Replay, WELL, port};

/// The notes that a device sent last.
fn notes(device: &thimble_hub_api::device::Device) -> Vec<String> {
    let status = device.status.as_ref();
    let notes = status.and_then(|status| status["report"]["notes"].as_array().cloned());
    let notes = notes.unwrap_or_default();
    notes
        .iter()
        .map(|note| note.as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_said_again_later_changes_nothing_and_is_noted() {
    let between = port();
    let hub = Hub::start(&HubSettings {
        public_port: Some(between),
        ..HubSettings::default()
    })
    .await;
    let proxy = Proxy::start(&hub, between).await.unwrap();
    let client = hub.client(0);
    let code = claim_code(&client, 1, &[]).await;
    let join = Join {
        through: Some(format!("https://localhost:{between}")),
        ..Join::with_code("a", &code)
    };
    let mut device = Device::new(&hub, &join);
    proxy.steal(device.folder());
    device.start();
    until_devices(&client, DeviceState::Active, 1).await;
    device.until_fleet("it has enrolled", |fleet| fleet.device.is_some());
    create_app(&client, "app").await;
    for tag in ["1", "2", "3"] {
        hub.push(0, "app", tag, WELL);
        publish(&client, "app", tag, watched(main_of(&format!("app:{tag}")))).await;
    }
    for tag in ["1", "2"] {
        deploy(&client, "app", &spec("app", tag)).await;
    }
    let states = proxy.states();
    let old = states.first().unwrap().clone();
    assert!(old.header("etag").unwrap().starts_with("\"1."), "{old:?}");
    proxy.set(Replay::This(old));
    // The poll that waits brings this; those after it bring what was said at the beginning.
    let hold = Hold {
        until: None,
        reason: "to end the poll that waits".to_owned(),
    };
    client.hold("a", &hold).await.unwrap();
    device.until_fleet("it is held", |fleet| fleet.held_by_hub);
    until_device(&client, "a", "it notes what it did not take", |device| {
        notes(device)
            .iter()
            .any(|note| note.contains("was taken already"))
    })
    .await;
    let said = proxy.replayed();
    assert!(said > 0);
    assert!(device.runs("app.main", "2"), "{}", device.log());
    assert_eq!(device.fleet().adopted, 3);

    proxy.set(Replay::Nothing);
    client.release("a").await.unwrap();
    deploy(&client, "app", &spec("app", "3")).await;
    assert!(device.runs("app.main", "3"), "{}", device.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_is_replaced_and_nobody_touches_a_device() {
    // Certificates are short, and still none is renewed before it is time.
    let mut hub = Hub::start(&HubSettings {
        certificate_days: 1,
        ..HubSettings::default()
    })
    .await;
    let client = hub.client(0);
    let code = claim_code(&client, 2, &[]).await;
    let old = Device::enrolled(&hub, &Join::with_code("old", &code));
    create_app(&client, "app").await;
    for tag in ["1", "2"] {
        hub.push(0, "app", tag, WELL);
        publish(&client, "app", tag, watched(main_of(&format!("app:{tag}")))).await;
    }
    deploy(&client, "app", &spec("app", "1")).await;
    hub.node(0).stop();
    let root = std::fs::read(hub.root()).unwrap();
    let rotated = hub.run(0, &["authority", "--rotate"]);
    assert!(rotated.status.success(), "{rotated:?}");
    assert_eq!(rotated.stdout, root, "the root stays");
    hub.node(0).start();
    // One comes with a certificate of the new authority, the other with that of the old one.
    let new = Device::enrolled(&hub, &Join::with_code("new", &code));
    let client = hub.client(0);
    until_devices(&client, DeviceState::Active, 2).await;
    new.until_runs("app.main", "1");
    deploy(&client, "app", &spec("app", "2")).await;
    assert!(old.runs("app.main", "2"), "{}", old.log());
    assert!(new.runs("app.main", "2"), "{}", new.log());
    for device in [&old, &new] {
        let log = device.log();
        assert!(!log.contains("has another certificate"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_revoked_runs_on_and_gets_nothing() {
    let hub = Hub::start(&HubSettings::default()).await;
    let client = hub.client(0);
    let code = claim_code(&client, 2, &[]).await;
    let mut lost = Device::enrolled(&hub, &Join::with_code("lost", &code));
    let kept = Device::enrolled(&hub, &Join::with_code("kept", &code));
    create_app(&client, "app").await;
    for tag in ["1", "2"] {
        hub.push(0, "app", tag, WELL);
        publish(&client, "app", tag, watched(main_of(&format!("app:{tag}")))).await;
    }
    deploy(&client, "app", &spec("app", "1")).await;
    client.revoke_device("lost", "it was stolen").await.unwrap();
    lost.until_fleet("it is refused", |fleet| fleet.link == FleetLink::Refused);
    deploy(&client, "app", &spec("app", "2")).await;
    assert!(kept.runs("app.main", "2"));
    assert!(lost.runs("app.main", "1"));
    // Neither a restart nor its certificate lets it in again.
    lost.kill();
    lost.start();
    lost.until_fleet("it is still refused", |fleet| {
        fleet.link == FleetLink::Refused
    });
    assert!(lost.fleet().problem.is_some());
    lost.until_runs("app.main", "1");
}

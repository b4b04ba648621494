//! States say what was declared, for the device that they are for, and the same again gives the same bytes.

use serde_json::json;
use thimble_hub::publish::{Publisher, space};
use thimble_hub_store::{Device, DeviceId, RolloutState};
use thimble_image::Digest;
use thimble_protocol::sign::open_manifest;
use thimble_protocol::{Keyring, Manifest, seal};

use crate::plant::{Plant, audit, key, scope};

async fn manifest(plant: &Plant, digest: Digest) -> Manifest {
    let space = space(&plant.hub.blobs, plant.tenant).unwrap();
    let envelope = space.read_whole(&digest, 1 << 20).await.unwrap();
    let now = thimble_protocol::UnixSeconds(0);
    let tenant = thimble_hub::authority::TenantId(thimble_hub_store::Id::bytes(plant.tenant));
    let keys = plant.hub.vault.tenant_keys(tenant, now).await.unwrap();
    let keyring = Keyring::new(&[keys.present().public().clone()]).unwrap();
    open_manifest(&envelope, &keyring, digest).unwrap().message
}

#[tokio::test]
async fn overrides_and_secrets_reach_the_devices_that_they_are_for() {
    let plant = Plant::new(4).await;
    plant.set_secret("wifi", b"first").await;
    let spec = json!({
        "containers": {"*": {"env": {"A": "all"}, "secret_env": {"WIFI": "wifi"}, "grants": ["gpio:led0"]}},
        "overrides": [
            {"selector": "line=1", "containers": {"main": {"env": {"A": "one"}, "args": ["-v"]}}},
            {"selector": "device/arch=thumbv7em, model=gate", "containers": {"main": {"env": {"B": "2"}}}},
        ],
    });
    let deployment = plant.deploy("readers", spec).await;
    let rollout = plant.roll_out(deployment, 1, json!({})).await;
    assert_eq!(plant.step().await, 4);
    let states = plant.states().await;
    let mut opened = Vec::new();
    for (place, (_, state)) in &states {
        let manifest = manifest(&plant, state.items[0].manifest).await;
        let container = &manifest.containers[0];
        let expected: &[&str] = if place % 3 == 1 {
            &["A=one", "B=2"]
        } else {
            &["A=all", "B=2"]
        };
        assert_eq!(container.env, expected, "{place}");
        assert_eq!(container.args.is_some(), place % 3 == 1);
        assert_eq!(container.grants, ["gpio:led0"]);
        assert_eq!(state.ladder.len(), 1);
        let number = u32::try_from(*place).unwrap();
        let value = seal::open(&state.secrets[0], state.device, &key(number)).unwrap();
        opened.push(value.as_bytes().to_vec());
        assert!(seal::open(&state.secrets[0], state.device, &key(number + 1)).is_err());
    }
    assert!(opened.iter().all(|value| value == b"first"));
    // A new value reaches every device with the next version, and other devices' manifests stay.
    plant.set_secret("wifi", b"second").await;
    let publisher = Publisher::of(&plant.hub);
    let signing = publisher.signing(plant.tenant).await.unwrap();
    for expected in [4, 0] {
        let mut write = plant.hub.store.write().await.unwrap();
        let published = publisher
            .publish_all(&mut write, &signing, plant.hub.now_ms())
            .await
            .unwrap();
        assert_eq!(
            published.values().filter(|one| one.is_new).count(),
            expected
        );
        write
            .audit(&scope(), plant.tenant, &audit("publish"))
            .await
            .unwrap();
        write.commit().await.unwrap();
    }
    for (place, (_, state)) in plant.states().await {
        assert_eq!(state.version.0, 2);
        assert_eq!(state.items, states[&place].1.items);
        let number = u32::try_from(place).unwrap();
        let value = seal::open(&state.secrets[0], state.device, &key(number)).unwrap();
        assert_eq!(value.as_bytes(), b"second");
    }
    plant.obey(&[]).await;
    plant.step().await;
    assert_eq!(plant.rollout(rollout).await.0.state, RolloutState::Finished);
}

#[tokio::test]
async fn holds_and_windows_are_published_and_planned_with() {
    let plant = Plant::new(3).await;
    let deployment = plant.deploy("readers", json!({})).await;
    let mut write = plant.hub.store.write().await.unwrap();
    let mut held: Device = write.one(&scope(), plant.devices[0]).await.unwrap();
    held.is_held = true;
    write.update(&scope(), &held, &audit("hold")).await.unwrap();
    let mut later: Device = write.one(&scope(), plant.devices[1]).await.unwrap();
    // NOW is a Sunday at 23:00.
    later.windows = json!([{"days": ["mon"], "begin": "02:00", "minutes": 60}]);
    write
        .update(&scope(), &later, &audit("windows"))
        .await
        .unwrap();
    write.commit().await.unwrap();
    let rollout = plant.roll_out(deployment, 1, json!({})).await;
    assert_eq!(plant.step().await, 1);
    let (record, rows) = plant.rollout(rollout).await;
    assert_eq!(rows[&0].reason, "is held until somebody releases it");
    assert_eq!(
        rows[&1].reason,
        "is outside its windows until 2026-11-30T02:00:00Z"
    );
    // It is told an hour before, so that it can fetch.
    assert_eq!(record.next_ms.unwrap() - crate::plant::NOW, 3_600_000);
    plant.clock.advance_ms(2 * 3_600_000);
    plant.obey(&[]).await;
    assert_eq!(plant.step().await, 1);
    let states = plant.states().await;
    let window = states[&1].1.policy.windows[0];
    assert_eq!(
        (window.days, window.begin_minute, window.minutes),
        (1, 120, 60)
    );
    assert!(
        !states.contains_key(&0),
        "nothing was ever for the held device"
    );
}

#[tokio::test]
async fn what_cannot_be_published_pauses_the_rollout_and_says_why() {
    let plant = Plant::new(2).await;
    let spec = json!({"containers": {"*": {"secret_env": {"WIFI": "wifi"}}}});
    let deployment = plant.deploy("readers", spec).await;
    let rollout = plant.roll_out(deployment, 1, json!({})).await;
    let executor = plant.executor(&plant.hub, "node");
    executor.step(plant.tenant).await.unwrap();
    let (record, _) = plant.rollout(rollout).await;
    assert_eq!(record.state, RolloutState::Paused);
    let reason = record.reason.unwrap();
    assert!(
        reason.contains("there is no secret \"wifi\", or it has no value: set it first"),
        "{reason}"
    );
    assert!(
        plant.assigned(deployment).await.is_empty(),
        "nothing of the step was kept"
    );
    let none: Vec<DeviceId> = plant
        .states()
        .await
        .into_values()
        .map(|(one, _)| one.version.device)
        .collect();
    assert_eq!(none, []);
}

#[tokio::test]
async fn deployments_in_a_circle_stop_every_rollout_and_say_why() {
    let plant = Plant::new(2).await;
    let deployment = plant.deploy("a", json!({"depends_on": ["a"]})).await;
    let rollout = plant.roll_out(deployment, 1, json!({})).await;
    assert_eq!(plant.step().await, 0);
    let (record, _) = plant.rollout(rollout).await;
    assert_eq!(record.state, RolloutState::Paused);
    let reason = record.reason.unwrap();
    assert!(
        reason.contains("deployments depend on each other in a circle"),
        "{reason}"
    );
    assert!(plant.assigned(deployment).await.is_empty());
}

#[tokio::test]
async fn a_deployment_may_be_needed_by_its_id_too() {
    let plant = Plant::new(2).await;
    let readers = plant.deploy("readers", json!({})).await;
    let needs = json!({"depends_on": [readers.to_string()], "selector": "line=none"});
    let others = plant.deploy("others", needs).await;
    plant.roll_out(readers, 1, json!({})).await;
    assert_eq!(plant.step().await, 2);
    plant.obey(&[]).await;
    let rollout = plant.roll_out(others, 1, json!({})).await;
    plant.step().await;
    let (record, _) = plant.rollout(rollout).await;
    assert_ne!(record.state, RolloutState::Paused, "{:?}", record.reason);
}

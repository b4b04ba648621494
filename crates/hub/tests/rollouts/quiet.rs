//! A step that has nothing to do is not taken again for nothing, and whatever gives it something to do is found.

use std::sync::Arc;

use serde_json::json;
use thimble_hub::authority::{self, DeviceIdentity};
use thimble_hub::device::{Fleet as _, StoredFleet};
use thimble_hub_store::{Device, Id as _, Rollout, RolloutState};
use thimble_protocol::UnixSeconds;

use crate::plant::{NOW, Plant, audit, device, scope};

/// A plant of which all devices have what they are to have, and steps have nothing to do.
async fn settled(count: u32) -> (Plant, thimble_hub_store::DeploymentId) {
    let plant = Plant::new(count).await;
    let deployment = plant
        .deploy("readers", json!({"selector": "line!=2"}))
        .await;
    plant.roll_out(deployment, 1, json!({})).await;
    plant.step().await;
    plant.obey(&[]).await;
    for _ in 0..3 {
        plant.step().await;
    }
    assert_eq!(plant.step().await, 0);
    (plant, deployment)
}

/// Puts a device on a line.
async fn set_line(plant: &Plant, device: usize, line: &str) {
    let labels = [("line".to_owned(), line.to_owned())];
    let mut write = plant.hub.store.write().await.unwrap();
    write
        .set_labels(&scope(), plant.devices[device], &labels, &audit("labels"))
        .await
        .unwrap();
    write.commit().await.unwrap();
}

#[tokio::test]
async fn a_device_that_comes_later_is_found_although_no_time_passes() {
    let (plant, deployment) = settled(6).await;
    assert_eq!(plant.assigned(deployment).await.len(), 4);
    // One that comes in, and one whose labels change.
    let new = device(plant.tenant, 100);
    let mut write = plant.hub.store.write().await.unwrap();
    write
        .insert(&scope(), &new, &audit("device"))
        .await
        .unwrap();
    let seen = thimble_hub_store::LastSeen {
        device: new.id,
        at_ms: plant.hub.now_ms(),
    };
    write.put_last_seen(&scope(), &[seen]).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(plant.step().await, 1);
    while plant.step().await > 0 {}
    set_line(&plant, 2, "1").await;
    assert_eq!(plant.step().await, 1);
}

#[tokio::test]
async fn a_hold_that_is_taken_back_is_found_although_no_time_passes() {
    let plant = Plant::new(3).await;
    let hold = |is_held| {
        let plant = &plant;
        async move {
            let mut write = plant.hub.store.write().await.unwrap();
            let mut held: Device = write.one(&scope(), plant.devices[1]).await.unwrap();
            held.is_held = is_held;
            write.update(&scope(), &held, &audit("hold")).await.unwrap();
            write.commit().await.unwrap();
        }
    };
    hold(true).await;
    let deployment = plant.deploy("readers", json!({})).await;
    plant.roll_out(deployment, 1, json!({})).await;
    assert_eq!(plant.step().await, 2);
    plant.obey(&[]).await;
    while plant.step().await > 0 {}
    for _ in 0..3 {
        assert_eq!(plant.step().await, 0);
    }
    hold(false).await;
    assert_eq!(plant.step().await, 1);
}

#[tokio::test]
async fn a_change_that_takes_too_long_is_found_at_its_time() {
    let plant = Plant::new(2).await;
    let deployment = plant.deploy("readers", json!({})).await;
    let policy = json!({"waves": [{"errors": {"count": 0}}], "device_timeout_s": 600});
    let rollout = plant.roll_out(deployment, 1, policy).await;
    assert_eq!(plant.step().await, 2);
    for _ in 0..3 {
        assert_eq!(plant.step().await, 0);
    }
    plant.clock.advance_ms(599_000);
    plant.step().await;
    assert_eq!(plant.rollout(rollout).await.0.state, RolloutState::Running);
    plant.clock.advance_ms(1_000);
    plant.step().await;
    let record: Rollout = plant.rollout(rollout).await.0;
    assert_eq!(record.state, RolloutState::Paused, "{:?}", record.reason);
}

#[tokio::test]
async fn a_device_that_was_silent_and_comes_back_is_found_by_its_poll() {
    let plant = Plant::new(2).await;
    let deployment = plant.deploy("readers", json!({})).await;
    // Nobody was heard of for two hours.
    plant.clock.advance_ms(7_200_000);
    plant.roll_out(deployment, 1, json!({})).await;
    for _ in 0..4 {
        assert_eq!(plant.step().await, 0);
    }
    let fleet = StoredFleet::new(
        plant.hub.store.clone(),
        Arc::clone(&plant.hub.vault),
        Arc::new(plant.hub.blobs.clone()),
        None,
    );
    let identity = DeviceIdentity {
        tenant: authority::TenantId(plant.tenant.bytes()),
        device: thimble_protocol::DeviceId(plant.devices[1].bytes()),
    };
    let now = UnixSeconds(u64::try_from((NOW + 7_200_000) / 1000).unwrap());
    fleet.seen(&[(identity, now)]).await.unwrap();
    assert_eq!(plant.step().await, 1);
}

#[tokio::test]
async fn another_node_that_takes_over_plans_anew() {
    let (plant, deployment) = settled(3).await;
    let second = plant.node().await;
    let second = plant.executor(&second, "second");
    assert_eq!(second.step(plant.tenant).await.unwrap(), None);
    // The first is not heard of until its lease is over; meanwhile a device asks for more.
    plant.clock.advance_ms(30_001);
    set_line(&plant, 2, "0").await;
    assert_eq!(second.step(plant.tenant).await.unwrap(), Some(1));
    // The first finds out, whatever it remembers.
    assert_eq!(
        plant.executor.step(plant.tenant).await.unwrap(),
        None,
        "two nodes have one tenant"
    );
    assert_eq!(plant.assigned(deployment).await.len(), 3);
}

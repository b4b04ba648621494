//! What rollouts leave behind, what they wait for, and what they say of devices that they do not touch.

use serde_json::json;
use thimble_hub::rollouts::{REMOVAL, Request, last_policy, simulate};
use thimble_hub_store::{
    App, AppVersion, Audit, Deployment, Device, LastSeen, Match, NewState, Rollout, RolloutState,
};
use thimble_image::Digest;
use thimble_protocol::StateVersion;
use thimble_protocol::report::Report;

use crate::plant::{Plant, audit, scope};

/// Brings the first revision to all devices.
async fn brought(plant: &Plant) -> thimble_hub_store::DeploymentId {
    let deployment = plant.deploy("readers", json!({})).await;
    plant.roll_out(deployment, 1, json!({})).await;
    plant.step().await;
    plant.obey(&[]).await;
    plant.step().await;
    deployment
}

async fn is_there(plant: &Plant, deployment: thimble_hub_store::DeploymentId) -> bool {
    let mut read = plant.hub.store.read().await.unwrap();
    read.one::<Deployment>(&scope(), deployment).await.is_ok()
}

#[tokio::test]
async fn a_removal_that_ended_leaves_nothing_behind() {
    let plant = Plant::new(4).await;
    let deployment = brought(&plant).await;
    // One device is no more; what it had is nobody's.
    let mut write = plant.hub.store.write().await.unwrap();
    let mut gone: Device = write.one(&scope(), plant.devices[3]).await.unwrap();
    gone.state = thimble_hub_store::DeviceState::Retired;
    write
        .update(&scope(), &gone, &audit("retire"))
        .await
        .unwrap();
    write.commit().await.unwrap();
    plant.roll_out(deployment, REMOVAL, json!({})).await;
    assert_eq!(plant.step().await, 3);
    assert!(is_there(&plant, deployment).await, "devices have it still");
    plant.obey(&[]).await;
    plant.step().await;
    assert!(!is_there(&plant, deployment).await);
    let mut write = plant.hub.store.write().await.unwrap();
    let all = [Match::equals("deployment", &deployment)];
    assert_eq!(write.count::<Rollout>(&scope(), &all).await.unwrap(), 0);
    assert!(write.all_assignments(&scope()).await.unwrap().is_empty());
    write
        .verify_chain(&scope(), plant.tenant)
        .await
        .unwrap()
        .unwrap();
    // Nothing keeps the app any more, and the name is free.
    let of_app = [Match::equals("app", &plant.app.id)];
    for version in write.all::<AppVersion>(&scope(), &of_app).await.unwrap() {
        write
            .remove::<AppVersion>(&scope(), version.id, &Audit::part())
            .await
            .unwrap();
    }
    write
        .remove::<App>(&scope(), plant.app.id, &audit("app.remove"))
        .await
        .unwrap();
    drop(write);
    let again = plant.deploy("readers", json!({})).await;
    plant.roll_out(again, 1, json!({})).await;
    assert_eq!(plant.step().await, 3);
}

#[tokio::test]
async fn a_removal_waits_for_a_device_that_is_away_and_for_whoever_needs_it() {
    let plant = Plant::new(2).await;
    let deployment = brought(&plant).await;
    let other = plant
        .deploy(
            "others",
            json!({"depends_on": ["readers"], "selector": "line=none"}),
        )
        .await;
    plant.roll_out(deployment, REMOVAL, json!({})).await;
    // Only the first is heard of.
    plant.clock.advance_ms(3_600_000);
    let mut write = plant.hub.store.write().await.unwrap();
    let seen = LastSeen {
        device: plant.devices[0],
        at_ms: plant.hub.now_ms(),
    };
    write.put_last_seen(&scope(), &[seen]).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(plant.step().await, 1);
    plant.obey(&[]).await;
    assert_eq!(plant.step().await, 1, "the second came with the reports");
    plant.obey(&[]).await;
    plant.step().await;
    plant.step().await;
    assert!(is_there(&plant, deployment).await, "another one names it");
    plant.revise(other, json!({"selector": "line=none"})).await;
    plant.step().await;
    assert!(!is_there(&plant, deployment).await);
}

#[tokio::test]
async fn the_next_rollout_is_as_careful_as_the_last_one() {
    let plant = Plant::new(1).await;
    let deployment = plant.deploy("readers", json!({})).await;
    let mut read = plant.hub.store.read().await.unwrap();
    let none = last_policy(&mut read, &scope(), deployment).await.unwrap();
    assert_eq!(none, serde_json::from_value(json!({})).unwrap());
    drop(read);
    let policy = json!({
        "waves": [{"count": 1, "soak_s": 60}], "budgets": {"line": 2}, "rate_per_minute": 9,
        "deadline": "2030-01-01T00:00:00Z",
    });
    plant.roll_out(deployment, 1, policy.clone()).await;
    plant.roll_out(deployment, REMOVAL, json!({})).await;
    let mut read = plant.hub.store.read().await.unwrap();
    let last = last_policy(&mut read, &scope(), deployment).await.unwrap();
    let mut expected: thimble_hub_api::rollout::Policy = serde_json::from_value(policy).unwrap();
    // It was that one's.
    expected.deadline = None;
    assert_eq!(last, expected);
}

#[tokio::test]
async fn who_holds_a_device_and_why_is_told_by_whatever_leaves_it_alone() {
    let plant = Plant::new(3).await;
    let deployment = plant.deploy("readers", json!({})).await;
    let mut write = plant.hub.store.write().await.unwrap();
    for (place, until_ms) in [(0, None), (1, Some(plant.hub.now_ms() + 60_000))] {
        let mut device: Device = write.one(&scope(), plant.devices[place]).await.unwrap();
        device.is_held = until_ms.is_none();
        device.hold_until_ms = until_ms;
        device.hold_reason = Some("the press is being repaired".to_owned());
        write
            .update(&scope(), &device, &audit("hold"))
            .await
            .unwrap();
        write
            .put_holder(&scope(), device.id, Some("olga"))
            .await
            .unwrap();
    }
    write.commit().await.unwrap();
    let wanted = "is held until somebody releases it, by olga: the press is being repaired";
    let request = Request {
        deployment,
        revision: 1,
        policy: serde_json::from_value(json!({})).unwrap(),
        author: plant.ada,
    };
    let mut read = plant.hub.store.read().await.unwrap();
    let now_ms = plant.hub.now_ms();
    let made = simulate(&mut read, &scope(), &request, now_ms)
        .await
        .unwrap();
    let told: Vec<String> = made.devices.iter().map(|one| one.3.to_string()).collect();
    assert!(told.iter().any(|reason| reason == wanted), "{told:?}");
    drop(read);
    let rollout = plant.roll_out(deployment, 1, json!({})).await;
    assert_eq!(plant.step().await, 1);
    let (_, rows) = plant.rollout(rollout).await;
    assert_eq!(rows[&0].reason, wanted);
    assert!(
        rows[&1].reason.starts_with("is held until 20"),
        "{}",
        rows[&1].reason
    );
    let why = ", by olga: the press is being repaired";
    assert!(rows[&1].reason.ends_with(why), "{}", rows[&1].reason);
    // Nobody holds it any more.
    let mut write = plant.hub.store.write().await.unwrap();
    write
        .put_holder(&scope(), plant.devices[0], None)
        .await
        .unwrap();
    let holders = write.holders(&scope(), &plant.devices).await.unwrap();
    assert_eq!(holders.len(), 1);
}

#[tokio::test]
async fn a_rollout_that_reaches_nobody_is_not_finished() {
    let plant = Plant::new(2).await;
    let deployment = plant.deploy("readers", json!({})).await;
    plant.clock.advance_ms(3_600_000);
    let rollout = plant.roll_out(deployment, 1, json!({})).await;
    assert_eq!(plant.step().await, 0);
    let (record, rows) = plant.rollout(rollout).await;
    assert_eq!(record.state, RolloutState::Running, "{:?}", record.reason);
    assert!(rows.values().all(|row| row.status == "offline"));
    // They come, and get it.
    plant.seen().await;
    assert_eq!(plant.step().await, 2);
    plant.obey(&[]).await;
    plant.step().await;
    let (record, _) = plant.rollout(rollout).await;
    assert_eq!(record.state, RolloutState::Finished);
}

#[tokio::test]
async fn when_its_time_is_over_a_rollout_says_of_every_device_what_kept_it() {
    let plant = Plant::new(2).await;
    let deployment = plant.deploy("readers", json!({})).await;
    plant.clock.advance_ms(3_600_000);
    let deadline = jiff::Timestamp::from_millisecond(plant.hub.now_ms() + 60_000).unwrap();
    let policy = json!({ "deadline": deadline.to_string() });
    let rollout = plant.roll_out(deployment, 1, policy).await;
    plant.step().await;
    plant.clock.advance_ms(60_000);
    plant.step().await;
    let (record, rows) = plant.rollout(rollout).await;
    assert_eq!(record.state, RolloutState::Failed);
    assert!(record.ended_ms.is_some());
    for row in rows.values() {
        assert_eq!(row.status, "offline");
        assert!(row.reason.starts_with("is offline since"), "{}", row.reason);
    }
}

/// What a device tells of a state that another life of the hub gave it.
async fn tell(plant: &Plant, place: usize, adopted: u64) {
    plant.clock.advance_ms(1000);
    let report = Report {
        sequence: u64::try_from(plant.hub.now_ms()).unwrap(),
        adopted: StateVersion(adopted),
        committed: StateVersion(adopted),
        deployments: Some(Vec::new()),
        ..Report::default()
    };
    let status = thimble_hub_store::DeviceStatus {
        device: plant.devices[place],
        sequence: report.sequence,
        at_ms: plant.hub.now_ms(),
        adopted,
        committed: adopted,
        phase: "idle".to_owned(),
        health: "ok".to_owned(),
        report: report.encode(),
    };
    let mut write = plant.hub.store.write().await.unwrap();
    write.put_statuses(&scope(), &[status]).await.unwrap();
    write.commit().await.unwrap();
    plant.seen().await;
}

#[tokio::test]
async fn what_a_device_says_of_states_of_another_life_of_the_hub_decides_nothing() {
    let plant = Plant::new(1).await;
    let deployment = brought(&plant).await;
    // The hub was restored: the device has version 9, in which nothing was left, and the hub gave 1.
    tell(&plant, 0, 9).await;
    let rollout = plant.roll_out(deployment, REMOVAL, json!({})).await;
    assert_eq!(plant.step().await, 1);
    for _ in 0..2 {
        plant.step().await;
        let (record, rows) = plant.rollout(rollout).await;
        assert_eq!(record.state, RolloutState::Running, "{:?}", record.reason);
        assert_eq!(rows[&0].status, "updating", "{}", rows[&0].reason);
        tell(&plant, 0, 9).await;
    }
    // It asks, and gets a version beyond its own.
    let mut write = plant.hub.store.write().await.unwrap();
    let stored = write.state(&scope(), plant.devices[0]).await.unwrap();
    let payload = {
        let bytes = stored.unwrap().payload;
        let mut state = thimble_protocol::DesiredState::decode(&bytes).unwrap();
        state.version = StateVersion(10);
        state.encode()
    };
    let state = NewState {
        device: plant.devices[0],
        version: 10,
        digest: *Digest::of(&payload).as_bytes(),
        payload,
        at_ms: plant.hub.now_ms(),
    };
    write
        .publish_states(&scope(), vec![state], &audit("advance"))
        .unwrap();
    write
        .raise_state_versions(&scope(), plant.devices[0], 10)
        .await
        .unwrap();
    write.commit().await.unwrap();
    // An old report that comes late is still about another life.
    tell(&plant, 0, 9).await;
    plant.step().await;
    let (_, rows) = plant.rollout(rollout).await;
    assert_eq!(rows[&0].status, "updating", "{}", rows[&0].reason);
    tell(&plant, 0, 10).await;
    plant.step().await;
    assert!(!is_there(&plant, deployment).await, "it is removed now");
}

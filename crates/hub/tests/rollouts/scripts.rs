//! What is played with simulated hubs and devices (`tests/fleet/sim/scripts`), with the hub itself: its half of each script that
//! no other test has.

use serde_json::json;
use thimble_hub::publish::Publisher;
use thimble_hub::rollouts::{Executor, Pace, resume};
use thimble_hub_store::{Device, DeviceStatus, LastSeen, RolloutId, RolloutState};
use thimble_protocol::report::{DeploymentState, DeploymentStatus, Phase, Report};
use thimble_protocol::{DesiredState, StateVersion};

use crate::plant::{Plant, audit, scope};

/// What a device says of everything that it is to have.
async fn says(plant: &Plant, place: usize, state: DeploymentState, phase: Phase) {
    plant.clock.advance_ms(1000);
    let (stored, desired) = plant.states().await.remove(&place).unwrap();
    let deployments = desired.items.iter().map(|item| DeploymentStatus {
        deployment: item.deployment,
        manifest: item.manifest,
        running: None,
        state,
        phase,
        reason: None,
        containers: Vec::new(),
    });
    let report = Report {
        sequence: u64::try_from(plant.hub.now_ms()).unwrap(),
        adopted: StateVersion(stored.version.version),
        deployments: Some(deployments.collect()),
        ..Report::default()
    };
    let status = DeviceStatus {
        device: plant.devices[place],
        sequence: report.sequence,
        at_ms: plant.hub.now_ms(),
        adopted: report.adopted.0,
        committed: 0,
        phase: "waiting".to_owned(),
        health: "ok".to_owned(),
        report: report.encode(),
    };
    let mut write = plant.hub.store.write().await.unwrap();
    write.put_statuses(&scope(), &[status]).await.unwrap();
    write.commit().await.unwrap();
    seen(plant, &[place]).await;
}

async fn seen(plant: &Plant, places: &[usize]) {
    let seen: Vec<LastSeen> = places
        .iter()
        .map(|place| LastSeen {
            device: plant.devices[*place],
            at_ms: plant.hub.now_ms(),
        })
        .collect();
    let mut write = plant.hub.store.write().await.unwrap();
    write.put_last_seen(&scope(), &seen).await.unwrap();
    write.commit().await.unwrap();
}

async fn status(plant: &Plant, rollout: RolloutId, place: usize) -> String {
    plant.rollout(rollout).await.1[&place].status.clone()
}

/// Brings the first revision to all devices.
async fn brought(plant: &Plant) -> thimble_hub_store::DeploymentId {
    let deployment = plant.deploy("clock", json!({})).await;
    plant.roll_out(deployment, 1, json!({})).await;
    plant.step().await;
    plant.obey(&[]).await;
    plant.step().await;
    let env = json!({"containers": {"*": {"env": {"A": "1"}}}});
    plant.revise(deployment, env).await;
    deployment
}

#[tokio::test]
async fn abort() {
    let plant = Plant::new(4).await;
    let deployment = brought(&plant).await;
    let policy = json!({"waves": [{"count": 1}]});
    let rollout = plant.roll_out(deployment, 2, policy).await;
    assert_eq!(plant.step().await, 1);
    let mut write = plant.hub.store.write().await.unwrap();
    thimble_hub::rollouts::abort(&mut write, &scope(), rollout, "wrong one", &audit("abort"))
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert_eq!(plant.step().await, 0);
    let (record, _) = plant.rollout(rollout).await;
    assert!(record.ended_ms.is_none(), "one device is at it");
    plant.obey(&[]).await;
    assert_eq!(plant.step().await, 0);
    let (record, rows) = plant.rollout(rollout).await;
    assert_eq!(record.state, RolloutState::Aborted);
    assert!(record.ended_ms.is_some());
    let count = |word: &str| rows.values().filter(|row| row.status == word).count();
    assert_eq!((count("succeeded"), count("stopped")), (1, 3));
    let second = plant.assigned(deployment).await;
    assert_eq!(
        second.values().filter(|revision| **revision == 2).count(),
        1
    );
}

#[tokio::test]
async fn canary_fails() {
    let plant = Plant::new(5).await;
    let deployment = brought(&plant).await;
    let policy = json!({"waves": [{"count": 1, "errors": {"count": 0}}]});
    let rollout = plant.roll_out(deployment, 2, policy).await;
    assert_eq!(plant.step().await, 1);
    let canary = plant.assigned(deployment).await;
    let canary = *canary
        .iter()
        .find(|(_, revision)| **revision == 2)
        .unwrap()
        .0;
    plant.obey(&[canary]).await;
    for _ in 0..3 {
        assert_eq!(plant.step().await, 0, "the others never see it");
    }
    let (record, rows) = plant.rollout(rollout).await;
    assert_eq!(record.state, RolloutState::Paused);
    assert_eq!(rows[&canary].status, "failed");
    // Whoever goes on means it: the device that went back is left out, and the next tries.
    let mut write = plant.hub.store.write().await.unwrap();
    resume(
        &mut write,
        &scope(),
        rollout,
        "seen",
        plant.hub.now_ms() + 1,
        &audit("resume"),
    )
    .await
    .unwrap();
    write.commit().await.unwrap();
    plant.clock.advance_ms(10);
    plant.step().await;
    assert_eq!(status(&plant, rollout, canary).await, "failed");
}

#[tokio::test]
async fn hub_gone_for_a_day() {
    let plant = Plant::new(2).await;
    let deployment = brought(&plant).await;
    let policy = json!({"device_timeout_s": 600});
    let rollout = plant.roll_out(deployment, 2, policy).await;
    assert_eq!(plant.step().await, 2);
    // Nobody could say anything for a day. A node that begins then waits for what devices say.
    plant.clock.advance_ms(86_400_000);
    let node = plant.node().await;
    let executor = |name: &str| {
        Executor::new(
            node.store.clone(),
            Publisher::of(&node),
            plant.clock.clone(),
            name.to_owned(),
            Pace::default(),
        )
    };
    let again = executor("again");
    again.step(plant.tenant).await.unwrap();
    assert_eq!(status(&plant, rollout, 0).await, "updating");
    says(&plant, 0, DeploymentState::Installed, Phase::Idle).await;
    again.step(plant.tenant).await.unwrap();
    assert_eq!(status(&plant, rollout, 0).await, "succeeded");
    // The other has its time from then on, and no more.
    plant.clock.advance_ms(600_000);
    again.step(plant.tenant).await.unwrap();
    assert_eq!(status(&plant, rollout, 1).await, "timed-out");
}

#[tokio::test]
async fn timed_out_and_superseded() {
    let plant = Plant::new(4).await;
    let deployment = brought(&plant).await;
    // Devices 0 and 3 are of one line. The first goes while it is told.
    let policy = json!({"waves": [{"errors": {"count": 9}}], "budgets": {"line": 1}, "device_timeout_s": 600});
    let rollout = plant.roll_out(deployment, 2, policy.clone()).await;
    assert_eq!(plant.step().await, 3, "one of each line");
    let told = plant.assigned(deployment).await;
    let (silent, other) = if told[&0] == 2 { (0, 3) } else { (3, 0) };
    plant.clock.advance_ms(599_000);
    seen(&plant, &[0, 1, 2, 3]).await;
    plant.step().await;
    plant.clock.advance_ms(2000);
    seen(&plant, &[0, 1, 2, 3]).await;
    plant.step().await;
    assert_eq!(status(&plant, rollout, silent).await, "timed-out");
    assert_eq!(
        status(&plant, rollout, other).await,
        "budget",
        "it may still come about"
    );
    let mut write = plant.hub.store.write().await.unwrap();
    thimble_hub::rollouts::abort(&mut write, &scope(), rollout, "too slow", &audit("abort"))
        .await
        .unwrap();
    write.commit().await.unwrap();
    plant.step().await;
    // Another deployment of another app has the same budget: the one that is late counts in it.
    let env = json!({"containers": {"*": {"env": {"A": "2"}}}});
    plant.revise(deployment, env).await;
    let next = plant.roll_out(deployment, 3, policy).await;
    plant.step().await;
    let assigned = plant.assigned(deployment).await;
    let of_line = [silent, other]
        .iter()
        .filter(|place| assigned[place] == 3)
        .count();
    assert_eq!(of_line, 1, "one of a line, and the late one is taken over");
    assert_eq!(
        assigned[&silent], 3,
        "it is down already, so nothing more is taken"
    );
    assert_eq!(status(&plant, next, other).await, "budget");
}

#[tokio::test]
async fn veto_then_consent() {
    let plant = Plant::new(1).await;
    let deployment = brought(&plant).await;
    let policy = json!({"device_timeout_s": 600});
    let rollout = plant.roll_out(deployment, 2, policy).await;
    plant.step().await;
    for _ in 0..3 {
        says(&plant, 0, DeploymentState::Pending, Phase::Vetoed).await;
        plant.clock.advance_ms(600_000);
        seen(&plant, &[0]).await;
        plant.step().await;
        // Whose app says no is not late.
        assert_eq!(status(&plant, rollout, 0).await, "vetoed");
    }
    says(&plant, 0, DeploymentState::Installed, Phase::Idle).await;
    plant.step().await;
    let (record, rows) = plant.rollout(rollout).await;
    assert_eq!(rows[&0].status, "succeeded");
    assert_eq!(record.state, RolloutState::Finished);
}

#[tokio::test]
async fn veto_overridden() {
    let plant = Plant::new(1).await;
    let deployment = brought(&plant).await;
    let rollout = plant.roll_out(deployment, 2, json!({})).await;
    plant.step().await;
    says(&plant, 0, DeploymentState::Pending, Phase::Vetoed).await;
    plant.step().await;
    let publisher = Publisher::of(&plant.hub);
    let signing = publisher.signing(plant.tenant).await.unwrap();
    let mut write = plant.hub.store.write().await.unwrap();
    let mut device: Device = write.one(&scope(), plant.devices[0]).await.unwrap();
    device.override_reason = Some("it must change today".to_owned());
    write
        .update(&scope(), &device, &audit("override"))
        .await
        .unwrap();
    publisher
        .publish_all(&mut write, &signing, plant.hub.now_ms())
        .await
        .unwrap();
    write.commit().await.unwrap();
    let (_, state): (_, DesiredState) = plant.states().await.remove(&0).unwrap();
    let reason = state.items[0].override_reason.as_deref();
    assert_eq!(reason, Some("it must change today"));
    // It is the same change, which the rollout goes on to watch.
    says(&plant, 0, DeploymentState::Installed, Phase::Idle).await;
    plant.step().await;
    assert_eq!(status(&plant, rollout, 0).await, "succeeded");
    assert_eq!(plant.rollout(rollout).await.1[&0].attempts, 1);
}

//! A node dies at any point, two nodes work at once, a lease is lost: every device is changed once.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use serde_json::json;
use tempfile::TempDir;
use thimble_hub_store::{DeploymentId, RolloutId, RolloutState};
use thimble_testkit::postgres::Postgres;

use crate::plant::{Plant, scope};

/// Runs a future until it was polled so many times, or it ends.
pub(crate) async fn polled<F: Future>(mut future: Pin<&mut F>, polls: usize) -> Option<F::Output> {
    let mut left = polls;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Every device was changed by exactly as many attempts and states as there were revisions.
async fn check_once(plant: &Plant, deployment: DeploymentId, rollout: RolloutId) {
    let (record, rows) = plant.rollout(rollout).await;
    assert_eq!(record.state, RolloutState::Finished, "{:?}", record.reason);
    let count = plant.devices.len();
    assert_eq!(plant.assigned(deployment).await.len(), count);
    assert_eq!(rows.len(), count);
    assert!(
        rows.values()
            .all(|row| row.attempts == 1 && row.state_version == Some(1))
    );
    let states = plant.states().await;
    assert_eq!(states.len(), count);
    assert!(
        states
            .values()
            .all(|(stored, _)| stored.version.version == 1)
    );
    let mut read = plant.hub.store.read().await.unwrap();
    read.verify_chain(&scope(), plant.tenant)
        .await
        .unwrap()
        .unwrap();
}

/// Nothing of a step is there without the rest.
async fn check_whole(plant: &Plant, deployment: DeploymentId, rollout: RolloutId) {
    let assigned = plant.assigned(deployment).await;
    let states = plant.states().await;
    let (record, rows) = plant.rollout(rollout).await;
    let attempts = rows.values().filter(|row| row.attempts > 0).count();
    assert_eq!(assigned.len(), states.len(), "assignments without states");
    assert_eq!(assigned.len(), attempts, "assignments without attempts");
    assert_eq!(
        record.generation == 0,
        assigned.is_empty(),
        "a step without a record"
    );
}

#[tokio::test]
async fn a_node_that_dies_at_any_point_leaves_a_whole_step_or_none() {
    let plant = Plant::new(5).await;
    let deployment = plant.deploy("readers", json!({})).await;
    let rollout = plant.roll_out(deployment, 1, json!({})).await;
    let mut polls = 0;
    loop {
        let node = plant.node().await;
        let executor = plant.executor(&node, &format!("node {polls}"));
        // Whoever died holds the lease until it ends.
        plant.clock.advance_ms(60_000);
        plant.seen().await;
        let mut step = Box::pin(executor.step(plant.tenant));
        let ended = polled(step.as_mut(), polls).await;
        drop(step);
        check_whole(&plant, deployment, rollout).await;
        if let Some(ended) = ended {
            ended.unwrap();
            break;
        }
        polls += 1;
    }
    assert!(polls > 10, "{polls}: it was cut at many points");
    plant.clock.advance_ms(60_000);
    plant.obey(&[]).await;
    plant.step().await;
    check_once(&plant, deployment, rollout).await;
}

async fn at_once(plant: &Plant) {
    let deployment = plant.deploy("readers", json!({})).await;
    let rollout = plant
        .roll_out(deployment, 1, json!({"rate_per_minute": 4}))
        .await;
    let nodes = [plant.node().await, plant.node().await];
    let executors = [
        plant.executor(&nodes[0], "a"),
        plant.executor(&nodes[1], "b"),
    ];
    for round in 0..40 {
        // Half of the time the lease has ended, and both may take it.
        plant
            .clock
            .advance_ms(if round % 2 == 0 { 31_000 } else { 1000 });
        let (a, b) = tokio::join!(
            executors[0].step(plant.tenant),
            executors[1].step(plant.tenant)
        );
        for step in [a, b] {
            if let Err(error) = step {
                assert!(
                    error.is_passing(),
                    "{error}: {:?}",
                    std::error::Error::source(&error)
                );
            }
        }
        plant.obey(&[]).await;
    }
    check_once(plant, deployment, rollout).await;
}

#[tokio::test]
async fn two_nodes_at_once_change_a_device_once() {
    at_once(&Plant::new(12).await).await;
}

#[tokio::test]
async fn two_nodes_at_once_on_postgresql_change_a_device_once() {
    let address = Postgres::shared().database();
    at_once(&Plant::at(&address, TempDir::new().unwrap(), 12).await).await;
}

#[tokio::test]
async fn a_lease_that_is_lost_in_the_middle_keeps_nothing_twice() {
    let mut polls = 1;
    loop {
        let plant = Plant::new(4).await;
        let deployment = plant.deploy("readers", json!({})).await;
        let rollout = plant.roll_out(deployment, 1, json!({})).await;
        let nodes = [plant.node().await, plant.node().await];
        let slow = plant.executor(&nodes[0], "slow");
        let mut step = Box::pin(slow.step(plant.tenant));
        let ended = polled(step.as_mut(), polls).await;
        plant.clock.advance_ms(60_000);
        let quick = plant.executor(&nodes[1], "quick");
        if ended.is_none() {
            let (slow, quick) = tokio::join!(step, quick.step(plant.tenant));
            for step in [slow, quick] {
                if let Err(error) = step {
                    assert!(error.is_passing(), "{error}");
                }
            }
        }
        plant.clock.advance_ms(60_000);
        plant.seen().await;
        plant.step().await;
        plant.clock.advance_ms(60_000);
        plant.obey(&[]).await;
        plant.step().await;
        check_once(&plant, deployment, rollout).await;
        if ended.is_some() {
            break;
        }
        polls += 3;
    }
    assert!(polls > 5, "{polls}");
}

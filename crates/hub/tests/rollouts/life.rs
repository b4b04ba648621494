//! A rollout begins, goes on, stops and goes back as it was ordered.

use serde_json::json;
use thimble_hub::publish::Publisher;
use thimble_hub::rollouts::Request;
use thimble_hub::rollouts::{
    REMOVAL, RolloutError, Vote, approve, create, placement, resume, roll_back, simulate,
};
use thimble_hub_api::identity::Role;
use thimble_hub_store::{Error, Event, Id as _, RolloutState, User, UserId};

use crate::plant::{Plant, audit, scope};

#[tokio::test]
async fn a_rollout_goes_through_its_waves_and_finishes() {
    let plant = Plant::new(9).await;
    let deployment = plant.deploy("readers", json!({})).await;
    let policy = json!({
        "waves": [{"name": "canary", "count": 1, "soak_s": 60}],
        "budgets": {"line": 1},
    });
    let rollout = plant.roll_out(deployment, 1, policy).await;
    assert_eq!(plant.step().await, 1);
    assert_eq!(plant.assigned(deployment).await.len(), 1);
    assert_eq!(plant.step().await, 0);
    plant.obey(&[]).await;
    assert_eq!(plant.step().await, 0, "the canary is watched");
    plant.clock.advance_ms(60_000);
    plant.seen().await;
    for _ in 0..20 {
        let before = plant.assigned(deployment).await.len();
        let changed = plant.step().await;
        assert!(changed <= 3, "one of each line");
        assert_eq!(plant.assigned(deployment).await.len(), before + changed);
        plant.obey(&[]).await;
    }
    let (record, rows) = plant.rollout(rollout).await;
    assert_eq!(record.state, RolloutState::Finished, "{:?}", record.reason);
    assert!(
        rows.values()
            .all(|row| row.status == "succeeded" && row.attempts == 1)
    );
    let states = plant.states().await;
    assert!(
        states
            .values()
            .all(|(_, state)| state.version.0 == 1 && state.items.len() == 1)
    );
    let manifests: std::collections::BTreeSet<_> = states
        .values()
        .map(|(_, state)| state.items[0].manifest)
        .collect();
    assert_eq!(manifests.len(), 1, "devices share a manifest");
    // Publishing again says nothing new.
    let publisher = Publisher::of(&plant.hub);
    let signing = publisher.signing(plant.tenant).await.unwrap();
    let mut write = plant.hub.store.write().await.unwrap();
    let published = publisher
        .publish_all(&mut write, &signing, plant.hub.now_ms())
        .await
        .unwrap();
    assert_eq!(published.len(), 9);
    assert!(
        published
            .values()
            .all(|one| !one.is_new && one.version == 1)
    );
    drop(write);
    let mut read = plant.hub.store.read().await.unwrap();
    let events: Vec<Event> = read.all(&scope(), &[]).await.unwrap();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    let expected = [
        "rollout.began",
        "rollout.wave-passed",
        "rollout.wave-began",
        "rollout.wave-passed",
        "rollout.finished",
    ];
    assert_eq!(kinds, expected);
    read.verify_chain(&scope(), plant.tenant)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn too_many_failures_pause_and_a_rollback_gives_back_what_was() {
    let plant = Plant::new(6).await;
    let deployment = plant.deploy("readers", json!({})).await;
    plant.roll_out(deployment, 1, json!({})).await;
    plant.step().await;
    plant.obey(&[]).await;
    plant.step().await;
    plant
        .revise(
            deployment,
            json!({"containers": {"*": {"env": {"A": "1"}}}}),
        )
        .await;
    let policy = json!({"waves": [{"errors": {"count": 1}}]});
    let rollout = plant.roll_out(deployment, 2, policy).await;
    assert_eq!(plant.step().await, 6);
    plant.obey(&[0, 1]).await;
    plant.step().await;
    let (record, rows) = plant.rollout(rollout).await;
    assert_eq!(record.state, RolloutState::Paused);
    let reason = record.reason.unwrap();
    assert_eq!(
        reason,
        "it is paused now: 2 of 6 devices of wave 1 failed, 1 are borne"
    );
    assert!(
        rows[&0].reason.ends_with("main crashed three times"),
        "{}",
        rows[&0].reason
    );
    let mut write = plant.hub.store.write().await.unwrap();
    roll_back(
        &mut write,
        &scope(),
        rollout,
        "no good",
        &audit("roll-back"),
    )
    .await
    .unwrap();
    write.commit().await.unwrap();
    assert_eq!(plant.step().await, 6);
    assert!(
        plant
            .assigned(deployment)
            .await
            .values()
            .all(|revision| *revision == 1)
    );
    plant.obey(&[]).await;
    plant.step().await;
    let (record, rows) = plant.rollout(rollout).await;
    assert_eq!(record.state, RolloutState::Failed, "{:?}", record.reason);
    assert!(record.ended_ms.is_some());
    assert!(
        rows.values()
            .all(|row| row.status == "rolled-back" && row.attempts == 2)
    );
    // Whoever failed refuses the same revision, and says so.
    let again = plant.roll_out(deployment, 2, json!({})).await;
    assert_eq!(plant.step().await, 4);
    let (_, rows) = plant.rollout(again).await;
    assert_eq!(rows[&0].status, "failed-before");
}

#[tokio::test]
async fn a_wave_waits_for_two_people() {
    let plant = Plant::new(3).await;
    let deployment = plant.deploy("readers", json!({})).await;
    let policy = json!({"waves": [{"approval": {"people": 2, "roles": ["approver"]}}]});
    let rollout = plant.roll_out(deployment, 1, policy).await;
    assert_eq!(plant.step().await, 0);
    assert_eq!(
        plant.rollout(rollout).await.0.state,
        RolloutState::WaitingApproval
    );
    let mut write = plant.hub.store.write().await.unwrap();
    let ada: User = write.one(&scope(), plant.ada).await.unwrap();
    let others = ["bo", "cy"].map(|name| User {
        id: UserId::fresh(),
        edition: 0,
        name: name.to_owned(),
        ..ada.clone()
    });
    write
        .insert_all(&scope(), &others, &audit("users"))
        .await
        .unwrap();
    write.commit().await.unwrap();
    let vote = async |user: UserId, roles: &[Role]| {
        let mut write = plant.hub.store.write().await.unwrap();
        let vote = Vote {
            wave: None,
            user,
            roles,
            reason: None,
        };
        let now_ms = plant.hub.now_ms();
        approve(
            &mut write,
            &scope(),
            rollout,
            &vote,
            now_ms,
            &audit("approve"),
        )
        .await?;
        write.commit().await?;
        Ok::<(), RolloutError>(())
    };
    let approver = [Role::Approver];
    assert!(matches!(
        vote(plant.ada, &approver).await,
        Err(RolloutError::OwnRollout)
    ));
    assert!(matches!(
        vote(others[0].id, &[Role::Operator]).await,
        Err(RolloutError::WrongRole { .. })
    ));
    vote(others[0].id, &approver).await.unwrap();
    vote(others[0].id, &approver).await.unwrap_err();
    assert_eq!(plant.step().await, 0);
    vote(others[1].id, &approver).await.unwrap();
    assert_eq!(plant.step().await, 3);
    assert!(matches!(
        resume(
            &mut plant.hub.store.write().await.unwrap(),
            &scope(),
            rollout,
            "",
            0,
            &audit("resume")
        )
        .await,
        Err(RolloutError::State(_))
    ));
}

#[tokio::test]
async fn labels_priorities_and_removals_are_followed() {
    let plant = Plant::new(6).await;
    let all = plant.deploy("all", json!({})).await;
    plant.roll_out(all, 1, json!({})).await;
    plant.step().await;
    plant.obey(&[]).await;
    plant.step().await;
    // The same app with a greater priority on one line takes the place of the other.
    let line = plant
        .deploy("line", json!({"selector": "line=1", "priority": 5}))
        .await;
    let conflict = plant
        .deploy("conflict", json!({"selector": "line=2"}))
        .await;
    let request = Request {
        deployment: conflict,
        revision: 1,
        policy: Default::default(),
        author: plant.ada,
    };
    let mut read = plant.hub.store.read().await.unwrap();
    let preview = simulate(&mut read, &scope(), &request, plant.hub.now_ms())
        .await
        .unwrap();
    assert_eq!(preview.devices.len(), 2);
    assert!(
        preview
            .devices
            .iter()
            .all(|(_, _, _, standing)| standing.word() == "conflict")
    );
    let (placed, refused) = placement(&mut read, &scope(), all, 1, plant.hub.now_ms())
        .await
        .unwrap();
    assert_eq!((placed, refused.len()), (2, 4));
    drop(read);
    plant.roll_out(line, 1, json!({})).await;
    assert_eq!(plant.step().await, 2);
    assert_eq!(plant.assigned(line).await.len(), 2);
    assert_eq!(
        plant.assigned(all).await.len(),
        4,
        "one deployment of an app on a device"
    );
    plant.obey(&[]).await;
    plant.step().await;
    // A device changes its line: the finished rollouts follow.
    let mut write = plant.hub.store.write().await.unwrap();
    let moved = plant.devices[0];
    let labels = [("line".to_owned(), "1".to_owned())];
    write
        .set_labels(&scope(), moved, &labels, &audit("labels"))
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert_eq!(plant.step().await, 1);
    assert!(plant.assigned(line).await.contains_key(&0));
    assert!(!plant.assigned(all).await.contains_key(&0));
    plant.obey(&[]).await;
    plant.step().await;
    // A removal goes by the budget too, and the other deployment comes back.
    plant
        .roll_out(line, REMOVAL, json!({"budgets": {"line": 1}}))
        .await;
    let request = Request {
        deployment: line,
        revision: 1,
        policy: Default::default(),
        author: plant.ada,
    };
    let mut write = plant.hub.store.write().await.unwrap();
    let refused = create(&mut write, &scope(), &request, 0, &audit("rollout")).await;
    assert!(matches!(refused, Err(RolloutError::BeingRemoved)));
    drop(write);
    for _ in 0..12 {
        assert!(plant.step().await <= 4);
        plant.obey(&[]).await;
    }
    assert!(plant.assigned(line).await.is_empty());
    assert_eq!(
        plant.assigned(all).await.len(),
        6,
        "those of line 2 keep what they had"
    );
    let mut write = plant.hub.store.write().await.unwrap();
    let refused = create(&mut write, &scope(), &request, 0, &audit("rollout")).await;
    assert!(matches!(
        refused,
        Err(RolloutError::Store(Error::NotFound { .. }))
    ));
}

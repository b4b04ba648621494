//! Whether plans of rollouts may have changed: every change that they follow from is found, and what is none is not.

use thimble_hub_store::{
    App, Assignment, Deployment, Device, DeviceStatus, LastSeen, Scope, Store, TenantId, Topic,
    Write,
};

use super::fixture::{Database, app, audit, deployment, device, hub, keep, suite, tenant};

suite! {
    what_plans_follow_from_is_a_change_of_its_tenant_alone
    a_sign_of_life_is_no_change_and_a_return_is_found
    forgotten_changes_count_as_changes
}

async fn number(store: &Store) -> u64 {
    store.read().await.unwrap().last_change().await.unwrap()
}

async fn has_change(store: &Store, tenant: TenantId, since: u64) -> bool {
    let mut read = store.read().await.unwrap();
    read.has_change_since(tenant, since).await.unwrap()
}

async fn what_plans_follow_from_is_a_change_of_its_tenant_alone(database: Database) {
    let store = database.open().await;
    let (own, other) = (tenant(TenantId::HUB, "own"), tenant(TenantId::HUB, "other"));
    keep(&store, &own).await;
    keep(&store, &other).await;
    let (own, other) = (own.id, other.id);
    let scope = Scope::authenticated(own);
    let mut before = number(&store).await;
    // Each does one thing, commits, and is found.
    macro_rules! changes {
        ($what:literal, $write:ident, $does:expr) => {{
            let mut $write: Write = store.write().await.unwrap();
            let kept = $does;
            $write.commit().await.unwrap();
            assert!(has_change(&store, own, before).await, $what);
            assert!(!has_change(&store, other, before).await, $what);
            before = number(&store).await;
            assert!(!has_change(&store, own, before).await, $what);
            kept
        }};
    }
    let app: App = app(own, "reader");
    changes!(
        "an app",
        write,
        write.insert(&scope, &app, &audit("app")).await.unwrap()
    );
    let placed: Deployment = deployment(&app, "readers");
    changes!(
        "a deployment",
        write,
        write
            .insert(&scope, &placed, &audit("deployment"))
            .await
            .unwrap()
    );
    let mut gate: Device = device(own, "gate");
    changes!(
        "a device",
        write,
        write.insert(&scope, &gate, &audit("device")).await.unwrap()
    );
    gate.edition = 1;
    gate.is_held = true;
    changes!(
        "a hold",
        write,
        write.update(&scope, &gate, &audit("hold")).await.unwrap()
    );
    let labels = [("line".to_owned(), "1".to_owned())];
    changes!(
        "a label",
        write,
        write
            .set_labels(&scope, gate.id, &labels, &audit("label"))
            .await
            .unwrap()
    );
    changes!(
        "a label of its own",
        write,
        write
            .set_own_labels(&scope, gate.id, &labels[..0])
            .await
            .unwrap()
    );
    let assignment = Assignment {
        device: gate.id,
        deployment: placed.id,
        revision: 1,
        rollout: None,
        since_ms: 1,
    };
    changes!(
        "an assignment",
        write,
        write
            .assign(&scope, own, &[assignment], &audit("assign"))
            .await
            .unwrap()
    );
    changes!(
        "an assignment's end",
        write,
        write
            .unassign(&scope, own, &[(gate.id, placed.id)], &audit("unassign"))
            .await
            .unwrap()
    );
    let mut status = DeviceStatus {
        device: gate.id,
        sequence: 1,
        at_ms: 1,
        adopted: 1,
        committed: 1,
        phase: "idle".to_owned(),
        health: "ok".to_owned(),
        report: vec![1],
    };
    changes!(
        "a report",
        write,
        write
            .put_statuses(&scope, std::slice::from_ref(&status))
            .await
            .unwrap()
    );
    changes!(
        "a device's end",
        write,
        write
            .remove::<Device>(&scope, gate.id, &audit("remove"))
            .await
            .unwrap()
    );
    // One that says nothing new, and other things of the tenant.
    keep(&store, &device(own, "door")).await;
    before = number(&store).await;
    status.sequence = 0;
    let mut write = store.write().await.unwrap();
    write.put_statuses(&scope, &[status]).await.unwrap();
    write.audit(&scope, own, &audit("nothing")).await.unwrap();
    write.wake(Topic::Webhook, Some(own), None);
    write.commit().await.unwrap();
    assert!(!has_change(&store, own, before).await);
    // What is anybody's.
    let mut write = store.write().await.unwrap();
    write.wake(Topic::Rollout, None, None);
    write.commit().await.unwrap();
    assert!(has_change(&store, own, before).await && has_change(&store, other, before).await);
}

async fn a_sign_of_life_is_no_change_and_a_return_is_found(database: Database) {
    let store = database.open().await;
    let own = tenant(TenantId::HUB, "own");
    keep(&store, &own).await;
    let (gate, door) = (device(own.id, "gate"), device(own.id, "door"));
    keep(&store, &gate).await;
    keep(&store, &door).await;
    let before = number(&store).await;
    let seen = |device: &Device, at_ms| LastSeen {
        device: device.id,
        at_ms,
    };
    let rounds = [
        // Never before.
        (vec![seen(&gate, 1000), seen(&door, 1000)], true),
        (vec![seen(&gate, 1499)], false),
        (vec![seen(&gate, 1999)], true),
        // One of two.
        (vec![seen(&gate, 2000), seen(&door, 2000)], true),
        (vec![seen(&gate, 2100), seen(&door, 2100)], false),
        // Another node's that came late.
        (vec![seen(&gate, 1)], false),
    ];
    for (round, (seen, is_back)) in rounds.into_iter().enumerate() {
        let mut write = store.write().await.unwrap();
        let silent = write.silent(&hub(), &seen, 500).await.unwrap();
        assert_eq!(silent.contains(&own.id), is_back, "round {round}");
        write.put_last_seen(&hub(), &seen).await.unwrap();
        write.commit().await.unwrap();
    }
    assert!(!has_change(&store, own.id, before).await);
}

async fn forgotten_changes_count_as_changes(database: Database) {
    let store = database.open().await;
    let wake = || async {
        let mut write = store.write().await.unwrap();
        write.wake(Topic::Keys, None, None);
        write.commit().await.unwrap();
    };
    let before = number(&store).await;
    for _ in 0..5 {
        wake().await;
    }
    assert!(!has_change(&store, TenantId::HUB, before).await);
    store.prune_changes(2).await.unwrap();
    assert!(has_change(&store, TenantId::HUB, before).await);
    let now = number(&store).await;
    assert!(!has_change(&store, TenantId::HUB, now).await);
    // A database that was restored has an older clock.
    assert!(has_change(&store, TenantId::HUB, now + 1).await);
}

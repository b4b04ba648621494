//! What webhooks are to be told.

use std::collections::BTreeSet;

use serde_json::json;
use thimble_hub_store::{Attempt, Delivery, Error, Event, EventId, Id as _, TenantId};

use super::fixture::{Database, NOW, delivery, hub, keep, suite, webhook};

suite! {
    deliveries_are_taken_once
    deliveries_are_tried_again_and_given_up
    events_are_kept_for_a_while
    what_happens_is_queued_for_who_wants_it
}

async fn deliveries_are_taken_once(database: Database) {
    let nodes = [database.open().await, database.open().await];
    let hook = webhook(TenantId::HUB, "hook");
    keep(&nodes[0], &hook).await;
    let mut write = nodes[0].write().await.unwrap();
    let due: Vec<Delivery> = (0..50).map(|index| delivery(&hook, NOW - index)).collect();
    write.enqueue(&hub(), &due).await.unwrap();
    write
        .enqueue(&hub(), &[delivery(&hook, NOW + 1)])
        .await
        .unwrap();
    write.commit().await.unwrap();
    let mut workers = Vec::new();
    for index in 0..10 {
        let store = nodes[index % 2].clone();
        workers.push(tokio::spawn(async move {
            let mut write = store.write().await.unwrap();
            let taken = write.next_deliveries(&hub(), NOW, 8, 60_000).await.unwrap();
            write.commit().await.unwrap();
            taken
        }));
    }
    let mut taken = Vec::new();
    for worker in workers {
        taken.extend(worker.await.unwrap());
    }
    let ids: BTreeSet<_> = taken.iter().map(|delivery| delivery.id).collect();
    assert_eq!((taken.len(), ids.len()), (50, 50));
    assert!(taken.iter().all(|delivery| delivery.attempts == 1));
}

async fn deliveries_are_tried_again_and_given_up(database: Database) {
    let store = database.open().await;
    let hook = webhook(TenantId::HUB, "hook");
    keep(&store, &hook).await;
    let one = delivery(&hook, NOW);
    let mut write = store.write().await.unwrap();
    write
        .enqueue(&hub(), std::slice::from_ref(&one))
        .await
        .unwrap();
    assert_eq!(
        write
            .next_deliveries(&hub(), NOW, 8, 10)
            .await
            .unwrap()
            .len(),
        1
    );
    // Whoever took it is gone.
    assert_eq!(
        write
            .next_deliveries(&hub(), NOW + 9, 8, 10)
            .await
            .unwrap()
            .len(),
        0
    );
    assert_eq!(
        write
            .next_deliveries(&hub(), NOW + 10, 8, 10)
            .await
            .unwrap()
            .len(),
        1
    );
    let again = Attempt::Again {
        next_ms: NOW + 50,
        failure: "503".to_owned(),
    };
    write.settle_delivery(&hub(), one.id, &again).await.unwrap();
    assert_eq!(
        write
            .next_deliveries(&hub(), NOW + 49, 8, 10)
            .await
            .unwrap()
            .len(),
        0
    );
    let taken = write
        .next_deliveries(&hub(), NOW + 50, 8, 10)
        .await
        .unwrap();
    assert_eq!(
        (taken[0].attempts, taken[0].failure.as_deref()),
        (3, Some("503"))
    );
    write
        .settle_delivery(&hub(), one.id, &Attempt::Done { at_ms: NOW + 51 })
        .await
        .unwrap();
    assert_eq!(
        write
            .next_deliveries(&hub(), i64::MAX - 100, 8, 10)
            .await
            .unwrap()
            .len(),
        0
    );
    let kept: Delivery = write.one(&hub(), one.id).await.unwrap();
    assert_eq!((kept.done_ms, kept.failure), (Some(NOW + 51), None));
    assert_eq!(write.prune_deliveries(&hub(), NOW + 1).await.unwrap(), 1);
    let gone = write
        .settle_delivery(&hub(), one.id, &Attempt::Done { at_ms: 1 })
        .await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    write.commit().await.unwrap();
}

async fn events_are_kept_for_a_while(database: Database) {
    let store = database.open().await;
    let event = |created_ms| Event {
        id: EventId::fresh(),
        tenant: TenantId::HUB,
        edition: 0,
        created_ms,
        kind: "device.enrolled".to_owned(),
        device: None,
        subject: None,
        detail: serde_json::json!({}),
    };
    let mut write = store.write().await.unwrap();
    write
        .note(&hub(), &[event(1), event(2), event(3)])
        .await
        .unwrap();
    assert_eq!(write.prune_events(&hub(), 3).await.unwrap(), 2);
    write.commit().await.unwrap();
    assert_eq!(
        store
            .read()
            .await
            .unwrap()
            .count::<Event>(&hub(), &[])
            .await
            .unwrap(),
        1
    );
}

async fn what_happens_is_queued_for_who_wants_it(database: Database) {
    let store = database.open().await;
    let tenants = super::fixture::tenants(&store).await;
    let mut picky = webhook(tenants.oem, "picky");
    picky.events = json!(["rollout.*"]);
    let mut off = webhook(tenants.oem, "off");
    off.is_disabled = true;
    let mut all = webhook(tenants.customer, "all");
    all.events = json!([]);
    let mut elsewhere = webhook(tenants.other, "elsewhere");
    elsewhere.events = json!([]);
    for webhook in [&picky, &off, &all, &elsewhere] {
        keep(&store, webhook).await;
    }
    let event = |kind: &str| Event {
        id: EventId::fresh(),
        tenant: tenants.customer,
        edition: 0,
        created_ms: NOW,
        kind: kind.to_owned(),
        device: None,
        subject: None,
        detail: json!({}),
    };
    let mut write = store.write().await.unwrap();
    let events = [event("rollout.paused"), event("device.enrolled")];
    write.note(&hub(), &events).await.unwrap();
    write.commit().await.unwrap();
    let mut read = store.read().await.unwrap();
    let queued: Vec<Delivery> = read.all(&hub(), &[]).await.unwrap();
    let queued: BTreeSet<_> = queued
        .iter()
        .map(|delivery| (delivery.webhook, delivery.tenant, delivery.event.as_str()))
        .collect();
    let expected = [
        (picky.id, tenants.oem, "rollout.paused"),
        (all.id, tenants.customer, "rollout.paused"),
        (all.id, tenants.customer, "device.enrolled"),
    ];
    assert_eq!(queued, expected.into_iter().collect());
}

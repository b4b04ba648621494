//! Codes that are used up, and leases.

use thimble_hub_store::{Error, Scope, TenantId};

use super::fixture::{Database, NOW, app, audit, code, hub, keep, suite, tenants};

suite! {
    a_code_is_used_as_often_as_it_may
    a_code_that_may_not_be_used_is_not_found
    a_lease_has_one_owner
    whoever_lost_a_lease_changes_nothing
}

async fn a_code_is_used_as_often_as_it_may(database: Database) {
    let nodes = [database.open().await, database.open().await];
    keep(&nodes[0], &code(TenantId::HUB, 1, 5)).await;
    let mut tries = Vec::new();
    for index in 0..20 {
        let store = nodes[index % 2].clone();
        tries.push(tokio::spawn(async move {
            let mut write = store.write_for_device().await.unwrap();
            let used = write
                .use_claim_code(&hub(), &[1; 32], NOW, &audit("device.enrol"))
                .await;
            match used {
                Ok(code) => {
                    write.commit().await.unwrap();
                    Some(code.uses_left)
                }
                Err(Error::NotFound { what: "claim code" }) => None,
                Err(error) => panic!("{error:?}"),
            }
        }));
    }
    let mut left = Vec::new();
    for tried in tries {
        left.extend(tried.await.unwrap());
    }
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4]);
}

async fn a_code_that_may_not_be_used_is_not_found(database: Database) {
    let store = database.open().await;
    let tenants = tenants(&store).await;
    let mut revoked = code(tenants.oem, 2, 9);
    revoked.revoked_ms = Some(NOW - 1);
    for code in [code(tenants.oem, 1, 9), revoked] {
        keep(&store, &code).await;
    }
    let cases = [
        (hub(), 1, NOW + 1000),
        (hub(), 2, NOW),
        (hub(), 3, NOW),
        (Scope::authenticated(tenants.other), 1, NOW),
        (
            Scope::authenticated_with_descendants(tenants.customer),
            1,
            NOW,
        ),
    ];
    for (scope, hash, now) in cases {
        let mut write = store.write().await.unwrap();
        let failed = write
            .use_claim_code(&scope, &[hash; 32], now, &audit("device.enrol"))
            .await;
        assert!(
            matches!(failed, Err(Error::NotFound { .. })),
            "{hash}: {failed:?}"
        );
    }
}

async fn a_lease_has_one_owner(database: Database) {
    let (one, other) = (database.open().await, database.open().await);
    let first = one
        .take_lease("rollout:1", "a", 100, NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((first.fence, first.until_ms), (1, NOW + 100));
    assert_eq!(
        other
            .take_lease("rollout:1", "b", 100, NOW + 99)
            .await
            .unwrap(),
        None
    );
    assert!(
        other
            .take_lease("rollout:2", "b", 100, NOW)
            .await
            .unwrap()
            .is_some()
    );
    let longer = one
        .take_lease("rollout:1", "a", 100, NOW + 50)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((longer.fence, longer.until_ms), (1, NOW + 150));
    let next = other
        .take_lease("rollout:1", "b", 100, NOW + 150)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(next.fence, 2);
    // Whoever had it and lost it gives nothing back.
    one.give_lease(&longer).await.unwrap();
    assert_eq!(
        one.take_lease("rollout:1", "a", 100, NOW + 151)
            .await
            .unwrap(),
        None
    );
    other.give_lease(&next).await.unwrap();
    let last = one
        .take_lease("rollout:1", "a", 100, NOW + 151)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(last.fence, 3);
    let longer = one.prolong_lease(&last, 100, NOW + 200).await.unwrap();
    assert_eq!((longer.fence, longer.until_ms), (3, NOW + 300));
    // One that ended meanwhile is not prolonged, and keeps nobody waiting.
    let ended = one.prolong_lease(&longer, 100, NOW + 300).await;
    assert!(matches!(ended, Err(Error::Fenced { .. })), "{ended:?}");
    let free = other.take_lease("rollout:1", "b", 100, NOW + 301).await;
    let taken = free.unwrap().unwrap();
    // Nor is one that another has by now.
    let lost = one.prolong_lease(&longer, 100, NOW + 302).await;
    assert!(matches!(lost, Err(Error::Fenced { .. })), "{lost:?}");
    other.give_lease(&taken).await.unwrap();

    let mut tries = Vec::new();
    for index in 0..12 {
        let store = if index % 2 == 0 {
            one.clone()
        } else {
            other.clone()
        };
        tries.push(tokio::spawn(async move {
            store
                .take_lease("rollout:3", &format!("owner{index}"), 100, NOW)
                .await
                .unwrap()
        }));
    }
    let mut taken = 0;
    for tried in tries {
        taken += usize::from(tried.await.unwrap().is_some());
    }
    assert_eq!(taken, 1);
}

async fn whoever_lost_a_lease_changes_nothing(database: Database) {
    let store = database.open().await;
    let lost = store
        .take_lease("rollout:1", "a", 100, NOW)
        .await
        .unwrap()
        .unwrap();
    let held = store
        .take_lease("rollout:1", "b", 100, NOW + 100)
        .await
        .unwrap()
        .unwrap();
    for (lease, is_held) in [(lost, false), (held, true)] {
        let mut write = store.write().await.unwrap();
        write.fence(&lease);
        write
            .insert(&hub(), &app(TenantId::HUB, "pump"), &audit("app.create"))
            .await
            .unwrap();
        let committed = write.commit().await;
        assert_eq!(committed.is_ok(), is_held, "{committed:?}");
        if !is_held {
            assert!(
                matches!(committed, Err(Error::Fenced { .. })),
                "{committed:?}"
            );
        }
    }
}

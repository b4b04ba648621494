//! The chain of the audit log.

use thimble_hub_store::{AuditPage, ChainBreak, Scope, TenantId};

use super::fixture::{Database, NOW, app, audit, hub, keep, suite, tenants};

suite! {
    each_change_has_an_entry
    entries_of_many_at_once_are_one_chain
    whatever_is_done_to_the_log_is_found
}

async fn each_change_has_an_entry(database: Database) {
    let store = database.open().await;
    let tenants = tenants(&store).await;
    let scope = Scope::authenticated(tenants.oem);
    let mut write = store.write().await.unwrap();
    let told = audit("app.create")
        .because("the pump \"leaks\"")
        .with(serde_json::json!({"b": 1, "a": "ü"}));
    write
        .insert(&scope, &app(tenants.oem, "pump"), &told)
        .await
        .unwrap();
    write
        .audit(&scope, tenants.oem, &audit("login"))
        .await
        .unwrap();
    write.commit().await.unwrap();
    let mut read = store.read().await.unwrap();
    let mut page = AuditPage {
        after: None,
        limit: 2,
        is_backwards: true,
    };
    let entries = read
        .audit_entries(&scope, tenants.oem, None, &page)
        .await
        .unwrap();
    let actions: Vec<_> = entries
        .iter()
        .map(|entry| (entry.sequence, entry.action.as_str()))
        .collect();
    assert_eq!(actions, [(3, "login"), (2, "app.create")]);
    assert_eq!(entries[1].reason.as_deref(), Some("the pump \"leaks\""));
    assert_eq!(
        (entries[1].at_ms, entries[1].actor.as_str()),
        (NOW, "user:ada")
    );
    page.after = Some(2);
    let entries = read
        .audit_entries(&scope, tenants.oem, None, &page)
        .await
        .unwrap();
    assert_eq!(entries.len(), 1);
    page = AuditPage {
        after: Some(1),
        limit: 9,
        is_backwards: false,
    };
    let entries = read
        .audit_entries(&scope, tenants.oem, Some("login"), &page)
        .await
        .unwrap();
    assert_eq!(entries.len(), 1);
    let verified = read
        .verify_chain(&scope, tenants.oem)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (verified.entries, verified.head),
        (3, entries[0].hash.clone())
    );
}

async fn entries_of_many_at_once_are_one_chain(database: Database) {
    let nodes = [database.open().await, database.open().await];
    let mut changes = Vec::new();
    for index in 0..40 {
        let store = nodes[index % 2].clone();
        changes.push(tokio::spawn(async move {
            keep(&store, &app(TenantId::HUB, &format!("app{index}"))).await;
        }));
    }
    for change in changes {
        change.await.unwrap();
    }
    let verified = nodes[0]
        .read()
        .await
        .unwrap()
        .verify_chain(&hub(), TenantId::HUB)
        .await
        .unwrap();
    assert_eq!(verified.unwrap().entries, 40);
}

async fn whatever_is_done_to_the_log_is_found(database: Database) {
    let store = database.open().await;
    for index in 0..5 {
        keep(&store, &app(TenantId::HUB, &format!("app{index}"))).await;
    }
    let (changed, missing) = (
        |sequence| ChainBreak::Changed { sequence },
        |sequence| ChainBreak::Missing { sequence },
    );
    let cases = [
        (
            "UPDATE audit SET actor = 'user:eve' WHERE sequence = 3",
            "UPDATE audit SET actor = 'user:ada'",
            changed(3),
        ),
        (
            "UPDATE audit SET reason = 'none' WHERE sequence = 1",
            "UPDATE audit SET reason = NULL",
            changed(1),
        ),
        (
            "UPDATE audit SET at_ms = at_ms + 1 WHERE sequence = 5",
            "UPDATE audit SET at_ms = 1700000000000",
            changed(5),
        ),
        (
            "UPDATE audit SET sequence = 9 WHERE sequence = 2",
            "UPDATE audit SET sequence = 2 WHERE sequence = 9",
            missing(2),
        ),
    ];
    for (damage, repair, found) in cases {
        database.execute(damage).await;
        let verified = store
            .read()
            .await
            .unwrap()
            .verify_chain(&hub(), TenantId::HUB)
            .await
            .unwrap();
        assert_eq!(verified, Err(found), "{damage}");
        database.execute(repair).await;
        let verified = store
            .read()
            .await
            .unwrap()
            .verify_chain(&hub(), TenantId::HUB)
            .await
            .unwrap();
        assert_eq!(verified.unwrap().entries, 5, "{repair}");
    }
    // The end is cut off.
    database
        .execute("DELETE FROM audit WHERE sequence >= 4")
        .await;
    let verified = store
        .read()
        .await
        .unwrap()
        .verify_chain(&hub(), TenantId::HUB)
        .await
        .unwrap();
    assert_eq!(verified, Err(missing(4)));
}

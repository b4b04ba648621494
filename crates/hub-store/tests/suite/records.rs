//! Making, reading, changing, removing and listing rows.

use std::collections::BTreeMap;

use thimble_hub_store::{
    App, AppId, Audit, Deployment, Error, Id as _, Label, Match, Page, Scope, Tenant, TenantId,
    User,
};

use thimble_testkit::random::{Random, seed};

use super::fixture::{
    Database, app, audit, deployment, device, hub, keep, suite, tenant, tenants, user,
};

suite! {
    a_row_is_made_read_changed_and_removed
    of_two_changes_one_is_a_conflict
    names_are_unique_in_a_tenant
    what_others_name_stays
    lists_come_in_parts_that_miss_nothing
    filters_are_about_columns_that_there_are
    a_change_without_an_entry_is_refused
    a_transaction_that_is_dropped_did_nothing
    the_hub_is_never_removed
    settings_and_logins
    a_snapshot_sees_one_moment
    a_text_that_cannot_be_kept_is_refused
    random_changes_agree_with_a_model
}

async fn a_row_is_made_read_changed_and_removed(database: Database) {
    let store = database.open().await;
    let tenants = tenants(&store).await;
    let mut device = device(tenants.oem, "Büro's \"gate\" \\ 100%");
    device.windows = serde_json::json!({"days": [1, 2], "text": "ü\u{0}"});
    keep(&store, &device).await;
    let scope = Scope::authenticated(tenants.oem);
    let mut kept: thimble_hub_store::Device = store
        .read()
        .await
        .unwrap()
        .one(&scope, device.id)
        .await
        .unwrap();
    assert_eq!(kept.edition, 1);
    device.edition = 1;
    assert_eq!(kept, device);

    kept.is_held = true;
    kept.hold_until_ms = Some(i64::MAX);
    kept.serial = None;
    // What never changes is left alone.
    kept.created_ms = 5;
    let mut write = store.write().await.unwrap();
    assert_eq!(
        write
            .update(&scope, &kept, &audit("device.hold"))
            .await
            .unwrap(),
        2
    );
    write.commit().await.unwrap();
    let mut again: thimble_hub_store::Device = store
        .read()
        .await
        .unwrap()
        .one(&scope, device.id)
        .await
        .unwrap();
    assert_eq!((again.edition, again.created_ms), (2, device.created_ms));
    again.edition = 1;
    again.created_ms = 5;
    assert_eq!(again, kept);

    let mut write = store.write().await.unwrap();
    write
        .set_labels(
            &scope,
            device.id,
            &[("line".into(), "1".into())],
            &audit("label"),
        )
        .await
        .unwrap();
    write.commit().await.unwrap();
    let mut write = store.write().await.unwrap();
    write
        .remove::<thimble_hub_store::Device>(&scope, device.id, &audit("device.remove"))
        .await
        .unwrap();
    write.commit().await.unwrap();
    let mut read = store.read().await.unwrap();
    let gone = read
        .one::<thimble_hub_store::Device>(&scope, device.id)
        .await;
    assert!(
        matches!(gone, Err(Error::NotFound { what: "device" })),
        "{gone:?}"
    );
    assert_eq!(
        read.labels(&scope, device.id).await.unwrap(),
        Vec::<Label>::new()
    );
}

async fn of_two_changes_one_is_a_conflict(database: Database) {
    let store = database.open().await;
    let app = app(TenantId::HUB, "pump");
    keep(&store, &app).await;
    let read: App = store
        .read()
        .await
        .unwrap()
        .one(&hub(), app.id)
        .await
        .unwrap();
    let mut write = store.write().await.unwrap();
    let first = App {
        description: "first".to_owned(),
        ..read.clone()
    };
    write
        .update(&hub(), &first, &audit("app.change"))
        .await
        .unwrap();
    write.commit().await.unwrap();
    let mut write = store.write().await.unwrap();
    let second = App {
        description: "second".to_owned(),
        ..read
    };
    let failed = write.update(&hub(), &second, &audit("app.change")).await;
    assert!(
        matches!(failed, Err(Error::Conflict { what: "app" })),
        "{failed:?}"
    );
    drop(write);
    let kept: App = store
        .read()
        .await
        .unwrap()
        .one(&hub(), app.id)
        .await
        .unwrap();
    assert_eq!(kept.description, "first");
}

async fn names_are_unique_in_a_tenant(database: Database) {
    let store = database.open().await;
    let tenants = tenants(&store).await;
    keep(&store, &app(tenants.oem, "pump")).await;
    keep(&store, &app(tenants.other, "pump")).await;
    let mut write = store.write().await.unwrap();
    let failed = write
        .insert(&hub(), &app(tenants.oem, "pump"), &audit("app.create"))
        .await;
    assert!(matches!(failed, Err(Error::Exists { .. })), "{failed:?}");
    drop(write);

    // A device's name is free again when it is retired.
    let mut gone = device(tenants.oem, "gate");
    gone.state = thimble_hub_store::DeviceState::Retired;
    keep(&store, &gone).await;
    keep(&store, &device(tenants.oem, "gate")).await;
    let mut write = store.write().await.unwrap();
    let failed = write
        .insert(
            &hub(),
            &device(tenants.oem, "gate"),
            &audit("device.create"),
        )
        .await;
    assert!(matches!(failed, Err(Error::Exists { .. })), "{failed:?}");
}

async fn what_others_name_stays(database: Database) {
    let store = database.open().await;
    let pump = app(TenantId::HUB, "pump");
    keep(&store, &pump).await;
    keep(&store, &deployment(&pump, "line 1")).await;
    let mut write = store.write().await.unwrap();
    let failed = write
        .remove::<App>(&hub(), pump.id, &audit("app.remove"))
        .await;
    assert!(
        matches!(failed, Err(Error::Referenced { .. })),
        "{failed:?}"
    );
    drop(write);
    let mut write = store.write().await.unwrap();
    let mut astray = deployment(&pump, "astray");
    astray.app = AppId::fresh();
    let failed = write
        .insert(&hub(), &astray, &audit("deployment.create"))
        .await;
    assert!(
        matches!(failed, Err(Error::NotFound { what: "app" })),
        "{failed:?}"
    );
}

async fn lists_come_in_parts_that_miss_nothing(database: Database) {
    let store = database.open().await;
    let tenants = tenants(&store).await;
    let mut wanted: Vec<App> = (0..25)
        .map(|index| app(tenants.oem, &format!("app{index}")))
        .collect();
    let mut write = store.write().await.unwrap();
    write
        .insert_all(&hub(), &wanted, &audit("app.import"))
        .await
        .unwrap();
    write.commit().await.unwrap();
    wanted.sort_by_key(|app| app.id);
    let scope = Scope::authenticated(tenants.oem);
    let mut read = store.read().await.unwrap();
    for is_backwards in [false, true] {
        let mut page = Page {
            is_backwards,
            ..Page::first(10)
        };
        let mut seen = Vec::new();
        let mut sizes = Vec::new();
        loop {
            let part = read.page::<App>(&scope, &[], &page).await.unwrap();
            sizes.push(part.items.len());
            seen.extend(part.items.into_iter().map(|app| app.id));
            page.after = part.next;
            if page.after.is_none() {
                break;
            }
        }
        assert_eq!(sizes, [10, 10, 5]);
        let mut ids: Vec<AppId> = wanted.iter().map(|app| app.id).collect();
        if is_backwards {
            ids.reverse();
        }
        assert_eq!(seen, ids);
    }
    assert_eq!(read.count::<App>(&scope, &[]).await.unwrap(), 25);
    assert_eq!(read.all::<App>(&scope, &[]).await.unwrap().len(), 25);
    let exact = read
        .page::<App>(&scope, &[], &Page::first(25))
        .await
        .unwrap();
    assert_eq!((exact.items.len(), exact.next), (25, None));
}

async fn filters_are_about_columns_that_there_are(database: Database) {
    let store = database.open().await;
    let pump = app(TenantId::HUB, "pump");
    keep(&store, &pump).await;
    let deployment = deployment(&pump, "line 1");
    keep(&store, &deployment).await;
    let mut read = store.read().await.unwrap();
    let failed = read
        .find::<App>(&hub(), &[Match::equals("name' OR 1=1 --", &0_i64)])
        .await;
    assert!(matches!(failed, Err(Error::Column { .. })), "{failed:?}");
    let cases = [
        (vec![Match::equals("name", &"line 1".to_owned())], 1),
        (vec![Match::equals("name", &"' OR '1'='1".to_owned())], 0),
        (
            vec![Match::any_of(
                "name",
                &["line 1".to_owned(), "line 2".to_owned()],
            )],
            1,
        ),
        (vec![Match::any_of::<String>("name", &[])], 0),
        (
            vec![
                Match::null("removing_ms"),
                Match::at_most("priority", &-3_i32),
            ],
            1,
        ),
        (vec![Match::not_null("removing_ms")], 0),
        (vec![Match::at_least("priority", &-2_i32)], 0),
    ];
    for (matches, count) in cases {
        let found = read.count::<Deployment>(&hub(), &matches).await.unwrap();
        assert_eq!(found, count, "{matches:?}");
    }
}

async fn a_change_without_an_entry_is_refused(database: Database) {
    let store = database.open().await;
    let mut write = store.write().await.unwrap();
    let pump = app(TenantId::HUB, "pump");
    write.insert(&hub(), &pump, &Audit::part()).await.unwrap();
    let failed = write.commit().await;
    assert!(matches!(failed, Err(Error::Unaudited)), "{failed:?}");
    assert_eq!(
        store
            .read()
            .await
            .unwrap()
            .count::<App>(&hub(), &[])
            .await
            .unwrap(),
        0
    );
    let mut write = store.write().await.unwrap();
    write.insert(&hub(), &pump, &Audit::part()).await.unwrap();
    write
        .insert(&hub(), &deployment(&pump, "all"), &audit("app.deploy"))
        .await
        .unwrap();
    write.commit().await.unwrap();
}

async fn a_transaction_that_is_dropped_did_nothing(database: Database) {
    let store = database.open().await;
    for _ in 0..30 {
        let mut write = store.write().await.unwrap();
        write
            .insert(&hub(), &app(TenantId::HUB, "pump"), &audit("app.create"))
            .await
            .unwrap();
        drop(write);
    }
    let mut read = store.read().await.unwrap();
    assert_eq!(read.count::<App>(&hub(), &[]).await.unwrap(), 0);
    keep(&store, &app(TenantId::HUB, "pump")).await;
}

async fn the_hub_is_never_removed(database: Database) {
    let store = database.open().await;
    let empty = tenant(TenantId::HUB, "empty");
    keep(&store, &empty).await;
    let mut write = store.write().await.unwrap();
    write
        .remove::<Tenant>(&hub(), empty.id, &audit("tenant.remove"))
        .await
        .unwrap();
    let failed = write
        .remove::<Tenant>(&hub(), TenantId::HUB, &audit("tenant.remove"))
        .await;
    assert!(matches!(failed, Err(Error::NotFound { .. })), "{failed:?}");
    write.commit().await.unwrap();
    keep(&store, &user(TenantId::HUB, "ada")).await;
    assert_eq!(
        store
            .read()
            .await
            .unwrap()
            .count::<User>(&hub(), &[])
            .await
            .unwrap(),
        1
    );
}

async fn settings_and_logins(database: Database) {
    let store = database.open().await;
    let value = serde_json::json!({"poll_s": [1, 2]});
    for _ in 0..2 {
        let mut write = store.write().await.unwrap();
        write
            .put_setting(&hub(), TenantId::HUB, "polls", &value, &audit("settings"))
            .await
            .unwrap();
        write.commit().await.unwrap();
    }
    let kept = store
        .read()
        .await
        .unwrap()
        .setting(&hub(), TenantId::HUB, "polls")
        .await
        .unwrap();
    assert_eq!(kept, Some(value));

    let login = |name: &str, expires_ms| thimble_hub_store::Login {
        name: name.to_owned(),
        content: "nonce".to_owned(),
        expires_ms,
    };
    let mut write = store.write().await.unwrap();
    for login in [login("a", 10), login("b", 5)] {
        write.put_login(&login).await.unwrap();
    }
    assert_eq!(
        write.take_login("a", 6).await.unwrap(),
        Some(login("a", 10))
    );
    assert_eq!(write.take_login("a", 6).await.unwrap(), None);
    assert_eq!(write.take_login("b", 6).await.unwrap(), None);
    write.put_login(&login("c", 6)).await.unwrap();
    assert_eq!(write.prune_logins(6).await.unwrap(), 1);
    write.commit().await.unwrap();
}

async fn a_snapshot_sees_one_moment(database: Database) {
    let store = database.open().await;
    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.count::<App>(&hub(), &[]).await.unwrap(), 0);
    keep(&store, &app(TenantId::HUB, "pump")).await;
    assert_eq!(snapshot.count::<App>(&hub(), &[]).await.unwrap(), 0);
    drop(snapshot);
    assert_eq!(
        store
            .read()
            .await
            .unwrap()
            .count::<App>(&hub(), &[])
            .await
            .unwrap(),
        1
    );
}

async fn a_text_that_cannot_be_kept_is_refused(database: Database) {
    let store = database.open().await;
    let mut write = store.write().await.unwrap();
    let refused = write
        .insert(&hub(), &app(TenantId::HUB, "pu\0mp"), &audit("create"))
        .await;
    assert!(matches!(refused, Err(Error::Text)), "{refused:?}");
}

/// What one random change must do to what is there.
async fn random_changes_agree_with_a_model(database: Database) {
    let store = database.open().await;
    let tenants = tenants(&store).await;
    let owners = [tenants.oem, tenants.customer, tenants.other];
    let scopes = [
        (Scope::authenticated(tenants.oem), vec![tenants.oem]),
        (
            Scope::authenticated_with_descendants(tenants.oem),
            vec![tenants.oem, tenants.customer],
        ),
        (hub(), owners.to_vec()),
    ];
    let mut model: BTreeMap<AppId, App> = BTreeMap::new();
    let mut old: Vec<App> = Vec::new();
    let mut random = Random::new(seed(21));
    for step in 0..400 {
        let (scope, reached) = random.pick(&scopes);
        let mut write = store.write().await.unwrap();
        let mut after = model.clone();
        let audit = audit("change");
        let (done, expected) = if old.is_empty() || random.below(3) == 0 {
            let new = app(*random.pick(&owners), &format!("app{}", random.below(12)));
            let is_taken = model
                .values()
                .any(|app| app.tenant == new.tenant && app.name == new.name);
            let expected = match (reached.contains(&new.tenant), is_taken) {
                (false, _) => "not found",
                (true, true) => "exists",
                (true, false) => "done",
            };
            let done = write.insert(scope, &new, &audit).await;
            old.push(new.clone());
            after.insert(new.id, App { edition: 1, ..new });
            (done, expected)
        } else {
            let mut one = random.pick(&old).clone();
            let there = model
                .get(&one.id)
                .filter(|app| reached.contains(&app.tenant));
            if random.below(2) == 0 {
                one.edition = there.map_or(1, |app| app.edition) - random.below(2);
                one.description = format!("step {step}");
                let expected = match there {
                    None => "not found",
                    Some(app) if app.edition != one.edition => "conflict",
                    Some(_) => "done",
                };
                let done = write.update(scope, &one, &audit).await.map(drop);
                let edition = one.edition + 1;
                if let Some(app) = after.get_mut(&one.id) {
                    *app = App {
                        edition,
                        description: one.description,
                        ..app.clone()
                    };
                }
                (done, expected)
            } else {
                let expected = if there.is_some() { "done" } else { "not found" };
                after.remove(&one.id);
                (write.remove::<App>(scope, one.id, &audit).await, expected)
            }
        };
        let outcome = match &done {
            Ok(()) => "done",
            Err(Error::NotFound { .. }) => "not found",
            Err(Error::Conflict { .. }) => "conflict",
            Err(Error::Exists { .. }) => "exists",
            Err(error) => panic!("step {step}: {error:?}"),
        };
        assert_eq!(outcome, expected, "step {step}");
        if done.is_ok() && random.below(4) > 0 {
            write.commit().await.unwrap();
            model = after;
        } else {
            drop(write);
        }
        let kept = store.read().await.unwrap().all::<App>(&hub(), &[]).await;
        let expected: Vec<App> = model.values().cloned().collect();
        assert_eq!(kept.unwrap(), expected, "step {step}");
    }
}

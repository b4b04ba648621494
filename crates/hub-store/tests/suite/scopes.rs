//! Whatever is asked with the scope of one tenant, nothing of another is seen or changed.

use serde_json::json;
use thimble_hub_store::{
    AppVersion, AppVersionId, Approval, ApprovalId, Assignment, Attempt, Audit, AuditPage,
    BindingId, CertId, Delivery, DeploymentRevision, DeploymentRevisionId, DeviceCert,
    DeviceFilter, Error, Event, EventId, ExpectedDevice, ExpectedDeviceId, Id as _, Key, KeyId,
    LastSeen, LogRequest, LogRequestId, Match, Page, Record, RoleBinding, RolloutDevice, Scope,
    Sealed, Secret, SecretId, SecretRevision, SecretRevisionId, Store, Tenant, TenantId, Token,
    TokenId,
};

use super::devices::status;
use super::fixture::{
    Database, NOW, app, audit, code, delivery, deployment, device, hub, keep, rollout, state,
    suite, tenant, tenants, user, webhook,
};

suite! {
    rows_of_another_tenant_are_not_found
    functions_about_devices_of_another_tenant_find_nothing
    who_has_a_role_in_a_parent_has_it_in_its_children
    a_row_cannot_name_rows_of_another_tenant
}

/// Everything that can be done with a kind of row, with scopes that it is not in.
async fn check<R: Record + Clone + std::fmt::Debug + PartialEq>(
    store: &Store,
    row: &R,
    foreign: &[Scope],
) {
    if row.tenant() != TenantId::HUB || R::WHAT != "tenant" {
        keep(store, row).await;
    }
    let what = R::WHAT;
    let kept: R = store
        .read()
        .await
        .unwrap()
        .one(&hub(), row.id())
        .await
        .unwrap();
    for scope in foreign {
        let mut write = store.write().await.unwrap();
        let one = write.one::<R>(scope, row.id()).await;
        assert!(
            matches!(one, Err(Error::NotFound { .. })),
            "{what}: {one:?}"
        );
        let matches = [Match::equals("id", &row.id())];
        assert_eq!(
            write.find::<R>(scope, &matches).await.unwrap(),
            None,
            "{what}"
        );
        assert_eq!(write.all::<R>(scope, &matches).await.unwrap(), [], "{what}");
        assert_eq!(
            write.count::<R>(scope, &matches).await.unwrap(),
            0,
            "{what}"
        );
        assert_eq!(
            write
                .page::<R>(scope, &matches, &Page::default())
                .await
                .unwrap()
                .items,
            [],
            "{what}"
        );
        let updated = write.update(scope, &kept, &audit("change")).await;
        assert!(
            matches!(updated, Err(Error::NotFound { .. })),
            "{what}: {updated:?}"
        );
        let removed = write.remove::<R>(scope, row.id(), &audit("remove")).await;
        assert!(
            matches!(removed, Err(Error::NotFound { .. })),
            "{what}: {removed:?}"
        );
        let inserted = write.insert(scope, row, &audit("create")).await;
        assert!(
            matches!(inserted, Err(Error::NotFound { .. })),
            "{what}: {inserted:?}"
        );
        write.commit().await.unwrap();
    }
    assert_eq!(
        store
            .read()
            .await
            .unwrap()
            .one::<R>(&hub(), row.id())
            .await
            .unwrap(),
        kept,
        "{what}"
    );
}

fn foreign(oem: TenantId, customer: TenantId) -> [Scope; 4] {
    [
        Scope::authenticated(oem),
        Scope::authenticated_with_descendants(oem),
        Scope::authenticated_with_descendants(customer),
        Scope::authenticated(TenantId::HUB),
    ]
}

macro_rules! row {
    ($name:ident($id:ident), $tenant:expr, $($field:ident: $value:expr),* $(,)?) => {
        $name { id: $id::fresh(), tenant: $tenant, edition: 0, created_ms: NOW, $($field: $value),* }
    };
}

async fn rows_of_another_tenant_are_not_found(database: Database) {
    let store = database.open().await;
    let tenants = tenants(&store).await;
    let own = tenants.other;
    let foreign = foreign(tenants.oem, tenants.customer);
    let (ada, gate, pump, hook) = (
        user(own, "ada"),
        device(own, "gate"),
        app(own, "pump"),
        webhook(own, "hook"),
    );
    check(&store, &tenant(own, "below"), &foreign).await;
    check(&store, &ada, &foreign).await;
    let binding = row!(RoleBinding(BindingId), own, account: ada.id, role: "admin".to_owned());
    check(&store, &binding, &foreign).await;
    let token = row!(Token(TokenId), own, account: ada.id, name: "ci".to_owned(), hash: vec![1; 32], role: None,
        expires_ms: NOW, revoked_ms: None);
    check(&store, &token, &foreign).await;
    check(&store, &gate, &foreign).await;
    let cert = row!(DeviceCert(CertId), own, device: gate.id, serial: "01".to_owned(), not_before_ms: 0,
        not_after_ms: NOW, revoked_ms: None, der: vec![48]);
    check(&store, &cert, &foreign).await;
    check(&store, &code(own, 1, 3), &foreign).await;
    let expected = row!(ExpectedDevice(ExpectedDeviceId), own, model: None, serial: "S1".to_owned(), name: None,
        labels: json!({}), code_hash: None, device: Some(gate.id));
    check(&store, &expected, &foreign).await;
    let logs = row!(LogRequest(LogRequestId), own, device: gate.id, number: 1, container: "pump.main".to_owned(),
        lines: 10, answered_ms: None, answer: None);
    check(&store, &logs, &foreign).await;
    check(&store, &pump, &foreign).await;
    let version = row!(AppVersion(AppVersionId), own, app: pump.id, version: "1.0.0".to_owned(),
        document: json!({}), published_ms: None);
    check(&store, &version, &foreign).await;
    let deployed = deployment(&pump, "all");
    check(&store, &deployed, &foreign).await;
    let revision = row!(DeploymentRevision(DeploymentRevisionId), own, deployment: deployed.id, number: 1,
        app_version: version.id, document: json!({}), author: "ada".to_owned());
    check(&store, &revision, &foreign).await;
    check(&store, &rollout(&deployed), &foreign).await;
    let approval = row!(Approval(ApprovalId), own, subject: "r".to_owned(), step: 0, account: ada.id,
        is_given: true, reason: None);
    check(&store, &approval, &foreign).await;
    let secret = row!(Secret(SecretId), own, name: "wifi".to_owned(), latest: 0);
    check(&store, &secret, &foreign).await;
    let value = row!(SecretRevision(SecretRevisionId), own, secret: secret.id, number: 1, ciphertext: vec![1]);
    check(&store, &value, &foreign).await;
    let key = row!(Key(KeyId), own, purpose: "sign".to_owned(), state: "current".to_owned(), public: vec![2],
        ciphertext: None, not_after_ms: None);
    check(&store, &key, &foreign).await;
    check(&store, &hook, &foreign).await;
    check(&store, &delivery(&hook, NOW), &foreign).await;
    let event = row!(Event(EventId), own, kind: "x".to_owned(), device: Some(gate.id), subject: None,
        detail: json!({}));
    check(&store, &event, &foreign).await;
}

async fn functions_about_devices_of_another_tenant_find_nothing(database: Database) {
    let store = database.open().await;
    let tenants = tenants(&store).await;
    let own = tenants.other;
    let (gate, pump, hook) = (device(own, "gate"), app(own, "pump"), webhook(own, "hook"));
    let deployed = deployment(&pump, "all");
    let rolled = rollout(&deployed);
    keep(&store, &gate).await;
    keep(&store, &pump).await;
    keep(&store, &deployed).await;
    keep(&store, &rolled).await;
    keep(&store, &hook).await;
    let waiting = delivery(&hook, NOW);
    let secret = row!(Secret(SecretId), own, name: "wifi".to_owned(), latest: 0);
    keep(&store, &secret).await;
    let labels = [("line".to_owned(), "1".to_owned())];
    let assignment = Assignment {
        device: gate.id,
        deployment: deployed.id,
        revision: 1,
        rollout: None,
        since_ms: NOW,
    };
    let reason = RolloutDevice {
        rollout: rolled.id,
        device: gate.id,
        wave: None,
        status: "waiting".to_owned(),
        reason: "later".to_owned(),
        attempts: 0,
        state_version: None,
        attempt: None,
        updated_ms: NOW,
    };
    let sealed = Sealed {
        device: gate.id,
        secret: secret.id,
        number: 1,
        fingerprint: "f".to_owned(),
        sealed: vec![1],
    };
    let mut write = store.write().await.unwrap();
    write
        .set_labels(&hub(), gate.id, &labels, &audit("label"))
        .await
        .unwrap();
    write
        .publish_states(&hub(), vec![state(gate.id, 1, b"x")], &audit("publish"))
        .unwrap();
    write
        .put_statuses(&hub(), &[status(&gate, 1, 1)])
        .await
        .unwrap();
    write
        .put_last_seen(
            &hub(),
            &[LastSeen {
                device: gate.id,
                at_ms: NOW,
            }],
        )
        .await
        .unwrap();
    write
        .assign(&hub(), own, &[assignment], &audit("assign"))
        .await
        .unwrap();
    write
        .put_rollout_devices(&hub(), std::slice::from_ref(&reason))
        .await
        .unwrap();
    write
        .put_seals(&hub(), std::slice::from_ref(&sealed))
        .await
        .unwrap();
    write
        .put_setting(&hub(), own, "polls", &json!(1), &audit("set"))
        .await
        .unwrap();
    write
        .enqueue(&hub(), std::slice::from_ref(&waiting))
        .await
        .unwrap();
    write.commit().await.unwrap();

    for scope in &foreign(tenants.oem, tenants.customer) {
        let mut write = store.write().await.unwrap();
        assert_eq!(write.labels(scope, gate.id).await.unwrap(), []);
        assert_eq!(write.all_labels(scope).await.unwrap(), []);
        assert_eq!(write.state(scope, gate.id).await.unwrap(), None);
        assert_eq!(write.device_versions(scope).await.unwrap(), []);
        assert_eq!(
            write.device_versions_of(scope, &[gate.id]).await.unwrap(),
            []
        );
        assert_eq!(write.status(scope, gate.id).await.unwrap(), None);
        assert_eq!(write.statuses(scope, None, 9).await.unwrap(), []);
        assert_eq!(write.last_seen(scope, gate.id).await.unwrap(), None);
        assert_eq!(write.seen_since(scope, 0).await.unwrap(), []);
        assert_eq!(write.assignments(scope, gate.id).await.unwrap(), []);
        assert_eq!(
            write
                .assignments_of_deployment(scope, deployed.id)
                .await
                .unwrap(),
            []
        );
        assert_eq!(write.all_assignments(scope).await.unwrap(), []);
        assert_eq!(
            write.all_rollout_devices(scope, rolled.id).await.unwrap(),
            []
        );
        let page = Page::default();
        assert_eq!(
            write
                .rollout_devices(scope, rolled.id, None, &page)
                .await
                .unwrap()
                .items,
            []
        );
        assert_eq!(
            write.count_rollout_devices(scope, rolled.id).await.unwrap(),
            []
        );
        assert_eq!(write.due_rollouts(scope, NOW).await.unwrap(), []);
        assert_eq!(write.seals(scope, &[gate.id]).await.unwrap(), []);
        assert_eq!(write.setting(scope, own, "polls").await.unwrap(), None);
        let filter = DeviceFilter {
            tenant: Some(own),
            ..DeviceFilter::default()
        };
        assert!(
            write
                .devices(scope, &filter, &page)
                .await
                .unwrap()
                .items
                .is_empty()
        );
        assert_eq!(write.count_devices(scope, &filter).await.unwrap(), 0);
        assert_eq!(write.device_summary(scope).await.unwrap(), []);
        let entries = AuditPage {
            after: None,
            limit: 9,
            is_backwards: false,
        };
        assert_eq!(
            write
                .audit_entries(scope, own, None, &entries)
                .await
                .unwrap(),
            []
        );
        assert_eq!(write.next_deliveries(scope, NOW, 9, 1).await.unwrap(), []);
        assert_eq!(write.prune_deliveries(scope, i64::MAX).await.unwrap(), 0);
        assert_eq!(write.prune_events(scope, i64::MAX).await.unwrap(), 0);
        assert_eq!(
            write
                .put_last_seen(
                    scope,
                    &[LastSeen {
                        device: gate.id,
                        at_ms: NOW + 1
                    }]
                )
                .await
                .unwrap(),
            0
        );
        assert_eq!(
            write
                .put_statuses(scope, &[status(&gate, 9, 9)])
                .await
                .unwrap(),
            0
        );

        let mut refused = Vec::new();
        refused.push(
            write
                .set_labels(scope, gate.id, &[], &audit("label"))
                .await
                .err(),
        );
        refused.push(write.set_own_labels(scope, gate.id, &[]).await.err());
        let more = [(gate.id, "line".to_owned(), "9".to_owned())];
        refused.push(
            write
                .add_labels(scope, own, &more, &audit("label"))
                .await
                .err(),
        );
        refused.push(
            write
                .assign(scope, own, &[assignment], &audit("assign"))
                .await
                .err(),
        );
        let gone = [(gate.id, deployed.id)];
        refused.push(
            write
                .unassign(scope, own, &gone, &audit("unassign"))
                .await
                .err(),
        );
        refused.push(
            write
                .put_rollout_devices(scope, std::slice::from_ref(&reason))
                .await
                .err(),
        );
        refused.push(
            write
                .put_seals(scope, std::slice::from_ref(&sealed))
                .await
                .err(),
        );
        refused.push(
            write
                .put_setting(scope, own, "polls", &json!(2), &audit("set"))
                .await
                .err(),
        );
        refused.push(write.enqueue(scope, &[delivery(&hook, NOW)]).await.err());
        refused.push(
            write
                .settle_delivery(scope, waiting.id, &Attempt::Done { at_ms: 1 })
                .await
                .err(),
        );
        refused.push(write.verify_chain(scope, own).await.err());
        refused.push(write.audit(scope, own, &audit("login")).await.err());
        let event = row!(Event(EventId), own, kind: "x".to_owned(), device: None, subject: None, detail: json!({}));
        refused.push(write.note(scope, &[event]).await.err());
        for (index, error) in refused.iter().enumerate() {
            assert!(
                matches!(error, Some(Error::NotFound { .. })),
                "{index}: {error:?}"
            );
        }
        write.commit().await.unwrap();
        let mut write = store.write().await.unwrap();
        write
            .publish_states(
                scope,
                vec![state(gate.id, 2, b"y")],
                &Audit::new(NOW, "eve", "publish", ""),
            )
            .unwrap();
        let refused = write.commit().await;
        assert!(
            matches!(refused, Err(Error::NotFound { what: "device" })),
            "{refused:?}"
        );
    }

    let mut read = store.read().await.unwrap();
    assert_eq!(read.labels(&hub(), gate.id).await.unwrap().len(), 1);
    assert_eq!(
        read.state(&hub(), gate.id)
            .await
            .unwrap()
            .unwrap()
            .version
            .version,
        1
    );
    assert_eq!(
        read.status(&hub(), gate.id)
            .await
            .unwrap()
            .unwrap()
            .sequence,
        1
    );
    assert_eq!(read.last_seen(&hub(), gate.id).await.unwrap(), Some(NOW));
    assert_eq!(
        read.assignments(&hub(), gate.id).await.unwrap(),
        [assignment]
    );
    assert_eq!(
        read.all_rollout_devices(&hub(), rolled.id).await.unwrap(),
        [reason]
    );
    assert_eq!(
        read.setting(&hub(), own, "polls").await.unwrap(),
        Some(json!(1))
    );
    assert_eq!(
        read.one::<Delivery>(&hub(), waiting.id)
            .await
            .unwrap()
            .attempts,
        0
    );
}

async fn who_has_a_role_in_a_parent_has_it_in_its_children(database: Database) {
    let store = database.open().await;
    let tenants = tenants(&store).await;
    let site = tenant(tenants.customer, "site");
    keep(&store, &site).await;
    for (tenant, name) in [
        (tenants.oem, "a"),
        (tenants.customer, "b"),
        (site.id, "c"),
        (tenants.other, "d"),
    ] {
        keep(&store, &device(tenant, name)).await;
    }
    let below = Scope::authenticated_with_descendants;
    let cases = [
        (below(TenantId::HUB), "abcd", 5),
        (below(tenants.oem), "abc", 3),
        (below(tenants.customer), "bc", 2),
        (below(site.id), "c", 1),
        (Scope::authenticated(tenants.oem), "a", 1),
        (Scope::authenticated(TenantId::HUB), "", 1),
        (hub(), "abcd", 5),
    ];
    let mut read = store.read().await.unwrap();
    for (scope, names, count) in cases {
        let mut found: Vec<String> = read
            .all::<thimble_hub_store::Device>(&scope, &[])
            .await
            .unwrap()
            .into_iter()
            .map(|device| device.name)
            .collect();
        found.sort();
        assert_eq!(found.concat(), names, "{scope:?}");
        assert_eq!(
            read.count::<Tenant>(&scope, &[]).await.unwrap(),
            count,
            "{scope:?}"
        );
    }
}

async fn a_row_cannot_name_rows_of_another_tenant(database: Database) {
    let store = database.open().await;
    let tenants = tenants(&store).await;
    let pump = app(tenants.other, "pump");
    keep(&store, &pump).await;
    let mut astray = deployment(&pump, "all");
    astray.tenant = tenants.oem;
    let mut write = store.write().await.unwrap();
    let scope = Scope::authenticated_with_descendants(tenants.oem);
    let refused = write.insert(&scope, &astray, &audit("create")).await;
    assert!(
        matches!(refused, Err(Error::NotFound { what: "app" })),
        "{refused:?}"
    );
}

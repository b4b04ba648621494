//! A tenant is carried from one database to another, of either kind.

use serde_json::{Map, Value, json};
use tempfile::TempDir;
use thimble_hub_store::{Device, Error, Options, Scope, Store, Tenant, TenantId, tenant_tables};

use super::fixture::{
    Database, app, audit, code, deployment, device, hub, keep, rollout, state, suite, tenant, user,
    webhook,
};

suite! {
    a_tenant_is_carried_from_one_kind_to_the_other
    rows_of_another_shape_are_refused
}

/// A tenant with rows in many tables.
async fn fill(store: &Store, name: &str) -> (TenantId, Device) {
    let tenant = tenant(TenantId::HUB, name);
    keep(store, &tenant).await;
    let mut device = device(tenant.id, &format!("{name}-1"));
    let code = code(tenant.id, name.len().try_into().unwrap(), 3);
    device.claim_code = Some(code.id);
    device.csr = Some(vec![0, 255, 7]);
    keep(store, &code).await;
    keep(store, &device).await;
    keep(store, &user(tenant.id, name)).await;
    keep(store, &webhook(tenant.id, "hook")).await;
    let app = app(tenant.id, "app");
    keep(store, &app).await;
    let deployment = deployment(&app, "deployment");
    keep(store, &deployment).await;
    keep(store, &rollout(&deployment)).await;
    let mut write = store.write().await.unwrap();
    let states = vec![state(device.id, 4, b"payload")];
    write
        .publish_states(&Scope::authenticated(tenant.id), states, &audit("publish"))
        .unwrap();
    write.commit().await.unwrap();
    (tenant.id, device)
}

type Rows = Vec<(&'static str, Vec<Map<String, Value>>)>;

async fn rows(store: &Store, tenant: TenantId) -> Rows {
    let mut read = store.snapshot().await.unwrap();
    let mut all = Vec::new();
    for table in tenant_tables() {
        all.push((
            table,
            read.tenant_rows(&hub(), tenant, table, 0).await.unwrap(),
        ));
    }
    all
}

async fn put(store: &Store, tenant: TenantId, parent: TenantId, rows: &Rows) -> Result<(), Error> {
    let mut write = store.write().await.unwrap();
    for (table, rows) in rows {
        write
            .put_tenant_rows(&hub(), (tenant, parent), table, rows)
            .await?;
    }
    write.verify_chain(&hub(), tenant).await?.unwrap();
    write.audit(&hub(), tenant, &audit("tenant.import")).await?;
    write.commit().await
}

async fn carry(from: &Store, to: &Store, name: &str) {
    let (id, before) = fill(from, name).await;
    let carried = rows(from, id).await;
    let parent = tenant(TenantId::HUB, &format!("parent-of-{name}"));
    keep(to, &parent).await;
    put(to, id, parent.id, &carried).await.unwrap();
    let mut read = to.read().await.unwrap();
    let below = Scope::authenticated_with_descendants(parent.id);
    let device: Device = read.one(&below, before.id).await.unwrap();
    assert_eq!(
        (device.csr, device.claim_code),
        (before.csr, before.claim_code)
    );
    let state = read.state(&below, before.id).await.unwrap().unwrap();
    assert_eq!(
        (state.version.version, state.payload.as_slice()),
        (4, b"payload".as_slice())
    );
    let found: Tenant = read.one(&below, id).await.unwrap();
    assert_eq!(found.parent, parent.id);
    read.verify_chain(&hub(), id).await.unwrap().unwrap();
    // What was carried is what is there now, but for what the carrying itself changes.
    for ((table, before), (_, after)) in carried.iter().zip(rows(to, id).await) {
        match *table {
            "tenants" | "audit_heads" | "device_states" => {
                assert_eq!(before.len(), after.len(), "{table}")
            }
            "audit" => assert_eq!(before[..], after[..before.len()]),
            _ => assert_eq!(*before, after, "{table}"),
        }
    }
    // A second time everything is there already.
    put(to, id, parent.id, &carried).await.unwrap_err();
}

async fn a_tenant_is_carried_from_one_kind_to_the_other(database: Database) {
    let folder = TempDir::new().unwrap();
    let address = format!("sqlite:{}", folder.path().join("other.db").display());
    let other = Store::open(&address, Options::default()).await.unwrap();
    let store = database.open().await;
    carry(&store, &other, "there").await;
    carry(&other, &store, "back-again").await;
}

async fn rows_of_another_shape_are_refused(database: Database) {
    let store = database.open().await;
    let (id, device) = fill(&store, "there").await;
    let (_, other) = fill(&store, "elsewhere").await;
    let mut write = store.write().await.unwrap();
    let mut rows = write
        .tenant_rows(&hub(), id, "device_labels", 0)
        .await
        .unwrap();
    assert!(rows.is_empty());
    let label = |device: &Device, tenant: TenantId| {
        let Value::Object(row) = json!({
            "tenant": tenant.to_string(), "device": device.id.to_string(), "label": "site",
            "value": "north", "is_own": 0,
        }) else {
            unreachable!("it is an object");
        };
        row
    };
    // Of a device of another tenant; of another tenant; with a column too few, too many, of another type.
    rows.push(label(&other, id));
    rows.push(label(&device, other.tenant));
    let mut few = label(&device, id);
    few.remove("value");
    rows.push(few);
    let mut many = label(&device, id);
    many.insert("more".into(), json!(1));
    rows.push(many);
    let mut typed = label(&device, id);
    typed.insert("is_own".into(), json!("no"));
    rows.push(typed);
    drop(write);
    for row in rows {
        let mut write = store.write().await.unwrap();
        let put = write
            .put_tenant_rows(
                &hub(),
                (id, TenantId::HUB),
                "device_labels",
                std::slice::from_ref(&row),
            )
            .await;
        assert!(
            matches!(put, Err(Error::Corrupt { .. })),
            "{row:?}: {put:?}"
        );
    }
    let mut write = store.write().await.unwrap();
    let right = label(&device, id);
    write
        .put_tenant_rows(&hub(), (id, TenantId::HUB), "device_labels", &[right])
        .await
        .unwrap();
    for table in ["leases", "tokens", "devices; DROP TABLE devices", ""] {
        write.tenant_rows(&hub(), id, table, 0).await.unwrap_err();
    }
}

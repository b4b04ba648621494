//! How SQLite goes about what devices ask for: by looking rows up, so that it takes as long in a fleet of any size.

use tempfile::TempDir;

use crate::rows::paged;
use crate::sql::{Column, Statement};
use crate::status::insert_of_devices;
use crate::{
    Device, DeviceCert, DeviceId, DeviceState, ExpectedDevice, Id as _, LogRequest, Match, Options,
    Page, Scope, Store, TenantId,
};

/// How the database would go about a statement.
async fn plan(store: &Store, statement: Statement) -> Vec<String> {
    let mut read = store.read().await.unwrap();
    let rows = read.connection().rows(statement.explained()).await.unwrap();
    rows.iter().map(|row| row.text(3).unwrap()).collect()
}

fn questions() -> Vec<(&'static str, Statement)> {
    let (everything, tenant) = (
        Scope::whole_hub_for_its_own_work(),
        Scope::authenticated(TenantId::HUB),
    );
    let text = |column, value: &str| Match::equals(column, &value.to_owned());
    let (first, newest) = (
        Page::first(1),
        Page {
            is_backwards: true,
            ..Page::first(1)
        },
    );
    let states = Match::any_of("state", &[DeviceState::Pending, DeviceState::Active]);
    let of_device = Match::equals("device", &DeviceId::fresh());
    vec![
        (
            "a device by its key",
            paged::<Device>(&everything, &[text("fingerprint", "f")], &newest),
        ),
        (
            "a device by its serial number",
            paged::<Device>(
                &tenant,
                &[text("model", "gate"), text("serial", "1"), states.clone()],
                &first,
            ),
        ),
        (
            "a device by its name",
            paged::<Device>(&tenant, &[text("name", "gate"), states], &first),
        ),
        (
            "an expected device by its serial number",
            paged::<ExpectedDevice>(
                &everything,
                &[
                    text("serial", "1"),
                    Match::null("device"),
                    Match::null("code_hash"),
                ],
                &first,
            ),
        ),
        (
            "a device's certificates",
            paged::<DeviceCert>(
                &tenant,
                &[of_device.clone(), Match::null("revoked_ms")],
                &newest,
            ),
        ),
        (
            "what a device is asked for",
            paged::<LogRequest>(&tenant, &[of_device, Match::null("answered_ms")], &first),
        ),
    ]
    .into_iter()
    .map(|(what, statement)| (what, statement.unwrap()))
    .collect()
}

#[tokio::test]
async fn what_devices_ask_for_is_looked_up() {
    let folder = TempDir::new().unwrap();
    let address = format!("sqlite:{}", folder.path().join("hub.db").display());
    let store = Store::open(&address, Options::default()).await.unwrap();
    for (what, statement) in questions() {
        let plan = plan(&store, statement).await;
        let goes_through = |step: &String| {
            step.starts_with("SCAN")
                || step.ends_with("(tenant=?)")
                || step.contains("ORDER BY") && what.ends_with("key")
        };
        assert!(!plan.iter().any(goes_through), "{what}: {plan:?}");
    }
    // Rows that many devices bring are gone through; the devices are looked up, whoever asks.
    for scope in [
        Scope::whole_hub_for_its_own_work(),
        Scope::authenticated(TenantId::HUB),
    ] {
        for count in [1, 500] {
            let row = || vec![DeviceId::fresh().arg(), 1_i64.arg()];
            let rows = std::iter::repeat_with(row).take(count).collect();
            let update = " ON CONFLICT (device) DO NOTHING";
            let columns = ["device", "at_ms"];
            let statement = insert_of_devices(false, &scope, "last_seen", &columns, rows, update);
            let plan = plan(&store, statement).await;
            let is_lookup =
                |step: &String| step.starts_with("SEARCH devices") && step.contains("id=?");
            assert!(plan.iter().any(is_lookup), "{count} rows: {plan:?}");
        }
    }
}

//! How long the store takes for a fleet of 100,000, on each database: `cargo run --release --example fleet_figures`.

#![expect(
    clippy::unwrap_used,
    reason = "it measures, and may stop at the first surprise"
)]

use std::time::Instant;

use serde_json::json;
use thimble_hub_store::{
    Audit, Device, DeviceFilter, DeviceId, DeviceState, Id as _, LabelTest, LastSeen, NewState,
    Options, Page, Scope, Store, TenantId, Wake,
};
use thimble_testkit::postgres::{Durability, Postgres};

const DEVICES: usize = 100_000;
const SEEN: usize = 10_000;
const PAYLOAD_BYTES: usize = 300;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let sqlite = format!("sqlite:{}", folder.path().join("hub.db").display());
    runtime.block_on(measure("SQLite", &sqlite));
    let server = Postgres::start(Durability::Full);
    runtime.block_on(measure("PostgreSQL", &server.database()));
}

fn device(index: usize) -> Device {
    let id = DeviceId::fresh();
    Device {
        id,
        tenant: TenantId::HUB,
        edition: 0,
        created_ms: 0,
        name: format!("gate{index}"),
        model: "gate".to_owned(),
        serial: Some(format!("S{index}")),
        state: DeviceState::Active,
        fingerprint: id.to_string(),
        public_key: vec![0; 91],
        csr: None,
        claim_code: None,
        capabilities: Some(vec![0; 100]),
        is_held: false,
        hold_until_ms: None,
        hold_reason: None,
        windows: json!([]),
        override_reason: None,
        failures: 0,
    }
}

async fn measure(database: &str, address: &str) {
    let store = Store::open(address, Options::default()).await.unwrap();
    let scope = Scope::whole_hub_for_its_own_work();
    let audit = Audit::new(0, "hub", "measure", "figures");
    let devices: Vec<Device> = (0..DEVICES).map(device).collect();
    let say = |what: &str, began: Instant| {
        println!("{database}: {what}: {} ms", began.elapsed().as_millis())
    };

    let began = Instant::now();
    let mut write = store.write().await.unwrap();
    write.insert_all(&scope, &devices, &audit).await.unwrap();
    write.commit().await.unwrap();
    say("register 100,000 devices", began);

    let mut wakes = store.wakes();
    for version in 1..=3 {
        let states = devices.iter().map(|device| NewState {
            device: device.id,
            version,
            digest: [7; 32],
            payload: vec![0xa5; PAYLOAD_BYTES],
            at_ms: 0,
        });
        let states: Vec<NewState> = states.collect();
        let began = Instant::now();
        let mut write = store.write().await.unwrap();
        write.publish_states(&scope, states, &audit).unwrap();
        write.commit().await.unwrap();
        say(&format!("publish 100,000 states, version {version}"), began);
        let began = Instant::now();
        let heard = wakes.next().await;
        assert!(matches!(heard, Some(Wake::States(versions)) if versions.len() == DEVICES));
        say("until a node knows them", began);
    }

    for round in 1..=2 {
        let seen = devices.iter().take(SEEN).map(|device| LastSeen {
            device: device.id,
            at_ms: round,
        });
        let seen: Vec<LastSeen> = seen.collect();
        let began = Instant::now();
        let mut write = store.write().await.unwrap();
        assert_eq!(
            write.put_last_seen(&scope, &seen).await.unwrap(),
            SEEN as u64
        );
        write.commit().await.unwrap();
        say("note 10,000 devices seen", began);
    }

    let mut read = store.read().await.unwrap();
    let began = Instant::now();
    assert_eq!(read.device_versions(&scope).await.unwrap().len(), DEVICES);
    say("read the versions of 100,000 devices", began);
    let filter = DeviceFilter {
        is_up_to_date: Some(false),
        ..DeviceFilter::default()
    };
    let began = Instant::now();
    read.devices(&scope, &filter, &Page::first(100))
        .await
        .unwrap();
    say("list 100 of 100,000 devices", began);
    let began = Instant::now();
    assert_eq!(
        read.count_devices(&scope, &filter).await.unwrap(),
        DEVICES as u64
    );
    say("count 100,000 devices", began);
    drop(read);
    label(&store, &scope, &devices, &audit).await;
    let mut read = store.read().await.unwrap();
    let began = Instant::now();
    let any = DeviceFilter::default();
    let all = read.all_devices(&scope, &any).await.unwrap();
    assert_eq!(all.len(), DEVICES);
    say("read 100,000 devices with all that is known of them", began);
    let line = LabelTest::Is("line".to_owned(), "7".to_owned());
    let filter = DeviceFilter {
        labels: vec![line],
        ..DeviceFilter::default()
    };
    let began = Instant::now();
    assert_eq!(
        read.count_devices(&scope, &filter).await.unwrap(),
        DEVICES as u64 / 100
    );
    say("count the devices of a label", began);
    drop(read);

    let began = Instant::now();
    for _ in 0..200 {
        let mut write = store.write().await.unwrap();
        write.audit(&scope, TenantId::HUB, &audit).await.unwrap();
        write.commit().await.unwrap();
    }
    say("200 transactions one after the other", began);
}

async fn label(store: &Store, scope: &Scope, devices: &[Device], audit: &Audit) {
    let mut labels = Vec::new();
    for (index, device) in devices.iter().enumerate() {
        labels.push((device.id, "line".to_owned(), (index % 100).to_string()));
        labels.push((device.id, "site".to_owned(), (index % 7).to_string()));
    }
    let mut write = store.write().await.unwrap();
    let tenant = TenantId::HUB;
    write
        .add_labels(scope, tenant, &labels, audit)
        .await
        .unwrap();
    write.commit().await.unwrap();
}

//! What nodes hear of each other.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use thimble_hub_store::{DeviceId, Options, Store, TenantId, Topic, Wake, Wakes};
use thimble_testkit::postgres::Postgres;
use thimble_testkit::random::{Random, seed};

use super::fixture::{Database, audit, device, hub, on_postgres, state, suite};

/// A wake-up that is lost would be waited for in vain: this only ends a test that has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tasks that publish at once.
const PUBLISHERS: usize = 8;

suite! {
    a_commit_wakes_who_listens
    what_was_undone_wakes_nobody
    of_many_publishers_at_once_every_version_is_heard_of
    a_closed_store_ends_its_listeners
    who_gives_up_waiting_leaves_no_transaction_behind
}

async fn next(wakes: &mut Wakes) -> Wake {
    tokio::time::timeout(PATIENCE, wakes.next())
        .await
        .expect("no wake-up came")
        .expect("the store is closed")
}

async fn a_commit_wakes_who_listens(database: Database) {
    let store = database.open().await;
    let mut wakes = store.wakes();
    let mut write = store.write().await.unwrap();
    write.wake(Topic::Rollout, Some(TenantId::HUB), Some("r1".to_owned()));
    write.wake(Topic::Rollout, Some(TenantId::HUB), Some("r1".to_owned()));
    write.wake(Topic::Keys, None, None);
    write.commit().await.unwrap();
    let rollout = Wake::Changed {
        topic: Topic::Rollout,
        tenant: Some(TenantId::HUB),
        subject: Some("r1".to_owned()),
    };
    let keys = Wake::Changed {
        topic: Topic::Keys,
        tenant: None,
        subject: None,
    };
    assert_eq!(
        [next(&mut wakes).await, next(&mut wakes).await],
        [rollout, keys]
    );
}

async fn what_was_undone_wakes_nobody(database: Database) {
    let store = database.open().await;
    let mut wakes = store.wakes();
    let mut write = store.write().await.unwrap();
    write.wake(Topic::Keys, None, None);
    drop(write);
    let mut write = store.write().await.unwrap();
    write.wake(Topic::Settings, None, None);
    write.commit().await.unwrap();
    let settings = Wake::Changed {
        topic: Topic::Settings,
        tenant: None,
        subject: None,
    };
    assert_eq!(next(&mut wakes).await, settings);
}

/// Publishes a state of each device, one transaction each, from several tasks at once. What is missed once is never told of
/// again. The versions that there are then.
async fn publish(nodes: Vec<Store>, devices: Vec<DeviceId>, seed: u64) -> BTreeMap<DeviceId, u64> {
    let mut publishers = Vec::new();
    for (index, devices) in devices.chunks(devices.len() / PUBLISHERS).enumerate() {
        let store = nodes[index % nodes.len()].clone();
        let mut random = Random::new(seed + index as u64);
        let devices = devices.to_vec();
        publishers.push(tokio::spawn(async move {
            for device in devices {
                let mut write = store.write().await.unwrap();
                write
                    .publish_states(&hub(), vec![state(device, 1, b"x")], &audit("publish"))
                    .unwrap();
                // Others overtake between the beginning and the end of a transaction.
                for _ in 0..random.below(4) {
                    tokio::task::yield_now().await;
                }
                write.commit().await.unwrap();
            }
        }));
    }
    for publisher in publishers {
        publisher.await.unwrap();
    }
    devices.into_iter().map(|device| (device, 1)).collect()
}

/// Listens until it knows these versions.
async fn hear(mut wakes: Wakes, store: Store, expected: BTreeMap<DeviceId, u64>) {
    let mut heard: BTreeMap<DeviceId, u64> = BTreeMap::new();
    while heard != expected {
        let versions = match next(&mut wakes).await {
            Wake::States(versions) => versions.to_vec(),
            Wake::Everything => store
                .read()
                .await
                .unwrap()
                .device_versions(&hub())
                .await
                .unwrap(),
            Wake::Changed { .. } => continue,
        };
        for version in versions {
            let known = heard.entry(version.device).or_default();
            *known = (*known).max(version.version);
        }
    }
}

async fn some_devices(store: &Store, count: usize) -> Vec<DeviceId> {
    let devices: Vec<_> = (0..count)
        .map(|index| device(TenantId::HUB, &format!("gate{index}")))
        .collect();
    let mut write = store.write().await.unwrap();
    write
        .insert_all(&hub(), &devices, &audit("import"))
        .await
        .unwrap();
    write.commit().await.unwrap();
    devices.into_iter().map(|device| device.id).collect()
}

async fn of_many_publishers_at_once_every_version_is_heard_of(database: Database) {
    let store = database.open().await;
    let devices = some_devices(&store, 320).await;
    // Only PostgreSQL is shared by several nodes.
    let (nodes, listening) = if database.is_postgres() {
        (
            vec![database.open().await, database.open().await],
            database.open().await,
        )
    } else {
        (vec![store.clone()], store)
    };
    let wakes = listening.wakes();
    let expected = publish(nodes, devices, seed(1)).await;
    hear(wakes, listening, expected).await;
}

async fn a_closed_store_ends_its_listeners(database: Database) {
    let store = database.open().await;
    let mut wakes = store.wakes();
    store.close().await;
    drop(store);
    let ended = tokio::time::timeout(PATIENCE, wakes.next())
        .await
        .expect("the listener waits forever");
    assert_eq!(ended, None);
}

#[test]
fn no_wake_up_is_lost_with_a_connection() {
    on_postgres(|database| async move {
        let nodes = vec![database.open().await, database.open().await];
        let listening = database.open().await;
        let devices = some_devices(&nodes[0], 640).await;
        let wakes = listening.wakes();
        let publishing = tokio::spawn(publish(nodes, devices, seed(2)));
        let address = database.address.clone();
        let killing = tokio::task::spawn_blocking(move || {
            // Connections that wait for notifications have said LISTEN last.
            let kill = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'";
            let mut killed = 0;
            while killed < 12 {
                killed += Postgres::shared()
                    .execute(&address, kill)
                    .parse::<u64>()
                    .unwrap();
            }
            killed
        });
        let expected = publishing.await.unwrap();
        println!("{} connections were killed", killing.await.unwrap());
        hear(wakes, listening, expected).await;
    });
}

/// Polls a future so often, and gives it up.
async fn given_up<F: Future>(future: F, polls: usize) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(true);
        }
        left -= 1;
        future.as_mut().poll(context).map(|_| false)
    })
    .await
}

async fn who_gives_up_waiting_leaves_no_transaction_behind(database: Database) {
    let options = Options {
        connections: 2,
        device_connections: 1,
        ..Options::default()
    };
    let store = Store::open(&database.address, options).await.unwrap();
    for polls in 1.. {
        let is_given_up = given_up(store.snapshot(), polls).await;
        for _ in 0..4 {
            // In what was left behind nothing could be written.
            let mut write = store.write().await.unwrap();
            write
                .audit(&hub(), TenantId::HUB, &audit("note"))
                .await
                .unwrap();
            write.commit().await.unwrap();
        }
        if !is_given_up {
            break;
        }
    }
}

//! What is about to be deleted is not begun to be needed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::json;
use thimble_hub_store::{Error, Lease, Scope, SignedManifest, Store, TenantId};
use thimble_testkit::random::{Random, seed};

use super::fixture::{Database, NOW, audit, hub, suite, tenants};

suite! {
    a_sentence_is_heard_until_it_ends
    whoever_lost_the_lease_condemns_nothing
    leases_are_found_by_how_their_names_begin
    nothing_that_is_kept_is_lost_to_a_deletion
}

fn digest(number: u8) -> [u8; 32] {
    [number; 32]
}

async fn lease(store: &Store, owner: &str, now_ms: i64) -> Option<Lease> {
    let taken = store.take_lease("collect", owner, 1000, now_ms);
    taken.await.unwrap()
}

async fn condemn(
    store: &Store,
    lease: &Lease,
    tenant: TenantId,
    digests: &BTreeSet<[u8; 32]>,
) -> Result<(), Error> {
    let mut write = store.write().await.unwrap();
    write.condemn(lease, tenant, digests, NOW + 100).await?;
    write.commit().await
}

async fn need(store: &Store, tenant: TenantId, number: u8, now_ms: i64) -> Result<(), Error> {
    let mut write = store.write().await.unwrap();
    let digests = BTreeSet::from([digest(number), digest(200)]);
    write.need(tenant, &digests, now_ms).await?;
    write.commit().await
}

async fn a_sentence_is_heard_until_it_ends(database: Database) {
    let store = database.open().await;
    let tenants = tenants(&store).await;
    let manifest = |number| SignedManifest {
        content: digest(number + 100),
        digest: digest(number),
        bytes: 7,
    };
    let mut write = store.write().await.unwrap();
    for number in [1, 3] {
        write
            .put_signed_manifest(&hub(), tenants.oem, &manifest(number))
            .await
            .unwrap();
    }
    write.commit().await.unwrap();
    let lease = lease(&store, "node", NOW).await.unwrap();
    let doomed = BTreeSet::from([digest(1), digest(2)]);
    condemn(&store, &lease, tenants.oem, &doomed).await.unwrap();
    let refused = need(&store, tenants.oem, 1, NOW).await;
    assert!(matches!(refused, Err(Error::Condemned)), "{refused:?}");
    // Another blob, another tenant, another time.
    need(&store, tenants.oem, 3, NOW).await.unwrap();
    need(&store, tenants.customer, 1, NOW).await.unwrap();
    need(&store, tenants.oem, 1, NOW + 100).await.unwrap();
    // A manifest that goes is signed anew the next time.
    let mut read = store.read().await.unwrap();
    let mut signed = Vec::new();
    for number in [1, 3] {
        let content = digest(number + 100);
        let found = read.signed_manifest(&hub(), tenants.oem, content).await;
        signed.push(found.unwrap().is_some());
    }
    assert_eq!(signed, [false, true]);
    drop(read);
    // What is said next is all that holds.
    let doomed = BTreeSet::from([digest(2)]);
    condemn(&store, &lease, tenants.oem, &doomed).await.unwrap();
    need(&store, tenants.oem, 1, NOW).await.unwrap();
    need(&store, tenants.oem, 2, NOW).await.unwrap_err();
    let mut write = store.write().await.unwrap();
    write.acquit(tenants.oem).await.unwrap();
    write.commit().await.unwrap();
    need(&store, tenants.oem, 2, NOW).await.unwrap();
}

async fn whoever_lost_the_lease_condemns_nothing(database: Database) {
    let store = database.open().await;
    let tenants = tenants(&store).await;
    let lost = lease(&store, "one", NOW).await.unwrap();
    lease(&store, "two", NOW + 1000).await.unwrap();
    let doomed = BTreeSet::from([digest(1)]);
    let refused = condemn(&store, &lost, tenants.oem, &doomed).await;
    assert!(matches!(refused, Err(Error::Fenced { .. })), "{refused:?}");
    need(&store, tenants.oem, 1, NOW).await.unwrap();
}

async fn leases_are_found_by_how_their_names_begin(database: Database) {
    let store = database.open().await;
    for (name, ttl_ms) in [("copy:a", 10), ("copy:b", 20), ("copz", 20), ("cop", 20)] {
        let taken = store.take_lease(name, "node", ttl_ms, NOW).await.unwrap();
        assert!(taken.is_some());
    }
    let mut read = store.read().await.unwrap();
    let mut names = async |now_ms| {
        let found = read.leases("copy:", now_ms).await.unwrap();
        let names: Vec<String> = found.into_iter().map(|lease| lease.name).collect();
        names
    };
    assert_eq!(names(NOW).await, ["copy:a", "copy:b"]);
    assert_eq!(names(NOW + 10).await, ["copy:b"]);
    assert!(names(NOW + 20).await.is_empty());
}

/// Keeps rows that need blobs, as nodes do, while another deletes blobs that no row needs.
async fn nothing_that_is_kept_is_lost_to_a_deletion(database: Database) {
    const BLOBS: u8 = 40;
    let seed = seed(42);
    let nodes = [database.open().await, database.open().await];
    let tenants = tenants(&nodes[0]).await;
    let tenant = tenants.oem;
    let blobs: Arc<Mutex<BTreeSet<u8>>> = Arc::default();
    let mut keepers = Vec::new();
    for index in 0..4_u64 {
        let store = nodes[usize::try_from(index % 2).unwrap()].clone();
        let blobs = Arc::clone(&blobs);
        let mut random = Random::new(seed + index);
        keepers.push(tokio::spawn(async move {
            let mut kept = BTreeSet::new();
            for _ in 0..40 {
                let number = u8::try_from(random.below(u64::from(BLOBS))).unwrap();
                // The blob is there before the row that needs it.
                blobs.lock().unwrap().insert(number);
                let mut write = store.write().await.unwrap();
                let scope = Scope::authenticated(tenant);
                let name = format!("needs {number}");
                write
                    .put_setting(&scope, tenant, &name, &json!(index), &audit("needs"))
                    .await
                    .unwrap();
                let digests = BTreeSet::from([digest(number)]);
                match write.need(tenant, &digests, NOW).await {
                    Ok(()) => write.commit().await.unwrap(),
                    Err(Error::Condemned) => continue,
                    Err(error) => panic!("{error}"),
                }
                kept.insert(number);
            }
            kept
        }));
    }
    let store = nodes[1].clone();
    let deleting = Arc::clone(&blobs);
    let collector = tokio::spawn(async move {
        let (mut deleted, mut rounds) = (0, 0);
        while rounds < 60 {
            rounds += 1;
            let lease = lease(&store, "node", NOW).await.unwrap();
            let doomed: BTreeSet<u8> = deleting.lock().unwrap().clone();
            let digests = doomed.iter().map(|number| digest(*number)).collect();
            condemn(&store, &lease, tenant, &digests).await.unwrap();
            let scope = Scope::authenticated(tenant);
            let mut read = store.read().await.unwrap();
            for number in doomed {
                let name = format!("needs {number}");
                let needed = read.setting(&scope, tenant, &name).await.unwrap();
                if needed.is_none() {
                    deleting.lock().unwrap().remove(&number);
                    deleted += 1;
                }
            }
            drop(read);
            let mut write = store.write().await.unwrap();
            write.acquit(tenant).await.unwrap();
            write.commit().await.unwrap();
        }
        deleted
    });
    let mut kept = BTreeSet::new();
    for keeper in keepers {
        kept.append(&mut keeper.await.unwrap());
    }
    let deleted = collector.await.unwrap();
    println!("{} kept, {deleted} deleted", kept.len());
    let blobs = blobs.lock().unwrap();
    let lost: Vec<_> = kept.difference(&blobs).collect();
    assert!(lost.is_empty(), "lost {lost:?}, seed {seed}");
}

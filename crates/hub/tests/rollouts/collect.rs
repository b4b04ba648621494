//! Blobs that nothing needs are deleted, and nothing else, whatever happens at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use tempfile::TempDir;
use thimble_hub::Hub;
use thimble_hub::collect::{CollectionError, Collector, Hold, collect, freed, survey};
use thimble_hub::publish::space;
use thimble_hub_blobs::{ManifestName, Space, source_of};
use thimble_hub_store::{
    AppVersion, AppVersionId, AuditPage, Error, Id as _, RolloutState, Scope, TenantId,
};
use thimble_image::{Descriptor, Digest, Manifest as ImageManifest, media_type};
use thimble_protocol::Manifest;
use thimble_protocol::sign::{Envelope, Kind};
use thimble_testkit::postgres::Postgres;
use thimble_testkit::random::{Random, seed};

use crate::crashes::polled;
use crate::plant::{Plant, audit, scope};

const DAY_MS: i64 = 86_400_000;

/// Everything that is among the blobs now is older than the time of grace.
async fn grow_old(plant: &Plant) {
    let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let later_ms = i64::try_from(real.as_millis()).unwrap() + 2 * DAY_MS;
    let missing_ms = later_ms - plant.hub.now_ms();
    plant.clock.advance_ms(missing_ms.max(0));
    plant.seen().await;
}

/// Collects, and returns how many blobs of the plant went.
async fn collected(plant: &Plant, hub: &Arc<Hub>) -> u64 {
    let all = collect(hub, "node", "test").await.unwrap();
    let mut deleted = 0;
    for one in all {
        let collected = one.collected.unwrap();
        if one.tenant == plant.tenant {
            deleted = collected.deleted;
        }
    }
    deleted
}

fn blobs(plant: &Plant) -> Space {
    space(&plant.hub.blobs, plant.tenant).unwrap()
}

/// An image of this number: several share layers.
fn image(number: u8) -> (Vec<u8>, Vec<Vec<u8>>) {
    let config = format!("{{\"number\":{}}}", number % 4).into_bytes();
    let layer = vec![number % 3; 1000];
    let manifest = ImageManifest::new(
        Descriptor::of(media_type::OCI_CONFIG, &config),
        vec![Descriptor::of(media_type::WASM, &layer)],
    );
    (manifest.to_json(), vec![config, layer])
}

/// Pushes an image as clients do: what is there already is not sent. Whether it was taken.
async fn push(space: &Space, number: u8) -> bool {
    let (manifest, parts) = image(number);
    for part in parts {
        let digest = Digest::of(&part);
        if space.size(&digest).await.unwrap().is_none() {
            // A file that is being written is as old as everything here, and may be taken for what a power cut left.
            if space.put(digest, source_of(part.into())).await.is_err() {
                return false;
            }
        }
    }
    let tag = ManifestName::Tag(format!("v{number}").parse().unwrap());
    let repository = "reader".parse().unwrap();
    let put = space.put_manifest(&repository, &tag, media_type::MANIFEST, manifest.into());
    put.await.is_ok()
}

/// Publishes a version of an image, if it is there and stays.
async fn publish(plant: &Plant, number: u8) -> bool {
    let digest = Digest::of(&image(number).0);
    let repository = "reader".parse().unwrap();
    let name = ManifestName::Digest(digest);
    if blobs(plant).resolve(&repository, &name).await.is_err() {
        return false;
    }
    let version = AppVersion {
        id: AppVersionId::fresh(),
        tenant: plant.tenant,
        edition: 0,
        created_ms: plant.hub.now_ms(),
        app: plant.app.id,
        version: AppVersionId::fresh().to_string(),
        document: json!({"containers": [{"name": "main", "image": format!("reader@{digest}")}]}),
        published_ms: None,
    };
    let mut write = plant.hub.store.write().await.unwrap();
    write
        .insert(&scope(), &version, &audit("version"))
        .await
        .unwrap();
    let needs = BTreeSet::from([*digest.as_bytes()]);
    match write.need(plant.tenant, &needs, plant.hub.now_ms()).await {
        Ok(()) => {
            write.commit().await.unwrap();
            true
        }
        Err(Error::Condemned) => false,
        Err(error) => panic!("{error}"),
    }
}

/// The blobs of an image.
fn parts(number: u8) -> BTreeSet<Digest> {
    let (manifest, parts) = image(number);
    let parts = parts.iter().map(|part| Digest::of(part));
    parts.chain([Digest::of(&manifest)]).collect()
}

/// What the states of all devices need.
async fn told(plant: &Plant) -> BTreeSet<Digest> {
    let space = blobs(plant);
    let mut needed = BTreeSet::new();
    for (_, state) in plant.states().await.into_values() {
        for item in state.items {
            needed.insert(item.manifest);
            let bytes = space.read_whole(&item.manifest, 1 << 20).await.unwrap();
            let envelope = Envelope::parse(&bytes, Kind::Manifest).unwrap();
            let manifest = Manifest::decode(envelope.payload()).unwrap();
            for container in manifest.containers {
                let image = container.image;
                needed.extend([image.manifest, image.config, image.layer]);
            }
        }
    }
    needed
}

/// All of this is there.
async fn check(plant: &Plant, needed: &BTreeSet<Digest>, when: &str) {
    let space = blobs(plant);
    for digest in needed {
        let size = space.size(digest).await.unwrap();
        assert!(size.is_some(), "{digest} is lost {when}");
    }
}

async fn held(plant: &Plant) -> BTreeSet<Digest> {
    let objects = blobs(plant).objects().await.unwrap();
    let hex = objects
        .iter()
        .filter(|object| object.path.starts_with("blobs/"))
        .map(|object| object.path.rsplit('/').next().unwrap().to_owned());
    hex.map(|hex| format!("sha256:{hex}").parse().unwrap())
        .collect()
}

/// Brings an image to the devices; whether it came to that.
async fn bring(plant: &mut Plant, deployment: thimble_hub_store::DeploymentId, number: u8) {
    if !publish(plant, number).await {
        return;
    }
    plant.image = format!("reader@{}", Digest::of(&image(number).0));
    let spec = json!({"containers": {"*": {"env": {"N": plant.hub.now_ms().to_string()}}}});
    let revision = plant.revise(deployment, spec).await;
    plant.roll_out(deployment, revision, json!({})).await;
    let executor = plant.executor(&plant.hub, "node");
    // What is just being cleared away is tried again later.
    if let Err(error) = executor.step(plant.tenant).await {
        assert!(error.is_passing(), "{error}");
    }
}

/// Pushes, deletions, versions and rollouts on one node while another collects, and dies in the middle at times.
async fn model(mut plant: Plant) {
    let mut random = Random::new(seed(7));
    let other = plant.node().await;
    let deployment = plant.deploy("readers", json!({})).await;
    let (mut linked, mut published) = (BTreeSet::new(), BTreeSet::new());
    let first = plant.image.rsplit('@').next().unwrap().parse().unwrap();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for round in 0..120 {
        grow_old(&plant).await;
        let number = u8::try_from(random.below(12)).unwrap();
        let polls = 1 + random.index(400);
        let action = *random.pick(&["push", "push", "delete", "publish", "bring"]);
        let action_first = random.below(60);
        let work = async {
            for _ in 0..action_first {
                tokio::task::yield_now().await;
            }
            match action {
                "push" => {
                    if push(&blobs(&plant), number).await {
                        linked.insert(number);
                        return true;
                    }
                }
                "delete" => {
                    let name = ManifestName::Digest(Digest::of(&image(number).0));
                    let repository = "reader".parse().unwrap();
                    let deleted = blobs(&plant).delete_manifest(&repository, &name).await;
                    linked.remove(&number);
                    return deleted.is_ok();
                }
                "publish" => {
                    if publish(&plant, number).await {
                        published.insert(number);
                        return true;
                    }
                }
                _ => {
                    bring(&mut plant, deployment, number).await;
                    return true;
                }
            }
            false
        };
        let owner = format!("round {round}");
        let collecting = async {
            let mut collection = Box::pin(collect(&other, &owner, "test"));
            polled(collection.as_mut(), polls).await
        };
        let (did, ended) = tokio::join!(work, collecting);
        match ended {
            Some(ended) => {
                for one in ended.unwrap() {
                    one.collected.unwrap();
                }
                *counts.entry("collected").or_default() += 1;
            }
            // Whoever died holds the lease until it ends.
            None => plant.clock.advance_ms(31 * 60_000),
        }
        if did {
            *counts.entry(action).or_default() += 1;
        }
        let mut needed = told(&plant).await;
        for number in linked.iter().chain(&published) {
            needed.extend(parts(*number));
        }
        check(&plant, &needed, &format!("after round {round} ({action})")).await;
        plant.obey(&[]).await;
    }
    println!("{counts:?}");
    for action in ["push", "delete", "publish", "bring", "collected"] {
        assert!(counts.contains_key(action), "{action} never happened");
    }
    // What is left is what is needed, and nothing else.
    plant.clock.advance_ms(31 * 60_000);
    plant.seen().await;
    let last = plant.executor(&other, "node");
    last.step(plant.tenant).await.unwrap();
    plant.obey(&[]).await;
    collected(&plant, &other).await;
    let mut needed = told(&plant).await;
    for number in linked.iter().chain(&published) {
        needed.extend(parts(*number));
    }
    let mut all = held(&plant).await;
    assert!(needed.is_subset(&all));
    // The plant's own versions need these, whether or not a device has them.
    let own: BTreeSet<Digest> = [first, Digest::of(b"{}"), Digest::of(b"\0asm\x01\0\0\0")].into();
    for number in 0..12 {
        if all.is_superset(&parts(number)) {
            needed.extend(parts(number));
        }
    }
    all.retain(|digest| !needed.contains(digest) && !own.contains(digest));
    assert!(all.is_empty(), "left behind: {all:?}");
}

#[tokio::test]
async fn nothing_that_is_needed_is_lost_whatever_meets_a_collection() {
    model(Plant::new(3).await).await;
}

#[tokio::test]
async fn nothing_that_is_needed_is_lost_on_postgresql_either() {
    let address = Postgres::shared().database();
    model(Plant::at(&address, TempDir::new().unwrap(), 3).await).await;
}

#[tokio::test]
async fn an_image_that_was_deleted_from_the_registry_still_reaches_devices() {
    let plant = Plant::new(2).await;
    let deployment = plant.deploy("readers", json!({})).await;
    let digest: Digest = plant.image.rsplit('@').next().unwrap().parse().unwrap();
    let name = ManifestName::Digest(digest);
    let repository = "reader".parse().unwrap();
    let space = blobs(&plant);
    space.delete_manifest(&repository, &name).await.unwrap();
    grow_old(&plant).await;
    assert_eq!(collected(&plant, &plant.hub).await, 0);
    let rollout = plant.roll_out(deployment, 1, json!({})).await;
    assert_eq!(plant.step().await, 2);
    plant.obey(&[]).await;
    plant.step().await;
    let (record, _) = plant.rollout(rollout).await;
    assert_eq!(record.state, RolloutState::Finished, "{:?}", record.reason);
    assert_eq!(collected(&plant, &plant.hub).await, 0);
    let needed = told(&plant).await;
    assert_eq!(needed.len(), 4);
    check(&plant, &needed, "after the collection").await;
}

#[tokio::test]
async fn what_a_device_still_has_is_kept_until_it_tells_of_something_else() {
    let plant = Plant::new(1).await;
    let deployment = plant.deploy("readers", json!({})).await;
    plant.roll_out(deployment, 1, json!({})).await;
    plant.step().await;
    plant.obey(&[]).await;
    plant.step().await;
    let before = told(&plant).await;
    let spec = json!({"containers": {"*": {"env": {"A": "1"}}}});
    plant.revise(deployment, spec).await;
    plant.roll_out(deployment, 2, json!({})).await;
    assert_eq!(plant.step().await, 1);
    let after = told(&plant).await;
    let old: BTreeSet<Digest> = before.difference(&after).copied().collect();
    assert_eq!(old.len(), 1, "the manifest of the first revision");
    // The device has not said that it took the second.
    grow_old(&plant).await;
    assert_eq!(collected(&plant, &plant.hub).await, 0);
    plant.obey(&[]).await;
    let surveyed = survey(&plant.hub).await.unwrap();
    let mine = surveyed.iter().find(|one| one.tenant == plant.tenant);
    assert_eq!(mine.unwrap().collected.as_ref().unwrap().deleted, 1);
    check(&plant, &old, "by looking").await;
    assert_eq!(collected(&plant, &plant.hub).await, 1);
    check(&plant, &after, "after the collection").await;
    // Going back signs the manifest again.
    plant.roll_out(deployment, 1, json!({})).await;
    assert_eq!(plant.step().await, 1);
    let again = told(&plant).await;
    check(&plant, &again, "after going back").await;
    let mut read = plant.hub.store.read().await.unwrap();
    let (count, bytes) = freed(&mut read, plant.tenant).await.unwrap();
    assert!(count == 1 && bytes > 100, "{count}, {bytes}");
    let page = AuditPage {
        after: None,
        limit: 1000,
        is_backwards: true,
    };
    let entries = read
        .audit_entries(&scope(), plant.tenant, None, &page)
        .await
        .unwrap();
    let told: Vec<_> = entries
        .iter()
        .filter(|entry| entry.action == "blobs.collect")
        .collect();
    assert_eq!(told.len(), 1, "one entry where something was deleted");
    let detail: serde_json::Value = serde_json::from_str(&told[0].detail).unwrap();
    assert_eq!(detail["deleted"], 1);
}

#[tokio::test]
async fn where_it_is_not_known_what_is_needed_nothing_is_deleted() {
    let plant = Plant::new(1).await;
    push(&blobs(&plant), 1).await;
    let name = ManifestName::Digest(Digest::of(&image(1).0));
    let repository = "reader".parse().unwrap();
    let space = blobs(&plant);
    space.delete_manifest(&repository, &name).await.unwrap();
    grow_old(&plant).await;
    let payload = b"no state".to_vec();
    let state = thimble_hub_store::NewState {
        device: plant.devices[0],
        version: 1,
        digest: *Digest::of(&payload).as_bytes(),
        payload,
        at_ms: plant.hub.now_ms(),
    };
    let mut write = plant.hub.store.write().await.unwrap();
    write
        .publish_states(&scope(), vec![state], &audit("state"))
        .unwrap();
    write.commit().await.unwrap();
    let all = collect(&plant.hub, "node", "test").await.unwrap();
    let mine = all.iter().find(|one| one.tenant == plant.tenant).unwrap();
    let refused = mine.collected.as_ref().unwrap_err();
    let reason = std::error::Error::source(std::error::Error::source(refused).unwrap());
    let reason = reason.unwrap().to_string();
    assert!(
        reason.starts_with("the desired state of device"),
        "{reason}"
    );
    check(&plant, &parts(1), "in doubt").await;
    // The others are not held up.
    assert!(all.len() > 1 && all.iter().filter(|one| one.collected.is_err()).count() == 1);
}

async fn has_lease(plant: &Plant, prefix: &str) -> bool {
    let mut read = plant.hub.store.read().await.unwrap();
    let found = read.leases(prefix, plant.hub.now_ms()).await.unwrap();
    !found.is_empty()
}

#[tokio::test]
async fn a_copy_and_a_collection_exclude_each_other() {
    let plant = Plant::new(1).await;
    let other = plant.node().await;
    let hold = Hold::take(&other).await.unwrap();
    let second = Hold::take(&plant.hub).await.unwrap();
    for _ in 0..2 {
        let refused = collect(&plant.hub, "node", "test").await.unwrap_err();
        assert!(
            matches!(refused, CollectionError::Copying { .. }),
            "{refused}"
        );
    }
    hold.end().await.unwrap();
    collect(&plant.hub, "node", "test").await.unwrap_err();
    second.end().await.unwrap();
    collect(&plant.hub, "node", "test").await.unwrap();
    // A copy that begins while one collects waits; the collection that died is waited for until its lease ends.
    let mut collection = Box::pin(collect(&plant.hub, "node", "test"));
    let mut polls = 1;
    while !has_lease(&plant, "collect").await {
        assert!(polled(collection.as_mut(), polls).await.is_none());
        polls += 1;
    }
    drop(collection);
    let refused = collect(&other, "other", "test").await.unwrap_err();
    assert!(
        matches!(refused, CollectionError::Collecting { .. }),
        "{refused}"
    );
    let mut hold = Box::pin(Hold::take(&other));
    while !has_lease(&plant, "copy:").await {
        assert!(polled(hold.as_mut(), 1).await.is_none());
    }
    plant.clock.advance_ms(31 * 60_000);
    let hold = hold.await.unwrap();
    // Its process stood still for as long, and anybody may have collected.
    collect(&plant.hub, "node", "test").await.unwrap();
    let lost = hold.end().await.unwrap_err();
    assert!(matches!(lost, Error::Fenced { .. }), "{lost}");
    collect(&plant.hub, "node", "test").await.unwrap();
}

#[tokio::test]
async fn a_node_collects_when_it_is_time() {
    let plant = Plant::new(1).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let collector = Collector::new(Arc::clone(&plant.hub));
    // It began a day ago.
    plant.clock.advance_ms(DAY_MS);
    let running = tokio::spawn(async move {
        collector
            .run(async {
                let _ = stopped.await;
            })
            .await;
    });
    let hub = Scope::authenticated(TenantId::HUB);
    loop {
        let mut read = plant.hub.store.read().await.unwrap();
        let last = read.setting(&hub, TenantId::HUB, "blobs.collected").await;
        if let Some(last) = last.unwrap() {
            assert_eq!(last["at_ms"], plant.hub.now_ms());
            break;
        }
        tokio::task::yield_now().await;
    }
    stop.send(()).unwrap();
    running.await.unwrap();
}

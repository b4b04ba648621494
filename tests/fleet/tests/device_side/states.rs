//! Polls: what a device is to be, now or when it changes.

use thimble_protocol::ETag;
use thimble_protocol::keyring::Keyring;
use thimble_protocol::sign::{StateOpened, open_state};
use thimble_tests_fleet::client::{Answer, Device};
use thimble_tests_fleet::node::empty_state;

use super::{World, id};

/// Opens a state as a device does; its tag.
fn open(answer: &Answer, device: &Device, last: Option<ETag>) -> ETag {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        answer.header("content-type"),
        Some("application/cose; cose-type=\"cose-sign1\"")
    );
    let keyring = Keyring::new(&device.issued.as_ref().unwrap().keys).unwrap();
    let opened = open_state(&answer.body, &keyring, id(device), last).unwrap();
    let StateOpened::Newer(opened) = opened else {
        panic!("not newer");
    };
    let tag = answer.header("etag").unwrap();
    assert_eq!(tag, opened.etag().to_string());
    let next: u32 = answer.header("next-poll").unwrap().parse().unwrap();
    assert!(next <= 3600);
    assert!(answer.header("delay-apply").is_some());
    tag.parse().unwrap()
}

/// The device is to have a state of this version, and the node knows that.
async fn to_have(world: &World, device: &Device, version: u64) {
    let state = empty_state(id(device), version);
    world.node.publish(world.tenant, &[state]).await.unwrap();
    world
        .until(|node| node.side.versions().known(id(device)).unwrap().version.0 == version)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_comes_once_and_then_only_if_it_changed() {
    let world = World::new().await;
    let device = world.device("1").await;
    let state = empty_state(id(&device), 1);
    world.node.publish(world.tenant, &[state]).await.unwrap();
    let mut connection = world.connect(&device).await;
    world
        .until(|node| node.side.versions().known(id(&device)).unwrap().version.0 == 1)
        .await;
    let first = open(
        &connection.get("/d/v1/state", &[]).await.unwrap(),
        &device,
        None,
    );
    let tag = first.to_string();
    let same = connection
        .get("/d/v1/state", &[("If-None-Match", &tag)])
        .await
        .unwrap();
    assert_eq!(
        (same.status, same.body.len(), same.header("etag")),
        (304, 0, Some(&tag[..]))
    );
    assert!(same.header("next-poll").is_some());
    // What an idle poll costs on the wire, above TLS.
    assert!(same.bytes <= 80, "{} bytes: {same:?}", same.bytes);
    let state = empty_state(id(&device), 2);
    world.node.publish(world.tenant, &[state]).await.unwrap();
    world
        .until(|node| node.side.versions().known(id(&device)).unwrap().version.0 == 2)
        .await;
    let answer = connection
        .get("/d/v1/state", &[("If-None-Match", &tag)])
        .await
        .unwrap();
    assert_eq!(open(&answer, &device, Some(first)).version().0, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_that_waits_is_answered_when_something_changes() {
    let world = World::new().await;
    let device = world.device("1").await;
    let state = empty_state(id(&device), 1);
    world.node.publish(world.tenant, &[state]).await.unwrap();
    let mut connection = world.connect(&device).await;
    world
        .until(|node| node.side.versions().known(id(&device)).unwrap().version.0 == 1)
        .await;
    let first = open(
        &connection.get("/d/v1/state", &[]).await.unwrap(),
        &device,
        None,
    );
    let tag = first.to_string();
    let headers = [("If-None-Match", &tag[..])];
    let waiting = connection.get("/d/v1/state?wait=600", &headers);
    let change = async {
        world.until(|node| node.side.versions().parked() == 1).await;
        let state = empty_state(id(&device), 2);
        world.node.publish(world.tenant, &[state]).await.unwrap();
    };
    let (answer, ()) = tokio::join!(waiting, change);
    assert_eq!(open(&answer.unwrap(), &device, Some(first)).version().0, 2);
    assert_eq!(world.node.side.versions().parked(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_poll_of_a_device_ends_the_one_that_waits() {
    let world = World::new().await;
    let device = world.device("1").await;
    let (mut one, mut two) = (world.connect(&device).await, world.connect(&device).await);
    let first = one.get("/d/v1/state?wait=600", &[]);
    let second = async {
        world.until(|node| node.side.versions().parked() == 1).await;
        let later = two.get("/d/v1/state?wait=600", &[]);
        let publish = async {
            // Only the second waits when the first is answered.
            let state = empty_state(id(&device), 1);
            world.until(|node| node.side.versions().parked() == 1).await;
            world.node.publish(world.tenant, &[state]).await.unwrap();
        };
        tokio::join!(later, publish).0
    };
    let (first, second) = tokio::join!(first, second);
    assert!(matches!(first.unwrap().status, 304 | 200));
    assert_eq!(second.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_node_answers_polls_that_wait() {
    let world = World::new().await;
    let device = world.device("1").await;
    let mut connection = world.connect(&device).await;
    connection
        .send(b"GET /d/v1/state?wait=600 HTTP/1.1\r\nHost: hub\r\n\r\n")
        .await
        .unwrap();
    world.until(|node| node.side.versions().parked() == 1).await;
    let again = world.again(|_| {}).await;
    let answer = connection.answer().await.unwrap();
    assert_eq!(answer.status, 304);
    assert!(connection.is_ended().await);
    // After the restart it comes in with the same certificate, and the hub knows it.
    let mut connection = again.connect(&device).await;
    assert_eq!(
        connection.get("/d/v1/state", &[]).await.unwrap().status,
        304
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_ahead_of_the_hub_gets_a_version_beyond() {
    let world = World::new().await;
    let device = world.device("1").await;
    to_have(&world, &device, 3).await;
    let mut connection = world.connect(&device).await;
    // Taken from a hub that was lost; and of the same number, but another content.
    for (has, gets) in [(9, 10), (10, 11)] {
        let had = ETag::of(thimble_protocol::StateVersion(has), b"another");
        let headers = [("If-None-Match", &had.to_string()[..])];
        let answer = connection.get("/d/v1/state", &headers).await.unwrap();
        assert_eq!(open(&answer, &device, Some(had)).version().0, gets);
    }
}

/// A version that is there to make the next one overflow changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_cannot_count_its_hub_to_the_end() {
    let world = World::new().await;
    let device = world.device("1").await;
    to_have(&world, &device, 3).await;
    let mut connection = world.connect(&device).await;
    for has in [u64::MAX, i64::MAX.unsigned_abs(), (1 << 53) + 1] {
        let had = ETag::of(thimble_protocol::StateVersion(has), b"another");
        let headers = [("If-None-Match", &had.to_string()[..])];
        let answer = connection.get("/d/v1/state", &headers).await.unwrap();
        assert_eq!(
            (answer.status, answer.problem().as_deref()),
            (400, Some("malformed")),
            "{has}"
        );
        assert!(answer.text().contains("enrol it anew"), "{}", answer.text());
    }
    let answer = connection.get("/d/v1/state", &[]).await.unwrap();
    assert_eq!(open(&answer, &device, None).version().0, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_nothing_was_declared_for_keeps_what_it_has() {
    let world = World::new().await;
    let device = world.device("1").await;
    let mut connection = world.connect(&device).await;
    let had = ETag::of(thimble_protocol::StateVersion(9), b"something").to_string();
    let answer = connection
        .get("/d/v1/state", &[("If-None-Match", &had)])
        .await
        .unwrap();
    assert_eq!(answer.status, 304);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_heard_of_is_noted_in_one_go() {
    let world = World::new().await;
    let device = world.device("1").await;
    let mut connection = world.connect(&device).await;
    connection.get("/d/v1/state", &[]).await.unwrap();
    world.node.side.flush_seen().await;
    let scope = thimble_hub_store::Scope::authenticated(world.tenant);
    let row = <thimble_hub_store::DeviceId as thimble_hub_store::Id>::from_bytes(id(&device).0);
    let mut read = world.node.store.read().await.unwrap();
    assert!(read.last_seen(&scope, row).await.unwrap().is_some());
}

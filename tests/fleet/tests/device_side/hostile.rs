//! Whatever comes in: the node answers what it understands, ends what it does not, and goes on.

use std::time::Duration;

use thimble_testkit::random::{Random, seed};
use thimble_tests_fleet::client::{Connection, Device};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::World;

/// The node still serves.
async fn is_alive(world: &World, device: &Device) {
    let mut connection = world.connect(device).await;
    assert_eq!(
        connection.get("/d/v1/state", &[]).await.unwrap().status,
        304
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_wrong_are_told_how() {
    let world = World::new().await;
    let device = world.device("1").await;
    let gets = [
        ("/d/v1/state?wait=soon", None, 400, "malformed"),
        (
            "/d/v1/state",
            Some(("If-None-Match", "1.2")),
            400,
            "malformed",
        ),
        (
            "/d/v1/state",
            Some(("If-None-Match", "\"01.AAAAAAAAAAAA\"")),
            400,
            "malformed",
        ),
        ("/d/v1/stat", None, 404, "no-such-path"),
        ("/d/v2/state", None, 404, "no-such-path"),
        ("/", None, 404, "no-such-path"),
        ("/d/v1/report", None, 405, "no-such-method"),
        ("/d/v1/enrol", None, 405, "no-such-method"),
    ];
    for (target, header, status, kind) in gets {
        let mut connection = world.connect(&device).await;
        let answer = connection.get(target, header.as_slice()).await.unwrap();
        assert_eq!(
            (answer.status, answer.problem().as_deref()),
            (status, Some(kind)),
            "{target}"
        );
    }
    let posts: [(&str, &str, Vec<u8>, u16, &str); 6] = [
        (
            "/d/v1/report",
            "application/json",
            b"{}".to_vec(),
            415,
            "media-type",
        ),
        (
            "/d/v1/report",
            "application/cbor",
            b"\xff".to_vec(),
            400,
            "malformed",
        ),
        (
            "/d/v1/report",
            "application/cbor",
            vec![0; 300 << 10],
            413,
            "too-large",
        ),
        (
            "/d/v1/enrol",
            "text/plain",
            b"hello".to_vec(),
            415,
            "media-type",
        ),
        (
            "/d/v1/enrol",
            "application/cbor; x=y",
            b"".to_vec(),
            400,
            "malformed",
        ),
        (
            "/d/v1/enrol",
            "application/cbor",
            vec![0; 40 << 10],
            413,
            "too-large",
        ),
    ];
    for (target, media_type, body, status, kind) in posts {
        let mut connection = world.connect(&device).await;
        let answer = connection.post_as(target, media_type, &body).await.unwrap();
        assert_eq!(
            (answer.status, answer.problem().as_deref()),
            (status, Some(kind)),
            "{target} {media_type}"
        );
    }
    let mut connection = world.connect(&device).await;
    connection
        .send(b"DELETE /d/v1/state HTTP/1.1\r\nHost: hub\r\n\r\n")
        .await
        .unwrap();
    let answer = connection.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_a_length_has_a_limit_too() {
    let world = World::new().await;
    let device = world.device("1").await;
    let mut connection = world.connect(&device).await;
    let head = b"POST /d/v1/report HTTP/1.1\r\nHost: hub\r\nContent-Type: application/cbor\r\nTransfer-Encoding: chunked\r\n\r\n";
    connection.send(head).await.unwrap();
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend_from_slice(&vec![0; 0x10000]);
    chunk.extend_from_slice(b"\r\n");
    for _ in 0..5 {
        // The node may have ended it already.
        let _ = connection.send(&chunk).await;
    }
    let answer = connection.answer().await.unwrap();
    assert_eq!(
        (answer.status, answer.problem().as_deref()),
        (413, Some("too-large"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_slow_on_purpose_is_ended() {
    let short = Duration::from_millis(300);
    let world = World::with(|settings| {
        settings.handshake_timeout = short;
        settings.head_timeout = short;
        settings.body_timeout = short;
        settings.idle_timeout = short;
    })
    .await;
    let device = world.device("1").await;
    // Says nothing at all, or half a handshake.
    for begin in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut socket = TcpStream::connect(world.node.address).await.unwrap();
        socket.write_all(begin).await.unwrap();
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest).await;
    }
    // Says nothing after the handshake.
    let mut connection = world.connect(&device).await;
    assert!(connection.is_ended().await);
    // Half a head.
    let mut connection = world.connect(&device).await;
    connection
        .send(b"GET /d/v1/state HTTP/1.1\r\nHo")
        .await
        .unwrap();
    assert!(connection.is_ended().await);
    // A head that grows by a byte every now and then gets no more time for it.
    let mut connection = world.connect(&device).await;
    let drip = async {
        while connection.send(b"X").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    drip.await;
    // A body that does not come.
    let mut connection = world.connect(&device).await;
    let head = b"POST /d/v1/report HTTP/1.1\r\nHost: hub\r\nContent-Type: application/cbor\r\nContent-Length: 100\r\n\r\nab";
    connection.send(head).await.unwrap();
    let answer = connection.answer().await.unwrap();
    assert_eq!(
        (answer.status, answer.problem().as_deref()),
        (408, Some("too-slow"))
    );
    assert!(connection.is_ended().await);
    world.until(|node| node.side.connections() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_breaks_off_leaves_nothing_behind() {
    let world = World::new().await;
    let device = world.device("1").await;
    let whole = b"POST /d/v1/report HTTP/1.1\r\nHost: hub\r\nContent-Type: application/cbor\r\nContent-Length: 100\r\n\r\nab";
    for bytes in (0..whole.len()).step_by(7) {
        let mut connection = world.connect(&device).await;
        connection.send(&whole[..bytes]).await.unwrap();
    }
    // One that waits, and whose other end goes away.
    let mut connection = world.connect(&device).await;
    connection
        .send(b"GET /d/v1/state?wait=600 HTTP/1.1\r\nHost: hub\r\n\r\n")
        .await
        .unwrap();
    world.until(|node| node.side.versions().parked() == 1).await;
    drop(connection);
    world
        .until(|node| node.side.versions().parked() == 0 && node.side.connections() == 0)
        .await;
    is_alive(&world, &device).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_has_so_many_connections() {
    let world = World::with(|settings| settings.connections_per_address_max = 3).await;
    let device = world.device("1").await;
    world.until(|node| node.side.connections() == 0).await;
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut connection = world.connect(&device).await;
        assert_eq!(
            connection.get("/d/v1/state", &[]).await.unwrap().status,
            304
        );
        kept.push(connection);
    }
    assert!(world.try_connect(&device).await.is_err());
    kept.pop();
    world.until(|node| node.side.connections() == 2).await;
    is_alive(&world, &device).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_bytes_end_nothing_but_their_connection() {
    let world = World::with(|settings| settings.head_timeout = Duration::from_millis(200)).await;
    let device = world.device("1").await;
    let seed = seed(7);
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let openings: [&[u8]; 6] = [
        b"",
        b"GET /d/v1/state HTTP/1.1\r\n",
        b"POST /d/v1/report HTTP/1.1\r\nHost: hub\r\nContent-Type: application/cbor\r\nContent-Length: 64\r\n\r\n",
        b"POST /d/v1/enrol HTTP/1.1\r\nContent-Type: application/cbor\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /d/v1/blob/",
        b"GET /d/v1/state?wait=",
    ];
    for round in 0..200 {
        let count = random.index(300);
        let bytes = random.bytes(count);
        if round % 4 == 0 {
            // Below TLS.
            let mut socket = TcpStream::connect(world.node.address).await.unwrap();
            let _ = socket.write_all(&bytes).await;
            continue;
        }
        let mut connection = world.connect(&device).await;
        let opening = *random.pick(&openings);
        let _ = connection.send(opening).await;
        let _ = connection.send(&bytes).await;
        if round % 8 == 1 {
            // An answer, or an end; never neither.
            let _ = connection.answer().await;
        }
    }
    is_alive(&world, &device).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_herd_gets_in_a_few_at_a_time() {
    let world = World::with(|settings| {
        settings.handshakes_max = 2;
        settings.store_tasks_max = 1;
        settings.store_queue_max = 2;
    })
    .await;
    let connector = Device::new("herd").unwrap().tls(world.node.root()).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..40 {
        let (connector, address) = (connector.clone(), world.node.address);
        tasks.spawn(async move {
            let device = Device::new(&format!("herd-{number}")).unwrap();
            let body = device.enrol_request(Some(super::CODE)).encode();
            let mut connection = Connection::open(address, &connector, None).await.unwrap();
            connection.post("/d/v1/enrol", &body).await.unwrap()
        });
    }
    let (mut taken, mut sent_away) = (0, 0);
    while let Some(answer) = tasks.join_next().await {
        let answer = answer.unwrap();
        match answer.status {
            200 => taken += 1,
            503 => {
                assert_eq!(answer.problem().as_deref(), Some("busy"));
                let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!(seconds >= 1 && answer.header("next-poll").is_some());
                sent_away += 1;
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }
    // All got an answer: at least as many were taken as there are places.
    assert_eq!(taken + sent_away, 40);
    assert!(taken >= 3, "{taken}");
}

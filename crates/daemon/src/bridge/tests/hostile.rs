//! Brokers that are none: every answer they give is survived, and the bridge comes back.

use thimble_testkit::random;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Device, until};

/// What a broker says to a client that it accepts.
const CONNACK: &[u8] = &[0x20, 2, 0, 0];

fn publish(topic: &[u8], payload: &[u8]) -> Vec<u8> {
    let body = [&[0, u8::try_from(topic.len()).unwrap()], topic, payload].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()], &body[..]].concat()
}

/// Plays a broker that gives these answers, each to one connection, and then behaves.
async fn play(listener: TcpListener, answers: Vec<Vec<u8>>) {
    for answer in answers {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(&answer).await;
        // Closed at once, what was said could be lost.
        let _ = stream.shutdown().await;
        while stream.read(&mut request).await.is_ok_and(|read| read > 0) {}
    }
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let _ = stream.write_all(CONNACK).await;
            let _ = stream.write_all(&publish(b"in/ok", b"fine")).await;
            let mut request = [0; 1024];
            while stream.read(&mut request).await.is_ok_and(|read| read > 0) {}
        });
    }
}

#[tokio::test]
async fn whatever_a_broker_says_is_survived() {
    let mut random = random::Random::new(random::seed(4));
    let mut answers = vec![
        // Not MQTT, refusals of every kind, and a packet before its time.
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0x20, 2, 0, 9],
        vec![0xd0, 0],
        // Ends in the middle; claims 256 MiB; an acknowledgement that nobody asked for.
        vec![0x20],
    ];
    for packet in [
        &[0x30, 0xff, 0xff, 0xff, 0x7f][..],
        &[0x40, 2, 0xff, 0xff],
        &[0x40, 2, 0, 0],
        &[0x70, 2, 0, 1],
        &[0x32, 5, 0, 1, b'a', 0, 0],
        &[0x30, 4, 0, 9, b'a', b'b'],
        &[0x90, 2, 0, 1],
        &[0x10, 2, 0, 0],
    ] {
        answers.push([CONNACK, packet].concat());
    }
    for _ in 0..4 {
        answers.push([CONNACK, &random.bytes(64)].concat());
    }
    // Few for each bridge, and all bridges at once: the waits between attempts grow.
    let mut bridges = tokio::task::JoinSet::new();
    for few in answers.chunks(2) {
        bridges.spawn(survive(few.to_vec()));
    }
    bridges.join_all().await;
}

/// A bridge that hears these answers comes back after each.
async fn survive(answers: Vec<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let broker = tokio::spawn(play(listener, answers));
    let device = Device::new();
    device.subscribe("#");
    let rules = r#""out":[{"filter":"out/#"}],"in":[{"filter":"in/#"}]"#;
    let bridge = device.bridge(&url, rules);
    device.publish("out/1", b"", false);
    assert_eq!(device.next().await, "out/1=");
    assert_eq!(device.next().await, "in/ok=fine");
    assert_eq!(bridge.status().received, 1);
    broker.abort();
}

#[tokio::test]
async fn topics_that_are_none_or_that_nobody_asked_for_are_refused() {
    let topics: [&[u8]; 7] = [b"in/+", b"in/#", b"in/\0", b"other", b"", b"in", b"$in/a"];
    let mut said = CONNACK.to_vec();
    for topic in topics {
        said.extend(publish(topic, b"x"));
    }
    said.extend(publish(b"in/good", b"x"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    tokio::spawn(play(listener, vec![said]));
    let device = Device::new();
    device.subscribe("#");
    let bridge = device.bridge(&url, r#""in":[{"filter":"+","remote_prefix":"in/"}]"#);
    assert_eq!(device.next().await, "good=x");
    assert_eq!(device.next().await, "ok=fine");
    let status = until(&bridge, |status| status.received == 2).await;
    assert_eq!(status.refused, topics.len() as u64);
}

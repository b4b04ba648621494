//! What a bridge does with a real mosquitto.

use std::collections::BTreeSet;

use thimble_testkit::mosquitto::{Mosquitto, Options};
use thimble_testkit::random;

use super::{Device, Peer, until};
use crate::bridge::connect::WINDOW_MESSAGES;

fn url(broker: &Mosquitto) -> String {
    format!("mqtt://localhost:{}", broker.port())
}

#[tokio::test]
async fn messages_pass_both_ways_under_other_names() {
    let broker = Mosquitto::start();
    let device = Device::new();
    device.subscribe("#");
    let bridge = device.bridge(
        &url(&broker),
        r#""out":[{"filter":"+/temperature","local_prefix":"room/","remote_prefix":"site/7/"},
                  {"filter":"alarm/#","qos":0}],
           "in":[{"filter":"set/#","remote_prefix":"site/7/","local_prefix":"cloud/"},
                 {"filter":"time","qos":0}]"#,
    );
    let mut peer = Peer::connect("peer", broker.port(), &["site/#", "alarm/#"]).await;
    until(&bridge, |status| status.connected).await;

    let outward = [
        ("room/a/temperature", "20", Some("site/7/a/temperature=20")),
        ("room/a/b/temperature", "21", None),
        ("room/a/humidity", "22", None),
        ("other/a/temperature", "23", None),
        ("alarm", "24", Some("alarm=24")),
        ("alarm/fire/1", "", Some("alarm/fire/1=")),
    ];
    for (topic, payload, at_broker) in outward {
        device.publish(topic, payload.as_bytes(), false);
        assert_eq!(device.next().await, format!("{topic}={payload}"));
        if let Some(expected) = at_broker {
            assert_eq!(peer.next().await, expected);
        }
    }
    let inward = [
        ("site/7/set/lamp/1", "on", Some("cloud/set/lamp/1=on")),
        ("site/8/set/lamp/1", "on", None),
        ("time", "12:00", Some("time=12:00")),
        ("site/7/set", "all", Some("cloud/set=all")),
    ];
    for (topic, payload, on_device) in inward {
        peer.publish(topic, payload.as_bytes(), false).await;
        if let Some(expected) = on_device {
            assert_eq!(device.next().await, expected);
        }
    }
    let status = until(&bridge, |status| status.sent == 3).await;
    assert_eq!(
        (status.received, status.dropped, status.refused),
        (3, 0, 0),
        "{status:?}"
    );
}

#[tokio::test]
async fn what_is_retained_is_there_for_those_who_come_later() {
    let broker = Mosquitto::start();
    let device = Device::new();
    device.publish("state/early", b"1", true);
    device.publish("state/early", b"2", true);
    Peer::connect("before", broker.port(), &[])
        .await
        .publish("config/early", b"3", true)
        .await;
    let rules =
        r#""out":[{"filter":"state/#","retain":true}],"in":[{"filter":"config/#","retain":true}]"#;
    let bridge = device.bridge(&url(&broker), rules);
    until(&bridge, |status| status.sent == 1 && status.received == 1).await;
    device.publish("state/late", b"4", true);
    let peer = Peer::connect("during", broker.port(), &[]).await;
    peer.publish("config/late", b"5", false).await;
    until(&bridge, |status| status.sent == 2 && status.received == 2).await;

    let mut late = Peer::connect("after", broker.port(), &["state/#"]).await;
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let publish = late.next_publish().await;
        assert!(publish.retain);
        seen.insert(format!("{}={}", publish.topic, publish.payload[0] as char));
    }
    assert_eq!(Vec::from_iter(seen), ["state/early=2", "state/late=4"]);
    device.subscribe("#");
    let mut seen = BTreeSet::new();
    for _ in 0..4 {
        seen.insert(device.next().await);
    }
    let expected = [
        "config/early=3",
        "config/late=5",
        "state/early=2",
        "state/late=4",
    ];
    assert_eq!(Vec::from_iter(seen), expected);

    // Forgotten here is forgotten there.
    device.publish("state/late", b"", true);
    until(&bridge, |status| status.sent == 3).await;
    peer.publish("config/late", b"", true).await;
    until(&bridge, |status| status.received == 3).await;
    let mut last = Peer::connect("last", broker.port(), &["state/#"]).await;
    assert_eq!(last.next().await, "state/early=2");
    peer.publish("state/mark", b"6", false).await;
    assert_eq!(last.next().await, "state/mark=6");
}

#[tokio::test]
async fn nothing_returns_to_the_broker_it_came_from() {
    let broker = Mosquitto::start();
    let device = Device::new();
    device.subscribe("from/#");
    // Whatever is on the device goes out, what came in among it.
    let rules = r##""out":[{"filter":"#","remote_prefix":"out/"}],
                    "in":[{"filter":"#","remote_prefix":"in/","local_prefix":"from/","retain":true}]"##;
    let bridge = device.bridge(&url(&broker), rules);
    let mut peer = Peer::connect("peer", broker.port(), &["out/#"]).await;
    until(&bridge, |status| status.connected).await;
    let mut random = random::Random::new(random::seed(11));
    for round in 0..200 {
        // Its own and others' in its queue, in any order.
        let inward = random.below(4);
        for number in 0..inward {
            peer.publish(&format!("in/{round}/{number}"), b"in", false)
                .await;
        }
        device.publish(&format!("mark/{round}"), b"out", false);
        for number in 0..inward {
            assert_eq!(device.next().await, format!("from/{round}/{number}=in"));
        }
        assert_eq!(peer.next().await, format!("out/mark/{round}=out"));
    }
    // Nor when there is a new connection, though the device retains it.
    drop(bridge);
    let bridge = device.bridge(&url(&broker), rules);
    until(&bridge, |status| status.connected).await;
    device.publish("mark/last", b"out", false);
    assert_eq!(peer.next().await, "out/mark/last=out");
}

#[tokio::test]
async fn a_broker_may_restart_and_nothing_that_fits_the_queue_is_lost() {
    const COUNT: usize = 900;
    let mut broker = Mosquitto::start();
    let device = Device::new();
    device.subscribe("down/#");
    let rules = r#""out":[{"filter":"up/#"}],"in":[{"filter":"down/#"}]"#;
    let bridge = device.bridge(&url(&broker), rules);
    let mut peer = Peer::connect("peer", broker.port(), &["up/#"]).await;
    until(&bridge, |status| status.connected).await;
    for number in 0..COUNT {
        device.publish(&format!("up/{number}"), b"x", false);
        // In the middle of sending, and while nobody is there.
        if number == COUNT / 3 {
            until(&bridge, |status| status.sent > 20).await;
            broker.stop();
        }
    }
    until(&bridge, |status| !status.connected).await;
    broker.restart();
    let mut seen = BTreeSet::new();
    let mut last = None;
    while seen.len() < COUNT {
        let message = peer.next().await;
        let number: usize = message[3..message.len() - 2].parse().unwrap();
        if seen.insert(number) {
            // Again is fine, out of order is not.
            assert!(last < Some(number), "{number} after {last:?}");
            last = Some(number);
        }
    }
    let status = until(&bridge, |status| status.sent >= COUNT as u64).await;
    assert_eq!((status.dropped, status.refused), (0, 0), "{status:?}");
    peer.publish("down/again", b"y", false).await;
    assert_eq!(device.next().await, "down/again=y");
}

#[tokio::test]
async fn a_broker_keeps_for_a_device_that_is_away() {
    let broker = Mosquitto::start();
    let device = Device::new();
    device.subscribe("#");
    let rules = r#""in":[{"filter":"down/#"}]"#;
    let bridge = device.bridge(&url(&broker), rules);
    let peer = Peer::connect("peer", broker.port(), &[]).await;
    until(&bridge, |status| status.connected).await;
    peer.publish("down/1", b"", false).await;
    assert_eq!(device.next().await, "down/1=");
    bridge.close().await;
    peer.publish("down/2", b"", false).await;
    let _bridge = device.bridge(&url(&broker), rules);
    assert_eq!(device.next().await, "down/2=");
}

#[tokio::test]
async fn whoever_may_not_come_in_is_told_why() {
    let broker = Mosquitto::start_with(Options {
        login: Some(("ada", "right")),
        tls: false,
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "wrong\n").unwrap();
    let device = Device::new();
    let settings = format!(
        r#""username":"ada","password_file":"{}","out":[{{"filter":"a"}}]"#,
        file.display()
    );
    let bridge = device.bridge(&url(&broker), &settings);
    let status = until(&bridge, |status| status.last_error.is_some()).await;
    let expected =
        "the broker refuses the user or the password: check `username` and `password_file`";
    assert_eq!(status.last_error.as_deref(), Some(expected));
    assert!(!status.connected);
    // The file is read at each attempt, and as its first line without the end.
    std::fs::write(&file, "right\n").unwrap();
    let status = until(&bridge, |status| status.connected).await;
    assert_eq!(status.last_error, None);
    drop(bridge);
    std::fs::remove_file(&file).unwrap();
    let bridge = device.bridge(&url(&broker), &settings);
    let status = until(&bridge, |status| status.last_error.is_some()).await;
    let error = status.last_error.unwrap();
    assert!(
        error.starts_with("cannot read the password from /"),
        "{error}"
    );
}

#[tokio::test]
async fn tls_needs_an_authority_that_is_trusted() {
    let broker = Mosquitto::start_with(Options {
        login: None,
        tls: true,
    });
    let other = Mosquitto::start_with(Options {
        login: None,
        tls: true,
    });
    let device = Device::new();
    let url = format!("mqtts://localhost:{}", broker.port());
    let with = |ca: &std::path::Path| {
        let settings = format!(r#""ca":"{}","out":[{{"filter":"a"}}]"#, ca.display());
        device.bridge(&url, &settings)
    };
    let bridge = with(&broker.authority());
    until(&bridge, |status| status.connected).await;
    device.publish("a", b"", false);
    until(&bridge, |status| status.sent == 1).await;
    drop(bridge);

    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none.pem");
    std::fs::write(&none, "no certificate").unwrap();
    for (ca, expected) in [
        (
            other.authority(),
            "cannot reach the broker: invalid peer certificate",
        ),
        (none, "none.pem holds no certificate"),
        (folder.path().join("missing"), "cannot read /"),
    ] {
        let bridge = with(&ca);
        let status = until(&bridge, |status| status.last_error.is_some()).await;
        let error = status.last_error.unwrap();
        assert!(error.contains(expected), "{error}");
        bridge.close().await;
    }
}

#[tokio::test]
async fn a_slow_broker_costs_the_oldest_messages_and_no_more() {
    const QUEUE: u64 = 50;
    const COUNT: u64 = 2000;
    let broker = Mosquitto::start();
    let device = Device::new();
    let bridge = device.bridge(
        &url(&broker),
        r#""out":[{"filter":"a/#"}],"queue_messages":50"#,
    );
    let mut peer = Peer::connect("peer", broker.port(), &["a/#"]).await;
    until(&bridge, |status| status.connected).await;
    broker.freeze();
    let window = WINDOW_MESSAGES as u64;
    for number in 0..COUNT {
        device.publish(&format!("a/{number}"), &[0; 100], false);
        if number + 1 == window {
            // The window fills, then the queue.
            let taken = || device.bus.lock().waiting(super::BRIDGE) == 0;
            until(&bridge, |_| taken()).await;
        }
    }
    let status = bridge.status();
    assert_eq!(status.dropped, COUNT - QUEUE - window);
    assert_eq!(status.sent, 0);
    broker.thaw();
    let expected = (0..window).chain(COUNT - QUEUE..COUNT);
    for number in expected {
        assert!(peer.next().await.starts_with(&format!("a/{number}=")));
    }
    let status = until(&bridge, |status| status.sent == QUEUE + window).await;
    assert_eq!(status.dropped, COUNT - QUEUE - window);
}

#[tokio::test]
async fn the_status_topic_tells_whether_the_device_is_there() {
    let broker = Mosquitto::start();
    let device = Device::new();
    let mut peer = Peer::connect("peer", broker.port(), &["status"]).await;
    let settings = r#""status_topic":"status","out":[{"filter":"a"}]"#;
    let bridge = device.bridge(&url(&broker), settings);
    assert_eq!(peer.next().await, "status=online");
    bridge.close().await;
    assert_eq!(peer.next().await, "status=offline");
    let bridge = device.bridge(&url(&broker), settings);
    assert_eq!(peer.next().await, "status=online");
    drop(bridge);
    assert_eq!(peer.next().await, "status=offline");
    // It leaves the bus as well.
    device.publish("a", b"", false);
    let until_gone = async {
        while device.bus.lock().waiting(super::BRIDGE) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::DEADLINE, until_gone)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_topic_that_a_broker_would_hang_up_at_is_not_sent() {
    let broker = Mosquitto::start();
    let device = Device::new();
    let mut peer = Peer::connect("peer", broker.port(), &["a/#"]).await;
    let bridge = device.bridge(&url(&broker), r#""out":[{"filter":"a/#"}]"#);
    until(&bridge, |status| status.connected).await;
    for topic in ["a/\u{1}", "a/\u{7f}", "a/\u{ffff}", "a/\u{fdd0}"] {
        device.publish(topic, b"", false);
    }
    device.publish("a/large", &vec![0; 512 << 10], false);
    device.publish("a/ü", b"", false);
    assert_eq!(peer.next().await, "a/ü=");
    let status = until(&bridge, |status| status.sent == 1).await;
    assert_eq!((status.refused, status.connected), (5, true), "{status:?}");
}

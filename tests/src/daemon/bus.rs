//! The bus through the daemon: between containers, and from outside.

use thimble_device_api::{BusSpec, ContainerSpec, ProblemKind, Publish, QueuePolicy};

use super::device::{Device, problem};
use super::guests::wants;

/// Subscribes to `line/+/in`, and publishes on `line/1/out` what it receives.
const REPEATER: &str = r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (import "thimble" "bus_subscribe" (func $subscribe (param i32 i32) (result i32)))
  (import "thimble" "bus_publish" (func $publish (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "line/+/in")
  (data (i32.const 16) "line/1/out")
  (data (i32.const 32) "got it")
  (func (export "_start")
    (drop (call $subscribe (i32.const 0) (i32.const 9)))
    (loop $again
      (drop (call $wait (i64.const -1) (i32.const 1024) (i32.const 4096)))
      (drop (call $publish (i32.const 16) (i32.const 10) (i32.const 0) (i32.const 0)
        (i32.const 32) (i32.const 6) (i32.const 0)))
      (br $again))))"#;

/// Subscribes to everything and never reads.
const DEAF: &str = r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (import "thimble" "bus_subscribe" (func $subscribe (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "line/#")
  (func (export "_start")
    (drop (call $subscribe (i32.const 0) (i32.const 6)))
    ;; Sleeps for an hour, again and again: event 0 is a relative clock.
    (i64.store (i32.const 88) (i64.const 3600000000000))
    (loop $again
      (drop (call $poll (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 192)))
      (br $again))))"#;

fn say(topic: &str, payload: &str, retain: bool) -> Publish {
    Publish {
        topic: topic.to_owned(),
        payload: payload.to_owned(),
        content_type: String::new(),
        retain,
    }
}

#[test]
fn messages_go_in_and_out() {
    let device = Device::started();
    device.image(
        "repeater",
        REPEATER,
        wants(&["bus.sub:line/#", "bus.pub:line/#"]),
    );
    let listener = device.client();
    let mut heard = listener.subscribe("line/+/out").unwrap();
    let granted = ContainerSpec {
        allow_requested: true,
        ..Device::spec("repeater")
    };
    device.run("repeater", granted);
    let client = device.client();
    // Until it has subscribed nobody gets it.
    while client
        .publish(&say("line/7/in", "hello", false))
        .unwrap()
        .delivered
        == 0
    {
        std::thread::yield_now();
    }
    let message = heard.next().unwrap().unwrap();
    assert_eq!(
        (message.topic.as_str(), message.payload.as_str()),
        ("line/1/out", "got it")
    );
    assert_eq!(
        client
            .publish(&say("elsewhere", "hello", false))
            .unwrap()
            .delivered,
        0
    );
    device.until("repeater", |container| container.stats.bus_delivered >= 1);
}

#[test]
fn what_is_retained_is_told_to_whoever_comes_later() {
    let device = Device::started();
    let client = device.client();
    client.publish(&say("line/state", "warm", true)).unwrap();
    assert_eq!(client.bus().unwrap().retained_messages, 1);
    let message = client.subscribe("line/#").unwrap().next().unwrap().unwrap();
    assert_eq!(message.payload, "warm");
    client.publish(&say("line/state", "", true)).unwrap();
    assert_eq!(client.bus().unwrap().retained_messages, 0);
}

#[test]
fn one_that_never_reads_loses_its_own_messages_and_nobody_elses() {
    let device = Device::started();
    device.image("deaf", DEAF, wants(&["bus.sub:line/#"]));
    let with = |policy| ContainerSpec {
        allow_requested: true,
        bus: BusSpec {
            queue_messages: Some(10),
            queue_policy: Some(policy),
            ..BusSpec::default()
        },
        ..Device::spec("deaf")
    };
    device.run("drops", with(QueuePolicy::DropOldest));
    device.run("refuses", with(QueuePolicy::Refuse));
    let client = device.client();
    // Until both have subscribed; one may be full of these before the other gets any.
    let waiting = |name| client.container(name).unwrap().stats.bus_waiting;
    while waiting("drops") == 0 || waiting("refuses") == 0 {
        client.publish(&say("line/0", "probe", false)).unwrap();
    }
    let listener = device.client();
    let heard = listener.subscribe("line/1").unwrap();
    for number in 0..100 {
        client
            .publish(&say("line/1", &number.to_string(), false))
            .unwrap();
    }
    let heard: Vec<String> = heard
        .take(100)
        .map(|message| message.unwrap().payload)
        .collect();
    assert_eq!(
        heard,
        (0..100)
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
    );
    let drops = client.container("drops").unwrap().stats;
    assert!(
        drops.bus_dropped >= 90 && drops.bus_waiting == 10,
        "{drops:?}"
    );
    let refuses = client.container("refuses").unwrap().stats;
    assert!(
        refuses.bus_refused >= 90 && refuses.bus_waiting == 10,
        "{refuses:?}"
    );
}

#[test]
fn topics_are_granted_one_by_one() {
    let device = Device::started();
    device.image("repeater", REPEATER, wants(&[]));
    let spec = ContainerSpec {
        grants: vec!["bus.sub:other/#".into()],
        ..Device::spec("repeater")
    };
    device.run("curious", spec);
    let container = device.until("curious", |container| !container.refused.is_empty());
    assert_eq!(container.refused, ["bus.sub:line/+/in"]);
    let bad = device.client().publish(&say("", "x", false));
    assert_eq!(problem(bad).kind, ProblemKind::Invalid);
}

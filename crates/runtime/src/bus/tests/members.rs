//! Members: joining, limits that change, what they hear of their own, and what can be counted.

use super::*;

const BRIDGE: ContainerId = ContainerId::new(9);

fn limits(queue_messages: u32) -> Limits {
    Limits {
        queue_messages,
        ..Limits::default()
    }
}

#[test]
fn whoever_has_an_id_can_be_a_member() {
    let mut bus = Bus::default();
    assert!(!bus.has_member(BRIDGE));
    bus.join(BRIDGE, &limits(2), QueuePolicy::RefuseNewest);
    assert!(bus.has_member(BRIDGE));
    bus.subscribe(BRIDGE, &limits(2), filter("#")).unwrap();
    for (payload, refused) in [("1", 0), ("2", 0), ("3", 1)] {
        assert_eq!(publish(&mut bus, "t", payload).refused, refused);
    }
    assert_eq!(bus.queued(BRIDGE), (2, 2 * (64 + "ttext/plain1".len())));
    assert_eq!(payloads(&mut bus, BRIDGE), ["1", "2"]);
    assert_eq!(bus.queued(BRIDGE), (0, 0));
    bus.detach(BRIDGE);
    assert!(!bus.has_member(BRIDGE));
    assert_eq!(bus.queued(BRIDGE), (0, 0));
}

#[test]
fn limits_change_while_messages_wait() {
    for (policy, left) in [
        (QueuePolicy::DropOldest, &["4", "5"][..]),
        (QueuePolicy::RefuseNewest, &["1", "2", "3", "4", "5"][..]),
    ] {
        let mut bus = Bus::default();
        bus.join(A, &limits(5), policy);
        bus.subscribe(A, &limits(5), filter("t")).unwrap();
        for payload in ["1", "2", "3", "4", "5"] {
            publish(&mut bus, "t", payload);
        }
        bus.set_limits(A, &limits(2), policy);
        let refused = u32::from(policy == QueuePolicy::RefuseNewest);
        let mut left: Vec<_> = left.to_vec();
        if refused == 0 {
            left.remove(0);
            left.push("6");
        }
        assert_eq!(publish(&mut bus, "t", "6").refused, refused);
        assert_eq!(payloads(&mut bus, A), left);
        bus.set_limits(A, &limits(3), policy);
        for payload in ["7", "8", "9"] {
            assert_eq!(publish(&mut bus, "t", payload).refused, 0);
        }
        assert_eq!(payloads(&mut bus, A), ["7", "8", "9"]);
        bus.set_limits(B, &limits(3), policy);
        assert!(!bus.has_member(B), "nobody becomes a member by this");
    }
}

#[test]
fn a_bridge_need_not_hear_itself() {
    let mut bus = Bus::default();
    bus.subscribe(A, &Limits::default(), filter("#")).unwrap();
    bus.subscribe(B, &Limits::default(), filter("#")).unwrap();
    bus.set_hears_own(A, false);
    assert_eq!(publish(&mut bus, "t", "x").delivered, 1);
    assert_eq!(bus.waiting(A), 0);
    assert_eq!(payloads(&mut bus, B), ["x"]);
    bus.publish(B, draft("t", "y"), false, &mut Wakers::default())
        .unwrap();
    assert_eq!(payloads(&mut bus, A), ["y"]);
    bus.set_hears_own(A, true);
    publish(&mut bus, "t", "z");
    assert_eq!(payloads(&mut bus, A), ["z"]);
}

#[test]
fn what_is_retained_can_be_counted_and_listed() {
    let mut bus = Bus::default();
    for (publisher, topic, payload) in [
        (A, "a/1", "x"),
        (B, "a/2", "yy"),
        (A, "b", "z"),
        (A, "b", ""),
    ] {
        retain(&mut bus, publisher, topic, payload).unwrap();
    }
    assert_eq!(bus.retained_len(), 2);
    let bytes = "a/1text/plainx".len() + "a/2text/plainyy".len();
    assert_eq!(bus.retained_bytes(), u64::try_from(bytes).unwrap());
    let subscription = filter("a/+");
    let found: Vec<_> = bus
        .retained(&subscription)
        .map(|(owner, message)| (owner, message.topic_text().to_string()))
        .collect();
    assert_eq!(found, [(A, "a/1".to_string()), (B, "a/2".to_string())]);
    assert_eq!(bus.retained(&filter("b")).count(), 0);
}

#[test]
fn who_waits_elsewhere_hears_of_retained_messages() {
    let mut bus = Bus::default();
    retain(&mut bus, A, "t", "x").unwrap();
    bus.join(B, &Limits::default(), QueuePolicy::default());
    let bell = Arc::new(Bell::default());
    assert!(bus.take(B, &Waker::from(Arc::clone(&bell))).is_none());
    let mut wakers = Wakers::default();
    bus.subscribe_waking(B, &Limits::default(), filter("t"), &mut wakers)
        .unwrap();
    wakers.wake();
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    assert_eq!(payloads(&mut bus, B), ["x"]);
}

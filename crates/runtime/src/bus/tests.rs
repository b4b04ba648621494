//! The bus against a naive model, and its limits.

extern crate std;

mod members;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::Waker;
use std::eprintln;

use super::{
    Bus, BusError, Counters, Draft, Published, QueuePolicy, RetainedLimits, Subscription, Wakers,
};
use crate::config::ContainerId;
use crate::grant::TopicFilter;
use crate::limits::Limits;
use crate::time::Instant;

const A: ContainerId = ContainerId::new(1);
const B: ContainerId = ContainerId::new(2);

fn filter(text: &str) -> Subscription {
    Subscription::Filter(TopicFilter::parse(text).unwrap())
}

fn draft<'a>(topic: &'a str, payload: &'a str) -> Draft<'a> {
    Draft::new(
        topic,
        "text/plain",
        payload.as_bytes(),
        Instant::from_nanos(7),
    )
}

fn publish(bus: &mut Bus, topic: &str, payload: &str) -> Published {
    bus.publish(A, draft(topic, payload), false, &mut Wakers::default())
        .unwrap()
}

fn retain(
    bus: &mut Bus,
    publisher: ContainerId,
    topic: &str,
    payload: &str,
) -> Result<Published, BusError> {
    bus.publish(
        publisher,
        draft(topic, payload),
        true,
        &mut Wakers::default(),
    )
}

fn payloads(bus: &mut Bus, container: ContainerId) -> Vec<String> {
    core::iter::from_fn(|| bus.take(container, Waker::noop()))
        .map(|delivery| String::from_utf8(delivery.message.payload().to_vec()).unwrap())
        .collect()
}

#[derive(Default)]
struct Bell(AtomicU32);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_message_is_stored_once_and_delivered_once_to_each() {
    let mut bus = Bus::default();
    for container in [A, B] {
        bus.subscribe(container, &Limits::default(), filter("a/#"))
            .unwrap();
        bus.subscribe(container, &Limits::default(), filter("a/+"))
            .unwrap();
        bus.subscribe(
            container,
            &Limits::default(),
            Subscription::prefix("a", Vec::new()),
        )
        .unwrap();
    }
    assert_eq!(
        publish(&mut bus, "a/b", "x"),
        Published {
            delivered: 2,
            refused: 0
        }
    );
    let (one, two) = (
        bus.take(A, Waker::noop()).unwrap(),
        bus.take(B, Waker::noop()).unwrap(),
    );
    assert!(core::ptr::eq(one.message.joined(), two.message.joined()));
    assert_eq!(
        (
            one.subscription,
            one.message.topic(),
            one.message.content_type()
        ),
        (1, &b"a/b"[..], &b"text/plain"[..])
    );
    assert!(bus.take(A, Waker::noop()).is_none());
}

#[test]
fn whoever_waits_is_woken_once_and_after_the_bus() {
    let mut bus = Bus::default();
    let bell = Arc::new(Bell::default());
    bus.subscribe(B, &Limits::default(), filter("t")).unwrap();
    assert!(bus.take(B, &Waker::from(Arc::clone(&bell))).is_none());
    let mut wakers = Wakers::default();
    for _ in 0..3 {
        bus.publish(A, draft("t", "x"), false, &mut wakers).unwrap();
    }
    assert_eq!(
        bell.0.load(Ordering::Relaxed),
        0,
        "the bus itself wakes nobody"
    );
    wakers.wake();
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
}

#[test]
fn a_full_queue_follows_its_policy() {
    let limits = Limits {
        queue_messages: 2,
        ..Limits::default()
    };
    let mut bus = Bus::default();
    bus.subscribe(A, &limits, filter("t")).unwrap();
    bus.subscribe(B, &limits, filter("t")).unwrap();
    bus.set_policy(B, QueuePolicy::RefuseNewest);
    for (payload, refused) in [("1", 0), ("2", 0), ("3", 1)] {
        assert_eq!(publish(&mut bus, "t", payload).refused, refused);
    }
    assert_eq!(
        bus.counters(A),
        Counters {
            delivered: 3,
            dropped: 1,
            refused: 0
        }
    );
    assert_eq!(
        bus.counters(B),
        Counters {
            delivered: 2,
            dropped: 0,
            refused: 1
        }
    );
    assert_eq!(payloads(&mut bus, A), ["2", "3"]);
    assert_eq!(payloads(&mut bus, B), ["1", "2"]);
}

#[test]
fn queues_are_bounded_in_bytes_too() {
    let limits = Limits {
        queue_bytes: 400,
        ..Limits::default()
    };
    let mut bus = Bus::default();
    bus.subscribe(A, &limits, filter("t")).unwrap();
    let hundred = "x".repeat(100);
    for _ in 0..5 {
        publish(&mut bus, "t", &hundred);
    }
    assert_eq!(bus.waiting(A), 2);
    assert_eq!(
        publish(&mut bus, "t", &"x".repeat(400)),
        Published {
            delivered: 0,
            refused: 1
        }
    );
    assert_eq!(bus.waiting(A), 2, "what can never fit drops nothing");
}

#[test]
fn subscriptions_are_bounded_in_number_and_depth() {
    let limits = Limits {
        subscriptions: 1,
        ..Limits::default()
    };
    let mut bus = Bus::default();
    let deep = vec!["+"; 33].join("/");
    assert_eq!(
        bus.subscribe(A, &limits, filter(&deep)),
        Err(BusError::Levels { limit: 32 })
    );
    assert_eq!(bus.subscribe(A, &limits, filter("a")), Ok(1));
    assert_eq!(
        bus.subscribe(A, &limits, filter("a")),
        Err(BusError::Subscriptions { limit: 1 })
    );
    assert!(bus.unsubscribe(A, 1));
    assert!(!bus.unsubscribe(A, 1));
    assert_eq!(
        bus.subscribe(A, &limits, filter("a")),
        Ok(2),
        "numbers are not used twice"
    );
}

#[test]
fn retained_messages_are_bounded_for_all_and_for_each() {
    let limits = RetainedLimits {
        messages: 3,
        bytes: 100,
        messages_each: 2,
        bytes_each: 60,
    };
    let mut bus = Bus::new(limits);
    assert!(retain(&mut bus, A, "1", "x").is_ok());
    assert!(retain(&mut bus, A, "2", "x").is_ok());
    assert_eq!(retain(&mut bus, A, "3", "x"), Err(BusError::Retained));
    assert!(
        retain(&mut bus, A, "2", "y").is_ok(),
        "its own place can be used again"
    );
    assert_eq!(
        retain(&mut bus, A, "2", &"y".repeat(40)),
        Err(BusError::Retained)
    );
    assert!(retain(&mut bus, B, "3", "x").is_ok());
    assert_eq!(retain(&mut bus, B, "4", "x"), Err(BusError::Retained));
    assert!(retain(&mut bus, A, "1", "").is_ok());
    assert!(retain(&mut bus, B, "4", "z").is_ok());
    bus.detach(A);
    bus.subscribe(B, &Limits::default(), filter("#")).unwrap();
    assert_eq!(payloads(&mut bus, B), ["y", "x", "z"]);
}

/// What a container has in the model: subscriptions by number, and the queue.
#[derive(Default)]
struct Naive {
    subscriptions: Vec<(u32, Subscription)>,
    numbers: u32,
    queue: Vec<(u32, String, String)>,
}

fn random(seed: &mut u64, below: usize) -> usize {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap() % below
}

/// A topic or filter of up to three levels out of a small alphabet, so that there are many matches.
fn levels(seed: &mut u64, alphabet: &[&str], rest: bool) -> String {
    let count = 1 + random(seed, 3);
    let mut levels: Vec<&str> = (0..count)
        .map(|_| alphabet[random(seed, alphabet.len())])
        .collect();
    if rest && random(seed, 3) == 0 {
        levels.push("#");
    }
    levels.join("/")
}

#[test]
fn the_bus_behaves_like_the_model() {
    const CONTAINERS: usize = 4;
    let mut seed: u64 = std::env::var("SEED").map_or(0x0B05, |seed| seed.parse().unwrap());
    eprintln!("SEED={seed}");
    let limits = Limits {
        queue_messages: 5,
        subscriptions: 6,
        ..Limits::default()
    };
    let mut bus = Bus::default();
    let mut model: Vec<Naive> = (0..CONTAINERS).map(|_| Naive::default()).collect();
    for step in 0..20_000 {
        let index = random(&mut seed, CONTAINERS);
        let container = ContainerId::new(u64::try_from(index).unwrap());
        match random(&mut seed, 12) {
            0 | 1 => {
                let subscription = if random(&mut seed, 2) == 0 {
                    let text = levels(&mut seed, &["a", "b", "$s", "+", ""], true);
                    if text.is_empty() {
                        continue;
                    }
                    filter(&text)
                } else {
                    let text = levels(&mut seed, &["a", "b", "ab", "$s"], false);
                    Subscription::prefix(&text[..1 + random(&mut seed, text.len())], Vec::new())
                };
                let result = bus.subscribe(container, &limits, subscription.clone());
                let own = &mut model[index];
                if own.subscriptions.len() < 6 {
                    own.numbers += 1;
                    own.subscriptions.push((own.numbers, subscription));
                    assert_eq!(result, Ok(own.numbers));
                } else {
                    assert!(result.is_err());
                }
            }
            2 => {
                let own = &mut model[index];
                let number = 1 + u32::try_from(random(&mut seed, 8)).unwrap();
                let known = own.subscriptions.iter().any(|(own, _)| *own == number);
                own.subscriptions.retain(|(own, _)| *own != number);
                own.queue.retain(|(of, ..)| *of != number);
                assert_eq!(bus.unsubscribe(container, number), known);
            }
            3 if random(&mut seed, 20) == 0 => {
                bus.detach(container);
                model[index] = Naive::default();
            }
            4..8 => {
                let topic = levels(&mut seed, &["a", "b", "ab", "$s", ""], false);
                if topic.is_empty() {
                    continue;
                }
                let payload = step.to_string();
                let mut delivered = 0;
                for own in &mut model {
                    let matching = own
                        .subscriptions
                        .iter()
                        .filter(|(_, subscription)| subscription.matches(&topic));
                    if let Some(number) = matching.map(|(number, _)| *number).min() {
                        delivered += 1;
                        own.queue.push((number, topic.clone(), payload.clone()));
                        let excess = own.queue.len().saturating_sub(5);
                        own.queue.drain(..excess);
                    }
                }
                assert_eq!(
                    publish(&mut bus, &topic, &payload),
                    Published {
                        delivered,
                        refused: 0
                    },
                    "{topic}"
                );
            }
            _ => {
                let taken = bus.take(container, Waker::noop()).map(|delivery| {
                    let payload = String::from_utf8(delivery.message.payload().to_vec()).unwrap();
                    (
                        delivery.subscription,
                        delivery.message.topic_text().to_string(),
                        payload,
                    )
                });
                let queue = &mut model[index].queue;
                let expected = if queue.is_empty() {
                    None
                } else {
                    Some(queue.remove(0))
                };
                assert_eq!(taken, expected, "step {step}");
            }
        }
    }
    for index in 0..CONTAINERS {
        bus.detach(ContainerId::new(u64::try_from(index).unwrap()));
    }
    let empty = format!("{:?}", Bus::default().index);
    assert_eq!(format!("{:?}", bus.index), empty, "nothing is left behind");
}

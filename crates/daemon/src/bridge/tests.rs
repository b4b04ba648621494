//! Bridges against a real broker, and against one that misbehaves.

mod broker;
mod hostile;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, Publish, QoS};
use thimble_runtime::bus::{Bus, Draft, Message, Subscription, Wakers};
use thimble_runtime::grant::TopicFilter;
use thimble_runtime::{ContainerId, Instant, Limits};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::{Arrived, Bridge, BridgeSettings, BridgeStatus, BusPort};

/// When a test gives up.
const DEADLINE: Duration = Duration::from_secs(60);
const BRIDGE: ContainerId = ContainerId::new(1);
const GUEST: ContainerId = ContainerId::new(2);

/// A device with a bus, and a container on it.
struct Device {
    bus: Arc<Mutex<Bus>>,
    arrived: Arrived,
}

impl Device {
    fn new() -> Self {
        Self {
            bus: Arc::default(),
            arrived: Arrived::default(),
        }
    }

    fn port(&self) -> BusPort {
        let bus = Arc::clone(&self.bus);
        BusPort {
            id: BRIDGE,
            with_bus: Arc::new(move |use_bus| use_bus(&mut bus.lock())),
            now: || Instant::from_nanos(1),
        }
    }

    fn bridge(&self, url: &str, toml: &str) -> Bridge {
        Bridge::spawn(described(url, toml), self.port())
    }

    fn subscribe(&self, filter: &str) {
        let limits = Limits {
            queue_messages: 100_000,
            queue_bytes: 64 << 20,
            ..Limits::default()
        };
        let filter = Subscription::Filter(TopicFilter::parse(filter).unwrap());
        self.bus.lock().subscribe(GUEST, &limits, filter).unwrap();
    }

    fn publish(&self, topic: &str, payload: &[u8], retain: bool) {
        let mut wakers = Wakers::default();
        let draft = Draft::new(topic, "", payload, Instant::from_nanos(2));
        let mut bus = self.bus.lock();
        bus.publish(GUEST, draft, retain, &mut wakers).unwrap();
        drop(bus);
        wakers.wake();
    }

    /// The next message of the container, as `topic=payload`.
    async fn next(&self) -> String {
        let wait = async {
            loop {
                let waker = self.arrived.waker();
                let taken = self.bus.lock().take(GUEST, &waker);
                if let Some(delivery) = taken {
                    return shown(&delivery.message);
                }
                self.arrived.wait().await;
            }
        };
        timeout(DEADLINE, wait).await.expect("no message came")
    }
}

fn shown(message: &Message) -> String {
    let payload = String::from_utf8_lossy(message.payload());
    format!("{}={payload}", message.topic_text())
}

/// A bridge named `test`; `json` are further settings.
fn described(url: &str, json: &str) -> BridgeSettings {
    let comma = if json.is_empty() { "" } else { "," };
    let text = format!(r#"{{"name":"test","client_id":"device","url":"{url}"{comma}{json}}}"#);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Waits until a bridge is as it should be.
async fn until(bridge: &Bridge, wanted: impl Fn(&BridgeStatus) -> bool) -> BridgeStatus {
    let wait = async {
        while !wanted(&bridge.status()) {
            sleep(Duration::from_millis(2)).await;
        }
    };
    let in_time = timeout(DEADLINE, wait).await;
    let status = bridge.status();
    assert!(in_time.is_ok(), "it stays so: {status:?}");
    status
}

/// Another client of the broker.
struct Peer {
    client: AsyncClient,
    received: mpsc::UnboundedReceiver<Publish>,
}

impl Peer {
    /// Connects, and returns when the broker has accepted the subscriptions. It connects again as often as needed.
    async fn connect(name: &str, port: u16, filters: &[&str]) -> Self {
        let mut options = MqttOptions::new(name, "localhost", port);
        options
            .set_clean_session(false)
            .set_inflight(1000)
            .set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut events) = AsyncClient::new(options, 10_000);
        let (sender, received) = mpsc::unbounded_channel();
        let (ready, mut is_ready) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Incoming::SubAck(_))) => drop(ready.send(())),
                    Ok(Event::Incoming(Incoming::Publish(publish))) => {
                        if sender.send(publish).is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => sleep(Duration::from_millis(20)).await,
                }
            }
        });
        for filter in filters {
            client.subscribe(*filter, QoS::AtLeastOnce).await.unwrap();
            timeout(DEADLINE, is_ready.recv()).await.unwrap();
        }
        Self { client, received }
    }

    async fn publish(&self, topic: &str, payload: &[u8], retain: bool) {
        let qos = QoS::AtLeastOnce;
        self.client
            .publish(topic, qos, retain, payload)
            .await
            .unwrap();
    }

    async fn next_publish(&mut self) -> Publish {
        let next = timeout(DEADLINE, self.received.recv()).await;
        next.expect("no message came").unwrap()
    }

    /// The next message, as `topic=payload`.
    async fn next(&mut self) -> String {
        let publish = self.next_publish().await;
        let payload = String::from_utf8_lossy(&publish.payload);
        format!("{}={payload}", publish.topic)
    }
}

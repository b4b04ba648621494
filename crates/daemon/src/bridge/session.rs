//! A bridge's task: connects, sends, receives, and begins again when the connection ends.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, Incoming, MqttOptions, NetworkOptions, QoS,
    SubscribeFilter, SubscribeReasonCode,
};
use tokio::time::{Instant, sleep, sleep_until};

use super::connect::{self, BridgeError, CONNECT_SECONDS_MAX, OFFLINE, WINDOW_MESSAGES};
use super::local::Member;
use super::settings::BridgeSettings;
use super::window::{Sending, Window};
use super::{BridgeStatus, Shared};

/// The longest first wait for the next attempt; it doubles with each.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// The longest wait, and how long a connection must last so that the next wait is short again.
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// How long the end may take.
const END_MAX: Duration = Duration::from_secs(2);
/// Requests to the library: a window, the status, the subscriptions, the end.
const REQUESTS_MAX: usize = WINDOW_MESSAGES + 8;

struct Session {
    settings: Arc<BridgeSettings>,
    member: Member,
    shared: Arc<Shared>,
    window: Window,
    /// Whether messages may wait on the bus.
    waiting: bool,
    /// When the broker has to have closed the connection, once the bridge ends.
    ending: Option<Instant>,
}

/// Runs a bridge until it is told to stop.
pub(super) async fn run(settings: BridgeSettings, member: Member, shared: Arc<Shared>) {
    let mut session = Session {
        settings: Arc::new(settings),
        member,
        shared: Arc::clone(&shared),
        window: Window::default(),
        waiting: true,
        ending: None,
    };
    let mut attempt = 0;
    let mut clean = false;
    loop {
        let begun = Instant::now();
        let error = session.connect(clean).await;
        if session.ending.is_some() || matches!(error, BridgeError::Ending) {
            return;
        }
        clean = error.is_too_long();
        session.disconnected(&error);
        if begun.elapsed() >= BACKOFF_MAX {
            attempt = 0;
        }
        tokio::select! {
            () = shared.stop.notified() => return,
            () = sleep(backoff(attempt)) => {}
        }
        attempt = attempt.saturating_add(1);
    }
}

/// A random time up to one that doubles with each attempt, so that devices do not all come at once.
fn backoff(attempt: u32) -> Duration {
    let longest = BACKOFF_MIN
        .saturating_mul(1u32.checked_shl(attempt).unwrap_or(u32::MAX))
        .min(BACKOFF_MAX);
    let millis = u64::try_from(longest.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    // The standard library's hasher begins at a random state.
    Duration::from_millis(RandomState::new().hash_one(attempt) % millis)
}

impl Session {
    /// Makes one connection and uses it as long as it lasts. Why it ended.
    async fn connect(&mut self, clean: bool) -> BridgeError {
        let settings = Arc::clone(&self.settings);
        let options = tokio::task::spawn_blocking(move || connect::options(&settings, clean));
        let options = match options.await {
            Ok(Ok(options)) => options,
            Ok(Err(error)) => return error,
            // The runtime ends.
            Err(_) => return BridgeError::Ending,
        };
        let (client, mut events) = open(options);
        let connected = tokio::select! {
            () = self.shared.stop.notified() => return BridgeError::Ending,
            event = events.poll() => event,
        };
        if let Err(error) = connected {
            return error.into();
        }
        self.connected(&client);
        loop {
            match self.next(&client, &mut events).await {
                Ok(event) => self.handle(&event),
                Err(error) => {
                    // What came just before the end has come.
                    while let Some(event) = events.state.events.pop_front() {
                        self.handle(&event);
                    }
                    return error.into();
                }
            }
        }
    }

    /// Waits for what happens on the connection, and meanwhile sends what arrives on the bus.
    async fn next(
        &mut self,
        client: &AsyncClient,
        events: &mut EventLoop,
    ) -> Result<Event, ConnectionError> {
        // It is never dropped before it is done: a packet that is half written would be lost.
        let mut poll = pin!(events.poll());
        loop {
            self.fill(client);
            let end = self.ending.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                event = &mut poll => return event,
                () = self.shared.stop.notified(), if self.ending.is_none() => self.end(client),
                () = self.shared.arrived.wait() => self.waiting = true,
                () = sleep_until(end), if self.ending.is_some() => {
                    return Err(ConnectionError::RequestsDone);
                }
            }
        }
    }

    fn connected(&mut self, client: &AsyncClient) {
        let lost = self.window.reset();
        self.member.count(|status| &mut status.dropped, lost);
        self.member.rejoin();
        if let Some(topic) = &self.settings.status_topic {
            self.window.announce(topic);
        }
        let filters = self.settings.r#in.iter().map(|rule| {
            let qos = if rule.qos == 0 {
                QoS::AtMostOnce
            } else {
                QoS::AtLeastOnce
            };
            SubscribeFilter::new(rule.remote_filter(), qos)
        });
        if !self.settings.r#in.is_empty() {
            // The queue of requests is empty and has room for all of these.
            let _ = client.try_subscribe_many(filters);
        }
        self.window.all().for_each(|sending| send(client, &sending));
        self.waiting = true;
        let mut status = self.shared.status.lock();
        status.connected = true;
        status.since = SystemTime::now();
        status.last_error = None;
        drop(status);
        tracing::info!(bridge = self.settings.name, "connected to the broker");
    }

    fn disconnected(&self, error: &BridgeError) {
        let text = error.to_string();
        let mut status = self.shared.status.lock();
        if status.connected {
            status.connected = false;
            status.since = SystemTime::now();
        }
        // Said once, not at each attempt.
        let known = status.last_error.as_ref() == Some(&text);
        if !known {
            tracing::warn!(bridge = self.settings.name, "no connection: {text}");
        }
        status.last_error = Some(text);
    }

    /// Sends from the bus what the window has room for.
    fn fill(&mut self, client: &AsyncClient) {
        if !self.waiting || self.ending.is_some() {
            return;
        }
        let (messages, bytes) = self.window.room();
        if messages == 0 || bytes == 0 {
            return;
        }
        let mut taken = Vec::new();
        self.waiting = !self.member.take(messages, bytes, &mut taken);
        for outgoing in taken {
            send(client, &self.window.add(outgoing));
        }
    }

    fn handle(&mut self, event: &Event) {
        match event {
            Event::Incoming(Incoming::Publish(publish)) => self.member.receive(publish),
            Event::Incoming(Incoming::PubAck(ack)) => {
                let done = self.window.acknowledged(ack.pkid);
                self.member.count(sent, done);
            }
            Event::Incoming(Incoming::SubAck(ack))
                if ack.return_codes.contains(&SubscribeReasonCode::Failure) =>
            {
                let error = BridgeError::Subscription.to_string();
                tracing::warn!(bridge = self.settings.name, "{error}");
                self.shared.status.lock().last_error = Some(error);
            }
            Event::Outgoing(rumqttc::Outgoing::Publish(packet)) => {
                let done = self.window.sent(*packet);
                self.member.count(sent, done);
            }
            _ => {}
        }
    }

    /// Says good-bye; the broker closes the connection then.
    fn end(&mut self, client: &AsyncClient) {
        self.ending = Some(Instant::now() + END_MAX);
        if let Some(topic) = &self.settings.status_topic {
            let offline = Sending {
                topic,
                payload: OFFLINE,
                acknowledged: true,
                retain: true,
            };
            send(client, &offline);
        }
        // Without room for it the connection just ends, and the broker publishes the will.
        let _ = client.try_disconnect();
    }
}

const fn sent(status: &mut BridgeStatus) -> &mut u64 {
    &mut status.sent
}

fn open(options: MqttOptions) -> (AsyncClient, EventLoop) {
    let (client, mut events) = AsyncClient::new(options, REQUESTS_MAX);
    let mut network = NetworkOptions::new();
    network.set_connection_timeout(CONNECT_SECONDS_MAX);
    network.set_tcp_nodelay(true);
    events.set_network_options(network);
    (client, events)
}

fn send(client: &AsyncClient, sending: &Sending<'_>) {
    let qos = if sending.acknowledged {
        QoS::AtLeastOnce
    } else {
        QoS::AtMostOnce
    };
    // The window is smaller than the queue of requests; what is not acknowledged is sent again in any case.
    let _ = client.try_publish(sending.topic, qos, sending.retain, sending.payload);
}

//! Joins the device's bus with an MQTT broker (3.1.1), as the operator's rules say; off without them.
//!
//! # Invariants
//!
//! What came from the broker is never sent back to it: the bridge knows its own messages in its queue. What
//! waits for the broker is bounded in number and bytes, the oldest give way, counted. Nothing is polled: the
//! bus wakes the bridge, the network does, or the timer of the next sign of life.

mod connect;
mod local;
mod route;
mod session;
mod settings;
#[cfg(test)]
mod tests;
pub(crate) mod trust;
mod window;

use std::fmt;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::SystemTime;

use parking_lot::Mutex;
use thimble_runtime::ContainerId;
use thimble_runtime::bus::Bus;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use local::Member;

pub use connect::PACKET_BYTES_MAX;
pub use settings::{
    BridgeSettings, BridgeSettingsError, KEEP_ALIVE_SECONDS_MAX, NAME_BYTES_MAX, QUEUE_BYTES_MAX,
    QUEUE_MESSAGES_MAX, RULES_MAX, Rule,
};

/// Uses the bus under its lock.
pub type WithBus = Arc<dyn Fn(&mut dyn FnMut(&mut Bus)) + Send + Sync>;

/// The device's bus, as a bridge sees it.
#[derive(Clone)]
pub struct BusPort {
    /// What the bridge is on the bus; nobody else may be it.
    pub id: ContainerId,
    /// Uses the bus; never from inside itself.
    pub with_bus: WithBus,
    /// The time that messages from the broker carry.
    pub now: fn() -> thimble_runtime::Instant,
}

impl fmt::Debug for BusPort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BusPort")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// How a bridge is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeStatus {
    /// Whether it is connected to its broker.
    pub connected: bool,
    /// Since when it is, or is not.
    pub since: SystemTime,
    /// Why the last connection ended, could not be made, or does less than it should.
    pub last_error: Option<String>,
    /// Messages that the broker has: acknowledged, or sent where nothing acknowledges.
    pub sent: u64,
    /// Messages from the broker that were put on the bus.
    pub received: u64,
    /// Messages for the broker that gave way to newer ones, or that it would not take.
    pub dropped: u64,
    /// Messages that cannot pass: no rule, no topic, too large, or no room to retain them.
    pub refused: u64,
}

impl Default for BridgeStatus {
    fn default() -> Self {
        Self {
            connected: false,
            since: SystemTime::now(),
            last_error: None,
            sent: 0,
            received: 0,
            dropped: 0,
            refused: 0,
        }
    }
}

/// A bridge that runs until it is dropped.
#[derive(Debug)]
pub struct Bridge {
    name: String,
    port: BusPort,
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

/// What a bridge and its task share. The status is locked inside the bus, never around it.
#[derive(Debug, Default)]
struct Shared {
    status: Mutex<BridgeStatus>,
    /// A message waits on the bus.
    arrived: Arrived,
    /// The bridge shall end.
    stop: Notify,
}

/// Wakes the task when a message arrives for it.
#[derive(Debug, Default)]
struct Arrived(Arc<Arrival>);

#[derive(Debug, Default)]
struct Arrival(Notify);

impl Wake for Arrival {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.notify_one();
    }
}

impl Arrived {
    fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.0))
    }

    async fn wait(&self) {
        self.0.0.notified().await;
    }
}

impl Bridge {
    /// Starts a bridge. It queues what goes out from now on, and connects as soon as it can.
    ///
    /// Settings that do not pass their check start nothing; the status says why.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn spawn(settings: BridgeSettings, port: BusPort) -> Self {
        let shared = Arc::new(Shared::default());
        let name = settings.name.clone();
        let task = match Member::join(&settings, port.clone(), Arc::clone(&shared)) {
            Ok(member) => {
                let shared = Arc::clone(&shared);
                Some(tokio::spawn(session::run(settings, member, shared)))
            }
            Err(error) => {
                shared.status.lock().last_error = Some(error.to_string());
                None
            }
        };
        Self {
            name,
            port,
            shared,
            task,
        }
    }

    /// What the operator calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is now.
    #[must_use]
    pub fn status(&self) -> BridgeStatus {
        let mut status = None;
        (self.port.with_bus)(&mut |bus| {
            let queue = bus.counters(self.port.id);
            let mut now = self.shared.status.lock().clone();
            now.dropped = now
                .dropped
                .saturating_add(queue.dropped)
                .saturating_add(queue.refused);
            status = Some(now);
        });
        status.unwrap_or_default()
    }

    /// Ends it, and returns when the broker was told, or 2 seconds later.
    pub async fn close(mut self) {
        self.shared.stop.notify_one();
        if let Some(task) = self.task.take() {
            // A task that panicked has ended too.
            let _ = task.await;
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.shared.stop.notify_one();
    }
}

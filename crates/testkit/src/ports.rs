//! Ports for tests: a clock that moves when told to, seeded randomness, a bus, a store and an observer.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use thimble_abi::Errno;
use thimble_runtime::bus::{Bus, BusAccess};
use thimble_runtime::port::{
    Clock, KeyValue, Lookup, Network, NoBoard, Observer, Ports, Protocol, Random, Socket,
    StoreReply, StoreRequest,
};
use thimble_runtime::record::Trace;
use thimble_runtime::{ContainerId, Instant};

/// A device for tests, apart from files and streams.
#[derive(Default)]
pub struct TestPorts {
    /// The clock.
    pub clock: TestClock,
    /// Randomness.
    pub random: SeededRandom,
    /// The bus.
    pub bus: SharedBus,
    /// The store.
    pub store: TestStore,
    /// What was traced.
    pub observer: Traces,
}

impl TestPorts {
    /// The ports, with no network and no board.
    #[must_use]
    pub fn ports(&self) -> Ports<'_> {
        Ports {
            clock: &self.clock,
            random: &self.random,
            network: &NoNetwork,
            board: &NoBoard,
            store: &self.store,
            bus: &self.bus,
            observer: &self.observer,
        }
    }
}

/// A clock that stands still until it is moved.
pub struct TestClock(AtomicU64);

/// Nanoseconds since 1970 when a test's monotonic clock is at its zero.
const EPOCH_NANOS: u64 = 1_700_000_000_000_000_000;

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicU64::new(1_000_000_000))
    }
}

impl TestClock {
    /// Moves the clock on to a time, unless it is past it.
    pub fn advance_to(&self, instant: Instant) {
        self.0.fetch_max(instant.nanos(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.load(Ordering::SeqCst))
    }

    fn realtime_nanos(&self) -> u64 {
        EPOCH_NANOS + self.0.load(Ordering::SeqCst)
    }

    fn resolution_nanos(&self) -> u64 {
        1
    }
}

/// The same numbers in every run (`SplitMix64`).
#[derive(Default)]
pub struct SeededRandom(AtomicU64);

impl Random for SeededRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Errno> {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        for chunk in buffer.chunks_mut(8) {
            let mut number = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
            number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            for (to, from) in chunk
                .iter_mut()
                .zip((number ^ (number >> 31)).to_le_bytes())
            {
                *to = from;
            }
        }
        Ok(())
    }
}

/// A bus behind a lock.
#[derive(Default)]
pub struct SharedBus(Mutex<Bus>);

impl BusAccess for SharedBus {
    fn with_bus(&self, use_bus: &mut dyn FnMut(&mut Bus)) {
        use_bus(&mut self.0.lock().unwrap());
    }
}

/// A store in memory.
#[derive(Default)]
pub struct TestStore(Mutex<BTreeMap<Place, Vec<u8>>>);

/// A container's name and a key.
type Place = (String, Vec<u8>);

impl KeyValue for TestStore {
    fn poll(
        &self,
        _: &mut Context<'_>,
        container: &str,
        request: StoreRequest<'_>,
    ) -> Poll<Result<StoreReply, Errno>> {
        let mut values = self.0.lock().unwrap();
        let place = |key: &[u8]| (container.to_owned(), key.to_vec());
        Poll::Ready(match request {
            StoreRequest::Get { key } => values
                .get(&place(key))
                .cloned()
                .map(StoreReply::Value)
                .ok_or(Errno::NoEntry),
            StoreRequest::Set {
                key,
                value,
                limit_bytes,
            } => {
                let others = values
                    .iter()
                    .filter(|((of, other), _)| of == container && other != key);
                let bytes: usize = others
                    .map(|((_, key), value)| key.len() + value.len())
                    .sum();
                if u64::try_from(bytes + key.len() + value.len()).unwrap() > limit_bytes {
                    Err(Errno::NoSpace)
                } else {
                    values.insert(place(key), value.to_vec());
                    Ok(StoreReply::Done)
                }
            }
            StoreRequest::Delete { key } => values
                .remove(&place(key))
                .map(|_| StoreReply::Done)
                .ok_or(Errno::NoEntry),
        })
    }
}

/// Keeps what is traced, as text.
#[derive(Default)]
pub struct Traces(Mutex<Vec<String>>);

impl Traces {
    /// What was traced so far, one line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Traces {
    fn trace(&self, container: ContainerId, trace: Trace<'_>) {
        self.0
            .lock()
            .unwrap()
            .push(format!("{container} {trace:?}"));
    }
}

/// A device without a network.
pub struct NoNetwork;

impl Network for NoNetwork {
    fn socket(&self, _: Protocol, _: bool) -> Result<Box<dyn Socket>, Errno> {
        Err(Errno::NetworkDown)
    }

    fn lookup(&self, _: &str) -> Result<Box<dyn Lookup>, Errno> {
        Err(Errno::NetworkDown)
    }
}

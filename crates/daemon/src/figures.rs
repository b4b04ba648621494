//! The figures of the device, as telemetry and the bus's status tell them.

use std::fs;
use std::time::Duration;

use thimble_device_api::{BusStatus, bus::BridgeStatus};
use thimble_port_linux::clock::SystemClock;
use thimble_runtime::port::Clock;

use crate::container::Entry;
use crate::device::Device;
use crate::telemetry::{ContainerFigures, DeviceFigures, Figures};

impl Figures for Device {
    fn figures(&self) -> DeviceFigures {
        let (messages, bytes) = self.retained();
        DeviceFigures {
            containers: self
                .entries()
                .iter()
                .map(|entry| self.figures_of(entry))
                .collect(),
            uptime_seconds: SystemClock.now().since(self.facts.started).as_secs_f64(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            bus_retained_messages: messages,
            bus_retained_bytes: bytes,
            bridges: self
                .bridges
                .lock()
                .iter()
                .map(|bridge| (bridge.name().to_owned(), bridge.status()))
                .collect(),
            process_resident_bytes: resident_bytes(),
            process_cpu_seconds: cpu_time().as_secs_f64(),
            open_fds: open_descriptors(),
        }
    }
}

impl Device {
    fn figures_of(&self, entry: &Entry) -> ContainerFigures {
        let stats = self.stats(entry);
        let inner = entry.inner();
        ContainerFigures {
            name: entry.name.clone(),
            app: entry.app.clone(),
            image: entry.image.reference.clone(),
            state: inner.phase.state().name(),
            health: inner.health_seen.name(),
            restarts: u64::from(inner.total_restarts),
            cpu_seconds: Duration::from_nanos(stats.cpu_ns).as_secs_f64(),
            memory_bytes: stats.memory_bytes,
            memory_bytes_max: stats.memory_bytes_max,
            memory_limit_bytes: stats.memory_bytes_limit,
            slices: stats.slices,
            storage_bytes: stats.storage_bytes,
            bus_delivered: stats.bus_delivered,
            bus_dropped: stats.bus_dropped,
            bus_refused: stats.bus_refused,
            bus_waiting: stats.bus_waiting,
            log_bytes: stats.log_bytes,
            log_dropped: stats.log_lines_lost,
            last_exit_code: inner.ends.first().map(|end| end.exit_code),
        }
    }

    /// Messages that are kept for later subscribers, and their bytes.
    fn retained(&self) -> (u64, u64) {
        let mut found = (0, 0);
        self.machine.with_bus(&mut |bus| {
            found = (u64::from(bus.retained_len()), bus.retained_bytes());
        });
        found
    }

    /// The bus and its bridges.
    pub(crate) fn bus_status(&self) -> BusStatus {
        let (retained_messages, retained_bytes) = self.retained();
        let bridges = self.bridges.lock();
        BusStatus {
            retained_messages,
            retained_bytes,
            bridges: bridges
                .iter()
                .map(|bridge| {
                    let status = bridge.status();
                    BridgeStatus {
                        name: bridge.name().to_owned(),
                        connected: status.connected,
                        last_error: status.last_error,
                        sent: status.sent,
                        received: status.received,
                        dropped: status.dropped,
                    }
                })
                .collect(),
        }
    }
}

fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or(0);
    pages.saturating_mul(u64::try_from(rustix::param::page_size()).unwrap_or(4096))
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

fn open_descriptors() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(0, |entries| u64::try_from(entries.count()).unwrap_or(0))
}

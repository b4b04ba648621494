//! Tells how the device and its containers are.

use alloc::vec::Vec;

use thimble_runtime::Instant;
use thimble_runtime::kernel::Usage;
use thimble_runtime::lifecycle::HealthState;
use thimble_serial::{
    ContainerStatus, Declaration, DeviceStatus, HealthStatus, Reply, RunEnd, Space, StorageStatus,
};

use crate::container::{Entry, Phase};
use crate::denied::{Denied, Outcome};
use crate::run_end;
use crate::supervisor::Supervisor;

/// The version of the messages.
const PROTOCOL: u32 = 1;

/// What a reply with a log takes beside its entries, about.
const LOG_REPLY_BYTES: u32 = 40;

/// The most bytes of entries in a reply, so that there are not more of them than a list may have.
const LOG_BYTES_MAX: u32 = 3000;

impl Supervisor {
    /// The container behind this name.
    pub(crate) fn container_after(&self, after: &str, now: Instant) -> Outcome<Reply> {
        match self.entries.after(after) {
            None => Ok(Reply::NoMore),
            Some(entry) => self.status(entry, now),
        }
    }

    /// One container.
    pub(crate) fn inspect(&self, name: &str, now: Instant) -> Outcome<Reply> {
        let entry = self.entries.get(name);
        self.status(entry.ok_or_else(|| Denied::no_container(name))?, now)
    }

    #[inline(never)]
    fn status(&self, entry: &Entry, now: Instant) -> Outcome<Reply> {
        let device = &self.device;
        // One whose declaration was damaged meanwhile runs on, and does not hide the others.
        let declaration = device.saved(entry.name()).map_or_else(
            |_| Declaration {
                name: entry.name().into(),
                ..Declaration::default()
            },
            |saved| saved.declaration,
        );
        let run = entry.run.as_ref();
        let usage = run.and_then(|run| device.machine.usage(run.id));
        let end = device.last_end(entry).ok().flatten();
        let end = end.map(|end| end.end);
        let usage = usage.unwrap_or_else(|| Usage {
            memory_bytes_max: end.as_ref().map_or(0, |end| end.memory_bytes_max.into()),
            ..Usage::default()
        });
        let health = entry.journal.look(|heard| heard.health.state());
        Ok(Reply::Container(ContainerStatus {
            declaration,
            digest: alloc::format!("{}", thimble_image::Digest::from_bytes(entry.digest)),
            state: entry.state(),
            health: health_status(health.unwrap_or_default()),
            health_message: entry.health_message(),
            restarts: entry.total_restarts,
            restart_in_ms: match entry.phase {
                Phase::Restarting { at } => Some(millis(at.since(now))),
                _ => None,
            },
            up_ms: run.map_or(0, |run| millis(now.since(run.began))),
            cpu_us: u64::try_from(usage.cpu.as_micros()).unwrap_or(u64::MAX),
            memory_bytes: u32::try_from(usage.memory_bytes).unwrap_or(u32::MAX),
            memory_bytes_max: u32::try_from(usage.memory_bytes_max).unwrap_or(u32::MAX),
            stack_bytes: run.map_or(0, |run| run.stack_bytes),
            slices: usage.slices,
            end,
        }))
    }

    /// What a container wrote.
    #[inline(never)]
    pub(crate) fn log(&self, name: &str, from: u64) -> Outcome<Reply> {
        let entry = self
            .entries
            .get(name)
            .ok_or_else(|| Denied::no_container(name))?;
        let bytes_max = self.device.settings.message_bytes_max;
        let bytes_max = bytes_max.saturating_sub(LOG_REPLY_BYTES).min(LOG_BYTES_MAX);
        let bytes_max = usize::try_from(bytes_max).unwrap_or(0);
        let part = entry
            .journal
            .look(|heard| heard.ring.read(from, bytes_max))
            .ok_or_else(|| Denied::conflict("the log is being written"))?;
        Ok(Reply::Log {
            entries: part.entries,
            next: part.next,
            lost_bytes: part.lost_bytes,
            is_over: part.is_end && entry.is_at_rest(),
        })
    }

    /// How a container's runs ended.
    #[inline(never)]
    pub(crate) fn ends(&self, name: &str) -> Outcome<Reply> {
        let entry = self
            .entries
            .get(name)
            .ok_or_else(|| Denied::no_container(name))?;
        let kept = run_end::all(&self.device.records, name)?;
        let unsaved = entry.unsaved.as_ref().map(|end| end.end.clone());
        let ends: Vec<RunEnd> = unsaved
            .into_iter()
            .chain(kept.into_iter().map(|end| end.end))
            .take(run_end::ENDS_MAX.into())
            .collect();
        Ok(Reply::Records(ends))
    }

    /// The device.
    #[inline(never)]
    pub(crate) fn device_status(&self, _: Instant) -> Reply {
        let device = &self.device;
        let facts = &device.facts;
        Reply::Device(DeviceStatus {
            board: facts.board().into(),
            version: facts.version().into(),
            protocol: PROTOCOL,
            message_bytes_max: device.settings.message_bytes_max,
            uptime_ms: device.shared.uptime_ms(),
            unix_ms: device.unix_ms(),
            started_by: facts.started_by().into(),
            recovered: device.recovered.clone(),
            heap: facts.heap(),
            heap_peak_bytes: facts.heap_peak_bytes(),
            stack_peak_bytes: facts.stack_peak_bytes(),
            idle_wakeups: facts.idle_wakeups(),
            idle_ms: facts.idle_ms(),
            has_fault: facts.fault().is_some(),
        })
    }

    /// Storage.
    #[inline(never)]
    pub(crate) fn storage_status(&mut self) -> Reply {
        let images = self.device.store.room();
        let log = self.device.records.take().map(|records| records.room());
        let log = log.unwrap_or_default();
        Reply::Storage(StorageStatus {
            images: Space {
                used_bytes: images.used_bytes,
                total_bytes: images.total_bytes,
            },
            images_largest_free_bytes: images.largest_free_bytes,
            log: Space {
                used_bytes: log.used_bytes,
                total_bytes: log.total_bytes,
            },
            log_records: log.records,
            log_records_max: log.records_max,
            erasures_max: log.erasures_max,
            erasures_min: log.erasures_min,
        })
    }

    /// The last fault of the firmware.
    #[inline(never)]
    pub(crate) fn fault(&self) -> Reply {
        self.device
            .facts
            .fault()
            .map_or(Reply::NoMore, Reply::Fault)
    }
}

pub(crate) fn millis(time: core::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const fn health_status(state: HealthState) -> HealthStatus {
    match state {
        HealthState::None => HealthStatus::Unknown,
        HealthState::Starting => HealthStatus::Starting,
        HealthState::Healthy => HealthStatus::Healthy,
        HealthState::Degraded => HealthStatus::Degraded,
        HealthState::Unhealthy(_) => HealthStatus::Failing,
    }
}

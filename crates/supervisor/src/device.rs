//! The parts of the device that containers share, and how a run begins.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use thimble_port_mcu::images::ImageStore;
use thimble_port_mcu::machine::Machine;
use thimble_runtime::Instant;
use thimble_runtime::host::{Mount, Resources};
use thimble_runtime::kernel::Beginning;
use thimble_runtime::lifecycle::HealthMonitor;
use thimble_runtime::record::ExitRecord;
use thimble_serial::{LogStream, RefusalKind};

use crate::batch::Batch;
use crate::catalog::{Catalog, ImageDigest, Install};
use crate::container::{Entry, Phase, Run};
use crate::denied::{Denied, Outcome};
use crate::journal::{Output, Shared, nothing};
use crate::keys;
use crate::parts::{DeviceFacts, Settings, SharedRecords, Volumes};
use crate::programs::{Opened, Programs};
use crate::records;
use crate::saved::{Desired, Saved};
use crate::settle::{self, Settled};

/// Memory that the start of a container takes beside the guest's own, about; in one piece is more than it asks for.
const START_BYTES: usize = 2048;

/// Everything but the containers.
pub(crate) struct Device {
    pub(crate) settings: Settings,
    pub(crate) machine: Machine,
    pub(crate) records: SharedRecords,
    pub(crate) store: Box<dyn ImageStore>,
    pub(crate) programs: &'static dyn Programs,
    pub(crate) volumes: Box<dyn Volumes>,
    pub(crate) facts: Box<dyn DeviceFacts>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) catalog: Catalog,
    pub(crate) install: Option<Install>,
    pub(crate) recovered: String,
    pub(crate) random: u32,
    pub(crate) is_rebooting: bool,
}

impl Device {
    /// Refuses if there is no piece of memory of this size: what is about to happen takes it bit by bit.
    ///
    /// # Errors
    /// There is none.
    #[inline(never)]
    pub(crate) fn require_memory(&self, bytes: usize) -> Outcome<()> {
        if Vec::<u8>::new().try_reserve_exact(bytes).is_ok() {
            return Ok(());
        }
        let heap = self.facts.heap();
        let free_bytes = heap.total_bytes.saturating_sub(heap.used_bytes);
        Err(Denied::new(
            RefusalKind::NoRoom,
            format_args!(
                "{bytes} bytes of memory in one piece are needed and {free_bytes} are free in all; stop or remove containers"
            ),
        ))
    }

    /// The next number of a row that differs from device to device.
    pub(crate) fn random(&mut self) -> u32 {
        // xorshift (Marsaglia 2003); it only keeps containers from coming back together.
        let mut x = self.random;
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.random = x;
        x
    }

    pub(crate) fn unix_ms(&self) -> u64 {
        self.machine.clock().realtime_nanos() / 1_000_000
    }

    /// What is kept of a container.
    ///
    /// # Errors
    /// It cannot be read.
    #[inline(never)]
    pub(crate) fn saved(&self, name: &str) -> Outcome<Saved> {
        let value = records::get(&self.records, &keys::container(name))?;
        let value = value.ok_or_else(|| Denied::no_container(name))?;
        Saved::decode(name, &value).map_err(|damaged| {
            Denied::new(
                RefusalKind::Device,
                format_args!("container {name}: {damaged}; create it again"),
            )
        })
    }

    /// Adds what is to become of a container to a batch, if that is not what is kept.
    ///
    /// # Errors
    /// What is kept cannot be read.
    #[inline(never)]
    pub(crate) fn put_desired(
        &self,
        entry: &Entry,
        desired: Desired,
        batch: &mut Batch,
    ) -> Outcome<()> {
        match &mut self.saved(entry.name()) {
            Ok(saved) => {
                if (saved.desired, saved.host_failures) != (desired, entry.host_failures) {
                    saved.desired = desired;
                    saved.host_failures = entry.host_failures;
                    batch.put(keys::container(entry.name()), saved.encode());
                }
                Ok(())
            }
            Err(why) => Err(why.clone()),
        }
    }

    /// What a container gets, with its image open.
    ///
    /// # Errors
    /// Its image is not there or damaged, or what was declared makes no sense.
    #[inline(never)]
    pub(crate) fn settle(
        &mut self,
        saved: &Saved,
        pinned: &[ImageDigest],
    ) -> Outcome<(Arc<Opened>, Box<Settled>)> {
        let image = self.open_image(&saved.digest, pinned)?;
        let settled = settle::settle(&self.settings, &saved.declaration, &image.program.config)?;
        Ok((image.opened, settled))
    }

    /// Begins a run of a container as it is kept.
    ///
    /// # Errors
    /// It cannot be started; it stays as it was.
    #[inline(never)]
    pub(crate) fn launch_saved(
        &mut self,
        entry: &mut Entry,
        beginning: Beginning,
        pinned: &[ImageDigest],
        now: Instant,
    ) -> Outcome<()> {
        // Where it is given, not moved: it is large.
        match &self.saved(entry.name()) {
            Ok(saved) => self.launch(entry, saved, beginning, pinned, now),
            Err(why) => Err(why.clone()),
        }
    }

    /// Begins a run. Nothing of the guest runs before the next step.
    ///
    /// # Errors
    /// It cannot be started; it stays as it was.
    pub(crate) fn launch(
        &mut self,
        entry: &mut Entry,
        saved: &Saved,
        beginning: Beginning,
        pinned: &[ImageDigest],
        now: Instant,
    ) -> Outcome<()> {
        let launched = self.settle(saved, pinned).and_then(|(opened, settled)| {
            self.instantiate(entry, &opened, settled, beginning, now)
        });
        if launched.is_err() && !pinned.contains(&saved.digest) {
            self.catalog.close(&saved.digest);
        }
        launched
    }

    #[inline(never)]
    fn instantiate(
        &mut self,
        entry: &mut Entry,
        opened: &Opened,
        settled: Box<Settled>,
        beginning: Beginning,
        now: Instant,
    ) -> Outcome<()> {
        self.require_memory(START_BYTES)?;
        let resources = self.resources(entry, &settled)?;
        let id = self.machine.create(Arc::clone(&settled.config))?;
        self.shared.set_now(now);
        entry.journal.look(|heard| {
            heard.ring.set_capacity(settled.log_bytes);
            heard.health_message.clear();
            heard.ended = None;
            heard.health = HealthMonitor::new(settled.health);
            heard.health.started(now);
            if beginning == Beginning::Paused {
                heard.health.paused(now);
            }
        });
        // Before it runs, so that whatever happens to it is heard.
        self.shared.begin(id, &entry.journal);
        self.facts.began(id, entry.name());
        let started =
            self.machine
                .start(id, &*opened.module, &opened.interface, resources, beginning);
        if let Err(error) = started {
            self.shared.forget(id);
            let _ = self.machine.remove(id);
            entry.journal.look(|heard| heard.health.ended());
            return Err(self.start_failure(error));
        }
        entry.restarts.started(now);
        entry.phase = match beginning {
            Beginning::Running => Phase::Running,
            Beginning::Paused => Phase::Paused,
        };
        entry.run = Some(Run {
            id,
            began: now,
            stack_bytes: settled.stack_bytes,
            unhealthy: None,
            starts_anew: false,
        });
        Ok(())
    }

    #[inline(never)]
    fn start_failure(&self, error: thimble_port_mcu::machine::StartError) -> Denied {
        let mut denied = Denied::from(error);
        if denied.kind == RefusalKind::NoRoom {
            let heap = self.facts.heap();
            let free_bytes = heap.total_bytes.saturating_sub(heap.used_bytes);
            denied.message =
                alloc::format!("{}; {free_bytes} bytes of memory are free", denied.message);
        }
        denied
    }

    #[inline(never)]
    fn resources(&mut self, entry: &Entry, settled: &Settled) -> Outcome<Resources> {
        let quota = settled.config.limits.storage_bytes;
        let mut mounts = Vec::new();
        for path in &settled.volumes {
            let directory = self
                .volumes
                .open(entry.name(), path, quota)
                .map_err(|errno| Denied::storage(&alloc::format!("mounting {path}"), errno))?;
            mounts.push(Mount {
                path: path.clone(),
                directory,
                read_only: false,
            });
        }
        Ok(Resources {
            stdin: nothing(),
            stdout: Output::boxed(&entry.journal, LogStream::Output),
            stderr: Output::boxed(&entry.journal, LogStream::Error),
            mounts,
            listeners: Vec::new(),
        })
    }

    /// Ends a run at once, without anybody hearing of it but who asks.
    #[inline(never)]
    pub(crate) fn end_run(&mut self, entry: &mut Entry) -> Option<Box<ExitRecord>> {
        let run = entry.run.take()?;
        // One that has ended by itself is told of when it is removed.
        let _ = self.machine.kill(run.id);
        let _ = self.machine.remove(run.id);
        self.shared.forget(run.id);
        entry.journal.look(|heard| {
            heard.health.ended();
            heard.ended.take()
        })?
    }

    /// Ends a run at once, and nobody hears of it.
    pub(crate) fn discard_run(&mut self, entry: &mut Entry) {
        drop(self.end_run(entry));
    }
}

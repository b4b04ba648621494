//! Changes containers while they run.

use std::sync::Arc;

use thimble_device_api::{BusSpec, ContainerSpec, EventKind, LimitsSpec, LogSpec, Problem, Update};
use thimble_runtime::ContainerUpdate;

use crate::container::Entry;
use crate::device::Device;
use crate::settle;

impl Device {
    /// Changes limits, restart policy, queue and log of a container, at once and for later runs.
    pub(crate) fn update(&self, entry: &Arc<Entry>, update: &Update) -> Result<(), Problem> {
        let _operation = entry.operate();
        self.require_there(entry)?;
        let before = Arc::clone(&entry.inner().spec);
        let after = Arc::new(merged(&before, update));
        settle::check(&after, &self.binds)?;
        let policy = settle::restart_policy(after.restart.as_deref())?;
        let logs = settle::log_settings(&after.logs)?;
        entry.inner().spec = Arc::clone(&after);
        self.save_or(entry, |inner| inner.spec = before)?;
        let runtime = {
            let mut inner = entry.inner();
            inner.restarts.set_policy(policy);
            inner.run.as_ref().map(|run| run.runtime)
        };
        entry.log.set_settings(logs);
        if let Some(runtime) = runtime
            && let Some(config) = self.machine.config(runtime)
        {
            let limits = settle::limits(&update.limits, &update.bus, config.limits.clone())?;
            let memory_bytes = limits.memory_bytes;
            let cpu_share = match update.limits.cpu_share_thousandths {
                Some(share) => settle::cpu_share(Some(share))?,
                None => config.cpu_share,
            };
            let queue_policy = update
                .bus
                .queue_policy
                .map_or(config.queue_policy, |policy| {
                    settle::queue_policy(Some(policy))
                });
            if let Some(run) = &mut entry.inner().run {
                run.memory_bytes_limit = memory_bytes;
                for quota in &run.quotas {
                    quota.set_max(limits.storage_bytes, limits.storage_files);
                }
            }
            let change = ContainerUpdate {
                cpu_share: Some(cpu_share),
                limits: Some(limits),
                queue_policy: Some(queue_policy),
                ..ContainerUpdate::default()
            };
            // One that ends this very moment has it in its next run.
            let _ = self.machine.update(runtime, change);
        }
        self.tell(EventKind::Update, entry, []);
        self.changed(entry);
        Ok(())
    }
}

/// A declaration with what is said anew.
pub(crate) fn merged(spec: &ContainerSpec, update: &Update) -> ContainerSpec {
    let (limits, new_limits) = (&spec.limits, &update.limits);
    let (bus, new_bus) = (&spec.bus, &update.bus);
    ContainerSpec {
        limits: LimitsSpec {
            memory_bytes: new_limits.memory_bytes.or(limits.memory_bytes),
            cpu_share_thousandths: new_limits
                .cpu_share_thousandths
                .or(limits.cpu_share_thousandths),
            storage_bytes: new_limits.storage_bytes.or(limits.storage_bytes),
            key_value_bytes: new_limits.key_value_bytes.or(limits.key_value_bytes),
            descriptors: new_limits.descriptors.or(limits.descriptors),
            sockets: new_limits.sockets.or(limits.sockets),
            timers: new_limits.timers.or(limits.timers),
            subscriptions: new_limits.subscriptions.or(limits.subscriptions),
        },
        bus: BusSpec {
            queue_messages: new_bus.queue_messages.or(bus.queue_messages),
            queue_bytes: new_bus.queue_bytes.or(bus.queue_bytes),
            message_bytes: new_bus.message_bytes.or(bus.message_bytes),
            queue_policy: new_bus.queue_policy.or(bus.queue_policy),
        },
        logs: LogSpec {
            file_bytes_max: update.logs.file_bytes_max.or(spec.logs.file_bytes_max),
            files_max: update.logs.files_max.or(spec.logs.files_max),
        },
        restart: update.restart.clone().or_else(|| spec.restart.clone()),
        ..spec.clone()
    }
}

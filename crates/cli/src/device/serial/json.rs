//! What a device says, as JSON.

use serde_json::{Value, json};
use thimble_device_api::Timestamp;
use thimble_serial::{
    ContainerStatus, DeviceStatus, FaultReport, ImageStatus, LogEntry, LogStream, RunEnd,
    StorageStatus,
};

use super::text::{health, policy, state};

pub(super) fn device(device: &DeviceStatus) -> Value {
    json!({
        "board": device.board,
        "version": device.version,
        "protocol": device.protocol,
        "message_bytes_max": device.message_bytes_max,
        "uptime_ms": device.uptime_ms,
        "time": moment(device.unix_ms),
        "started_by": device.started_by,
        "recovered": device.recovered,
        "heap_used_bytes": device.heap.used_bytes,
        "heap_bytes": device.heap.total_bytes,
        "heap_peak_bytes": device.heap_peak_bytes,
        "stack_peak_bytes": device.stack_peak_bytes,
        "idle_wakeups": device.idle_wakeups,
        "idle_ms": device.idle_ms,
        "has_fault": device.has_fault,
    })
}

pub(super) fn container(container: &ContainerStatus) -> Value {
    let declaration = &container.declaration;
    json!({
        "name": declaration.name,
        "image": declaration.image,
        "digest": container.digest,
        "state": state(container.state),
        "health": health(container.health),
        "health_message": container.health_message,
        "restarts": container.restarts,
        "restart_in_ms": container.restart_in_ms,
        "up_ms": container.up_ms,
        "cpu_us": container.cpu_us,
        "memory_bytes": container.memory_bytes,
        "memory_bytes_max": container.memory_bytes_max,
        "stack_bytes": container.stack_bytes,
        "slices": container.slices,
        "end": container.end.as_ref().map(end),
        "args": declaration.args,
        "env": declaration.env,
        "grants": declaration.grants,
        "restart": policy(declaration.restart),
        "entry": declaration.entry,
        "timeout_ms": declaration.timeout_ms,
    })
}

pub(super) fn end(end: &RunEnd) -> Value {
    json!({
        "reason": end.reason,
        "exit_code": end.exit_code,
        "started_at": moment(end.started_unix_ms),
        "ended_at": moment(end.ended_unix_ms),
        "cpu_us": end.cpu_us,
        "memory_bytes_max": end.memory_bytes_max,
        "memory_refused": end.memory_refused,
        "last_output": end.last_output,
    })
}

pub(super) fn image(image: &ImageStatus) -> Value {
    json!({
        "digest": image.digest,
        "references": image.references,
        "module_bytes": image.module_bytes,
        "table_bytes": image.table_bytes,
        "stored_bytes": image.stored_bytes,
        "used_by": image.used_by,
    })
}

pub(super) fn storage(storage: &StorageStatus) -> Value {
    json!({
        "images_used_bytes": storage.images.used_bytes,
        "images_bytes": storage.images.total_bytes,
        "images_largest_free_bytes": storage.images_largest_free_bytes,
        "log_used_bytes": storage.log.used_bytes,
        "log_bytes": storage.log.total_bytes,
        "log_records": storage.log_records,
        "log_records_max": storage.log_records_max,
        "erasures_min": storage.erasures_min,
        "erasures_max": storage.erasures_max,
    })
}

pub(super) fn fault(fault: &FaultReport) -> Value {
    json!({
        "kind": fault.kind,
        "message": fault.message,
        "pc": fault.pc,
        "lr": fault.lr,
        "sp": fault.sp,
        "cause": fault.cause,
        "address": fault.address,
        "uptime_ms": fault.uptime_ms,
        "container": fault.container,
        "count": fault.count,
    })
}

pub(super) fn entry(entry: &LogEntry) -> Value {
    json!({
        "at_ms": entry.at_ms,
        "source": match entry.stream {
            LogStream::Output => "stdout",
            LogStream::Error => "stderr",
            LogStream::Guest => "log",
            _ => "device",
        },
        "text": String::from_utf8_lossy(&entry.bytes),
    })
}

/// A moment, nothing if nobody told the device the time.
pub(super) fn moment(unix_ms: u64) -> Option<Timestamp> {
    let milliseconds = i64::try_from(unix_ms).ok().filter(|time| *time > 0)?;
    Timestamp::from_millisecond(milliseconds).ok()
}

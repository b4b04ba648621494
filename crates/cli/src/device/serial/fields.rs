//! The fields that results have, for templates.

/// Whatever was done to something that has a name.
pub(super) const NAMED: &[&str] = &["name"];

/// A device.
pub(super) const DEVICE: &[&str] = &[
    "board",
    "version",
    "protocol",
    "message_bytes_max",
    "uptime_ms",
    "time",
    "started_by",
    "recovered",
    "heap_used_bytes",
    "heap_bytes",
    "heap_peak_bytes",
    "stack_peak_bytes",
    "idle_wakeups",
    "idle_ms",
    "has_fault",
];

/// A container.
pub(super) const CONTAINER: &[&str] = &[
    "name",
    "image",
    "digest",
    "state",
    "health",
    "health_message",
    "restarts",
    "restart_in_ms",
    "up_ms",
    "cpu_us",
    "memory_bytes",
    "memory_bytes_max",
    "stack_bytes",
    "slices",
    "end",
    "args",
    "env",
    "grants",
    "restart",
    "entry",
    "timeout_ms",
];

/// The answer to a container that was made.
pub(super) const CREATED: &[&str] = &["name", "refused"];

/// The end of a run.
pub(super) const ENDED: &[&str] = &[
    "name",
    "reason",
    "exit_code",
    "started_at",
    "ended_at",
    "cpu_us",
    "memory_bytes_max",
    "memory_refused",
    "last_output",
];

/// An image.
pub(super) const IMAGE: &[&str] = &[
    "digest",
    "references",
    "module_bytes",
    "table_bytes",
    "stored_bytes",
    "used_by",
];

/// An image that was installed.
pub(super) const INSTALLED: &[&str] = &["digest", "reference"];

/// Storage.
pub(super) const STORAGE: &[&str] = &[
    "images_used_bytes",
    "images_bytes",
    "images_largest_free_bytes",
    "log_used_bytes",
    "log_bytes",
    "log_records",
    "log_records_max",
    "erasures_min",
    "erasures_max",
];

/// A fault.
pub(super) const FAULT: &[&str] = &[
    "kind",
    "message",
    "pc",
    "lr",
    "sp",
    "cause",
    "address",
    "uptime_ms",
    "container",
    "count",
];

/// The time.
pub(super) const TIME: &[&str] = &["time", "uptime_ms"];

/// A piece of a log.
pub(super) const ENTRY: &[&str] = &["at_ms", "source", "text"];

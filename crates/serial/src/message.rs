//! Requests and replies. The console's words and the frames of a tool become the same requests, and both are answered by
//! the same replies.

use alloc::string::String;
use alloc::vec::Vec;

/// What an operator asks of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
pub enum Request {
    /// Who are you? Answered by [`Reply::Device`].
    Device,
    /// Begins to install an image, which follows in parts: manifest, configuration and layer, byte for byte, as one row of
    /// bytes. What was begun before is given up. Answered by [`Reply::Done`], or [`Reply::Installed`] at once if the image
    /// is there already.
    InstallBegin {
        /// Bytes of the manifest.
        manifest_bytes: u32,
        /// Bytes of the configuration.
        config_bytes: u32,
        /// Bytes of the one layer, the module.
        layer_bytes: u32,
        /// The digest of the manifest, which is the image's, `sha256:…`.
        digest: String,
        /// The name under which it is known then, such as `registry/app:1`.
        reference: String,
    },
    /// The next bytes of the image. Sent again with the same offset it changes nothing. Answered by [`Reply::Received`].
    InstallPart {
        /// Where they belong: 0 is the first byte of the manifest.
        offset: u32,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The image is complete: check and keep it. Answered by [`Reply::Installed`].
    InstallEnd,
    /// The image after this one in the order of digests; empty for the first. Answered by [`Reply::Image`] or
    /// [`Reply::NoMore`].
    Image {
        /// The digest of the one before.
        after: String,
    },
    /// Removes an image that no container needs.
    RemoveImage {
        /// Its reference, digest, or the beginning of its digest.
        image: String,
    },
    /// Declares a container, and starts it if that is declared. Answered by [`Reply::Created`].
    Create {
        /// What it is to be.
        declaration: Declaration,
        /// Replaces the container that has this name, whatever state it is in; its data stays.
        replace: bool,
    },
    /// Starts a container.
    Start {
        /// Its name.
        name: String,
    },
    /// Asks a container to stop, and kills it after its grace.
    Stop {
        /// Its name.
        name: String,
        /// Milliseconds of grace, instead of its own.
        grace_ms: Option<u32>,
    },
    /// Kills a container.
    Kill {
        /// Its name.
        name: String,
    },
    /// Keeps a container from running.
    Pause {
        /// Its name.
        name: String,
    },
    /// Lets a paused container go on.
    Unpause {
        /// Its name.
        name: String,
    },
    /// Stops a container and starts it again.
    Restart {
        /// Its name.
        name: String,
    },
    /// Removes a container with its data and records.
    Remove {
        /// Its name.
        name: String,
        /// Kills it first if it runs.
        force: bool,
    },
    /// The container after this one in the order of names; empty for the first. Answered by [`Reply::Container`] or
    /// [`Reply::NoMore`].
    Container {
        /// The name of the one before.
        after: String,
    },
    /// One container. Answered by [`Reply::Container`].
    Inspect {
        /// Its name.
        name: String,
    },
    /// What a container wrote from this position on, as much as fits. Answered by [`Reply::Log`].
    Log {
        /// Its name.
        name: String,
        /// A position that an earlier answer gave, 0 for the oldest that is kept.
        from: u64,
    },
    /// How a container's runs ended, the newest first. Answered by [`Reply::Records`].
    Records {
        /// Its name.
        name: String,
    },
    /// What storage is used for. Answered by [`Reply::Storage`].
    Storage,
    /// The last fault of the firmware itself. Answered by [`Reply::Fault`] or [`Reply::NoMore`].
    Fault,
    /// Forgets the last fault.
    ClearFault,
    /// Tells the time.
    SetTime {
        /// Milliseconds since 1970-01-01 UTC.
        unix_ms: u64,
    },
    /// Restarts the device.
    Reboot,
    /// Removes every container, image and all data, and restarts the device.
    FactoryReset,
}

/// What a device answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
pub enum Reply {
    /// It is done, and on storage.
    Done,
    /// It was not done, and nothing has changed.
    Refused(Refusal),
    /// The device.
    Device(DeviceStatus),
    /// How many bytes of the image are there.
    Received {
        /// Bytes from the manifest's beginning: the next part begins here.
        bytes: u32,
    },
    /// An image is kept.
    Installed {
        /// Its digest.
        digest: String,
    },
    /// An image.
    Image(ImageStatus),
    /// A container is declared.
    Created {
        /// Its name, which the device chose if none was given.
        name: String,
        /// Grants that the image asks for and that it was not given.
        refused: Vec<String>,
    },
    /// A container.
    Container(ContainerStatus),
    /// There is none, or no more.
    NoMore,
    /// A part of a log.
    Log {
        /// What was written, oldest first.
        entries: Vec<LogEntry>,
        /// Where to go on.
        next: u64,
        /// Bytes between what was asked for and the first entry that are lost.
        lost_bytes: u64,
        /// Whether the container's run is over and everything was told.
        is_over: bool,
    },
    /// Ends of runs, the newest first.
    Records(Vec<RunEnd>),
    /// Storage.
    Storage(StorageStatus),
    /// A fault.
    Fault(FaultReport),
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whose fault it is, and what kind.
    pub kind: RefusalKind,
    /// What is wrong, and what to do about it.
    pub message: String,
}

/// The kinds of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// There is no such container or image.
    NotFound,
    /// It is in a state, or in use, so that this cannot be done.
    Conflict,
    /// The request makes no sense.
    Invalid,
    /// The image is wrong: its digest, its module, or what it needs.
    Image,
    /// There is no room: memory, or storage.
    NoRoom,
    /// The device failed.
    Device,
}

/// What a container is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declaration {
    /// Its name; empty to have one chosen.
    pub name: String,
    /// Reference or digest of its image.
    pub image: String,
    /// Arguments instead of the image's, without the program's name.
    pub args: Option<Vec<String>>,
    /// Environment variables `NAME=VALUE` beside the image's.
    pub env: Vec<String>,
    /// Grants, as they are written.
    pub grants: Vec<String>,
    /// What it may use, where that is not what the image or the device says.
    pub limits: LimitOverrides,
    /// When it is started again.
    pub restart: Policy,
    /// It is declared but not started.
    pub is_stopped: bool,
    /// It is removed after its end.
    pub is_removed_after: bool,
    /// The exported function to run instead of the image's.
    pub entry: Option<String>,
    /// The time after which it is ended, in milliseconds.
    pub timeout_ms: Option<u32>,
}

/// Limits that an operator sets; `None` leaves the image's or the device's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitOverrides {
    /// Linear memory in bytes.
    pub memory_bytes: Option<u32>,
    /// Operands and frames in bytes.
    pub stack_bytes: Option<u32>,
    /// Share of the processor in thousandths.
    pub cpu_share_thousandths: Option<u32>,
    /// Bytes of files.
    pub storage_bytes: Option<u32>,
    /// Bytes of keys and values.
    pub key_value_bytes: Option<u32>,
    /// Bytes of output that are kept in memory.
    pub log_bytes: Option<u32>,
    /// Open descriptors.
    pub descriptors: Option<u32>,
    /// Open sockets.
    pub sockets: Option<u32>,
    /// Timers.
    pub timers: Option<u32>,
    /// Subscriptions.
    pub subscriptions: Option<u32>,
    /// Messages that wait.
    pub queue_messages: Option<u32>,
    /// Bytes of a message.
    pub message_bytes: Option<u32>,
}

/// When a container is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Never.
    #[default]
    No,
    /// After an end that was no success, so many times in a row, or always.
    OnFailure {
        /// At most so often, 0 for without limit.
        tries: u32,
    },
    /// Whatever happens, unless it was stopped.
    UnlessStopped,
    /// Whatever happens; after a restart of the device even if it was stopped.
    Always,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceStatus {
    /// The board's name.
    pub board: String,
    /// The firmware's version.
    pub version: String,
    /// The version of these messages.
    pub protocol: u32,
    /// The most bytes of a message's encoding that the device takes.
    pub message_bytes_max: u32,
    /// Milliseconds since the start.
    pub uptime_ms: u64,
    /// Milliseconds since 1970, 0 if nobody told.
    pub unix_ms: u64,
    /// Why it started: `power on`, `reset`, `watchdog`, `fault`, …
    pub started_by: String,
    /// What was wrong with the storage at the start and was mended, empty if nothing.
    pub recovered: String,
    /// Bytes of the heap.
    pub heap: Space,
    /// The most that was ever used of the heap.
    pub heap_peak_bytes: u32,
    /// The most that was ever used of the processor's stack.
    pub stack_peak_bytes: u32,
    /// How often the processor woke while it had nothing to do.
    pub idle_wakeups: u64,
    /// Milliseconds that it slept.
    pub idle_ms: u64,
    /// Whether a fault of the firmware is recorded.
    pub has_fault: bool,
}

/// Room and what is used of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Bytes in use.
    pub used_bytes: u32,
    /// Bytes in all.
    pub total_bytes: u32,
}

/// Storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageStatus {
    /// Where images lie.
    pub images: Space,
    /// The largest image that fits.
    pub images_largest_free_bytes: u32,
    /// Declarations, records, keys and values, files.
    pub log: Space,
    /// Records in the log.
    pub log_records: u32,
    /// Records that it can have.
    pub log_records_max: u32,
    /// Erasures of the block that was erased most.
    pub erasures_max: u32,
    /// Erasures of the block that was erased least.
    pub erasures_min: u32,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageStatus {
    /// Its digest, `sha256:…`.
    pub digest: String,
    /// The names it is known by.
    pub references: Vec<String>,
    /// Bytes of the module.
    pub module_bytes: u32,
    /// Bytes of its side table.
    pub table_bytes: u32,
    /// Bytes of storage, whole blocks.
    pub stored_bytes: u32,
    /// Containers that need it.
    pub used_by: u32,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStatus {
    /// What it was declared to be.
    pub declaration: Declaration,
    /// The digest of its image.
    pub digest: String,
    /// How it is.
    pub state: RunState,
    /// Its health.
    pub health: HealthStatus,
    /// What it says of its health.
    pub health_message: String,
    /// Restarts since it was declared or started by hand.
    pub restarts: u32,
    /// Milliseconds until it is started again, if it waits for that.
    pub restart_in_ms: Option<u64>,
    /// Milliseconds since the run began.
    pub up_ms: u64,
    /// Microseconds of processor time of this run.
    pub cpu_us: u64,
    /// Linear memory in bytes.
    pub memory_bytes: u32,
    /// The most linear memory it had in bytes.
    pub memory_bytes_max: u32,
    /// Bytes of its stack.
    pub stack_bytes: u32,
    /// Slices it ran.
    pub slices: u64,
    /// How its last run ended.
    pub end: Option<RunEnd>,
}

/// How a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunState {
    /// It was never started.
    Created,
    /// It runs or waits.
    Running,
    /// It is kept from running.
    Paused,
    /// It ended well, or was stopped.
    Exited,
    /// It ended otherwise.
    Failed,
    /// It ended and will be started again.
    Restarting,
}

/// A container's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HealthStatus {
    /// It does not tell.
    Unknown,
    /// It has begun and has not told yet.
    Starting,
    /// All is well.
    Healthy,
    /// It works, but not as it should.
    Degraded,
    /// It does not do its job, or does not tell any more.
    Failing,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// What happened, in words: `exited`, `trapped: memory access out of bounds`, `killed`, …
    pub reason: String,
    /// The exit code a process would have.
    pub exit_code: i32,
    /// When it began, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// When it ended, in milliseconds since 1970.
    pub ended_unix_ms: u64,
    /// Microseconds of processor time.
    pub cpu_us: u64,
    /// The most linear memory in bytes.
    pub memory_bytes_max: u32,
    /// Whether it was refused memory because of its limit.
    pub memory_refused: bool,
    /// The end of what it wrote.
    pub last_output: String,
}

/// Something that was written to a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// By whom.
    pub stream: LogStream,
    /// Milliseconds since the start of the device.
    pub at_ms: u64,
    /// What; not always a whole line, and not always UTF-8.
    pub bytes: Vec<u8>,
}

/// Who wrote to a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogStream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
    /// The guest's log lines, with their level in front.
    Guest,
    /// The device: refused grants, limits, health.
    Device,
}

/// A fault of the firmware itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultReport {
    /// What happened: `panic`, `hard fault`, `watchdog`, `out of memory`.
    pub kind: String,
    /// Where and why, as far as it is known.
    pub message: String,
    /// The program counter, 0 if unknown.
    pub pc: u32,
    /// The return address, 0 if unknown.
    pub lr: u32,
    /// The stack pointer, 0 if unknown.
    pub sp: u32,
    /// The processor's register of causes (CFSR, mcause).
    pub cause: u32,
    /// The address that was accessed, where the processor tells it.
    pub address: u32,
    /// Milliseconds since the start at which it happened.
    pub uptime_ms: u64,
    /// The container that ran, empty if none did.
    pub container: String,
    /// How often the device restarted because of faults since it was last cleared.
    pub count: u32,
}

//! Messages of every kind.

use thimble_serial::{
    ContainerStatus, Declaration, DeviceStatus, FaultReport, HealthStatus, ImageStatus,
    LimitOverrides, LogEntry, LogStream, Policy, Refusal, RefusalKind, Reply, Request, RunEnd,
    RunState, Space, StorageStatus,
};

use crate::random::Random;

/// How many requests and replies there are.
pub(crate) const REQUESTS: u64 = 24;
pub(crate) const REPLIES: u64 = 13;

impl Random {
    fn small(&mut self) -> u32 {
        u32::try_from(self.number() & u64::from(u32::MAX)).unwrap()
    }

    fn flag(&mut self) -> bool {
        self.one_in(2)
    }

    fn texts(&mut self) -> Vec<String> {
        (0..self.below(4)).map(|_| self.text()).collect()
    }

    fn perhaps<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| make(self))
    }
}

/// The request of this number, in the order of `spec/serial.cddl`.
pub(crate) fn request(number: u64, random: &mut Random) -> Request {
    let name = random.text();
    match number {
        0 => Request::Device,
        1 => Request::InstallBegin {
            manifest_bytes: random.small(),
            config_bytes: random.small(),
            layer_bytes: random.small(),
            digest: random.text(),
            reference: name,
        },
        2 => Request::InstallPart {
            offset: random.small(),
            bytes: random.bytes(300),
        },
        3 => Request::InstallEnd,
        4 => Request::Image { after: name },
        5 => Request::RemoveImage { image: name },
        6 => Request::Create {
            declaration: declaration(random),
            replace: random.flag(),
        },
        7 => Request::Start { name },
        8 => Request::Stop {
            name,
            grace_ms: random.perhaps(Random::small),
        },
        9 => Request::Kill { name },
        10 => Request::Pause { name },
        11 => Request::Unpause { name },
        12 => Request::Restart { name },
        13 => Request::Remove {
            name,
            force: random.flag(),
        },
        14 => Request::Container { after: name },
        15 => Request::Inspect { name },
        16 => Request::Log {
            name,
            from: random.number(),
        },
        17 => Request::Records { name },
        18 => Request::Storage,
        19 => Request::Fault,
        20 => Request::ClearFault,
        21 => Request::SetTime {
            unix_ms: random.number(),
        },
        22 => Request::Reboot,
        _ => Request::FactoryReset,
    }
}

/// The reply of this number.
pub(crate) fn reply(number: u64, random: &mut Random) -> Reply {
    match number {
        0 => Reply::Done,
        1 => Reply::Refused(Refusal {
            kind: match random.below(6) {
                0 => RefusalKind::NotFound,
                1 => RefusalKind::Conflict,
                2 => RefusalKind::Invalid,
                3 => RefusalKind::Image,
                4 => RefusalKind::NoRoom,
                _ => RefusalKind::Device,
            },
            message: random.text(),
        }),
        2 => Reply::Device(device(random)),
        3 => Reply::Received {
            bytes: random.small(),
        },
        4 => Reply::Installed {
            digest: random.text(),
        },
        5 => Reply::Image(ImageStatus {
            digest: random.text(),
            references: random.texts(),
            module_bytes: random.small(),
            table_bytes: random.small(),
            stored_bytes: random.small(),
            used_by: random.small(),
        }),
        6 => Reply::Created {
            name: random.text(),
            refused: random.texts(),
        },
        7 => Reply::Container(container(random)),
        8 => Reply::NoMore,
        9 => Reply::Log {
            entries: (0..random.below(5)).map(|_| entry(random)).collect(),
            next: random.number(),
            lost_bytes: random.number(),
            is_over: random.flag(),
        },
        10 => Reply::Records((0..random.below(4)).map(|_| end(random)).collect()),
        11 => Reply::Storage(StorageStatus {
            images: space(random),
            images_largest_free_bytes: random.small(),
            log: space(random),
            log_records: random.small(),
            log_records_max: random.small(),
            erasures_max: random.small(),
            erasures_min: random.small(),
        }),
        _ => Reply::Fault(FaultReport {
            kind: random.text(),
            message: random.text(),
            pc: random.small(),
            lr: random.small(),
            sp: random.small(),
            cause: random.small(),
            address: random.small(),
            uptime_ms: random.number(),
            container: random.text(),
            count: random.small(),
        }),
    }
}

fn declaration(random: &mut Random) -> Declaration {
    Declaration {
        name: random.text(),
        image: random.text(),
        args: random.perhaps(Random::texts),
        env: random.texts(),
        grants: random.texts(),
        limits: limits(random),
        restart: match random.below(5) {
            0 => Policy::No,
            1 => Policy::OnFailure { tries: 0 },
            2 => Policy::OnFailure {
                tries: random.small(),
            },
            3 => Policy::UnlessStopped,
            _ => Policy::Always,
        },
        is_stopped: random.flag(),
        is_removed_after: random.flag(),
        entry: random.perhaps(Random::text),
        timeout_ms: random.perhaps(Random::small),
    }
}

fn limits(random: &mut Random) -> LimitOverrides {
    LimitOverrides {
        memory_bytes: random.perhaps(Random::small),
        stack_bytes: random.perhaps(Random::small),
        cpu_share_thousandths: random.perhaps(Random::small),
        storage_bytes: random.perhaps(Random::small),
        key_value_bytes: random.perhaps(Random::small),
        log_bytes: random.perhaps(Random::small),
        descriptors: random.perhaps(Random::small),
        sockets: random.perhaps(Random::small),
        timers: random.perhaps(Random::small),
        subscriptions: random.perhaps(Random::small),
        queue_messages: random.perhaps(Random::small),
        message_bytes: random.perhaps(Random::small),
    }
}

fn device(random: &mut Random) -> DeviceStatus {
    DeviceStatus {
        board: random.text(),
        version: random.text(),
        protocol: random.small(),
        message_bytes_max: random.small(),
        uptime_ms: random.number(),
        unix_ms: random.number(),
        started_by: random.text(),
        recovered: random.text(),
        heap: space(random),
        heap_peak_bytes: random.small(),
        stack_peak_bytes: random.small(),
        idle_wakeups: random.number(),
        idle_ms: random.number(),
        has_fault: random.flag(),
    }
}

fn space(random: &mut Random) -> Space {
    Space {
        used_bytes: random.small(),
        total_bytes: random.small(),
    }
}

fn container(random: &mut Random) -> ContainerStatus {
    ContainerStatus {
        declaration: declaration(random),
        digest: random.text(),
        state: match random.below(6) {
            0 => RunState::Created,
            1 => RunState::Running,
            2 => RunState::Paused,
            3 => RunState::Exited,
            4 => RunState::Failed,
            _ => RunState::Restarting,
        },
        health: match random.below(5) {
            0 => HealthStatus::Unknown,
            1 => HealthStatus::Starting,
            2 => HealthStatus::Healthy,
            3 => HealthStatus::Degraded,
            _ => HealthStatus::Failing,
        },
        health_message: random.text(),
        restarts: random.small(),
        restart_in_ms: random.perhaps(Random::number),
        up_ms: random.number(),
        cpu_us: random.number(),
        memory_bytes: random.small(),
        memory_bytes_max: random.small(),
        stack_bytes: random.small(),
        slices: random.number(),
        end: random.perhaps(end),
    }
}

fn end(random: &mut Random) -> RunEnd {
    RunEnd {
        reason: random.text(),
        exit_code: random.small().cast_signed(),
        started_unix_ms: random.number(),
        ended_unix_ms: random.number(),
        cpu_us: random.number(),
        memory_bytes_max: random.small(),
        memory_refused: random.flag(),
        last_output: random.text(),
    }
}

fn entry(random: &mut Random) -> LogEntry {
    LogEntry {
        stream: match random.below(4) {
            0 => LogStream::Output,
            1 => LogStream::Error,
            2 => LogStream::Guest,
            _ => LogStream::Device,
        },
        at_ms: random.number(),
        bytes: random.bytes(30),
    }
}

//! What the supervisor is told of the board.

use alloc::string::String;

use firmware_parts::{Fault, StartedBy, fault, heap, scheduler, stack};
use thimble_port_mcu::machine::Watch;
use thimble_runtime::ContainerId;
use thimble_serial::{FaultReport, Space};
use thimble_supervisor::DeviceFacts;

use crate::clock::DeviceClock;

/// What is known of the board and of how it is.
pub(crate) struct Facts {
    pub(crate) board: &'static str,
    pub(crate) started_by: StartedBy,
    pub(crate) recovered: String,
    pub(crate) fault: Option<Fault>,
    pub(crate) clock: DeviceClock,
}

fn bytes(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Notes whose slice it is, where a fault leaves it.
fn watch(runs: Option<(ContainerId, &str)>) {
    match runs {
        // The lower half tells runs apart until there were 4 billion of them.
        Some((id, name)) => {
            let [a, b, c, d, ..] = id.number().to_le_bytes();
            fault::runs(u32::from_le_bytes([a, b, c, d]), name);
        }
        None => fault::nobody_runs(),
    }
}

impl DeviceFacts for Facts {
    fn board(&self) -> &str {
        self.board
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn started_by(&self) -> &str {
        match self.started_by {
            StartedBy::PowerOn => "power-on",
            StartedBy::Restart => "restart",
            StartedBy::Fault => "fault",
            _ => "reset",
        }
    }

    fn recovered(&self) -> &str {
        &self.recovered
    }

    fn failed_in(&self) -> Option<&str> {
        let fault = self.fault.as_ref()?;
        Some(fault.container()).filter(|name| !name.is_empty())
    }

    fn began(&mut self, id: ContainerId, container: &str) {
        watch(Some((id, container)));
    }

    fn watch(&self) -> Watch {
        watch
    }

    fn heap(&self) -> Space {
        let heap = heap::usage();
        Space {
            used_bytes: bytes(heap.used_bytes),
            total_bytes: bytes(heap.total_bytes),
        }
    }

    fn heap_peak_bytes(&self) -> u32 {
        bytes(heap::usage().peak_bytes)
    }

    fn stack_peak_bytes(&self) -> u32 {
        bytes(stack::usage().peak_bytes)
    }

    fn idle_wakeups(&self) -> u64 {
        scheduler::sleep().wakes
    }

    fn idle_ms(&self) -> u64 {
        scheduler::sleep().slept.as_millis()
    }

    fn fault(&self) -> Option<FaultReport> {
        let fault = self.fault.as_ref()?;
        Some(FaultReport {
            kind: alloc::format!("{}", fault.kind),
            message: String::from(fault.message()),
            pc: fault.pc,
            lr: fault.lr,
            sp: fault.sp,
            cause: fault.cause,
            address: fault.address,
            uptime_ms: fault.uptime_ms,
            container: String::from(fault.container()),
            count: fault.count,
        })
    }

    fn clear_fault(&mut self) {
        self.fault = None;
        fault::clear_count();
    }

    fn set_time(&mut self, unix_ms: u64) {
        self.clock.set(unix_ms);
    }
}

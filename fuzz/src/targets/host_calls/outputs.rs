//! Where each call may write, from its description alone.

use std::ops::Range;

use thimble_abi::CallSpec;
use thimble_abi::calls::ParameterKind;
use thimble_runtime::memory;

/// The ranges of the memory that a call with these arguments may change.
pub(super) fn ranges(spec: &CallSpec, arguments: &[u64], memory: &[u8]) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let names = spec.call.description().parameters;
    for (position, (parameter, name)) in spec.parameters.iter().zip(names).enumerate() {
        if *parameter != ParameterKind::Pointer {
            continue;
        }
        let argument =
            |position: usize| arguments.get(position).copied().unwrap_or(0) & 0xffff_ffff;
        let (start, next) = (argument(position), argument(position + 1));
        match (spec.name, *name) {
            ("fd_read" | "fd_pread" | "sock_recv" | "sock_recv_from", "iovs") => {
                ranges.extend(buffers(memory, start, next));
            }
            _ => {
                let bytes = output_bytes(spec.name, name, next, argument(2));
                ranges.push(start..start.saturating_add(bytes));
            }
        }
    }
    ranges
}

/// Bytes that a call may write at a pointer; `next` is the argument after it.
fn output_bytes(call: &str, parameter: &str, next: u64, third: u64) -> u64 {
    match (call, parameter) {
        ("args_get" | "environ_get", _) => 256,
        ("fd_prestat_dir_name", "path")
        | ("random_get" | "fd_readdir" | "path_readlink" | "event_wait" | "kv_get", "buf") => next,
        ("poll_oneoff", "events") => third.saturating_mul(32),
        ("sock_addr_resolve", "entries") => next.saturating_mul(28),
        ("ocre_sensors_get_list", "names") => next.saturating_mul(125),
        ("uname", "name") => 390,
        ("fd_filestat_get" | "path_filestat_get", "stat") => 64,
        ("fd_fdstat_get", "stat") => 24,
        ("fd_prestat_get", "prestat") => 8,
        ("sock_addr_local" | "sock_addr_remote" | "sock_recv_from", "address") => 24,
        ("sensor_read", "value") => 8,
        ("ocre_get_event", _) => 4,
        (_, "resolution" | "time" | "position" | "micros") => 8,
        (_, "result_flags") => 2,
        (_, "enabled" | "hops") => 1,
        (
            _,
            "argc" | "argv_buf_size" | "environ_count" | "environ_buf_size" | "nread" | "nwritten"
            | "bufused" | "nevents" | "opened_fd" | "accepted_fd" | "available" | "bytes"
            | "seconds",
        ) => 4,
        _ => 0,
    }
}

/// The buffers of a list, as the guest wrote it.
fn buffers(bytes: &[u8], list: u64, count: u64) -> Vec<Range<u64>> {
    let place = |offset: u64| {
        u32::try_from(offset)
            .ok()
            .and_then(|offset| memory::read_u32(bytes, offset).ok())
    };
    let entries = (0..count.min(65_536)).map_while(|index| {
        let entry = list + index * 8;
        let (start, len) = (place(entry)?, place(entry + 4)?);
        Some(u64::from(start)..u64::from(start) + u64::from(len))
    });
    entries.collect()
}

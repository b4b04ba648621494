//! Firmware with everything that containers need but drivers, behind ports that answer nothing: how much flash that
//! takes, and how much RAM an idle container does beside its memory and its stack.
//!
//! It installs modules, starts containers of them, lets them run until they wait, and says what they hold.

#![no_std]
#![no_main]

extern crate alloc;

mod ports;
mod room;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use firmware_boards::{in_use_bytes, say};
use thimble_engine_inplace::{Settings, open_installed, prepare};
use thimble_port_mcu::machine::{Machine, Step};
use thimble_runtime::config::ContainerConfig;
use thimble_runtime::grant::Grants;
use thimble_runtime::host::{Mount, Resources};
use thimble_runtime::kernel::{Beginning, Schedule, State};
use thimble_runtime::limits::Limits;

use room::{Flash, MEMORIES};

/// Containers of each kind.
const COUNT: usize = 10;
/// Bytes of operands and frames that each is given.
const STACK_BYTES: u32 = 512;
const DIGEST: [u8; 32] = [1; 32];

const KINDS: [(&str, &[u8]); 2] = [
    (
        "events",
        include_bytes!(concat!(env!("OUT_DIR"), "/events.wasm")),
    ),
    (
        "ocre",
        include_bytes!(concat!(env!("OUT_DIR"), "/ocre.wasm")),
    ),
];

firmware_boards::entry!(main);

fn main() -> bool {
    let begin = in_use_bytes();
    let machine = Machine::new(ports::devices(), Schedule::default());
    say!("machine={}", in_use_bytes() - begin);
    KINDS
        .into_iter()
        .all(|(name, module)| match containers(&machine, name, module) {
            Ok(bytes) => {
                say!("container={name} bytes={bytes}");
                true
            }
            Err(reason) => {
                say!("container={name} failed: {reason}");
                false
            }
        })
}

/// Installs a module, starts containers of it and lets them run until all wait; what each of them holds.
fn containers(machine: &Machine, name: &str, module: &'static [u8]) -> Result<usize, &'static str> {
    let settings = Settings {
        buffers: &MEMORIES,
        ..Settings::small()
    };
    let mut flash = Flash::next();
    if let Err(error) = prepare(module, &DIGEST, &settings.limits, &mut flash) {
        say!("{error}");
        return Err("it is not valid");
    }
    let table = flash.table();
    let before = in_use_bytes();
    let mut ids = Vec::with_capacity(COUNT);
    let own = in_use_bytes() - before;
    for _ in 0..COUNT {
        // SAFETY: the table was made above, for this module; both stay as they are.
        let opened = unsafe { open_installed(module, table, DIGEST, settings) };
        let (loaded, interface) = opened.map_err(|error| {
            say!("{error}");
            "it cannot be opened"
        })?;
        let id = machine
            .create(Arc::new(config(name)?))
            .map_err(|_| "the machine is taken")?;
        let started = machine.start(id, &*loaded, &interface, resources(), Beginning::Running);
        started.map_err(|error| {
            say!("{error}");
            "it cannot be started"
        })?;
        ids.push(id);
    }
    for _ in 0..1_000 {
        if matches!(machine.step(), Step::Idle { .. }) {
            break;
        }
    }
    if !ids
        .iter()
        .all(|id| machine.state(*id) == Some(State::Running))
    {
        for id in &ids {
            let exit_code = machine.record(*id).map(|record| record.end.exit_code());
            say!("exit={}", exit_code.unwrap_or(-1));
        }
        return Err("it does not wait");
    }
    Ok((in_use_bytes() - before - own) / COUNT - STACK_BYTES as usize)
}

fn config(name: &str) -> Result<ContainerConfig, &'static str> {
    let grants =
        Grants::parse(["timer", "bus.sub:line/alarm"]).map_err(|_| "a grant is unknown")?;
    Ok(ContainerConfig {
        grants,
        limits: Limits {
            memory_bytes: 64 << 10,
            table_elements: 1_000,
            stack_bytes: Some(STACK_BYTES),
            descriptors: 16,
            sockets: 4,
            timers: 8,
            subscriptions: 8,
            queue_messages: 8,
            queue_bytes: 4 << 10,
            message_bytes: 1 << 10,
            output_tail_bytes: 256,
            ..Limits::default()
        },
        ..ContainerConfig::new(name)
    })
}

fn resources() -> Resources {
    Resources {
        stdin: Box::new(ports::Nowhere),
        stdout: Box::new(ports::Nowhere),
        stderr: Box::new(ports::Nowhere),
        mounts: Vec::<Mount>::new(),
        listeners: Vec::new(),
    }
}

//! Measures how many messages a second one core passes from container to container, host calls included.
//!
//! `cargo run --release -p thimble-port-linux --example bus_speed [CONTAINERS]`

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant as Stopwatch;

use parking_lot::Mutex;
use thimble_abi::Errno;
use thimble_abi::calls::{Call, ThimbleCall};
use thimble_port_linux::board::NoBoard;
use thimble_port_linux::clock::{SystemClock, SystemRandom};
use thimble_port_linux::store::MemoryStore;
use thimble_port_linux::streams;
use thimble_runtime::bus::{Bus, BusAccess};
use thimble_runtime::engine::{CallOutcome, Host};
use thimble_runtime::grant::Grants;
use thimble_runtime::host::{HostState, Resources};
use thimble_runtime::module::Module;
use thimble_runtime::port::{Lookup, Network, Observer, Ports, Protocol, Socket};
use thimble_runtime::record::Trace;
use thimble_runtime::{ContainerConfig, ContainerId};

const MESSAGES: u32 = 2_000_000;
const CONTENT_TYPE: &str = "text/plain";

#[derive(Default)]
struct SharedBus(Mutex<Bus>);
struct Silent;
struct Nothing;

fn main() {
    let containers: u64 = std::env::args()
        .nth(1)
        .and_then(|count| count.parse().ok())
        .unwrap_or(5000);
    let bus = SharedBus::default();
    let ports = Ports {
        clock: &SystemClock,
        random: &SystemRandom,
        network: &Nothing,
        board: &NoBoard,
        store: &MemoryStore::default(),
        bus: &bus,
        observer: &Silent,
    };
    let mut memory = vec![0u8; 65_536];
    let mut states: Vec<HostState> = (0..containers).filter_map(state).collect();
    for (number, state) in (0u64..).zip(&mut states) {
        // One topic each, and one wildcard for every tenth.
        for filter in [
            Some(topic(number)),
            (number % 10 == 0).then(|| format!("alarm/{number}/+")),
        ]
        .into_iter()
        .flatten()
        {
            put(&mut memory, 1024, filter.as_bytes());
            call(
                state,
                &ports,
                ThimbleCall::BusSubscribe,
                &[1024, size(&filter)],
                &mut memory,
            );
        }
    }
    put(&mut memory, 2048, CONTENT_TYPE.as_bytes());
    put(&mut memory, 4096, &[7; 64]);
    let began = Stopwatch::now();
    let mut received = 0u32;
    for message in 0..u64::from(MESSAGES) {
        let receiver = message.wrapping_mul(2_654_435_761) % containers;
        let name = topic(receiver);
        put(&mut memory, 1024, name.as_bytes());
        let publish = [1024, size(&name), 2048, size(CONTENT_TYPE), 4096, 64, 0];
        let (Some(publisher), true) = (states.first_mut(), containers > 0) else {
            return;
        };
        call(
            publisher,
            &ports,
            ThimbleCall::BusPublish,
            &publish,
            &mut memory,
        );
        let Some(state) = usize::try_from(receiver)
            .ok()
            .and_then(|index| states.get_mut(index))
        else {
            return;
        };
        received += u32::from(
            call(
                state,
                &ports,
                ThimbleCall::EventWait,
                &[0, 8192, 4096],
                &mut memory,
            ) > 0,
        );
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{received} of {MESSAGES} messages of 64 bytes, {containers} containers: {:.2} million/s",
        f64::from(received) / seconds / 1e6
    );
}

fn topic(number: u64) -> String {
    format!("plant/line{}/sensor{number}/temperature", number % 40)
}

fn size(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

fn put(memory: &mut [u8], offset: usize, bytes: &[u8]) {
    if let Some(place) = memory.get_mut(offset..offset + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn call(
    state: &mut HostState,
    ports: &Ports<'_>,
    call: ThimbleCall,
    arguments: &[u64],
    memory: &mut [u8],
) -> i32 {
    match state
        .bind(ports, Waker::noop())
        .call(Call::Thimble(call), arguments, memory)
    {
        CallOutcome::Done(slot) => u32::try_from(slot).map_or(i32::MIN, u32::cast_signed),
        _ => i32::MIN,
    }
}

fn state(number: u64) -> Option<HostState> {
    // An empty module: its magic number and version.
    let module = Module::parse(b"\0asm\x01\0\0\0".to_vec()).ok()?;
    let mut config = ContainerConfig::new(format!("container-{number}"));
    config.grants = Grants::parse(["bus.pub:plant/#", "bus.sub"]).ok()?;
    let resources = Resources {
        stdin: streams::null(),
        stdout: streams::null(),
        stderr: streams::null(),
        mounts: Vec::new(),
        listeners: Vec::new(),
    };
    Some(HostState::new(
        ContainerId::new(number),
        Arc::new(config),
        resources,
        &module.interface(),
    ))
}

impl BusAccess for SharedBus {
    fn with_bus(&self, use_bus: &mut dyn FnMut(&mut Bus)) {
        use_bus(&mut self.0.lock());
    }
}

impl Observer for Silent {
    fn trace(&self, _: ContainerId, _: Trace<'_>) {}
}

impl Network for Nothing {
    fn socket(&self, _: Protocol, _: bool) -> Result<Box<dyn Socket>, Errno> {
        Err(Errno::NetworkDown)
    }

    fn lookup(&self, _: &str) -> Result<Box<dyn Lookup>, Errno> {
        Err(Errno::NetworkDown)
    }
}

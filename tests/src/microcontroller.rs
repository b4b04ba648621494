//! The machine of a microcontroller with its own network, on this host: the guests that check sockets, and containers
//! that talk to each other.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use thimble_engine_inplace::{InplaceEngine, Settings};
use thimble_port_linux::files;
use thimble_port_linux::pool::{IDLE_MAX, Pool, THREADS_MAX};
use thimble_port_linux::reactor::Reactor;
use thimble_port_linux::store::MemoryStore;
use thimble_port_linux::streams::{self, Captured};
use thimble_port_mcu::machine::{Devices, Machine, Step};
use thimble_port_mcu::network::{LocalNetwork, LocalSettings};
use thimble_port_mcu::random::{SEED_BYTES, SeededRandom};
use thimble_runtime::config::{ContainerConfig, ContainerId};
use thimble_runtime::engine::Engine as _;
use thimble_runtime::grant::Grants;
use thimble_runtime::host::{Mount, Resources};
use thimble_runtime::kernel::{Beginning, Schedule, State};
use thimble_runtime::limits::Limits;
use thimble_runtime::module::Module;
use thimble_runtime::port::{Clock, Network as _, NoBoard, Observer, Protocol, Socket};
use thimble_runtime::record::{End, Trace};
use thimble_runtime::time::Instant;

use crate::command::guest;
use crate::conformance::last_line;

/// Longer than any guest runs, and shorter than anyone waits.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of output that are looked at.
const OUTPUT_BYTES: usize = 1 << 20;

/// The host's clocks.
struct HostClock(std::time::Instant);

impl Clock for HostClock {
    fn now(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.0.elapsed().as_nanos()).unwrap())
    }

    fn realtime_nanos(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(since.as_nanos()).unwrap()
    }

    fn resolution_nanos(&self) -> u64 {
        1
    }
}

struct Silent;

impl Observer for Silent {
    fn trace(&self, _: ContainerId, _: Trace<'_>) {}
}

/// A microcontroller with a network of its own.
struct Device {
    machine: Machine,
    network: LocalNetwork,
    engine: InplaceEngine,
}

struct Started {
    id: ContainerId,
    output: Captured,
}

impl Device {
    fn new() -> Self {
        let network = LocalNetwork::new(LocalSettings::default());
        let devices = Devices {
            clock: Box::new(HostClock(std::time::Instant::now())),
            random: Box::new(SeededRandom::new([7; SEED_BYTES])),
            network: Box::new(network.clone()),
            board: Box::new(NoBoard),
            store: Box::new(MemoryStore::default()),
            observer: Box::new(Silent),
        };
        Self {
            machine: Machine::new(devices, Schedule::default()),
            network,
            engine: InplaceEngine::new(Settings::linux()),
        }
    }

    /// A listener on a port of the loopback address.
    fn listener(&self, port: u16) -> Box<dyn Socket> {
        let mut socket = self.network.socket(Protocol::Tcp, false).unwrap();
        socket.bind(([127, 0, 0, 1], port).into()).unwrap();
        socket.listen(8).unwrap();
        socket
    }

    fn start(
        &self,
        program: &str,
        config: ContainerConfig,
        listener: Option<Box<dyn Socket>>,
        mount: Option<Mount>,
    ) -> Started {
        let module = Module::parse(std::fs::read(guest(program)).unwrap()).unwrap();
        let loaded = self.engine.load(&module).unwrap();
        let (stdout, output) = streams::captured(OUTPUT_BYTES);
        let resources = Resources {
            stdin: streams::null(),
            stdout,
            stderr: streams::null(),
            mounts: mount.into_iter().collect(),
            listeners: listener.into_iter().collect(),
        };
        let id = self.machine.create(Arc::new(config)).unwrap();
        let interface = module.interface();
        self.machine
            .start(id, &*loaded, &interface, resources, Beginning::Running)
            .unwrap();
        Started { id, output }
    }

    /// Runs the machine until something is so.
    fn run_until(&self, is_so: impl Fn(&Machine) -> bool) {
        while !is_so(&self.machine) {
            self.machine.step();
        }
    }

    fn end(&self, started: &Started) -> End {
        self.run_until(|machine| machine.state(started.id) != Some(State::Running));
        self.machine.record(started.id).unwrap().end
    }

    /// Runs a guest of the conformance suite, which must pass all checks that its source has and leave nothing behind.
    fn passes(
        &self,
        name: &str,
        config: ContainerConfig,
        listener: Option<Box<dyn Socket>>,
        mount: Option<Mount>,
    ) {
        let started = self.start(&format!("conform-{name}"), config, listener, mount);
        let end = self.end(&started);
        let output = started.output.text();
        assert_eq!(end, End::Exited(0), "{name}:\n{output}");
        assert!(output.ends_with(&last_line(name)), "{name}:\n{output}");
        self.is_left_clean();
    }

    /// Nothing is left of containers that have ended.
    fn is_left_clean(&self) {
        while self.machine.step() == Step::Ran {}
        let usage = self.network.usage().unwrap();
        assert_eq!((usage.sockets, usage.buffer_bytes), (0, 0));
    }
}

fn config(name: &str, grants: &[&str]) -> ContainerConfig {
    let mut config = ContainerConfig::new(name);
    config.grants = Grants::parse(grants.iter().copied()).unwrap();
    config.timeout = Some(TIMEOUT);
    config
}

fn folder(path: &Path) -> Mount {
    let pool = Pool::new(THREADS_MAX, IDLE_MAX);
    Mount {
        path: "/data".to_owned(),
        directory: files::open_mount(path, &pool, &Reactor::new().unwrap()).unwrap(),
        read_only: false,
    }
}

#[test]
fn tcp() {
    let device = Device::new();
    let listener = device.listener(0);
    device.passes("tcp", config("tcp", &["net"]), Some(listener), None);
}

#[test]
fn udp() {
    Device::new().passes("udp", config("udp", &["net"]), None, None);
}

#[test]
fn options() {
    Device::new().passes("options", config("options", &[]), None, None);
}

#[test]
fn refused() {
    let data = TempDir::new().unwrap();
    let mount = folder(data.path());
    Device::new().passes("refused", config("refused", &[]), None, Some(mount));
}

#[test]
fn limits() {
    let data = TempDir::new().unwrap();
    let grants = ["fs", "net", "timer", "kv", "bus.pub:#", "bus.sub:#"];
    let mut config = config("limits", &grants);
    config.limits = Limits {
        memory_bytes: 1 << 20,
        descriptors: 8,
        sockets: 2,
        timers: 3,
        subscriptions: 2,
        queue_messages: 3,
        message_bytes: 64,
        store_bytes: 256,
        ..Limits::default()
    };
    Device::new().passes("limits", config, None, Some(folder(data.path())));
}

/// Whatever a guest does with sockets when it ends, nothing of it is left.
#[test]
fn a_guest_that_waits_is_killed_stopped_or_timed_out() {
    let device = Device::new();
    for mode in [
        "spin", "yield", "clock", "sleep", "poll", "accept", "receive", "send",
    ] {
        for (index, expected) in [End::Killed, End::Stopped, End::TimedOut]
            .into_iter()
            .enumerate()
        {
            let mut config = config("waits", &["net"]);
            config.args = ["waits", mode].map(String::from).into();
            if expected == End::TimedOut {
                config.timeout = Some(Duration::from_millis(30));
            }
            let started = device.start("conform-waits", config, Some(device.listener(0)), None);
            device.run_until(|machine| {
                let ran = machine.usage(started.id).unwrap().slices > 0;
                (ran && started.output.text().starts_with("ready\n"))
                    || machine.state(started.id) != Some(State::Running)
            });
            match index {
                0 => device.machine.kill(started.id).unwrap(),
                1 => device.machine.stop(started.id, None).unwrap(),
                _ => {}
            }
            assert_eq!(device.end(&started), expected, "{mode}");
            device.is_left_clean();
        }
    }
}

/// A connection wakes the guest that waits for it.
#[test]
fn a_guest_that_accepts_goes_on_when_another_connects() {
    let device = Device::new();
    for mode in ["accept", "poll"] {
        let mut config = config("waits", &["net"]);
        config.args = ["waits", mode].map(String::from).into();
        let listener = device.listener(8080);
        let started = device.start("conform-waits", config, Some(listener), None);
        device.run_until(|machine| machine.usage(started.id).unwrap().slices > 0);
        assert_eq!(started.output.text(), "ready\n", "{mode}");
        let mut client = device.network.socket(Protocol::Tcp, false).unwrap();
        let waker = std::task::Waker::noop();
        let connected = client.poll_connect(
            &mut std::task::Context::from_waker(waker),
            ([127, 0, 0, 1], 8080).into(),
        );
        assert_eq!(connected, std::task::Poll::Ready(Ok(())));
        assert_eq!(device.end(&started), End::Exited(9), "{mode}");
        assert!(started.output.text().ends_with("done\n"));
        drop(client);
        device.is_left_clean();
    }
}

/// A server in one container and its client in the test: the guest of the examples, unchanged.
#[test]
fn a_server_in_a_container_echoes_what_it_gets() {
    let device = Device::new();
    let server = device.start(
        "tcp-echo-c",
        config("echo", &["net"]),
        Some(device.listener(7000)),
        None,
    );
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut client = device.network.socket(Protocol::Tcp, false).unwrap();
    let connected = client.poll_connect(&mut context, ([127, 0, 0, 1], 7000).into());
    assert!(connected.is_ready());
    for round in 0..100_u32 {
        let sent = [round.to_le_bytes(); 16].concat();
        assert_eq!(
            client.poll_send(&mut context, &sent, None),
            std::task::Poll::Ready(Ok(64))
        );
        let mut got: Vec<u8> = Vec::new();
        while got.len() < sent.len() {
            let mut buffer = [0; 64];
            match client.poll_receive(&mut context, &mut buffer, false) {
                std::task::Poll::Ready(received) => {
                    got.extend(&buffer[..received.unwrap().bytes]);
                }
                std::task::Poll::Pending => {
                    assert_eq!(device.machine.state(server.id), Some(State::Running));
                    device.machine.step();
                }
            }
        }
        assert_eq!(got, sent);
    }
    device.machine.kill(server.id).unwrap();
    assert_eq!(device.end(&server), End::Killed);
    drop(client);
    device.is_left_clean();
}

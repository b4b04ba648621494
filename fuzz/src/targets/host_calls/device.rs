//! The device of the host calls: real folders, pipes and loopback sockets, a clock that moves when told.

use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant as Clock};

use arbitrary::{Result as Drawn, Unstructured};
use tempfile::TempDir;
use thimble_port_linux::board::Simulated;
use thimble_port_linux::files::open_mount;
use thimble_port_linux::network::{LinuxNetwork, listen};
use thimble_port_linux::pool::{IDLE_MAX, Pool};
use thimble_port_linux::reactor::Reactor;
use thimble_port_linux::streams;
use thimble_runtime::grant::Grants;
use thimble_runtime::host::{HostState, Mount, Resources};
use thimble_runtime::module::Module;
use thimble_runtime::port::Ports;
use thimble_runtime::{ContainerConfig, ContainerId, Instant, Limits};
use thimble_testkit::ports::TestPorts;

/// How long a call may wait for its waker before the guest is given up.
const WAIT_MAX: Duration = Duration::from_millis(20);
/// How long descriptors may take to be given back: jobs of the pool hold some.
const SETTLE_MAX: Duration = Duration::from_secs(5);

/// What may be granted: never anything beyond this device.
const GRANTS: [&str; 9] = [
    "fs",
    "timer",
    "kv",
    "gpio",
    "sensor",
    "bus.pub:a/#",
    "bus.sub:#",
    "net.listen",
    "net.connect:127.0.0.0/8",
];

const BOARD: &str = r#"
[[gpio]]
name = "led0"
port = 0
pin = 1
direction = "output"
[[gpio]]
name = "sw0"
port = 0
pin = 2
direction = "input"
pulses_ms = [1, 2, 3]
repeat_ms = 5
[[sensor]]
name = "temp"
id = 0
channels = [{ type = 13, values = [21.0, 21.5] }]
"#;

/// What guests share.
pub(super) struct Device {
    ports: TestPorts,
    reactor: Reactor,
    pool: Pool,
    network: LinuxNetwork,
    board: Simulated,
}

/// A guest's side of the host interface, and the folder it has.
pub(super) struct Guest {
    /// Its state.
    pub(super) state: HostState,
    folder: TempDir,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Whether a waker was woken.
pub(super) struct Woken(Arc<Flag>);

/// A waker and how to ask whether it was woken.
pub(super) fn waker() -> (Waker, Woken) {
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    (Waker::from(Arc::clone(&flag)), Woken(flag))
}

/// How many descriptors this process has open.
pub(super) fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

impl Device {
    pub(super) fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let reactor = Reactor::new()?;
        Ok(Self {
            ports: TestPorts::default(),
            network: LinuxNetwork::new(reactor.clone()),
            reactor,
            pool: Pool::new(4, IDLE_MAX),
            board: Simulated::parse(BOARD)?,
        })
    }

    /// A bus, a store and pins that no guest has used, and a clock at its begin.
    pub(super) fn reset(&mut self) {
        self.ports = TestPorts::default();
        if let Ok(board) = Simulated::parse(BOARD) {
            self.board = board;
        }
    }

    /// The ports, with a real network and a simulated board.
    pub(super) fn ports(&self) -> Ports<'_> {
        Ports {
            network: &self.network,
            board: &self.board,
            ..self.ports.ports()
        }
    }

    /// A guest with some grants, small limits, a folder twice (once only to be read), pipes and a listener.
    pub(super) fn guest(
        &self,
        module: &Module,
        u: &mut Unstructured<'_>,
    ) -> Drawn<io::Result<Guest>> {
        let bits = u.arbitrary::<u16>()?;
        let granted = (0..)
            .zip(GRANTS)
            .filter(|(index, _)| bits & 1 << index != 0);
        let mut config = ContainerConfig::new("fuzz");
        config.grants = Grants::parse(granted.map(|(_, grant)| grant)).unwrap_or_default();
        config.args = vec!["fuzz".into(), "--flag".into(), String::new()];
        config.env = vec![
            ("NAME".into(), "value".into()),
            ("EMPTY".into(), String::new()),
        ];
        config.limits = Limits {
            descriptors: u.int_in_range(4..=24)?,
            sockets: u.int_in_range(0..=8)?,
            timers: 4,
            subscriptions: 4,
            queue_messages: 8,
            queue_bytes: 4096,
            message_bytes: 1024,
            store_bytes: 1024,
            output_tail_bytes: 256,
            ..Limits::default()
        };
        let closed = u.arbitrary()?;
        Ok(self.resources(closed).map(|(resources, folder)| {
            let state = HostState::new(
                ContainerId::new(1),
                Arc::new(config),
                resources,
                &module.interface(),
            );
            Guest { state, folder }
        }))
    }

    fn resources(&self, input_closed: bool) -> io::Result<(Resources, TempDir)> {
        let folder = tempfile::tempdir()?;
        furnish(folder.path())?;
        let mount = |path: &str, read_only| {
            let directory = open_mount(&folder.path().join("mount"), &self.pool, &self.reactor)?;
            io::Result::Ok(Mount {
                path: path.into(),
                directory,
                read_only,
            })
        };
        // What it writes it can read.
        let (reader, writer) = io::pipe()?;
        let (_, gone) = streams::pipe(16);
        let shared = |descriptor: std::os::fd::BorrowedFd<'_>| {
            streams::shared(descriptor, &self.pool, &self.reactor)
        };
        let listener = listen("tcp/127.0.0.1:0", &self.reactor).map_err(io::Error::other)?;
        let resources = Resources {
            stdin: if input_closed {
                Box::new(gone)
            } else {
                shared(reader.as_fd())?
            },
            stdout: shared(writer.as_fd())?,
            stderr: streams::captured(256).0,
            mounts: vec![mount("/", false)?, mount("/read-only", true)?],
            listeners: vec![listener],
        };
        Ok((resources, folder))
    }

    /// Some time passes.
    pub(super) fn tick(&self) {
        let now = self.ports().clock.now();
        self.ports.clock.advance_to(now + Duration::from_millis(1));
    }

    /// Waits for what a call waits for. False if it does not come.
    pub(super) fn wait(&self, until: Option<Instant>, woken: &Woken) -> bool {
        let begin = Clock::now();
        while !woken.0.0.load(Ordering::Acquire) {
            if let Some(until) = until {
                self.ports.clock.advance_to(until);
                return true;
            }
            if begin.elapsed() > WAIT_MAX {
                return false;
            }
            // What cannot be waited for now is not there later either.
            let _ = self.reactor.turn(Some(Duration::from_millis(1)));
        }
        true
    }

    /// Ends a guest.
    pub(super) fn dispose(&self, mut guest: Guest) {
        guest.state.release(&self.ports());
        drop(guest.state);
        // A guest may have taken away the right to remove what is inside.
        let _ = guest.folder.close();
    }

    /// Takes what is left in the reactor.
    pub(super) fn settle(&self) {
        let _ = self.reactor.turn(Some(Duration::ZERO));
    }

    /// What is open beyond `open` descriptors once jobs have had time to end: where each leads to.
    pub(super) fn descriptors_after(&self, open: usize) -> Vec<PathBuf> {
        let begin = Clock::now();
        while open_descriptors() > open && begin.elapsed() < SETTLE_MAX {
            self.settle();
            thread::sleep(Duration::from_millis(1));
        }
        let entries = fs::read_dir("/proc/self/fd")
            .into_iter()
            .flatten()
            .flatten();
        // The one that reads this folder is among them, as it was among those before.
        entries
            .map(|entry| fs::read_link(entry.path()).unwrap_or_default())
            .collect()
    }
}

/// A folder with what guests like to find, below one that they must not reach.
fn furnish(folder: &std::path::Path) -> io::Result<()> {
    let mount = folder.join("mount");
    fs::create_dir_all(mount.join("folder/deep"))?;
    fs::write(folder.join("secret"), b"secret")?;
    fs::write(mount.join("file"), b"some bytes in a file")?;
    symlink("file", mount.join("link"))?;
    symlink("loop", mount.join("loop"))?;
    symlink("../secret", mount.join("out"))
}

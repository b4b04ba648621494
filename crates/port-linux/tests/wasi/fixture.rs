//! A guest without an engine: memory, mounts on real folders, and calls by name.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use thimble_abi::calls::WasiCall;
use thimble_abi::wasi::rights;
use thimble_abi::{Call, Errno};
use thimble_port_linux::files::open_mount;
use thimble_port_linux::pool::Pool;
use thimble_port_linux::reactor::Reactor;
use thimble_port_linux::streams::{Captured, captured, input};
use thimble_runtime::ContainerId;
use thimble_runtime::config::ContainerConfig;
use thimble_runtime::engine::{CallOutcome, Host};
use thimble_runtime::grant::Grants;
use thimble_runtime::host::{HostState, Mount, Resources};
use thimble_runtime::module::Module;
use thimble_runtime::port::Stream;
use thimble_testkit::ports::TestPorts;

/// `(module (memory (export "memory") 1))`
const MODULE: &[u8] = b"\0asm\x01\0\0\0\x05\x03\x01\0\x01\x07\x0a\x01\x06memory\x02\0";

/// Where the fixture puts what calls read, and where calls write what they give back.
pub(crate) const TEXT: u32 = 1024;
pub(crate) const TEXT_2: u32 = 16 << 10;
pub(crate) const OUT: u32 = 32 << 10;
pub(crate) const LIST: u32 = 48 << 10;
pub(crate) const DATA: u32 = 64 << 10;

/// The first mount, read and write; the second, read-only; the third, read and write.
pub(crate) const MOUNT: u64 = 3;
pub(crate) const READ_ONLY: u64 = 4;
pub(crate) const OTHER: u64 = 5;

pub(crate) const READ_WRITE: u64 = rights::FILE;

#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    reactor: Option<Reactor>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        if let Some(reactor) = &self.reactor {
            reactor.interrupt();
        }
    }
}

pub(crate) struct Guest {
    pub(crate) device: TestPorts,
    pub(crate) reactor: Reactor,
    pub(crate) memory: Vec<u8>,
    pub(crate) folder: TempDir,
    pub(crate) output: Captured,
    state: HostState,
    bell: Arc<Bell>,
}

/// What a guest is made of.
pub(crate) struct Setup {
    pub(crate) config: ContainerConfig,
    pub(crate) stdin: Box<dyn Stream>,
    pub(crate) stdout: Option<Box<dyn Stream>>,
    pub(crate) pool: Pool,
    pub(crate) reactor: Reactor,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let mut config = ContainerConfig::new("guest");
        config.grants = Grants::parse(["fs"]).unwrap();
        Self {
            config,
            stdin: input("what was typed"),
            stdout: None,
            pool: Pool::default(),
            reactor: Reactor::new().unwrap(),
        }
    }

    pub(crate) fn build(self) -> Guest {
        let folder = tempfile::tempdir().unwrap();
        let mounts =
            [("mount", false), ("read-only", true), ("other", false)].map(|(name, read_only)| {
                let path = folder.path().join(name);
                fs::create_dir(&path).unwrap();
                let directory = open_mount(&path, &self.pool, &self.reactor).unwrap();
                Mount {
                    path: format!("/{name}"),
                    directory,
                    read_only,
                }
            });
        let (stderr, output) = captured(1 << 20);
        let (kept, _) = captured(1 << 20);
        let resources = Resources {
            stdin: self.stdin,
            stdout: self.stdout.unwrap_or(kept),
            stderr,
            mounts: mounts.into(),
            listeners: Vec::new(),
        };
        let module = Module::parse(MODULE).unwrap();
        Guest {
            device: TestPorts::default(),
            state: HostState::new(
                ContainerId::new(1),
                Arc::new(self.config),
                resources,
                &module.interface(),
            ),
            bell: Arc::new(Bell {
                rung: AtomicBool::new(false),
                reactor: Some(self.reactor.clone()),
            }),
            reactor: self.reactor,
            memory: vec![0; 2 << 20],
            folder,
            output,
        }
    }
}

impl Guest {
    pub(crate) fn new() -> Self {
        Setup::new().build()
    }

    /// A path inside the first mount, on the device.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("mount").join(name)
    }

    /// One attempt.
    pub(crate) fn attempt(&mut self, call: Call, arguments: &[u64]) -> CallOutcome {
        let waker = Waker::from(Arc::clone(&self.bell));
        let ports = self.device.ports();
        self.state
            .bind(&ports, &waker)
            .call(call, arguments, &mut self.memory)
    }

    pub(crate) fn rung(&self) -> bool {
        self.bell.rung.swap(false, Ordering::SeqCst)
    }

    /// Makes a call and waits for it as the kernel would: its errno.
    pub(crate) fn errno(&mut self, call: WasiCall, arguments: &[u64]) -> u64 {
        let began = Instant::now();
        loop {
            match self.attempt(Call::Wasi(call), arguments) {
                CallOutcome::Done(errno) => return errno,
                CallOutcome::Blocked => {}
                other => panic!("{call:?} gave {other:?}"),
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{call:?} waits for ever"
            );
            if self.rung() {
                continue;
            }
            match self.state.wait_until() {
                Some(until) => self.device.clock.advance_to(until),
                None => self.reactor.turn(Some(Duration::from_secs(5))).unwrap(),
            }
        }
    }

    pub(crate) fn ok(&mut self, call: WasiCall, arguments: &[u64]) {
        let errno = self.errno(call, arguments);
        let name = Errno::ALL
            .iter()
            .find(|known| u64::from(known.number()) == errno);
        assert_eq!(errno, 0, "{call:?} failed with {name:?}");
    }

    #[track_caller]
    pub(crate) fn fails(&mut self, call: WasiCall, arguments: &[u64], errno: Errno) {
        let found = self.errno(call, arguments);
        let name = Errno::ALL
            .iter()
            .find(|known| u64::from(known.number()) == found);
        assert_eq!(name, Some(&errno), "{call:?}{arguments:?}");
    }

    pub(crate) fn put(&mut self, at: u32, bytes: &[u8]) {
        let at = at as usize;
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn bytes(&self, at: u32, len: u64) -> &[u8] {
        &self.memory[at as usize..at as usize + len as usize]
    }

    pub(crate) fn u32(&self, at: u32) -> u64 {
        u64::from(u32::from_le_bytes(self.bytes(at, 4).try_into().unwrap()))
    }

    pub(crate) fn u64(&self, at: u32) -> u64 {
        u64::from_le_bytes(self.bytes(at, 8).try_into().unwrap())
    }

    /// Puts a path at `TEXT`: its pointer and length.
    pub(crate) fn text(&mut self, path: &str) -> [u64; 2] {
        self.put(TEXT, path.as_bytes());
        [u64::from(TEXT), path.len() as u64]
    }

    pub(crate) fn text_2(&mut self, path: &str) -> [u64; 2] {
        self.put(TEXT_2, path.as_bytes());
        [u64::from(TEXT_2), path.len() as u64]
    }

    /// The arguments of `path_open`.
    pub(crate) fn open_arguments(
        &mut self,
        fd: u64,
        path: &str,
        follow: u64,
        oflags: u32,
        rights: u64,
        flags: u64,
    ) -> [u64; 9] {
        let [at, len] = self.text(path);
        [
            fd,
            follow,
            at,
            len,
            u64::from(oflags),
            rights,
            rights,
            flags,
            u64::from(OUT),
        ]
    }

    /// Opens with these `oflags` and rights.
    #[track_caller]
    pub(crate) fn open(&mut self, fd: u64, path: &str, oflags: u32, rights: u64) -> u64 {
        self.open_with(fd, path, oflags, rights, 0)
    }

    #[track_caller]
    pub(crate) fn open_with(
        &mut self,
        fd: u64,
        path: &str,
        oflags: u32,
        rights: u64,
        flags: u64,
    ) -> u64 {
        let arguments = self.open_arguments(fd, path, 1, oflags, rights, flags);
        self.ok(WasiCall::PathOpen, &arguments);
        self.u32(OUT)
    }

    /// Puts a list of buffers at `LIST`: its pointer and length.
    pub(crate) fn list(&mut self, buffers: &[(u32, u32)]) -> [u64; 2] {
        let bytes: Vec<u8> = buffers
            .iter()
            .flat_map(|(at, len)| [at.to_le_bytes(), len.to_le_bytes()].concat())
            .collect();
        self.put(LIST, &bytes);
        [u64::from(LIST), buffers.len() as u64]
    }

    #[track_caller]
    pub(crate) fn write(&mut self, fd: u64, bytes: &[u8]) -> u64 {
        self.put(DATA, bytes);
        let [list, len] = self.list(&[(DATA, bytes.len() as u32)]);
        self.ok(WasiCall::FdWrite, &[fd, list, len, u64::from(OUT)]);
        self.u32(OUT)
    }

    #[track_caller]
    pub(crate) fn read(&mut self, fd: u64, len: u32) -> Vec<u8> {
        let [list, count] = self.list(&[(DATA, len)]);
        self.ok(WasiCall::FdRead, &[fd, list, count, u64::from(OUT)]);
        self.bytes(DATA, self.u32(OUT)).to_vec()
    }
}

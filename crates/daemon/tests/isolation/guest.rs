//! A container that uses files, waits and looks a name up, on a whole machine.

use std::path::Path;
use std::sync::Arc;

use thimble_engine_wasmi::{Settings, WasmiEngine};
use thimble_port_linux::files;
use thimble_port_linux::machine::{Devices, Machine};
use thimble_port_linux::network::LinuxNetwork;
use thimble_port_linux::pool::{IDLE_MAX, Pool, THREADS_MAX};
use thimble_port_linux::reactor::Reactor;
use thimble_port_linux::store::FileStore;
use thimble_port_linux::streams;
use thimble_runtime::engine::Engine as _;
use thimble_runtime::grant::Grants;
use thimble_runtime::host::{Mount, Resources};
use thimble_runtime::kernel::Schedule;
use thimble_runtime::module::Module;
use thimble_runtime::port::{NoBoard, Observer};
use thimble_runtime::record::{End, Trace};
use thimble_runtime::{ContainerConfig, ContainerId};

/// Makes a folder and a file in it, writes, moves the file out of the folder, sleeps for a millisecond, and ends with 7.
const GUEST: &str = r#"(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $folder (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename"
    (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_sync" (func $sync (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "a")
  (data (i32.const 8) "a/f")
  (data (i32.const 16) "g")
  (data (i32.const 64) "\00\00\00\00\08\00\00\00")
  (func $must (param i32)
    (if (local.get 0) (then (call $exit (local.get 0)))))
  (func (export "_start")
    (call $must (call $folder (i32.const 3) (i32.const 0) (i32.const 1)))
    (call $must (call $open (i32.const 3) (i32.const 0) (i32.const 8) (i32.const 3)
      (i32.const 1) (i64.const 0x1ff) (i64.const 0) (i32.const 0) (i32.const 128)))
    (call $must (call $write (i32.load (i32.const 128)) (i32.const 64) (i32.const 1) (i32.const 132)))
    (call $must (call $sync (i32.load (i32.const 128))))
    (call $must (call $rename (i32.const 3) (i32.const 8) (i32.const 3)
      (i32.const 3) (i32.const 16) (i32.const 1)))
    (call $must (call $random (i32.const 512) (i32.const 16)))
    (i32.store (i32.const 272) (i32.const 1))
    (i64.store (i32.const 280) (i64.const 1000000))
    (call $must (call $poll (i32.const 256) (i32.const 384) (i32.const 1) (i32.const 448)))
    (call $exit (i32.const 7))))"#;

struct Silent;

impl Observer for Silent {
    fn trace(&self, _: ContainerId, _: Trace<'_>) {}
}

pub(crate) fn runs(state: &Path) {
    let volume = state.join("volume");
    std::fs::create_dir(&volume).unwrap();
    let reactor = Reactor::new().unwrap();
    let pool = Pool::new(THREADS_MAX, IDLE_MAX);
    let machine = Machine::new(
        Devices {
            network: Box::new(LinuxNetwork::new(reactor.clone())),
            board: Box::new(NoBoard),
            store: Box::new(Arc::new(FileStore::new(state.join("kv"), pool.clone()))),
            observer: Box::new(Silent),
            reactor: reactor.clone(),
        },
        Schedule::default(),
    );
    let workers = machine.spawn_workers(2).unwrap();
    let module = Module::parse(wat::parse_str(GUEST).unwrap()).unwrap();
    let loaded = WasmiEngine::new(Settings::linux()).load(&module).unwrap();
    let resources = Resources {
        stdin: streams::null(),
        stdout: streams::null(),
        stderr: streams::null(),
        mounts: vec![Mount {
            path: "/data".into(),
            directory: files::open_mount(&volume, &pool, &reactor).unwrap(),
            read_only: false,
        }],
        listeners: Vec::new(),
    };
    let mut config = ContainerConfig::new("guest");
    config.grants = Grants::parse(["fs"]).unwrap();
    let id = machine.create(Arc::new(config));
    machine.start(id, &module, &*loaded, resources).unwrap();
    let record = machine.wait(id).unwrap();
    assert!(matches!(record.end, End::Exited(7)), "{:?}", record.end);
    drop(workers);
}

//! What must go on.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{attempts, guest};

/// What was seen before, to compare.
pub(crate) struct Before {
    certificates: usize,
    low_port: bool,
    /// Makes the system forget what it has made up in `/proc`, where this user may.
    caches: Option<File>,
}

pub(crate) fn before() -> Before {
    Before {
        certificates: certificates(),
        low_port: low_port(),
        caches: File::options()
            .write(true)
            .open("/proc/sys/vm/drop_caches")
            .ok(),
    }
}

pub(crate) fn all(world: &Path, before: &Before) {
    let state = world.join("state");
    files(&state);
    sockets(&state);
    assert_eq!(certificates(), before.certificates);
    assert_eq!(low_port(), before.low_port);
    measurements();
    children(&world.join("program"));
    clocks();
    runtime(&state);
    guest::runs(&state);
    if let Some(mut caches) = before.caches.as_ref() {
        caches.write_all(b"2").unwrap();
    }
    // Once more from a thread that came later.
    std::thread::spawn(measurements).join().unwrap();
}

fn certificates() -> usize {
    rustls_native_certs::load_native_certs().certs.len()
}

fn low_port() -> bool {
    TcpListener::bind("127.0.0.1:83").is_ok()
}

fn files(state: &Path) {
    for name in ["ingest", "blobs"] {
        fs::create_dir(state.join(name)).unwrap();
    }
    let draft = state.join("ingest/draft");
    let mut file = File::create_new(&draft).unwrap();
    file.lock().unwrap();
    file.write_all(b"content").unwrap();
    file.set_len(4).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, 4096).unwrap();
    file.sync_all().unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    let blob = state.join("blobs/blob");
    fs::rename(&draft, &blob).unwrap();
    fs::hard_link(&blob, &draft).unwrap();
    std::os::unix::fs::symlink(&blob, state.join("link")).unwrap();
    assert_eq!(fs::read(state.join("link")).unwrap(), b"cont");
    fs::copy(&blob, state.join("copy")).unwrap();
    fs::set_permissions(&blob, fs::metadata(&blob).unwrap().permissions()).unwrap();
    assert_eq!(fs::read_dir(state).unwrap().count(), 4);
    fs::remove_dir_all(state.join("ingest")).unwrap();
    rustix::fs::statvfs(state).unwrap();
}

fn sockets(state: &Path) {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = TcpListener::bind(address) else {
            assert!(address.starts_with('['), "{address}");
            continue;
        };
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_nodelay(true).unwrap();
        client.set_nonblocking(true).unwrap();
        client.write_all(b"x").unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.read_exact(&mut [0]).unwrap();
    }
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.set_broadcast(true).unwrap();
    socket.set_multicast_ttl_v4(2).unwrap();
    let to = ("127.0.0.1", socket.local_addr().unwrap().port());
    socket.send_to(b"x", to).unwrap();
    socket.recv_from(&mut [0]).unwrap();
    let path = state.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    UnixStream::connect(&path).unwrap();
    listener.accept().unwrap();
    UnixStream::pair().unwrap();
    assert!(("localhost", 80).to_socket_addrs().unwrap().count() > 0);
    fs::read_to_string("/etc/resolv.conf").unwrap();
}

fn measurements() {
    let memory = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    assert!(memory.contains("Pss:"), "{memory}");
    fs::read_to_string("/proc/self/stat").unwrap();
    fs::read_to_string("/proc/meminfo").unwrap();
    fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(std::thread::available_parallelism().unwrap().get() > 0);
    let mut random = [0; 8];
    File::open("/dev/urandom")
        .unwrap()
        .read_exact(&mut random)
        .unwrap();
    fs::write("/dev/null", random).unwrap();
}

fn children(program: &Path) {
    let status = Command::new(program).arg("answer").status().unwrap();
    assert_eq!(status.code(), Some(attempts::ANSWER));
    // One that is executed by way of /proc, as the compiling child may be, and that is killed.
    let mut child = Command::new("/proc/self/exe")
        .arg("wait")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
}

/// The timer that stops guests: its signal goes to one thread.
fn clocks() {
    static HEARD: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    extern "C" fn hear(_: libc::c_int) {
        HEARD.store(true, std::sync::atomic::Ordering::Relaxed);
    }
    // SAFETY: zero is a value of all its fields.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    event.sigev_notify = libc::SIGEV_THREAD_ID;
    event.sigev_signo = libc::SIGURG;
    event.sigev_notify_thread_id = rustix::thread::gettid().as_raw_nonzero().get();
    let mut timer = std::ptr::null_mut();
    let soon = libc::timespec {
        tv_sec: 0,
        tv_nsec: 1000,
    };
    let never = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let time = libc::itimerspec {
        it_interval: never,
        it_value: soon,
    };
    let hear = hear as *const () as libc::sighandler_t;
    // SAFETY: the handler only stores a number.
    unsafe { libc::signal(libc::SIGURG, hear) };
    // SAFETY: both pointers are to live values.
    let made = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
    assert_eq!(made, 0);
    // SAFETY: the timer was made above, and the time is a live value.
    let set = unsafe { libc::timer_settime(timer, 0, &raw const time, std::ptr::null_mut()) };
    assert_eq!(set, 0);
    while !HEARD.load(std::sync::atomic::Ordering::Relaxed) {
        std::thread::yield_now();
    }
    // SAFETY: it was made above.
    unsafe { libc::timer_delete(timer) };
}

/// The control thread's runtime: sockets, timers, blocking work, signals.
fn runtime(state: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangup = signal(SignalKind::hangup()).unwrap();
        let listener = tokio::net::UnixListener::bind(state.join("tokio")).unwrap();
        let client = tokio::net::UnixStream::connect(state.join("tokio"));
        let (client, server) = tokio::join!(client, listener.accept());
        client.unwrap();
        server.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        let read = tokio::task::spawn_blocking(|| fs::read("/etc/hosts"));
        read.await.unwrap().unwrap();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP)
            .unwrap();
        hangup.recv().await.unwrap();
    });
}

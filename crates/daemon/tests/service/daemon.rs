//! The parts that the program plays as a child.

use std::ffi::c_int;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thimble_daemon::service::{self, Bind, Sockets, crash, notify, supervise};

/// Plays a part, if there is one of this name.
pub(crate) fn play(part: &str, folder: &Path, rest: &[String]) -> Option<ExitCode> {
    match part {
        "hold" => hold(folder),
        "listen" => listen(folder, rest.first().map(String::as_str)),
        "die" => die(folder, &rest[0]),
        "supervised" => return Some(supervised(folder, rest)),
        "fed" => fed(rest),
        _ => return None,
    }
    Some(ExitCode::SUCCESS)
}

/// Holds the lock until its input ends.
fn hold(folder: &Path) {
    match service::lock(folder) {
        Ok(lock) => {
            println!("held by {}", std::process::id());
            wait_for_end();
            drop(lock);
        }
        Err(error) => println!("{error}"),
    }
}

fn wait_for_end() {
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn sockets(folder: &Path, group: Option<&str>) -> Result<Sockets, service::SocketError> {
    service::sockets(&Bind {
        path: &folder.join("run/daemon.sock"),
        group,
    })
}

/// Says what it listens on, and answers one client.
fn listen(folder: &Path, group: Option<&str>) {
    let sockets = match sockets(folder, group) {
        Ok(sockets) => sockets,
        Err(error) => return println!("{error}"),
    };
    let metrics = sockets
        .metrics
        .as_ref()
        .map(|metrics| metrics.local_addr().unwrap().port());
    let left = [
        "LISTEN_FDS",
        "LISTEN_PID",
        "LISTEN_FDNAMES",
        "THIMBLE_HANDOVER",
    ]
    .iter()
    .filter(|name| std::env::var_os(name).is_some())
    .count();
    println!(
        "{:?} {metrics:?} {left}",
        sockets.api.local_addr().unwrap().as_pathname()
    );
    // None of it goes to children.
    let child = std::process::Command::new("ls")
        .args(["-l", "/proc/self/fd"])
        .output()
        .unwrap();
    let listed = String::from_utf8_lossy(&child.stdout);
    println!("{}", listed.matches("socket:").count());
    wait_for_end();
}

fn running() -> Option<u64> {
    Some(7)
}

/// Dies in a way of one's choice, after it has noted how the last one died.
fn die(folder: &Path, how: &str) {
    match crash::take(folder) {
        Some(note) => println!("{note}"),
        None => println!("nothing"),
    }
    let running = if how.starts_with("panic") {
        || None
    } else {
        running as fn() -> _
    };
    crash::install(crash::open(folder).unwrap(), running).unwrap();
    assert!(crash::install(crash::open(folder).unwrap(), running).is_err());
    match how {
        "panic" => panic!("the main one"),
        "panic-thread" => {
            std::thread::spawn(|| panic!("another\none")).join().ok();
        }
        "panic-many" => {
            // One of them tells, and its line is whole.
            let threads: Vec<_> = (0..8)
                .map(|_| std::thread::spawn(|| panic!("one of many")))
                .collect();
            threads.into_iter().for_each(|thread| drop(thread.join()));
        }
        "abort" => std::process::abort(),
        "overflow" => println!("{}", overflow(1)),
        "overflow-thread" => {
            std::thread::spawn(|| println!("{}", overflow(1)))
                .join()
                .ok();
        }
        // SAFETY: it is meant to fail.
        "fault" => unsafe { std::ptr::without_provenance_mut::<u8>(16).write_volatile(1) },
        "live" => return,
        signal => {
            // SAFETY: it touches no memory.
            unsafe { libc::raise(signal.parse::<c_int>().unwrap()) };
        }
    }
    println!("still there");
}

#[expect(
    unconditional_recursion,
    reason = "it is meant to come to the end of the stack"
)]
fn overflow(depth: u64) -> u64 {
    std::hint::black_box([depth; 64])[0] + overflow(depth + 1)
}

static ASKED: AtomicBool = AtomicBool::new(false);

extern "C" fn ask(_: c_int) {
    ASKED.store(true, Ordering::Relaxed);
}

/// A supervised daemon. It does what its clients ask in one byte: `p` says its process, `e` ends well, `f` fails,
/// `c` crashes; `h` waits for a signal.
fn supervised(folder: &Path, rest: &[String]) -> ExitCode {
    let sockets = match sockets(folder, None) {
        Ok(sockets) => sockets,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(3);
        }
    };
    if supervise::supervisor().is_none() {
        println!("parent {}", std::process::id());
        let code = supervise::run(&sockets, supervise::this_program).unwrap();
        drop(sockets);
        return code;
    }
    let Sockets { api, readiness, .. } = sockets;
    match rest.first().map(String::as_str) {
        Some("fail") => std::process::exit(9),
        // SAFETY: it touches no memory.
        Some("crash") => drop(unsafe { libc::raise(libc::SIGKILL) }),
        _ => {}
    }
    for signal in [libc::SIGHUP, libc::SIGUSR1] {
        let ask = ask as *const () as libc::sighandler_t;
        // SAFETY: the handler only stores a value.
        unsafe { libc::signal(signal, ask) };
    }
    notify::ready(readiness).unwrap();
    println!("ready {}", std::process::id());
    for client in api.incoming() {
        let mut client = client.unwrap();
        let mut wish = [0];
        client.read_exact(&mut wish).unwrap();
        match &wish {
            b"e" => std::process::exit(0),
            b"f" => std::process::exit(5),
            b"c" => std::process::abort(),
            b"h" => {
                client.write_all(b"waiting").unwrap();
                while !ASKED.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                println!("heard");
            }
            _ => client
                .write_all(std::process::id().to_string().as_bytes())
                .unwrap(),
        }
    }
    ExitCode::SUCCESS
}

/// Feeds the watchdog for as long as its input tells it to live.
fn fed(rest: &[String]) {
    let Some(watchdog) = notify::Watchdog::from_environment() else {
        return println!("none");
    };
    println!("{:?}", watchdog.interval);
    let alive = rest.is_empty();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    notify::status("two\nlines").unwrap();
    runtime.block_on(async {
        if alive {
            watchdog.keep(|| true).await;
        }
        let kept = tokio::time::timeout(Duration::from_millis(50), watchdog.keep(|| false));
        assert!(kept.await.is_err());
    });
    notify::stopping().unwrap();
}

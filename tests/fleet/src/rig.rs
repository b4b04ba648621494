//! A whole fleet of real programs: `thimble-hub serve`, `thimble daemon`, `thimble push`, SQLite or PostgreSQL.
//!
//! Everything that is started ends with what started it, however a test ends. The programs are those beside the test
//! (`cargo build -p thimble-hub -p thimble-cli`), or those that `THIMBLE_PROGRAM` and `THIMBLE_HUB_PROGRAM` name.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "everything here runs inside a test and may stop at the first surprise"
)]

mod device;
mod guest;
mod hub;
pub mod operate;
mod proxy;
mod wait;
mod ward;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};

pub use device::{Device, Join};
pub use guest::{CAREFUL, TELLS, TRAPS, WELL, tagged};
pub use hub::{Database, Hub, HubSettings, Node, TENANT};
pub use proxy::{Proxy, Replay};
pub use wait::{PATIENCE, until, until_async};
pub use ward::Ward;

/// Ports of nodes lie below those that the system gives to whoever asks for any.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// The program of this name.
fn program(name: &str, variable: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        return path.into();
    }
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap();
    let folder = if folder.ends_with("deps") {
        folder.parent().unwrap()
    } else {
        folder
    };
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is missing; run `cargo build -p thimble-cli -p thimble-hub`",
        path.display()
    );
    path
}

/// The command line of devices and operators.
#[must_use]
pub fn thimble() -> PathBuf {
    program("thimble", "THIMBLE_PROGRAM")
}

/// The hub.
#[must_use]
pub fn thimble_hub() -> PathBuf {
    program("thimble-hub", "THIMBLE_HUB_PROGRAM")
}

/// A port on which nobody listens, and which this process gives away once: a node that is started again has it again.
#[must_use]
pub fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    // Processes that run at once begin at different places.
    let begin = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(span)).unwrap();
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(next < span, "every port from {} on is taken", PORTS.start);
        let port = PORTS.start + (begin + next) % span;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

//! Somebody for a server to serve.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often it is tried whether the server is there yet.
const RETRY: Duration = Duration::from_millis(5);
/// So that the server has waited, too, and not only found what was there.
const PAUSE: Duration = Duration::from_millis(20);
const ROUNDS: usize = 3;

/// A client on a thread of its own.
pub(super) struct Client {
    given_up: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Client {
    /// Connects as soon as there is a server on this port, and says something a few times.
    pub(super) fn start(port: u16) -> Self {
        let given_up = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&given_up);
        let thread = thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                    // If the server is gone, its own end tells more.
                    let _ = talk(server);
                    return;
                }
                thread::sleep(RETRY);
            }
        });
        Self { given_up, thread }
    }

    /// Ends it, whether there was a server or not.
    pub(super) fn stop(self) {
        self.given_up.store(true, Ordering::Relaxed);
        // It panics for nothing, and has nothing to tell.
        let _ = self.thread.join();
    }
}

fn talk(mut server: TcpStream) -> std::io::Result<()> {
    server.set_read_timeout(Some(Duration::from_secs(10)))?;
    for _ in 0..ROUNDS {
        thread::sleep(PAUSE);
        server.write_all(b"hello")?;
        server.read_exact(&mut [0; 5])?;
    }
    Ok(())
}

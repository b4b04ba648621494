//! A proxy that cuts connections after so many bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use thimble_testkit::random::Random;

/// Which bytes count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    FromServer,
    ToServer,
}

pub(crate) struct CuttingProxy {
    pub(crate) address: String,
    cuts: Arc<AtomicUsize>,
    counted: Arc<AtomicU64>,
}

impl CuttingProxy {
    /// Cuts the first `connections`, each after up to `bytes` bytes.
    pub(crate) fn start(
        target: &str,
        counted: Counted,
        connections: usize,
        bytes: u64,
        seed: u64,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let cuts = Arc::new(AtomicUsize::new(0));
        let bytes_counted = Arc::new(AtomicU64::new(0));
        let (target, count) = (target.to_owned(), Arc::clone(&cuts));
        let sum = Arc::clone(&bytes_counted);
        let random = Mutex::new(Random::new(seed));
        std::thread::spawn(move || {
            for (number, client) in listener.incoming().enumerate() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&target)) else {
                    return;
                };
                let limit = if number < connections {
                    1 + random.lock().unwrap().below(bytes)
                } else {
                    u64::MAX
                };
                let limit_of = |direction| {
                    if direction == counted {
                        limit
                    } else {
                        u64::MAX
                    }
                };
                let (up, down) = (limit_of(Counted::ToServer), limit_of(Counted::FromServer));
                let (client_too, server_too) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (up_count, down_count) = (Arc::clone(&count), Arc::clone(&count));
                let (up_sum, down_sum) = (Arc::clone(&sum), Arc::clone(&sum));
                let is_up = counted == Counted::ToServer;
                std::thread::spawn(move || {
                    let sum = carry(client, server, up, &up_count);
                    up_sum.fetch_add(if is_up { sum } else { 0 }, Ordering::SeqCst);
                });
                std::thread::spawn(move || {
                    let sum = carry(server_too, client_too, down, &down_count);
                    down_sum.fetch_add(if is_up { 0 } else { sum }, Ordering::SeqCst);
                });
            }
        });
        Self {
            address,
            cuts,
            counted: bytes_counted,
        }
    }

    /// Bytes that counted, of connections that have ended.
    pub(crate) fn bytes(&self) -> u64 {
        self.counted.load(Ordering::SeqCst)
    }

    pub(crate) fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, mut limit: u64, cuts: &AtomicUsize) -> u64 {
    let mut carried = 0;
    let mut buffer = [0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let allowed = usize::try_from(limit).unwrap_or(usize::MAX).min(count);
        if to.write_all(&buffer[..allowed]).is_err() {
            break;
        }
        limit -= allowed as u64;
        carried += allowed as u64;
        if limit == 0 {
            cuts.fetch_add(1, Ordering::SeqCst);
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
    carried
}

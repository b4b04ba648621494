//! Tells how much memory a pull takes at its peak: `transfer_figures REF`. Blobs are checked and thrown away.

#![allow(clippy::print_stdout, reason = "it is what the program is for")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use thimble_image::store::{Admission, BlobStore, BlobWriter, CommitError};
use thimble_image::{Descriptor, Digest, Hasher};
use thimble_port_registry::{Registries, Settings, Unwatched};

/// Remembers which blobs came, and nothing of them.
#[derive(Clone, Default)]
struct Sieve(Rc<RefCell<BTreeSet<Digest>>>);

struct Passing {
    sieve: Sieve,
    blob: Descriptor,
    hasher: Hasher,
    bytes: u64,
}

impl BlobStore for Sieve {
    type Error = Infallible;
    type Writer = Passing;

    fn admit(&self, blob: &Descriptor) -> Result<Admission<Passing>, Infallible> {
        if self.0.borrow().contains(&blob.digest) {
            return Ok(Admission::Present);
        }
        Ok(Admission::Wanted(Passing {
            sieve: self.clone(),
            blob: blob.clone(),
            hasher: Hasher::new(),
            bytes: 0,
        }))
    }

    fn read(&self, _: &Digest, _offset: u64, _buffer: &mut [u8]) -> Result<usize, Infallible> {
        Ok(0)
    }
}

impl BlobWriter for Passing {
    type Error = Infallible;

    fn offset(&self) -> u64 {
        self.bytes
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Infallible> {
        (self.hasher, self.bytes) = (Hasher::new(), 0);
        Ok(())
    }

    fn commit(self) -> Result<(), CommitError<Infallible>> {
        let (expected, found) = (self.blob.digest, self.hasher.finish());
        if expected != found {
            return Err(CommitError::Digest { expected, found });
        }
        self.sieve.0.borrow_mut().insert(found);
        Ok(())
    }
}

/// The most memory that this process ever had, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = peak.and_then(|peak| peak.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn main() -> ExitCode {
    let Some(Ok(reference)) = std::env::args().nth(1).map(|text| text.parse()) else {
        println!("usage: transfer_figures REF");
        return ExitCode::FAILURE;
    };
    let Ok(registries) = Registries::new(Settings::default()) else {
        println!("the proxies of the environment cannot be used");
        return ExitCode::FAILURE;
    };
    let before = peak_kib();
    let start = Instant::now();
    let pulled = registries.pull(
        &reference,
        &[],
        &Sieve::default(),
        &mut Unwatched,
        &mut |_| Ok(()),
    );
    match pulled {
        Ok(found) => {
            let (after, time) = (peak_kib(), start.elapsed());
            println!("{} in {time:.2?}", found.root.digest);
            println!(
                "{before} KiB before, {after} KiB at the peak, {} KiB more",
                after - before
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

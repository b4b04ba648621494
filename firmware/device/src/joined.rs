//! Joins the board's parts: log, image store, engine and supervisor.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use firmware_parts::{Fault, MappedFlash, StartedBy, Words};
use thimble_port_mcu::extents::Extents;
use thimble_port_mcu::files;
use thimble_port_mcu::flash::SharedFlash;
use thimble_port_mcu::log::{Log, SharedLog};
use thimble_port_mcu::machine::Lock;
use thimble_port_mcu::random::SeededRandom;
use thimble_port_mcu::records::Records;
use thimble_port_mcu::shared::SharedRecords;
use thimble_port_mcu::store::RecordStore;
use thimble_runtime::port::{Board, Clock as _};
use thimble_supervisor::Parts;

use crate::clock::DeviceClock;
use crate::facts::Facts;
use crate::flash::BoardFlash;
use crate::programs::InPlace;
use crate::settings;
use crate::volumes::Kept;

/// What is joined.
pub(crate) struct Device<F, B> {
    pub(crate) name: &'static str,
    pub(crate) flash: F,
    pub(crate) board: B,
    pub(crate) seed: [u8; 32],
    pub(crate) started_by: StartedBy,
    pub(crate) fault: Option<Fault>,
    pub(crate) words: Words,
}

/// What the supervisor needs, and what the console says first.
///
/// # Errors
/// Why there is nothing to keep containers in.
#[inline(never)]
pub(crate) fn parts<F, B>(
    device: Device<F, B>,
    clock: &DeviceClock,
) -> Result<(Box<Parts>, String), String>
where
    F: MappedFlash + Send + 'static,
    B: Board + Send + 'static,
{
    let (records, images, found) = storage(device.flash, device.words)?;
    let mut greeting = format!(
        "thimble {} on {}, started by {}; storage: {found}\n",
        env!("CARGO_PKG_VERSION"),
        device.name,
        device.started_by,
    );
    if let Some(fault) = &device.fault {
        greeting.push_str(&format!("the last run ended with a fault: {fault}\n"));
    }
    let values = RecordStore::new(Arc::clone(&records));
    let now = clock.clone();
    let parts = Box::new(Parts {
        clock: Box::new(clock.clone()),
        random: Box::new(SeededRandom::new(device.seed)),
        network: network(),
        board: Box::new(device.board),
        store: Box::new(values.clone()),
        records: Arc::clone(&records),
        images: Box::new(images),
        programs: Box::leak(Box::new(InPlace(settings::engine()))),
        volumes: Box::new(Kept {
            files: files::Volumes::new(records, Arc::new(move || now.realtime_nanos())),
            values,
        }),
        facts: Box::new(Facts {
            board: device.name,
            started_by: device.started_by,
            recovered: found,
            fault: device.fault,
            clock: clock.clone(),
        }),
    });
    Ok((parts, greeting))
}

/// The log and the images in a flash, and what was found there.
#[inline(never)]
fn storage<F: MappedFlash + Send + 'static>(
    flash: F,
    words: Words,
) -> Result<(SharedRecords, Extents, String), String> {
    let flash = SharedFlash::mapped(BoardFlash(flash));
    let (log, images) = settings::partitions(flash.geometry());
    let failed = |what: &str, error: &dyn core::fmt::Display| {
        format!(
            "flash cannot keep {what}: {error}; the board needs flash of the size that it says it has\n"
        )
    };
    let log = flash
        .region(log)
        .map_err(|error| failed("records", &error))?;
    let images = flash
        .region(images)
        .map_err(|error| failed("images", &error))?;
    let (log, recovered) =
        Log::open(log, &settings::log(words)).map_err(|error| failed("records", &error))?;
    let log = SharedLog::new(log);
    let records: SharedRecords = Arc::new(Lock::new(Box::new(log.clone()) as Box<dyn Records>));
    let (images, surveyed) =
        Extents::open(images, Box::new(log)).map_err(|error| failed("images", &error))?;
    Ok((records, images, format!("{recovered}; {surveyed}")))
}

#[cfg(feature = "network")]
fn network() -> Box<dyn thimble_runtime::port::Network + Send> {
    use thimble_port_mcu::network::{LocalNetwork, LocalSettings};
    Box::new(LocalNetwork::new(LocalSettings::default()))
}

#[cfg(not(feature = "network"))]
fn network() -> Box<dyn thimble_runtime::port::Network + Send> {
    Box::new(thimble_port_mcu::network::NoNetwork)
}

//! Joins the board's parts: log, image store, engine and supervisor.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use firmware_parts::{Fault, MappedFlash, StartedBy, Words};
use thimble_port_mcu::extents::Extents;
use thimble_port_mcu::files;
use thimble_port_mcu::flash::SharedFlash;
use thimble_port_mcu::log::{Log, LogSettings};
use thimble_port_mcu::machine::Lock;
use thimble_port_mcu::network::NoNetwork;
use thimble_port_mcu::random::SeededRandom;
use thimble_port_mcu::shared::SharedRecords;
use thimble_port_mcu::store::RecordStore;
use thimble_runtime::port::{Board, Clock as _};
use thimble_supervisor::{Parts, Supervisor};

use crate::clock::DeviceClock;
use crate::facts::Facts;
use crate::flash::BoardFlash;
use crate::programs::InPlace;
use crate::volumes::Kept;
use crate::settings;

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

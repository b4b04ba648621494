//! The targets: what each examines, and how it is named.

mod agent_events;
mod board;
mod engines;
mod flash_log;
mod fleet_bundle;
mod fleet_messages;
mod fleet_session;
mod grants;
mod host_calls;
mod image_archive;
mod image_documents;
mod image_signature;
mod module;
mod packing;
mod serial;
mod smith;

use std::time::Duration;

use crate::finding::Violation;
use crate::shapes::Shapes;

/// Something that examines inputs.
pub(crate) trait Target {
    /// Examines an input and tells what it did.
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation>;
}

/// A target.
pub(crate) struct TargetSpec {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it examines.
    pub(crate) summary: &'static str,
    /// The longest input.
    pub(crate) bytes_max: usize,
    /// The longest time for one input.
    pub(crate) patience: Duration,
    /// Parts that inputs are often made of.
    pub(crate) tokens: &'static [&'static [u8]],
    /// Makes it.
    pub(crate) make: fn() -> Box<dyn Target>,
}

/// Every target.
pub(crate) static TARGETS: &[TargetSpec] = &[
    module::SPEC,
    packing::SPEC,
    grants::SPEC,
    host_calls::SPEC,
    engines::SPEC,
    board::SPEC,
    flash_log::SPEC,
    image_documents::SPEC,
    image_archive::SPEC,
    image_signature::SPEC,
    serial::SPEC,
    fleet_messages::SPEC,
    fleet_bundle::SPEC,
    fleet_session::SPEC,
    agent_events::SPEC,
];

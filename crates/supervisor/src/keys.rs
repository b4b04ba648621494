//! The keys of the supervisor's records.
//!
//! ```text
//! c NAME           a container: what it was declared to be, and whether it is to run
//! r NAME 0 PLACE   the end of a run, one of few places that are used in turn
//! n d DIGEST       an image: where its parts are in its extent, and their checksum
//! n r REFERENCE    the digest of the image that has this name
//! d x NAME         a container was removed, and its files are still to be
//! d w              everything is to be removed
//! ```

use alloc::vec::Vec;

use thimble_port_mcu::records::prefix;

/// The beginning of the keys of containers.
pub(crate) const CONTAINERS: &[u8] = &[prefix::CONTAINER];
/// The beginning of the keys of images.
pub(crate) const IMAGES: &[u8] = &[prefix::REFERENCE, b'd'];
/// The beginning of the keys of references.
pub(crate) const REFERENCES: &[u8] = &[prefix::REFERENCE, b'r'];
/// The beginning of the keys of what removed containers left.
pub(crate) const LEFTOVERS: &[u8] = &[prefix::DEVICE, b'x'];
/// Everything is to be removed.
pub(crate) const WIPE: &[u8] = &[prefix::DEVICE, b'w'];

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A container.
pub(crate) fn container(name: &str) -> Vec<u8> {
    joined(&[CONTAINERS, name.as_bytes()])
}

/// A place for the end of a run.
pub(crate) fn end(name: &str, place: u8) -> Vec<u8> {
    joined(&[&[prefix::RUN], name.as_bytes(), &[0, place]])
}

/// An image.
pub(crate) fn image(digest: &[u8; 32]) -> Vec<u8> {
    joined(&[IMAGES, digest])
}

/// A reference.
pub(crate) fn reference(reference: &str) -> Vec<u8> {
    joined(&[REFERENCES, reference.as_bytes()])
}

/// What a removed container left.
pub(crate) fn leftover(name: &str) -> Vec<u8> {
    joined(&[LEFTOVERS, name.as_bytes()])
}

//! The keys that sign states and manifests.

use thimble_image::Digest;

/// The name of a key in envelopes (`kid`): the first 8 bytes of the SHA-256 of its compressed point.
#[must_use]
pub fn key_id(point: &[u8]) -> [u8; 8] {
    let digest = Digest::of(point);
    let mut id = [0; 8];
    for (to, from) in id.iter_mut().zip(digest.as_bytes()) {
        *to = *from;
    }
    id
}

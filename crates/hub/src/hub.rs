//! What all parts of a node share.

/// A node of the hub: the store, the blobs, the keys and the settings. Cheap to share (`Arc`).
#[derive(Debug)]
pub struct Hub {}

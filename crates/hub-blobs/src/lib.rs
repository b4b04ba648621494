//! hub-blobs.

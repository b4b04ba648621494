//! Images on this device: a content-addressed store that survives power cuts, and archives of it.

pub mod archive;
pub mod store;

//! Images in archives: saving, loading, and finding a module in layers that are archives.
//!
//! An archive is an OCI image layout (OCI image specification 1.1, image layout) as a folder or as a tar file. What is
//! read is hostile: every path, length and digest is checked, nothing is unpacked to the file system, and memory does
//! not depend on what an archive says. Blobs of an archive that is refused may stay in the store; nothing points at
//! them, so the next garbage collection takes them.
//!
//! Owns no tags: whoever loads decides what the images are called.

mod blob;
mod entries;
mod extract;
mod load;
mod reach;
mod save;
#[cfg(test)]
mod tests;

pub use entries::EntryProblem;
pub use extract::{ExtractError, extract_module};
pub use load::{LoadError, Loaded, load_folder, load_tar};
pub use reach::ReachError;
pub use save::{SaveError, save_folder, save_tar};

/// What an archive may cost at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Files, folders and whatever else it lists.
    pub entries_max: u64,
    /// Bytes of the archive, uncompressed.
    pub archive_bytes_max: u64,
    /// Bytes of a module that is found in layers.
    pub module_bytes_max: u64,
}

impl Default for Limits {
    /// More than any image of a device needs, less than what would fill a server.
    fn default() -> Self {
        Self {
            entries_max: 100_000,
            archive_bytes_max: 16 << 30,
            module_bytes_max: 512 << 20,
        }
    }
}

//! What the supervisor asks of the engine: to prepare a module once, when it is installed, and to open it at every start.

use alloc::sync::Arc;

use thimble_runtime::engine::{LoadError, LoadedModule};
use thimble_runtime::module::Interface;

/// A module that can be instantiated, and what the host must know of it.
pub struct Opened {
    /// The module.
    pub module: Arc<dyn LoadedModule>,
    /// What the host must know of it.
    pub interface: Interface,
}

/// Takes what an engine writes beside a module. Each byte is written once, front to back but for few parts that are left
/// out and come later, such as the head.
pub trait TableSink {
    /// Writes bytes at an offset, both multiples of 4.
    ///
    /// # Errors
    /// [`SinkFull`].
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SinkFull>;
}

/// There is no room for the table, or storage failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkFull;

/// A module and its side table whose bytes are those that this device wrote: only this crate makes one, after it has
/// compared their checksum.
#[derive(Clone, Copy, Debug)]
pub struct Checked {
    module: &'static [u8],
    table: &'static [u8],
    digest: [u8; 32],
}

impl Checked {
    /// Only for bytes whose checksum was compared with the one that was kept when this device wrote them.
    pub(crate) const fn new(module: &'static [u8], table: &'static [u8], digest: [u8; 32]) -> Self {
        Self {
            module,
            table,
            digest,
        }
    }

    /// The module's bytes.
    #[must_use]
    pub const fn module(&self) -> &'static [u8] {
        self.module
    }

    /// Its side table, at an address that is a multiple of 8.
    #[must_use]
    pub const fn table(&self) -> &'static [u8] {
        self.table
    }

    /// The SHA-256 of the module.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// The engine, as far as installing and opening goes.
pub trait Programs: Send + Sync {
    /// Validates a module and writes its side table.
    ///
    /// # Errors
    /// [`LoadError`] says what is wrong with it.
    fn prepare(
        &self,
        module: &'static [u8],
        digest: &[u8; 32],
        table: &mut dyn TableSink,
    ) -> Result<(), LoadError>;

    /// Opens a module that was prepared by this device.
    ///
    /// # Errors
    /// [`LoadError`]: it was prepared by another version, and must be prepared again, or imports what this firmware does
    /// not have.
    fn open(&self, image: &Checked) -> Result<Opened, LoadError>;
}

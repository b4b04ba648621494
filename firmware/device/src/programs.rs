//! The engine that runs modules in place, as the supervisor asks for it.

use thimble_engine_inplace::{NotStored, Settings, Store, open_installed, prepare};
use thimble_runtime::engine::LoadError;
use thimble_supervisor::programs::{Checked, Opened, Programs, TableSink};

/// The engine.
pub(crate) struct InPlace(pub(crate) Settings);

struct Table<'a>(&'a mut dyn TableSink);

impl Store for Table<'_> {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NotStored> {
        self.0.write(offset, bytes).map_err(|_| NotStored)
    }
}

impl Programs for InPlace {
    fn prepare(
        &self,
        module: &'static [u8],
        digest: &[u8; 32],
        table: &mut dyn TableSink,
    ) -> Result<(), LoadError> {
        prepare(module, digest, &self.0.limits, &mut Table(table)).map(drop)
    }

    fn open(&self, image: &Checked) -> Result<Opened, LoadError> {
        // SAFETY: what is `Checked` has the checksum that was kept when this device prepared it, and lies in flash that
        // only the image store writes, which leaves images that run where they are.
        let opened =
            unsafe { open_installed(image.module(), image.table(), *image.digest(), self.0) };
        opened.map(|(module, interface)| Opened { module, interface })
    }
}

//! The engine of devices, as firmware gives it to the supervisor; and an older one, whose side tables are of another
//! version.

use std::sync::atomic::{AtomicBool, Ordering};

use thimble_engine_inplace::{InplaceEngine, NotStored, Settings, Store, open_installed, prepare};
use thimble_runtime::engine::{Engine, LoadError};
use thimble_runtime::module::Module;
use thimble_supervisor::programs::{Checked, Opened, Programs, TableSink};

/// The engine.
#[derive(Default)]
pub(crate) struct Inplace {
    /// It is the older one.
    pub(crate) is_old: AtomicBool,
}

/// Where the version is in a side table.
const VERSION: usize = 4;
/// The version of older tables.
const OLD: u8 = 0x55;

struct Sink<'a> {
    sink: &'a mut dyn TableSink,
    is_old: bool,
}

impl Store for Sink<'_> {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NotStored> {
        let mut bytes = bytes.to_vec();
        if offset == 0 && self.is_old {
            bytes[VERSION] = OLD;
        }
        self.sink.write(offset, &bytes).map_err(|_| NotStored)
    }
}

impl Inplace {
    fn is_old(&self) -> bool {
        self.is_old.load(Ordering::Relaxed)
    }

    /// What the older one does with its tables: it reads the module again.
    fn open_old(image: &Checked) -> Result<Opened, LoadError> {
        if image.table()[VERSION] != OLD {
            return Err(LoadError::Failed {
                reason: "another version of the table".into(),
            });
        }
        let module = Module::parse(image.module()).map_err(|error| LoadError::Invalid {
            reason: error.to_string(),
        })?;
        Ok(Opened {
            interface: module.interface(),
            module: InplaceEngine::new(Settings::small()).load(&module)?,
        })
    }
}

impl Programs for Inplace {
    fn prepare(
        &self,
        module: &'static [u8],
        digest: &[u8; 32],
        table: &mut dyn TableSink,
    ) -> Result<(), LoadError> {
        let mut sink = Sink {
            sink: table,
            is_old: self.is_old(),
        };
        prepare(module, digest, &Settings::small().limits, &mut sink).map(drop)
    }

    fn open(&self, image: &Checked) -> Result<Opened, LoadError> {
        if self.is_old() {
            return Self::open_old(image);
        }
        // SAFETY: what is `Checked` has the checksum that was kept when it was prepared, and no test changes it while
        // something runs of it.
        let opened = unsafe {
            open_installed(
                image.module(),
                image.table(),
                *image.digest(),
                Settings::small(),
            )
        };
        opened.map(|(module, interface)| Opened { module, interface })
    }
}

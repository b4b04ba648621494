//! The engine of devices, as the supervisor uses it. Opening reads the module again, which only costs time.

use std::sync::atomic::{AtomicU8, Ordering};

use thimble_engine_inplace::{InplaceEngine, NotStored, Settings, Store, validate};
use thimble_runtime::engine::{Engine, LoadError};
use thimble_runtime::module::Module;
use thimble_supervisor::programs::{Checked, Opened, Programs, TableSink};

/// The engine, and the version of the firmware that it stands for.
#[derive(Default)]
pub(crate) struct Inplace {
    pub(crate) version: AtomicU8,
}

struct Sink<'a> {
    sink: &'a mut dyn TableSink,
    version: u8,
}

impl Store for Sink<'_> {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NotStored> {
        let mut bytes = bytes.to_vec();
        if offset == 0 {
            // Another firmware has another version of the format.
            bytes[4] = self.version;
        }
        self.sink.write(offset, &bytes).map_err(|_| NotStored)
    }
}

fn parse(bytes: &[u8]) -> Result<Module, LoadError> {
    Module::parse(bytes).map_err(|error| LoadError::Invalid {
        reason: error.to_string(),
    })
}

impl Programs for Inplace {
    fn prepare(
        &self,
        module: &'static [u8],
        digest: &[u8; 32],
        table: &mut dyn TableSink,
    ) -> Result<(), LoadError> {
        parse(module)?;
        let mut sink = Sink {
            sink: table,
            version: self.version.load(Ordering::Relaxed),
        };
        let limits = Settings::small().limits;
        validate(module, digest, &limits, &mut sink)
            .map(|_| ())
            .map_err(|refusal| LoadError::Invalid {
                reason: refusal.to_string(),
            })
    }

    fn open(&self, image: &Checked) -> Result<Opened, LoadError> {
        if image.table()[4] != self.version.load(Ordering::Relaxed) {
            return Err(LoadError::Failed {
                reason: "another version of the table".into(),
            });
        }
        let module = parse(image.module())?;
        Ok(Opened {
            interface: module.interface(),
            module: InplaceEngine::new(Settings::small()).load(&module)?,
        })
    }
}

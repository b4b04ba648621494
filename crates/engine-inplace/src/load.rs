//! Loads a module into memory: validates it and keeps its side table there.
//!
//! A device that installs images into flash does the same in two steps: [`crate::prepare`] and [`crate::open_installed`].

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use thimble_runtime::engine::LoadError;
use thimble_runtime::module::Module;

use crate::Settings;
use crate::guest::InplaceModule;
use crate::program::{Bytes, Program, Words};
use crate::table::{NotStored, Store};

pub(crate) fn load(module: &Module, settings: Settings) -> Result<InplaceModule, LoadError> {
    let bytes = module.bytes();
    let program = Program::validated(Bytes::Shared(Arc::clone(bytes)), &settings.limits);
    let (program, _) = program.map_err(|refusal| {
        let offset = module.original_offset(refusal.offset);
        LoadError::Invalid {
            reason: format!(
                "{} (in the {} section, at byte {offset})",
                refusal.reason, refusal.section
            ),
        }
    })?;
    Ok(InplaceModule {
        program: Arc::new(program),
        imports: module
            .imports()
            .iter()
            .map(|import| import.spec.call)
            .collect(),
        more_pages: 0,
        settings,
    })
}

/// A side table in memory.
#[derive(Debug, Default)]
pub struct WordStore {
    words: Vec<u32>,
}

impl WordStore {
    /// The table.
    #[must_use]
    pub fn into_words(self) -> Words {
        Words::Owned(self.words)
    }
}

impl Store for WordStore {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NotStored> {
        let start = usize::try_from(offset / 4).map_err(|_| NotStored)?;
        let end = start + bytes.len() / 4;
        if end > self.words.len() {
            let more = end - self.words.len();
            self.words.try_reserve(more).map_err(|_| NotStored)?;
            self.words.resize(end, 0);
        }
        let places = self.words.get_mut(start..end).ok_or(NotStored)?;
        for (place, word) in places.iter_mut().zip(bytes.chunks_exact(4)) {
            *place = u32::from_ne_bytes(word.try_into().map_err(|_| NotStored)?);
        }
        Ok(())
    }
}

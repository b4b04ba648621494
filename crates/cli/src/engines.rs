//! Makes the engine that was chosen.

use std::sync::Arc;

use thimble_engine_inplace::InplaceEngine;
use thimble_engine_wasmi::WasmiEngine;
use thimble_engine_wasmtime::{CacheSettings, NoticeSink, Settings, WasmtimeEngine};
use thimble_runtime::engine::Engine;

use crate::arguments::EngineName;
use crate::failure::Failure;
use crate::folders;

/// Makes an engine with room for this many containers.
pub(crate) fn make(name: EngineName, containers: u32) -> Result<Arc<dyn Engine>, Failure> {
    Ok(match name {
        EngineName::Wasmi => Arc::new(WasmiEngine::new(thimble_engine_wasmi::Settings::linux())),
        EngineName::Inplace => {
            Arc::new(InplaceEngine::new(thimble_engine_inplace::Settings::linux()))
        }
        EngineName::Wasmtime => {
            let settings = Settings {
                cache: folders::cache().map(|folder| CacheSettings::new(folder.join("native"))),
                // Setting address space aside for one container costs more than it saves.
                slots: if containers > 1 { containers } else { 0 },
                // Each keeps a page of memory that nobody uses.
                warm_slots: 2,
                notices: NoticeSink::new(|notice| eprintln!("thimble: {notice}")),
                ..Settings::default()
            };
            Arc::new(
                WasmtimeEngine::new(settings)
                    .map_err(|error| Failure::device("making the engine", error))?,
            )
        }
    })
}

//! The kernels as native code, from a shared library.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use libloading::Library;

use crate::clock::thread_time;

use super::Runner;

/// A shared library with the kernels.
pub(super) struct Native {
    name: &'static str,
    library: Library,
}

impl Native {
    pub(super) fn open(name: &'static str, path: &Path) -> Result<Self> {
        // SAFETY: the library was just built from our own source, which runs nothing when it is loaded.
        let library = unsafe { Library::new(path) }
            .with_context(|| format!("cannot load {}", path.display()))?;
        Ok(Self { name, library })
    }
}

impl Runner for Native {
    fn name(&self) -> &str {
        self.name
    }

    fn run(&mut self, kernel: &str) -> Result<(i32, Duration)> {
        let symbol = format!("run_{kernel}");
        // SAFETY: our source declares each such function as taking nothing and giving a number.
        let function = unsafe {
            self.library
                .get::<unsafe extern "C" fn() -> i32>(symbol.as_bytes())
        }?;
        let begun = thread_time();
        // SAFETY: as above; the function touches only the library's own variables, on this thread.
        let result = unsafe { function() };
        Ok((result, thread_time() - begun))
    }
}

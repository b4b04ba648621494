//! What the host and the kernel must know of a module when its bytes lie elsewhere.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use thimble_abi::Call;
use thimble_abi::calls::{EnvCall, ThimbleCall};

use super::{ExportKind, Module};

/// What the host must know of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// It waits for events of our own module, so it can hear that it should stop.
    pub hears_stop: bool,
    /// Where in its memory the host may place Ocre's messages, if it receives them.
    pub app_heap: Option<Range<u32>>,
    /// The functions that it may name as dispatchers; none unless it imports what takes them.
    pub dispatchers: Names,
    /// It exports `_start`.
    pub is_command: bool,
    /// It exports `_initialize`.
    pub is_reactor: bool,
    /// It has a start function, which runs by itself.
    pub starts_itself: bool,
}

/// Names, one after the other in one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Option<Arc<str>>);

/// Ends a name. Guests say names as texts that end with it, so that none that they can say has it inside.
const END: char = '\0';

impl Names {
    /// No names.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|own| own == name)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let text = self.0.as_deref().unwrap_or_default();
        text.split_terminator(END)
    }
}

impl<'a> FromIterator<&'a str> for Names {
    /// Of those that a guest can say.
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut text = String::new();
        for name in names.into_iter().filter(|name| !name.contains(END)) {
            text.push_str(name);
            text.push(END);
        }
        Self((!text.is_empty()).then(|| text.into()))
    }
}

/// A module has nothing that could be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEntry;

impl Interface {
    /// The functions to call, one after the other: the one that was asked for, or what commands and reactors have.
    ///
    /// # Errors
    /// [`NoEntry`].
    pub fn entries(&self, entry: Option<&str>) -> Result<Vec<String>, NoEntry> {
        const INITIALIZE: &str = "_initialize";
        let mut entries = Vec::new();
        if self.is_reactor && entry != Some(INITIALIZE) {
            entries.push(INITIALIZE.to_owned());
        }
        match entry {
            Some(entry) => entries.push(entry.to_owned()),
            None if self.is_command => entries.push("_start".to_owned()),
            None if entries.is_empty() && !self.starts_itself => return Err(NoEntry),
            None => {}
        }
        Ok(entries)
    }
}

impl Module {
    /// What the host must know of it.
    #[must_use]
    pub fn interface(&self) -> Interface {
        let imports = |call| self.imports().iter().any(|import| import.spec.call == call);
        let functions = self
            .exports()
            .iter()
            .filter(|export| matches!(export.kind, ExportKind::Function { .. }));
        let dispatchers = if imports(Call::Env(EnvCall::RegisterDispatcher)) {
            functions.map(|export| export.name.as_str()).collect()
        } else {
            Names::default()
        };
        Interface {
            hears_stop: imports(Call::Thimble(ThimbleCall::EventWait)),
            app_heap: self.app_heap(),
            dispatchers,
            is_command: self.exported_function("_start").is_some(),
            is_reactor: self.exported_function("_initialize").is_some(),
            starts_itself: self.start().is_some(),
        }
    }
}

//! One run of one guest, and what is to be compared of it.

use std::mem;

use thimble_runtime::engine::{
    Budget, InstanceSpec, InstantiateError, LoadedModule, TrapKind, Yield,
};

use crate::finding::{Violation, ensure};

use super::host::{Heard, Scripted};

/// Memory and table elements a guest may have.
const MEMORY_BYTES_MAX: u64 = 4 << 20;
const TABLE_ELEMENTS_MAX: u32 = 1_500;
/// Slices after which a guest counts as hanging: modules end by themselves.
const SLICES_MAX: u32 = 2_000_000;

/// What a guest did.
pub(super) struct Run {
    /// How it ended.
    pub(super) end: End,
    /// What the host heard.
    pub(super) calls: Vec<Heard>,
    /// The bytes of memory it had at the end.
    pub(super) memory_bytes: u64,
    /// The words that came with the end.
    detail: String,
    /// A call was made again with other arguments.
    changed: Option<String>,
    /// It said that it waits, and no call of it waited.
    waited_for_nothing: bool,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    /// It was refused as invalid.
    Invalid,
    /// It could not be made, for this reason.
    NotMade(mem::Discriminant<InstantiateError>),
    /// With this exit code.
    Exited(i32),
    /// With this trap.
    Trapped(TrapKind),
    /// Not at all.
    Hangs,
}

impl Run {
    /// Runs a module.
    pub(super) fn of(
        loaded: Option<&dyn LoadedModule>,
        entries: &[String],
        salt: u64,
        budget: Budget,
    ) -> Self {
        let Some(loaded) = loaded else {
            return Self::before_begin(End::Invalid, String::new());
        };
        let spec = InstanceSpec {
            memory_bytes_max: MEMORY_BYTES_MAX,
            table_elements_max: TABLE_ELEMENTS_MAX,
            stack_bytes: None,
            entries: entries.to_vec(),
        };
        let mut guest = match loaded.instantiate(&spec) {
            Ok(guest) => guest,
            Err(error) => {
                return Self::before_begin(
                    End::NotMade(mem::discriminant(&error)),
                    error.to_string(),
                );
            }
        };
        let interrupt = (budget.fuel < 1000).then(|| guest.interrupter());
        let mut host = Scripted::new(salt, interrupt);
        let (mut end, mut detail, mut waited_for_nothing) = (End::Hangs, String::new(), false);
        for _ in 0..SLICES_MAX {
            match guest.resume(&mut host, budget) {
                Yield::Preempted => {}
                Yield::Blocked => waited_for_nothing |= !host.waits(),
                Yield::Exited(code) => {
                    end = End::Exited(code);
                    break;
                }
                Yield::Trapped(trap) => {
                    detail = trap.to_string();
                    end = End::Trapped(trap.kind);
                    break;
                }
            }
        }
        let (calls, changed) = (host.heard, host.changed);
        Self {
            end,
            calls,
            memory_bytes: guest.memory_bytes(),
            detail,
            changed,
            waited_for_nothing,
        }
    }

    const fn before_begin(end: End, detail: String) -> Self {
        Self {
            end,
            calls: Vec::new(),
            memory_bytes: 0,
            detail,
            changed: None,
            waited_for_nothing: false,
        }
    }

    /// What must hold of one run alone.
    pub(super) fn check(&self, name: &str) -> Result<(), Violation> {
        let detail = |what: &str| format!("{name}: {what}");
        ensure(
            self.end != End::Invalid,
            "an engine accepts what is valid",
            || detail("refused"),
        )?;
        ensure(self.end != End::Hangs, "a guest that ends does end", || {
            detail("hangs")
        })?;
        ensure(
            self.end != End::Trapped(TrapKind::Engine),
            "no guest makes an engine fail",
            || detail(&self.detail),
        )?;
        ensure(
            !self.waited_for_nothing,
            "a guest waits only in a call",
            || detail("waits"),
        )?;
        match &self.changed {
            Some(changed) => Err(Violation::new(
                "a call is made again as it was",
                detail(changed),
            )),
            None => Ok(()),
        }
    }
}

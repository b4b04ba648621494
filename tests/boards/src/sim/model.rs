//! What a device keeps, as its operator understands it, and what each operation makes of that, step by step.

use std::collections::{BTreeMap, BTreeSet};

use thimble_serial::{Policy, RunState};

/// The container that writes.
pub(crate) const WRITER: &str = "writer";

/// What a device keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// The names of each image, by digest.
    pub images: BTreeMap<String, BTreeSet<String>>,
    /// The containers, by name.
    pub containers: BTreeMap<String, Kept>,
    /// What the writer wrote.
    pub written: Written,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The digest of its image.
    pub digest: String,
    /// Its argument, which tells one declaration from another.
    pub argument: String,
    /// When it is started again.
    pub policy: Policy,
    /// What it is to do.
    pub wanted: Wanted,
}

/// What a container is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// To run.
    Up,
    /// To be kept from running.
    Paused,
    /// Nothing.
    Down,
}

impl Wanted {
    /// What a container seems to be for, by its state.
    #[must_use]
    pub(crate) const fn of(state: RunState) -> Option<Self> {
        match state {
            RunState::Running => Some(Self::Up),
            RunState::Paused => Some(Self::Paused),
            RunState::Created | RunState::Exited | RunState::Failed => Some(Self::Down),
            _ => None,
        }
    }
}

/// What the writer left: numbers that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// In its key-value store.
    pub value: u32,
    /// In its file.
    pub file: u32,
    /// In the record of its last whole run; 0 for none.
    pub record: u32,
}

/// What an operator does.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// Installs an image of a number under a name.
    Install {
        /// Which image.
        number: usize,
        /// Its digest.
        digest: String,
        /// The name.
        reference: String,
    },
    /// Removes an image.
    RemoveImage {
        /// Its digest.
        digest: String,
    },
    /// Makes a container, or another one of a name that there is.
    Create {
        /// The name.
        name: String,
        /// The name of its image.
        reference: String,
        /// The digest of that.
        digest: String,
        /// Its argument.
        argument: String,
        /// When it is started again.
        policy: Policy,
        /// There is one of this name.
        replace: bool,
    },
    /// Changes what a container is to do.
    Want {
        /// The name.
        name: String,
        /// What it does now.
        from: Wanted,
        /// What it is to do.
        to: Wanted,
    },
    /// Removes a container.
    Remove {
        /// The name.
        name: String,
    },
    /// Has the writer write the next number.
    Write,
}

impl Operation {
    /// Its name.
    #[must_use]
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Install { .. } => "install",
            Self::RemoveImage { .. } => "remove image",
            Self::Create { replace: false, .. } => "create",
            Self::Create { replace: true, .. } => "replace",
            Self::Want { .. } => "start, stop, pause",
            Self::Remove { .. } => "remove",
            Self::Write => "write",
        }
    }
}

impl State {
    /// The states that an operation leads through, the last of which is where it ends.
    #[must_use]
    pub(crate) fn steps(&self, operation: &Operation) -> Vec<Self> {
        let mut after = self.clone();
        match operation {
            Operation::Install {
                digest, reference, ..
            } => {
                for names in after.images.values_mut() {
                    names.remove(reference);
                }
                let names = after.images.entry(digest.clone()).or_default();
                names.insert(reference.clone());
            }
            Operation::RemoveImage { digest } => {
                after.images.remove(digest);
            }
            Operation::Create {
                name,
                digest,
                argument,
                policy,
                ..
            } => {
                let kept = Kept {
                    digest: digest.clone(),
                    argument: argument.clone(),
                    policy: *policy,
                    wanted: if name == WRITER {
                        Wanted::Down
                    } else {
                        Wanted::Up
                    },
                };
                after.containers.insert(name.clone(), kept);
            }
            Operation::Want { name, to, .. } => {
                if let Some(kept) = after.containers.get_mut(name) {
                    kept.wanted = *to;
                }
            }
            Operation::Remove { name } => {
                after.containers.remove(name);
                if name == WRITER {
                    after.written = Written::default();
                }
            }
            Operation::Write => return self.write(),
        }
        vec![after]
    }

    fn write(&self) -> Vec<Self> {
        let next = self.written.value + 1;
        let mut after = self.clone();
        let mut steps = Vec::new();
        let changes: [fn(&mut Written, u32); 3] = [
            |written, next| written.value = next,
            |written, next| written.file = next,
            |written, next| written.record = next,
        ];
        for change in changes {
            change(&mut after.written, next);
            steps.push(after.clone());
        }
        steps
    }

    /// What a start makes of it.
    #[must_use]
    pub(crate) fn started(mut self) -> Self {
        for kept in self.containers.values_mut() {
            if kept.policy == Policy::Always && kept.wanted == Wanted::Down {
                kept.wanted = Wanted::Up;
            }
        }
        self
    }
}

//! What a machine carries out: the contract between it and its operations.

use alloc::string::String;
use alloc::vec::Vec;

use super::fault::{Fault, RegistryError};
use super::http::{Head, Method, Outgoing};
use super::pull::Found;
use super::url::Url;
use crate::descriptor::Descriptor;

/// Something to tell whoever watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A blob is at another point.
    Blob {
        /// The blob.
        blob: Descriptor,
        /// Where it is.
        progress: BlobProgress,
    },
    /// Something that people may want to know.
    Note(String),
}

/// Where a blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobProgress {
    /// It is there already.
    Present,
    /// It begins to move, from here on.
    Begun {
        /// Bytes that are there.
        offset: u64,
    },
    /// It has moved.
    Moved {
        /// Bytes that are there.
        bytes: u64,
    },
    /// It is complete.
    Done,
    /// The registry took it from another of its repositories.
    Mounted,
}

/// A request of an operation, before it is signed.
pub struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Outgoing,
    /// What is asked for, in words for people.
    pub(super) what: String,
}

/// What an operation wants next.
pub enum Want {
    /// An answer to this.
    Call(Call),
    /// That the caller agrees.
    Check(Found),
    /// Nothing more.
    Done,
}

/// What becomes of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    /// It is collected, up to so many bytes.
    Collect {
        /// How many.
        bytes_max: u64,
    },
    /// Its pieces go to the operation as they come.
    Stream,
    /// It is of no use.
    Leave,
}

/// What an operation says to an answer.
pub enum Verdict {
    /// It is good; on to what it wants next.
    Next,
    /// It is not; try again, and if that does not help, this is why.
    Again(RegistryError),
}

/// What a machine carries out. Its calls are made in the order: `want`, `begin` if the answer is a success, `piece`s if
/// it streams, `answer`.
pub trait Operation {
    /// What can go wrong with the device's store.
    type StoreError;

    /// What it wants now; the same again if an attempt failed.
    ///
    /// # Errors
    /// If it cannot go on.
    fn want(&mut self) -> Result<Want, Fault<Self::StoreError>>;

    /// Looks at the head of a success.
    ///
    /// # Errors
    /// If the answer cannot be used.
    fn begin(&mut self, head: &Head) -> Result<Taking, Fault<Self::StoreError>>;

    /// Takes a piece of a body that streams.
    ///
    /// # Errors
    /// If it cannot be used or stored.
    fn piece(&mut self, bytes: &[u8]) -> Result<(), Fault<Self::StoreError>> {
        let _ = bytes;
        Ok(())
    }

    /// Takes the complete answer: of any status, redirects, 401, 408, 425, 429 and 5xx excepted.
    ///
    /// # Errors
    /// If it cannot be used.
    fn answer(&mut self, head: &Head, body: &[u8]) -> Result<Verdict, Fault<Self::StoreError>>;

    /// An attempt failed; what it wants next may differ.
    fn interrupted(&mut self) {}

    /// Whether it got further since it was asked last.
    fn progressed(&mut self) -> bool;

    /// Whether it can do without what failed.
    fn recover(&mut self, error: &RegistryError) -> bool {
        let _ = error;
        false
    }

    /// What happened since it was asked last.
    fn events(&mut self) -> Vec<Event> {
        Vec::new()
    }
}

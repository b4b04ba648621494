//! Who may do what with which repository: the question, and the answers.

use axum::http::{Extensions, HeaderMap};
use futures_util::future::BoxFuture;
use thimble_image::Digest;

use crate::manifests::ManifestName;
use crate::names::{NameSpace, Repository};

/// Who asks, as far as their request tells.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The headers, credentials among them.
    pub headers: &'a HeaderMap,
    /// What the server noted, the address among it.
    pub extensions: &'a Extensions,
}

/// What someone wants to do with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Read.
    Pull,
    /// Add blobs, manifests and tags.
    Push,
    /// Delete manifests and tags.
    Delete,
}

/// What someone asks for.
#[derive(Clone, Copy, Debug)]
pub enum Access<'a> {
    /// Whether they are known at all, as `docker login` does.
    Base,
    /// To do something with a repository.
    Repository {
        /// Its name as it stands in the URL.
        name: &'a Repository,
        /// What.
        action: Action,
    },
}

/// What someone may do it with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Whose content it is.
    pub name_space: NameSpace,
    /// The repository inside the name space.
    pub repository: Repository,
    /// Bytes that the name space may hold.
    pub bytes_max: Option<u64>,
    /// Who it is, for the record of what was changed.
    pub actor: String,
}

/// What somebody changed in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A manifest was stored.
    Pushed {
        /// What it is called.
        name: ManifestName,
        /// Its digest.
        digest: Digest,
    },
    /// A manifest or a tag was deleted.
    Deleted {
        /// What it was called.
        name: ManifestName,
    },
}

/// Why someone may not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody knows who asks: they are to sign in.
    Unknown {
        /// How: the value of `WWW-Authenticate`.
        challenge: String,
    },
    /// They may not. Whether there is such a repository is not said.
    Denied,
    /// They tried too often.
    TooMany {
        /// When they may try again.
        retry_after_s: u32,
    },
    /// It cannot be found out now.
    Unavailable,
}

/// Says who may do what.
pub trait Authorizer: Send + Sync + 'static {
    /// What who asks may use for it. For [`Access::Base`] nothing is granted.
    fn authorize<'a>(
        &'a self,
        asker: Asker<'a>,
        access: Access<'a>,
    ) -> BoxFuture<'a, Result<Option<Granted>, Refusal>>;

    /// Takes note of a change that happened. If that fails, the client is told to try again; to do so changes nothing.
    fn record<'a>(
        &'a self,
        granted: &'a Granted,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<(), Refusal>>;
}

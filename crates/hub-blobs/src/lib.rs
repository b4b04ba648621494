//! Blobs and images of the hub, in a folder or an S3-compatible store, and the registry that serves them.
//!
//! Owns how content lies in the store, that what was acknowledged survives a power cut, and the OCI distribution API.
//! Invariants: content is found only through a [`Space`], which belongs to one name space; what one name space holds is
//! neither seen nor saved by another; a blob that can be read has the digest that names it; a name is written after all
//! that it needs. Must not know tenants beyond the name space that an [`Authorizer`] grants.

#![forbid(unsafe_code)]

mod blobs;
mod collect;
mod error;
mod export;
mod ledger;
mod manifests;
mod names;
mod place;
mod referrers;
mod registry;
mod settings;
mod source;
mod space;
mod tags;
mod uploads;
mod write;

pub use blobs::Blobs;
pub use collect::{CollectError, Collected, Collection, Keeper, KeeperError, Pins, SENTENCE_HOLDS};
pub use error::{BlobError, ManifestError, OpenError};
pub use export::{ExportedObject, ImportError};
pub use manifests::{Manifest, ManifestName, PutManifest};
pub use names::{NameError, NameSpace, Repository, Tag};
pub use registry::{Access, Action, Asker, Authorizer, Change, Granted, Refusal, router};
pub use settings::{Limits, S3Settings, Storage};
pub use source::{Source, SourceError, source_of};
pub use space::{Read, Space};
pub use uploads::UploadId;

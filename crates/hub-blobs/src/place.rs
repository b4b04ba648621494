//! Where things lie in the store. Parts that begin with `_` are no parts of repositories' names.
//!
//! ```text
//! ns/NAMESPACE/blobs/sha256/AB/HEX                    content
//! ns/NAMESPACE/uploads/ID/session                     the repository of an upload
//! ns/NAMESPACE/uploads/ID/at-OFFSET-NONCE             a piece of it
//! ns/NAMESPACE/repos/REPOSITORY/_manifests/HEX        the media type of a manifest that the repository has
//! ns/NAMESPACE/repos/REPOSITORY/_tags/TAG             digest and media type of what the tag names
//! ns/NAMESPACE/repos/REPOSITORY/_referrers/HEX/HEX    descriptor of a manifest about the first
//! ns/NAMESPACE/condemned                              digests that are about to be deleted
//! ```

use object_store::path::Path;
use thimble_image::Digest;

use crate::names::{NameSpace, Repository, Tag};
use crate::uploads::UploadId;

/// Digits of an offset in the name of a piece: those of any `u64`.
const OFFSET_DIGITS: usize = 20;

pub(crate) fn space(name_space: &NameSpace) -> Path {
    Path::from("ns").join(name_space.as_str())
}

pub(crate) fn blobs(name_space: &NameSpace) -> Path {
    space(name_space).join("blobs").join("sha256")
}

pub(crate) fn blob(name_space: &NameSpace, digest: &Digest) -> Path {
    let hex = digest.hex();
    let shard: String = hex.chars().take(2).collect();
    blobs(name_space).join(shard).join(hex)
}

pub(crate) fn condemned(name_space: &NameSpace) -> Path {
    space(name_space).join("condemned")
}

pub(crate) fn uploads(name_space: &NameSpace) -> Path {
    space(name_space).join("uploads")
}

pub(crate) fn upload(name_space: &NameSpace, id: &UploadId) -> Path {
    uploads(name_space).join(id.as_str())
}

pub(crate) fn session(name_space: &NameSpace, id: &UploadId) -> Path {
    upload(name_space, id).join("session")
}

pub(crate) fn piece(name_space: &NameSpace, id: &UploadId, offset_bytes: u64, nonce: &str) -> Path {
    upload(name_space, id).join(format!("at-{offset_bytes:0OFFSET_DIGITS$}-{nonce}"))
}

/// At which offset of an upload the piece with this name lies.
pub(crate) fn piece_offset(file_name: &str) -> Option<u64> {
    let (offset, _) = file_name.strip_prefix("at-")?.split_once('-')?;
    offset.parse().ok()
}

pub(crate) fn repositories(name_space: &NameSpace) -> Path {
    space(name_space).join("repos")
}

fn repository(name_space: &NameSpace, repository: &Repository) -> Path {
    repository
        .as_str()
        .split('/')
        .fold(repositories(name_space), Path::join)
}

pub(crate) fn manifests(name_space: &NameSpace, of: &Repository) -> Path {
    repository(name_space, of).join("_manifests")
}

pub(crate) fn manifest(name_space: &NameSpace, of: &Repository, digest: &Digest) -> Path {
    manifests(name_space, of).join(digest.hex())
}

pub(crate) fn tags(name_space: &NameSpace, of: &Repository) -> Path {
    repository(name_space, of).join("_tags")
}

pub(crate) fn tag(name_space: &NameSpace, of: &Repository, tag: &Tag) -> Path {
    tags(name_space, of).join(tag.as_str())
}

pub(crate) fn referrers(name_space: &NameSpace, of: &Repository, subject: &Digest) -> Path {
    repository(name_space, of)
        .join("_referrers")
        .join(subject.hex())
}

pub(crate) fn referrer(
    name_space: &NameSpace,
    of: &Repository,
    subject: &Digest,
    digest: &Digest,
) -> Path {
    referrers(name_space, of, subject).join(digest.hex())
}

/// The digest that the last part of a path is.
pub(crate) fn digest_of(path: &Path) -> Option<Digest> {
    Digest::from_hex(path.filename()?)
}

/// What an object in a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Manifest(Digest),
    Tag(Tag),
    Referrer { subject: Digest, digest: Digest },
}

/// The repository and the entry of a path inside `repos`, relative to it.
pub(crate) fn entry(relative: &str) -> Option<(Repository, Entry)> {
    let (name, entry) = relative.split_once("/_")?;
    let entry = match entry.split_once('/')? {
        ("manifests", hex) => Entry::Manifest(Digest::from_hex(hex)?),
        ("tags", tag) => Entry::Tag(tag.parse().ok()?),
        ("referrers", rest) => {
            let (subject, digest) = rest.split_once('/')?;
            Entry::Referrer {
                subject: Digest::from_hex(subject)?,
                digest: Digest::from_hex(digest)?,
            }
        }
        _ => return None,
    };
    Some((name.parse().ok()?, entry))
}

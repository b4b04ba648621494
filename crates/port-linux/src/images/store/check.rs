//! Verifying everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use thimble_image::Digest;
use thimble_image::layout::{BLOBS_FOLDER, blob_path};

use super::blobs;
use super::reach::Reach;
use super::{Inner, StoreError};

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// A blob's content is not what its digest says.
    Content {
        /// The digest.
        digest: Digest,
        /// The images that need it.
        images: Vec<String>,
    },
    /// The disk cannot read a blob.
    Unreadable {
        /// Its digest.
        digest: Digest,
        /// The images that need it.
        images: Vec<String>,
        /// What the system said.
        reason: String,
    },
    /// An image lacks something, or cannot be read.
    Image {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// Somebody pins a blob that is not here.
    Pin {
        /// Whose pin it is.
        owner: String,
        /// The digest.
        digest: Digest,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needed = |images: &[String]| match images {
            [] => "no image needs it: prune".to_owned(),
            images => format!("pull again: {}", images.join(", ")),
        };
        match self {
            Self::Content { digest, images } => {
                write!(formatter, "{digest} is damaged; {}", needed(images))
            }
            Self::Unreadable {
                digest,
                images,
                reason,
            } => write!(
                formatter,
                "{digest} cannot be read ({reason}); {}",
                needed(images)
            ),
            Self::Image { name, reason } => write!(formatter, "{name}: {reason}"),
            Self::Pin { owner, digest } => {
                write!(formatter, "{owner} needs {digest}, which is not here")
            }
        }
    }
}

impl Inner {
    pub(super) fn check(&self) -> Result<Vec<Damage>, StoreError> {
        let mut damages = Vec::new();
        let images = self.load_list()?.images();
        let mut users = BTreeMap::<Digest, BTreeSet<String>>::new();
        for image in &images {
            if let Err(error) = self.require_complete(&image.root) {
                damages.push(Damage::Image {
                    name: image.name.clone(),
                    reason: error.to_string(),
                });
            }
            let mut reach = Reach::new(self)?;
            reach.add_root(&image.root);
            // As far as it can be followed; what stops it is told above.
            for digest in reach.finish_leniently()? {
                users.entry(digest).or_default().insert(image.name.clone());
            }
        }
        for (owner, digests) in self.pins()? {
            for digest in digests {
                if matches!(self.open_blob(&digest), Err(StoreError::Missing { .. })) {
                    let owner = owner.clone();
                    damages.push(Damage::Pin { owner, digest });
                }
            }
        }
        for digest in self.lengths(BLOBS_FOLDER)?.into_keys() {
            let images = || users.get(&digest).into_iter().flatten().cloned().collect();
            let file = match self.open_blob(&digest) {
                // It was pruned meanwhile.
                Err(StoreError::Missing { .. }) => continue,
                file => file?,
            };
            match blobs::hash(&*file) {
                Ok(found) if found == digest => {}
                Ok(_) => damages.push(Damage::Content {
                    digest,
                    images: images(),
                }),
                Err(error) => damages.push(Damage::Unreadable {
                    digest,
                    images: images(),
                    reason: format!("{}: {error}", blob_path(&digest)),
                }),
            }
        }
        // Whoever stored documents without us did not note what they are about.
        let held = self.lock()?;
        self.find_subjects(&held)?;
        Ok(damages)
    }
}

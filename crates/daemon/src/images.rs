//! Where images come from: what the daemon asks of the program that knows stores, registries and whom to trust.

use std::any::Any;
use std::collections::VecDeque;
use std::fs::File;
use std::process::Command;
use std::sync::Arc;

use thimble_device_api::{ImageIdentity, LoadedImage, Problem, ProblemKind, PullRequest};
use thimble_image::{Digest, ImageConfig};
use thimble_runtime::module::Module;

/// Images that stay open while many containers are started, with their modules in memory.
const OPENED_MAX: usize = 4;

/// The images of this device.
pub trait Images: Send + Sync {
    /// Opens an image that is here: every byte checked, and trusted.
    ///
    /// With `digest`, exactly that one, judged by the name in `reference`; else the one that the name or digest in
    /// `reference` points to now.
    ///
    /// # Errors
    /// [`ImageFault`] says whether it is missing or unfit.
    fn open(&self, reference: &str, digest: Option<&str>) -> Result<OpenedImage, ImageFault>;

    /// Opens the image that a container was made from.
    ///
    /// # Errors
    /// As [`Images::open`].
    fn open_again(&self, image: &ImageIdentity) -> Result<OpenedImage, ImageFault> {
        self.open(&image.reference, Some(&image.digest))
    }

    /// Keeps an image, durably, until [`Images::unpin`].
    ///
    /// # Errors
    /// [`ImageFault`] when it is missing or the disk fails.
    fn pin(&self, owner: &str, digest: &str) -> Result<(), ImageFault>;

    /// Gives up what an owner has pinned.
    ///
    /// # Errors
    /// [`ImageFault`] when the disk fails.
    fn unpin(&self, owner: &str) -> Result<(), ImageFault>;

    /// Everyone who has pinned something.
    ///
    /// # Errors
    /// [`ImageFault`] when the disk fails.
    fn owners(&self) -> Result<Vec<String>, ImageFault>;

    /// Takes the image in an archive: a tar file that is an OCI image layout.
    ///
    /// # Errors
    /// [`ImageFault`] when it is not one, or the disk is full.
    fn load(&self, archive: File) -> Result<LoadedImage, ImageFault>;

    /// Whether a blob of this digest and size is here.
    fn has(&self, digest: &Digest, bytes: u64) -> bool;

    /// Gets ready to receive a blob; nothing if it is here already, undamaged. What was received before is gone on from.
    /// What was received is not removed as long as `hold` lives.
    ///
    /// # Errors
    /// [`ImageFault`] when there is no room for it, or the disk fails.
    fn receive(
        &self,
        hold: &Hold,
        digest: &Digest,
        bytes: u64,
    ) -> Result<Option<Box<dyn BlobSink>>, ImageFault>;

    /// Reads a small blob that is here, verified.
    ///
    /// # Errors
    /// [`ImageFault`] when it is missing or damaged, or the disk fails.
    fn read(&self, digest: &Digest, bytes_max: u64) -> Result<Vec<u8>, ImageFault>;

    /// Takes note that a blob that is here is a manifest or index: of an image, or of a signature of one.
    ///
    /// # Errors
    /// [`ImageFault`] when it is missing or none, or the disk fails.
    fn note_document(&self, digest: &Digest, bytes: u64) -> Result<(), ImageFault>;

    /// Begins to use images: what is received meanwhile stays until the result is dropped.
    ///
    /// # Errors
    /// [`ImageFault`] when the disk fails.
    fn hold(&self) -> Result<Hold, ImageFault>;

    /// Removes images that nobody uses.
    ///
    /// # Errors
    /// [`ImageFault`] when the disk fails.
    fn prune(&self) -> Result<(), ImageFault>;

    /// Bytes that images may still take, those counted that nobody uses.
    ///
    /// # Errors
    /// [`ImageFault`] when the disk fails.
    fn room_bytes(&self) -> Result<u64, ImageFault>;

    /// A program that fetches an image and writes its progress as JSON lines to standard error.
    fn pull(&self, request: &PullRequest) -> Command;
}

/// Keeps what is received through it.
pub type Hold = Arc<dyn Any + Send + Sync>;

/// Receives one blob. Dropped before it is committed, it keeps what it has for another attempt.
pub trait BlobSink: Send {
    /// Bytes that are here already.
    fn offset(&self) -> u64;

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// [`ImageFault`] when the disk fails or is full.
    fn write(&mut self, bytes: &[u8]) -> Result<(), ImageFault>;

    /// Forgets all bytes, to begin anew.
    ///
    /// # Errors
    /// [`ImageFault`] when the disk fails.
    fn restart(&mut self) -> Result<(), ImageFault>;

    /// Makes it one of the blobs, durably, if length and digest are right; else forgets its bytes.
    ///
    /// # Errors
    /// [`ImageFault::Unfit`] if they are not; another when the disk fails.
    fn commit(self: Box<Self>) -> Result<(), ImageFault>;
}

/// An image, ready to be run.
pub struct OpenedImage {
    /// Its name and digest.
    pub identity: ImageIdentity,
    /// The name of the program: the first argument.
    pub stem: String,
    /// What it asks for.
    pub config: ImageConfig,
    /// The module.
    pub module: Module,
    /// As long as this is here, nobody removes the image.
    pub hold: Box<dyn Any + Send>,
}

/// The images that were opened last: whoever starts many containers of few images need not check each image's bytes anew
/// for each of them.
#[derive(Default)]
pub(crate) struct LastOpened {
    images: VecDeque<(ImageIdentity, OpenedImage)>,
}

impl LastOpened {
    /// Opens an image, or takes it from those at hand.
    pub(crate) fn open(
        &mut self,
        images: &dyn Images,
        image: &ImageIdentity,
    ) -> Result<&OpenedImage, ImageFault> {
        let found = self.images.iter().position(|(known, _)| known == image);
        let opened = match found.and_then(|place| self.images.remove(place)) {
            Some(opened) => opened,
            None => (image.clone(), images.open_again(image)?),
        };
        self.images.truncate(OPENED_MAX - 1);
        self.images.push_front(opened);
        self.images
            .front()
            .map(|(_, opened)| opened)
            .ok_or_else(|| ImageFault::Missing {
                reason: "the image is gone".to_owned(),
            })
    }
}

/// Why an image cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageFault {
    /// It is not here.
    Missing {
        /// What is missing and what to do.
        reason: String,
    },
    /// It is here and cannot be run, or is not trusted.
    Unfit {
        /// What is wrong with it.
        reason: String,
    },
    /// It is here, and nobody who is trusted has signed it.
    Untrusted {
        /// Who should have, and what to do.
        reason: String,
    },
    /// The disk is full.
    NoSpace {
        /// What was being done.
        reason: String,
    },
    /// The device failed.
    Device {
        /// What was being done, and why it failed.
        reason: String,
    },
}

impl std::fmt::Display for ImageFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { reason }
            | Self::Unfit { reason }
            | Self::Untrusted { reason }
            | Self::NoSpace { reason }
            | Self::Device { reason } => formatter.write_str(reason),
        }
    }
}

impl std::error::Error for ImageFault {}

impl From<ImageFault> for Problem {
    fn from(fault: ImageFault) -> Self {
        let kind = match &fault {
            ImageFault::Missing { .. } => ProblemKind::NoSuchImage,
            ImageFault::Unfit { .. } | ImageFault::Untrusted { .. } => ProblemKind::ImageUnfit,
            ImageFault::NoSpace { .. } => ProblemKind::NoSpace,
            ImageFault::Device { .. } => ProblemKind::DeviceFault,
        };
        Self::new(kind, fault)
    }
}

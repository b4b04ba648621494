//! Where images come from: what the daemon asks of the program that knows stores, registries and whom to trust.

use std::any::Any;
use std::collections::VecDeque;
use std::fs::File;
use std::process::Command;

use thimble_device_api::{ImageIdentity, LoadedImage, Problem, ProblemKind, PullRequest};
use thimble_image::ImageConfig;
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

    /// A program that fetches an image and writes its progress as JSON lines to standard error.
    fn pull(&self, request: &PullRequest) -> Command;
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
            ImageFault::Unfit { .. } => ProblemKind::ImageUnfit,
            ImageFault::NoSpace { .. } => ProblemKind::NoSpace,
            ImageFault::Device { .. } => ProblemKind::DeviceFault,
        };
        Self::new(kind, fault)
    }
}

//! What went wrong, as RFC 9457 writes it (`application/problem+json`).

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error, for programs and people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind it is: `urn:thimble:problem:KIND`.
    #[serde(rename = "type")]
    pub kind: ProblemKind,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong and what to do.
    pub detail: String,
    /// What it is about: a container, an app, an image, a field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $title:literal;)*) => {
        /// What kind of problem it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[non_exhaustive]
        pub enum ProblemKind {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
            /// One that this program does not know.
            #[serde(other, rename = "about:blank")]
            Unknown,
        }

        impl ProblemKind {
            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* Self::Unknown => 500 }
            }

            /// The kind in words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* Self::Unknown => "Unknown problem" }
            }
        }
    };
}

kinds! {
    /// The request cannot be understood.
    Malformed = "urn:thimble:problem:malformed", 400, "Malformed request";
    /// A value is not allowed.
    Invalid = "urn:thimble:problem:invalid", 422, "Invalid value";
    /// The body has too many bytes.
    TooLarge = "urn:thimble:problem:too-large", 413, "Too large";
    /// There is no such path.
    NoSuchPath = "urn:thimble:problem:no-such-path", 404, "No such path";
    /// The path does not have this method.
    NoSuchMethod = "urn:thimble:problem:no-such-method", 405, "No such method";
    /// There is no such container.
    NoSuchContainer = "urn:thimble:problem:no-such-container", 404, "No such container";
    /// There is no such app.
    NoSuchApp = "urn:thimble:problem:no-such-app", 404, "No such app";
    /// There is no such image here.
    NoSuchImage = "urn:thimble:problem:no-such-image", 404, "No such image";
    /// There is no such volume.
    NoSuchVolume = "urn:thimble:problem:no-such-volume", 404, "No such volume";
    /// There is no such file in a container's volumes.
    NoSuchFile = "urn:thimble:problem:no-such-file", 404, "No such file";
    /// The device belongs to no fleet.
    NoFleet = "urn:thimble:problem:no-fleet", 409, "No fleet";
    /// The name is taken.
    NameInUse = "urn:thimble:problem:name-in-use", 409, "Name in use";
    /// The state does not allow it.
    WrongState = "urn:thimble:problem:wrong-state", 409, "Wrong state";
    /// Something else is using it.
    InUse = "urn:thimble:problem:in-use", 409, "In use";
    /// The image cannot be run, or is not trusted.
    ImageUnfit = "urn:thimble:problem:image-unfit", 422, "Image cannot be run";
    /// It could not be started.
    CannotStart = "urn:thimble:problem:cannot-start", 422, "Cannot start";
    /// A limit of the daemon is reached.
    TooMany = "urn:thimble:problem:too-many", 429, "Too many";
    /// The device's disk is full.
    NoSpace = "urn:thimble:problem:no-space", 507, "No space";
    /// The device does not do what it should.
    DeviceFault = "urn:thimble:problem:device-fault", 500, "Device fault";
    /// The daemon is starting or stopping.
    NotReady = "urn:thimble:problem:not-ready", 503, "Not ready";
    /// Something outside the device failed: a registry.
    Upstream = "urn:thimble:problem:upstream", 502, "Upstream failed";
}

impl Problem {
    /// A problem of this kind.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl fmt::Display) -> Self {
        Self {
            kind,
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: detail.to_string(),
            subject: None,
        }
    }

    /// The same, about something.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Some(subject) => write!(formatter, "{subject}: {}", self.detail),
            None => formatter.write_str(&self.detail),
        }
    }
}

impl std::error::Error for Problem {}

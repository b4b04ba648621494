//! What went wrong, as RFC 9457 writes it (`application/problem+json`).

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

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
    /// What it is about: a path, a device, a field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Each thing that is wrong, if there may be several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// One of the things that are wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where: a JSON pointer (RFC 6901), or `line N`.
    pub pointer: String,
    /// What is wrong and what to do.
    pub detail: String,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $title:literal;)*) => {
        /// What kind of problem it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ProblemKind {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
            /// One that this program does not know.
            #[serde(other, rename = "about:blank")]
            Unknown,
        }

        impl ProblemKind {
            /// Every kind, as it is written.
            const NAMES: &[&str] = &[$($name,)* "about:blank"];

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

// The macro that derives it does not see the names that another macro writes.
impl PartialSchema for ProblemKind {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("What kind of problem it is."))
            .enum_values(Some(Self::NAMES.iter().copied()))
            .into()
    }
}

impl ToSchema for ProblemKind {}

kinds! {
    /// The request cannot be understood.
    Malformed = "urn:thimble:problem:malformed", 400, "Malformed request";
    /// Nobody has signed in, or what was shown is not valid (any more).
    NotSignedIn = "urn:thimble:problem:not-signed-in", 401, "Not signed in";
    /// Whoever asks may not do this.
    Forbidden = "urn:thimble:problem:forbidden", 403, "Not allowed";
    /// There is no such path.
    NoSuchPath = "urn:thimble:problem:no-such-path", 404, "No such path";
    /// There is nothing of that name, at least for whoever asks.
    NotFound = "urn:thimble:problem:not-found", 404, "Not found";
    /// The path does not have this method.
    NoSuchMethod = "urn:thimble:problem:no-such-method", 405, "No such method";
    /// The client was too slow.
    Timeout = "urn:thimble:problem:timeout", 408, "Too slow";
    /// The name is taken.
    NameInUse = "urn:thimble:problem:name-in-use", 409, "Name in use";
    /// The state does not allow it.
    WrongState = "urn:thimble:problem:wrong-state", 409, "Wrong state";
    /// Something else needs it.
    InUse = "urn:thimble:problem:in-use", 409, "In use";
    /// Somebody else changed it meanwhile.
    Changed = "urn:thimble:problem:changed", 412, "Changed meanwhile";
    /// The body has too many bytes.
    TooLarge = "urn:thimble:problem:too-large", 413, "Too large";
    /// The body is of another type than the path takes.
    WrongType = "urn:thimble:problem:wrong-type", 415, "Wrong media type";
    /// A value is not allowed.
    Invalid = "urn:thimble:problem:invalid", 422, "Invalid value";
    /// A limit is reached.
    TooMany = "urn:thimble:problem:too-many", 429, "Too many";
    /// The hub does not do what it should.
    HubFault = "urn:thimble:problem:hub-fault", 500, "Hub fault";
    /// Something outside the hub failed: an OpenID provider, the database.
    Upstream = "urn:thimble:problem:upstream", 502, "Upstream failed";
    /// The hub is starting, stopping or overloaded.
    NotReady = "urn:thimble:problem:not-ready", 503, "Not ready";
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
            errors: Vec::new(),
        }
    }

    /// The same, about something.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The same, with each thing that is wrong.
    #[must_use]
    pub fn because(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(subject) = &self.subject {
            write!(formatter, "{subject}: ")?;
        }
        formatter.write_str(&self.detail)?;
        for error in &self.errors {
            write!(formatter, "\n  {}: {}", error.pointer, error.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

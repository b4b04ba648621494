//! Which desired state a device has, in a header.

use core::fmt;
use core::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use thimble_image::Digest;

use crate::ids::StateVersion;

/// Bytes of the digest that an entity tag has: enough that two states of one device never share one by chance, and one that
/// base64 writes without padding.
const DIGEST_BYTES: usize = 9;
/// Characters of that in base64.
const DIGEST_CHARACTERS: usize = 12;

/// Which desired state: `"V.D"`, V the version in decimal, D the first 9 bytes of the SHA-256 of the signed payload in base64url
/// (RFC 9110, section 8.8.3; RFC 4648, section 5).
///
/// The digest is the payload's, not the envelope's: a state that is signed again stays the same state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ETag {
    version: StateVersion,
    digest: [u8; DIGEST_BYTES],
}

/// Why a text is no entity tag of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ETagError {
    /// It does not stand in double quotes, or is a weak one.
    Quotes,
    /// The version is not a number in its shortest form.
    Version,
    /// The digest is not 12 characters of base64url.
    Digest,
}

impl ETag {
    /// The tag of a state with this version and payload.
    #[must_use]
    pub fn of(version: StateVersion, payload: &[u8]) -> Self {
        Self::of_digest(version, &Digest::of(payload))
    }

    /// The tag of a state with this version, whose payload has this digest.
    #[must_use]
    pub fn of_digest(version: StateVersion, payload: &Digest) -> Self {
        let mut digest = [0; DIGEST_BYTES];
        for (to, from) in digest.iter_mut().zip(payload.as_bytes()) {
            *to = *from;
        }
        Self { version, digest }
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> StateVersion {
        self.version
    }

    /// The first bytes of the digest of the payload.
    #[must_use]
    pub const fn digest(&self) -> &[u8; DIGEST_BYTES] {
        &self.digest
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = [0; DIGEST_CHARACTERS];
        let digest = Base64UrlUnpadded::encode(&self.digest, &mut characters).unwrap_or_default();
        write!(formatter, "\"{}.{digest}\"", self.version)
    }
}

impl FromStr for ETag {
    type Err = ETagError;

    fn from_str(text: &str) -> Result<Self, ETagError> {
        let (version, digest) = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .ok_or(ETagError::Quotes)?
            .split_once('.')
            .ok_or(ETagError::Version)?;
        // One text for one tag: whoever compares texts must come to the same end.
        let is_shortest = version.bytes().all(|byte| byte.is_ascii_digit())
            && (version == "0" || !version.starts_with('0'));
        let version = version
            .parse()
            .ok()
            .filter(|_| is_shortest)
            .ok_or(ETagError::Version)?;
        let mut bytes = [0; DIGEST_BYTES];
        match Base64UrlUnpadded::decode(digest, &mut bytes) {
            Ok(decoded) if decoded.len() == DIGEST_BYTES => {}
            _ => return Err(ETagError::Digest),
        }
        Ok(Self {
            version: StateVersion(version),
            digest: bytes,
        })
    }
}

impl fmt::Display for ETagError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Quotes => "an entity tag of a state stands in double quotes: \"VERSION.DIGEST\"",
            Self::Version => {
                "an entity tag of a state begins with the version in decimal, and a dot"
            }
            Self::Digest => "an entity tag of a state ends with 12 characters of base64url",
        })
    }
}

impl core::error::Error for ETagError {}

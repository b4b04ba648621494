//! Secrets that are shown once: tokens and claim codes.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};

/// How tokens begin, so that scanners of repositories find them.
pub const TOKEN_PREFIX: &str = "thb_";
/// How claim codes begin.
const CLAIM_PREFIX: &str = "thc_";
/// Bits of a token: 256.
const SECRET_BYTES: usize = 32;
/// Bytes of a token at most that is looked at.
const TOKEN_BYTES_MAX: usize = 128;

/// What is kept of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

/// A secret that was just made. It is shown once, and has no `Debug`.
pub struct NewSecret {
    text: String,
}

impl NewSecret {
    /// A token.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn token() -> Result<Self, ring::error::Unspecified> {
        Self::make(TOKEN_PREFIX)
    }

    /// A claim code.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn claim_code() -> Result<Self, ring::error::Unspecified> {
        Self::make(CLAIM_PREFIX)
    }

    fn make(prefix: &str) -> Result<Self, ring::error::Unspecified> {
        let mut bytes = [0; SECRET_BYTES];
        SystemRandom::new().fill(&mut bytes)?;
        Ok(Self {
            text: format!("{prefix}{}", Base64UrlUnpadded::encode_string(&bytes)),
        })
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.text)
    }

    /// The secret itself.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }
}

impl TokenHash {
    /// Of a text that somebody sent.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Of a token that somebody sent, if it looks like one.
    #[must_use]
    pub fn of_token(text: &str) -> Option<Self> {
        (text.starts_with(TOKEN_PREFIX) && text.len() <= TOKEN_BYTES_MAX).then(|| Self::of(text))
    }
}

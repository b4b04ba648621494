//! Passwords: argon2id (RFC 9106), away from the threads that serve, and only so many at once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::settings::PasswordSettings;

/// Characters of a new password at least (NIST SP 800-63B asks for 8).
pub(super) const CHARACTERS_MIN: usize = 12;
/// Bytes of a password at most.
pub(super) const BYTES_MAX: usize = 1024;
/// Time that somebody waits for their turn.
const TURN_TIME: Duration = Duration::from_secs(10);

/// Why a password could not be hashed or compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordError {
    /// A new password is too short.
    TooShort {
        /// Its characters.
        characters: usize,
    },
    /// A password is too long.
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// Too many others are being compared.
    Busy,
    /// Hashing failed: no memory, no random numbers, or nonsense in the store.
    Failed,
}

impl fmt::Display for PasswordError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { characters } => write!(
                formatter,
                "the password has {characters} characters; choose one of {CHARACTERS_MIN} or more"
            ),
            Self::TooLong { bytes } => write!(
                formatter,
                "the password has {bytes} bytes; {BYTES_MAX} are allowed"
            ),
            Self::Busy => formatter
                .write_str("too many people are signing in at once: try again in some seconds"),
            Self::Failed => formatter.write_str("the password could not be hashed"),
        }
    }
}

impl std::error::Error for PasswordError {}

/// Hashes and compares passwords.
#[derive(Clone, Debug)]
pub struct Passwords {
    params: Params,
    turns: Arc<Semaphore>,
    /// Compared when there is no such user, so that an answer takes as long as if there were one.
    nobody: Arc<str>,
}

impl Passwords {
    /// With these costs.
    ///
    /// # Errors
    /// [`PasswordError::Failed`] if argon2 does not take them, or has not so much memory.
    pub fn new(settings: &PasswordSettings) -> Result<Self, PasswordError> {
        let params = Params::new(
            settings.memory_kib,
            settings.iterations,
            settings.parallelism,
            None,
        )
        .map_err(|_| PasswordError::Failed)?;
        let nobody = hash(&params, "nobody has this password")?;
        Ok(Self {
            params,
            turns: Arc::new(Semaphore::new(settings.at_once.max(1))),
            nobody: nobody.into(),
        })
    }

    /// The hash of a new password, as a PHC string.
    ///
    /// # Errors
    /// [`PasswordError`]: too short, too long, or no turn.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let characters = password.chars().count();
        if characters < CHARACTERS_MIN {
            return Err(PasswordError::TooShort { characters });
        }
        bounded(password)?;
        let (params, password) = (self.params.clone(), password.to_owned());
        self.in_turn(move || hash(&params, &password)).await
    }

    /// Whether it is the password; without a hash it is not, after the same time.
    ///
    /// # Errors
    /// [`PasswordError`]: too long, or no turn.
    pub async fn is(&self, password: &str, kept: Option<&str>) -> Result<bool, PasswordError> {
        bounded(password)?;
        let is_somebody = kept.is_some();
        let kept = kept.unwrap_or(&self.nobody).to_owned();
        let password = password.to_owned();
        let is_same = self
            .in_turn(move || {
                // The costs are those that the hash names.
                Ok(Argon2::default()
                    .verify_password(password.as_bytes(), kept.as_str())
                    .is_ok())
            })
            .await?;
        Ok(is_same && is_somebody)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = timeout(TURN_TIME, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| PasswordError::Busy)?
            .map_err(|_| PasswordError::Busy)?;
        spawn_blocking(move || {
            // The turn lasts as long as the memory is used, whoever waits for it.
            let done = work();
            drop(turn);
            done
        })
        .await
        .map_err(|_| PasswordError::Failed)?
    }
}

fn bounded(password: &str) -> Result<(), PasswordError> {
    match password.len() {
        0..=BYTES_MAX => Ok(()),
        bytes => Err(PasswordError::TooLong { bytes }),
    }
}

fn hash(params: &Params, password: &str) -> Result<String, PasswordError> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|_| PasswordError::Failed)
}

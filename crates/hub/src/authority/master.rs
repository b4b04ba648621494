//! The master key: what seals every private key and every secret that the hub keeps.
//!
//! 32 bytes in a file of their own that only the hub reads. Sealed bytes carry the name of the key that sealed them, so a
//! rotation can seal them anew one by one; they are bound to a context, so those of one row cannot be put into another.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

/// Bytes of the key.
pub const KEY_BYTES: usize = 32;
/// The first byte of what is sealed here; another one is another format.
const FORMAT: u8 = 1;
/// Bytes before the ciphertext: format, name of the key, nonce.
const HEAD_BYTES: usize = 1 + 4 + NONCE_LEN;

/// Seals and opens what the hub keeps. AES-256-GCM with random nonces: safe for 2^32 values per key, of which a hub with a
/// million secrets changed daily uses a part in ten in a year.
pub struct MasterKey {
    key: LessSafeKey,
    id: [u8; 4],
}

/// Why the master key or something sealed cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum MasterError {
    /// The file cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than its owner can read the file.
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file does not have [`KEY_BYTES`] bytes.
    Length {
        /// Which.
        path: PathBuf,
        /// How many it has.
        bytes: u64,
    },
    /// Sealed bytes that are none.
    Malformed {
        /// How many there are.
        bytes: usize,
    },
    /// It was sealed with another master key.
    OtherKey {
        /// The name of that key.
        sealed_with: [u8; 4],
        /// The name of this one.
        present: [u8; 4],
    },
    /// Damaged, or moved from where it belongs.
    Damaged,
    /// The system gives no random numbers.
    NoRandomness,
}

impl core::fmt::Display for MasterError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::File { path, .. } => write!(
                formatter,
                "cannot use the master key file {}: `thimble-hub init` makes it, and backups must hold it",
                path.display()
            ),
            Self::Exposed { path, mode } => write!(
                formatter,
                "the master key file {} has mode {mode:o}: others can read it; `chmod 600` it and rotate the key",
                path.display()
            ),
            Self::Length { path, bytes } => write!(
                formatter,
                "the master key file {} has {bytes} bytes, not {KEY_BYTES}: put back the one from the backup",
                path.display()
            ),
            Self::Malformed { bytes } => {
                write!(formatter, "{bytes} bytes that nothing here sealed")
            }
            Self::OtherKey {
                sealed_with,
                present,
            } => write!(
                formatter,
                "sealed with master key {:08x}, but this is {:08x}: give the hub the key file that belongs to its database",
                u32::from_be_bytes(*sealed_with),
                u32::from_be_bytes(*present)
            ),
            Self::Damaged => {
                formatter.write_str("sealed bytes are damaged or are not where they belong")
            }
            Self::NoRandomness => formatter.write_str("the system gives no random numbers"),
        }
    }
}

impl core::error::Error for MasterError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl core::fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "MasterKey({:08x})", u32::from_be_bytes(self.id))
    }
}

impl MasterKey {
    /// Makes a new key and keeps it in a new file with mode 0600.
    ///
    /// # Errors
    /// The file exists already or cannot be written: a key is never replaced in place.
    pub fn create(path: &Path) -> Result<Self, MasterError> {
        let file_error = |source| MasterError::File {
            path: path.to_owned(),
            source,
        };
        let mut bytes = [0; KEY_BYTES];
        fill(&mut bytes)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(file_error)?;
        file.write_all(&bytes).map_err(file_error)?;
        file.sync_all().map_err(file_error)?;
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            let folder = File::open(folder).map_err(file_error)?;
            folder.sync_all().map_err(file_error)?;
        }
        Ok(Self::from_bytes(&bytes))
    }

    /// Reads the key.
    ///
    /// # Errors
    /// There is none, it has another length, or others than its owner can read it.
    pub fn read(path: &Path) -> Result<Self, MasterError> {
        let file_error = |source| MasterError::File {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(file_error)?;
        let metadata = file.metadata().map_err(file_error)?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterError::Exposed {
                path: path.to_owned(),
                mode,
            });
        }
        if metadata.len() != KEY_BYTES as u64 {
            return Err(MasterError::Length {
                path: path.to_owned(),
                bytes: metadata.len(),
            });
        }
        let mut bytes = [0; KEY_BYTES];
        file.read_exact(&mut bytes).map_err(file_error)?;
        Ok(Self::from_bytes(&bytes))
    }

    /// The key of these bytes.
    ///
    /// # Panics
    /// Never: AES-256 takes every 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        let mut id = [0; 4];
        for (to, from) in id.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
            *to = *from;
        }
        #[expect(
            clippy::expect_used,
            reason = "the only error is another length, and the length is the type"
        )]
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("AES-256 takes 32 bytes");
        Self {
            key: LessSafeKey::new(key),
            id,
        }
    }

    /// Seals a value that belongs to `context`, which tells where it is kept: kind and id of a row.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn seal(&self, context: &str, value: &[u8]) -> Result<Vec<u8>, MasterError> {
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce)?;
        let mut body = value.to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut body,
            )
            .map_err(|_| MasterError::Damaged)?;
        let mut sealed = Vec::with_capacity(HEAD_BYTES + body.len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(&self.id);
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Opens what was sealed for `context`.
    ///
    /// # Errors
    /// It was sealed with another key or for another context, or is damaged.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, MasterError> {
        let malformed = MasterError::Malformed {
            bytes: sealed.len(),
        };
        let Some((&FORMAT, rest)) = sealed.split_first() else {
            return Err(malformed);
        };
        let Some((id, rest)) = rest.split_first_chunk::<4>() else {
            return Err(malformed);
        };
        let Some((nonce, body)) = rest.split_first_chunk::<NONCE_LEN>() else {
            return Err(malformed);
        };
        if *id != self.id {
            return Err(MasterError::OtherKey {
                sealed_with: *id,
                present: self.id,
            });
        }
        let mut body = body.to_vec();
        let bytes = self
            .key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(context.as_bytes()),
                &mut body,
            )
            .map_err(|_| MasterError::Damaged)?
            .len();
        body.truncate(bytes);
        Ok(body)
    }

    /// Seals anew what `old` sealed. What this key sealed already is given back as it is, so a rotation that was
    /// interrupted is simply begun again.
    ///
    /// # Errors
    /// Neither key sealed it, or it is damaged.
    pub fn reseal(&self, old: &Self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, MasterError> {
        match self.open(context, sealed) {
            Ok(_) => Ok(sealed.to_vec()),
            Err(MasterError::OtherKey { .. }) => self.seal(context, &old.open(context, sealed)?),
            Err(error) => Err(error),
        }
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), MasterError> {
    SystemRandom::new()
        .fill(bytes)
        .map_err(|_| MasterError::NoRandomness)
}

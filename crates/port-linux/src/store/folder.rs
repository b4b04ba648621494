//! A container's folder: one file per key, each with its key, its value and a checksum.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use thimble_abi::Errno;

use super::{KEYS_MAX, name};
use crate::errno::from_io;

/// What a file begins with: a mark and the form's version.
const MARK: [u8; 4] = *b"TKV1";
const SUFFIX: &str = "kv";
const TEMPORARY: &str = "tmp";
const DAMAGED: &str = "damaged";

/// A container's data on the disk.
pub(super) struct Folder {
    path: PathBuf,
    /// Bytes of each key's value; read from the disk at first use.
    keys: Option<BTreeMap<Vec<u8>, u64>>,
    damaged: Arc<Mutex<Vec<PathBuf>>>,
}

impl Folder {
    pub(super) const fn new(path: PathBuf, damaged: Arc<Mutex<Vec<PathBuf>>>) -> Self {
        Self {
            path,
            keys: None,
            damaged,
        }
    }

    pub(super) fn get(&mut self, key: &[u8]) -> Result<Vec<u8>, Errno> {
        if !self.keys()?.contains_key(key) {
            return Err(Errno::NoEntry);
        }
        let path = self.file(key);
        let bytes = fs::read(&path).map_err(|error| from_io(&error))?;
        match decode(&bytes) {
            Some((own, value)) if own == key => Ok(value.to_vec()),
            _ => {
                self.set_aside(&path);
                self.keys()?.remove(key);
                Err(Errno::Io)
            }
        }
    }

    pub(super) fn set(&mut self, key: &[u8], value: &[u8], limit_bytes: u64) -> Result<(), Errno> {
        let keys = self.keys()?;
        let len = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let others = keys.iter().filter(|(own, _)| *own != key);
        let used = others.fold(0u64, |sum, (key, value)| {
            sum.saturating_add(len(key)).saturating_add(*value)
        });
        let too_many = keys.len() >= KEYS_MAX && !keys.contains_key(key);
        if too_many || used.saturating_add(len(key)).saturating_add(len(value)) > limit_bytes {
            return Err(Errno::NoSpace);
        }
        self.write(key, value).map_err(|error| from_io(&error))?;
        self.keys()?.insert(key.to_vec(), len(value));
        Ok(())
    }

    pub(super) fn delete(&mut self, key: &[u8]) -> Result<(), Errno> {
        if !self.keys()?.contains_key(key) {
            return Err(Errno::NoEntry);
        }
        fs::remove_file(self.file(key))
            .and_then(|()| sync_folder(&self.path))
            .map_err(|error| from_io(&error))?;
        self.keys()?.remove(key);
        Ok(())
    }

    fn file(&self, key: &[u8]) -> PathBuf {
        self.path.join(format!("{}.{SUFFIX}", name::encode(key)))
    }

    /// The keys, read from the disk the first time. Leftovers of writes that a power cut ended are removed.
    fn keys(&mut self) -> Result<&mut BTreeMap<Vec<u8>, u64>, Errno> {
        if self.keys.is_none() {
            let keys = self.load().map_err(|error| from_io(&error))?;
            self.keys = Some(keys);
        }
        self.keys.as_mut().ok_or(Errno::Io)
    }

    fn load(&self) -> io::Result<BTreeMap<Vec<u8>, u64>> {
        let mut keys = BTreeMap::new();
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(keys),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(TEMPORARY) => fs::remove_file(&path)?,
                Some(SUFFIX) => match decode(&fs::read(&path)?) {
                    Some((key, value)) if path == self.file(key) => {
                        keys.insert(key.to_vec(), u64::try_from(value.len()).unwrap_or(u64::MAX));
                    }
                    _ => self.set_aside(&path),
                },
                _ => {}
            }
        }
        Ok(keys)
    }

    fn write(&self, key: &[u8], value: &[u8]) -> io::Result<()> {
        if !self.path.is_dir() {
            create(&self.path)?;
        }
        let target = self.file(key);
        let temporary = with_suffix(&target, TEMPORARY);
        let written = write_through(&temporary, &encode(key, value))
            .and_then(|()| fs::rename(&temporary, &target));
        if let Err(error) = written {
            // It is removed at the next start if it cannot be now.
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        sync_folder(&self.path)
    }

    /// Renames a damaged file, so that somebody can look at it, and notes it.
    fn set_aside(&self, path: &Path) {
        let aside = with_suffix(path, DAMAGED);
        let kept = if fs::rename(path, &aside).is_ok() {
            aside
        } else {
            path.to_owned()
        };
        self.damaged.lock().push(kept);
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(suffix);
    name.into()
}

/// Makes a folder and those above it that are missing, each noted on the disk.
pub(super) fn create(path: &Path) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if !parent.is_dir() {
        create(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(parent),
    }
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Mark, checksum of all that follows, length of the key (u32, little-endian), key, value.
fn encode(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut body = u32::try_from(key.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes()
        .to_vec();
    body.extend_from_slice(key);
    body.extend_from_slice(value);
    let mut file = MARK.to_vec();
    file.extend_from_slice(&checksum(&body).to_le_bytes());
    file.append(&mut body);
    file
}

/// Key and value, if nothing is damaged.
fn decode(file: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sum, body) = file.strip_prefix(&MARK)?.split_first_chunk()?;
    if checksum(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (len, rest) = body.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)
}

/// CRC-32 as in ISO 3309.
fn checksum(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xEDB8_8320;
    let step = |sum: u32| {
        if sum & 1 == 1 {
            (sum >> 1) ^ POLYNOMIAL
        } else {
            sum >> 1
        }
    };
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum))
    })
}

#[cfg(test)]
#[test]
fn the_checksum_is_the_usual_one() {
    assert_eq!(checksum(b"123456789"), 0xCBF4_3926);
}

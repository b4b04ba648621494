//! Pins: what containers and rollbacks use, in a file per owner, whether anybody runs or not.

use std::collections::BTreeMap;

use thimble_image::Digest;

use super::disk::{self, FRESH};
use super::lock::Held;
use super::{Inner, StoreError};

pub(super) const PINS_FOLDER: &str = "pins";
/// Bytes of an owner's name at most: three times as many make a file name.
const OWNER_BYTES_MAX: usize = 80;
/// Digests that an owner pins at most.
const DIGESTS_MAX: usize = 10_000;
/// Bytes of a pin at most: a line for each digest, and the last line.
const PIN_BYTES_MAX: u64 = 80 * (DIGESTS_MAX as u64 + 1);
/// The last line: without it the file is damaged.
const END: &str = "end";

impl Inner {
    pub(super) fn pin(&self, owner: &str, digest: &Digest) -> Result<(), StoreError> {
        let name = file_name(owner)?;
        let held = self.lock()?;
        self.open_blob(digest)?;
        self.sync_blobs()?;
        let mut digests = self.load_pin(&held, &name)?.unwrap_or_default();
        if !digests.contains(digest) {
            digests.push(*digest);
        }
        if digests.len() > DIGESTS_MAX {
            return Err(StoreError::TooMany {
                what: "pins of one owner",
                max: DIGESTS_MAX as u64,
            });
        }
        let mut content: String = digests.iter().map(|digest| format!("{digest}\n")).collect();
        content += END;
        // Also when it has the digest already: it may not be durable.
        self.replace(PINS_FOLDER, &name, content.as_bytes())
    }

    pub(super) fn unpin(&self, owner: &str) -> Result<bool, StoreError> {
        let path = disk::join(PINS_FOLDER, &file_name(owner)?);
        let _held = self.lock()?;
        let was_there =
            disk::unlink_if_there(&*self.disk, &path).map_err(self.fault("remove", &path))?;
        self.sync_folder(PINS_FOLDER)?;
        Ok(was_there)
    }

    pub(super) fn pins(&self) -> Result<BTreeMap<String, Vec<Digest>>, StoreError> {
        let held = self.lock()?;
        self.pins_locked(&held)
    }

    pub(super) fn pins_locked(
        &self,
        held: &Held,
    ) -> Result<BTreeMap<String, Vec<Digest>>, StoreError> {
        let mut pins = BTreeMap::new();
        let names = self.disk.list(PINS_FOLDER);
        for name in names.map_err(self.fault("list", PINS_FOLDER))? {
            let Some(owner) = owner_of(&name) else {
                continue;
            };
            if let Some(digests) = self.load_pin(held, &name)? {
                pins.insert(owner, digests);
            }
        }
        Ok(pins)
    }

    fn load_pin(&self, _held: &Held, name: &str) -> Result<Option<Vec<Digest>>, StoreError> {
        let path = disk::join(PINS_FOLDER, name);
        let file = disk::open_if_there(&*self.disk, &path).map_err(self.fault("open", &path))?;
        let Some(file) = file else {
            return Ok(None);
        };
        let content = disk::read_whole(&*file, PIN_BYTES_MAX).map_err(self.fault("read", &path))?;
        match content.as_deref().and_then(parse) {
            Some(digests) => Ok(Some(digests)),
            None => Err(StoreError::Unreadable {
                user: owner_of(name).unwrap_or_default(),
                document: path,
                reason: "the file is damaged".into(),
            }),
        }
    }
}

fn parse(content: &[u8]) -> Option<Vec<Digest>> {
    let lines = str::from_utf8(content).ok()?.strip_suffix(END)?;
    lines.lines().map(|line| line.parse().ok()).collect()
}

/// The owner's name, with `%` and two digits for every byte that file names should not have.
fn file_name(owner: &str) -> Result<String, StoreError> {
    if owner.is_empty() || owner.len() > OWNER_BYTES_MAX {
        return Err(StoreError::Owner {
            bytes_max: OWNER_BYTES_MAX,
        });
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    Ok(owner
        .bytes()
        .map(|byte| match byte {
            byte if is_plain(byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02x}"),
        })
        .collect())
}

/// Whose file it is; nothing for a file that is not complete or not ours.
fn owner_of(name: &str) -> Option<String> {
    if name.ends_with(FRESH) {
        return None;
    }
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, more) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?);
        rest = more;
    }
    String::from_utf8(bytes).ok()
}

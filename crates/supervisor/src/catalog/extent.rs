//! How an image lies in its extent, and what is kept of it in the records.
//!
//! ```text
//! head       64 bytes: magic, version, lengths, digest, a checksum of these
//! manifest   byte for byte
//! config     byte for byte
//! module     from a multiple of 8 on
//! table      from a multiple of 8 on
//! ```

use alloc::vec::Vec;

use crc::{CRC_32_ISO_HDLC, Crc};
use thimble_image::Digest;

use super::{ImageDigest, read_manifest};

/// Bytes of the head.
pub(super) const HEAD_BYTES: u32 = 64;
/// `THMI`.
const MAGIC: u32 = 0x494d_4854;
/// The version of the layout.
const VERSION: u32 = 1;
/// Where module and table begin.
pub(super) const ALIGNMENT: u32 = 8;
/// Bytes of the record of an image.
const FACTS_BYTES: usize = 4 * 8 + 32;

/// Finds what a worn flash does to bytes. It is no defence against whoever can write flash, who could write the
/// checksum too; the digests say where the bytes came from (ADR 20).
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// What the records say of an image; committed together with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImageFacts {
    /// Bytes of the manifest.
    pub(crate) manifest_bytes: u32,
    /// Bytes of the configuration.
    pub(crate) config_bytes: u32,
    /// Where the module begins.
    pub(crate) module_offset: u32,
    /// Bytes of the module.
    pub(crate) module_bytes: u32,
    /// Where the side table begins.
    pub(crate) table_offset: u32,
    /// Bytes of the side table.
    pub(crate) table_bytes: u32,
    /// The checksum of module and side table.
    pub(crate) checksum: u32,
    /// The SHA-256 of the module.
    pub(crate) module_digest: [u8; 32],
}

impl ImageFacts {
    /// Its bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let numbers = [
            VERSION,
            self.manifest_bytes,
            self.config_bytes,
            self.module_offset,
            self.module_bytes,
            self.table_offset,
            self.table_bytes,
            self.checksum,
        ];
        let mut bytes = Vec::with_capacity(FACTS_BYTES);
        for number in numbers {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.module_digest);
        bytes
    }

    /// Reads them.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, digest) = bytes.split_at_checked(FACTS_BYTES - 32)?;
        let module_digest = digest.try_into().ok()?;
        let mut numbers = numbers
            .chunks_exact(4)
            .map(|bytes| bytes.try_into().map_or(0, u32::from_le_bytes));
        let mut next = || numbers.next();
        if next()? != VERSION {
            return None;
        }
        Some(Self {
            manifest_bytes: next()?,
            config_bytes: next()?,
            module_offset: next()?,
            module_bytes: next()?,
            table_offset: next()?,
            table_bytes: next()?,
            checksum: next()?,
            module_digest,
        })
    }
}

/// The head of an extent.
pub(super) fn head(
    digest: &ImageDigest,
    manifest_bytes: u32,
    config_bytes: u32,
    module_bytes: u32,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    for number in [MAGIC, VERSION, manifest_bytes, config_bytes, module_bytes] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(digest);
    let checksum = CRC.checksum(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes.resize(64, 0);
    bytes
}

/// The checksum of module and side table.
pub(super) fn checksum(module: &[u8], table: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(module);
    digest.update(table);
    digest.finalize()
}

/// A part of an extent.
pub(super) fn part(bytes: &'static [u8], offset: u32, length: u32) -> Option<&'static [u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    bytes.get(start..end)
}

/// The parts of an image where they lie.
pub(super) struct Parts {
    head: &'static [u8],
    pub(super) manifest: &'static [u8],
    pub(super) config: &'static [u8],
    pub(super) module: &'static [u8],
    pub(super) table: &'static [u8],
    pub(super) facts: ImageFacts,
}

impl Parts {
    /// Finds them, if they are within the extent.
    pub(super) fn of(bytes: &'static [u8], facts: ImageFacts) -> Option<Self> {
        let config_offset = HEAD_BYTES.checked_add(facts.manifest_bytes)?;
        let is_aligned = facts.module_offset.is_multiple_of(ALIGNMENT)
            && facts.table_offset.is_multiple_of(ALIGNMENT);
        if !is_aligned {
            return None;
        }
        Some(Self {
            head: part(bytes, 0, HEAD_BYTES)?,
            manifest: part(bytes, HEAD_BYTES, facts.manifest_bytes)?,
            config: part(bytes, config_offset, facts.config_bytes)?,
            module: part(bytes, facts.module_offset, facts.module_bytes)?,
            table: part(bytes, facts.table_offset, facts.table_bytes)?,
            facts,
        })
    }

    /// Compares the bytes with what they were when they were written.
    ///
    /// # Errors
    /// What differs.
    #[inline(never)]
    pub(super) fn check(&self, digest: &ImageDigest) -> Result<(), &'static str> {
        let facts = &self.facts;
        let expected = head(
            digest,
            facts.manifest_bytes,
            facts.config_bytes,
            facts.module_bytes,
        );
        if self.head != expected {
            return Err("its head is another one's");
        }
        if Digest::of(self.manifest).as_bytes() != digest {
            return Err("its manifest was changed");
        }
        let manifest = read_manifest(self.manifest).map_err(|_| "its manifest cannot be read")?;
        if Digest::of(self.config) != manifest.config.digest {
            return Err("its configuration was changed");
        }
        if checksum(self.module, self.table) != facts.checksum {
            return Err("its module or side table was changed");
        }
        Ok(())
    }
}

//! The beginning of an item, up to where its content begins.

use thimble_image::Digest;

use super::{FORM, ItemKind, MAGIC};
use crate::ids::DeviceId;

/// Bytes of a beginning at most: a blob's, whose length takes nine bytes.
pub(super) const HEAD_BYTES_MAX: usize = 48;

const UNSIGNED: u8 = 0;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;

/// The beginning of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Header,
    State { device: DeviceId, bytes: u64 },
    Manifest { bytes: u64 },
    Blob { digest: Digest, bytes: u64 },
    End { items: u64 },
}

/// Why there is no head yet, or never will be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// There are not enough bytes.
    More,
    /// They are no item of a bundle.
    Malformed,
    /// The form is of another version.
    Form { form: u64 },
}

impl Head {
    pub(super) const fn kind(&self) -> ItemKind {
        match self {
            Self::Header => ItemKind::Header,
            Self::State { .. } => ItemKind::State,
            Self::Manifest { .. } => ItemKind::Manifest,
            Self::Blob { .. } => ItemKind::Blob,
            Self::End { .. } => ItemKind::End,
        }
    }

    /// Reads one that ends where these bytes end.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Unread> {
        let rest = &mut &*bytes;
        let entries = argument(rest, ARRAY)?;
        let kind = ItemKind::of_number(argument(rest, UNSIGNED)?).ok_or(Unread::Malformed)?;
        let entries_expected = match kind {
            ItemKind::Header | ItemKind::State | ItemKind::Blob => 3,
            ItemKind::Manifest | ItemKind::End => 2,
        };
        if entries != entries_expected {
            return Err(Unread::Malformed);
        }
        Ok(match kind {
            ItemKind::Header => {
                if argument(rest, TEXT)? != MAGIC.len() as u64 {
                    return Err(Unread::Malformed);
                }
                let magic = array::<14>(rest)?;
                let form = argument(rest, UNSIGNED)?;
                match (magic == MAGIC.as_bytes(), form) {
                    (false, _) => return Err(Unread::Malformed),
                    (true, FORM) => Self::Header,
                    (true, form) => return Err(Unread::Form { form }),
                }
            }
            ItemKind::State => Self::State {
                device: DeviceId(fixed(rest)?),
                bytes: argument(rest, BYTES)?,
            },
            ItemKind::Manifest => Self::Manifest {
                bytes: argument(rest, BYTES)?,
            },
            ItemKind::Blob => Self::Blob {
                digest: Digest::from_bytes(fixed(rest)?),
                bytes: argument(rest, BYTES)?,
            },
            ItemKind::End => Self::End {
                items: argument(rest, UNSIGNED)?,
            },
        })
    }
}

/// Reads a byte string of so many bytes.
fn fixed<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Unread> {
    if argument(rest, BYTES)? != N as u64 {
        return Err(Unread::Malformed);
    }
    array(rest)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Unread> {
    let (bytes, after) = rest.split_first_chunk().ok_or(Unread::More)?;
    *rest = after;
    Ok(*bytes)
}

/// Reads the number or the length of an item of this major type, in its shortest form.
fn argument(rest: &mut &[u8], major: u8) -> Result<u64, Unread> {
    let [first] = array(rest)?;
    if first >> 5 != major {
        return Err(Unread::Malformed);
    }
    let (number, least) = match first & 0x1f {
        short @ 0..=23 => (u64::from(short), 0),
        24 => (u64::from(u8::from_be_bytes(array(rest)?)), 24),
        25 => (u64::from(u16::from_be_bytes(array(rest)?)), 1 << 8),
        26 => (u64::from(u32::from_be_bytes(array(rest)?)), 1 << 16),
        27 => (u64::from_be_bytes(array(rest)?), 1 << 32),
        _ => return Err(Unread::Malformed),
    };
    if number < least {
        return Err(Unread::Malformed);
    }
    Ok(number)
}

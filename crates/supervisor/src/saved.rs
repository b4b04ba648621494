//! Containers as they are kept: what was declared, which image that is, and whether it is to run.
//!
//! A record is an array in CBOR, its first element the version of the format. What lies in flash is hostile until it has
//! been read here.

#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use minicbor::decode::Error as Wrong;
use minicbor::{Decoder, Encoder};
use thimble_serial::{Declaration, LimitOverrides, Policy};

/// The version of the format.
const VERSION: u8 = 1;
/// Entries of a list at most.
pub(crate) const ENTRIES_MAX: usize = 64;
/// Elements of the record.
const ELEMENTS: u64 = 12;
/// Elements of the limits.
const LIMITS: u64 = 12;

/// What is to become of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Desired {
    /// It is declared, and nobody has started it.
    Declared,
    /// It is to run.
    Running,
    /// It is to be there and do nothing.
    Paused,
    /// It is not to run.
    Stopped,
}

/// A container, but for its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    /// What was declared.
    pub(crate) declaration: Declaration,
    /// The digest of its image.
    pub(crate) digest: [u8; 32],
    /// Whether it is to run.
    pub(crate) desired: Desired,
    /// How often in a row the firmware failed while it ran.
    pub(crate) host_failures: u8,
}

/// A record is none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

impl From<Wrong> for Damaged {
    fn from(_: Wrong) -> Self {
        Self
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("what was declared cannot be read")
    }
}

/// Writing into memory cannot fail; growing it is bounded by the size of messages.
type Written = Result<(), minicbor::encode::Error<core::convert::Infallible>>;

impl Saved {
    /// Its bytes.
    #[inline(never)]
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new());
        let written = self.write(&mut encoder);
        debug_assert!(written.is_ok(), "memory takes everything");
        encoder.into_writer()
    }

    fn write(&self, encoder: &mut Encoder<Vec<u8>>) -> Written {
        let declaration = &self.declaration;
        let desired = match self.desired {
            Desired::Declared => 0,
            Desired::Running => 1,
            Desired::Paused => 2,
            Desired::Stopped => 3,
        };
        encoder.array(ELEMENTS)?.u8(VERSION)?.u8(desired)?;
        encoder.u8(self.host_failures)?.bytes(&self.digest)?;
        encoder.str(&declaration.image)?;
        match &declaration.args {
            None => {
                encoder.null()?;
            }
            Some(args) => write_texts(encoder, args)?,
        }
        write_texts(encoder, &declaration.env)?;
        write_texts(encoder, &declaration.grants)?;
        write_limits(encoder, &declaration.limits)?;
        let (policy, tries) = match declaration.restart {
            Policy::No => (0, 0),
            Policy::OnFailure { tries } => (1, tries),
            Policy::UnlessStopped => (2, 0),
            Policy::Always => (3, 0),
        };
        encoder.array(4)?.u8(policy)?.u32(tries)?;
        encoder.bool(declaration.is_stopped)?;
        encoder.bool(declaration.is_removed_after)?;
        match &declaration.entry {
            None => encoder.null()?,
            Some(entry) => encoder.str(entry)?,
        };
        write_number(encoder, declaration.timeout_ms)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Damaged`].
    #[inline(never)]
    pub(crate) fn decode(name: &str, bytes: &[u8]) -> Result<Self, Damaged> {
        let mut decoder = Decoder::new(bytes);
        expect(&mut decoder, ELEMENTS)?;
        if decoder.u8()? != VERSION {
            return Err(Damaged);
        }
        let desired = match decoder.u8()? {
            0 => Desired::Declared,
            1 => Desired::Running,
            2 => Desired::Paused,
            3 => Desired::Stopped,
            _ => return Err(Damaged),
        };
        let host_failures = decoder.u8()?;
        let digest = decoder.bytes()?.try_into().map_err(|_| Damaged)?;
        let mut saved = Self {
            declaration: Declaration::default(),
            digest,
            desired,
            host_failures,
        };
        saved.declaration.name = text(name)?;
        read_beginning(&mut decoder, &mut saved.declaration)?;
        read_rest(&mut decoder, &mut saved.declaration)?;
        if decoder.position() != bytes.len() {
            return Err(Damaged);
        }
        Ok(saved)
    }
}

#[inline(never)]
fn read_beginning(decoder: &mut Decoder<'_>, declaration: &mut Declaration) -> Result<(), Damaged> {
    declaration.image = text(decoder.str()?)?;
    if !is_null(decoder)? {
        declaration.args = Some(texts(decoder)?);
    }
    declaration.env = texts(decoder)?;
    declaration.grants = texts(decoder)?;
    declaration.limits = limits(decoder)?;
    Ok(())
}

#[inline(never)]
fn read_rest(decoder: &mut Decoder<'_>, declaration: &mut Declaration) -> Result<(), Damaged> {
    expect(decoder, 4)?;
    let (policy, tries) = (decoder.u8()?, decoder.u32()?);
    declaration.restart = match policy {
        0 => Policy::No,
        1 => Policy::OnFailure { tries },
        2 => Policy::UnlessStopped,
        3 => Policy::Always,
        _ => return Err(Damaged),
    };
    declaration.is_stopped = decoder.bool()?;
    declaration.is_removed_after = decoder.bool()?;
    declaration.entry = if is_null(decoder)? {
        None
    } else {
        Some(text(decoder.str()?)?)
    };
    declaration.timeout_ms = number(decoder)?;
    Ok(())
}

fn write_texts(encoder: &mut Encoder<Vec<u8>>, texts: &[String]) -> Written {
    encoder.array(u64::try_from(texts.len()).unwrap_or(u64::MAX))?;
    for text in texts {
        encoder.str(text)?;
    }
    Ok(())
}

fn write_number(encoder: &mut Encoder<Vec<u8>>, number: Option<u32>) -> Written {
    match number {
        None => encoder.null()?,
        Some(number) => encoder.u32(number)?,
    };
    Ok(())
}

#[inline(never)]
fn write_limits(encoder: &mut Encoder<Vec<u8>>, limits: &LimitOverrides) -> Written {
    encoder.array(LIMITS)?;
    let all = [
        limits.memory_bytes,
        limits.stack_bytes,
        limits.cpu_share_thousandths,
        limits.storage_bytes,
        limits.key_value_bytes,
        limits.log_bytes,
        limits.descriptors,
        limits.sockets,
        limits.timers,
        limits.subscriptions,
        limits.queue_messages,
        limits.message_bytes,
    ];
    all.into_iter()
        .try_for_each(|limit| write_number(encoder, limit))
}

#[inline(never)]
fn limits(decoder: &mut Decoder<'_>) -> Result<LimitOverrides, Damaged> {
    expect(decoder, LIMITS)?;
    Ok(LimitOverrides {
        memory_bytes: number(decoder)?,
        stack_bytes: number(decoder)?,
        cpu_share_thousandths: number(decoder)?,
        storage_bytes: number(decoder)?,
        key_value_bytes: number(decoder)?,
        log_bytes: number(decoder)?,
        descriptors: number(decoder)?,
        sockets: number(decoder)?,
        timers: number(decoder)?,
        subscriptions: number(decoder)?,
        queue_messages: number(decoder)?,
        message_bytes: number(decoder)?,
    })
}

/// Reads the head of an array with so many elements.
pub(crate) fn expect(decoder: &mut Decoder<'_>, elements: u64) -> Result<(), Damaged> {
    if decoder.array()? == Some(elements) {
        Ok(())
    } else {
        Err(Damaged)
    }
}

fn is_null(decoder: &mut Decoder<'_>) -> Result<bool, Damaged> {
    let is_null = decoder.datatype()? == minicbor::data::Type::Null;
    if is_null {
        decoder.null()?;
    }
    Ok(is_null)
}

fn number(decoder: &mut Decoder<'_>) -> Result<Option<u32>, Damaged> {
    if is_null(decoder)? {
        return Ok(None);
    }
    Ok(Some(decoder.u32()?))
}

/// A text of its own; without memory for it, it counts as unreadable.
pub(crate) fn text(text: &str) -> Result<String, Damaged> {
    let mut own = String::new();
    own.try_reserve_exact(text.len()).map_err(|_| Damaged)?;
    own.push_str(text);
    Ok(own)
}

#[inline(never)]
fn texts(decoder: &mut Decoder<'_>) -> Result<Vec<String>, Damaged> {
    let length = decoder.array()?.ok_or(Damaged)?;
    let length = usize::try_from(length).map_err(|_| Damaged)?;
    if length > ENTRIES_MAX {
        return Err(Damaged);
    }
    let mut texts = Vec::new();
    texts.try_reserve_exact(length).map_err(|_| Damaged)?;
    for _ in 0..length {
        texts.push(text(decoder.str()?)?);
    }
    Ok(texts)
}

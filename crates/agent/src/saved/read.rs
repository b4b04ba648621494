//! Reads what was kept.

use alloc::string::String;
use alloc::vec::Vec;

use minicbor::data::Type;
use minicbor::decode::Error;
use thimble_image::Digest;
use thimble_protocol::manifest::UpdateRules;
use thimble_protocol::report::ReasonCode;
use thimble_protocol::state::{Escalation, Rung, SealedSecret, SigningKey, UpdatePolicy, Window};
use thimble_protocol::{DeploymentId, DeviceId, ETag, StateVersion, UnixSeconds};

use super::{BYTES_MAX, FORM, LIST_MAX, RestoreError};
use crate::kept::{
    Condition, Entry, FAILURES_MAX, FailedTry, Kept, KeptSecret, SecretUse, Trial, Version, Wanted,
};

type Decoder<'a> = minicbor::Decoder<'a>;

/// Reads what was kept.
///
/// # Errors
///
/// It was not written by an agent, or by a later one.
pub(crate) fn read(bytes: &[u8]) -> Result<Kept, RestoreError> {
    if bytes.len() > BYTES_MAX {
        return Err(RestoreError::Malformed);
    }
    let mut from = Decoder::new(bytes);
    let form = form(&mut from).map_err(|_| RestoreError::Malformed)?;
    if form != FORM {
        return Err(RestoreError::Newer { form });
    }
    let kept = kept(&mut from).map_err(|_| RestoreError::Malformed)?;
    let is_twice = |place: usize, entry: &Entry| {
        kept.entries
            .iter()
            .take(place)
            .any(|other| other.deployment == entry.deployment)
    };
    let is_damaged = from.position() != bytes.len()
        || kept.failed.len() > FAILURES_MAX
        || kept.committed > kept.adopted
        || kept
            .entries
            .iter()
            .enumerate()
            .any(|(place, entry)| is_twice(place, entry));
    if is_damaged {
        Err(RestoreError::Malformed)
    } else {
        Ok(kept)
    }
}

trait Piece: Sized {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error>;
}

fn form(from: &mut Decoder<'_>) -> Result<u32, Error> {
    match from.array()? {
        Some(1..) => from.u32(),
        Some(0) | None => Err(Error::message("no form")),
    }
}

fn kept(from: &mut Decoder<'_>) -> Result<Kept, Error> {
    let device = DeviceId(fixed(from)?);
    let adopted = StateVersion(from.u64()?);
    let committed = StateVersion(from.u64()?);
    let tag = match from.datatype()? {
        Type::Null => {
            from.null()?;
            None
        }
        _ => Some(tag(adopted, fixed(from)?)),
    };
    let flags = from.u32()?;
    let is_set = |place: u32| flags & (1 << place) != 0;
    let kept = Kept {
        device,
        adopted,
        committed,
        tag,
        is_imported: is_set(0),
        is_rejected: is_set(1),
        is_confirmed: is_set(2),
        is_held_here: is_set(3),
        is_on_probation: is_set(4),
        is_tight: is_set(5),
        sequence_end: from.u64()?,
        outage_s: from.u32()?,
        rungs_taken: from.u32()?,
        trial_starts: from.u32()?,
        entries: list(from)?,
        policy: Piece::take(from)?,
        ladder: list(from)?,
        recovery_urls: list(from)?,
        next_keys: list(from)?,
        secrets: list(from)?,
        failed: list(from)?,
    };
    let added = from.array()?.ok_or(Error::message("no end"))?;
    for _ in 0..added.min(LIST_MAX) {
        from.skip()?;
    }
    Ok(kept)
}

/// A tag of which the first bytes of the digest are known, which are all that it has.
fn tag(version: StateVersion, first: [u8; 9]) -> ETag {
    let mut digest = [0; 32];
    for (to, byte) in digest.iter_mut().zip(first) {
        *to = byte;
    }
    ETag::of_digest(version, &Digest::from_bytes(digest))
}

impl Piece for Entry {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        fields(from, 8)?;
        Ok(Self {
            deployment: DeploymentId(fixed(from)?),
            app: Piece::take(from)?,
            wanted: Piece::take(from)?,
            running: Piece::take(from)?,
            trial: Piece::take(from)?,
            is_broken: from.bool()?,
            fallback: match from.array()? {
                Some(0) => None,
                Some(1) => Some(Piece::take(from)?),
                _ => return Err(Error::message("no fallback")),
            },
            removed: Piece::take(from)?,
            condition: Condition::NEW,
        })
    }
}

impl Piece for Wanted {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        fields(from, 3)?;
        Ok(Self {
            manifest: Piece::take(from)?,
            manifest_bytes: from.u32()?,
            override_reason: Piece::take(from)?,
        })
    }
}

impl Piece for Version {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        fields(from, 4)?;
        Ok(Self {
            manifest: Piece::take(from)?,
            manifest_bytes: from.u32()?,
            rules: Piece::take(from)?,
            secrets: list(from)?,
        })
    }
}

impl Piece for UpdateRules {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        fields(from, 4)?;
        Ok(Self {
            consent_ms: from.u32()?,
            ask_again_s: from.u32()?,
            probation_s: from.u32()?,
            hub_within_s: from.u32()?,
        })
    }
}

impl Piece for SecretUse {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        fields(from, 2)?;
        Ok(Self {
            name: Piece::take(from)?,
            revision: from.u32()?,
        })
    }
}

impl Piece for Trial {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        fields(from, 2)?;
        Ok(Self {
            is_rolling_back: from.bool()?,
            target: Piece::take(from)?,
        })
    }
}

impl Piece for KeptSecret {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        fields(from, 4)?;
        let is_present = from.bool()?;
        let (name, revision) = (Piece::take(from)?, from.u32()?);
        Ok(Self {
            is_present,
            sealed: SealedSecret {
                name,
                revision,
                sealed: from.bytes()?.to_vec(),
            },
        })
    }
}

impl Piece for FailedTry {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        fields(from, 3)?;
        Ok(Self {
            manifest: Piece::take(from)?,
            secrets: from.u32()?,
            code: code(from.u8()?),
        })
    }
}

impl Piece for UpdatePolicy {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        fields(from, 3)?;
        let is_held = from.bool()?;
        let hold_until = match from.datatype()? {
            Type::Null => {
                from.null()?;
                None
            }
            _ => Some(UnixSeconds(from.u64()?)),
        };
        Ok(Self {
            is_held,
            hold_until,
            windows: list(from)?,
        })
    }
}

impl Piece for Window {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        fields(from, 4)?;
        Ok(Self {
            days: from.u8()?,
            begin_minute: from.u16()?,
            minutes: from.u16()?,
            utc_offset_minutes: from.i16()?,
        })
    }
}

impl Piece for Rung {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        fields(from, 2)?;
        let after_s = from.u32()?;
        let step = match from.u8()? {
            2 => Escalation::Recovery,
            3 => Escalation::RollBack,
            4 => Escalation::RestartAgent,
            5 => Escalation::RestartDevice,
            _ => Escalation::Reconnect,
        };
        Ok(Self { after_s, step })
    }
}

impl Piece for SigningKey {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        fields(from, 2)?;
        Ok(Self {
            id: fixed(from)?,
            point: from.bytes()?.to_vec(),
        })
    }
}

impl Piece for Digest {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        fixed(from).map(Self::from_bytes)
    }
}

impl Piece for String {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        from.str().map(Self::from)
    }
}

impl<T: Piece> Piece for Option<T> {
    fn take(from: &mut Decoder<'_>) -> Result<Self, Error> {
        if from.datatype()? == Type::Null {
            from.null()?;
            return Ok(None);
        }
        T::take(from).map(Some)
    }
}

fn fields(from: &mut Decoder<'_>, count: u64) -> Result<(), Error> {
    if from.array()? == Some(count) {
        Ok(())
    } else {
        Err(Error::message("other fields"))
    }
}

fn fixed<const N: usize>(from: &mut Decoder<'_>) -> Result<[u8; N], Error> {
    <[u8; N]>::try_from(from.bytes()?).map_err(|_| Error::message("other length"))
}

fn list<T: Piece>(from: &mut Decoder<'_>) -> Result<Vec<T>, Error> {
    match from.array()? {
        Some(count) if count <= LIST_MAX => (0..count).map(|_| T::take(from)).collect(),
        Some(_) | None => Err(Error::message("too many")),
    }
}

/// The reason of a number.
const fn code(number: u8) -> ReasonCode {
    match number {
        1 => ReasonCode::StartFailed,
        2 => ReasonCode::Crashed,
        3 => ReasonCode::Unhealthy,
        4 => ReasonCode::HubNotReached,
        5 => ReasonCode::Unavailable,
        6 => ReasonCode::Untrusted,
        7 => ReasonCode::DoesNotFit,
        8 => ReasonCode::Unsupported,
        9 => ReasonCode::Secret,
        _ => ReasonCode::FailedBefore,
    }
}

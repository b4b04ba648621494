//! Writes what is kept.

use alloc::string::String;
use alloc::vec::Vec;
use core::convert::Infallible;

use minicbor::encode::Error;
use thimble_image::Digest;
use thimble_protocol::manifest::UpdateRules;
use thimble_protocol::report::ReasonCode;
use thimble_protocol::state::{Escalation, Rung, SigningKey, UpdatePolicy, Window};

use super::FORM;
use crate::kept::{Entry, FailedTry, Kept, KeptSecret, SecretUse, Trial, Version, Wanted};

type Encoder = minicbor::Encoder<Vec<u8>>;

/// Writes what is kept.
pub(crate) fn write(kept: &Kept) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::with_capacity(512));
    // A vector takes everything that is written to it.
    drop(kept.put(&mut encoder));
    encoder.into_writer()
}

type Put = Result<(), Error<Infallible>>;

trait Piece {
    fn put(&self, to: &mut Encoder) -> Put;
}

impl Piece for Kept {
    fn put(&self, to: &mut Encoder) -> Put {
        let flags = [
            self.is_imported,
            self.is_rejected,
            self.is_confirmed,
            self.is_held_here,
            self.is_on_probation,
            self.is_tight,
        ];
        let flags = (0..)
            .zip(flags)
            .fold(0_u32, |bits, (place, flag)| bits | u32::from(flag) << place);
        to.array(18)?.u32(FORM)?.bytes(&self.device.0)?;
        to.u64(self.adopted.0)?.u64(self.committed.0)?;
        match &self.tag {
            Some(tag) => to.bytes(tag.digest())?,
            None => to.null()?,
        };
        to.u32(flags)?.u64(self.sequence_end)?;
        to.u32(self.outage_s)?
            .u32(self.rungs_taken)?
            .u32(self.trial_starts)?;
        list(&self.entries, to)?;
        self.policy.put(to)?;
        list(&self.ladder, to)?;
        list(&self.recovery_urls, to)?;
        list(&self.next_keys, to)?;
        list(&self.secrets, to)?;
        list(&self.failed, to)?;
        // Room for what a later runtime adds without another form.
        to.array(0)?;
        Ok(())
    }
}

impl Piece for Entry {
    fn put(&self, to: &mut Encoder) -> Put {
        to.array(8)?.bytes(&self.deployment.0)?.str(&self.app)?;
        self.wanted.put(to)?;
        self.running.put(to)?;
        self.trial.put(to)?;
        to.bool(self.is_broken)?;
        if let Some(fallback) = &self.fallback {
            to.array(1)?;
            fallback.put(to)?;
        } else {
            to.array(0)?;
        }
        self.removed.put(to)
    }
}

impl Piece for Wanted {
    fn put(&self, to: &mut Encoder) -> Put {
        to.array(3)?;
        self.manifest.put(to)?;
        to.u32(self.manifest_bytes)?;
        self.override_reason.put(to)
    }
}

impl Piece for Version {
    fn put(&self, to: &mut Encoder) -> Put {
        to.array(4)?;
        self.manifest.put(to)?;
        to.u32(self.manifest_bytes)?;
        self.rules.put(to)?;
        list(&self.secrets, to)
    }
}

impl Piece for UpdateRules {
    fn put(&self, to: &mut Encoder) -> Put {
        to.array(4)?.u32(self.consent_ms)?.u32(self.ask_again_s)?;
        to.u32(self.probation_s)?.u32(self.hub_within_s)?;
        Ok(())
    }
}

impl Piece for SecretUse {
    fn put(&self, to: &mut Encoder) -> Put {
        to.array(2)?.str(&self.name)?.u32(self.revision)?;
        Ok(())
    }
}

impl Piece for Trial {
    fn put(&self, to: &mut Encoder) -> Put {
        to.array(2)?.bool(self.is_rolling_back)?;
        self.target.put(to)
    }
}

impl Piece for KeptSecret {
    fn put(&self, to: &mut Encoder) -> Put {
        to.array(4)?.bool(self.is_present)?.str(&self.sealed.name)?;
        to.u32(self.sealed.revision)?.bytes(&self.sealed.sealed)?;
        Ok(())
    }
}

impl Piece for FailedTry {
    fn put(&self, to: &mut Encoder) -> Put {
        to.array(3)?;
        self.manifest.put(to)?;
        to.u32(self.secrets)?.u8(number(self.code))?;
        Ok(())
    }
}

impl Piece for UpdatePolicy {
    fn put(&self, to: &mut Encoder) -> Put {
        to.array(3)?.bool(self.is_held)?;
        match self.hold_until {
            Some(until) => to.u64(until.0)?,
            None => to.null()?,
        };
        list(&self.windows, to)
    }
}

impl Piece for Window {
    fn put(&self, to: &mut Encoder) -> Put {
        to.array(4)?.u8(self.days)?.u16(self.begin_minute)?;
        to.u16(self.minutes)?.i16(self.utc_offset_minutes)?;
        Ok(())
    }
}

impl Piece for Rung {
    fn put(&self, to: &mut Encoder) -> Put {
        let step = match self.step {
            Escalation::Reconnect => 1,
            Escalation::Recovery => 2,
            Escalation::RollBack => 3,
            Escalation::RestartAgent => 4,
            Escalation::RestartDevice => 5,
            _ => 0,
        };
        to.array(2)?.u32(self.after_s)?.u8(step)?;
        Ok(())
    }
}

impl Piece for SigningKey {
    fn put(&self, to: &mut Encoder) -> Put {
        to.array(2)?.bytes(&self.id)?.bytes(&self.point)?;
        Ok(())
    }
}

impl Piece for Digest {
    fn put(&self, to: &mut Encoder) -> Put {
        to.bytes(self.as_bytes())?;
        Ok(())
    }
}

impl Piece for String {
    fn put(&self, to: &mut Encoder) -> Put {
        to.str(self)?;
        Ok(())
    }
}

impl<T: Piece> Piece for Option<T> {
    fn put(&self, to: &mut Encoder) -> Put {
        match self {
            Some(piece) => piece.put(to),
            None => {
                to.null()?;
                Ok(())
            }
        }
    }
}

fn list<T: Piece>(pieces: &[T], to: &mut Encoder) -> Put {
    to.array(pieces.len() as u64)?;
    pieces.iter().try_for_each(|piece| piece.put(to))
}

/// The number of a reason, which stays.
const fn number(code: ReasonCode) -> u8 {
    match code {
        ReasonCode::StartFailed => 1,
        ReasonCode::Crashed => 2,
        ReasonCode::Unhealthy => 3,
        ReasonCode::HubNotReached => 4,
        ReasonCode::Unavailable => 5,
        ReasonCode::Untrusted => 6,
        ReasonCode::DoesNotFit => 7,
        ReasonCode::Unsupported => 8,
        ReasonCode::Secret => 9,
        _ => 0,
    }
}

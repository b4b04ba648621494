//! What the headers of the Notary Project state, each checked by itself (signature-envelope-cose).

use alloc::string::String;
use alloc::vec::Vec;

use coset::Label;
use coset::cbor::value::Value;

use super::algorithm::Algorithm;
use super::envelope::{SigningScheme, TIME_TAG};
use super::envelope_error::EnvelopeError;
use super::header::{self, Headers};
use super::name;
use super::time::{self, UnixTime};
use crate::media_type;

/// Characters of the signing agent's name that are kept: it is not signed, and only shown.
const AGENT_CHARACTERS_MAX: usize = 128;

pub(super) fn read_algorithm(protected: &Headers) -> Result<Algorithm, EnvelopeError> {
    let algorithm = match protected.required(&header::ALGORITHM)? {
        Value::Integer(number) => match i64::try_from(*number) {
            Ok(number) => match Algorithm::of_cose_number(number) {
                Some(algorithm) => return Ok(algorithm),
                None => cose_name(number),
            },
            Err(_) => "a number that nobody has given out".into(),
        },
        Value::Text(name) => name.chars().take(32).flat_map(char::escape_debug).collect(),
        _ => return Err(wrong_type(&header::ALGORITHM, "a number or a text")),
    };
    Err(EnvelopeError::Unsupported { algorithm })
}

/// What the registry of COSE calls an algorithm.
fn cose_name(number: i64) -> String {
    match number {
        -36 => "ES512".into(),
        -37 => "PS256 (RSA)".into(),
        -38 => "PS384 (RSA)".into(),
        -39 => "PS512 (RSA)".into(),
        -8 => "EdDSA".into(),
        _ => alloc::format!("the algorithm {number} of COSE"),
    }
}

pub(super) fn read_scheme(protected: &Headers) -> Result<SigningScheme, EnvelopeError> {
    let label = Label::Text(header::SIGNING_SCHEME.into());
    let Value::Text(found) = protected.required(&label)? else {
        return Err(wrong_type(&label, "a text"));
    };
    [SigningScheme::X509, SigningScheme::SigningAuthority]
        .into_iter()
        .find(|scheme| scheme.name() == found)
        .ok_or_else(|| EnvelopeError::SigningScheme {
            found: found
                .chars()
                .take(64)
                .flat_map(char::escape_debug)
                .collect(),
        })
}

/// Checks that what is critical is known and there, and that what must be critical is.
pub(super) fn check_critical(
    protected: &Headers,
    scheme: SigningScheme,
) -> Result<(), EnvelopeError> {
    let Value::Array(critical) = protected.required(&header::CRITICAL)? else {
        return Err(wrong_type(&header::CRITICAL, "a list of labels"));
    };
    let mut listed = Vec::with_capacity(critical.len());
    for value in critical {
        let label = header::label(value.clone())?;
        let is_known = matches!(&label, Label::Text(name) if [
            header::SIGNING_SCHEME,
            header::SIGNING_TIME,
            header::AUTHENTIC_SIGNING_TIME,
            header::EXPIRY,
        ].contains(&name.as_str()));
        if !is_known {
            return Err(EnvelopeError::UnknownCritical {
                label: header::text(&label),
            });
        }
        if !protected.has(&label) {
            return Err(EnvelopeError::AbsentCritical {
                label: header::text(&label),
            });
        }
        listed.push(label);
    }
    let is_listed = |name: &str| {
        listed
            .iter()
            .any(|label| matches!(label, Label::Text(it) if it == name))
    };
    let required = [
        (header::SIGNING_SCHEME, true),
        (
            header::AUTHENTIC_SIGNING_TIME,
            scheme == SigningScheme::SigningAuthority,
        ),
        (header::EXPIRY, protected.named(header::EXPIRY).is_some()),
    ];
    match required
        .into_iter()
        .find(|(name, is_required)| *is_required && !is_listed(name))
    {
        // What is missing altogether is told so, with its name, by whoever reads it.
        Some((label, _)) if protected.named(label).is_some() => {
            Err(EnvelopeError::NotCritical { label })
        }
        _ => Ok(()),
    }
}

pub(super) fn check_content_type(protected: &Headers) -> Result<(), EnvelopeError> {
    match protected.required(&header::CONTENT_TYPE)? {
        Value::Text(found) if found == media_type::NOTARY_PAYLOAD => Ok(()),
        Value::Text(found) => Err(EnvelopeError::ContentType {
            found: found
                .chars()
                .take(128)
                .flat_map(char::escape_debug)
                .collect(),
        }),
        _ => Err(wrong_type(&header::CONTENT_TYPE, "a text")),
    }
}

pub(super) fn read_times(
    protected: &Headers,
    scheme: SigningScheme,
) -> Result<(UnixTime, Option<UnixTime>), EnvelopeError> {
    let (name, other) = match scheme {
        SigningScheme::X509 => (header::SIGNING_TIME, header::AUTHENTIC_SIGNING_TIME),
        SigningScheme::SigningAuthority => (header::AUTHENTIC_SIGNING_TIME, header::SIGNING_TIME),
    };
    if protected.named(other).is_some() {
        return Err(EnvelopeError::SchemeHeader { label: other });
    }
    let signed = read_time(protected, name)?
        .ok_or_else(|| EnvelopeError::MissingHeader { label: name.into() })?;
    let expiry = read_time(protected, header::EXPIRY)?;
    match expiry {
        Some(expiry) if expiry <= signed => Err(EnvelopeError::ExpiryOrder { signed, expiry }),
        _ => Ok((signed, expiry)),
    }
}

fn read_time(protected: &Headers, name: &str) -> Result<Option<UnixTime>, EnvelopeError> {
    let Some(value) = protected.named(name) else {
        return Ok(None);
    };
    let seconds = match value {
        Value::Tag(TIME_TAG, seconds) => match **seconds {
            Value::Integer(seconds) => i64::try_from(seconds).ok(),
            _ => None,
        },
        _ => None,
    };
    seconds
        .filter(|seconds| (0..=time::LATEST.0).contains(seconds))
        .map(|seconds| Some(UnixTime(seconds)))
        .ok_or_else(|| wrong_type(&Label::Text(name.into()), "a time in whole seconds"))
}

/// Reads the agent's name. It is not signed, so whatever is wrong with it must not matter.
pub(super) fn read_agent(unprotected: &Headers) -> Option<String> {
    let Value::Text(agent) = unprotected.named(header::SIGNING_AGENT)? else {
        return None;
    };
    let is_safe = |character: &char| !name::is_deceptive(*character);
    Some(
        agent
            .chars()
            .filter(is_safe)
            .take(AGENT_CHARACTERS_MAX)
            .collect(),
    )
}

pub(super) fn wrong_type(label: &Label, expected: &'static str) -> EnvelopeError {
    EnvelopeError::HeaderType {
        label: header::text(label),
        expected,
    }
}

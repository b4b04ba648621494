//! Header maps of COSE: labels and values, each label once (RFC 9052, section 3).

use alloc::string::String;
use alloc::vec::Vec;

use coset::cbor::value::Value;
use coset::{AsCborValue as _, CborSerializable as _, Label};

use super::cbor;
use super::envelope_error::EnvelopeError;

/// The labels that the specification gives numbers.
pub(super) const ALGORITHM: Label = Label::Int(1);
pub(super) const CRITICAL: Label = Label::Int(2);
pub(super) const CONTENT_TYPE: Label = Label::Int(3);
pub(super) const X5CHAIN: Label = Label::Int(33);

/// The labels that it gives names.
pub(super) const SIGNING_SCHEME: &str = "io.cncf.notary.signingScheme";
pub(super) const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
pub(super) const AUTHENTIC_SIGNING_TIME: &str = "io.cncf.notary.authenticSigningTime";
pub(super) const EXPIRY: &str = "io.cncf.notary.expiry";
pub(super) const SIGNING_AGENT: &str = "io.cncf.notary.signingAgent";
pub(super) const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";

/// Headers of one map at most: the specification has eight, and signers may add some.
const HEADERS_MAX: usize = 32;
/// Bytes of a label at most.
const LABEL_BYTES_MAX: usize = 128;
/// Bytes of the protected headers at most.
const PROTECTED_BYTES_MAX: usize = 16 << 10;

/// One map of headers.
pub(super) struct Headers(Vec<(Label, Value)>);

impl Headers {
    /// Reads the protected headers from the bytes that are signed.
    pub(super) fn parse_protected(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > PROTECTED_BYTES_MAX {
            return Err(EnvelopeError::HeadersTooLong {
                bytes: bytes.len(),
                bytes_max: PROTECTED_BYTES_MAX,
            });
        }
        // COSE writes no headers as no bytes.
        if bytes.is_empty() {
            return Ok(Self(Vec::new()));
        }
        cbor::check_outline(bytes)?;
        let value = Value::from_slice(bytes).map_err(EnvelopeError::malformed)?;
        Self::of(value)
    }

    /// Takes the headers out of a map.
    pub(super) fn of(value: Value) -> Result<Self, EnvelopeError> {
        let Value::Map(entries) = value else {
            return Err(EnvelopeError::Structure);
        };
        if entries.len() > HEADERS_MAX {
            return Err(EnvelopeError::TooManyHeaders {
                count: entries.len(),
                max: HEADERS_MAX,
            });
        }
        let mut headers = Self(Vec::with_capacity(entries.len()));
        for (key, value) in entries {
            let label = label(key)?;
            if headers.has(&label) {
                return Err(EnvelopeError::DuplicateHeader {
                    label: text(&label),
                });
            }
            headers.0.push((label, value));
        }
        Ok(headers)
    }

    pub(super) fn has(&self, label: &Label) -> bool {
        self.find(label).is_some()
    }

    pub(super) fn find(&self, label: &Label) -> Option<&Value> {
        self.0
            .iter()
            .find_map(|(it, value)| (it == label).then_some(value))
    }

    pub(super) fn named(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find_map(|(it, value)| matches!(it, Label::Text(it) if it == name).then_some(value))
    }

    pub(super) fn required(&self, label: &Label) -> Result<&Value, EnvelopeError> {
        self.find(label)
            .ok_or_else(|| EnvelopeError::MissingHeader { label: text(label) })
    }

    /// A label that is in both maps.
    pub(super) fn shared_with(&self, other: &Self) -> Option<&Label> {
        self.0
            .iter()
            .map(|(label, _)| label)
            .find(|label| other.has(label))
    }
}

/// Reads a label, which is a number or a text.
pub(super) fn label(value: Value) -> Result<Label, EnvelopeError> {
    let label = Label::from_cbor_value(value).map_err(|_| EnvelopeError::Label)?;
    match &label {
        Label::Text(name) if name.len() > LABEL_BYTES_MAX => Err(EnvelopeError::Label),
        _ => Ok(label),
    }
}

/// What people call a label.
pub(super) fn text(label: &Label) -> String {
    match label {
        &ALGORITHM => "alg".into(),
        &CRITICAL => "crit".into(),
        &CONTENT_TYPE => "content type".into(),
        &X5CHAIN => "x5chain".into(),
        Label::Int(number) => alloc::format!("{number}"),
        Label::Text(name) => name.escape_debug().collect(),
    }
}

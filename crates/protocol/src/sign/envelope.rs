//! The envelope: a tagged COSE_Sign1 with ES256, whose protected header says which key signed what kind of message.

use alloc::vec::Vec;

use coset::{
    ContentType, CoseSign1, CoseSign1Builder, Header, HeaderBuilder, RegisteredLabelWithPrivate,
    TaggedCborSerializable as _, iana,
};

use super::error::{EnvelopeError, SignError};
use super::signer::Signer;
use crate::codec::outline;
use crate::keyring::{KeyId, Keyring, Verify};

/// What an envelope holds. It is signed too, so that one kind never passes for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A [`crate::DesiredState`].
    State,
    /// A [`crate::Manifest`].
    Manifest,
}

/// An envelope that could be read. Nothing says yet that anybody trusts it.
#[derive(Clone, Debug)]
pub struct Envelope {
    key_id: KeyId,
    signature: [u8; 64],
    sign1: CoseSign1,
}

impl Kind {
    /// The content type in the protected header (RFC 9052, section 3.1).
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::State => "application/vnd.thimble.state+cbor",
            Self::Manifest => "application/vnd.thimble.manifest+cbor",
        }
    }
}

pub(super) fn sign(
    kind: Kind,
    payload: Vec<u8>,
    signer: &dyn Signer,
) -> Result<Vec<u8>, SignError> {
    let protected = HeaderBuilder::new()
        .algorithm(iana::Algorithm::ES256)
        .content_type(kind.content_type().into())
        .key_id(signer.key_id().into())
        .build();
    CoseSign1Builder::new()
        .protected(protected)
        .payload(payload)
        .try_create_signature(&[], |message| signer.sign(message).map(Vec::from))
        .map_err(SignError::Signer)?
        .build()
        .to_tagged_vec()
        .map_err(|_| SignError::Envelope)
}

impl Envelope {
    /// Reads an envelope of this kind.
    ///
    /// # Errors
    /// [`EnvelopeError`] says what is wrong with it.
    pub fn parse(bytes: &[u8], kind: Kind) -> Result<Self, EnvelopeError> {
        let bytes_max = kind.bytes_max();
        if bytes.len() > bytes_max as usize {
            return Err(EnvelopeError::TooLong {
                bytes: bytes.len() as u64,
                bytes_max,
            });
        }
        outline::check(bytes).map_err(EnvelopeError::Outline)?;
        check_protected_outline(bytes)?;
        let sign1 = CoseSign1::from_tagged_slice(bytes).map_err(|_| EnvelopeError::Structure)?;
        if !sign1.unprotected.is_empty() {
            return Err(EnvelopeError::Unprotected);
        }
        if sign1.payload.is_none() {
            return Err(EnvelopeError::Detached);
        }
        let key_id = check_header(&sign1.protected.header, kind)?;
        let signature =
            sign1
                .signature
                .as_slice()
                .try_into()
                .map_err(|_| EnvelopeError::SignatureLength {
                    bytes: sign1.signature.len() as u64,
                })?;
        Ok(Self {
            key_id,
            signature,
            sign1,
        })
    }

    /// The name of the key that is said to have signed it.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// What is said to be signed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.sign1.payload.as_deref().unwrap_or_default()
    }

    /// Whether a key of the keyring signed it.
    ///
    /// # Errors
    /// No: the key is not known, or the signature is not its.
    pub fn check_signature(
        &self,
        keyring: &Keyring,
        verify: &dyn Verify,
    ) -> Result<(), EnvelopeError> {
        let key = keyring
            .find(self.key_id)
            .ok_or(EnvelopeError::UnknownKey { id: self.key_id })?;
        let message = self.sign1.tbs_data(&[]);
        if verify.is_signed(&key.point, &message, &self.signature) {
            Ok(())
        } else {
            Err(EnvelopeError::Signature { id: self.key_id })
        }
    }
}

/// Outlines what is inside the protected header before it is read: it is CBOR within a byte string.
fn check_protected_outline(bytes: &[u8]) -> Result<(), EnvelopeError> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let mut protected = || {
        decoder.tag()?;
        decoder.array()?;
        decoder.bytes()
    };
    let protected = protected().map_err(|_| EnvelopeError::Structure)?;
    if protected.is_empty() {
        return Ok(());
    }
    outline::check(protected).map_err(EnvelopeError::Outline)
}

fn check_header(header: &Header, kind: Kind) -> Result<KeyId, EnvelopeError> {
    if !header.crit.is_empty() {
        return Err(EnvelopeError::Critical);
    }
    if header.alg != Some(RegisteredLabelWithPrivate::Assigned(iana::Algorithm::ES256)) {
        return Err(EnvelopeError::Algorithm);
    }
    match &header.content_type {
        Some(ContentType::Text(text)) if text == kind.content_type() => {}
        _ => {
            return Err(EnvelopeError::Kind {
                expected: kind.content_type(),
            });
        }
    }
    header
        .key_id
        .as_slice()
        .try_into()
        .map_err(|_| EnvelopeError::KeyId)
}

//! A signature that is right in all points, for tests to spoil one of them.

use thimble_image::descriptor::Descriptor;
use thimble_image::media_type;
use thimble_image::signature::{Identity, UnixTime, Verified, VerifyError, verify};

use crate::bytes::{array, bstr, int, map, tag, time, tstr};
use crate::pki::{Key, Template};

/// 2026-01-01 00:00 UTC.
pub(crate) const NOW: i64 = 1_767_225_600;
pub(crate) const SIGNED: i64 = NOW - 3600;

/// Something to be signed.
pub(crate) fn target() -> Descriptor {
    Descriptor::of(media_type::MANIFEST, b"an image")
}

/// All that goes into a signature and its verification.
pub(crate) struct Attempt {
    pub(crate) root: Template,
    pub(crate) middle: Template,
    pub(crate) leaf: Template,
    /// Turns the chain, leaf first, into what is put into the envelope.
    pub(crate) arrange: fn(&mut Vec<Vec<u8>>),
    pub(crate) protected: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) unprotected: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) payload: Vec<u8>,
    /// Who really signs, instead of the leaf.
    pub(crate) key: Option<Key>,
    /// Changes the four parts after signing.
    pub(crate) swap: fn(&mut [Vec<u8>; 4]),
    /// Changes the bytes in the end.
    pub(crate) spoil: fn(&mut Vec<u8>),
    pub(crate) target: Descriptor,
    pub(crate) anchors: Option<Vec<Vec<u8>>>,
    pub(crate) identities: Vec<&'static str>,
    pub(crate) now: i64,
}

impl Default for Attempt {
    fn default() -> Self {
        let text = |name: &str| tstr(&format!("io.cncf.notary.{name}"));
        let target = target();
        let payload = format!(
            r#"{{"targetArtifact":{{"mediaType":"{}","digest":"{}","size":{}}}}}"#,
            target.media_type, target.digest, target.size
        );
        Self {
            root: Template::authority("Root", Key::p256(1)),
            middle: Template::authority("Works", Key::p256(2)),
            leaf: Template::signer("Signer", Key::p256(3)),
            arrange: |_| {},
            protected: vec![
                (int(1), int(-7)),
                (int(2), array(&[text("signingScheme"), text("expiry")])),
                (int(3), tstr(media_type::NOTARY_PAYLOAD)),
                (text("signingScheme"), tstr("notary.x509")),
                (text("signingTime"), time(SIGNED)),
                (text("expiry"), time(NOW + 3600)),
            ],
            unprotected: vec![(text("signingAgent"), tstr("tests/1.0"))],
            payload: payload.into_bytes(),
            key: None,
            swap: |_| {},
            spoil: |_| {},
            target,
            anchors: None,
            identities: vec!["*"],
            now: NOW,
        }
    }
}

impl Attempt {
    /// The header with this label, to be changed.
    pub(crate) fn header(&mut self, label: &[u8]) -> &mut Vec<u8> {
        let found = self.protected.iter_mut().find(|(it, _)| it == label);
        &mut found.unwrap().1
    }

    pub(crate) fn named(&mut self, name: &str) -> &mut Vec<u8> {
        self.header(&tstr(&format!("io.cncf.notary.{name}")))
    }

    pub(crate) fn remove(&mut self, label: &[u8]) {
        self.protected.retain(|(it, _)| it != label);
    }

    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        vec![
            self.leaf.issue(&self.middle),
            self.middle.issue(&self.root),
            self.root.issue(&self.root),
        ]
    }

    /// The bytes that are signed (RFC 9052, section 4.4).
    pub(crate) fn signed_bytes(&self) -> Vec<u8> {
        array(&[
            tstr("Signature1"),
            bstr(&map(&self.protected)),
            bstr(&[]),
            bstr(&self.payload),
        ])
    }

    pub(crate) fn envelope(&self) -> Vec<u8> {
        let key = self.key.as_ref().unwrap_or(&self.leaf.key);
        self.envelope_signed_by(|message| key.sign(message))
    }

    pub(crate) fn envelope_signed_by(&self, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let mut chain = self.chain();
        (self.arrange)(&mut chain);
        let chain: Vec<_> = chain.iter().map(|it| bstr(it)).collect();
        let mut unprotected = self.unprotected.clone();
        let has_chain =
            |entries: &[(Vec<u8>, Vec<u8>)]| entries.iter().any(|(it, _)| *it == int(33));
        if !has_chain(&unprotected) {
            unprotected.push((int(33), array(&chain)));
        }
        let signature = sign(&self.signed_bytes());
        let mut parts = [
            bstr(&map(&self.protected)),
            map(&unprotected),
            bstr(&self.payload),
            bstr(&signature),
        ];
        (self.swap)(&mut parts);
        let mut envelope = tag(18, array(&parts));
        (self.spoil)(&mut envelope);
        envelope
    }

    pub(crate) fn verify(&self) -> Result<Verified, VerifyError> {
        let anchors = match &self.anchors {
            Some(anchors) => anchors.clone(),
            None => vec![self.root.issue(&self.root)],
        };
        let anchors: Vec<&[u8]> = anchors.iter().map(Vec::as_slice).collect();
        let identities: Vec<_> = self
            .identities
            .iter()
            .map(|text| Identity::parse(text).unwrap())
            .collect();
        verify(
            &self.envelope(),
            &self.target,
            &anchors,
            &identities,
            UnixTime(self.now),
        )
    }
}

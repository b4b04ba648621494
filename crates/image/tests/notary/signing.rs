//! What `sign` makes, and what it refuses to make.

use thimble_image::descriptor::{Annotations, CREATED, Descriptor};
use thimble_image::document::Document;
use thimble_image::media_type;
use thimble_image::signature::{
    Algorithm, Envelope, Identity, SignError, Signer, SignerError, SigningOptions, THUMBPRINTS,
    UnixTime, envelope_layer, sign, signature_manifest, verify,
};

use crate::attempt::{Attempt, NOW, target};
use crate::pki::Key;
use crate::says;

/// A key as a token would hold it.
struct Token {
    key: Key,
    chain: Vec<Vec<u8>>,
    answer: Result<(), SignerError>,
}

impl Token {
    fn new(attempt: &Attempt) -> Self {
        Self {
            key: attempt.leaf.key.clone(),
            chain: attempt.chain(),
            answer: Ok(()),
        }
    }
}

impl Signer for Token {
    fn algorithm(&self) -> Algorithm {
        match self.key {
            Key::P256(_) => Algorithm::Es256,
            Key::P384(_) => Algorithm::Es384,
        }
    }

    fn certificates(&self) -> &[Vec<u8>] {
        &self.chain
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        self.answer.clone().map(|()| self.key.sign(message))
    }
}

fn options() -> SigningOptions {
    SigningOptions {
        time: UnixTime(NOW),
        expiry: None,
        agent: String::new(),
        annotations: Annotations::new(),
    }
}

#[test]
fn any_signer_of_a_supported_algorithm_will_do() {
    for key in [Key::p256(3), Key::p384(3)] {
        let mut attempt = Attempt::default();
        attempt.leaf.key = key;
        let token = Token::new(&attempt);
        let mut target = target();
        target.annotations.insert("left".into(), "out".into());
        let options = SigningOptions {
            annotations: Annotations::from([("build".into(), "7".into())]),
            ..options()
        };
        let envelope = sign(&target, &token, &options).unwrap();
        let root = token.chain[2].as_slice();
        let verified = verify(
            &envelope,
            &target,
            &[root],
            &[Identity::ANYBODY],
            UnixTime(NOW),
        )
        .unwrap();
        assert_eq!(verified.envelope.algorithm(), token.algorithm());
        assert_eq!(verified.envelope.agent(), None);
        assert_eq!(verified.envelope.expiry(), None);
        assert_eq!(verified.envelope.target().annotations, options.annotations);
    }
}

#[test]
fn what_nobody_would_accept_is_not_made() {
    type Spoil = fn(&mut Attempt, &mut Token, &mut SigningOptions);
    let table: [(Spoil, &str); 9] = [
        (
            |_, _, options| {
                options
                    .annotations
                    .insert("io.cncf.notary.x".into(), "y".into());
            },
            "annotations that begin with `io.cncf.notary` are reserved; rename `io.cncf.notary.x`",
        ),
        (
            |_, _, options| options.expiry = Some(UnixTime(NOW)),
            "nobody would accept the signature: the signature was made at 2026-01-01T00:00:00Z \
             and says that it expired before, at 2026-01-01T00:00:00Z",
        ),
        (
            |_, _, options| options.time = UnixTime(NOW + 20 * 365 * 86_400),
            "nobody would accept a signature with these certificates: \
             the certificate of CN=Signer,O=Acme,ST=Bayern,C=DE is valid until 2035-01-01T00:00:00Z, \
             not at 2045-12-27T00:00:00Z; sign again with a new one",
        ),
        (
            |_, token, _| {
                token.chain.pop();
            },
            "nobody would accept a signature with these certificates: the chain is incomplete: \
             it ends with CN=Works,O=Acme,ST=Bayern,C=DE, \
             and the certificate of CN=Root,O=Acme,ST=Bayern,C=DE is missing",
        ),
        (
            |_, token, _| token.chain.clear(),
            "nobody would accept a signature with these certificates: there is no certificate",
        ),
        (
            |_, token, _| token.chain[0] = vec![1],
            "nobody would accept the signature: certificate 1 of the signature cannot be used: \
             it is not a certificate: ASN.1 DER message is incomplete: expected 2, actual 1 at DER byte 1",
        ),
        (
            |_, token, _| token.key = Key::p256(9),
            "the key made a signature that does not fit the first certificate (CN=Signer,O=Acme,ST=Bayern,C=DE)",
        ),
        (
            |_, token, _| token.key = Key::p384(9),
            "nobody would accept the signature: the signature says that it is ES384, and its key is for ES256",
        ),
        (
            |_, token, _| {
                token.answer = Err(SignerError::Denied {
                    reason: "the PIN is wrong".into(),
                })
            },
            "the key made no signature: what holds the key refuses to sign: the PIN is wrong",
        ),
    ];
    for (spoil, message) in table {
        let mut attempt = Attempt::default();
        let mut token = Token::new(&attempt);
        let mut options = options();
        spoil(&mut attempt, &mut token, &mut options);
        let error: SignError = sign(&target(), &token, &options).unwrap_err();
        assert_eq!(says(&error), message);
    }
}

#[test]
fn the_manifest_leads_to_the_envelope() {
    let attempt = Attempt::default();
    let envelope = attempt.envelope();
    let made = signature_manifest(&target(), &envelope, "2026-01-01T00:00:00Z").unwrap();
    let json = made.manifest.to_json();
    // The judge of manifests.
    let judged = oci_spec::image::ImageManifest::from_reader(&json[..]).unwrap();
    assert_eq!(
        judged.artifact_type().as_ref().unwrap().to_string(),
        media_type::NOTARY_SIGNATURE
    );
    assert_eq!(
        judged.subject().as_ref().unwrap().digest().to_string(),
        target().digest.to_string()
    );
    assert_eq!(
        judged.config().digest().to_string(),
        thimble_image::Digest::of(&made.config_content).to_string()
    );
    let annotations = judged.annotations().as_ref().unwrap();
    let parsed = Envelope::parse(&envelope).unwrap();
    let thumbprints: Vec<String> = serde_json::from_str(&annotations[THUMBPRINTS]).unwrap();
    let expected: Vec<_> = parsed
        .chain()
        .iter()
        .map(|it| it.thumbprint().hex())
        .collect();
    assert_eq!(thumbprints, expected);
    assert_eq!(annotations[CREATED], "2026-01-01T00:00:00Z");

    let Document::Manifest(manifest) = Document::parse(&json, None).unwrap() else {
        panic!("it is a manifest");
    };
    let layer = envelope_layer(&manifest, &target()).unwrap();
    assert_eq!(*layer, Descriptor::of(media_type::COSE, &envelope));
}

#[test]
fn what_is_no_signature_is_not_taken_for_one() {
    use thimble_image::Manifest;
    type Spoil = fn(&mut Manifest);
    let envelope = Attempt::default().envelope();
    let made = signature_manifest(&target(), &envelope, "")
        .unwrap()
        .manifest;
    let mut older = made.clone();
    older.artifact_type = None;
    older.config.media_type = media_type::NOTARY_SIGNATURE.into();
    assert!(envelope_layer(&older, &target()).is_ok());
    let table: [(Spoil, &str); 6] = [
        (
            |it| it.artifact_type = Some("application/spdx+json".into()),
            "application/spdx+json is not a signature",
        ),
        (
            |it| it.subject = None,
            "the signature does not say what it is about",
        ),
        (
            |it| it.subject = Some(Descriptor::of("a/b", b"other")),
            "the signature is about something else: \
             sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa",
        ),
        (
            |it| it.layers.push(it.layers[0].clone()),
            "a signature has one layer, and this has 2",
        ),
        (
            |it| it.layers[0].media_type = "application/jose+json".into(),
            "signatures of the format application/jose+json are not supported; sign with `--signature-format cose`",
        ),
        (
            |it| it.layers[0].size = 2 << 20,
            "a signature has at most 1048576 bytes, and this has 2097152",
        ),
    ];
    for (spoil, message) in table {
        let mut manifest = made.clone();
        spoil(&mut manifest);
        assert_eq!(
            says(&envelope_layer(&manifest, &target()).unwrap_err()),
            message
        );
    }
    let other = Descriptor::of(media_type::MANIFEST, b"another image");
    let error = signature_manifest(&other, &envelope, "").unwrap_err();
    assert_eq!(
        says(&error),
        format!("the signature is about something else: {}", target().digest)
    );
}

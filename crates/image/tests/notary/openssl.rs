//! Agreement with openssl: it signs what we judge, and judges what we sign.

use thimble_image::descriptor::Annotations;
use thimble_image::signature::{
    Algorithm, Envelope, Identity, PemSigner, SigningOptions, UnixTime, sign, verify,
};

use crate::attempt::{Attempt, target};
use crate::bytes::{array, bstr, der, int, time, tstr};
use crate::workshop::{Workshop, now};

fn options(now: UnixTime) -> SigningOptions {
    SigningOptions {
        time: now,
        expiry: Some(UnixTime(now.0 + 86_400)),
        agent: "thimble/0.1".into(),
        annotations: Annotations::from([("build".into(), "123".into())]),
    }
}

/// r and s one after the other, from the sequence of integers that openssl writes.
fn raw(signature: &[u8], half: usize) -> Vec<u8> {
    let mut rest = &signature[2..];
    let mut raw = Vec::new();
    for _ in 0..2 {
        let length = usize::from(rest[1]);
        let number = &rest[2..2 + length];
        let number = &number[number.len().saturating_sub(half)..];
        raw.extend(vec![0; half - number.len()]);
        raw.extend_from_slice(number);
        rest = &rest[2 + length..];
    }
    raw
}

/// The sequence of integers that openssl reads.
fn cooked(signature: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| {
        let zeros = half.iter().take_while(|byte| **byte == 0).count();
        let digits = &half[zeros.min(half.len() - 1)..];
        let sign: &[u8] = if digits[0] & 0x80 == 0 { &[] } else { &[0] };
        der(0x02, &[sign, digits].concat())
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    der(0x30, &[integer(r), integer(s)].concat())
}

/// An envelope assembled byte by byte from the specification and signed by `openssl dgst` is accepted.
#[test]
fn what_openssl_signs_is_accepted() {
    for (curve, digest, algorithm) in [
        ("prime256v1", "sha256", Algorithm::Es256),
        ("prime256v1", "sha384", Algorithm::Es256),
        ("secp384r1", "sha384", Algorithm::Es384),
        ("secp384r1", "sha256", Algorithm::Es384),
    ] {
        let workshop = Workshop::new(&format!("openssl-signs-{curve}-{digest}"));
        workshop.make_chain(curve, digest);
        let now = now();
        let mut attempt = Attempt::default();
        *attempt.header(&int(1)) = int(algorithm.cose_number());
        *attempt.named("signingTime") = time(now.0);
        *attempt.named("expiry") = time(now.0 + 60);
        let chain = workshop.chain_der();
        let certificates: Vec<_> = chain.iter().map(|it| bstr(it)).collect();
        attempt.unprotected.push((int(33), array(&certificates)));
        let hash = if algorithm == Algorithm::Es256 {
            "sha256"
        } else {
            "sha384"
        };
        let envelope = attempt.envelope_signed_by(|message| {
            workshop.write("message", message);
            let signature = workshop.openssl(&format!("dgst -{hash} -sign leaf.key message"));
            raw(&signature, algorithm.signature_bytes() / 2)
        });
        let identities = [Identity::parse("x509.subject: C=DE, ST=Bayern, O=Acme").unwrap()];
        let verified = verify(&envelope, &target(), &[&chain[1]], &identities, now).unwrap();
        assert_eq!(verified.envelope.algorithm(), algorithm);
        assert_eq!(
            verified.envelope.chain()[0].subject(),
            "CN=Builder,O=Acme,ST=Bayern,C=DE"
        );
        // Its names, numbers and thumbprints are openssl's.
        let openssl = workshop.openssl("x509 -in leaf.pem -noout -serial -fingerprint -sha256");
        let openssl = String::from_utf8(openssl).unwrap().replace(':', "");
        let leaf = &verified.envelope.chain()[0];
        assert!(
            openssl.contains(&leaf.serial().replace(':', "")),
            "{openssl}"
        );
        assert!(
            openssl.contains(&leaf.thumbprint().hex().to_uppercase()),
            "{openssl}"
        );
    }
}

/// What we sign is what openssl verifies, over bytes that the test assembles itself.
#[test]
fn what_we_sign_is_accepted_by_openssl() {
    let workshop = Workshop::new("openssl-verifies");
    workshop.make_chain("prime256v1", "sha256");
    let now = now();
    let options = options(now);
    let signer = PemSigner::new(&workshop.text("leaf.key"), &workshop.text("chain.pem"))
        .ok()
        .unwrap();
    let envelope = sign(&target(), &signer, &options).unwrap();

    let mut attempt = Attempt {
        payload: format!(
            r#"{{"targetArtifact":{{"mediaType":"{}","digest":"{}","size":{},"annotations":{{"build":"123"}}}}}}"#,
            target().media_type,
            target().digest,
            target().size
        )
        .into_bytes(),
        unprotected: Vec::new(),
        ..Attempt::default()
    };
    *attempt.named("signingTime") = time(now.0);
    *attempt.named("expiry") = time(now.0 + 86_400);
    let message = attempt.signed_bytes();
    let signature = Envelope::parse(&envelope).unwrap().signature().to_vec();
    workshop.write("message", &message);
    workshop.write("signature", cooked(&signature));
    workshop.openssl("x509 -in leaf.pem -noout -pubkey -out leaf.pub");
    workshop.openssl("dgst -sha256 -verify leaf.pub -signature signature message");

    // And every byte around it is the specification's, too.
    let chain: Vec<_> = workshop.chain_der().iter().map(|it| bstr(it)).collect();
    attempt.unprotected = vec![
        (int(33), array(&chain)),
        (tstr("io.cncf.notary.signingAgent"), tstr("thimble/0.1")),
    ];
    assert_eq!(envelope, attempt.envelope_signed_by(|_| signature));
}

/// The two forms in which openssl writes keys, and those that cannot be used.
#[test]
fn keys_are_read_as_openssl_writes_them() {
    let workshop = Workshop::new("keys");
    workshop.make_chain("prime256v1", "sha256");
    workshop.openssl("ec -in leaf.key -out sec1.key");
    workshop.openssl("ecparam -name prime256v1 -out parameters.pem");
    workshop.openssl("pkcs8 -topk8 -in leaf.key -passout pass:secret -out encrypted.key");
    workshop.openssl("ec -in leaf.key -aes128 -passout pass:secret -out old.key");
    workshop.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp384r1 -out p384.key");
    workshop.openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key");
    workshop.openssl("genpkey -algorithm ED25519 -out ed25519.key");
    let chain = workshop.text("chain.pem");
    let new = |key: &str| {
        PemSigner::new(key, &chain)
            .err()
            .map(|error| crate::says(&error))
    };
    let sec1 = workshop.text("sec1.key");
    assert!(sec1.contains("BEGIN EC PRIVATE KEY"));
    assert_eq!(new(&workshop.text("leaf.key")), None);
    assert_eq!(new(&sec1), None);
    assert_eq!(new(&(workshop.text("parameters.pem") + &sec1)), None);
    for (name, message) in [
        (
            "encrypted.key",
            "the private key is encrypted; decrypt it with `openssl pkey` and keep the result secret",
        ),
        (
            "old.key",
            "the private key is encrypted; decrypt it with `openssl pkey` and keep the result secret",
        ),
        (
            "p384.key",
            "private keys of the kind ECDSA on the curve 1.3.132.0.34 are not supported, only ECDSA on P-256",
        ),
        (
            "rsa.key",
            "private keys of the kind RSA are not supported, only ECDSA on P-256",
        ),
        (
            "ed25519.key",
            "private keys of the kind 1.3.101.112 are not supported, only ECDSA on P-256",
        ),
        (
            "chain.pem",
            "there is no private key in PEM; `openssl genpkey` makes one",
        ),
        (
            "root.key",
            "the first certificate (CN=Builder,O=Acme,ST=Bayern,C=DE) belongs to another key; \
                      the signer's own comes first",
        ),
    ] {
        assert_eq!(
            new(&workshop.text(name)).as_deref(),
            Some(message),
            "{name}"
        );
    }
    assert_eq!(
        PemSigner::new(&sec1, "")
            .err()
            .map(|error| crate::says(&error))
            .as_deref(),
        Some(
            "the certificates cannot be read: it holds no certificate: \
              no block begins `-----BEGIN CERTIFICATE-----`"
        ),
    );
}

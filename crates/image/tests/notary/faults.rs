//! Ways to spoil a signature, and what is said to each. `LEAF`, `WORKS` and `ROOT` stand for the names in the chain.

use crate::attempt::{Attempt, NOW, SIGNED};
use crate::bytes::{array, bstr, der, identifier, int, tag, time, tstr};
use crate::pki::{self, Extension, Key, Template};

/// Makes one thing wrong.
pub(crate) type Spoil = fn(&mut Attempt);

/// What the bytes are.
pub(crate) const ENCODING: &[(Spoil, &str)] = &[
    (
        |it| it.spoil = |bytes| bytes.truncate(100),
        "the signature is cut off; fetch it again",
    ),
    (
        |it| it.spoil = |bytes| bytes.extend([0; 3]),
        "3 bytes follow the end of the signature",
    ),
    (
        |it| {
            it.spoil = |bytes| {
                bytes.remove(0);
            }
        },
        "it is no COSE_Sign1 signature: the tag 18 is missing",
    ),
    (
        |it| it.spoil = |bytes| bytes[0] = 0xd1,
        "it is no COSE_Sign1 signature: its tag is 17 instead of 18",
    ),
    (
        |it| it.spoil = |bytes| *bytes = tag(18, array(&[int(1), int(2), int(3)])),
        "the signature does not have the four parts of a COSE_Sign1",
    ),
    (
        |it| it.spoil = |bytes| *bytes = vec![0xd2, 0x9f, 0xff],
        "the signature has an item of indefinite length, which is not allowed",
    ),
    (
        |it| it.spoil = |bytes| *bytes = vec![0xd2, 0x5c],
        "the signature is not CBOR: a reserved length",
    ),
    (
        |it| it.spoil = |bytes| *bytes = vec![0xd2, 0x62, 0xff, 0xff],
        "the signature is not CBOR: decode CBOR failure: Syntax(1)",
    ),
    (
        |it| it.spoil = |bytes| *bytes = vec![0x81; 64],
        "the items of the signature lie more than 12 deep in each other",
    ),
    (
        |it| it.spoil = |bytes| *bytes = tag(18, array(&vec![int(0); 2000])),
        "the signature has more than 1024 items",
    ),
    (
        |it| it.spoil = |bytes| bytes.resize((1 << 20) + 1, 0),
        "a signature has at most 1048576 bytes, and this has 1048577",
    ),
    (
        |it| it.swap = |parts| parts[2] = vec![0xf6],
        "the signature does not hold what it signs; sign again with the payload attached",
    ),
    (
        |it| it.swap = |parts| parts[3] = bstr(&[1; 63]),
        "the signature has 63 bytes instead of 64",
    ),
];

/// What the headers say.
pub(crate) const HEADERS: &[(Spoil, &str)] = &[
    (
        |it| it.protected.push((int(1), int(-7))),
        "the header `alg` is there twice",
    ),
    (
        |it| it.unprotected.push((int(3), tstr("a/b"))),
        "the header `content type` is there twice",
    ),
    (
        |it| it.unprotected.push(it.unprotected[0].clone()),
        "the header `io.cncf.notary.signingAgent` is there twice",
    ),
    (|it| it.remove(&int(1)), "the header `alg` is missing"),
    (|it| it.remove(&int(2)), "the header `crit` is missing"),
    (
        |it| it.remove(&int(3)),
        "the header `content type` is missing",
    ),
    (
        |it| it.remove(&tstr("io.cncf.notary.signingScheme")),
        "the header `io.cncf.notary.signingScheme` is missing",
    ),
    (
        |it| it.remove(&tstr("io.cncf.notary.signingTime")),
        "the header `io.cncf.notary.signingTime` is missing",
    ),
    (
        |it| it.unprotected.push((int(33), bstr(&[0x30]))),
        "the header `x5chain` is not a list of certificates",
    ),
    (
        |it| *it.named("signingTime") = int(SIGNED),
        "the header `io.cncf.notary.signingTime` is not a time in whole seconds",
    ),
    (
        |it| *it.named("expiry") = tag(1, int(-1)),
        "the header `io.cncf.notary.expiry` is not a time in whole seconds",
    ),
    (
        |it| it.protected.push((array(&[]), int(0))),
        "a header's label is neither a number nor a short text",
    ),
    (
        |it| {
            it.protected
                .extend((100..140).map(|label| (int(label), int(0))))
        },
        "a signature has at most 32 headers, and this has 46",
    ),
    (
        |it| it.protected.push((tstr("x"), bstr(&[0; 17_000]))),
        "the signed headers have at most 16384 bytes, and these have 17212",
    ),
    (
        |it| {
            it.protected.push((tstr("com.example.policy"), int(1)));
            *it.header(&int(2)) = array(&[
                tstr("io.cncf.notary.signingScheme"),
                tstr("com.example.policy"),
            ]);
        },
        "the header `com.example.policy` must be understood and is not known here; \
        a newer version or another tool may know it",
    ),
    (
        |it| it.remove(&tstr("io.cncf.notary.expiry")),
        "the header `io.cncf.notary.expiry` is listed as critical and missing",
    ),
    (
        |it| *it.header(&int(2)) = array(&[tstr("io.cncf.notary.signingScheme")]),
        "the header `io.cncf.notary.expiry` is not listed as critical, and must be",
    ),
    (
        |it| {
            it.protected
                .push((tstr("io.cncf.notary.authenticSigningTime"), time(SIGNED)))
        },
        "the header `io.cncf.notary.authenticSigningTime` does not belong to the signing scheme that is used",
    ),
    (
        |it| *it.named("signingScheme") = tstr("notary.pgp"),
        "the signing scheme `notary.pgp` is not known",
    ),
    (
        |it| *it.header(&int(3)) = tstr("text/plain"),
        "it signs content of the type `text/plain` instead of `application/vnd.cncf.notary.payload.v1+json`",
    ),
    (
        |it| *it.header(&int(1)) = int(-37),
        "signatures by PS256 (RSA) are not supported, only ES256 and ES384; sign with a key on P-256 or P-384",
    ),
    (
        |it| *it.header(&int(1)) = int(-35),
        "the signature says that it is ES384, and its key is for ES256",
    ),
    (
        |it| *it.named("expiry") = time(SIGNED),
        "the signature was made at 2025-12-31T23:00:00Z and says that it expired before, at 2025-12-31T23:00:00Z",
    ),
    (
        |it| it.payload = b"{}".to_vec(),
        "what is signed is not an artifact's descriptor: missing field `targetArtifact` at line 1 column 2",
    ),
];

/// What the certificates are.
pub(crate) const CERTIFICATES: &[(Spoil, &str)] = &[
    (
        |it| it.arrange = |chain| chain.clear(),
        "the signature has no certificate",
    ),
    (
        |it| it.arrange = |chain| *chain = vec![vec![]; 11],
        "a signature has at most 10 certificates, and this has 11",
    ),
    (
        |it| it.arrange = |chain| chain[1] = vec![0; 17_000],
        "certificate 2 of the signature cannot be used: a certificate has at most 16384 bytes, and this has 17000",
    ),
    (
        |it| it.arrange = |chain| chain[1] = vec![0x30, 0x00],
        "certificate 2 of the signature cannot be used: it is not a certificate: ASN.1 DER message is incomplete: \
         expected 3, actual 2 at DER byte 2",
    ),
    (
        |it| {
            let rsa = [identifier("1.2.840.113549.1.1.1"), der(0x05, &[])];
            it.middle.key_info = Some(pki::key_info(&rsa, &[0x30, 0x00]));
        },
        "certificate 2 of the signature cannot be used: \
        keys of the kind RSA are not supported, only ECDSA on P-256 and P-384",
    ),
    (
        |it| {
            it.middle.key_info = Some(pki::key_info(
                &[
                    identifier("1.2.840.10045.2.1"),
                    identifier("1.2.840.10045.3.1.7"),
                ],
                &[4; 65],
            ))
        },
        "certificate 2 of the signature cannot be used: its key is no point of the curve",
    ),
    (
        |it| it.root.algorithm = "1.2.840.113549.1.1.11",
        "certificate 3 of the signature cannot be used: \
         certificates signed by RSA are not supported, only ECDSA with SHA-256 or SHA-384",
    ),
    (
        |it| it.root.algorithm = "1.2.840.10045.4.1",
        "certificate 3 of the signature cannot be used: \
         certificates signed by 1.2.840.10045.4.1 are not supported, only ECDSA with SHA-256 or SHA-384",
    ),
    (
        |it| it.leaf.inner_algorithm = Some(pki::SHA_384),
        "certificate 1 of the signature cannot be used: it names two different algorithms for its signature",
    ),
    (
        |it| it.leaf.extensions.push(it.leaf.extensions[0].clone()),
        "certificate 1 of the signature cannot be used: its extension 2.5.29.15 is there twice",
    ),
    (
        |it| {
            it.middle.extensions.push(Extension {
                identifier: "2.5.29.30".into(),
                is_critical: true,
                content: vec![0x30, 0x00],
            })
        },
        "certificate 2 of the signature cannot be used: \
         its extension 2.5.29.30 is marked critical and is not known here",
    ),
];

/// What is true.
pub(crate) const SUBSTANCE: &[(Spoil, &str)] = &[
    (
        |it| it.swap = |parts| *parts[3].last_mut().unwrap() ^= 1,
        "the signature does not fit what it signs: one of the two was changed; fetch it again",
    ),
    (
        |it| {
            it.target.digest =
                "sha256:0000000000000000000000000000000000000000000000000000000000000000"
                    .parse()
                    .unwrap()
        },
        "the signature is for sha256:a5df3fde7b200c3fa2791144c7e05c5c2bced4c6ad863d3a4cf76c972c1712f9, \
         not for sha256:0000000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        |it| it.target.media_type = "application/wasm".into(),
        "the signature is for something of the type application/vnd.oci.image.manifest.v1+json, not application/wasm",
    ),
    (
        |it| it.target.size = 9,
        "the signature is for something of 8 bytes, not 9",
    ),
    (
        |it| it.now = NOW + 3600,
        "the signature expired at 2026-01-01T01:00:00Z, and it is 2026-01-01T01:00:00Z; ask for a newer one",
    ),
    (
        |it| it.anchors = Some(vec![]),
        "no certificate is trusted that the signature could lead to; \
         put the root into a trust store of the kind `ca` that the policy names",
    ),
    (
        |it| {
            it.anchors = {
                let stranger = Template::authority("Root", Key::p256(9));
                Some(vec![stranger.issue(&stranger)])
            }
        },
        "nobody trusts CN=Root,O=Acme,ST=Bayern,C=DE, to whom the signature leads; \
         if you do, put the certificate with the thumbprint THUMBPRINT into the trust store",
    ),
    (
        |it| it.identities = vec!["x509.subject: C=DE, ST=Bayern, O=Acme, CN=Somebody"],
        "the signer is CN=Signer,O=Acme,ST=Bayern,C=DE, whom the policy does not name among the trusted identities",
    ),
    (
        |it| *it.named("signingTime") = time(SIGNED - 400 * 86_400),
        "the signature says that it was made when its certificates were not valid: \
         the certificate of CN=Signer,O=Acme,ST=Bayern,C=DE is valid from 2025-01-01T00:00:00Z on, \
         not at 2024-11-26T23:00:00Z; is the clock right?",
    ),
    (
        |it| {
            *it.named("signingScheme") = tstr("notary.x509.signingAuthority");
            it.remove(&tstr("io.cncf.notary.signingTime"));
            it.protected
                .push((tstr("io.cncf.notary.authenticSigningTime"), time(SIGNED)));
            *it.header(&int(2)) = array(
                &["signingScheme", "expiry", "authenticSigningTime"]
                    .map(|name| tstr(&format!("io.cncf.notary.{name}"))),
            );
        },
        "no certificate is trusted that the signature could lead to; \
        put the root into a trust store of the kind `signingAuthority` that the policy names",
    ),
];

/// What the certificates say about each other.
pub(crate) const CHAIN: &[(Spoil, &str)] = &[
    (
        |it| it.leaf.extensions.push(Extension::authority(None)),
        "the signer's certificate (LEAF) is a certificate authority's; sign with one that it issued",
    ),
    (
        |it| it.leaf.remove(pki::KEY_USAGE),
        "the signer's certificate (LEAF) is not for digital signatures alone: \
         its key usage is missing or not marked critical",
    ),
    (
        |it| *it.leaf.extension(pki::KEY_USAGE) = Extension::usage(0x4000),
        "the signer's certificate (LEAF) is not for digital signatures alone: its key usage does not allow it",
    ),
    (
        |it| *it.leaf.extension(pki::KEY_USAGE) = Extension::usage(0x8080),
        "the signer's certificate (LEAF) is not for digital signatures alone: \
         its key usage allows more than digital signatures",
    ),
    (
        |it| {
            *it.leaf.extension(pki::EXTENDED_KEY_USAGE) =
                Extension::purposes(&[pki::CODE_SIGNING, pki::SERVER_AUTH])
        },
        "the signer's certificate (LEAF) is not for signing code alone: its extended key usage says so",
    ),
    (
        |it| it.middle.remove(pki::BASIC_CONSTRAINTS),
        "WORKS is no certificate authority: its basic constraints are missing, not critical, or deny it",
    ),
    (
        |it| it.root.extension(pki::BASIC_CONSTRAINTS).is_critical = false,
        "ROOT is no certificate authority: its basic constraints are missing, not critical, or deny it",
    ),
    (
        |it| *it.middle.extension(pki::KEY_USAGE) = Extension::usage(pki::DIGITAL_SIGNATURE),
        "WORKS is not for signing certificates: its key usage does not allow it",
    ),
    (
        |it| it.root.extension(pki::KEY_USAGE).is_critical = false,
        "ROOT is not for signing certificates: its key usage is missing or not marked critical",
    ),
    (
        |it| *it.root.extension(pki::BASIC_CONSTRAINTS) = Extension::authority(Some(0)),
        "ROOT allows 0 certificate authorities below it, and there are 1",
    ),
    (
        |it| it.arrange = |chain| chain.swap(1, 2),
        "the certificates are not in order: LEAF was issued by WORKS, and ROOT follows",
    ),
    (
        |it| {
            it.arrange = |chain| {
                let (root, forger) = (
                    Template::authority("Root", Key::p256(1)),
                    Template::authority("Works", Key::p256(8)),
                );
                chain[1] = forger.issue(&root);
            }
        },
        "the certificate of LEAF is not signed by the one that follows it",
    ),
    (
        |it| it.arrange = |chain| chain.push(chain[2].clone()),
        "the certificate of ROOT is signed by itself, and yet others follow it",
    ),
    (
        |it| it.arrange = |chain| chain.truncate(2),
        "the chain is incomplete: it ends with WORKS, and the certificate of ROOT is missing",
    ),
    (
        |it| it.middle.not_before = "260101000001Z",
        "the certificate of WORKS is valid from 2026-01-01T00:00:01Z on, not at 2026-01-01T00:00:00Z; \
         is the clock right?",
    ),
    (
        |it| it.root.not_after = "251231235959Z",
        "the certificate of ROOT is valid until 2025-12-31T23:59:59Z, not at 2026-01-01T00:00:00Z; \
         sign again with a new one",
    ),
];

//! Agreement with the reference implementation, notation-core-go: `tests/peers/notation`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use thimble_image::descriptor::Annotations;
use thimble_image::signature::{
    Algorithm, Identity, PemSigner, SigningOptions, SigningScheme, UnixTime, sign, verify,
};

use crate::attempt::{Attempt, target};
use crate::bytes::{array, bstr, int, time};
use crate::workshop::{Workshop, now};

/// The program of the peer, built once.
fn peer() -> &'static Path {
    static PEER: OnceLock<PathBuf> = OnceLock::new();
    PEER.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/notation");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("notation-peer");
        let output = Command::new("go")
            .args(["build", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(source)
            .output()
            .unwrap_or_else(|error| {
                panic!("go: {error}; install Go 1.23 or newer (Debian: golang-go)")
            });
        assert!(
            output.status.success(),
            "the peer does not build; its modules come from Go's proxy or cache: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        program
    })
}

fn run(workshop: &Workshop, arguments: &[&str]) -> serde_json::Value {
    let output = workshop.run(OsStr::new(peer()), arguments, "it was just built");
    serde_json::from_slice(&output).unwrap()
}

/// What the reference implementation says against an envelope.
fn refusal(workshop: &Workshop, envelope: &[u8]) -> String {
    workshop.write("refused.cose", envelope);
    let output = Command::new(peer())
        .args(["verify", "refused.cose", "root.pem"])
        .current_dir(workshop.path(""))
        .output()
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn the_reference_implementation_accepts_what_we_sign() {
    let workshop = Workshop::new("peer-verifies");
    workshop.make_chain("prime256v1", "sha256");
    let signer = PemSigner::new(&workshop.text("leaf.key"), &workshop.text("chain.pem"))
        .ok()
        .unwrap();
    let now = now();
    let options = SigningOptions {
        time: now,
        expiry: Some(UnixTime(now.0 + 86_400)),
        agent: "thimble/0.1".into(),
        annotations: Annotations::from([("build".into(), "123".into())]),
    };
    workshop.write("ours.cose", sign(&target(), &signer, &options).unwrap());
    let found = run(&workshop, &["verify", "ours.cose", "root.pem"]);
    assert_eq!(
        found,
        serde_json::json!({
            "subject": "CN=Builder,O=Acme,ST=Bayern,C=DE",
            "anchor": "CN=Root,O=Acme,ST=Bayern,C=DE",
            "scheme": "notary.x509",
            "signed": now.0,
            "expiry": now.0 + 86_400,
            "agent": "thimble/0.1",
            "contentType": "application/vnd.cncf.notary.payload.v1+json",
            "payload": {"targetArtifact": {
                "mediaType": target().media_type,
                "digest": target().digest.to_string(),
                "size": target().size,
                "annotations": {"build": "123"},
            }},
        })
    );
}

#[test]
fn we_accept_what_the_reference_implementation_signs() {
    for (curve, algorithm) in [
        ("prime256v1", Algorithm::Es256),
        ("secp384r1", Algorithm::Es384),
    ] {
        for scheme in [SigningScheme::X509, SigningScheme::SigningAuthority] {
            let workshop = Workshop::new(&format!("peer-signs-{curve}-{}", scheme.name()));
            workshop.make_chain(curve, "sha384");
            let target = target();
            run(
                &workshop,
                &[
                    "sign",
                    "leaf.key",
                    "chain.pem",
                    &target.media_type,
                    &target.digest.to_string(),
                    &target.size.to_string(),
                    scheme.name(),
                    "theirs.cose",
                ],
            );
            let envelope = workshop.read("theirs.cose");
            let now = now();
            let root = &workshop.chain_der()[1];
            let parsed = thimble_image::signature::Envelope::parse(&envelope).unwrap();
            assert_eq!((parsed.algorithm(), parsed.scheme()), (algorithm, scheme));
            assert_eq!(parsed.agent(), Some("peer/1.0"));
            assert!(parsed.expiry().unwrap() > now);
            let verified = verify(&envelope, &target, &[root], &[Identity::ANYBODY], now);
            match scheme {
                SigningScheme::X509 => assert!(verified.unwrap().anchor.is_some()),
                // Roots of certificate authorities are not those of signing authorities.
                _ => assert!(
                    verified
                        .unwrap_err()
                        .to_string()
                        .contains("`signingAuthority`")
                ),
            }
        }
    }
}

/// Both refuse the same envelopes, where the specification leaves no choice.
#[test]
fn the_reference_implementation_refuses_what_we_refuse() {
    let workshop = Workshop::new("peer-refuses");
    workshop.make_chain("prime256v1", "sha256");
    let now = now();
    let chain = workshop.chain_der();
    let key = workshop.text("leaf.key");
    let signer = PemSigner::new(&key, &workshop.text("chain.pem"))
        .ok()
        .unwrap();
    let make = |spoil: fn(&mut Attempt)| {
        let mut attempt = Attempt::default();
        *attempt.named("signingTime") = time(now.0);
        *attempt.named("expiry") = time(now.0 + 60);
        let certificates: Vec<_> = chain.iter().map(|it| bstr(it)).collect();
        attempt.unprotected.push((int(33), array(&certificates)));
        spoil(&mut attempt);
        attempt.envelope_signed_by(|message| {
            thimble_image::signature::Signer::sign(&signer, message).unwrap()
        })
    };
    workshop.write("good.cose", make(|_| {}));
    run(&workshop, &["verify", "good.cose", "root.pem"]);
    type Spoil = fn(&mut Attempt);
    let table: [Spoil; 10] = [
        |it| it.protected.push((int(1), int(-7))),
        |it| it.remove(&int(3)),
        |it| it.remove(&int(2)),
        |it| *it.header(&int(2)) = array(&[crate::bytes::tstr("io.cncf.notary.signingScheme")]),
        |it| *it.named("signingScheme") = crate::bytes::tstr("notary.pgp"),
        |it| *it.named("signingTime") = int(1_767_225_600),
        |it| *it.header(&int(1)) = int(-35),
        |it| it.spoil = |bytes| bytes.push(0),
        |it| {
            it.spoil = |bytes| {
                bytes.remove(0);
            }
        },
        |it| it.swap = |parts| *parts[3].last_mut().unwrap() ^= 1,
    ];
    for (position, spoil) in table.into_iter().enumerate() {
        let envelope = make(spoil);
        let ours = verify(
            &envelope,
            &target(),
            &[&chain[1]],
            &[Identity::ANYBODY],
            now,
        );
        assert!(ours.is_err(), "case {position} is accepted here");
        assert!(!refusal(&workshop, &envelope).is_empty(), "case {position}");
    }
}

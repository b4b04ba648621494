//! Everything that can be wrong with a signature is refused, each with its own message.

use std::collections::BTreeSet;

use thimble_image::signature::VerifyError;

use crate::attempt::{Attempt, NOW};
use crate::bytes::{bstr, int, map, tstr};
use crate::faults::{CERTIFICATES, CHAIN, ENCODING, HEADERS, SUBSTANCE, Spoil};
use crate::pki::Key;
use crate::says;

const SUBJECT: &str = "CN=Signer,O=Acme,ST=Bayern,C=DE";
const WORKS: &str = "CN=Works,O=Acme,ST=Bayern,C=DE";
const ROOT: &str = "CN=Root,O=Acme,ST=Bayern,C=DE";

#[test]
fn what_is_right_is_accepted() {
    let verified = Attempt::default().verify().unwrap();
    let envelope = &verified.envelope;
    assert_eq!(envelope.agent(), Some("tests/1.0"));
    assert_eq!(envelope.chain()[0].subject(), SUBJECT);
    assert_eq!(envelope.chain()[0].issuer(), WORKS);
    assert_eq!(envelope.chain()[0].serial(), "11:22:33");
    assert_eq!(envelope.signing_time().to_string(), "2025-12-31T23:00:00Z");
    assert_eq!(verified.anchor, Some(envelope.chain()[2].thumbprint()));
}

#[test]
fn every_fault_has_its_message() {
    let tables: [(&str, &[(Spoil, &str)]); 5] = [
        ("the signature cannot be judged: ", ENCODING),
        ("the signature cannot be judged: ", HEADERS),
        ("the signature cannot be judged: ", CERTIFICATES),
        ("", SUBSTANCE),
        ("the certificates of the signature do not count: ", CHAIN),
    ];
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for (prefix, table) in tables {
        for (position, (spoil, expected)) in table.iter().enumerate() {
            let mut attempt = Attempt::default();
            spoil(&mut attempt);
            let expected = format!("{prefix}{expected}")
                .replace("LEAF", SUBJECT)
                .replace("WORKS", WORKS)
                .replace("ROOT", ROOT);
            let found = match attempt.verify() {
                Ok(_) => "accepted".into(),
                Err(error) => says(&error).replace(&root_thumbprint(), "THUMBPRINT"),
            };
            if found != expected {
                wrong.push(format!(
                    "{position}\n  expected {expected}\n     found {found}"
                ));
            }
            seen.insert(found);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        seen.len(),
        tables.iter().map(|(_, table)| table.len()).sum::<usize>()
    );
}

fn root_thumbprint() -> String {
    let root = Attempt::default().root;
    thimble_image::Digest::of(&root.issue(&root)).to_string()
}

/// No byte of an envelope can be changed so that something else is accepted.
#[test]
fn a_changed_byte_is_never_taken_for_signed() {
    let attempt = Attempt::default();
    let whole = attempt.envelope();
    let original = attempt.verify().unwrap().envelope;
    let anchor = attempt.root.issue(&attempt.root);
    let identities = [thimble_image::signature::Identity::ANYBODY];
    let now = thimble_image::signature::UnixTime(NOW);
    for position in 0..whole.len() {
        let mut envelope = whole.clone();
        envelope[position] ^= 1 << (position % 8);
        let verified = thimble_image::signature::verify(
            &envelope,
            &attempt.target,
            &[&anchor],
            &identities,
            now,
        );
        // Only what is not signed, as the agent's name, may differ.
        if let Ok(verified) = verified {
            let changed = verified.envelope;
            assert_eq!(
                changed.signed_bytes(),
                original.signed_bytes(),
                "at {position}"
            );
            assert_eq!(
                changed.chain()[0].der(),
                original.chain()[0].der(),
                "at {position}"
            );
        }
    }
}

#[test]
fn a_cut_off_envelope_is_never_accepted() {
    let whole = Attempt::default().envelope();
    for length in 0..whole.len() {
        assert!(thimble_image::signature::Envelope::parse(&whole[..length]).is_err());
    }
}

#[test]
fn a_tampered_payload_is_noticed() {
    let attempt = Attempt {
        swap: |parts| {
            let position = parts[2].len() - 3;
            parts[2][position] ^= 1;
        },
        ..Attempt::default()
    };
    assert!(matches!(attempt.verify(), Err(VerifyError::Altered)));
    let attempt = Attempt {
        key: Some(Key::p256(7)),
        ..Attempt::default()
    };
    assert!(matches!(attempt.verify(), Err(VerifyError::Altered)));
}

#[test]
fn headers_that_are_not_critical_may_be_unknown() {
    let mut attempt = Attempt::default();
    attempt
        .protected
        .push((tstr("com.example.build"), map(&[(int(1), tstr("x"))])));
    attempt
        .unprotected
        .push((tstr("io.cncf.notary.timestampSignature"), bstr(&[1, 2, 3])));
    attempt.unprotected.push((int(4), bstr(b"key")));
    let verified = attempt.verify().unwrap();
    assert!(verified.envelope.is_timestamped());
}

/// The agent's name is not signed: whatever it is, it neither helps nor harms.
#[test]
fn the_agent_is_only_shown() {
    for (agent, shown) in [
        (int(7), None),
        (tstr("\u{1b}[2Ja\u{202e}b"), Some("[2Jab".to_owned())),
        (tstr(&"x".repeat(5000)), Some("x".repeat(128))),
    ] {
        let mut attempt = Attempt::default();
        attempt.unprotected[0].1 = agent;
        assert_eq!(attempt.verify().unwrap().envelope.agent(), shown.as_deref());
    }
}

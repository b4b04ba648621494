//! Whom a trust policy means.

use thimble_image::signature::Identity;

use crate::attempt::Attempt;
use crate::says;

#[test]
fn a_subject_must_state_all_that_an_identity_states() {
    let subject: [(&str, &str); 6] = [
        ("2.5.4.6", "DE"),
        ("2.5.4.8", "Bayern"),
        ("2.5.4.10", "Acme, Inc. "),
        ("2.5.4.11", "one"),
        ("2.5.4.11", "two"),
        ("2.5.4.3", "Ünit+1"),
    ];
    let table = [
        ("*", true),
        (r"x509.subject: C=DE, ST=Bayern, O=Acme\, Inc.\ ", true),
        (r"x509.subject:C=DE,S=Bayern,O=Acme\, Inc.\20", true),
        (
            r"x509.subject: CN=Ünit\+1, O=Acme\, Inc.\ , ST=Bayern, C=DE",
            true,
        ),
        (
            r"x509.subject: CN=\C3\9Cnit\+1, O=Acme\, Inc.\ , ST=Bayern, C=DE",
            true,
        ),
        (r"x509.subject: C=DE, ST=Bayern, O=Acme\, Inc.", false),
        (r"x509.subject: C=DE, ST=bayern, O=Acme\, Inc.\ ", false),
        (
            r"x509.subject: C=DE, ST=Bayern, O=Acme\, Inc.\ , L=Ulm",
            false,
        ),
        // It is stated twice: nobody knows which of the two counts.
        (
            r"x509.subject: C=DE, ST=Bayern, O=Acme\, Inc.\ , OU=one",
            false,
        ),
    ];
    for (identity, is_trusted) in table {
        let mut attempt = Attempt {
            identities: vec![identity],
            ..Attempt::default()
        };
        attempt.leaf.subject = subject
            .map(|(key, value)| (key.into(), value.into()))
            .into();
        assert_eq!(attempt.verify().is_ok(), is_trusted, "{identity}");
    }
}

#[test]
fn nobody_is_trusted_where_nobody_is_named() {
    let attempt = Attempt {
        identities: vec![],
        ..Attempt::default()
    };
    assert!(attempt.verify().is_err());
}

#[test]
fn what_is_no_identity_is_refused() {
    let long = format!("x509.subject: C={}", "x".repeat(3000));
    let table = [
        (
            "",
            "a trusted identity is `*` or begins with `x509.subject:`",
        ),
        (
            "C=DE",
            "a trusted identity is `*` or begins with `x509.subject:`",
        ),
        (
            "x509.subject:",
            "`` in a trusted identity is not `NAME=VALUE` with a name that is known",
        ),
        (
            "x509.subject: C=DE, ST=B",
            "a trusted identity must state C, ST and O, and O is missing",
        ),
        (
            "x509.subject: C=DE, ST=B, O=",
            "` O=` in a trusted identity is not `NAME=VALUE` with a name that is known",
        ),
        (
            "x509.subject: C=DE, ST=B, O=A, shoe=42",
            "` shoe=42` in a trusted identity is not `NAME=VALUE` with a name that is known",
        ),
        (
            "x509.subject: C=DE, ST=B, O=A+CN=x",
            "` O=A+CN=x` in a trusted identity is not `NAME=VALUE` with a name that is known",
        ),
        (
            r"x509.subject: C=DE, ST=B, O=A\q",
            r"` O=A\\q` in a trusted identity is not `NAME=VALUE` with a name that is known",
        ),
        (
            "x509.subject: C=DE, ST=B, O=A, o=B",
            "` o=B` in a trusted identity repeats a name",
        ),
        (&long, "a trusted identity has at most 2048 bytes"),
    ];
    for (text, message) in table {
        assert_eq!(says(&Identity::parse(text).unwrap_err()), message, "{text}");
    }
}

/// What a terminal would obey is written as RFC 4514 allows it: in hexadecimal digits.
#[test]
fn names_are_safe_to_show() {
    let mut attempt = Attempt::default();
    attempt.leaf.subject = vec![
        ("2.5.4.3".into(), "a\u{1b}[2J\u{202e},b\u{85}".into()),
        ("1.2.3.4".into(), "x".into()),
    ];
    let error = attempt
        .verify()
        .map(|it| it.envelope.chain()[0].subject())
        .unwrap();
    assert_eq!(error, r"1.2.3.4=#0c0178,CN=a\1b[2J\e2\80\ae\,b\c2\85");
}

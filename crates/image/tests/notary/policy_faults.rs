//! What can be wrong with a trust policy.

use thimble_image::signature::policy::TrustPolicy;

use crate::says;

#[test]
fn policies_that_are_wrong_are_refused() {
    let whole = [
        (
            r#"{"version":"2.0","trustPolicies":[]}"#,
            "trust policies of version `2.0` are not known, only of version 1.0",
        ),
        (
            r#"{"version":"1.0","trustPolicies":[]}"#,
            "the trust policy has no statement; add one",
        ),
        (
            r#"{"version":"1.0"}"#,
            "it is not a trust policy: missing field `trustPolicies` at line 1 column 17",
        ),
        (
            "[",
            "it is not a trust policy: EOF while parsing a list at line 1 column 1",
        ),
    ];
    for (json, message) in whole {
        assert_eq!(
            says(&TrustPolicy::parse(json.as_bytes()).unwrap_err()),
            message
        );
    }
    let large = vec![b' '; (1 << 20) + 1];
    assert_eq!(
        says(&TrustPolicy::parse(&large).unwrap_err()),
        "a trust policy has at most 1048576 bytes, and this has 1048577"
    );
    let good = r#""name":"n","registryScopes":["*"],"signatureVerification":{"level":"strict"},"trustStores":["ca:a"],"trustedIdentities":["*"]"#;
    let table = [
        (
            r#""name":"n""#,
            r#""name":"""#,
            "it needs a name of its own",
        ),
        (
            r#"["*"],"sig"#,
            r#"[],"sig"#,
            "it needs a scope: REGISTRY/REPOSITORY, or `*`",
        ),
        (
            r#"["*"],"sig"#,
            r#"["redis"],"sig"#,
            "`redis` is no scope; write REGISTRY/REPOSITORY without a tag, `*` or `file`",
        ),
        (
            r#"["*"],"sig"#,
            r#"["a.b/*"],"sig"#,
            "`a.b/*` is no scope; write REGISTRY/REPOSITORY without a tag, `*` or `file`",
        ),
        (
            r#"["*"],"sig"#,
            r#"["*","a.b/c"],"sig"#,
            "the scope `*` covers everything and must stand alone",
        ),
        (
            r#"["*"],"sig"#,
            r#"["a.b/c","a.b/c"],"sig"#,
            "the scope `a.b/c` is covered already",
        ),
        (
            "strict",
            "severe",
            "the level `severe` is not known; write strict, permissive, audit or skip",
        ),
        (
            r#""strict""#,
            r#""strict","override":{"integrity":"log"}"#,
            "`integrity` cannot be overridden with `log`; authenticity, authenticTimestamp and expiry can, with enforce or log",
        ),
        (
            r#""strict""#,
            r#""strict","override":{"expiry":"skip"}"#,
            "`expiry` cannot be overridden with `skip`; authenticity, authenticTimestamp and expiry can, with enforce or log",
        ),
        (
            r#""strict""#,
            r#""skip","override":{"expiry":"log"}"#,
            "the level skip leaves nothing to override",
        ),
        (
            "strict",
            "skip",
            "the level skip needs scopes by name; write audit to let everything pass",
        ),
        (
            r#"["*"],"signatureVerification":{"level":"strict"}"#,
            r#"["a.b/c"],"signatureVerification":{"level":"skip"}"#,
            "the level skip looks at no signature, so it has no trust stores and identities",
        ),
        (
            r#"["ca:a"]"#,
            "[]",
            "it needs a trust store, as in `ca:NAME`",
        ),
        (
            r#"["ca:a"]"#,
            r#"["a"]"#,
            "`a` is no trust store; write `ca:NAME` or `signingAuthority:NAME`",
        ),
        (
            r#"Identities":["*"]"#,
            r#"Identities":[]"#,
            "it needs a trusted identity, `*` or `x509.subject: C=…, ST=…, O=…`",
        ),
        (
            r#"Identities":["*"]"#,
            r#"Identities":["me"]"#,
            "a trusted identity is wrong: a trusted identity is `*` or begins with `x509.subject:`",
        ),
        (
            r#"Identities":["*"]"#,
            r#"Identities":["*","x509.subject: C=DE, ST=B, O=A"]"#,
            "the trusted identity `x509.subject: C=DE, ST=B, O=A` overlaps with another one; leave one of them out",
        ),
        (
            r#"Identities":["*"]"#,
            r#"Identities":["x509.subject: C=DE, ST=B, O=A, CN=x", "x509.subject: C=DE, ST=B, O=A"]"#,
            "the trusted identity `x509.subject: C=DE, ST=B, O=A` overlaps with another one; leave one of them out",
        ),
    ];
    for (old, new, message) in table {
        let statement = good.replacen(old, new, 1);
        assert_ne!(statement, good, "{old}");
        let json = format!(r#"{{"version":"1.0","trustPolicies":[{{{statement}}}]}}"#);
        let found = says(&TrustPolicy::parse(json.as_bytes()).unwrap_err());
        let name = if new == r#""name":"""# { "" } else { "n" };
        assert_eq!(
            found,
            format!("statement 1 of the trust policy, `{name}`, is wrong: {message}")
        );
    }
    // A misspelled field may have been meant to protect.
    let json = format!(r#"{{"version":"1.0","trustPolicies":[{{{good},"trustStore":[]}}]}}"#);
    assert!(
        says(&TrustPolicy::parse(json.as_bytes()).unwrap_err())
            .contains("unknown field `trustStore`")
    );
    // A second statement for everything, or of the same name.
    let json = format!(
        r#"{{"version":"1.0","trustPolicies":[{{{good}}},{{{}}}]}}"#,
        good.replace(r#""n""#, r#""m""#)
    );
    assert_eq!(
        says(&TrustPolicy::parse(json.as_bytes()).unwrap_err()),
        "statement 2 of the trust policy, `m`, is wrong: the scope `*` is covered already"
    );
}

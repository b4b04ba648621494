//! What trust policies say to images.

use thimble_image::signature::policy::{
    FILE_SCOPE, Judgement, Level, Problem, Refusal, SIGNATURES_MAX, TrustPolicy, judge,
};
use thimble_image::signature::{TrustStore, UnixTime};

use crate::attempt::{Attempt, NOW, SIGNED, target};
use crate::bytes::{array, time, tstr};
use crate::says;

/// A policy of one statement for everything.
fn policy(verification: &str) -> TrustPolicy {
    let json = format!(
        r#"{{"version":"1.0","trustPolicies":[{{"name":"all","registryScopes":["*"],
            "signatureVerification":{verification},"trustStores":["ca:acme","signingAuthority:acme","tsa:acme"],
            "trustedIdentities":["x509.subject: C=DE, ST=Bayern, O=Acme"]}}]}}"#
    );
    TrustPolicy::parse(json.as_bytes()).unwrap()
}

fn store(kind: &str) -> TrustStore {
    let root = Attempt::default().root;
    let mut store = TrustStore::default();
    store.add(kind, &root.issue(&root)).unwrap();
    store
}

/// A judgement in one word, and what it reports.
fn outcome(verification: &str, signatures: &[Vec<u8>], store: &TrustStore) -> String {
    let policy = policy(verification);
    let statement = policy.statement("example.org/a/b").unwrap();
    let problems = |problems: &[Problem]| {
        let count = problems.len();
        problems
            .first()
            .map_or(String::new(), |first| format!(" {count} {}", says(first)))
    };
    match judge(statement, &target(), signatures, store, UnixTime(NOW)) {
        Judgement::Trusted { reported, .. } => format!("trusted{}", problems(&reported)),
        Judgement::Skipped => "skipped".into(),
        Judgement::Audited {
            by,
            problems: found,
        } => {
            assert_eq!(by.is_some(), found.is_empty());
            format!("audited{}", problems(&found))
        }
        Judgement::Refused(Refusal::Untrusted { problems: found }) => {
            format!("refused{}", problems(&found))
        }
        Judgement::Refused(refusal) => format!("refused {}", says(&refusal)),
    }
}

fn envelope(spoil: fn(&mut Attempt)) -> Vec<u8> {
    let mut attempt = Attempt::default();
    spoil(&mut attempt);
    attempt.envelope()
}

#[test]
fn levels_decide_which_faults_count() {
    let good = envelope(|_| {});
    let expired = envelope(|it| *it.named("expiry") = time(NOW));
    let old = envelope(|it| it.leaf.not_after = "251231235959Z");
    let stranger = envelope(|it| it.leaf.subject[2].1 = "Other".into());
    let changed = envelope(|it| it.swap = |parts| *parts[3].last_mut().unwrap() ^= 1);
    let one = "1 signature 1 does not count:";
    let expired_says = format!(
        "{one} the signature expired at 2026-01-01T00:00:00Z, and it is 2026-01-01T00:00:00Z; ask for a newer one"
    );
    let old_says = format!(
        "{one} the certificates of the signature do not count: \
         the certificate of CN=Signer,O=Acme,ST=Bayern,C=DE is valid until 2025-12-31T23:59:59Z, \
         not at 2026-01-01T00:00:00Z; sign again with a new one"
    );
    let stranger_says = format!(
        "{one} the signer is CN=Signer,O=Other,ST=Bayern,C=DE, whom the policy does not name among the trusted identities"
    );
    let changed_says = format!(
        "{one} the signature does not fit what it signs: one of the two was changed; fetch it again"
    );
    let store = store("ca:acme");
    let table = [
        (
            r#"{"level":"strict"}"#,
            ["", "refused", "refused", "refused", "refused"],
        ),
        (
            r#"{"level":"permissive"}"#,
            ["", "trusted", "trusted", "refused", "refused"],
        ),
        (
            r#"{"level":"audit"}"#,
            ["audited", "audited", "audited", "audited", "audited"],
        ),
        (
            r#"{"level":"strict","override":{"expiry":"log","revocation":"skip"},"verifyTimestamp":"always"}"#,
            ["", "trusted", "refused", "refused", "refused"],
        ),
        (
            r#"{"level":"strict","override":{"authenticTimestamp":"log"}}"#,
            ["", "refused", "trusted", "refused", "refused"],
        ),
        (
            r#"{"level":"permissive","override":{"authenticity":"log","expiry":"enforce"}}"#,
            ["", "refused", "trusted", "trusted", "refused"],
        ),
        (
            r#"{"level":"audit","override":{"authenticity":"enforce"}}"#,
            ["audited", "trusted", "trusted", "refused", "refused"],
        ),
    ];
    for (verification, expected) in table {
        let signatures = [&good, &expired, &old, &stranger, &changed];
        let messages = ["", &expired_says, &old_says, &stranger_says, &changed_says];
        for ((signature, word), message) in signatures.iter().zip(expected).zip(messages) {
            let word = if word.is_empty() { "trusted" } else { word };
            let expected = format!("{word} {message}");
            let found = outcome(verification, &[signature.to_vec()], &store);
            assert_eq!(found, expected.trim_end(), "{verification}");
        }
    }
}

#[test]
fn one_good_signature_is_enough() {
    let good = envelope(|_| {});
    let expired = envelope(|it| *it.named("expiry") = time(NOW));
    let store = store("ca:acme");
    let strict = r#"{"level":"strict"}"#;
    assert_eq!(
        outcome(strict, &[vec![], expired.clone(), good.clone()], &store),
        "trusted"
    );
    // A signature without faults is preferred to one that the policy only tolerates.
    assert_eq!(
        outcome(
            r#"{"level":"permissive"}"#,
            &[expired.clone(), good.clone()],
            &store
        ),
        "trusted"
    );
    let refused = outcome(strict, &[expired, vec![]], &store);
    assert!(
        refused.starts_with("refused 2 signature 1 does not count"),
        "{refused}"
    );

    // Many bad ones cannot make the device work for ever.
    let mut many = vec![vec![0xff]; SIGNATURES_MAX];
    many.push(good);
    let refused = outcome(strict, &many, &store);
    assert!(
        refused.starts_with(&format!("refused {}", SIGNATURES_MAX + 1)),
        "{refused}"
    );
}

#[test]
fn an_image_without_a_signature_is_told_apart() {
    let store = store("ca:acme");
    for level in ["strict", "permissive"] {
        assert_eq!(
            outcome(&format!(r#"{{"level":"{level}"}}"#), &[], &store),
            "refused it is not signed, and the trust policy demands it; sign it with `thimble sign`"
        );
    }
    assert_eq!(
        outcome(r#"{"level":"audit"}"#, &[], &store),
        "audited 1 it is not signed"
    );
}

#[test]
fn an_empty_trust_store_trusts_nobody() {
    let refused = outcome(
        r#"{"level":"strict"}"#,
        &[envelope(|_| {})],
        &store("ca:other"),
    );
    assert_eq!(
        refused,
        "refused 1 signature 1 does not count: no certificate is trusted that the signature could lead to; \
         put the root into a trust store of the kind `ca` that the policy names"
    );
}

/// A signing authority vouches for the time: its certificates may have expired since. Its roots are its own.
#[test]
fn signing_authorities_are_trusted_apart() {
    let envelope = envelope(|it| {
        *it.named("signingScheme") = tstr("notary.x509.signingAuthority");
        it.remove(&tstr("io.cncf.notary.signingTime"));
        it.protected
            .push((tstr("io.cncf.notary.authenticSigningTime"), time(SIGNED)));
        *it.header(&[2]) = array(
            &["signingScheme", "expiry", "authenticSigningTime"]
                .map(|name| tstr(&format!("io.cncf.notary.{name}"))),
        );
        it.leaf.not_after = "251231235959Z";
    });
    let strict = r#"{"level":"strict"}"#;
    assert_eq!(
        outcome(
            strict,
            std::slice::from_ref(&envelope),
            &store("signingAuthority:acme")
        ),
        "trusted"
    );
    assert!(outcome(strict, &[envelope], &store("ca:acme")).starts_with("refused 1"));
}

#[test]
fn the_narrowest_scope_counts() {
    let policy = TrustPolicy::parse(
        br#"{"version":"1.0","trustPolicies":[
            {"name":"one","registryScopes":["example.org/a","localhost:5000/b/c"],"signatureVerification":{"level":"skip"}},
            {"name":"files","registryScopes":["file"],"signatureVerification":{"level":"skip"}},
            {"name":"rest","registryScopes":["*"],"signatureVerification":{"level":"strict"},
             "trustStores":["ca:acme"],"trustedIdentities":["*"]}]}"#,
    )
    .unwrap();
    for (scope, name) in [
        ("example.org/a", "one"),
        ("localhost:5000/b/c", "one"),
        ("example.org/a/b", "rest"),
        ("example.org/A", "rest"),
        ("*", "rest"),
        (FILE_SCOPE, "files"),
    ] {
        assert_eq!(policy.statement(scope).unwrap().name(), name, "{scope}");
    }
    assert_eq!(
        policy.statement("example.org/a").unwrap().level(),
        Level::Skip
    );
    let statement = policy.statement("example.org/a").unwrap();
    let judgement = judge(
        statement,
        &target(),
        &[],
        &TrustStore::default(),
        UnixTime(NOW),
    );
    assert!(matches!(judgement, Judgement::Skipped));

    // Deny by default: without a statement for everything, the rest is covered by none.
    let narrow = br#"{"version":"1.0","trustPolicies":[
        {"name":"one","registryScopes":["example.org/a"],"signatureVerification":{"level":"skip"}}]}"#;
    assert!(
        TrustPolicy::parse(narrow)
            .unwrap()
            .statement("example.org/b")
            .is_none()
    );
}

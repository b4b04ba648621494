//! Whom a trust store trusts.

use thimble_image::signature::TrustStore;

use crate::attempt::Attempt;
use crate::pki::{self, Key, Template};
use crate::says;

#[test]
fn certificates_come_in_pem_or_der() {
    let [_, works, root]: [Vec<u8>; 3] = Attempt::default().chain().try_into().unwrap();
    let mut store = TrustStore::default();
    let text = format!(
        "Who: us\n{}\r\n{}",
        pki::pem(&works),
        pki::pem(&root).replace('\n', "\r\n")
    );
    assert_eq!(store.add("ca:acme", text.as_bytes()), Ok(2));
    assert_eq!(store.add("ca:acme", &root), Ok(1));
    assert_eq!(store.add("signingAuthority:acme", &root), Ok(1));
    assert_eq!(
        store.certificates("ca:acme"),
        [works.clone(), root.clone(), root.clone()]
    );
    assert_eq!(
        store.select(&["ca:nobody", "signingAuthority:acme"]),
        [root.as_slice()]
    );
    assert_eq!(
        store.names().collect::<Vec<_>>(),
        ["ca:acme", "signingAuthority:acme"]
    );
}

#[test]
fn what_is_no_authority_is_not_trusted() {
    let [leaf, _, root]: [Vec<u8>; 3] = Attempt::default().chain().try_into().unwrap();
    let pem = pki::pem(&root);
    let damaged = pem.replacen("MII", "M!I", 1);
    let leaf = format!("{pem}{}", pki::pem(&leaf));
    let name = "a set of trusted certificates is called `ca:NAME` or `signingAuthority:NAME`, \
                with letters, digits, `_`, `-` and `.` in the name";
    let table: [(&str, &[u8], &str); 9] = [
        ("acme", pem.as_bytes(), name),
        ("ca:", pem.as_bytes(), name),
        ("ca:../x", pem.as_bytes(), name),
        ("ca:..", pem.as_bytes(), name),
        ("root:x", pem.as_bytes(), name),
        (
            "ca:x",
            b"",
            "the file of trusted certificates cannot be used: it holds no certificate: \
                       no block begins `-----BEGIN CERTIFICATE-----`",
        ),
        (
            "ca:x",
            damaged.as_bytes(),
            "the file of trusted certificates cannot be used: certificate 1 in it is damaged: \
             PEM error: PEM Base64 error: invalid Base64 encoding",
        ),
        (
            "ca:x",
            &[0x30, 0x80],
            "certificate 1 in the file cannot be used: it is not a certificate: \
                                 indefinite length disallowed/malformed at DER byte 2",
        ),
        (
            "ca:x",
            leaf.as_bytes(),
            "the certificate of CN=Signer,O=Acme,ST=Bayern,C=DE is neither a certificate authority's \
             nor signed by itself; trust the one that issued it",
        ),
    ];
    for (name, content, message) in table {
        let mut store = TrustStore::default();
        let error = store.add(name, content).unwrap_err();
        assert_eq!(says(&error), message, "{name}");
        assert_eq!(store.names().count(), 0);
    }
}

/// A certificate in the middle may be trusted as well as the root, and a signer's own if it signed itself.
#[test]
fn a_chain_may_lead_to_any_trusted_authority() {
    let attempt = Attempt::default();
    let works = attempt.middle.issue(&attempt.root);
    let attempt = Attempt {
        anchors: Some(vec![works.clone()]),
        ..attempt
    };
    let anchor = attempt.verify().unwrap().anchor;
    assert_eq!(anchor, Some(thimble_image::Digest::of(&works)));

    // The signer's certificate is no reason to trust it, if others issued it.
    let leaf = attempt.leaf.issue(&attempt.middle);
    let attempt = Attempt {
        anchors: Some(vec![leaf]),
        ..attempt
    };
    assert!(
        attempt
            .verify()
            .unwrap_err()
            .to_string()
            .starts_with("nobody trusts CN=Root")
    );

    let alone = Template::signer("Alone", Key::p256(5));
    let own = alone.issue(&alone);
    let mut attempt = Attempt {
        anchors: Some(vec![own]),
        ..attempt
    };
    (attempt.leaf, attempt.middle, attempt.root) = (alone.clone(), alone.clone(), alone);
    attempt.arrange = |chain| chain.truncate(1);
    attempt.verify().unwrap();
}

/// A chain of ten is judged; openssl's default depth is more, the specification names none.
#[test]
fn long_chains_are_judged() {
    let attempt = Attempt {
        arrange: |chain| {
            let mut issuer = Template::authority("Root", Key::p256(1));
            let mut below = vec![issuer.issue(&issuer)];
            for depth in 0..7 {
                let next = Template::authority(&format!("Level {depth}"), Key::p256(20 + depth));
                below.push(next.issue(&issuer));
                issuer = next;
            }
            let works = Template::authority("Works", Key::p256(2));
            below.push(works.issue(&issuer));
            below.push(chain[0].clone());
            below.reverse();
            *chain = below;
        },
        ..Attempt::default()
    };
    assert_eq!(attempt.verify().unwrap().envelope.chain().len(), 10);
}

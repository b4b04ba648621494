//! The envelopes from which the fuzzer starts: `UPDATE=1` writes them, else they must be as they are.

use std::fs;
use std::path::Path;

use thimble_image::signature::Envelope;

use crate::attempt::{Attempt, SIGNED};
use crate::bytes::{array, bstr, int, tag, time, tstr};
use crate::pki::{Key, Template};

type Change = fn(&mut Attempt);

const ENTRIES: [(&str, bool, Change); 9] = [
    ("chain-of-three", true, |_| {}),
    ("signed-by-itself", true, alone),
    ("p384", true, |it| {
        alone(it);
        it.leaf = Template::signer("Alone", Key::p384(5));
        it.root = it.leaf.clone();
        it.middle = it.leaf.clone();
        *it.header(&int(1)) = int(-35);
    }),
    ("signing-authority", true, |it| {
        alone(it);
        *it.named("signingScheme") = tstr("notary.x509.signingAuthority");
        it.remove(&tstr("io.cncf.notary.signingTime"));
        it.protected
            .push((tstr("io.cncf.notary.authenticSigningTime"), time(SIGNED)));
        *it.header(&int(2)) = array(
            &["signingScheme", "expiry", "authenticSigningTime"]
                .map(|name| tstr(&format!("io.cncf.notary.{name}"))),
        );
    }),
    ("countersigned", true, |it| {
        alone(it);
        it.unprotected.push((
            tstr("io.cncf.notary.timestampSignature"),
            bstr(&[0x30, 0x00]),
        ));
        it.protected
            .push((tstr("com.example.build"), array(&[int(1), tag(1, int(2))])));
    }),
    ("unknown-critical", false, |it| {
        alone(it);
        it.protected.push((tstr("com.example.policy"), int(1)));
        *it.header(&int(2)) = array(&[tstr("com.example.policy")]);
    }),
    ("duplicate-header", false, |it| {
        alone(it);
        it.protected.push((int(1), int(-7)));
    }),
    ("detached", false, |it| {
        alone(it);
        it.swap = |parts| parts[2] = vec![0xf6];
    }),
    ("indefinite", false, |it| {
        it.spoil = |bytes| *bytes = vec![0xd2, 0x9f, 0x41, 0xa0, 0xbf, 0xff, 0x40, 0x40, 0xff]
    }),
];

fn alone(attempt: &mut Attempt) {
    attempt.leaf = Template::signer("Alone", Key::p256(5));
    attempt.root = attempt.leaf.clone();
    attempt.middle = attempt.leaf.clone();
    attempt.arrange = |chain| chain.truncate(1);
}

#[test]
fn the_corpus_is_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/image_signature");
    let update = std::env::var_os("UPDATE").is_some();
    for (name, is_envelope, change) in ENTRIES {
        let mut attempt = Attempt::default();
        change(&mut attempt);
        let envelope = attempt.envelope();
        assert_eq!(Envelope::parse(&envelope).is_ok(), is_envelope, "{name}");
        assert!(
            envelope.len() <= 2048,
            "{name} has {} bytes",
            envelope.len()
        );
        let path = folder.join(name);
        if update {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &envelope).unwrap();
        }
        assert_eq!(
            fs::read(&path).unwrap(),
            envelope,
            "{name}: write it anew with UPDATE=1"
        );
    }
}

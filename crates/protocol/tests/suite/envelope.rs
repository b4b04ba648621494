//! Envelopes: only the right kind, from the right key, for the right device, and newer than what it has.

use coset::{CoseSign1Builder, HeaderBuilder, TaggedCborSerializable as _, iana};
use thimble_image::Digest;
use thimble_protocol::keyring::{KeyError, Keyring, Verify};
use thimble_protocol::sign::{
    EnvelopeError, Kind, ManifestRefused, Opened, SignError, Signer, StateOpened, StateRefused,
    open_manifest, open_state, open_state_with, sign_manifest, sign_payload, sign_state,
};
use thimble_protocol::state::SigningKey;
use thimble_protocol::{DecodeError, DesiredState, DeviceId, ETag, StateVersion};

use super::messages::signer;
use super::samples::{self, DEVICE};

fn keyring() -> Keyring {
    Keyring::new(&[signer(1).signing_key()]).unwrap()
}

fn open(envelope: &[u8], last: Option<ETag>) -> Result<StateOpened, StateRefused> {
    open_state(envelope, &keyring(), DEVICE, last)
}

fn newer(opened: StateOpened) -> Opened<DesiredState> {
    match opened {
        StateOpened::Newer(opened) => opened,
        StateOpened::Unchanged => panic!("unchanged"),
    }
}

fn version(version: u64) -> DesiredState {
    DesiredState {
        version: StateVersion(version),
        ..samples::state()
    }
}

#[test]
fn a_state_is_opened_as_signed() {
    let state = samples::state();
    let envelope = sign_state(&state, &signer(1)).unwrap();
    let opened = newer(open(&envelope, None).unwrap());
    assert_eq!(opened.message, state);
    assert_eq!(opened.signed_by, signer(1).key_id());
    assert_eq!(opened.payload, Digest::of(&state.encode()));
    assert_eq!(opened.etag(), ETag::of(state.version, &state.encode()));
    let signed_later = sign_payload(Kind::State, state.encode(), &signer(1)).unwrap();
    assert_eq!(envelope, signed_later);
    println!(
        "an envelope adds {} bytes",
        envelope.len() - state.encode().len()
    );
}

#[test]
fn a_manifest_is_opened_as_signed() {
    let manifest = samples::manifest();
    let envelope = sign_manifest(&manifest, &signer(1)).unwrap();
    let opened = open_manifest(&envelope, &keyring(), Digest::of(&envelope)).unwrap();
    assert_eq!(opened.message, manifest);
    assert_eq!(
        open_manifest(&envelope, &keyring(), Digest::of(b"")).unwrap_err(),
        ManifestRefused::Digest {
            expected: Digest::of(b""),
            actual: Digest::of(&envelope),
        }
    );
}

/// Believes every signature, so that what else is checked shows.
struct Believes;

impl Verify for Believes {
    fn is_signed(&self, _: &[u8], _: &[u8], _: &[u8; 64]) -> bool {
        true
    }
}

#[test]
fn an_envelope_with_any_bit_changed_is_refused() {
    let envelope = sign_state(&samples::state(), &signer(1)).unwrap();
    for bit in 0..envelope.len() * 8 {
        let mut changed = envelope.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let error = open(&changed, None).unwrap_err();
        assert!(!error.to_string().is_empty(), "bit {bit}");
    }
    for length in 0..envelope.len() {
        assert!(open(&envelope[..length], None).is_err());
    }
}

#[test]
fn only_newer_states_are_taken() {
    let signed = |number| sign_state(&version(number), &signer(1)).unwrap();
    let last = Some(ETag::of(StateVersion(17), &version(17).encode()));
    assert!(matches!(open(&signed(18), last), Ok(StateOpened::Newer(_))));
    assert_eq!(open(&signed(17), last), Ok(StateOpened::Unchanged));
    assert_eq!(
        open(&signed(16), last),
        Err(StateRefused::Older {
            version: StateVersion(16),
            last: StateVersion(17),
        })
    );
    let other = DesiredState {
        items: Vec::new(),
        ..version(17)
    };
    assert_eq!(
        open(&sign_state(&other, &signer(1)).unwrap(), last),
        Err(StateRefused::OtherContent {
            version: StateVersion(17)
        })
    );
}

#[test]
fn a_state_of_another_device_or_key_or_kind_is_refused() {
    let envelope = sign_state(&samples::state(), &signer(1)).unwrap();
    let other = DeviceId([9; 16]);
    assert_eq!(
        open_state(&envelope, &keyring(), other, None),
        Err(StateRefused::Device {
            named: DEVICE,
            device: other,
        })
    );
    let stranger = sign_state(&samples::state(), &signer(2)).unwrap();
    assert_eq!(
        open(&stranger, None),
        Err(StateRefused::Envelope(EnvelopeError::UnknownKey {
            id: signer(2).key_id()
        }))
    );
    let manifest = sign_manifest(&samples::manifest(), &signer(1)).unwrap();
    assert_eq!(
        open(&manifest, None),
        Err(StateRefused::Envelope(EnvelopeError::Kind {
            expected: "application/vnd.thimble.state+cbor"
        }))
    );
    assert_eq!(
        open_manifest(&envelope, &keyring(), Digest::of(&envelope)),
        Err(ManifestRefused::Envelope(EnvelopeError::Kind {
            expected: "application/vnd.thimble.manifest+cbor"
        }))
    );
    let nonsense = sign_payload(Kind::State, b"\xa0".to_vec(), &signer(1)).unwrap();
    assert_eq!(
        open(&nonsense, None),
        Err(StateRefused::Message(DecodeError::Missing {
            field: "DesiredState.device"
        }))
    );
}

#[test]
fn envelopes_of_another_form_are_refused() {
    let right = || {
        HeaderBuilder::new()
            .algorithm(iana::Algorithm::ES256)
            .content_type(Kind::State.content_type().into())
            .key_id(signer(1).key_id().into())
    };
    let payload = samples::state().encode();
    let build = |protected: HeaderBuilder, unprotected: HeaderBuilder, payload: Option<Vec<u8>>| {
        let mut builder = CoseSign1Builder::new()
            .protected(protected.build())
            .unprotected(unprotected.build());
        if let Some(payload) = payload {
            builder = builder.payload(payload);
        }
        builder
            .create_signature(&[], |message| signer(1).sign(message).unwrap().to_vec())
            .build()
    };
    let none = HeaderBuilder::new;
    let some = || Some(payload.clone());
    let rows = [
        (
            build(right().algorithm(iana::Algorithm::ES384), none(), some()),
            EnvelopeError::Algorithm,
        ),
        (
            build(right().key_id(vec![1; 7]), none(), some()),
            EnvelopeError::KeyId,
        ),
        (
            build(
                right().content_type("application/cbor".into()),
                none(),
                some(),
            ),
            EnvelopeError::Kind {
                expected: Kind::State.content_type(),
            },
        ),
        (
            build(
                right().content_format(iana::CoapContentFormat::Cbor),
                none(),
                some(),
            ),
            EnvelopeError::Kind {
                expected: Kind::State.content_type(),
            },
        ),
        (
            build(
                right().add_critical(iana::HeaderParameter::Kid),
                none(),
                some(),
            ),
            EnvelopeError::Critical,
        ),
        (
            build(right(), none().key_id(vec![1; 8]), some()),
            EnvelopeError::Unprotected,
        ),
        (build(right(), none(), None), EnvelopeError::Detached),
    ];
    for (sign1, expected) in rows {
        let bytes = sign1.to_tagged_vec().unwrap();
        let refused = open_state_with(&Believes, &bytes, &keyring(), DEVICE, None).unwrap_err();
        assert_eq!(refused, StateRefused::Envelope(expected));
    }
    let good = build(right(), none(), some()).to_tagged_vec().unwrap();
    assert!(open(&good, None).is_ok());
    assert_eq!(
        open(&good[1..], None),
        Err(StateRefused::Envelope(EnvelopeError::Structure)),
        "the tag is missing"
    );
    let long = vec![0; Kind::State.bytes_max() as usize + 1];
    assert!(matches!(
        open(&long, None),
        Err(StateRefused::Envelope(EnvelopeError::TooLong { .. }))
    ));
}

#[test]
fn headers_that_later_versions_add_are_passed_over() {
    let protected = HeaderBuilder::new()
        .algorithm(iana::Algorithm::ES256)
        .content_type(Kind::State.content_type().into())
        .key_id(signer(1).key_id().into())
        .value(-70_000, coset::cbor::value::Value::Bool(true));
    let bytes = CoseSign1Builder::new()
        .protected(protected.build())
        .payload(samples::state().encode())
        .create_signature(&[], |message| signer(1).sign(message).unwrap().to_vec())
        .build()
        .to_tagged_vec()
        .unwrap();
    assert!(open(&bytes, None).is_ok());
}

#[test]
fn a_key_is_replaced_by_announcing_it() {
    let mut keyring = keyring();
    let by_next = sign_state(&version(18), &signer(2)).unwrap();
    assert!(open_state(&by_next, &keyring, DEVICE, None).is_err());
    let announcing = DesiredState {
        next_keys: vec![signer(2).signing_key()],
        ..version(17)
    };
    let opened = newer(
        open_state(
            &sign_state(&announcing, &signer(1)).unwrap(),
            &keyring,
            DEVICE,
            None,
        )
        .unwrap(),
    );
    keyring.announce(&opened.message.next_keys).unwrap();
    let opened = newer(open_state(&by_next, &keyring, DEVICE, Some(opened.etag())).unwrap());
    assert_eq!(opened.signed_by, signer(2).key_id());
    keyring.announce(&opened.message.next_keys).unwrap();
    assert!(
        open_state(&by_next, &keyring, DEVICE, None).is_err(),
        "no longer announced"
    );
}

#[test]
fn keys_that_are_none_are_refused() {
    let good = signer(1).signing_key();
    assert_eq!(Keyring::new(&[]), Err(KeyError::None));
    assert_eq!(
        Keyring::new(&vec![good.clone(); 5]),
        Err(KeyError::TooMany { keys_max: 4 })
    );
    let renamed = SigningKey {
        id: [0; 8],
        ..good.clone()
    };
    assert_eq!(Keyring::new(&[renamed]), Err(KeyError::Id { id: [0; 8] }));
    let mut off_curve = vec![2; 33];
    off_curve[1..].fill(0xff);
    assert!(matches!(
        SigningKey::of_point(&off_curve),
        Err(KeyError::Point { .. })
    ));
    assert!(matches!(
        SigningKey::of_point(&good.point[..32]),
        Err(KeyError::Point { .. })
    ));
    let announcing = DesiredState {
        next_keys: vec![SigningKey {
            id: thimble_protocol::keyring::key_id(&off_curve),
            point: off_curve,
        }],
        ..samples::state()
    };
    let envelope = sign_state(&announcing, &signer(1)).unwrap();
    assert!(matches!(
        open(&envelope, None),
        Err(StateRefused::NextKeys(_))
    ));
}

#[test]
fn what_no_device_would_take_is_not_signed() {
    assert_eq!(
        sign_state(&version(0), &signer(1)),
        Err(SignError::Message(DecodeError::Invalid {
            field: "DesiredState.version",
            rule: "the first version is 1",
        }))
    );
}

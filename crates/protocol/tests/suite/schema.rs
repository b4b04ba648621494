//! What is written is what `spec/fleet.cddl` says, by the word of somebody else's validator; and what it forbids is not read.

use cddl_cat::cbor::validate_cbor_bytes;
use thimble_testkit::random::{Random, seed};

use super::{bundle, messages, samples};

const SCHEMA: &str = include_str!("../../../../spec/fleet.cddl");
const ROUNDS: u32 = 60;

#[track_caller]
fn check(rule: &str, bytes: &[u8]) {
    if let Err(error) = validate_cbor_bytes(rule, SCHEMA, bytes) {
        panic!("{rule}: {error}: {bytes:02x?}");
    }
}

#[test]
fn the_samples_are_of_the_schema() {
    for (rule, bytes) in samples::all() {
        check(rule, &bytes);
    }
}

#[test]
fn random_messages_are_of_the_schema() {
    let random = &mut Random::new(seed(31));
    for _ in 0..ROUNDS {
        check("desired-state", &messages::state(random).encode());
        check("manifest", &messages::manifest(random).encode());
        check("report", &messages::report(random).encode());
        check("report-reply", &messages::report_reply(random).encode());
        check("enrol-request", &messages::enrol_request(random).encode());
        check("enrol-reply", &messages::enrol_reply(random).encode());
        check("capabilities", &messages::capabilities(random).encode());
    }
}

#[test]
fn the_items_of_a_bundle_are_of_the_schema() {
    let [header, state, manifest, blob, end] = bundle::items();
    check("bundle-header", &header);
    check("bundle-state", &state);
    check("bundle-manifest", &manifest);
    check("bundle-blob", &blob);
    check("bundle-end", &end);
}

#[test]
fn the_validator_notices_what_is_wrong() {
    let wrong = |rule, bytes: &[u8]| assert!(validate_cbor_bytes(rule, SCHEMA, bytes).is_err());
    wrong("desired-state", b"\xa0");
    wrong("manifest", &samples::state().encode());
    wrong("window", b"\xa2\x01\x00\x03\x01");
    wrong("signing-key", b"\xa2\x01\x48\0\0\0\0\0\0\0\0\x02\x40");
}

/// A record, a key beyond those that it has, and a value: later versions may say more.
#[test]
fn keys_that_are_not_known_are_passed_over() {
    let mut reply = messages::report_reply(&mut Random::new(seed(32)));
    reply.requests.clear();
    let mut bytes = reply.encode();
    let entries = bytes[0] & 0x1f;
    bytes[0] = 0xa0 | (entries + 1);
    bytes.extend_from_slice(b"\x18\x63\x82\xf6\xa1\x61x\xfb\0\0\0\0\0\0\0\0");
    check("report-reply", &bytes);
    assert_eq!(thimble_protocol::ReportReply::decode(&bytes), Ok(reply));
}

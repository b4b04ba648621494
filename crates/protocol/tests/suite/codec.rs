//! Every message is read as it was written, and nothing else than bytes that keep the rules is read at all.

use std::fmt::Debug;

use thimble_protocol::{
    Capabilities, DecodeError, DesiredState, EnrolReply, EnrolRequest, Manifest, Report,
    ReportReply,
};
use thimble_testkit::random::{Random, seed};

use super::{golden, messages, samples};

const ROUNDS: u32 = 500;

/// Writes and reads random messages, and what hostile hands make of them.
fn check<T: Debug + PartialEq>(
    number: u64,
    make: fn(&mut Random) -> T,
    encode: fn(&T) -> Vec<u8>,
    decode: fn(&[u8]) -> Result<T, DecodeError>,
) {
    let mut random = Random::new(seed(number));
    for _ in 0..ROUNDS {
        let message = make(&mut random);
        let bytes = encode(&message);
        assert_eq!(decode(&bytes).as_ref(), Ok(&message));
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut to {length}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(
            decode(&longer),
            Err(DecodeError::TrailingBytes { bytes: 1 })
        );
        let mut changed = bytes.clone();
        let place = random.index(changed.len());
        changed[place] ^= 1 << random.below(8);
        // What is still a message has one encoding, unless something in it was passed over.
        if let Ok(other) = decode(&changed) {
            let again = encode(&other);
            assert_eq!(decode(&again).as_ref(), Ok(&other));
            assert!(again.len() <= changed.len());
        }
        let _ = decode(&random.bytes(64)).map_err(|error| error.to_string());
    }
}

#[test]
fn states_are_read_as_written() {
    check(
        1,
        messages::state,
        DesiredState::encode,
        DesiredState::decode,
    );
}

#[test]
fn manifests_are_read_as_written() {
    check(2, messages::manifest, Manifest::encode, Manifest::decode);
}

#[test]
fn reports_are_read_as_written() {
    check(3, messages::report, Report::encode, Report::decode);
}

#[test]
fn replies_to_reports_are_read_as_written() {
    check(
        4,
        messages::report_reply,
        ReportReply::encode,
        ReportReply::decode,
    );
}

#[test]
fn enrolments_are_read_as_written() {
    check(
        5,
        messages::enrol_request,
        EnrolRequest::encode,
        EnrolRequest::decode,
    );
}

#[test]
fn replies_to_enrolments_are_read_as_written() {
    check(
        6,
        messages::enrol_reply,
        EnrolReply::encode,
        EnrolReply::decode,
    );
}

#[test]
fn capabilities_are_read_as_written() {
    check(
        7,
        messages::capabilities,
        Capabilities::encode,
        Capabilities::decode,
    );
}

#[test]
fn messages_have_the_bytes_that_they_were_published_with() {
    use std::fmt::Write as _;

    let mut text = String::new();
    for (name, bytes) in samples::all() {
        writeln!(text, "{name}: {} bytes", bytes.len()).unwrap();
        for row in bytes.chunks(48) {
            text.push_str("  ");
            for byte in row {
                write!(text, "{byte:02x}").unwrap();
            }
            text.push('\n');
        }
    }
    golden::check("messages.txt", &text);
}

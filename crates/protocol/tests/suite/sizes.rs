//! What a fleet costs in bytes. The figures are asserted, and printed with `--nocapture`.

use thimble_protocol::http::{self, Body};
use thimble_protocol::session::{Settings, Step};
use thimble_protocol::sign::{sign_manifest, sign_state};
use thimble_protocol::{ETag, Session, StateVersion};

use super::messages::signer;
use super::samples;

/// A record of TLS 1.3: header 5, type 1, tag 16 (RFC 8446, section 5.2).
const RECORD_BYTES: usize = 22;
/// IPv4 and TCP without options, as microcontrollers send them; time stamps, which Linux uses, are 12 more.
const SEGMENT_BYTES: usize = 40;
const TIME_STAMP_BYTES: usize = 12;
/// A request, its answer, and the acknowledgement of the answer; that of the request travels with the answer, which comes
/// from memory, well within the 40 ms that it may take (RFC 9293, section 3.8.6.3).
const SEGMENTS: usize = 3;

const HOST: &str = "hub.example.com";

fn request() -> Vec<u8> {
    let etag = ETag::of(StateVersion(1_234), b"");
    let mut session = Session::new(Settings::default(), 1, 0, Some(etag));
    match session.next(Settings::default().spread_ms) {
        Step::Send(exchange) => http::write(&exchange, HOST),
        other => panic!("{other:?}"),
    }
}

/// As the hub writes it. `Date` and `ETag` have to be there (RFC 9110, sections 6.6.1 and 15.4.5).
fn answer() -> String {
    let etag = ETag::of(StateVersion(1_234), b"");
    format!(
        "HTTP/1.1 304 Not Modified\r\netag: {etag}\r\nnext-poll: 900\r\ndate: Sun, 29 Nov 2026 12:00:00 GMT\r\n\r\n"
    )
}

#[test]
fn a_quiet_day_costs_little() {
    let (request, answer) = (request(), answer());
    assert_eq!(
        String::from_utf8(request.clone()).unwrap(),
        "GET /d/v1/state HTTP/1.1\r\nHost: hub.example.com\r\nIf-None-Match: \"1234.47DEQpj8HBSa\"\r\n\r\n"
    );
    let head = http::read(answer.as_bytes()).unwrap().unwrap();
    assert_eq!((head.status, head.body), (304, Body::Length(0)));
    let bare = request.len() + answer.len() + 2 * RECORD_BYTES + SEGMENTS * SEGMENT_BYTES;
    let stamped = bare + SEGMENTS * TIME_STAMP_BYTES;
    println!(
        "a poll: request {} bytes, answer {} bytes, on the wire {bare} bytes ({stamped} with TCP time stamps)",
        request.len(),
        answer.len()
    );
    for (polls, bytes_max) in [(24, 9_000), (96, 37_000)] {
        println!(
            "{polls} polls a day, connection kept open: {} bytes ({} with TCP time stamps)",
            polls * bare,
            polls * stamped
        );
        assert!(polls * bare <= bytes_max);
    }
    assert_eq!((request.len(), answer.len(), bare), (87, 109, 360));
}

#[test]
fn a_usual_state_is_small() {
    let state = samples::state().encode();
    let envelope = sign_state(&samples::state(), &signer(1)).unwrap();
    let manifest = sign_manifest(&samples::manifest(), &signer(1)).unwrap();
    println!(
        "a state of 3 deployments, 1 window, 2 secrets: {} bytes, signed {}",
        state.len(),
        envelope.len()
    );
    println!(
        "a manifest of 1 container: {} bytes, signed {}",
        samples::manifest().encode().len(),
        manifest.len()
    );
    println!(
        "a report about 1 deployment: {} bytes",
        samples::report().encode().len()
    );
    assert_eq!(
        (state.len(), envelope.len(), manifest.len()),
        (538, 662, 483)
    );
}

#[test]
fn heads_that_are_none_are_refused() {
    use thimble_protocol::http::HeadError;

    for (bytes, expected) in [
        (b"HTTP/1.0 200 OK\r\n\r\n".as_slice(), HeadError::Malformed),
        (b"\x16\x03\x01", HeadError::Malformed),
        (b"HTTP/1.1 200 OK\r\na: \xff\r\n\r\n", HeadError::Malformed),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            HeadError::Length,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            HeadError::Length,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
            HeadError::Length,
        ),
        (
            &[b"HTTP/1.1 200 OK\r\na: ".as_slice(), &[b'x'; 3_000]].concat(),
            HeadError::TooLong { bytes_max: 2_048 },
        ),
        (
            &[
                b"HTTP/1.1 200 OK\r\n".as_slice(),
                &b"a: b\r\n".repeat(25),
                b"\r\n",
            ]
            .concat(),
            HeadError::TooLong { bytes_max: 2_048 },
        ),
    ] {
        assert_eq!(http::read(bytes), Err(expected));
    }
    let answer = answer();
    for length in 0..answer.len() {
        assert_eq!(
            http::read(&answer.as_bytes()[..length]),
            Ok(None),
            "cut to {length}"
        );
    }
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: Close\r\n\r\n5\r\n";
    let head = http::read(chunked).unwrap().unwrap();
    assert_eq!((head.body, head.is_kept_open), (Body::Chunked, false));
    assert_eq!(&chunked[head.bytes..], b"5\r\n");
}

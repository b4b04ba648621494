//! Messages are read as they were written, and nothing else is.

use thimble_serial::codec::{
    DecodeError, EncodeError, LIST_ITEMS_MAX, decode_reply, decode_request, encode_reply,
    encode_request,
};
use thimble_serial::{Declaration, Reply, Request};

use crate::golden;
use crate::random::Random;
use crate::samples::{REPLIES, REQUESTS, reply, request};

const BYTES_MAX: u32 = 4096;

fn request_bytes(request: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_request(request, &mut bytes, BYTES_MAX).unwrap();
    bytes
}

fn reply_bytes(reply: &Reply) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_reply(reply, &mut bytes, BYTES_MAX).unwrap();
    bytes
}

#[test]
fn every_message_is_read_as_it_was_written() {
    for seed in 0..400 {
        let mut random = Random::new(seed);
        for number in 0..REQUESTS {
            let request = request(number, &mut random);
            let read = decode_request(&request_bytes(&request));
            assert_eq!(read, Ok(request), "seed {seed}");
        }
        for number in 0..REPLIES {
            let reply = reply(number, &mut random);
            let read = decode_reply(&reply_bytes(&reply));
            assert_eq!(read, Ok(reply), "seed {seed}");
        }
    }
}

#[test]
fn encodings_stay_as_they_are() {
    let mut text = String::new();
    let mut random = Random::new(7);
    for number in 0..REQUESTS {
        let request = request(number, &mut random);
        text += &format!("{request:?}\n  {}\n", hexadecimal(&request_bytes(&request)));
    }
    for number in 0..REPLIES {
        let reply = reply(number, &mut random);
        text += &format!("{reply:?}\n  {}\n", hexadecimal(&reply_bytes(&reply)));
    }
    golden::check("messages.txt", &text);
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn numbers_end_where_the_samples_do() {
    let number = u8::try_from(REQUESTS).unwrap();
    assert_eq!(
        decode_request(&[0x82, 0x18, number, 0xa0]),
        Err(DecodeError::UnknownNumber { number: 24 })
    );
    let number = u8::try_from(REPLIES).unwrap();
    assert_eq!(
        decode_reply(&[0x82, number, 0xa0]),
        Err(DecodeError::UnknownNumber { number: 13 })
    );
}

#[test]
fn what_is_not_known_is_skipped() {
    // Start { name: "a" } with the keys 1, 9 and 2^32 of a later version.
    let bytes = b"\x82\x07\xa4\x00\x61a\x01\xa1\x00\x82\x01\x02\x09\xf6\x1b\x00\x00\x00\x01\x00\x00\x00\x00\x40";
    let name = String::from("a");
    assert_eq!(decode_request(bytes), Ok(Request::Start { name }));
}

#[test]
fn other_encodings_are_refused() {
    let refused: &[&[u8]] = &[
        b"",
        b"\x82",
        b"\x82\x00",
        // Of indefinite length.
        b"\x9f\x00\xa0\xff",
        b"\x82\x00\xbf\xff",
        b"\x82\x07\xa1\x00\x7f\x61a\xff",
        // Three items, one item, a tag, something behind it.
        b"\x83\x00\xa0\x00",
        b"\x81\x00",
        b"\xc0\x82\x00\xa0",
        b"\x82\x00\xa0\x00",
        // A key twice, keys that descend, a text as a key.
        b"\x82\x07\xa2\x00\x61a\x00\x61b",
        b"\x82\x08\xa2\x01\x05\x00\x61b",
        b"\x82\x07\xa1\x61a\x61b",
        // Bytes where text belongs, no UTF-8, a number that is too big.
        b"\x82\x07\xa1\x00\x41a",
        b"\x82\x07\xa1\x00\x61\xff",
        b"\x82\x08\xa1\x01\x1b\x00\x00\x00\x01\x00\x00\x00\x00",
        // Longer than it is, or than anything can be.
        b"\x82\x07\xa1\x00\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x82\x07\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x82\x00\xa1\x18\x63\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    for bytes in refused {
        assert_eq!(
            decode_request(bytes),
            Err(DecodeError::Malformed),
            "{bytes:02x?}"
        );
    }
}

#[test]
fn what_is_nested_deeply_is_skipped_or_refused() {
    for depth in [10, 1000, 100_000] {
        let mut bytes = b"\x82\x00\xa1\x18\x63".to_vec();
        bytes.extend(std::iter::repeat_n(0x81, depth));
        assert_eq!(decode_request(&bytes), Err(DecodeError::Malformed));
        bytes.push(0);
        assert_eq!(decode_request(&bytes), Ok(Request::Device));
    }
}

#[test]
fn lists_have_a_limit() {
    let with = |count: u32| Request::Create {
        declaration: Declaration {
            env: (0..count).map(|_| String::new()).collect(),
            ..Declaration::default()
        },
        replace: false,
    };
    let request = with(LIST_ITEMS_MAX);
    let mut bytes = request_bytes(&request);
    assert_eq!(decode_request(&bytes), Ok(request));
    let too_many = with(LIST_ITEMS_MAX + 1);
    assert_eq!(
        encode_request(&too_many, &mut Vec::new(), BYTES_MAX),
        Err(EncodeError::TooManyItems)
    );
    let length = bytes.iter().position(|byte| *byte == 0x98).unwrap() + 1;
    bytes[length] = u8::try_from(LIST_ITEMS_MAX + 1).unwrap();
    assert_eq!(decode_request(&bytes), Err(DecodeError::TooManyItems));
}

#[test]
fn a_message_has_a_limit() {
    let request = Request::InstallPart {
        offset: 0,
        bytes: vec![1; 100],
    };
    let length = u32::try_from(request_bytes(&request).len()).unwrap();
    assert_eq!(encode_request(&request, &mut Vec::new(), length), Ok(()));
    for bytes_max in 0..length {
        assert_eq!(
            encode_request(&request, &mut Vec::new(), bytes_max),
            Err(EncodeError::TooLong { bytes_max })
        );
    }
}

#[test]
fn damaged_messages_do_no_harm() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        for number in 0..REPLIES {
            let reply = reply(number, &mut random);
            let mut bytes = reply_bytes(&reply);
            let place = usize::try_from(random.below(bytes.len() as u64)).unwrap();
            bytes[place] = random.byte();
            // What is accepted has one encoding, unless it has fields that are not known.
            if let Ok(read) = decode_reply(&bytes) {
                assert_eq!(decode_reply(&reply_bytes(&read)), Ok(read), "seed {seed}");
            }
        }
    }
}

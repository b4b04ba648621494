//! Bundles: what is written is read, in parts of any size; what was changed or cut is refused.

use thimble_image::Digest;
use thimble_protocol::bundle::{Event, ReadError, Reader, WriteError, Writer};
use thimble_protocol::sign::{sign_manifest, sign_state};
use thimble_testkit::random::{Random, seed};

use super::messages::signer;
use super::samples::{self, DEVICE};

const BLOB: &[u8] = b"a module";

/// One item of each kind.
pub(crate) fn items() -> [Vec<u8>; 5] {
    let (mut writer, header) = Writer::new();
    let state = sign_state(&samples::state(), &signer(1)).unwrap();
    let manifest = sign_manifest(&samples::manifest(), &signer(1)).unwrap();
    let state = writer.state(DEVICE, &state).unwrap();
    let manifest = writer.manifest(&manifest).unwrap();
    let mut blob = writer.blob(Digest::of(BLOB), BLOB.len() as u64).unwrap();
    writer.part(BLOB).unwrap();
    blob.extend_from_slice(BLOB);
    [header, state, manifest, blob, writer.end().unwrap()]
}

/// Reads a bundle in parts of these lengths, and says what came, blobs whole.
fn read(bundle: &[u8], mut next: impl FnMut() -> usize) -> Result<Vec<String>, ReadError> {
    let mut reader = Reader::new();
    let mut said = Vec::new();
    let mut blob = Vec::new();
    let mut rest = bundle;
    loop {
        let (part, after) = rest.split_at(next().min(rest.len()));
        rest = after;
        let mut input = part;
        loop {
            match reader.read(&mut input)? {
                Event::NeedsMore => break,
                Event::State { device, envelope } => {
                    said.push(format!("state of {device}: {}", Digest::of(&envelope)));
                }
                Event::Manifest { digest, envelope } => {
                    assert_eq!(digest, Digest::of(&envelope));
                    said.push(format!("manifest {digest}"));
                }
                Event::BlobBegins { digest, bytes } => said.push(format!("blob {digest}, {bytes}")),
                Event::BlobPart(part) => blob.extend_from_slice(part),
                Event::BlobEnds { digest } => {
                    said.push(format!("content {digest} {}", Digest::of(&blob)));
                    blob.clear();
                }
                Event::End => {
                    said.push("end".into());
                    return Ok(said);
                }
            }
        }
        assert!(input.is_empty());
        if rest.is_empty() {
            said.push("cut".into());
            return Ok(said);
        }
    }
}

#[test]
fn a_bundle_is_read_as_written_in_any_parts() {
    let bundle = items().concat();
    let whole = read(&bundle, || usize::MAX).unwrap();
    let content = Digest::of(BLOB);
    assert_eq!(whole.len(), 5);
    assert_eq!(whole[3], format!("content {content} {content}"));
    assert_eq!(whole[4], "end");
    let mut random = Random::new(seed(41));
    for _ in 0..50 {
        assert_eq!(read(&bundle, || 1 + random.index(300)).unwrap(), whole);
    }
    assert_eq!(read(&bundle, || 1).unwrap(), whole);
}

#[test]
fn a_bundle_that_is_cut_never_ends() {
    let bundle = items().concat();
    for length in 0..bundle.len() {
        let said = read(&bundle[..length], || usize::MAX).unwrap();
        assert_eq!(said.last().unwrap(), "cut", "at {length}");
    }
}

#[test]
fn a_blob_that_was_changed_never_ends() {
    let bundle = items().concat();
    let end = items()[4].len();
    for bit in 0..BLOB.len() * 8 {
        let mut changed = bundle.clone();
        let place = bundle.len() - end - BLOB.len() + bit / 8;
        changed[place] ^= 1 << (bit % 8);
        let error = read(&changed, || usize::MAX).unwrap_err();
        assert!(matches!(error, ReadError::WrongDigest { .. }), "{error}");
    }
}

#[test]
fn a_bundle_with_any_bit_changed_does_no_harm() {
    let bundle = items().concat();
    for bit in 0..bundle.len() * 8 {
        let mut changed = bundle.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Err(error) = read(&changed, || 100) {
            assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn what_is_no_bundle_is_refused() {
    let [header, state, manifest, blob, end] = items();
    let join = |parts: &[&[u8]]| parts.concat();
    let head = header.len() as u64;
    let rows = [
        (b"PK\x03\x04".to_vec(), ReadError::NotABundle),
        (join(&[&state]), ReadError::NotABundle),
        (
            b"\x83\x00\x6ethimble-bundle\x02".to_vec(),
            ReadError::Form { form: 2 },
        ),
        (
            b"\x83\x00\x6ethimble-cradle\x01".to_vec(),
            ReadError::NotABundle,
        ),
        (join(&[&header, b"\x00"]), ReadError::Malformed { at: head }),
        (
            join(&[&header, b"\x82\x05\x00"]),
            ReadError::Malformed { at: head },
        ),
        (
            join(&[&header, b"\x82\x02\x58\x05"]),
            ReadError::Malformed { at: head },
        ),
        (
            join(&[&header, b"\x82\x02\x5f"]),
            ReadError::Malformed { at: head },
        ),
        (join(&[&header, b"\x9f"]), ReadError::Malformed { at: head }),
        (
            join(&[&header, &manifest, &state]),
            ReadError::Order {
                at: head + manifest.len() as u64,
            },
        ),
        (
            join(&[&header, &blob, &manifest]),
            ReadError::Order {
                at: head + blob.len() as u64,
            },
        ),
        (
            join(&[&header, &header]),
            ReadError::TooMany { items_max: 1 },
        ),
        (
            join(&[&header, &state, &end]),
            ReadError::Missing {
                expected: 4,
                actual: 2,
            },
        ),
        (
            join(&[&header, b"\x82\x02\x5b\xff\xff\xff\xff\xff\xff\xff\xff"]),
            ReadError::EnvelopeTooLong {
                bytes: u64::MAX,
                bytes_max: 66_560,
            },
        ),
    ];
    for (bytes, expected) in rows {
        assert_eq!(read(&bytes, || 7), Err(expected), "{bytes:02x?}");
        let mut reader = Reader::new();
        let mut input = bytes.as_slice();
        while reader.read(&mut input).is_ok() {}
        assert_eq!(
            reader.read(&mut b"more".as_slice()),
            Err(expected),
            "it stays so"
        );
    }
}

#[test]
fn what_no_reader_would_accept_is_not_written() {
    let (mut writer, _) = Writer::new();
    writer.manifest(b"an envelope").unwrap();
    assert_eq!(writer.state(DEVICE, b""), Err(WriteError::Order));
    let long = vec![0; 66_561];
    assert!(matches!(
        writer.manifest(&long),
        Err(WriteError::EnvelopeTooLong { .. })
    ));
    writer.blob(Digest::of(b"ab"), 2).unwrap();
    writer.part(b"a").unwrap();
    assert_eq!(
        writer.part(b"bc"),
        Err(WriteError::BlobLength { missing: 0 })
    );
    assert_eq!(writer.end(), Err(WriteError::BlobLength { missing: 1 }));
    let (mut writer, _) = Writer::new();
    writer.blob(Digest::of(b"ab"), 2).unwrap();
    writer.part(b"ac").unwrap();
    assert!(matches!(writer.end(), Err(WriteError::WrongDigest { .. })));
}

//! The store keeps the rules of the contract.

use thimble_image::store::{Admission, BlobStore, BlobWriter, CommitError};
use thimble_image::{Descriptor, Digest};

use super::{MemoryError, MemoryStore, MemoryWriter};

const CONTENT: &[u8] = b"content";

fn blob() -> Descriptor {
    Descriptor::of("text/plain", CONTENT)
}

fn writer(store: &MemoryStore) -> MemoryWriter {
    match store.admit(&blob()).unwrap() {
        Admission::Wanted(writer) => writer,
        Admission::Present => panic!("it is here already"),
    }
}

#[test]
fn an_attempt_goes_on_where_another_stopped() {
    let store = MemoryStore::default();
    writer(&store).write(b"cont").unwrap();
    let mut second = writer(&store);
    assert_eq!((second.offset(), store.bytes()), (4, 0));
    second.write(b"ent").unwrap();
    second.commit().unwrap();
    assert!(matches!(store.admit(&blob()), Ok(Admission::Present)));
    assert_eq!(store.committed(), [blob().digest]);
    assert_eq!(store.media_type(&blob().digest).unwrap(), "text/plain");
    let mut buffer = [0; 4];
    for (offset, expected) in [(0, b"cont".as_slice()), (4, b"ent"), (7, b""), (9, b"")] {
        let count = store.read(&blob().digest, offset, &mut buffer).unwrap();
        assert_eq!(&buffer[..count], expected);
    }
}

#[test]
fn what_is_wrong_is_forgotten() {
    let store = MemoryStore::default();
    for (content, length) in [(b"contend".as_slice(), false), (b"more content", true)] {
        let mut writer = writer(&store);
        writer.write(content).unwrap();
        match writer.commit().unwrap_err() {
            CommitError::Length { expected, .. } => assert!(length && expected == 7),
            CommitError::Digest { found, .. } => assert_eq!(found, Digest::of(content)),
            CommitError::Device(error) => panic!("{error}"),
        }
        assert!(!store.has(&blob().digest));
    }
    store.add_partial(blob().digest, b"garbage");
    let mut writer = writer(&store);
    writer.restart().unwrap();
    writer.write(CONTENT).unwrap();
    writer.commit().unwrap();
    assert_eq!(store.content(&blob().digest).unwrap(), CONTENT);
}

#[test]
fn whoever_comes_second_waits() {
    let store = MemoryStore::default();
    let mut first = writer(&store);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| matches!(store.admit(&blob()), Ok(Admission::Present)));
        first.write(CONTENT).unwrap();
        first.commit().unwrap();
        assert!(second.join().unwrap());
    });
}

#[test]
fn it_fails_when_told() {
    let store = MemoryStore::default();
    let mut buffer = [0; 4];
    let mut read = || store.read(&blob().digest, 0, &mut buffer).unwrap_err();
    assert_eq!(read(), MemoryError::Missing);
    let mut writer = writer(&store);
    store.fail();
    assert_eq!(read(), MemoryError::Failed);
    assert_eq!(writer.write(CONTENT), Err(MemoryError::Failed));
    let failed = CommitError::Device(MemoryError::Failed);
    assert_eq!(writer.commit(), Err(failed));
    assert!(store.admit(&blob()).is_err());
}

//! Archives that nobody should trust.

use std::fs;
use std::io::{self, Read};
use std::os::unix::net::UnixListener;

use tar::EntryType;
use thimble_image::layout::{INDEX_FILE, MARKER, MARKER_FILE};
use thimble_image::{Descriptor, Digest, Index, Manifest, media_type};
use thimble_testkit::blobs::MemoryStore;
use thimble_testkit::random::{Random, seed};

use super::super::{Limits, load_folder, load_tar, save_tar};
use super::{Made, archive, blob_path, entry, file, gzip, image, index};

/// What loading says; an archive that is refused leaves nothing but blobs that are what they say.
fn told(bytes: &[u8], limits: &Limits) -> String {
    let store = MemoryStore::default();
    match load_tar(bytes, &store, limits) {
        Ok(loaded) => format!("loaded {}", loaded.len()),
        Err(error) => error.to_string(),
    }
}

/// The blobs of an image, and the index that lists it.
struct Parts {
    blobs: Vec<(String, Vec<u8>)>,
    index: Vec<u8>,
}

fn parts() -> Parts {
    let store = MemoryStore::default();
    let root = image(&store, "a");
    Parts {
        blobs: store
            .digests()
            .iter()
            .map(|digest| {
                let content = store.content(digest).unwrap();
                (blob_path(&content), content)
            })
            .collect(),
        index: Index::new(vec![root]).to_json(),
    }
}

/// A sound layout with entries before and behind it.
fn layout(before: &[Made<'_>], behind: &[Made<'_>]) -> Vec<u8> {
    let Parts { blobs, index } = parts();
    let mut entries = vec![
        file(MARKER_FILE, MARKER.as_bytes()),
        file(INDEX_FILE, &index),
    ];
    entries.extend(blobs.iter().map(|(path, content)| file(path, content)));
    let copy = |made: &Made<'_>| archive(std::slice::from_ref(made))[..].to_vec();
    let mut out = Vec::new();
    for made in before.iter().chain(&entries).chain(behind) {
        let bytes = copy(made);
        out.extend_from_slice(&bytes[..bytes.len() - 1024]);
    }
    out.resize(out.len() + 1024, 0);
    out
}

#[test]
fn entries() {
    let long = vec![b'a'; 5000];
    let many_records = vec![b' '; 70_000];
    let with_size = |size: usize| format!("{} size={size}\n", 8 + size.to_string().len());
    let other_size = with_size(7);
    let sparse = b"22 GNU.sparse.major=1\n".as_slice();
    let of_kind = |kind, content| Made {
        content,
        ..entry("x", kind, "")
    };
    let stray = blob_path(b"something else");
    let upper = stray.to_uppercase().replace("BLOBS/SHA256", "blobs/sha256");
    for (before, behind, message) in [
        (vec![], vec![], "loaded 1"),
        (
            vec![entry("./blobs/", EntryType::Directory, "")],
            vec![],
            "loaded 1",
        ),
        (
            vec![file("manifest.json", b"[]"), file("readme", b"x")],
            vec![],
            "loaded 1",
        ),
        (
            vec![file("/etc/passwd", b"x")],
            vec![],
            "`/etc/passwd` cannot be in an image layout: its path begins with `/`",
        ),
        (vec![file("a/../../x", b"x")], vec![], "its path has `..`"),
        (
            vec![entry("../", EntryType::Directory, "")],
            vec![],
            "its path has `..`",
        ),
        (
            vec![entry("x", EntryType::Symlink, "/etc/passwd")],
            vec![],
            "it is a link",
        ),
        (
            vec![entry("x", EntryType::Link, "index.json")],
            vec![],
            "it is a link",
        ),
        (
            vec![entry("x", EntryType::Link, "../x")],
            vec![],
            "its path has `..`",
        ),
        (
            vec![entry("x", EntryType::Block, "")],
            vec![],
            "it is a device or a pipe",
        ),
        (
            vec![entry("x", EntryType::Char, "")],
            vec![],
            "it is a device or a pipe",
        ),
        (
            vec![entry("x", EntryType::Fifo, "")],
            vec![],
            "it is a device or a pipe",
        ),
        (
            vec![entry("x", EntryType::GNUSparse, "")],
            vec![],
            "it is stored with holes",
        ),
        (
            vec![of_kind(EntryType::XHeader, sparse)],
            vec![],
            "it is stored with holes",
        ),
        (
            vec![of_kind(EntryType::GNULongName, &long)],
            vec![],
            "is too long",
        ),
        (
            vec![of_kind(EntryType::GNULongLink, &long)],
            vec![],
            "is too long",
        ),
        (
            vec![of_kind(EntryType::XHeader, &many_records)],
            vec![],
            "is too long",
        ),
        (
            vec![of_kind(EntryType::XHeader, other_size.as_bytes())],
            vec![],
            "two headers tell different lengths",
        ),
        (
            vec![of_kind(EntryType::XHeader, b"nonsense")],
            vec![],
            "the header about it cannot be read",
        ),
        (
            vec![of_kind(EntryType::XGlobalHeader, b"16 path=/etc/xx\n")],
            vec![],
            "the header about it cannot be read",
        ),
        (
            vec![of_kind(EntryType::XGlobalHeader, b"16 comment=abcd\n")],
            vec![],
            "loaded 1",
        ),
        (
            vec![
                of_kind(EntryType::XHeader, b"16 path=/etc/xx\n"),
                file("x", b""),
            ],
            vec![],
            "its path begins with `/`",
        ),
        (
            vec![of_kind(EntryType::GNULongName, b"a/../b\0"), file("x", b"")],
            vec![],
            "its path has `..`",
        ),
        (
            vec![],
            vec![file(INDEX_FILE, b"{}")],
            "it stands in the archive twice",
        ),
        (
            vec![],
            vec![file("./index.json", b"{}")],
            "it stands in the archive twice",
        ),
        (
            vec![file(MARKER_FILE, b"{}")],
            vec![],
            "it stands in the archive twice",
        ),
        (
            vec![file("blobs/sha256/abc", b"x")],
            vec![],
            "it is not named after a sha256 digest",
        ),
        (
            vec![file(&upper, b"something else")],
            vec![],
            "it is not named after a sha256 digest",
        ),
        (vec![file("blobs/sha512/abc", b"x")], vec![], "loaded 1"),
        (vec![file(&stray, b"something else")], vec![], "loaded 1"),
        (
            vec![file(&stray, b"something ELSE")],
            vec![],
            "is damaged: the content has digest sha256:",
        ),
    ] {
        let told = told(&layout(&before, &behind), &Limits::default());
        assert!(told.contains(message), "{told} / {message}");
    }
}

#[test]
fn layouts() {
    let Parts { blobs, index } = parts();
    let manifest = Manifest::new(Descriptor::of(media_type::EMPTY, b"{}"), vec![]);
    let old = br#"{"imageLayoutVersion": "2.0"}"#.as_slice();
    let none = Index::default().to_json();
    let wrong_size = String::from_utf8(index.clone())
        .unwrap()
        .replace("\"size\":", "\"size\":1");
    let other = String::from_utf8(index.clone())
        .unwrap()
        .replace("image.manifest.v1", "image.config.v1");
    let big = vec![b' '; 5 << 20];
    let all = |marker: &[u8], index: &[u8]| {
        let mut entries = vec![file(MARKER_FILE, marker), file(INDEX_FILE, index)];
        entries.extend(blobs.iter().map(|(path, content)| file(path, content)));
        archive(&entries)
    };
    let marker = MARKER.as_bytes();
    for (bytes, message) in [
        (all(marker, &index), "loaded 1"),
        (
            archive(&[file(INDEX_FILE, &index)]),
            "`oci-layout` is missing",
        ),
        (
            archive(&[file(MARKER_FILE, marker)]),
            "`index.json` is missing",
        ),
        (
            archive(&[file("manifest.json", b"[]"), file("a.json", b"{}")]),
            "Docker's old kind",
        ),
        (all(old, &index), "layouts of version 2.0 are not known"),
        (all(b"{", &index), "`oci-layout` is damaged"),
        (all(&big, &index), "it is larger than it may be"),
        (all(marker, &big), "it is larger than it may be"),
        (all(marker, b"<html>"), "it is a web page"),
        (
            all(marker, &manifest.to_json()),
            "neither a manifest nor an index",
        ),
        (all(marker, &none), "lists no image"),
        (all(marker, wrong_size.as_bytes()), "another length"),
        (
            all(marker, other.as_bytes()),
            "is not an image but a part of one",
        ),
        (
            archive(&[file(MARKER_FILE, marker), file(INDEX_FILE, &index)]),
            "is not there",
        ),
    ] {
        let told = told(&bytes, &Limits::default());
        assert!(told.contains(message), "{told} / {message}");
    }
    // Without any one of its blobs the image is not complete.
    for missing in 0..blobs.len() {
        let mut entries = vec![file(MARKER_FILE, marker), file(INDEX_FILE, &index)];
        let rest = blobs
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != missing);
        entries.extend(rest.map(|(_, (path, content))| file(path, content)));
        let told = told(&archive(&entries), &Limits::default());
        assert!(
            told.contains("missing") || told.contains("not there"),
            "{told}"
        );
    }
    // The blobs first, the index last.
    let mut entries: Vec<_> = blobs
        .iter()
        .map(|(path, content)| file(path, content))
        .collect();
    entries.extend([file(INDEX_FILE, &index), file(MARKER_FILE, marker)]);
    assert_eq!(told(&archive(&entries), &Limits::default()), "loaded 1");
}

#[test]
fn an_index_of_itself_and_of_others_without_end() {
    let store = MemoryStore::default();
    let mut root = image(&store, "a");
    for _ in 0..6 {
        root = index(&store, vec![root.clone(), root]);
    }
    let mut bytes = Vec::new();
    let error = save_tar(&mut bytes, &[(None, root)], &store).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("more than 4 indexes inside each other"),
        "{error}"
    );
    // No digest can be its own, but a store could lie; the content is checked.
    let content = Index::new(vec![Descriptor::new(
        media_type::INDEX,
        Digest::of(b"x"),
        300,
    )])
    .to_json();
    let root = store.add(media_type::INDEX, &content);
    let error = save_tar(&mut bytes, &[(None, root)], &store).unwrap_err();
    assert!(error.to_string().contains("is missing"), "{error}");
}

#[test]
fn other_files() {
    for (bytes, message) in [
        (b"".as_slice(), "an empty file"),
        (b"\0asm\x01\0\0\0", "a WebAssembly module"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
        (b"\xfd7zXZ", "compressed with xz"),
        (b"\x1f\x8b\x08garbage", "cannot be read"),
        (&[b'x'; 2000], "cannot be read"),
        (b"short", "ends in the middle"),
    ] {
        let told = told(bytes, &Limits::default());
        assert!(told.contains(message), "{told} / {message}");
    }
}

#[test]
fn cut_off_anywhere() {
    let whole = layout(&[], &[]);
    // What is missing of the padding at the end does no harm.
    let content = whole.len() - 1536;
    for length in (0..=content).step_by(97) {
        let told = told(&whole[..length], &Limits::default());
        assert!(!told.starts_with("loaded"), "{length} of {}", whole.len());
    }
    let packed = gzip(&whole);
    for length in (0..packed.len() * 3 / 4).step_by(13) {
        let told = told(&packed[..length], &Limits::default());
        assert!(!told.starts_with("loaded"), "{length} of {}", packed.len());
    }
}

#[test]
fn limits() {
    let zeros = vec![0; 4 << 20];
    let path = blob_path(&zeros);
    let bomb = gzip(&layout(&[file(&path, &zeros)], &[]));
    assert!(bomb.len() < 100 << 10);
    let small = Limits {
        archive_bytes_max: 1 << 20,
        ..Limits::default()
    };
    assert!(told(&bomb, &small).contains("more than 1048576 bytes, uncompressed"));
    let ignored = gzip(&layout(&[file("junk", &zeros)], &[]));
    assert!(told(&ignored, &small).contains("more than 1048576 bytes, uncompressed"));
    assert_eq!(told(&bomb, &Limits::default()), "loaded 1");
    let few = Limits {
        entries_max: 3,
        ..Limits::default()
    };
    assert!(told(&layout(&[], &[]), &few).contains("more than 3 entries"));

    // A length that lies: the largest there is, with nothing behind it.
    let mut huge = archive(&[file(&path, b"")]);
    huge[124..136].copy_from_slice(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
    checksum(&mut huge);
    assert!(told(&huge, &Limits::default()).contains("bytes, uncompressed"));
    huge[124..136].copy_from_slice(b"77777777777\0");
    checksum(&mut huge);
    assert!(told(&huge, &Limits::default()).contains("ends in the middle"));
}

/// Makes the checksum of the first header right.
fn checksum(bytes: &mut [u8]) {
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes[..512].iter().map(|byte| u32::from(*byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[test]
fn shaken_archives_never_panic() {
    let mut random = Random::new(seed(0x0c1));
    let whole = layout(&[], &[]);
    for _ in 0..2000 {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(4) {
            let place = random.index(bytes.len());
            match random.below(3) {
                0 => bytes[place] = random.bytes(1)[0],
                1 => bytes.truncate(place.max(1)),
                _ => {
                    let header = place / 512 * 512;
                    if let Some(block) = bytes.get_mut(header..header + 512) {
                        block[124 + random.index(40)] = *random.pick(b"0127\x80\xff LKxg");
                        checksum(block);
                    }
                }
            }
        }
        told(&bytes, &Limits::default());
    }
}

/// A reader that fails after the beginning.
struct Broken(usize);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let whole = layout(&[], &[]);
        let rest = &whole[self.0..1800.max(self.0)];
        if rest.is_empty() {
            return Err(io::Error::other("the cable was pulled"));
        }
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.0 += count;
        Ok(count)
    }
}

#[test]
fn a_reader_or_store_that_fails() {
    let error = load_tar(Broken(0), &MemoryStore::default(), &Limits::default()).unwrap_err();
    assert!(
        error.to_string().contains("the cable was pulled"),
        "{error}"
    );
    let store = MemoryStore::default();
    store.fail();
    let error = load_tar(&*layout(&[], &[]), &store, &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "the store failed");
}

#[test]
fn folders() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let told = || {
        load_folder(path, &MemoryStore::default())
            .unwrap_err()
            .to_string()
    };
    assert!(told().contains("`oci-layout` is missing"));
    fs::write(path.join(MARKER_FILE), MARKER).unwrap();
    assert!(told().contains("`index.json` is missing"));
    let Parts { blobs, index } = parts();
    fs::write(path.join(INDEX_FILE), &index).unwrap();
    assert!(told().contains("is not there"));
    fs::create_dir_all(path.join("blobs/sha256")).unwrap();
    for (name, content) in &blobs {
        fs::write(path.join(name), content).unwrap();
    }
    assert_eq!(load_folder(path, &MemoryStore::default()).unwrap().len(), 1);
    for (name, content) in &blobs {
        let file = path.join(name);
        let longer = [content.as_slice(), b"x"].concat();
        fs::write(&file, longer).unwrap();
        assert!(told().contains("is damaged"), "{}", told());
        let mut other = content.clone();
        other[0] ^= 1;
        fs::write(&file, other).unwrap();
        assert!(told().contains("is damaged"), "{}", told());
        // Something that would wait for ever.
        fs::remove_file(&file).unwrap();
        let socket = UnixListener::bind(folder.path().join("s")).unwrap();
        fs::rename(path.join("s"), &file).unwrap();
        assert!(told().contains("is not a file"), "{}", told());
        drop(socket);
        fs::remove_file(&file).unwrap();
        fs::write(&file, content).unwrap();
    }
    fs::write(path.join(INDEX_FILE), vec![b' '; 5 << 20]).unwrap();
    assert!(told().contains("larger than it may be"));
}

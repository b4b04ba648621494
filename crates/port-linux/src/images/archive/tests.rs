//! Archives: what we write others read and the other way round, what is hostile is refused, and layers give their
//! module.

mod extract;
mod hostile;
mod round_trip;
mod tools;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};
use thimble_image::{Descriptor, Digest, ImageConfig, Index, Manifest, Platform, media_type};
use thimble_testkit::blobs::MemoryStore;

/// A module that does nothing.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Puts an image of one module into a store; `text` makes it differ from others.
fn image(store: &MemoryStore, text: &str) -> Descriptor {
    let mut module = MODULE.to_vec();
    // A custom section with a name and no content.
    let length = u8::try_from(text.len()).unwrap();
    module.extend_from_slice(&[0, length + 1, length]);
    module.extend_from_slice(text.as_bytes());
    let layer = store.add(media_type::WASM, &module);
    let config = ImageConfig {
        layer_digests: vec![layer.digest],
        args: vec![text.to_owned()],
        ..ImageConfig::default()
    };
    let config = store.add(media_type::WASM_CONFIG, &config.to_json());
    let mut root = store.add(
        media_type::MANIFEST,
        &Manifest::new(config, vec![layer]).to_json(),
    );
    root.platform = Some(Platform::wasm());
    root
}

/// Puts an index of these manifests into a store.
fn index(store: &MemoryStore, manifests: Vec<Descriptor>) -> Descriptor {
    store.add(media_type::INDEX, &Index::new(manifests).to_json())
}

/// An entry of an archive that a test makes.
struct Made<'a> {
    path: &'a str,
    kind: EntryType,
    content: &'a [u8],
    link: &'a str,
}

fn file<'a>(path: &'a str, content: &'a [u8]) -> Made<'a> {
    Made {
        path,
        kind: EntryType::Regular,
        content,
        link: "",
    }
}

fn entry<'a>(path: &'a str, kind: EntryType, link: &'a str) -> Made<'a> {
    Made {
        path,
        kind,
        content: b"",
        link,
    }
}

/// A tar archive with paths that the library would refuse to write.
fn archive(entries: &[Made<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for made in entries {
        let mut header = Header::new_gnu();
        write_text(&mut header.as_old_mut().name, made.path);
        write_text(&mut header.as_old_mut().linkname, made.link);
        header.set_entry_type(made.kind);
        header.set_size(made.content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(made.content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn write_text(field: &mut [u8], text: &str) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text.as_bytes()[..length]);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The path of a blob in a layout.
fn blob_path(content: &[u8]) -> String {
    thimble_image::layout::blob_path(&Digest::of(content))
}

//! Archives of images, and layers that are archives, from bytes nobody would send.

use std::time::Duration;

use thimble_image::media_type;
use thimble_image::program::TarLayer;
use thimble_port_linux::images::archive::{Limits, extract_module, load_tar};
use thimble_testkit::blobs::MemoryStore;

use crate::finding::{Violation, ensure, says_something};
use crate::shapes::Shapes;

use super::{Target, TargetSpec};

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "image_archive",
    summary: "archives of images and layers: never panic, keep their limits, take nothing under a wrong digest",
    bytes_max: 16 << 10,
    patience: Duration::from_secs(5),
    tokens: &[
        b"ustar\x0000",
        b"oci-layout",
        b"index.json",
        b"blobs/sha256/",
        b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        b"{\"imageLayoutVersion\":\"1.0.0\"}",
        b"{\"schemaVersion\":2,\"manifests\":[]}",
        b"../",
        b"/",
        b".wh.app.wasm",
        b".wh..wh..opq",
        b"app.wasm",
        b"\x1f\x8b\x08",
        b"00000000010\x00",
        b"77777777777\x00",
    ],
    make: || Box::new(Archives),
};

/// What an archive may cost in here: enough to be reached, and far less than the process may use.
const LIMITS: Limits = Limits {
    entries_max: 64,
    archive_bytes_max: 1 << 20,
    module_bytes_max: 256 << 10,
};

struct Archives;

impl Target for Archives {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        let Some((kind, rest)) = input.split_first() else {
            return Ok(());
        };
        // Headers have checksums that a change would break, and nothing behind would be reached.
        let bytes = if kind & 4 == 0 {
            with_checksums(rest)
        } else {
            rest.to_vec()
        };
        match kind & 3 {
            0 => load(&bytes, shapes),
            1 => load(&compressed(&bytes), shapes),
            2 => extract(&bytes, false, shapes),
            _ => extract(&compressed(&bytes), true, shapes),
        }
    }
}

fn load(bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
    let store = MemoryStore::default();
    match load_tar(bytes, &store, &LIMITS) {
        Ok(images) => {
            shapes.note((0, images.len().min(4)));
            for image in images {
                ensure(
                    store.has(&image.root.digest),
                    "an image that is loaded is there",
                    || format!("{image:?}"),
                )?;
            }
        }
        Err(error) => {
            shapes.note((1, core::mem::discriminant(&error)));
            says_something(&error)?;
        }
    }
    let bytes = store.bytes();
    ensure(
        bytes <= LIMITS.archive_bytes_max,
        "no more is kept than an archive may have",
        || format!("{bytes} bytes"),
    )
}

fn extract(bytes: &[u8], gzip: bool, shapes: &mut Shapes) -> Result<(), Violation> {
    let store = MemoryStore::default();
    let blob = store.add(media_type::TAR_LAYERS[0], bytes);
    match extract_module(&[TarLayer { blob, gzip }], "app.wasm", &store, &LIMITS) {
        Ok(module) => {
            shapes.note((2, module.is_empty()));
            ensure(
                module.len() as u64 <= LIMITS.module_bytes_max,
                "a module is no larger than it may be",
                || format!("{} bytes", module.len()),
            )
        }
        Err(error) => {
            shapes.note((3, core::mem::discriminant(&error)));
            says_something(&error)
        }
    }
}

/// The archive with the right checksum in everything that could be a header (POSIX ustar, offset 148).
fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(512) {
        if block.get(257..262) == Some(b"ustar".as_slice()) {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    bytes
}

/// As `gzip` would, without making it smaller: a stored block.
fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut chunks = bytes.chunks(0xffff).peekable();
    while let Some(chunk) = chunks.next() {
        let length = u16::try_from(chunk.len()).unwrap_or_default();
        gzip.push(u8::from(chunks.peek().is_none()));
        gzip.extend(length.to_le_bytes());
        gzip.extend((!length).to_le_bytes());
        gzip.extend(chunk);
    }
    gzip.extend(crc32(bytes).to_le_bytes());
    gzip.extend(u32::try_from(bytes.len()).unwrap_or_default().to_le_bytes());
    gzip
}

/// RFC 1952, section 8.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
        })
    })
}

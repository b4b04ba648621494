//! Bundles from a stick that anybody could have written.

use std::time::Duration;

use thimble_image::Digest;
use thimble_protocol::bundle::{Event, ReadError, Reader};

use crate::finding::{Violation, ensure, says_something};
use crate::shapes::Shapes;

use super::{Target, TargetSpec};

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "fleet_bundle",
    summary: "bundles: never panic, read the same in parts of any size, no blob that its digest does not name",
    bytes_max: 4096,
    patience: Duration::from_secs(5),
    tokens: &[
        b"\x83\x00\x6ethimble-bundle\x01",
        b"\x83\x01\x50",
        b"\x82\x02\x41",
        b"\x83\x03\x58\x20",
        b"\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24\
          \x27\xae\x41\xe4\x64\x9b\x93\x4c\xa4\x95\x99\x1b\x78\x52\xb8\x55\x40",
        b"\x82\x04\x01",
        b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    ],
    make: || Box::new(Bundles),
};

struct Bundles;

impl Target for Bundles {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        let Some((part, bundle)) = input.split_first() else {
            return Ok(());
        };
        let whole = read(bundle, bundle.len().max(1), shapes)?;
        let parts = read(bundle, usize::from(*part).max(1), &mut Shapes::default())?;
        ensure(
            whole == parts,
            "a bundle is read the same in parts of any size",
            || format!("{whole:?} and {parts:?}"),
        )
    }
}

/// What comes out of a bundle, blobs as their digests, and how it ends: it does not, ends, or fails.
type Said = (Vec<(u8, Digest)>, Result<bool, ReadError>);

fn read(bundle: &[u8], part: usize, shapes: &mut Shapes) -> Result<Said, Violation> {
    let mut reader = Reader::new();
    let mut said = Vec::new();
    let mut blob = Vec::new();
    for mut input in bundle.chunks(part) {
        loop {
            let event = match reader.read(&mut input) {
                Ok(event) => event,
                Err(error) => {
                    shapes.note((0, std::mem::discriminant(&error)));
                    says_something(&error)?;
                    let again = reader.read(&mut b"\x82".as_slice());
                    ensure(again == Err(error), "an error stays", || {
                        format!("{again:?}")
                    })?;
                    return Ok((said, Err(error)));
                }
            };
            shapes.note((1, std::mem::discriminant(&event)));
            match event {
                Event::NeedsMore => break,
                Event::State { envelope, .. } => said.push((1, Digest::of(&envelope))),
                Event::Manifest { digest, .. } => said.push((2, digest)),
                Event::BlobBegins { .. } => blob.clear(),
                Event::BlobPart(part) => blob.extend_from_slice(part),
                Event::BlobEnds { digest } => {
                    let actual = Digest::of(&blob);
                    ensure(digest == actual, "a blob is what its digest says", || {
                        format!("{digest} and {actual}")
                    })?;
                    said.push((3, digest));
                }
                Event::End => return Ok((said, Ok(true))),
            }
        }
    }
    Ok((said, Ok(false)))
}

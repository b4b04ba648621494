//! The images of the device, in memory.

use std::collections::BTreeMap;

use thimble_image::Digest;
use thimble_serial::{ImageStatus, RefusalKind, Reply, Request};

use super::refused;

#[derive(Default)]
pub(super) struct Images {
    kept: BTreeMap<String, ImageStatus>,
    begun: Option<Begun>,
    pub(super) forget_after: Option<u32>,
}

struct Begun {
    digest: String,
    /// Manifest, configuration and layer.
    bytes: Vec<u8>,
    lengths: [u32; 3],
    reference: String,
}

impl Images {
    /// The digest of an image by its name.
    pub(super) fn digest(&self, image: &str) -> Option<String> {
        let found = self.kept.values().find(|kept| {
            kept.digest.starts_with(image) || kept.references.iter().any(|name| name == image)
        });
        found.map(|kept| kept.digest.clone())
    }

    /// Carries out what is about images.
    pub(super) fn carry_out(&mut self, request: &Request) -> Option<Reply> {
        Some(match request {
            Request::InstallBegin {
                manifest_bytes,
                config_bytes,
                layer_bytes,
                digest,
                reference,
            } => self.begin(
                digest,
                [*manifest_bytes, *config_bytes, *layer_bytes],
                reference,
            ),
            Request::InstallPart { offset, bytes } => self.part(*offset, bytes),
            Request::InstallEnd => self.end(),
            Request::Image { after } => {
                let next = self.kept.iter().find(|(digest, _)| *digest > after);
                next.map_or(Reply::NoMore, |(_, image)| Reply::Image(image.clone()))
            }
            Request::RemoveImage { image } => match self.digest(image) {
                Some(digest) => {
                    self.kept.remove(&digest);
                    Reply::Done
                }
                None => refused(
                    RefusalKind::NotFound,
                    "there is no such image on the device",
                ),
            },
            _ => return None,
        })
    }

    fn begin(&mut self, digest: &str, lengths: [u32; 3], reference: &str) -> Reply {
        let digest = digest.to_owned();
        if let Some(kept) = self.kept.get_mut(&digest) {
            if !kept.references.iter().any(|name| name == reference) {
                kept.references.push(reference.into());
            }
            return Reply::Installed { digest };
        }
        self.begun = Some(Begun {
            digest,
            bytes: Vec::new(),
            lengths,
            reference: reference.into(),
        });
        Reply::Done
    }

    fn part(&mut self, offset: u32, bytes: &[u8]) -> Reply {
        if let Some(left) = &mut self.forget_after {
            if *left == 0 {
                self.forget_after = None;
                self.begun = None;
            } else {
                *left -= 1;
            }
        }
        let Some(begun) = &mut self.begun else {
            return refused(RefusalKind::Conflict, "no installation was begun");
        };
        if begun.bytes.len() == offset as usize {
            begun.bytes.extend_from_slice(bytes);
        }
        Reply::Received {
            bytes: u32::try_from(begun.bytes.len()).unwrap(),
        }
    }

    fn end(&mut self) -> Reply {
        let Some(begun) = self.begun.take() else {
            return refused(RefusalKind::Conflict, "no installation was begun");
        };
        let [manifest_bytes, config_bytes, layer_bytes] = begun.lengths;
        if begun.bytes.len() != (manifest_bytes + config_bytes + layer_bytes) as usize {
            return refused(RefusalKind::Invalid, "the image is not complete");
        }
        let (manifest, rest) = begun.bytes.split_at(manifest_bytes as usize);
        let (_, layer) = rest.split_at(config_bytes as usize);
        let digest = Digest::of(manifest).to_string();
        let layer_digest = Digest::of(layer).to_string();
        if digest != begun.digest || !String::from_utf8_lossy(manifest).contains(&layer_digest) {
            return refused(
                RefusalKind::Image,
                "manifest or layer are not what they were said to be",
            );
        }
        self.kept.insert(
            digest.clone(),
            ImageStatus {
                digest: digest.clone(),
                references: vec![begun.reference],
                module_bytes: layer_bytes,
                table_bytes: 64,
                stored_bytes: layer_bytes.next_multiple_of(4096),
                used_by: 0,
            },
        );
        Reply::Installed { digest }
    }
}

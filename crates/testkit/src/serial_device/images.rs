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
    manifest: Vec<u8>,
    layer: Vec<u8>,
    layer_bytes: u32,
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
                manifest,
                layer_bytes,
                reference,
                ..
            } => self.begin(manifest, *layer_bytes, reference),
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

    fn begin(&mut self, manifest: &[u8], layer_bytes: u32, reference: &str) -> Reply {
        let digest = Digest::of(manifest).to_string();
        if let Some(kept) = self.kept.get_mut(&digest) {
            if !kept.references.iter().any(|name| name == reference) {
                kept.references.push(reference.into());
            }
            return Reply::Installed { digest };
        }
        self.begun = Some(Begun {
            manifest: manifest.into(),
            layer: Vec::new(),
            layer_bytes,
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
        if begun.layer.len() == offset as usize {
            begun.layer.extend_from_slice(bytes);
        }
        Reply::Received {
            bytes: u32::try_from(begun.layer.len()).unwrap(),
        }
    }

    fn end(&mut self) -> Reply {
        let Some(begun) = self.begun.take() else {
            return refused(RefusalKind::Conflict, "no installation was begun");
        };
        let layer_digest = Digest::of(&begun.layer).to_string();
        let manifest = String::from_utf8_lossy(&begun.manifest).into_owned();
        if begun.layer.len() != begun.layer_bytes as usize || !manifest.contains(&layer_digest) {
            return refused(
                RefusalKind::Image,
                "the layer is not what the manifest says",
            );
        }
        let digest = Digest::of(&begun.manifest).to_string();
        self.kept.insert(
            digest.clone(),
            ImageStatus {
                digest: digest.clone(),
                references: vec![begun.reference],
                module_bytes: begun.layer_bytes,
                table_bytes: 64,
                stored_bytes: begun.layer_bytes.next_multiple_of(4096),
                used_by: 0,
            },
        );
        Reply::Installed { digest }
    }
}

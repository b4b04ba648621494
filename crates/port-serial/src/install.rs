//! Brings an image to a device, part by part.

use thimble_image::Digest;
use thimble_serial::{RefusalKind, Reply, Request};

use crate::client::Client;
use crate::error::SerialError;

/// Bytes of a message with a part of a layer beside the part: its numbers and keys, the offset and the length.
const PART_OVERHEAD_BYTES: u32 = 16;

/// Bytes of a message with the documents beside them.
const BEGIN_OVERHEAD_BYTES: u32 = 32;

/// How often an installation is begun, where the device forgets it in between.
const BEGINNINGS_MAX: u32 = 3;

/// Replies that tell no progress until it is given up.
const STANDSTILLS_MAX: u32 = 3;

/// An image: its documents byte for byte, and its module.
#[derive(Clone, Copy, Debug)]
pub struct Package<'a> {
    /// The manifest: its digest is the image's.
    pub manifest: &'a [u8],
    /// The configuration.
    pub config: &'a [u8],
    /// The one layer, a module.
    pub layer: &'a [u8],
    /// The name under which the device is to know it.
    pub reference: &'a str,
}

impl Client {
    /// Installs an image, unless it is there, and tells its digest. Progress is told in bytes of the layer.
    ///
    /// # Errors
    /// The image does not fit the device or its messages, the device refuses it, or the line fails.
    pub fn install(
        &mut self,
        package: &Package<'_>,
        progress: &mut dyn FnMut(u32, u32),
    ) -> Result<String, SerialError> {
        let layer_bytes = check(package, self.message_bytes_max())?;
        let mut beginnings = 1;
        loop {
            match self.install_once(package, layer_bytes, progress) {
                Err(error) if beginnings < BEGINNINGS_MAX && is_forgotten(&error) => {
                    beginnings += 1;
                }
                Err(error) => return Err(error),
                Ok(digest) if digest == Digest::of(package.manifest).to_string() => {
                    return Ok(digest);
                }
                Ok(digest) => return Err(SerialError::OtherImage { digest }),
            }
        }
    }

    fn install_once(
        &mut self,
        package: &Package<'_>,
        layer_bytes: u32,
        progress: &mut dyn FnMut(u32, u32),
    ) -> Result<String, SerialError> {
        let begin = Request::InstallBegin {
            manifest: package.manifest.to_vec(),
            config: package.config.to_vec(),
            layer_bytes,
            reference: package.reference.to_owned(),
        };
        match self.request(&begin)? {
            Reply::Installed { digest } => return Ok(digest),
            Reply::Done => {}
            _ => return Err(SerialError::OtherReply),
        }
        self.send_layer(package.layer, layer_bytes, progress)?;
        match self.request(&Request::InstallEnd)? {
            Reply::Installed { digest } => Ok(digest),
            _ => Err(SerialError::OtherReply),
        }
    }

    fn send_layer(
        &mut self,
        layer: &[u8],
        layer_bytes: u32,
        progress: &mut dyn FnMut(u32, u32),
    ) -> Result<(), SerialError> {
        let part_bytes = self.message_bytes_max().saturating_sub(PART_OVERHEAD_BYTES) as usize;
        let (mut sent, mut standstills) = (0_u32, 0);
        while sent < layer_bytes {
            progress(sent, layer_bytes);
            let rest = layer.get(sent as usize..).unwrap_or_default();
            let bytes = rest.get(..part_bytes).unwrap_or(rest).to_vec();
            match self.request(&Request::InstallPart {
                offset: sent,
                bytes,
            })? {
                // The device says where to go on.
                Reply::Received { bytes } if bytes > sent && bytes <= layer_bytes => {
                    sent = bytes;
                    standstills = 0;
                }
                Reply::Received { bytes } if standstills < STANDSTILLS_MAX => {
                    sent = bytes.min(sent);
                    standstills += 1;
                }
                Reply::Received { bytes } => return Err(SerialError::Stuck { bytes }),
                _ => return Err(SerialError::OtherReply),
            }
        }
        progress(sent, layer_bytes);
        Ok(())
    }
}

/// Whether the image fits messages and numbers; bytes of its layer.
fn check(package: &Package<'_>, bytes_max: u32) -> Result<u32, SerialError> {
    let bytes = package.manifest.len() + package.config.len() + package.reference.len();
    if bytes > bytes_max.saturating_sub(BEGIN_OVERHEAD_BYTES) as usize {
        return Err(SerialError::Documents { bytes, bytes_max });
    }
    u32::try_from(package.layer.len()).map_err(|_| SerialError::Layer {
        bytes: package.layer.len(),
    })
}

/// Whether the device may have restarted in between: it refuses a part of what it does not know, or was silent.
fn is_forgotten(error: &SerialError) -> bool {
    match error {
        SerialError::Silent { .. } => true,
        SerialError::Refused(refusal) => refusal.kind == RefusalKind::Conflict,
        _ => false,
    }
}

//! Brings an image to a device, part by part.

use thimble_image::Digest;
use thimble_serial::{RefusalKind, Reply, Request};

use crate::client::Client;
use crate::error::SerialError;

/// Bytes of a message with a part of an image beside the part: its numbers and keys, the offset and the length.
const PART_OVERHEAD_BYTES: u32 = 16;

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
    /// Installs an image, unless it is there, and tells its digest. Progress is told in bytes of the
    /// documents and the layer together.
    ///
    /// # Errors
    /// The image is longer than any device has room for, the device refuses it, or the line fails.
    pub fn install(
        &mut self,
        package: &Package<'_>,
        progress: &mut dyn FnMut(u32, u32),
    ) -> Result<String, SerialError> {
        let digest = Digest::of(package.manifest).to_string();
        let begin = begin(package, &digest)?;
        let bytes = [package.manifest, package.config, package.layer].concat();
        let mut beginnings = 1;
        loop {
            match self.install_once(&begin, &bytes, progress) {
                Err(error) if beginnings < BEGINNINGS_MAX && is_forgotten(&error) => {
                    beginnings += 1;
                }
                Err(error) => return Err(error),
                Ok(installed) if installed == digest => return Ok(digest),
                Ok(digest) => return Err(SerialError::OtherImage { digest }),
            }
        }
    }

    fn install_once(
        &mut self,
        begin: &Request,
        bytes: &[u8],
        progress: &mut dyn FnMut(u32, u32),
    ) -> Result<String, SerialError> {
        match self.request(begin)? {
            Reply::Installed { digest } => return Ok(digest),
            Reply::Done => {}
            _ => return Err(SerialError::OtherReply),
        }
        self.send_parts(bytes, progress)?;
        match self.request(&Request::InstallEnd)? {
            Reply::Installed { digest } => Ok(digest),
            _ => Err(SerialError::OtherReply),
        }
    }

    fn send_parts(
        &mut self,
        bytes: &[u8],
        progress: &mut dyn FnMut(u32, u32),
    ) -> Result<(), SerialError> {
        let whole = length(bytes)?;
        let part_bytes = self.message_bytes_max().saturating_sub(PART_OVERHEAD_BYTES) as usize;
        let (mut sent, mut standstills) = (0_u32, 0);
        while sent < whole {
            progress(sent, whole);
            let rest = bytes.get(sent as usize..).unwrap_or_default();
            let bytes = rest.get(..part_bytes).unwrap_or(rest).to_vec();
            match self.request(&Request::InstallPart {
                offset: sent,
                bytes,
            })? {
                // The device says where to go on.
                Reply::Received { bytes } if bytes > sent && bytes <= whole => {
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
        progress(sent, whole);
        Ok(())
    }
}

fn begin(package: &Package<'_>, digest: &str) -> Result<Request, SerialError> {
    Ok(Request::InstallBegin {
        manifest_bytes: length(package.manifest)?,
        config_bytes: length(package.config)?,
        layer_bytes: length(package.layer)?,
        digest: digest.to_owned(),
        reference: package.reference.to_owned(),
    })
}

fn length(bytes: &[u8]) -> Result<u32, SerialError> {
    u32::try_from(bytes.len()).map_err(|_| SerialError::TooLarge { bytes: bytes.len() })
}

/// Whether the device may have restarted in between: it refuses a part of what it does not know, or was silent.
fn is_forgotten(error: &SerialError) -> bool {
    match error {
        SerialError::Silent { .. } => true,
        SerialError::Refused(refusal) => refusal.kind == RefusalKind::Conflict,
        _ => false,
    }
}

//! A state and everything that it needs, from a file: a USB stick where there is no network. What is signed is judged as if it
//! came from the hub.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use thimble_device_api::{Problem, ProblemKind};
use thimble_image::Digest;
use thimble_protocol::DeviceId;
use thimble_protocol::bundle::{Event, ReadError, Reader};

use crate::device::{Device, disk_problem};
use crate::images::{BlobSink, Hold, ImageFault};

use super::folder::Folder;
use super::{Command, identity};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 << 10;

impl Device {
    /// Takes the device's state from a bundle, with everything that it needs, and tells the agent. Waits for the disk.
    pub(crate) fn import_bundle(&self, file: File) -> Result<(), Problem> {
        let id = self.enrolled_as()?;
        let hold = self.images.hold()?;
        let envelope = read(self, id, &hold, file)?;
        self.fleet.command(Command::Imported { envelope, hold })
    }

    fn enrolled_as(&self) -> Result<DeviceId, Problem> {
        let none = || {
            Problem::new(
                ProblemKind::NoFleet,
                "the device has not enrolled yet, so that nobody can sign for it; `thimble agent status` tells why",
            )
        };
        let place: &Path = self.fleet.place();
        if !place.exists() {
            return Err(none());
        }
        let failed = |error: std::io::Error| disk_problem("reading the device's enrolment", &error);
        let folder = Folder::open(place.to_owned()).map_err(failed)?;
        let issued = identity::enrolment(&folder).map_err(failed)?;
        issued.map(|issued| issued.device).ok_or_else(none)
    }
}

/// Puts the bundle's blobs into the store; the envelope of this device's state.
fn read(device: &Device, id: DeviceId, hold: &Hold, mut file: File) -> Result<Vec<u8>, Problem> {
    let mut reader = Reader::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut state = None;
    let mut sink: Option<(Box<dyn BlobSink>, u64)> = None;
    loop {
        let count = file
            .read(&mut piece)
            .map_err(|error| disk_problem("reading the bundle", &error))?;
        let mut input = piece.get(..count).unwrap_or_default();
        loop {
            match reader.read(&mut input).map_err(|error| refused(&error))? {
                Event::NeedsMore => break,
                Event::End => {
                    return state.ok_or_else(|| {
                        Problem::new(
                            ProblemKind::Invalid,
                            format_args!("the bundle has no state for this device, {id}; make it for this one"),
                        )
                    });
                }
                Event::State {
                    device, envelope, ..
                } => {
                    if device == id {
                        state = Some(envelope);
                    }
                }
                Event::Manifest { digest, envelope } => keep(device, hold, &digest, &envelope)?,
                Event::BlobBegins { digest, bytes } => {
                    let received = device.images.receive(hold, &digest, bytes)?;
                    // What is here from an earlier attempt is not sent again, but stands in the file all the same.
                    sink = received.map(|sink| {
                        let skipped = sink.offset();
                        (sink, skipped)
                    });
                }
                Event::BlobPart(part) => write(sink.as_mut(), part)?,
                Event::BlobEnds { .. } => {
                    if let Some((sink, _)) = sink.take() {
                        sink.commit()?;
                    }
                }
            }
        }
        if count == 0 {
            return Err(Problem::new(
                ProblemKind::Malformed,
                format_args!(
                    "the bundle ends after {} bytes, in the middle; copy it again",
                    reader.position()
                ),
            ));
        }
    }
}

fn keep(device: &Device, hold: &Hold, digest: &Digest, bytes: &[u8]) -> Result<(), Problem> {
    let Some(mut sink) = device.images.receive(hold, digest, bytes.len() as u64)? else {
        return Ok(());
    };
    sink.restart()?;
    sink.write(bytes)?;
    sink.commit()?;
    Ok(())
}

/// Writes what is not here yet of a part.
fn write(sink: Option<&mut (Box<dyn BlobSink>, u64)>, part: &[u8]) -> Result<(), ImageFault> {
    let Some((sink, skipped)) = sink else {
        return Ok(());
    };
    let length = part.len() as u64;
    let skip = (*skipped).min(length);
    *skipped -= skip;
    let rest = usize::try_from(skip).ok().and_then(|skip| part.get(skip..));
    match rest {
        Some(rest) if !rest.is_empty() => sink.write(rest),
        _ => Ok(()),
    }
}

fn refused(error: &ReadError) -> Problem {
    Problem::new(
        ProblemKind::Malformed,
        format_args!("the bundle cannot be read: {error}"),
    )
}

//! Moves images so that free space joins: copied, then recorded, and only then is the old place free.

use crate::flash::{FlashError, Region, index, span};
use crate::images::ImageStoreError;

use super::directory::{Directory, Extent};
use super::space::{self, Next, Placed, Span};
use super::with_capacity;

/// Bytes copied at once.
const CHUNK_BYTES: usize = 128;

/// Moves images that are not pinned until so many blocks are free in one piece. Where that is not possible, none is moved.
pub(super) fn join(
    region: &Region,
    directory: &mut Directory,
    placed: &mut [Placed],
    needed: u32,
) -> Result<(), ImageStoreError> {
    let total = directory.blocks();
    let mut scratch = with_capacity(placed.len())?;
    scratch.extend_from_slice(placed);
    let Some(moves) = space::rehearse(&mut scratch, total, needed) else {
        return Ok(());
    };
    for _ in 0..moves {
        let Next::Move(step) = space::next(placed, total, needed) else {
            break;
        };
        let Some(moved) = placed.get(step.place) else {
            break;
        };
        let to = Span {
            start: step.to,
            ..moved.span
        };
        relocate(region, directory, moved.span, to)?;
        space::carry_out(placed, step);
    }
    Ok(())
}

/// Moves one image.
fn relocate(
    region: &Region,
    directory: &mut Directory,
    from: Span,
    to: Span,
) -> Result<(), ImageStoreError> {
    let Some((key, extent)) = directory.at(from)? else {
        return Err(ImageStoreError::Device);
    };
    let block_bytes = region.block_bytes();
    let target = to.start * block_bytes;
    region
        .erase(target..to.end() * block_bytes)
        .map_err(device)?;
    let length = extent.length_bytes.next_multiple_of(region.write_bytes());
    copy(region, from.start * block_bytes, target, length).map_err(device)?;
    let extent = Extent { span: to, ..extent };
    directory.replace(&key, &extent)
}

/// Copies bytes of flash, and compares.
fn copy(region: &Region, from: u32, to: u32, length: u32) -> Result<(), FlashError> {
    let mut bytes = [0; CHUNK_BYTES];
    let mut copied = [0; CHUNK_BYTES];
    let mut done = 0;
    while done < length {
        let count = index(length - done).min(CHUNK_BYTES);
        let bytes = bytes.get_mut(..count).unwrap_or_default();
        let copied = copied.get_mut(..count).unwrap_or_default();
        region.read(from + done, bytes)?;
        region.write(to + done, bytes)?;
        region.read(to + done, copied)?;
        if bytes != copied {
            return Err(FlashError::Device);
        }
        done += span(count);
    }
    Ok(())
}

fn device(_: FlashError) -> ImageStoreError {
    ImageStoreError::Device
}

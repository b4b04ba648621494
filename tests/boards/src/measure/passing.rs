//! Lets the board's time pass.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use thimble_serial::{DeviceStatus, LogStream, Reply, Request};
use thimble_tests_boards::Rig;

/// Between two looks at the board's clock.
const LOOK_TIME: Duration = Duration::from_millis(20);
/// The longest that the board may take, by our clock.
const PATIENCE: Duration = Duration::from_secs(600);

/// Waits until so many milliseconds of the board's time have passed; how it is then.
pub(super) fn pass(rig: &mut Rig, board_ms: u64) -> Result<DeviceStatus> {
    let began = rig.device()?.uptime_ms;
    until(rig, |rig| {
        let device = rig.device()?;
        Ok((device.uptime_ms >= began + board_ms).then_some(device))
    })
}

/// Waits until something is there.
pub(super) fn until<T>(
    rig: &mut Rig,
    mut look: impl FnMut(&mut Rig) -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look(rig)? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("the board does not come so far");
        }
        rig.client.idle(LOOK_TIME)?;
    }
}

/// What a container wrote, as much as is kept; and how many bytes its log had in all.
pub(super) fn written(rig: &mut Rig, name: &str) -> Result<(String, u64)> {
    let (mut text, mut from) = (Vec::new(), 0);
    loop {
        let request = Request::Log {
            name: name.to_owned(),
            from,
        };
        let Reply::Log { entries, next, .. } = rig.ask(&request)? else {
            bail!("the device answers something else than a log");
        };
        for entry in &entries {
            if matches!(entry.stream, LogStream::Output | LogStream::Error) {
                text.extend_from_slice(&entry.bytes);
            }
        }
        if entries.is_empty() || next == from {
            return Ok((String::from_utf8_lossy(&text).into_owned(), next));
        }
        from = next;
    }
}

/// Instructions that a board which counts them has executed so far, in thousands of thousands.
#[expect(clippy::cast_precision_loss, reason = "hours at most")]
pub(super) fn executed_millions(device: &DeviceStatus) -> f64 {
    // A nanosecond each.
    device.uptime_ms.saturating_sub(device.idle_ms) as f64
}

//! What the firmware chooses, and what a board's words change of it.

use core::ops::Range;
use core::time::Duration;

use firmware_parts::Words;
use thimble_engine_inplace as engine;
use thimble_port_mcu::flash::Geometry;
use thimble_port_mcu::log::LogSettings;
use thimble_runtime::kernel::Schedule;
use thimble_supervisor::Settings;

/// Bytes of a message over the line, unless the word `message=` says otherwise.
const MESSAGE_BYTES: u32 = 384;
/// Bytes of a container's operands and frames, unless somebody says otherwise.
const STACK_BYTES: u32 = 2048;

/// Records in flash at most, unless the word `records=` says otherwise: each takes four bytes of memory.
const RECORDS_MAX: u32 = 512;

/// Bytes of a message over the line at most.
pub(crate) fn message_bytes_max(words: Words) -> u32 {
    words.bytes("message").unwrap_or(MESSAGE_BYTES)
}

/// What the supervisor allows. Slices are long enough that changing between containers costs little, and short enough
/// that the console answers.
pub(crate) fn supervisor(words: Words) -> Settings {
    let mut settings = Settings {
        message_bytes_max: message_bytes_max(words),
        stack_bytes: STACK_BYTES,
        schedule: Schedule {
            shared_slice: Duration::from_millis(5),
            lone_slice: Duration::from_millis(20),
            alert_slice: Duration::from_millis(1),
        },
        ..Settings::default()
    };
    if let Some(bytes) = words.bytes("memory") {
        settings.limits.memory_bytes = bytes.into();
    }
    settings
}

/// How the engine runs containers.
pub(crate) fn engine() -> engine::Settings {
    engine::Settings {
        stack_bytes: STACK_BYTES as usize,
        ..engine::Settings::small()
    }
}

/// Where records and images lie: an eighth of the flash for records, 256 blocks at most, and the rest for images.
pub(crate) fn partitions(flash: Geometry) -> (Range<u32>, Range<u32>) {
    const LOG_BLOCKS_MAX: u32 = 256;
    let blocks = flash
        .capacity_bytes
        .checked_div(flash.block_bytes)
        .unwrap_or(0);
    let log = (blocks / 8)
        .clamp(3, LOG_BLOCKS_MAX)
        .saturating_mul(flash.block_bytes);
    let end = blocks.saturating_mul(flash.block_bytes);
    (0..log, log..end)
}

/// How records are kept.
pub(crate) fn log(words: Words) -> LogSettings {
    LogSettings {
        records_max: words.number("records").unwrap_or(RECORDS_MAX),
        ..LogSettings::default()
    }
}

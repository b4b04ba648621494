//! The records that `thimble.event_wait` writes. All numbers are little-endian.
//!
//! Every record opens with a header of 16 bytes: `kind` u32, `id` u32, `time_ns` u64 (monotonic clock).

/// Bytes of the header.
pub const HEADER_BYTES: u32 = 16;

/// `kind` of a timer's record. After the header: u64, how many firings before this one were missed.
pub const TIMER: u32 = 1;
/// `kind` of a message's record. After the header: u32 lengths of topic, content type and payload, then their bytes.
pub const MESSAGE: u32 = 2;
/// `kind` of a pin's record. After the header: u32 port, u32 pin, u32 level.
pub const GPIO: u32 = 3;
/// `kind` of a request to stop. After the header: u64, the grace in milliseconds before the container is killed.
pub const STOP: u32 = 4;
/// `kind` of a question whether the container may be replaced now. After the header: u64, the milliseconds in which an
/// answer counts.
pub const UPDATE: u32 = 5;

/// Bytes of a timer's record.
pub const TIMER_BYTES: u32 = HEADER_BYTES + 8;
/// Bytes of a message's record before its topic.
pub const MESSAGE_HEADER_BYTES: u32 = HEADER_BYTES + 12;
/// Bytes of a pin's record.
pub const GPIO_BYTES: u32 = HEADER_BYTES + 12;
/// Bytes of a request to stop.
pub const STOP_BYTES: u32 = HEADER_BYTES + 8;
/// Bytes of a question about an update.
pub const UPDATE_BYTES: u32 = HEADER_BYTES + 8;

/// Bytes of a topic or topic filter at most.
pub const TOPIC_BYTES_MAX: u32 = 1024;
/// Bytes of a content type at most.
pub const CONTENT_TYPE_BYTES_MAX: u32 = 256;
/// Bytes of a key of the store at most.
pub const KEY_BYTES_MAX: u32 = 256;
/// Bytes of a log line, a health report or the reason of an answer at most.
pub const TEXT_BYTES_MAX: u32 = 8192;

/// Bit of `flags` of `bus_publish`: keep the message for later subscribers.
pub const PUBLISH_RETAIN: u32 = 1;

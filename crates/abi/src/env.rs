//! Constants of Ocre's `env` module.

/// Resource type of timers, in `ocre_get_event` and `ocre_register_dispatcher`.
pub const RESOURCE_TIMER: u32 = 0;
/// Resource type of pins.
pub const RESOURCE_GPIO: u32 = 1;
/// Resource type of sensors.
pub const RESOURCE_SENSOR: u32 = 2;
/// Resource type of messages.
pub const RESOURCE_MESSAGING: u32 = 3;
/// Number of resource types.
pub const RESOURCE_COUNT: u32 = 4;

/// Bytes of each of the six fields that `uname` fills, as Ocre's guest library declares them.
pub const UNAME_FIELD_BYTES: u32 = 65;
/// Number of fields that `uname` fills.
pub const UNAME_FIELDS: u32 = 6;

/// Bytes of a guest's app heap that can be used: one page less its bookkeeping, as WAMR has it.
pub const APP_HEAP_BYTES: u32 = 64_512;
/// Bytes of the app heap of a guest whose memory has smaller pages than usual: the largest message of Ocre's guest
/// library (topic and content type of 128 bytes, payload of 1024) with its NULs, and half as much again.
pub const APP_HEAP_SMALL_BYTES: u32 = 2_048;
/// A custom section in which such a guest says how many bytes it wants instead: a `u32`, little-endian.
pub const APP_HEAP_SECTION: &str = "thimble.app_heap";
/// The app heap of such a guest begins at a multiple of this.
pub const APP_HEAP_ALIGNMENT: u32 = 8;

/// Pin direction: input with pull-up.
pub const GPIO_INPUT: u32 = 0;
/// Pin direction: output.
pub const GPIO_OUTPUT: u32 = 1;

/// The longest interval of a timer, in milliseconds.
pub const TIMER_INTERVAL_MS_MAX: u32 = 65_535;

/// Firings of one timer that wait to be received; earlier ones are forgotten.
pub const EVENT_BACKLOG: u32 = 32;

/// Bytes of each name that `ocre_sensors_get_list` writes, its NUL included.
pub const SENSOR_NAME_BYTES: u32 = 125;

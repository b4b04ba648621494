//! The twin of `host` where there is none: on the developer's machine, for unit tests. Every call is refused.

const REFUSED: i32 = -52; // not supported

pub(crate) fn write(_fd: i32, _bytes: &[u8]) -> Option<usize> {
    None
}

pub(crate) fn environment(_bytes: &mut [u8]) -> Option<usize> {
    None
}

pub(crate) fn exit(_code: i32) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

pub(crate) fn abi_version() -> i32 {
    REFUSED
}

pub(crate) fn event_wait(_timeout_ms: i64, _buffer: &mut [u8]) -> i32 {
    REFUSED
}

pub(crate) fn timer_create(_first_ms: i64, _period_ms: i64) -> i32 {
    REFUSED
}

pub(crate) fn timer_cancel(_id: i32) -> i32 {
    REFUSED
}

pub(crate) fn bus_publish(_topic: &str, _content_type: &str, _payload: &[u8], _flags: i32) -> i32 {
    REFUSED
}

pub(crate) fn bus_subscribe(_filter: &str) -> i32 {
    REFUSED
}

pub(crate) fn bus_unsubscribe(_id: i32) -> i32 {
    REFUSED
}

pub(crate) fn kv_get(_key: &str, _buffer: &mut [u8]) -> i32 {
    REFUSED
}

pub(crate) fn kv_set(_key: &str, _value: &[u8]) -> i32 {
    REFUSED
}

pub(crate) fn kv_delete(_key: &str) -> i32 {
    REFUSED
}

pub(crate) fn health_report(_status: i32, _message: &str) -> i32 {
    REFUSED
}

pub(crate) fn log(_level: i32, _message: &str) -> i32 {
    REFUSED
}

pub(crate) fn gpio_open(_name: &str) -> i32 {
    REFUSED
}

pub(crate) fn gpio_set(_pin: i32, _level: i32) -> i32 {
    REFUSED
}

pub(crate) fn gpio_get(_pin: i32) -> i32 {
    REFUSED
}

pub(crate) fn gpio_watch(_pin: i32, _on: i32) -> i32 {
    REFUSED
}

pub(crate) fn sensor_open(_name: &str) -> i32 {
    REFUSED
}

pub(crate) fn sensor_read(_sensor: i32, _channel: i32, _value: &mut f64) -> i32 {
    REFUSED
}

pub(crate) fn update_veto(_on: i32) -> i32 {
    REFUSED
}

pub(crate) fn update_answer(_id: i32, _answer: i32, _reason: &str) -> i32 {
    REFUSED
}

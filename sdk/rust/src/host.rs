//! The imports, each behind a safe function. The only module with `unsafe`.

// Every block below passes a pointer and length taken from one live slice, or plain numbers. The host reads
// or writes only inside them, and only during the call.

mod wasi {
    #[repr(C)]
    pub(super) struct Slice {
        pub(super) start: *const u8,
        pub(super) bytes: usize,
    }

    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        pub(super) fn fd_write(
            fd: i32,
            slices: *const Slice,
            count: usize,
            written: *mut usize,
        ) -> i32;
        pub(super) fn environ_sizes_get(count: *mut usize, bytes: *mut usize) -> i32;
        pub(super) fn environ_get(pointers: *mut *mut u8, bytes: *mut u8) -> i32;
        pub(super) fn proc_exit(code: i32) -> !;
    }
}

mod thimble {
    #[link(wasm_import_module = "thimble")]
    unsafe extern "C" {
        pub(super) fn abi_version() -> i32;
        pub(super) fn event_wait(timeout_ms: i64, buffer: *mut u8, capacity: usize) -> i32;
        pub(super) fn timer_create(first_ms: i64, period_ms: i64) -> i32;
        pub(super) fn timer_cancel(id: i32) -> i32;
        pub(super) fn bus_publish(
            topic: *const u8,
            topic_bytes: usize,
            content_type: *const u8,
            content_type_bytes: usize,
            payload: *const u8,
            payload_bytes: usize,
            flags: i32,
        ) -> i32;
        pub(super) fn bus_subscribe(filter: *const u8, bytes: usize) -> i32;
        pub(super) fn bus_unsubscribe(id: i32) -> i32;
        pub(super) fn kv_get(
            key: *const u8,
            key_bytes: usize,
            buffer: *mut u8,
            capacity: usize,
        ) -> i32;
        pub(super) fn kv_set(
            key: *const u8,
            key_bytes: usize,
            value: *const u8,
            bytes: usize,
        ) -> i32;
        pub(super) fn kv_delete(key: *const u8, key_bytes: usize) -> i32;
        pub(super) fn health_report(status: i32, message: *const u8, bytes: usize) -> i32;
        pub(super) fn log(level: i32, message: *const u8, bytes: usize) -> i32;
        pub(super) fn gpio_open(name: *const u8, bytes: usize) -> i32;
        pub(super) fn gpio_set(pin: i32, level: i32) -> i32;
        pub(super) fn gpio_get(pin: i32) -> i32;
        pub(super) fn gpio_watch(pin: i32, on: i32) -> i32;
        pub(super) fn sensor_open(name: *const u8, bytes: usize) -> i32;
        pub(super) fn sensor_read(sensor: i32, channel: i32, value: *mut f64) -> i32;
        pub(super) fn update_veto(on: i32) -> i32;
        pub(super) fn update_answer(id: i32, answer: i32, reason: *const u8, bytes: usize) -> i32;
    }
}

/// Writes to a descriptor; the bytes written, or `None` on failure.
pub(crate) fn write(fd: i32, bytes: &[u8]) -> Option<usize> {
    let slice = wasi::Slice {
        start: bytes.as_ptr(),
        bytes: bytes.len(),
    };
    let mut written = 0;
    // SAFETY: `slice` describes `bytes`, and both it and `written` outlive the call.
    let errno = unsafe { wasi::fd_write(fd, &raw const slice, 1, &raw mut written) };
    (errno == 0).then_some(written)
}

/// Fills `bytes` with the environment, `NAME=VALUE` texts each ended by a zero byte; the bytes used, or `None` if
/// there are more than 64 variables or they do not fit.
pub(crate) fn environment(bytes: &mut [u8]) -> Option<usize> {
    let mut pointers = [core::ptr::null_mut(); 64];
    let (mut count, mut used) = (0, 0);
    // SAFETY: both outlive the call.
    let errno = unsafe { wasi::environ_sizes_get(&raw mut count, &raw mut used) };
    if errno != 0 || count > pointers.len() || used > bytes.len() {
        return None;
    }
    // SAFETY: there is room for `count` pointers and `used` bytes, as just checked.
    let errno = unsafe { wasi::environ_get(pointers.as_mut_ptr(), bytes.as_mut_ptr()) };
    (errno == 0).then_some(used)
}

/// Ends the guest.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: a plain number; does not return.
    unsafe { wasi::proc_exit(code) }
}

pub(crate) fn abi_version() -> i32 {
    // SAFETY: no arguments.
    unsafe { thimble::abi_version() }
}

pub(crate) fn event_wait(timeout_ms: i64, buffer: &mut [u8]) -> i32 {
    // SAFETY: pointer and length of one live slice.
    unsafe { thimble::event_wait(timeout_ms, buffer.as_mut_ptr(), buffer.len()) }
}

pub(crate) fn timer_create(first_ms: i64, period_ms: i64) -> i32 {
    // SAFETY: plain numbers.
    unsafe { thimble::timer_create(first_ms, period_ms) }
}

pub(crate) fn timer_cancel(id: i32) -> i32 {
    // SAFETY: a plain number.
    unsafe { thimble::timer_cancel(id) }
}

pub(crate) fn bus_publish(topic: &str, content_type: &str, payload: &[u8], flags: i32) -> i32 {
    // SAFETY: pointers and lengths of live slices, which the host only reads.
    unsafe {
        thimble::bus_publish(
            topic.as_ptr(),
            topic.len(),
            content_type.as_ptr(),
            content_type.len(),
            payload.as_ptr(),
            payload.len(),
            flags,
        )
    }
}

pub(crate) fn bus_subscribe(filter: &str) -> i32 {
    // SAFETY: pointer and length of one live slice, which the host only reads.
    unsafe { thimble::bus_subscribe(filter.as_ptr(), filter.len()) }
}

pub(crate) fn bus_unsubscribe(id: i32) -> i32 {
    // SAFETY: a plain number.
    unsafe { thimble::bus_unsubscribe(id) }
}

pub(crate) fn kv_get(key: &str, buffer: &mut [u8]) -> i32 {
    // SAFETY: pointers and lengths of two live slices.
    unsafe { thimble::kv_get(key.as_ptr(), key.len(), buffer.as_mut_ptr(), buffer.len()) }
}

pub(crate) fn kv_set(key: &str, value: &[u8]) -> i32 {
    // SAFETY: pointers and lengths of live slices, which the host only reads.
    unsafe { thimble::kv_set(key.as_ptr(), key.len(), value.as_ptr(), value.len()) }
}

pub(crate) fn kv_delete(key: &str) -> i32 {
    // SAFETY: pointer and length of one live slice, which the host only reads.
    unsafe { thimble::kv_delete(key.as_ptr(), key.len()) }
}

pub(crate) fn health_report(status: i32, message: &str) -> i32 {
    // SAFETY: pointer and length of one live slice, which the host only reads.
    unsafe { thimble::health_report(status, message.as_ptr(), message.len()) }
}

pub(crate) fn log(level: i32, message: &str) -> i32 {
    // SAFETY: pointer and length of one live slice, which the host only reads.
    unsafe { thimble::log(level, message.as_ptr(), message.len()) }
}

pub(crate) fn gpio_open(name: &str) -> i32 {
    // SAFETY: pointer and length of one live slice, which the host only reads.
    unsafe { thimble::gpio_open(name.as_ptr(), name.len()) }
}

pub(crate) fn gpio_set(pin: i32, level: i32) -> i32 {
    // SAFETY: plain numbers.
    unsafe { thimble::gpio_set(pin, level) }
}

pub(crate) fn gpio_get(pin: i32) -> i32 {
    // SAFETY: a plain number.
    unsafe { thimble::gpio_get(pin) }
}

pub(crate) fn gpio_watch(pin: i32, on: i32) -> i32 {
    // SAFETY: plain numbers.
    unsafe { thimble::gpio_watch(pin, on) }
}

pub(crate) fn sensor_open(name: &str) -> i32 {
    // SAFETY: pointer and length of one live slice, which the host only reads.
    unsafe { thimble::sensor_open(name.as_ptr(), name.len()) }
}

pub(crate) fn sensor_read(sensor: i32, channel: i32, value: &mut f64) -> i32 {
    // SAFETY: `value` is a live f64.
    unsafe { thimble::sensor_read(sensor, channel, value) }
}

pub(crate) fn update_veto(on: i32) -> i32 {
    // SAFETY: a plain number.
    unsafe { thimble::update_veto(on) }
}

pub(crate) fn update_answer(id: i32, answer: i32, reason: &str) -> i32 {
    // SAFETY: pointer and length of one live slice, which the host only reads.
    unsafe { thimble::update_answer(id, answer, reason.as_ptr(), reason.len()) }
}

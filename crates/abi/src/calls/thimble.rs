//! Module `thimble`: our own interface, version 1.
//!
//! Failures are negative: minus a WASI errno.

use super::macros::calls;

calls! {
    /// The calls of our own module.
    pub enum ThimbleCall as Thimble in "thimble" {
        "The version of this module: 1."
        AbiVersion = "abi_version"() -> i32, Prompt;
        "Waits for the next event for at most `timeout_ms` (negative: without end; 0: polls) and writes its record. The record's length in bytes, 0 on timeout, or `-overflow` if it does not fit: it stays queued and `buf[0..4]` tells the length needed."
        EventWait = "event_wait"(timeout_ms: i64, buf: ptr, buf_len: len) -> i32, Waits;
        "Starts a timer that fires after `first_ms` and then every `period_ms` (0: once). Its id, or an error."
        TimerCreate = "timer_create"(first_ms: i64, period_ms: i64) -> i32, Prompt, needs Timer;
        "Ends a timer. 0 or `-noent`."
        TimerCancel = "timer_cancel"(id: i32) -> i32, Prompt, needs Timer;
        "Publishes a message; bit 0 of `flags` keeps it for later subscribers. The number of subscribers that got it, or an error; `-again` if a queue refused it."
        BusPublish = "bus_publish"(topic: ptr, topic_len: len, content_type: ptr, content_type_len: len, payload: ptr, payload_len: len, flags: i32) -> i32, Prompt, needs BusPublish;
        "Subscribes to a topic filter with MQTT's `+` and `#`. The subscription's id, or an error."
        BusSubscribe = "bus_subscribe"(filter: ptr, filter_len: len) -> i32, Prompt, needs BusSubscribe;
        "Ends a subscription. 0 or `-noent`."
        BusUnsubscribe = "bus_unsubscribe"(id: i32) -> i32, Prompt, needs BusSubscribe;
        "Reads a key of this container's store. The value's length, `-noent`, or `-overflow` with the length needed in `buf[0..4]`."
        KvGet = "kv_get"(key: ptr, key_len: len, buf: ptr, buf_len: len) -> i32, Waits, needs KeyValue;
        "Writes a key of this container's store; it survives a restart. 0, `-nospc` over the limit."
        KvSet = "kv_set"(key: ptr, key_len: len, value: ptr, value_len: len) -> i32, Waits, needs KeyValue;
        "Deletes a key of this container's store. 0 or `-noent`."
        KvDelete = "kv_delete"(key: ptr, key_len: len) -> i32, Waits, needs KeyValue;
        "Reports the guest's health: 0 healthy, 1 degraded, 2 failing, with a message for people (UTF-8)."
        HealthReport = "health_report"(status: i32, message: ptr, message_len: len) -> i32, Prompt;
        "Writes a log line: level 0 error, 1 warning, 2 info, 3 debug, 4 trace (UTF-8)."
        Log = "log"(level: i32, message: ptr, message_len: len) -> i32, Prompt;
        "Opens a named pin. Its handle, `-perm` without the grant, `-noent` if the board has no such pin."
        GpioOpen = "gpio_open"(name: ptr, name_len: len) -> i32, Prompt, needs Gpio;
        "Sets an output pin to 0 or 1. 0 or an error."
        GpioSet = "gpio_set"(pin: i32, level: i32) -> i32, Prompt, needs Gpio;
        "Reads a pin: 0, 1 or an error."
        GpioGet = "gpio_get"(pin: i32) -> i32, Prompt, needs Gpio;
        "Turns events at both edges of a pin on (1) or off (0). 0 or an error."
        GpioWatch = "gpio_watch"(pin: i32, on: i32) -> i32, Prompt, needs Gpio;
        "Opens a named sensor. Its handle, or an error."
        SensorOpen = "sensor_open"(name: ptr, name_len: len) -> i32, Prompt, needs Sensor;
        "Reads a sensor's channel and writes its value (f64). 0 or an error."
        SensorRead = "sensor_read"(sensor: i32, channel: i32, value: ptr) -> i32, Prompt, needs Sensor;
        "Asks to be asked before this container is replaced (`on` 1), or no longer (0, which answers an open question with yes). Whoever never asked for it is replaced unasked. 0 or `-inval`."
        UpdateVeto = "update_veto"(on: i32) -> i32, Prompt;
        "Answers the question `id` of an event that asks for an update: 1 now, 0 not now, with a reason for people (UTF-8). Who does not answer in time has said nothing, and is replaced. 0, `-noent` if no such question is open, `-inval`."
        UpdateAnswer = "update_answer"(id: i32, answer: i32, reason: ptr, reason_len: len) -> i32, Prompt;
    }
}

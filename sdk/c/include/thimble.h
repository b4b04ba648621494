/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thimble.h: Thimble's own interface for guests, import module `thimble`, version 1.
 *
 * Next to WASI it offers what a device has and WASI lacks: events to wait for, timers, pins, sensors, a
 * message bus, a key-value store that survives restarts, and ways to tell the operator how things are.
 * It replaces polling: thimble_event_wait() sleeps until there is something to do.
 *
 * Results. Every function returns an int. Zero or more is success; less than zero is minus a WASI error
 * number, of which the common ones are named below. Text is UTF-8 given by pointer and length, without a
 * zero byte at its end. Pointers are checked in full: one that leaves the guest's memory is
 * -THIMBLE_EFAULT and changes nothing.
 *
 * Grants (`thimble run --allow ...`): `timer`, `bus.pub:TOPIC`, `bus.sub:FILTER`, `kv`, `gpio:NAME`,
 * `sensor:NAME`. Without its grant a call returns -THIMBLE_EPERM. Waiting, logging and health reports
 * need none.
 */
#ifndef THIMBLE_H
#define THIMBLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define THIMBLE_IMPORT(name) __attribute__((import_module("thimble"), import_name(name)))

/* The version that this header describes; compare with thimble_abi_version(). */
#define THIMBLE_ABI_VERSION 1

/* Error numbers (those of WASI). A call answers with minus one of them. */
#define THIMBLE_EAGAIN 6     /* not now: a queue is full; try again later */
#define THIMBLE_EBADF 8      /* no such handle */
#define THIMBLE_EFAULT 21    /* a pointer leaves the guest's memory */
#define THIMBLE_EINVAL 28    /* an argument makes no sense */
#define THIMBLE_EIO 29       /* the device failed */
#define THIMBLE_ENAMETOOLONG 37
#define THIMBLE_ENOENT 44    /* no such key, pin, sensor, timer or subscription */
#define THIMBLE_ENOMEM 48    /* this container has used up its timers, subscriptions or handles */
#define THIMBLE_ENOSPC 51    /* the store is full */
#define THIMBLE_ENOTSUP 58   /* the device cannot do this */
#define THIMBLE_EOVERFLOW 61 /* the buffer is too small; see each call */
#define THIMBLE_EPERM 63     /* the grant is missing */

/* The version of the module that the runtime has: 1 or more. A later one still has all calls of this. */
THIMBLE_IMPORT("abi_version") int thimble_abi_version(void);

/* ---- Events ---------------------------------------------------------------------------------- */

enum thimble_event_kind {
    THIMBLE_EVENT_TIMER = 1,
    THIMBLE_EVENT_MESSAGE = 2,
    THIMBLE_EVENT_GPIO = 3,
    THIMBLE_EVENT_STOP = 4,
    THIMBLE_EVENT_UPDATE = 5
};

/* How every record begins. Records are little-endian and packed; these structures match them when the
 * buffer is aligned to 8 bytes. */
struct thimble_event {
    uint32_t kind;    /* enum thimble_event_kind; skip kinds that you do not know */
    uint32_t id;      /* the timer, subscription or pin handle that caused it; 0 for stop */
    uint64_t time_ns; /* when, on the monotonic clock */
};

struct thimble_timer_event {
    struct thimble_event event;
    uint64_t missed; /* firings before this one that the guest was too slow to see */
};

/* Followed by the bytes of the topic, the content type and the payload, in this order. */
struct thimble_message_event {
    struct thimble_event event;
    uint32_t topic_len;
    uint32_t content_type_len;
    uint32_t payload_len;
};
/* Bytes of a message record before the topic. (sizeof above rounds up to 32.) */
#define THIMBLE_MESSAGE_HEADER_LEN 28u

struct thimble_gpio_event {
    struct thimble_event event;
    uint32_t port;
    uint32_t pin;
    uint32_t level; /* after the change: 0 or 1 */
};

/* Somebody wants this container to stop. Finish and return from main within the grace. */
struct thimble_stop_event {
    struct thimble_event event;
    uint64_t grace_ms;
};

/* May this container be replaced by another version now? Answer with thimble_update_answer() and the
 * event's id; see thimble_update_veto(). */
struct thimble_update_event {
    struct thimble_event event;
    uint64_t left_ms; /* in which an answer counts */
};

/*
 * Waits for the next event and writes its record to `buffer`. `timeout_ms` less than 0 waits for ever, 0
 * only looks. Returns the record's length in bytes, or 0 when the time is over. A record that does not
 * fit in `capacity` bytes stays where it is: the call returns -THIMBLE_EOVERFLOW and, if there is room
 * for 4 bytes, writes the length that it needs as a u32.
 */
THIMBLE_IMPORT("event_wait") int thimble_event_wait(int64_t timeout_ms, void *buffer, uint32_t capacity);

/* The three parts of a message record. They point into the buffer that holds the record. */
static inline const char *thimble_message_topic(const struct thimble_message_event *message)
{
    return (const char *)message + THIMBLE_MESSAGE_HEADER_LEN;
}
static inline const char *thimble_message_content_type(const struct thimble_message_event *message)
{
    return thimble_message_topic(message) + message->topic_len;
}
static inline const void *thimble_message_payload(const struct thimble_message_event *message)
{
    return thimble_message_content_type(message) + message->content_type_len;
}

/* ---- Timers ---------------------------------------------------------------------------------- */

/* Starts a timer that fires once after `first_ms` milliseconds and then every `period_ms` (0: only
 * once). Returns its id, which the events carry. A slow guest gets one event with a count of missed
 * firings, never a flood. */
THIMBLE_IMPORT("timer_create") int thimble_timer_create(int64_t first_ms, int64_t period_ms);
/* Ends a timer. Events that wait already are dropped. 0 or -THIMBLE_ENOENT. */
THIMBLE_IMPORT("timer_cancel") int thimble_timer_cancel(int id);

/* ---- Message bus ----------------------------------------------------------------------------- */

/* Flag of thimble_bus_publish(): keep the message and hand it to whoever subscribes later. One message
 * a topic; an empty payload with this flag removes it. */
#define THIMBLE_RETAIN 1

/* Publishes. Topics are levels joined by `/`, without `+` and `#`. Returns how many subscriptions got
 * it (0 is no error), or -THIMBLE_EAGAIN if a subscriber's queue was full. */
THIMBLE_IMPORT("bus_publish")
int thimble_bus_publish(const char *topic, uint32_t topic_len, const char *content_type,
                        uint32_t content_type_len, const void *payload, uint32_t payload_len,
                        uint32_t flags);

/* Subscribes. In a filter `+` stands for one level and a final `#` for all that follow, as in MQTT.
 * Returns the id that the events carry. Retained messages arrive at once. */
THIMBLE_IMPORT("bus_subscribe") int thimble_bus_subscribe(const char *filter, uint32_t filter_len);
/* Ends a subscription. 0 or -THIMBLE_ENOENT. */
THIMBLE_IMPORT("bus_unsubscribe") int thimble_bus_unsubscribe(int id);

/* ---- Key-value store ------------------------------------------------------------------------- */

/* Reads the value of a key into `buffer`. Returns its length; -THIMBLE_ENOENT if there is no such key;
 * -THIMBLE_EOVERFLOW if it does not fit, with the length needed as a u32 in the first 4 bytes. */
THIMBLE_IMPORT("kv_get")
int thimble_kv_get(const char *key, uint32_t key_len, void *buffer, uint32_t capacity);
/* Writes a value. When it returns 0 the value survives a power cut; before, the old one does. */
THIMBLE_IMPORT("kv_set")
int thimble_kv_set(const char *key, uint32_t key_len, const void *value, uint32_t value_len);
/* Removes a key. 0 or -THIMBLE_ENOENT. */
THIMBLE_IMPORT("kv_delete") int thimble_kv_delete(const char *key, uint32_t key_len);

/* ---- For the operator ------------------------------------------------------------------------ */

enum thimble_health { THIMBLE_HEALTHY = 0, THIMBLE_DEGRADED = 1, THIMBLE_FAILING = 2 };

/* Says how this container is, with a short reason. The last report counts. */
THIMBLE_IMPORT("health_report")
int thimble_health_report(enum thimble_health status, const char *message, uint32_t message_len);

enum thimble_level {
    THIMBLE_LOG_ERROR = 0,
    THIMBLE_LOG_WARNING = 1,
    THIMBLE_LOG_INFO = 2,
    THIMBLE_LOG_DEBUG = 3,
    THIMBLE_LOG_TRACE = 4
};

/* Writes one line to the container's log. Unlike standard output it has a level. */
THIMBLE_IMPORT("log") int thimble_log(enum thimble_level level, const char *message, uint32_t message_len);

/* Asks to be asked before this container is replaced by another version (on = 1), or no longer (on = 0,
 * which lets an open question pass). Whoever never asked for it is replaced unasked. */
THIMBLE_IMPORT("update_veto") int thimble_update_veto(int on);
/* Answers the question `id` of a thimble_update_event: 1 now, 0 not now, with a reason for people. Who does
 * not answer in time has said nothing, and is replaced. -THIMBLE_ENOENT: that question is not open. */
THIMBLE_IMPORT("update_answer")
int thimble_update_answer(int id, int answer, const char *reason, uint32_t reason_len);

/* ---- Pins and sensors ------------------------------------------------------------------------ */

/* Opens a pin by the board's name for it ("led0") and returns a handle. -THIMBLE_ENOENT: no such pin. */
THIMBLE_IMPORT("gpio_open") int thimble_gpio_open(const char *name, uint32_t name_len);
/* Drives an output to 0 or 1. */
THIMBLE_IMPORT("gpio_set") int thimble_gpio_set(int pin, int level);
/* Reads a pin: 0 or 1. */
THIMBLE_IMPORT("gpio_get") int thimble_gpio_get(int pin);
/* Asks for an event at every change of a pin (on = 1), or ends them (on = 0). */
THIMBLE_IMPORT("gpio_watch") int thimble_gpio_watch(int pin, int on);

/* Opens a sensor by the board's name for it and returns a handle. -THIMBLE_ENOENT: no such sensor. */
THIMBLE_IMPORT("sensor_open") int thimble_sensor_open(const char *name, uint32_t name_len);
/* Reads a channel, by its index from 0, into `value`: an SI unit, degrees Celsius for temperatures. */
THIMBLE_IMPORT("sensor_read") int thimble_sensor_read(int sensor, int channel, double *value);

#ifdef __cplusplus
}
#endif

#endif /* THIMBLE_H */

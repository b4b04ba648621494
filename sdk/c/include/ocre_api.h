/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ocre_api.h: the interface of LF Edge Ocre for guests, as Thimble serves it.
 *
 * A guest source written for Ocre's own SDK compiles against this header unchanged, and the result
 * runs on both runtimes. It has two parts:
 *
 *   1. the imports, module `env`: what the runtime does (timers, pins, sensors, messages);
 *   2. small helpers that live in the guest: a table of callbacks and the loop that serves it.
 *
 * It is header-only. The helpers are weak definitions, so that several files of one guest may include
 * it; define OCRE_API_IMPORTS_ONLY before including it to leave them out.
 *
 * Errors. Unless a function says otherwise it returns 0 on success and minus a POSIX error number
 * (Linux numbering) on failure: -1 not permitted, -2 not found, -5 I/O, -12 out of resources,
 * -16 busy, -19 no such device, -22 bad argument, -42 nothing there. Compare with 0, not with a
 * certain number: Ocre on Zephyr numbers some of them differently.
 *
 * Grants (`thimble run --allow ...`): `timer`, `gpio:NAME`, `sensor:NAME`, `bus.pub:TOPIC`,
 * `bus.sub:TOPIC`. Without its grant a call returns -1 (not permitted).
 */
#ifndef OCRE_API_H
#define OCRE_API_H
#define OCRE_SDK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if defined(__has_include)
#if __has_include(<sys/utsname.h>)
#include <sys/utsname.h>
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Declares a function that the runtime provides. */
#define OCRE_IMPORT(name) __attribute__((import_module("env"), import_name(name)))
/* Gives a function a name that the runtime can look up. */
#define OCRE_EXPORT(name) __attribute__((export_name(name)))

/* ---- Constants ------------------------------------------------------------------------------- */

/* What the helpers below return. */
#define OCRE_SUCCESS 0
#define OCRE_ERROR_INVALID (-1)
#define OCRE_ERROR_TIMEOUT (-2)
#define OCRE_ERROR_NOT_FOUND (-3)
#define OCRE_ERROR_BUSY (-4)
#define OCRE_ERROR_NO_MEMORY (-5)

/* Limits. The runtime may have lower ones and says so with -12 (out of resources). */
#define OCRE_MAX_TIMERS 16
#define OCRE_MAX_SENSORS 32
#define OCRE_MAX_CALLBACKS 64
#define OCRE_MAX_TOPIC_LEN 128
#define OCRE_MAX_CONTENT_TYPE_LEN 128
#define OCRE_MAX_PAYLOAD_LEN 1024
#define CONFIG_MAX_SENSOR_NAME_LENGTH 125
#define OCRE_API_POSIX_BUF_SIZE 65
#ifndef CONFIG_OCRE_GPIO_MAX_PINS
#define CONFIG_OCRE_GPIO_MAX_PINS 32
#endif
#ifndef CONFIG_OCRE_GPIO_MAX_PORTS
#define CONFIG_OCRE_GPIO_MAX_PORTS 8
#endif
#ifndef CONFIG_OCRE_GPIO_PINS_PER_PORT
#define CONFIG_OCRE_GPIO_PINS_PER_PORT 32
#endif

/* Where an event comes from. */
typedef enum {
    OCRE_RESOURCE_TYPE_TIMER = 0,
    OCRE_RESOURCE_TYPE_GPIO = 1,
    OCRE_RESOURCE_TYPE_SENSOR = 2,
    OCRE_RESOURCE_TYPE_MESSAGING = 3,
    OCRE_RESOURCE_TYPE_COUNT = 4
} ocre_resource_type_t;
#define OCRE_RESOURCE_TYPE_MESSAGE OCRE_RESOURCE_TYPE_MESSAGING

/* Level of a pin. The negative member keeps the type signed: a getter answers errors with it. */
typedef enum {
    OCRE_GPIO_PIN_ERROR = -1,
    OCRE_GPIO_PIN_RESET = 0,
    OCRE_GPIO_PIN_SET = 1
} ocre_gpio_pin_state_t;

/* Direction of a pin. An input has its pull-up on. */
typedef enum { OCRE_GPIO_DIR_INPUT = 0, OCRE_GPIO_DIR_OUTPUT = 1 } ocre_gpio_direction_t;

typedef int ocre_sensor_handle_t;

/* ---- System ---------------------------------------------------------------------------------- */

/* What uname() fills: six texts, each ended by a zero byte, 390 bytes in all. */
struct _ocre_posix_utsname {
    char sysname[OCRE_API_POSIX_BUF_SIZE];
    char nodename[OCRE_API_POSIX_BUF_SIZE];
    char release[OCRE_API_POSIX_BUF_SIZE];
    char version[OCRE_API_POSIX_BUF_SIZE];
    char machine[OCRE_API_POSIX_BUF_SIZE];
    char domainname[OCRE_API_POSIX_BUF_SIZE];
};

/* Asks the runtime for its name and version. `name` points to 390 bytes (either struct will do).
 * Ocre itself writes 480 bytes: give it a larger buffer if the guest must also run there. */
OCRE_IMPORT("uname") int ocre_uname(void *name);
#define uname(name) ocre_uname(name)

/* Sleeps for this many milliseconds, then returns 0. The container can be stopped meanwhile. */
OCRE_IMPORT("ocre_sleep") int ocre_sleep(int milliseconds);

/* Sleeps for as long as Ocre can count: about two hours and three quarters. */
#define ocre_pause() ocre_sleep(9999999)

/* ---- Events ---------------------------------------------------------------------------------- */

/*
 * Takes the next event of this container. The six arguments are the addresses of six u32 that the
 * runtime fills:
 *
 *   event    | type | id     | port         | state                | extra           | payload_len
 *   ---------|------|--------|--------------|----------------------|-----------------|------------
 *   timer    | 0    | timer  | 0            | 0                    | 0               | 0
 *   pin      | 1    | pin    | port         | level                | 0               | 0
 *   message  | 3    | number | topic (addr) | content type (addr)  | payload (addr)  | bytes
 *
 * Topic and content type are C strings. All three addresses lie in this guest's own memory and must
 * be given back with ocre_messaging_free_module_event_data(). Returns 0, or a negative number when
 * no event waits (-42) or an address is bad (-22). Never blocks.
 */
OCRE_IMPORT("ocre_get_event")
int ocre_get_event(uint32_t type_address, uint32_t id_address, uint32_t port_address,
                   uint32_t state_address, uint32_t extra_address, uint32_t payload_len_address);

/* Names the export that handles events of a type. The export must exist, else -22. Neither runtime
 * calls it by itself: the guest's own loop does. The ocre_register_* helpers call this for you. */
OCRE_IMPORT("ocre_register_dispatcher")
int ocre_register_dispatcher(ocre_resource_type_t type, const char *function_name);

/* ---- Messages -------------------------------------------------------------------------------- */

/* Publishes a message. `topic` and `content_type` are C strings, not empty; the payload is any
 * `payload_len` bytes, at least one. 0 if somebody got it, -2 if nobody subscribes to the topic. */
OCRE_IMPORT("ocre_publish_message")
int ocre_publish_message(const char *topic, const char *content_type, const void *payload,
                         int payload_len);

/* Subscribes to all topics that begin with `topic` (a C string, at most 63 bytes on Ocre). Doing it
 * twice is harmless. 0, or -12 when there are no subscriptions left. */
OCRE_IMPORT("ocre_subscribe_message") int ocre_subscribe_message(const char *topic);

/* Gives back the three buffers of a message event, by the addresses that ocre_get_event() wrote. */
OCRE_IMPORT("ocre_messaging_free_module_event_data")
int ocre_messaging_free_module_event_data(uint32_t topic, uint32_t content_type, uint32_t payload);

/* Messaging needs no preparation; kept for sources that call this. (Ocre's runtime lacks it.) */
static inline int ocre_msg_system_init(void) { return OCRE_SUCCESS; }

/* ---- Timers ---------------------------------------------------------------------------------- */

/* Reserves the timer `id`, from 1 up (Ocre on Linux: 5 timers). -22 bad id, -16 exists already. */
OCRE_IMPORT("ocre_timer_create") int ocre_timer_create(int id);
/* Starts it: first after `interval` milliseconds (1 to 65535), then again and again if periodic. */
OCRE_IMPORT("ocre_timer_start") int ocre_timer_start(int id, int interval, int is_periodic);
/* Stops it; it can be started again. */
OCRE_IMPORT("ocre_timer_stop") int ocre_timer_stop(int id);
/* Ends it and frees its id. */
OCRE_IMPORT("ocre_timer_delete") int ocre_timer_delete(int id);
/* Milliseconds until it fires, or a negative error. */
OCRE_IMPORT("ocre_timer_get_remaining") int ocre_timer_get_remaining(int id);

/* ---- Pins ------------------------------------------------------------------------------------ */

/* Prepares the pins; call it once. -19 if the device has none. */
OCRE_IMPORT("ocre_gpio_init") int ocre_gpio_init(void);

/* A pin by its numbers. Direction: OCRE_GPIO_DIR_*. */
OCRE_IMPORT("ocre_gpio_configure") int ocre_gpio_configure(int port, int pin, int direction);
OCRE_IMPORT("ocre_gpio_pin_set") int ocre_gpio_pin_set(int port, int pin, ocre_gpio_pin_state_t state);
OCRE_IMPORT("ocre_gpio_pin_get") ocre_gpio_pin_state_t ocre_gpio_pin_get(int port, int pin);
OCRE_IMPORT("ocre_gpio_pin_toggle") int ocre_gpio_pin_toggle(int port, int pin);
/* Asks for an event at every change of an input (both edges), or ends them. */
OCRE_IMPORT("ocre_gpio_register_callback") int ocre_gpio_register_callback(int port, int pin);
OCRE_IMPORT("ocre_gpio_unregister_callback") int ocre_gpio_unregister_callback(int port, int pin);

/* The same by the board's name for the pin: "led0", "led1", "led2", "sw0", "sw1", ... */
OCRE_IMPORT("ocre_gpio_configure_by_name") int ocre_gpio_configure_by_name(const char *name, int direction);
OCRE_IMPORT("ocre_gpio_set_by_name")
int ocre_gpio_set_by_name(const char *name, ocre_gpio_pin_state_t state);
OCRE_IMPORT("ocre_gpio_get_by_name") ocre_gpio_pin_state_t ocre_gpio_get_by_name(const char *name);
OCRE_IMPORT("ocre_gpio_toggle_by_name") int ocre_gpio_toggle_by_name(const char *name);
OCRE_IMPORT("ocre_gpio_register_callback_by_name") int ocre_gpio_register_callback_by_name(const char *name);
OCRE_IMPORT("ocre_gpio_unregister_callback_by_name")
int ocre_gpio_unregister_callback_by_name(const char *name);

/* ---- Sensors --------------------------------------------------------------------------------- */

/* Prepares the sensors; call it once, then ocre_sensors_discover() tells how many there are. */
OCRE_IMPORT("ocre_sensors_init") int ocre_sensors_init(void);
OCRE_IMPORT("ocre_sensors_discover") int ocre_sensors_discover(void);

/* A sensor by its id, 0 up to the number discovered. `channel` of the type call is an index from 0;
 * `channel_type` of the read call is the type it answered: a channel number of Zephyr (13 is the
 * ambient temperature in degrees Celsius). A reading is a number in the SI unit that Zephyr gives
 * that channel; a failure comes back as a negative error number, so check ids and types first. */
OCRE_IMPORT("ocre_sensors_open") int ocre_sensors_open(ocre_sensor_handle_t handle);
OCRE_IMPORT("ocre_sensors_get_handle") int ocre_sensors_get_handle(int sensor_id);
OCRE_IMPORT("ocre_sensors_get_channel_count") int ocre_sensors_get_channel_count(int sensor_id);
OCRE_IMPORT("ocre_sensors_get_channel_type") int ocre_sensors_get_channel_type(int sensor_id, int channel);
OCRE_IMPORT("ocre_sensors_read") double ocre_sensors_read(int sensor_id, int channel_type);

/* The same by the board's name for the sensor. */
OCRE_IMPORT("ocre_sensors_open_by_name") int ocre_sensors_open_by_name(const char *name);
OCRE_IMPORT("ocre_sensors_get_handle_by_name") int ocre_sensors_get_handle_by_name(const char *name);
OCRE_IMPORT("ocre_sensors_get_channel_count_by_name")
int ocre_sensors_get_channel_count_by_name(const char *name);
OCRE_IMPORT("ocre_sensors_get_channel_type_by_name")
int ocre_sensors_get_channel_type_by_name(const char *name, int channel);
OCRE_IMPORT("ocre_sensors_read_by_name") double ocre_sensors_read_by_name(const char *name, int channel_type);
/* Fills `names` with up to `count` names of CONFIG_MAX_SENSOR_NAME_LENGTH bytes each; their number. */
OCRE_IMPORT("ocre_sensors_get_list") int ocre_sensors_get_list(char *names, int count);

/* ---- Helpers: callbacks and the loop that calls them ----------------------------------------- */

typedef void (*timer_callback_func_t)(void);
typedef void (*gpio_callback_func_t)(void);
typedef void (*message_callback_func_t)(const char *topic, const char *content_type,
                                        const void *payload, uint32_t payload_len);

/* The six numbers of ocre_get_event(). */
typedef struct {
    uint32_t type;
    uint32_t id;
    uint32_t port;
    uint32_t state;
    uint32_t extra;
    uint32_t payload_len;
} event_data_t;

#ifndef OCRE_API_IMPORTS_ONLY

#define OCRE_WEAK __attribute__((weak))

/* A registered pin or topic. A slot without a callback is free. */
struct ocre_pin_slot {
    gpio_callback_func_t callback;
    int pin;
    int port;
};
struct ocre_topic_slot {
    message_callback_func_t callback;
    char prefix[OCRE_MAX_TOPIC_LEN];
};

OCRE_WEAK timer_callback_func_t ocre_timer_slots[OCRE_MAX_CALLBACKS];
OCRE_WEAK struct ocre_pin_slot ocre_pin_slots[OCRE_MAX_CALLBACKS];
OCRE_WEAK struct ocre_topic_slot ocre_topic_slots[OCRE_MAX_CALLBACKS];

/* Bytes that two texts have in common from their start; never reads past the end of either. */
static inline size_t ocre_common_length(const char *a, const char *b)
{
    size_t length = 0;
    while (a[length] != '\0' && a[length] == b[length])
        length++;
    return length;
}

static inline bool ocre_text_is(const char *a, const char *b)
{
    size_t length = ocre_common_length(a, b);
    return a[length] == b[length];
}

static inline bool ocre_text_begins(const char *text, const char *prefix)
{
    return prefix[ocre_common_length(text, prefix)] == '\0';
}

/* The three exports by which Ocre knows a guest's handlers. */
OCRE_WEAK OCRE_EXPORT("timer_callback") void timer_callback(int timer_id)
{
    if (timer_id >= 0 && timer_id < OCRE_MAX_CALLBACKS && ocre_timer_slots[timer_id] != NULL)
        ocre_timer_slots[timer_id]();
}

OCRE_WEAK OCRE_EXPORT("gpio_callback") void gpio_callback(int pin, int state, int port)
{
    (void)state;
    for (int slot = 0; slot < OCRE_MAX_CALLBACKS; slot++) {
        struct ocre_pin_slot *entry = &ocre_pin_slots[slot];
        if (entry->callback != NULL && entry->pin == pin && entry->port == port) {
            entry->callback();
            return;
        }
    }
}

OCRE_WEAK OCRE_EXPORT("message_callback") void
message_callback(uint32_t message_id, char *topic, char *content_type, uint8_t *payload,
                 uint32_t payload_len)
{
    (void)message_id;
    for (int slot = 0; slot < OCRE_MAX_CALLBACKS; slot++) {
        struct ocre_topic_slot *entry = &ocre_topic_slots[slot];
        if (entry->callback != NULL && ocre_text_begins(topic, entry->prefix)) {
            entry->callback(topic, content_type, payload, payload_len);
            return;
        }
    }
}

/*
 * Serves waiting events: calls the callbacks of up to five, or sleeps 10 ms if there is none. Call it
 * in a loop. Unlike Ocre's own it does not sleep after each event, and a message reaches its callback
 * whole (Ocre's cuts it at 1024 bytes). The pointers that a message callback gets end with the call.
 */
OCRE_WEAK void ocre_process_events(void)
{
    for (int served = 0; served < 5; served++) {
        event_data_t event = {0, 0, 0, 0, 0, 0};
        int failed = ocre_get_event(
            (uint32_t)(uintptr_t)&event.type, (uint32_t)(uintptr_t)&event.id,
            (uint32_t)(uintptr_t)&event.port, (uint32_t)(uintptr_t)&event.state,
            (uint32_t)(uintptr_t)&event.extra, (uint32_t)(uintptr_t)&event.payload_len);
        if (failed) {
            if (served == 0)
                ocre_sleep(10);
            return;
        }
        switch (event.type) {
        case OCRE_RESOURCE_TYPE_TIMER:
            timer_callback((int)event.id);
            break;
        case OCRE_RESOURCE_TYPE_GPIO:
            gpio_callback((int)event.id, (int)event.state, (int)event.port);
            break;
        case OCRE_RESOURCE_TYPE_MESSAGING:
            message_callback(event.id, (char *)(uintptr_t)event.port, (char *)(uintptr_t)event.state,
                             (uint8_t *)(uintptr_t)event.extra, event.payload_len);
            ocre_messaging_free_module_event_data(event.port, event.state, event.extra);
            break;
        default:
            break;
        }
    }
}
/* The name that older sources use. */
#define ocre_poll_events() ocre_process_events()

/* Sets the function that runs when timer `timer_id` (0 to 63) fires. OCRE_ERROR_INVALID otherwise. */
OCRE_WEAK int ocre_register_timer_callback(int timer_id, timer_callback_func_t callback)
{
    if (timer_id < 0 || timer_id >= OCRE_MAX_CALLBACKS || callback == NULL)
        return OCRE_ERROR_INVALID;
    if (ocre_register_dispatcher(OCRE_RESOURCE_TYPE_TIMER, "timer_callback") != 0)
        return OCRE_ERROR_INVALID;
    ocre_timer_slots[timer_id] = callback;
    return OCRE_SUCCESS;
}

/* Forgets it. OCRE_ERROR_NOT_FOUND if there was none. */
OCRE_WEAK int ocre_unregister_timer_callback(int timer_id)
{
    if (timer_id < 0 || timer_id >= OCRE_MAX_CALLBACKS)
        return OCRE_ERROR_INVALID;
    if (ocre_timer_slots[timer_id] == NULL)
        return OCRE_ERROR_NOT_FOUND;
    ocre_timer_slots[timer_id] = NULL;
    return OCRE_SUCCESS;
}

/* Sets the function that runs at every change of an input, and asks the runtime for those events.
 * Mind the order of the numbers: pin, then port. A second call replaces the function. */
OCRE_WEAK int ocre_register_gpio_callback(int pin, int port, gpio_callback_func_t callback)
{
    struct ocre_pin_slot *free_slot = NULL;
    if (pin < 0 || port < 0 || callback == NULL)
        return OCRE_ERROR_INVALID;
    for (int slot = OCRE_MAX_CALLBACKS - 1; slot >= 0; slot--)
        if (ocre_pin_slots[slot].callback == NULL)
            free_slot = &ocre_pin_slots[slot];
    for (int slot = 0; slot < OCRE_MAX_CALLBACKS; slot++)
        if (ocre_pin_slots[slot].callback != NULL && ocre_pin_slots[slot].pin == pin &&
            ocre_pin_slots[slot].port == port)
            free_slot = &ocre_pin_slots[slot];
    if (free_slot == NULL)
        return OCRE_ERROR_NO_MEMORY;
    if (ocre_register_dispatcher(OCRE_RESOURCE_TYPE_GPIO, "gpio_callback") != 0)
        return OCRE_ERROR_INVALID;
    free_slot->callback = callback;
    free_slot->pin = pin;
    free_slot->port = port;
    return ocre_gpio_register_callback(port, pin);
}

/* Forgets it and ends the events. OCRE_ERROR_NOT_FOUND if there was none. */
OCRE_WEAK int ocre_unregister_gpio_callback(int pin, int port)
{
    for (int slot = 0; slot < OCRE_MAX_CALLBACKS; slot++) {
        struct ocre_pin_slot *entry = &ocre_pin_slots[slot];
        if (entry->callback != NULL && entry->pin == pin && entry->port == port) {
            entry->callback = NULL;
            return ocre_gpio_unregister_callback(port, pin);
        }
    }
    return OCRE_ERROR_NOT_FOUND;
}

/* Sets the function that gets the messages whose topic begins with `topic` (at most 127 bytes). The
 * guest still has to call ocre_subscribe_message(). Of several that match, the first one gets it. */
OCRE_WEAK int ocre_register_message_callback(const char *topic, message_callback_func_t callback)
{
    struct ocre_topic_slot *free_slot = NULL;
    if (topic == NULL || topic[0] == '\0' || callback == NULL)
        return OCRE_ERROR_INVALID;
    for (int slot = OCRE_MAX_CALLBACKS - 1; slot >= 0; slot--)
        if (ocre_topic_slots[slot].callback == NULL)
            free_slot = &ocre_topic_slots[slot];
    for (int slot = 0; slot < OCRE_MAX_CALLBACKS; slot++)
        if (ocre_topic_slots[slot].callback != NULL &&
            ocre_text_is(ocre_topic_slots[slot].prefix, topic))
            free_slot = &ocre_topic_slots[slot];
    if (free_slot == NULL)
        return OCRE_ERROR_NO_MEMORY;
    if (ocre_register_dispatcher(OCRE_RESOURCE_TYPE_MESSAGING, "message_callback") != 0)
        return OCRE_ERROR_INVALID;
    size_t length = 0;
    for (; topic[length] != '\0'; length++) {
        if (length + 1 >= OCRE_MAX_TOPIC_LEN)
            return OCRE_ERROR_INVALID;
        free_slot->prefix[length] = topic[length];
    }
    free_slot->prefix[length] = '\0';
    free_slot->callback = callback;
    return OCRE_SUCCESS;
}

/* Forgets it; the subscription itself stays. OCRE_ERROR_NOT_FOUND if there was none. */
OCRE_WEAK int ocre_unregister_message_callback(const char *topic)
{
    if (topic == NULL || topic[0] == '\0')
        return OCRE_ERROR_INVALID;
    for (int slot = 0; slot < OCRE_MAX_CALLBACKS; slot++) {
        struct ocre_topic_slot *entry = &ocre_topic_slots[slot];
        if (entry->callback != NULL && ocre_text_is(entry->prefix, topic)) {
            entry->callback = NULL;
            return OCRE_SUCCESS;
        }
    }
    return OCRE_ERROR_NOT_FOUND;
}

#endif /* OCRE_API_IMPORTS_ONLY */

#ifdef __cplusplus
}
#endif

#endif /* OCRE_API_H */

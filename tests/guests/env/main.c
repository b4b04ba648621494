/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Module `env`, Ocre's interface. Grants: timer, gpio:led0, gpio:sw0, sensor:temp, sensor:climate, and the bus for
 * `conform/#`; the board is board.toml.
 */
#include "ocre.h"

enum { MS = 1000000, PORT = 0, LED = 13, SWITCH = 11 };

OCRE_EXPORT("timer_callback") void timer_callback(int id)
{
    (void)id;
}

static void uname_fills_six_fields(void)
{
    struct { struct _ocre_posix_utsname name; char beyond[90]; } room;
    memset(&room, 0x55, sizeof room);
    EQUAL(ocre_uname(&room.name), OK);
    BYTES(room.name.sysname, "Thimble", 8);
    BYTES(room.name.nodename, "env", 4);
    BYTES(room.name.machine, "wasm32", 7);
    TRUE(room.name.release[0] >= '0' && room.name.release[0] <= '9');
    EQUAL(room.name.domainname[64], 0);
    for (uint32_t at = 0; at < sizeof room.beyond; at++)
        EQUAL(room.beyond[at], 0x55);
    EQUAL(ocre_uname(NOWHERE), IS_INVALID);
}

static void sleep_lasts_long_enough(void)
{
    uint64_t before = now();
    EQUAL(ocre_sleep(3), OK);
    TRUE(now() - before >= 3 * MS);
    EQUAL(ocre_sleep(0), OK);
}

static void dispatchers_must_be_exported(void)
{
    EQUAL(ocre_register_dispatcher(OCRE_RESOURCE_TYPE_TIMER, "timer_callback"), OK);
    EQUAL(ocre_register_dispatcher(OCRE_RESOURCE_TYPE_SENSOR, "timer_callback"), OK);
    EQUAL(ocre_register_dispatcher(OCRE_RESOURCE_TYPE_TIMER, "missing"), IS_INVALID);
    EQUAL(ocre_register_dispatcher(OCRE_RESOURCE_TYPE_COUNT, "timer_callback"), IS_INVALID);
    EQUAL(ocre_register_dispatcher(OCRE_RESOURCE_TYPE_TIMER, NOWHERE), IS_INVALID);
    EQUAL(imported_msg_system_init(), OK);
}

static void no_event_is_nomsg(void)
{
    event_data_t event;
    EQUAL(next_event(&event), NO_MSG);
    uint32_t at = (uint32_t)(uintptr_t)&event, nowhere = (uint32_t)(uintptr_t)NOWHERE;
    EQUAL(ocre_get_event(nowhere, at, at, at, at, at), IS_INVALID);
    EQUAL(ocre_get_event(at, at, at, at, at, nowhere), IS_INVALID);
    EQUAL(ocre_get_event(at, at, at, at, at, 65536 * 64 - 2), IS_INVALID);
}

static void timers_are_numbered_by_the_guest(void)
{
    EQUAL(ocre_timer_create(0), IS_INVALID);
    EQUAL(ocre_timer_create(-1), IS_INVALID);
    EQUAL(ocre_timer_create(1), OK);
    EQUAL(ocre_timer_create(1), IS_BUSY);
    EQUAL(ocre_timer_start(1, 0, 0), IS_INVALID);
    EQUAL(ocre_timer_start(1, 65536, 0), IS_INVALID);
    EQUAL(ocre_timer_start(2, 1, 0), IS_INVALID);
    EQUAL(ocre_timer_get_remaining(1), 0);
    EQUAL(ocre_timer_start(1, 65535, 0), OK);
    int left = ocre_timer_get_remaining(1);
    TRUE(left > 0 && left <= 65535);
    EQUAL(ocre_timer_stop(1), OK);
    EQUAL(ocre_timer_get_remaining(1), 0);
    EQUAL(ocre_timer_delete(1), OK);
    EQUAL(ocre_timer_delete(1), IS_INVALID);
    EQUAL(ocre_timer_stop(1), IS_INVALID);
    EQUAL(ocre_timer_get_remaining(1), IS_INVALID);
}

static void timers_fire_once_or_again(void)
{
    event_data_t event;
    uint64_t before = now();
    EQUAL(ocre_timer_create(5), OK);
    EQUAL(ocre_timer_create(6), OK);
    EQUAL(ocre_timer_start(5, 2, 1), OK);
    for (int round = 1; round <= 3; round++) {
        event = wait_event();
        EQUAL(event.type, OCRE_RESOURCE_TYPE_TIMER);
        EQUAL(event.id, 5);
        EQUAL(event.port + event.state + event.extra + event.payload_len, 0);
        TRUE(now() - before >= (uint64_t)(2 * round * MS));
    }
    EQUAL(ocre_timer_delete(5), OK);
    EQUAL(ocre_timer_start(6, 1, 0), OK);
    event = wait_event();
    EQUAL(event.id, 6);
    ocre_sleep(3);
    EQUAL(next_event(&event), NO_MSG);
    EQUAL(ocre_timer_start(6, 1, 0), OK);
    EQUAL(ocre_timer_stop(6), OK);
    ocre_sleep(3);
    EQUAL(next_event(&event), NO_MSG);
    EQUAL(ocre_timer_delete(6), OK);
}

static void messages_arrive_in_the_app_heap(void)
{
    EQUAL(ocre_publish_message("conform/a", "text/plain", "x", 1), NO_ENT);
    EQUAL(ocre_subscribe_message("conform/"), OK);
    EQUAL(ocre_subscribe_message("conform/"), OK);
    EQUAL(ocre_publish_message("conform/a", "text/plain", "payload", 7), OK);
    event_data_t event;
    EQUAL(next_event(&event), OK);
    EQUAL(event.type, OCRE_RESOURCE_TYPE_MESSAGING);
    EQUAL(event.id, 1);
    BYTES((char *)event.port, "conform/a", 10);
    BYTES((char *)event.state, "text/plain", 11);
    BYTES((char *)event.extra, "payload", 7);
    EQUAL(event.payload_len, 7);
    EQUAL(next_event(&(event_data_t){0}), NO_MSG);
    EQUAL(ocre_messaging_free_module_event_data(event.port, event.port, event.extra), IS_INVALID);
    EQUAL(ocre_messaging_free_module_event_data(event.port, event.state, event.extra + 1), IS_INVALID);
    EQUAL(ocre_messaging_free_module_event_data(event.port, event.state, event.extra), OK);
    EQUAL(ocre_messaging_free_module_event_data(event.port, event.state, event.extra), IS_INVALID);
}

static void messages_must_be_whole(void)
{
    EQUAL(ocre_publish_message("", "text/plain", "x", 1), IS_INVALID);
    EQUAL(ocre_publish_message("conform/a", "", "x", 1), IS_INVALID);
    EQUAL(ocre_publish_message("conform/a", "text/plain", "x", 0), IS_INVALID);
    EQUAL(ocre_publish_message("conform/+", "text/plain", "x", 1), IS_INVALID);
    EQUAL(ocre_publish_message(NULL, "text/plain", "x", 1), IS_INVALID);
    EQUAL(ocre_publish_message("conform/a", NULL, "x", 1), IS_INVALID);
    EQUAL(ocre_publish_message("conform/a", "text/plain", NULL, 1), IS_INVALID);
    EQUAL(ocre_publish_message(NOWHERE, "text/plain", "x", 1), IS_INVALID);
    EQUAL(ocre_publish_message("conform/a", NOWHERE, "x", 1), IS_INVALID);
    EQUAL(ocre_publish_message("conform/a", "text/plain", NOWHERE, 1), IS_INVALID);
    EQUAL(ocre_publish_message("conform/a", "text/plain", "x", -1), IS_INVALID);
    EQUAL(ocre_subscribe_message(""), IS_INVALID);
    EQUAL(ocre_subscribe_message(NULL), IS_INVALID);
    EQUAL(ocre_subscribe_message(NOWHERE), IS_INVALID);
    EQUAL(ocre_publish_message("elsewhere", "text/plain", "x", 1), NO_PERM);
    EQUAL(ocre_subscribe_message("elsewhere"), NO_PERM);
}

static char large[30000];

static void a_message_without_room_waits(void)
{
    event_data_t held[3], event;
    for (int round = 0; round < 3; round++)
        EQUAL(ocre_publish_message("conform/large", "bytes", large, sizeof large), OK);
    EQUAL(next_event(&held[0]), OK);
    EQUAL(next_event(&held[1]), OK);
    EQUAL(next_event(&event), NO_MEM);
    EQUAL(ocre_timer_create(1), OK);
    EQUAL(ocre_timer_start(1, 1, 0), OK);
    ocre_sleep(3);
    EQUAL(next_event(&event), OK);
    EQUAL(event.type, OCRE_RESOURCE_TYPE_TIMER);
    EQUAL(ocre_timer_delete(1), OK);
    EQUAL(ocre_messaging_free_module_event_data(held[0].port, held[0].state, held[0].extra), OK);
    EQUAL(next_event(&held[2]), OK);
    for (int round = 1; round < 3; round++)
        EQUAL(ocre_messaging_free_module_event_data(held[round].port, held[round].state, held[round].extra), OK);
}

static void pins_by_place(void)
{
    EQUAL(ocre_gpio_init(), OK);
    EQUAL(ocre_gpio_pin_get(PORT, LED), NO_PERM);
    EQUAL(ocre_gpio_configure(PORT, LED, 2), IS_INVALID);
    EQUAL(ocre_gpio_configure(PORT, LED, OCRE_GPIO_DIR_OUTPUT), OK);
    EQUAL(ocre_gpio_pin_set(PORT, LED, OCRE_GPIO_PIN_SET), OK);
    EQUAL(ocre_gpio_pin_get(PORT, LED), 1);
    EQUAL(ocre_gpio_pin_toggle(PORT, LED), OK);
    EQUAL(ocre_gpio_pin_get(PORT, LED), 0);
    EQUAL(ocre_gpio_pin_set(PORT, LED, 2), IS_INVALID);
    EQUAL(ocre_gpio_pin_set(PORT, 30, 1), NO_DEV);
    EQUAL(ocre_gpio_pin_set(PORT, -1, 1), IS_INVALID);
    EQUAL(ocre_gpio_pin_set(-1, LED, 1), IS_INVALID);
    EQUAL(ocre_gpio_pin_set(1, 3, 1), NO_PERM);
    EQUAL(ocre_gpio_configure(1, 3, OCRE_GPIO_DIR_OUTPUT), NO_PERM);
    EQUAL(ocre_gpio_register_callback(PORT, LED), NO_PERM);
}

static void pins_by_name(void)
{
    EQUAL(ocre_gpio_configure_by_name("led0", OCRE_GPIO_DIR_OUTPUT), OK);
    EQUAL(ocre_gpio_set_by_name("led0", OCRE_GPIO_PIN_SET), OK);
    EQUAL(ocre_gpio_get_by_name("led0"), 1);
    EQUAL(ocre_gpio_toggle_by_name("led0"), OK);
    EQUAL(ocre_gpio_get_by_name("led0"), 0);
    EQUAL(ocre_gpio_set_by_name("led7", 1), NO_ENT);
    EQUAL(ocre_gpio_get_by_name("hidden"), NO_PERM);
    EQUAL(ocre_gpio_toggle_by_name("hidden"), NO_PERM);
    EQUAL(ocre_gpio_configure_by_name(NOWHERE, 1), IS_INVALID);
    EQUAL(ocre_gpio_set_by_name("led0", 5), IS_INVALID);
}

/* Waits until the switch has gone up and down; `end` ends its edges. */
static void edges(int (*end)(void))
{
    event_data_t event;
    for (uint32_t seen = 0; seen != 3; seen |= 1u << event.state) {
        event = wait_event();
        EQUAL(event.type, OCRE_RESOURCE_TYPE_GPIO);
        EQUAL(event.id, SWITCH);
        EQUAL(event.port, PORT);
        TRUE(event.state <= 1);
    }
    EQUAL(end(), OK);
    ocre_sleep(7);
    EQUAL(next_event(&event), NO_MSG);
}

static int end_by_place(void)
{
    return ocre_gpio_unregister_callback(PORT, SWITCH);
}

static int end_by_name(void)
{
    return ocre_gpio_unregister_callback_by_name("sw0");
}

static void inputs_tell_their_edges(void)
{
    EQUAL(ocre_gpio_configure(PORT, SWITCH, OCRE_GPIO_DIR_INPUT), OK);
    EQUAL(ocre_gpio_pin_set(PORT, SWITCH, 1), NO_PERM);
    EQUAL(ocre_gpio_register_callback(PORT, SWITCH), OK);
    edges(end_by_place);
    EQUAL(ocre_gpio_register_callback_by_name("sw0"), OK);
    edges(end_by_name);
    int level = ocre_gpio_get_by_name("sw0");
    TRUE(level == 0 || level == 1);
    EQUAL(ocre_gpio_register_callback_by_name("hidden"), NO_PERM);
    EQUAL(ocre_gpio_unregister_callback_by_name("nothing"), NO_ENT);
}

static void sensors_by_number(void)
{
    EQUAL(ocre_sensors_init(), OK);
    EQUAL(ocre_sensors_discover(), 2);
    EQUAL(ocre_sensors_get_handle(0), 0);
    EQUAL(ocre_sensors_get_handle(1), 1);
    EQUAL(ocre_sensors_get_handle(2), IS_INVALID);
    EQUAL(ocre_sensors_open(1), OK);
    EQUAL(ocre_sensors_open(-1), IS_INVALID);
    EQUAL(ocre_sensors_get_channel_count(1), 2);
    EQUAL(ocre_sensors_get_channel_count(5), IS_INVALID);
    EQUAL(ocre_sensors_get_channel_type(1, 1), 16);
    EQUAL(ocre_sensors_get_channel_type(1, 2), IS_INVALID);
    TRUE(ocre_sensors_read(0, 13) == 21.0);
    TRUE(ocre_sensors_read(0, 13) == 21.5);
    TRUE(ocre_sensors_read(0, 13) == 21.0);
    TRUE(ocre_sensors_read(1, 13) == -19.25);
    TRUE(ocre_sensors_read(0, 16) == -22.0);
    TRUE(ocre_sensors_read(9, 13) == -22.0);
}

static void sensors_by_name(void)
{
    char names[3][CONFIG_MAX_SENSOR_NAME_LENGTH];
    EQUAL(ocre_sensors_get_list(names[0], 3), 2);
    BYTES(names[0], "temp", 5);
    BYTES(names[1], "climate", 8);
    EQUAL(ocre_sensors_get_list(names[0], 1), 1);
    EQUAL(ocre_sensors_get_list(names[0], -1), IS_INVALID);
    EQUAL(ocre_sensors_get_list(NOWHERE, 3), IS_INVALID);
    EQUAL(ocre_sensors_open_by_name("climate"), OK);
    EQUAL(ocre_sensors_open_by_name("hidden"), NO_PERM);
    EQUAL(ocre_sensors_get_handle_by_name("climate"), 1);
    EQUAL(ocre_sensors_get_channel_count_by_name("climate"), 2);
    EQUAL(ocre_sensors_get_channel_type_by_name("climate", 0), 13);
    EQUAL(ocre_sensors_get_channel_type_by_name("climate", 9), IS_INVALID);
    TRUE(ocre_sensors_read_by_name("climate", 16) == 40.0);
    TRUE(ocre_sensors_read_by_name("hidden", 13) == -1.0);
    TRUE(ocre_sensors_read_by_name(NOWHERE, 13) == -22.0);
}

void _start(void)
{
    RUN(uname_fills_six_fields);
    RUN(sleep_lasts_long_enough);
    RUN(dispatchers_must_be_exported);
    RUN(no_event_is_nomsg);
    RUN(timers_are_numbered_by_the_guest);
    RUN(timers_fire_once_or_again);
    RUN(messages_arrive_in_the_app_heap);
    RUN(messages_must_be_whole);
    RUN(a_message_without_room_waits);
    RUN(pins_by_place);
    RUN(pins_by_name);
    RUN(inputs_tell_their_edges);
    RUN(sensors_by_number);
    RUN(sensors_by_name);
    finish();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A container without any grant, though there are a mount (3), a board, a store and a network: each call says no. */
#include "ocre.h"
#include "sockets.h"
#include "thimble.h"

enum { DATA = 3 };

static void files(void)
{
    uint32_t fd, used;
    char bytes[8];
    EQUAL(path_open(DATA, 0, TEXT("f"), CREAT, RIGHT_READ, 0, 0, &fd), NOTCAPABLE);
    EQUAL(path_create_directory(DATA, TEXT("d")), NOTCAPABLE);
    EQUAL(path_remove_directory(DATA, TEXT("d")), NOTCAPABLE);
    EQUAL(path_unlink_file(DATA, TEXT("f")), NOTCAPABLE);
    EQUAL(path_filestat_get(DATA, 0, TEXT("f"), &(struct filestat){0}), NOTCAPABLE);
    EQUAL(path_filestat_set_times(DATA, 0, TEXT("f"), 0, 0, MTIM), NOTCAPABLE);
    EQUAL(path_link(DATA, 0, TEXT("f"), DATA, TEXT("g")), NOTCAPABLE);
    EQUAL(path_rename(DATA, TEXT("f"), DATA, TEXT("g")), NOTCAPABLE);
    EQUAL(path_symlink(TEXT("f"), DATA, TEXT("g")), NOTCAPABLE);
    EQUAL(path_readlink(DATA, TEXT("f"), bytes, 8, &used), NOTCAPABLE);
    EQUAL(fd_readdir(DATA, bytes, 8, 0, &used), NOTCAPABLE);
}

static void network(void)
{
    struct thimble_addr any = {.kind = IPV4}, there = loopback(IPV4, 9);
    struct thimble_addr_hints hints = {THIMBLE_SOCK_ANY, THIMBLE_INET_ANY, 1};
    struct thimble_addr_info entry;
    struct thimble_addr_ip group = {.kind = IPV4, .addr.ip4 = {224, 0, 0, 1}};
    uint32_t count;
    size_t sent;
    int tcp = open_socket(IPV4, STREAM), udp = open_socket(IPV4, DGRAM);
    EQUAL(thimble_sock_bind(tcp, &any), ACCES);
    EQUAL(thimble_sock_bind(udp, &there), ACCES);
    EQUAL(thimble_sock_listen(tcp, 1), ACCES);
    EQUAL(thimble_sock_connect(tcp, &there), ACCES);
    EQUAL(thimble_sock_connect(udp, &there), ACCES);
    EQUAL(thimble_sock_send_to(udp, (void *)&(struct buffer){"x", 1}, 1, 0, &there, &sent), ACCES);
    EQUAL(thimble_sock_addr_resolve("localhost", "", &hints, &entry, 1, &count), ACCES);
    EQUAL(thimble_sock_set_ip_add_membership(udp, &group, 0), ACCES);
}

static void ocre_timers_and_messages(void)
{
    EQUAL(ocre_timer_create(1), NO_PERM);
    EQUAL(ocre_timer_start(1, 1, 0), NO_PERM);
    EQUAL(ocre_timer_stop(1), NO_PERM);
    EQUAL(ocre_timer_delete(1), NO_PERM);
    EQUAL(ocre_timer_get_remaining(1), NO_PERM);
    EQUAL(ocre_publish_message("topic", "type", "x", 1), NO_PERM);
    EQUAL(ocre_subscribe_message("topic"), NO_PERM);
}

static void ocre_pins(void)
{
    EQUAL(ocre_gpio_init(), NO_PERM);
    EQUAL(ocre_gpio_configure(0, 13, 1), NO_PERM);
    EQUAL(ocre_gpio_pin_set(0, 13, 1), NO_PERM);
    EQUAL(ocre_gpio_pin_get(0, 13), NO_PERM);
    EQUAL(ocre_gpio_pin_toggle(0, 13), NO_PERM);
    EQUAL(ocre_gpio_register_callback(0, 11), NO_PERM);
    EQUAL(ocre_gpio_unregister_callback(0, 11), NO_PERM);
    /* Not even whether there is such a pin is told. */
    EQUAL(ocre_gpio_pin_get(9, 9), NO_PERM);
    const char *const names[] = {"led0", "nothing"};
    for (uint32_t index = 0; index < COUNT(names); index++) {
        EQUAL(ocre_gpio_configure_by_name(names[index], 1), NO_PERM);
        EQUAL(ocre_gpio_set_by_name(names[index], 1), NO_PERM);
        EQUAL(ocre_gpio_get_by_name(names[index]), NO_PERM);
        EQUAL(ocre_gpio_toggle_by_name(names[index]), NO_PERM);
        EQUAL(ocre_gpio_register_callback_by_name(names[index]), NO_PERM);
        EQUAL(ocre_gpio_unregister_callback_by_name(names[index]), NO_PERM);
    }
}

static void ocre_sensors(void)
{
    char name[CONFIG_MAX_SENSOR_NAME_LENGTH];
    EQUAL(ocre_sensors_init(), NO_PERM);
    EQUAL(ocre_sensors_discover(), NO_PERM);
    EQUAL(ocre_sensors_open(0), NO_PERM);
    EQUAL(ocre_sensors_get_handle(0), NO_PERM);
    EQUAL(ocre_sensors_get_channel_count(0), NO_PERM);
    EQUAL(ocre_sensors_get_channel_type(0, 0), NO_PERM);
    EQUAL(ocre_sensors_open_by_name("temp"), NO_PERM);
    EQUAL(ocre_sensors_get_handle_by_name("temp"), NO_PERM);
    EQUAL(ocre_sensors_get_channel_count_by_name("temp"), NO_PERM);
    EQUAL(ocre_sensors_get_channel_type_by_name("temp", 0), NO_PERM);
    EQUAL(ocre_sensors_get_list(name, 1), NO_PERM);
    TRUE(ocre_sensors_read(0, 13) == -1.0);
    TRUE(ocre_sensors_read_by_name("temp", 13) == -1.0);
}

static void thimble(void)
{
    char value[8];
    EQUAL(thimble_timer_create(1, 0), -PERM);
    EQUAL(thimble_timer_cancel(1), -PERM);
    EQUAL(thimble_bus_publish(TEXT("topic"), TEXT("t"), TEXT("x"), 0), -PERM);
    EQUAL(thimble_bus_subscribe(TEXT("topic")), -PERM);
    EQUAL(thimble_kv_get(TEXT("key"), value, 8), -PERM);
    EQUAL(thimble_kv_set(TEXT("key"), TEXT("x")), -PERM);
    EQUAL(thimble_kv_delete(TEXT("key")), -PERM);
    EQUAL(thimble_gpio_open(TEXT("led0")), -PERM);
    EQUAL(thimble_gpio_open(TEXT("nothing")), -PERM);
    EQUAL(thimble_sensor_open(TEXT("temp")), -PERM);
    EQUAL(thimble_sensor_open(TEXT("nothing")), -PERM);
}

static void what_needs_no_grant_still_works(void)
{
    struct fdstat stat;
    EQUAL(fd_fdstat_get(DATA, &stat), OK);
    EQUAL(thimble_log(THIMBLE_LOG_INFO, TEXT("still here")), 0);
    EQUAL(thimble_event_wait(0, &stat, sizeof stat), 0);
    EQUAL(ocre_sleep(1), 0);
}

void _start(void)
{
    RUN(files);
    RUN(network);
    RUN(ocre_timers_and_messages);
    RUN(ocre_pins);
    RUN(ocre_sensors);
    RUN(thimble);
    RUN(what_needs_no_grant_still_works);
    finish();
}

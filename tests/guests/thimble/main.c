/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Module `thimble`. Grants: timer, kv, gpio:led0, gpio:sw0, sensor:climate, and the bus for `conform/#`; the board is
 * board.toml, and the store is empty.
 */
#include "check.h"
#include "thimble.h"

enum { MS = 1000000 };

static _Alignas(8) uint8_t record[4096];

static void the_version_is_told(void)
{
    EQUAL(thimble_abi_version(), THIMBLE_ABI_VERSION);
}

static void waiting_without_events_ends_in_time(void)
{
    EQUAL(thimble_event_wait(0, record, sizeof record), 0);
    uint64_t before = now();
    EQUAL(thimble_event_wait(3, record, sizeof record), 0);
    TRUE(now() - before >= 3 * MS);
    EQUAL(thimble_event_wait(0, NOWHERE, 16), -FAULT);
    EQUAL(thimble_event_wait(0, record, UINT32_MAX), -FAULT);
}

static void timers_fire_once_or_again(void)
{
    const struct thimble_timer_event *timer = (void *)record;
    uint64_t before = now();
    /* In this order: however long the guest is kept from running in between, the one that fires once is due first. */
    int once = thimble_timer_create(1, 0), periodic = thimble_timer_create(2, 2);
    TRUE(periodic > 0 && once > 0 && periodic != once);
    EQUAL(thimble_event_wait(-1, record, sizeof record), 24);
    EQUAL(timer->event.kind, THIMBLE_EVENT_TIMER);
    EQUAL(timer->event.id, once);
    TRUE(timer->event.time_ns >= before + 1 * MS && timer->event.time_ns <= now());
    for (int round = 0; round < 2; round++) {
        EQUAL(thimble_event_wait(-1, record, sizeof record), 24);
        EQUAL(timer->event.id, periodic);
    }
    uint64_t until = now() + 9 * MS;
    while (now() < until) {
    }
    EQUAL(thimble_event_wait(0, record, sizeof record), 24);
    TRUE(timer->missed >= 3);
    EQUAL(thimble_timer_cancel(periodic), 0);
    EQUAL(thimble_timer_cancel(periodic), -NOENT);
    EQUAL(thimble_timer_cancel(once), -NOENT);
    EQUAL(thimble_event_wait(3, record, sizeof record), 0);
    EQUAL(thimble_timer_create(-1, 0), -INVAL);
    EQUAL(thimble_timer_create(0, -1), -INVAL);
}

static void a_record_that_does_not_fit_stays(void)
{
    int timer = thimble_timer_create(0, 0);
    TRUE(timer > 0);
    EQUAL(thimble_event_wait(-1, record, 23), -OVERFLOW);
    EQUAL(*(uint32_t *)record, 24);
    EQUAL(thimble_event_wait(-1, record, 0), -OVERFLOW);
    EQUAL(thimble_event_wait(-1, record, 24), 24);
    EQUAL(thimble_event_wait(0, record, sizeof record), 0);
}

static int publish(const char *topic, const char *payload, uint32_t flags)
{
    return thimble_bus_publish(topic, length(topic), TEXT("text/plain"), payload, length(payload), flags);
}

static void expect_message(int subscription, const char *topic, const char *payload)
{
    const struct thimble_message_event *message = (void *)record;
    uint32_t size = THIMBLE_MESSAGE_HEADER_LEN + length(topic) + 10 + length(payload);
    EQUAL(thimble_event_wait(-1, record, sizeof record), size);
    EQUAL(message->event.kind, THIMBLE_EVENT_MESSAGE);
    EQUAL(message->event.id, subscription);
    EQUAL(message->topic_len, length(topic));
    BYTES(thimble_message_topic(message), topic, message->topic_len);
    EQUAL(message->content_type_len, 10);
    BYTES(thimble_message_content_type(message), "text/plain", 10);
    EQUAL(message->payload_len, length(payload));
    BYTES(thimble_message_payload(message), payload, message->payload_len);
}

static void times_have_no_end(void)
{
    int far = thimble_timer_create(INT64_MAX, INT64_MAX), near = thimble_timer_create(1, INT64_MAX);
    TRUE(far > 0 && near > 0);
    EQUAL(thimble_event_wait(INT64_MAX, record, sizeof record), 24);
    EQUAL(((struct thimble_event *)record)->id, near);
    EQUAL(thimble_event_wait(1, record, sizeof record), 0);
    EQUAL(thimble_timer_cancel(near), 0);
    EQUAL(thimble_timer_cancel(far), 0);
    near = thimble_timer_create(1, 0);
    EQUAL(thimble_event_wait(INT64_MIN, record, sizeof record), 24);
    EQUAL(((struct thimble_event *)record)->id, near);
}

static void messages_reach_their_subscribers(void)
{
    EQUAL(publish("conform/a", "nobody", 0), 0);
    int one = thimble_bus_subscribe(TEXT("conform/+")), all = thimble_bus_subscribe(TEXT("conform/#"));
    TRUE(one > 0 && all > one);
    EQUAL(publish("conform/a", "first", 0), 1);
    expect_message(one, "conform/a", "first");
    EQUAL(publish("conform/a/b", "deep", 0), 1);
    expect_message(all, "conform/a/b", "deep");
    EQUAL(publish("conform/a", "", 0), 1);
    expect_message(one, "conform/a", "");
    EQUAL(publish("conform/a", "dropped", 0), 1);
    EQUAL(thimble_bus_unsubscribe(one), 0);
    EQUAL(thimble_bus_unsubscribe(one), -NOENT);
    EQUAL(thimble_event_wait(0, record, sizeof record), 0);
    EQUAL(thimble_bus_unsubscribe(all), 0);
    EQUAL(publish("conform/a", "nobody", 0), 0);
}

static void retained_messages_wait_for_subscribers(void)
{
    EQUAL(publish("conform/kept", "old", THIMBLE_RETAIN), 0);
    EQUAL(publish("conform/kept", "new", THIMBLE_RETAIN), 0);
    int late = thimble_bus_subscribe(TEXT("conform/kept"));
    expect_message(late, "conform/kept", "new");
    EQUAL(publish("conform/kept", "", THIMBLE_RETAIN), 1);
    expect_message(late, "conform/kept", "");
    EQUAL(thimble_bus_unsubscribe(late), 0);
    late = thimble_bus_subscribe(TEXT("conform/kept"));
    EQUAL(thimble_event_wait(0, record, sizeof record), 0);
    EQUAL(thimble_bus_unsubscribe(late), 0);
}

static void bad_topics_and_pointers_are_refused(void)
{
    EQUAL(publish("conform/+", "x", 0), -INVAL);
    EQUAL(publish("", "x", 0), -INVAL);
    EQUAL(publish("conform/a", "x", 2), -INVAL);
    EQUAL(publish("elsewhere", "x", 0), -PERM);
    EQUAL(thimble_bus_publish(NOWHERE, 1, TEXT("t"), TEXT("x"), 0), -FAULT);
    EQUAL(thimble_bus_publish(TEXT("conform/a"), NOWHERE, 1, TEXT("x"), 0), -FAULT);
    EQUAL(thimble_bus_publish(TEXT("conform/a"), TEXT("t"), NOWHERE, 1, 0), -FAULT);
    EQUAL(thimble_bus_publish(TEXT("\xff"), TEXT("t"), TEXT("x"), 0), -ILSEQ);
    EQUAL(thimble_bus_subscribe(TEXT("conform/#/x")), -INVAL);
    EQUAL(thimble_bus_subscribe(TEXT("#")), -PERM);
    EQUAL(thimble_bus_subscribe(NOWHERE, 3), -FAULT);
    EQUAL(thimble_bus_unsubscribe(0), -NOENT);
}

static void keys_keep_values(void)
{
    uint8_t value[16];
    EQUAL(thimble_kv_get(TEXT("key"), value, sizeof value), -NOENT);
    EQUAL(thimble_kv_delete(TEXT("key")), -NOENT);
    EQUAL(thimble_kv_set(TEXT("key"), TEXT("value")), 0);
    EQUAL(thimble_kv_get(TEXT("key"), value, sizeof value), 5);
    BYTES(value, "value", 5);
    EQUAL(thimble_kv_set(TEXT("key"), TEXT("longer value")), 0);
    EQUAL(thimble_kv_get(TEXT("key"), value, 4), -OVERFLOW);
    EQUAL(*(uint32_t *)value, 12);
    EQUAL(thimble_kv_get(TEXT("key"), value, 12), 12);
    EQUAL(thimble_kv_set(TEXT("empty\0/.."), TEXT("")), 0);
    EQUAL(thimble_kv_get(TEXT("empty\0/.."), value, sizeof value), 0);
    EQUAL(thimble_kv_delete(TEXT("key")), 0);
    EQUAL(thimble_kv_get(TEXT("key"), value, sizeof value), -NOENT);
    EQUAL(thimble_kv_get(TEXT(""), value, sizeof value), -INVAL);
    EQUAL(thimble_kv_set((const char *)record, 257, "", 0), -NAMETOOLONG);
    EQUAL(thimble_kv_get(NOWHERE, 3, value, sizeof value), -FAULT);
    EQUAL(thimble_kv_get(TEXT("empty\0/.."), NOWHERE, 3), -FAULT);
    EQUAL(thimble_kv_set(TEXT("key"), NOWHERE, 3), -FAULT);
    EQUAL(thimble_kv_delete(NOWHERE, 3), -FAULT);
}

static void the_operator_is_told(void)
{
    EQUAL(thimble_log(THIMBLE_LOG_INFO, TEXT("a line of the log")), 0);
    EQUAL(thimble_log(THIMBLE_LOG_TRACE, TEXT("")), 0);
    EQUAL(thimble_log(5, TEXT("x")), -INVAL);
    EQUAL(thimble_log(THIMBLE_LOG_INFO, NOWHERE, 1), -FAULT);
    EQUAL(thimble_log(THIMBLE_LOG_INFO, TEXT("\xc3")), -ILSEQ);
    EQUAL(thimble_health_report(THIMBLE_DEGRADED, TEXT("not at my best")), 0);
    EQUAL(thimble_health_report(3, TEXT("x")), -INVAL);
    EQUAL(thimble_health_report(THIMBLE_HEALTHY, NOWHERE, 1), -FAULT);
    static char text[8193];
    memset(text, 'x', sizeof text);
    EQUAL(thimble_log(THIMBLE_LOG_ERROR, text, 8193), -MSGSIZE);
    EQUAL(thimble_health_report(THIMBLE_HEALTHY, text, 8193), -MSGSIZE);
    EQUAL(thimble_update_veto(1), 0);
    EQUAL(thimble_update_veto(2), -INVAL);
    EQUAL(thimble_update_answer(1, 1, TEXT("nobody asked")), -NOENT);
    EQUAL(thimble_update_answer(1, 2, TEXT("")), -INVAL);
    EQUAL(thimble_update_answer(1, 1, NOWHERE, 1), -FAULT);
    EQUAL(thimble_update_veto(0), 0);
}

static void outputs_are_driven(void)
{
    int led = thimble_gpio_open(TEXT("led0"));
    TRUE(led > 0);
    EQUAL(thimble_gpio_open(TEXT("led0")), led);
    EQUAL(thimble_gpio_get(led), 0);
    EQUAL(thimble_gpio_set(led, 1), 0);
    EQUAL(thimble_gpio_get(led), 1);
    EQUAL(thimble_gpio_set(led, 2), -INVAL);
    EQUAL(thimble_gpio_watch(led, 1), -INVAL);
    EQUAL(thimble_gpio_set(0, 1), -BADF);
    EQUAL(thimble_gpio_get(99), -BADF);
    EQUAL(thimble_gpio_watch(-1, 1), -BADF);
    EQUAL(thimble_gpio_open(TEXT("hidden")), -PERM);
    EQUAL(thimble_gpio_open(TEXT("nothing")), -NOENT);
    EQUAL(thimble_gpio_open(NOWHERE, 4), -FAULT);
}

static void inputs_tell_their_edges(void)
{
    const struct thimble_gpio_event *edge = (void *)record;
    int button = thimble_gpio_open(TEXT("sw0"));
    TRUE(button > 0);
    EQUAL(thimble_gpio_set(button, 1), -INVAL);
    EQUAL(thimble_gpio_watch(button, 2), -INVAL);
    EQUAL(thimble_gpio_watch(button, 1), 0);
    /* Until it has gone up and down. */
    for (uint32_t seen = 0; seen != 3; seen |= 1u << edge->level) {
        EQUAL(thimble_event_wait(-1, record, sizeof record), 28);
        EQUAL(edge->event.kind, THIMBLE_EVENT_GPIO);
        EQUAL(edge->event.id, button);
        EQUAL(edge->port, 0);
        EQUAL(edge->pin, 11);
        TRUE(edge->level <= 1);
    }
    EQUAL(thimble_gpio_watch(button, 0), 0);
    EQUAL(thimble_event_wait(7, record, sizeof record), 0);
}

static void sensors_are_read(void)
{
    double value = 0;
    int sensor = thimble_sensor_open(TEXT("climate"));
    TRUE(sensor > 0);
    EQUAL(thimble_sensor_open(TEXT("climate")), sensor);
    EQUAL(thimble_sensor_read(sensor, 1, &value), 0);
    TRUE(value == 40.0);
    EQUAL(thimble_sensor_read(sensor, 0, &value), 0);
    TRUE(value == -19.25);
    EQUAL(thimble_sensor_read(sensor, 2, &value), -INVAL);
    EQUAL(thimble_sensor_read(0, 0, &value), -BADF);
    EQUAL(thimble_sensor_read(sensor, 0, NOWHERE), -FAULT);
    EQUAL(thimble_sensor_open(TEXT("temp")), -PERM);
    EQUAL(thimble_sensor_open(TEXT("nothing")), -NOENT);
    EQUAL(thimble_sensor_open(NOWHERE, 4), -FAULT);
}

void _start(void)
{
    RUN(the_version_is_told);
    RUN(waiting_without_events_ends_in_time);
    RUN(timers_fire_once_or_again);
    RUN(a_record_that_does_not_fit_stays);
    RUN(times_have_no_end);
    RUN(messages_reach_their_subscribers);
    RUN(retained_messages_wait_for_subscribers);
    RUN(bad_topics_and_pointers_are_refused);
    RUN(keys_keep_values);
    RUN(the_operator_is_told);
    RUN(outputs_are_driven);
    RUN(inputs_tell_their_edges);
    RUN(sensors_are_read);
    finish();
}

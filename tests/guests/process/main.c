/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments, environment, randomness, clocks, waiting for them, and signals. Arguments: the name, an empty one,
 * "two words" and "\xcf\x80"; environment: `A=bc` and `EMPTY=`. A fifth argument is a signal to raise, or `exit` and
 * the check that is run is that one alone.
 */
#include "check.h"

enum { MS = 1000000 };

static uint8_t bytes[8192];
static uint32_t list[64];

static void arguments_are_whole(void)
{
    uint32_t count = 0, size = 0;
    EQUAL(args_sizes_get(&count, &size), OK);
    EQUAL(count, 4);
    EQUAL(size, sizeof "process" + sizeof "" + sizeof "two words" + sizeof "\xcf\x80");
    bytes[size] = 0x55;
    EQUAL(args_get(list, bytes), OK);
    EQUAL(list[0], (uint32_t)(uintptr_t)bytes);
    BYTES((char *)list[0], "process", 8);
    BYTES((char *)list[1], "", 1);
    BYTES((char *)list[2], "two words", 10);
    BYTES((char *)list[3], "\xcf\x80", 3);
    EQUAL(bytes[size], 0x55);
    EQUAL(args_get(NOWHERE, bytes), FAULT);
    EQUAL(args_get(list, NOWHERE), FAULT);
    EQUAL(args_sizes_get(NOWHERE, &size), FAULT);
    EQUAL(args_sizes_get(&count, NOWHERE), FAULT);
}

static void environment_is_whole(void)
{
    uint32_t count = 0, size = 0;
    EQUAL(environ_sizes_get(&count, &size), OK);
    EQUAL(count, 2);
    EQUAL(size, sizeof "A=bc" + sizeof "EMPTY=");
    EQUAL(environ_get(list, bytes), OK);
    BYTES((char *)list[0], "A=bc", 5);
    BYTES((char *)list[1], "EMPTY=", 7);
    EQUAL(environ_get(NOWHERE, bytes), FAULT);
    EQUAL(environ_get(list, NOWHERE), FAULT);
    EQUAL(environ_sizes_get(NOWHERE, &size), FAULT);
    EQUAL(environ_sizes_get(&count, NOWHERE), FAULT);
}

static void random_bytes_differ(void)
{
    uint32_t ones = 0;
    memset(bytes, 0, sizeof bytes);
    EQUAL(random_get(bytes, sizeof bytes), OK);
    for (uint32_t at = 0; at < sizeof bytes; at++)
        ones += (uint32_t)__builtin_popcount(bytes[at]);
    /* 32768 expected; a deviation of ten standard deviations does not happen. */
    TRUE(ones > 32768 - 1280 && ones < 32768 + 1280);
    uint8_t others[32];
    EQUAL(random_get(others, sizeof others), OK);
    TRUE(!same(bytes, others, sizeof others));
    EQUAL(random_get(bytes, 0), OK);
    EQUAL(random_get(NOWHERE, 1), FAULT);
    EQUAL(random_get(bytes, UINT32_MAX), FAULT);
}

static void clocks_tell_the_time(void)
{
    uint64_t resolution, before, after, realtime;
    for (uint32_t id = REALTIME; id <= THREAD_CPUTIME; id++) {
        EQUAL(clock_res_get(id, &resolution), OK);
        TRUE(resolution > 0 && resolution <= 20 * MS);
        EQUAL(clock_time_get(id, 0, &before), OK);
        EQUAL(clock_time_get(id, UINT64_MAX, &after), OK);
        TRUE(after >= before);
    }
    EQUAL(clock_time_get(REALTIME, 0, &realtime), OK);
    TRUE(realtime > UINT64_C(1700000000) * 1000 * MS);
    EQUAL(clock_res_get(4, &resolution), INVAL);
    EQUAL(clock_time_get(4, 0, &before), INVAL);
    EQUAL(clock_res_get(REALTIME, NOWHERE), FAULT);
    EQUAL(clock_time_get(REALTIME, 0, NOWHERE), FAULT);
}

static void processor_time_counts_work_not_sleep(void)
{
    uint64_t before, after;
    EQUAL(clock_time_get(PROCESS_CPUTIME, 0, &before), OK);
    uint64_t until = now() + 5 * MS;
    while (now() < until) {
    }
    EQUAL(clock_time_get(PROCESS_CPUTIME, 0, &after), OK);
    TRUE(after > before);
}

static struct subscription after_nanos(uint32_t id, uint64_t nanos, uint16_t flags)
{
    struct subscription timer = {.userdata = 0xfeedface00000000 | id, .type = POLL_CLOCK};
    timer.clock.id = id;
    timer.clock.timeout = nanos;
    timer.clock.flags = flags;
    return timer;
}

static void waiting_for_a_clock_lasts_long_enough(void)
{
    struct event event;
    uint32_t happened;
    for (uint32_t id = REALTIME; id <= MONOTONIC; id++) {
        struct subscription timer = after_nanos(id, 3 * MS, 0);
        uint64_t before = now();
        EQUAL(poll_oneoff(&timer, &event, 1, &happened), OK);
        TRUE(now() - before >= 3 * MS);
        EQUAL(happened, 1);
        EQUAL(event.userdata, timer.userdata);
        EQUAL(event.error, OK);
        EQUAL(event.type, POLL_CLOCK);
        uint64_t start;
        EQUAL(clock_time_get(id, 0, &start), OK);
        timer = after_nanos(id, start + 3 * MS, ABSTIME);
        EQUAL(poll_oneoff(&timer, &event, 1, &happened), OK);
        EQUAL(event.error, OK);
        uint64_t end;
        EQUAL(clock_time_get(id, 0, &end), OK);
        TRUE(end - start >= 3 * MS);
        timer = after_nanos(id, 1, ABSTIME);
        EQUAL(poll_oneoff(&timer, &event, 1, &happened), OK);
        EQUAL(happened, 1);
    }
}

static void the_earliest_of_several_wakes(void)
{
    struct subscription timers[3] = {
        after_nanos(MONOTONIC, UINT64_MAX, 0), after_nanos(MONOTONIC, 2 * MS, 0), after_nanos(REALTIME, UINT64_MAX, ABSTIME)};
    struct event events[3];
    uint32_t happened = 0;
    timers[1].userdata = 42;
    EQUAL(poll_oneoff(timers, events, 3, &happened), OK);
    EQUAL(happened, 1);
    EQUAL(events[0].userdata, 42);
    timers[0] = timers[1];
    timers[0].clock.timeout = 0;
    timers[1].clock.timeout = 0;
    EQUAL(poll_oneoff(timers, events, 3, &happened), OK);
    EQUAL(happened, 2);
}

static void what_cannot_be_waited_for_is_an_event_with_an_error(void)
{
    struct subscription list[3] = {after_nanos(PROCESS_CPUTIME, 1, 0), after_nanos(9, 1, 0), after_nanos(MONOTONIC, 1, 2)};
    struct event events[3];
    uint32_t happened;
    EQUAL(poll_oneoff(list, events, 3, &happened), OK);
    EQUAL(happened, 3);
    EQUAL(events[0].error, NOTSUP);
    EQUAL(events[1].error, INVAL);
    EQUAL(events[2].error, INVAL);
    list[0].type = POLL_READ;
    list[0].fd = 99;
    list[1].type = POLL_WRITE;
    list[1].fd = 99;
    EQUAL(poll_oneoff(list, events, 2, &happened), OK);
    EQUAL(happened, 2);
    EQUAL(events[0].error, BADF);
    EQUAL(events[1].error, BADF);
    EQUAL(events[1].type, POLL_WRITE);
    list[0].type = 3;
    EQUAL(poll_oneoff(list, events, 1, &happened), INVAL);
    EQUAL(poll_oneoff(list, events, 0, &happened), INVAL);
    EQUAL(poll_oneoff(NOWHERE, events, 1, &happened), FAULT);
    EQUAL(poll_oneoff(list, NOWHERE, 1, &happened), FAULT);
    EQUAL(poll_oneoff(list, events, 1, NOWHERE), FAULT);
}

static void yielding_goes_on(void)
{
    for (int round = 0; round < 100; round++)
        EQUAL(sched_yield(), OK);
}

static void harmless_signals_do_nothing(void)
{
    const uint32_t harmless[] = {0, 16, 17, 22, 27};
    for (uint32_t index = 0; index < COUNT(harmless); index++)
        EQUAL(proc_raise(harmless[index]), OK);
    EQUAL(proc_raise(31), INVAL);
    EQUAL(proc_raise(UINT32_MAX), INVAL);
}

/* With a fifth argument: ends as it says. */
static void end_as_told(void)
{
    uint32_t count, size;
    if (args_sizes_get(&count, &size) != OK || count < 5 || args_get(list, bytes) != OK)
        return;
    const char *word = (const char *)list[4];
    if (same(word, "exit", 5))
        proc_exit(77);
    uint32_t signal = 0;
    for (; *word != '\0'; word++)
        signal = signal * 10 + (uint32_t)(*word - '0');
    proc_raise(signal);
    proc_exit(1);
}

void _start(void)
{
    end_as_told();
    RUN(arguments_are_whole);
    RUN(environment_is_whole);
    RUN(random_bytes_differ);
    RUN(clocks_tell_the_time);
    RUN(processor_time_counts_work_not_sleep);
    RUN(waiting_for_a_clock_lasts_long_enough);
    RUN(the_earliest_of_several_wakes);
    RUN(what_cannot_be_waited_for_is_an_event_with_an_error);
    RUN(yielding_goes_on);
    RUN(harmless_signals_do_nothing);
    finish();
}

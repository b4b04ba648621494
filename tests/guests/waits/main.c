/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints `ready` and then, by its argument, waits in one call for ever, or computes. Descriptor 3 is a listener; a
 * wait that the test can end (`read`, `accept`, `sleep`) is followed by `done` and the exit code 9.
 */
#include "ocre.h"
#include "sockets.h"

static uint8_t bytes[256];
static uint32_t list[8];

static bool is(const char *mode)
{
    return same((const char *)list[1], mode, length(mode) + 1);
}

static uint8_t large[4096];

static void wait_for_ever(void)
{
    uint32_t done;
    int fds[2];
    size_t received;
    if (is("spin"))
        for (;;)
            __asm__ volatile("");
    if (is("yield"))
        for (;;)
            sched_yield();
    if (is("clock"))
        for (uint64_t time;;)
            clock_time_get(MONOTONIC, 0, &time);
    if (is("sleep"))
        EQUAL(ocre_sleep(-1), OK);
    if (is("nap"))
        EQUAL(ocre_sleep(1), OK);
    if (is("poll"))
        ready(3, POLL_READ);
    if (is("read")) {
        EQUAL(fd_read(0, &(struct buffer){bytes, 1}, 1, &done), OK);
        EQUAL(done, 1);
    }
    if (is("accept"))
        EQUAL(thimble_sock_accept(3, 0, fds), OK);
    if (is("receive")) {
        connection(IPV4, fds);
        receive_bytes(fds[0], bytes, 1, 0, &received);
    }
    if (is("send")) {
        connection(IPV4, fds);
        while (send_bytes(fds[0], large, sizeof large, &received) == OK) {
        }
    }
}

void _start(void)
{
    EQUAL(args_get(list, bytes), OK);
    write_text(1, "ready\n");
    wait_for_ever();
    write_text(1, "done\n");
    proc_exit(9);
}

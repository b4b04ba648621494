/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hears that it should stop. By its argument it ends with code 5 (`obeys`), goes on (`ignores`), or computes without
 * asking for events (`busy`). It prints `ready` first and `told` when it hears.
 */
#include "check.h"
#include "thimble.h"

static uint8_t bytes[256];
static uint32_t list[8];

void _start(void)
{
    static struct thimble_stop_event event;
    EQUAL(args_get(list, bytes), OK);
    char mode = *(const char *)list[1];
    write_text(1, "ready\n");
    while (mode == 'b')
        __asm__ volatile("");
    EQUAL(thimble_event_wait(-1, &event, sizeof event), 24);
    EQUAL(event.event.kind, THIMBLE_EVENT_STOP);
    EQUAL(event.event.id, 0);
    TRUE(event.grace_ms > 0);
    write_text(1, "told\n");
    if (mode == 'o')
        proc_exit(5);
    thimble_event_wait(-1, &event, sizeof event);
    proc_exit(1);
}

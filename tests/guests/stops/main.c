/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hears that it should stop. By its argument it ends with code 5 (`obeys`), goes on (`ignores`), or computes without
 * asking for events (`busy`). With `vetoes` it wants to be asked before it is replaced, says no, and ends with code 6. It
 * prints `ready` first and `told` when it hears.
 */
#include "check.h"
#include "thimble.h"

static uint8_t bytes[256];
static uint32_t list[8];

static void veto(void)
{
    static struct thimble_update_event event;
    EQUAL(thimble_event_wait(-1, &event, sizeof event), 24);
    EQUAL(event.event.kind, THIMBLE_EVENT_UPDATE);
    EQUAL(event.event.id, 7);
    TRUE(event.left_ms > 0);
    EQUAL(thimble_update_answer(8, 0, TEXT("busy")), -NOENT);
    EQUAL(thimble_update_answer(7, 0, TEXT("busy")), 0);
    EQUAL(thimble_update_answer(7, 1, TEXT("")), -NOENT);
    write_text(1, "told\n");
    proc_exit(6);
}

void _start(void)
{
    static struct thimble_stop_event event;
    EQUAL(args_get(list, bytes), OK);
    char mode = *(const char *)list[1];
    if (mode == 'v')
        EQUAL(thimble_update_veto(1), 0);
    write_text(1, "ready\n");
    if (mode == 'v')
        veto();
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

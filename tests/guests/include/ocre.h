/* SPDX-License-Identifier: Apache-2.0 */
/* ocre.h: module `env` as ocre_api.h imports it. */
#ifndef CONFORM_OCRE_H
#define CONFORM_OCRE_H

#include "check.h"

#define OCRE_API_IMPORTS_ONLY
#include "ocre_api.h"

/* Ocre's header declares it; ours defines it in the guest. */
OCRE_IMPORT("ocre_msg_system_init") int imported_msg_system_init(void);

/* What `env` answers: minus Linux error numbers. */
enum { NO_PERM = -1, NO_ENT = -2, NO_MEM = -12, IS_BUSY = -16, NO_DEV = -19, IS_INVALID = -22, NO_MSG = -42, NO_SUPPORT = -95 };

static inline int next_event(event_data_t *event)
{
    uint32_t at = (uint32_t)(uintptr_t)event;
    return ocre_get_event(at, at + 4, at + 8, at + 12, at + 16, at + 20);
}

/* Waits for the next event by polling, as Ocre's guests do. */
static inline event_data_t wait_event(void)
{
    event_data_t event;
    int error;
    while ((error = next_event(&event)) == NO_MSG)
        ocre_sleep(1);
    EQUAL(error, OK);
    return event;
}

#endif /* CONFORM_OCRE_H */

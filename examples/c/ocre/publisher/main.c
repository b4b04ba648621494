/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishes a temperature every second as the samples of Ocre's SDK do, for ever. Its partner is ../subscriber;
 * ../blinky tells how they are linked.
 *
 *   thimble run publisher-ocre.wasm --allow timer --allow bus.pub:temperature/#
 */
#include <ocre_api.h>
#include <stdio.h>
#include <string.h>

#define TOPIC "temperature/room1"
#define CONTENT_TYPE "text/plain"
#define TIMER 1
#define INTERVAL_MS 1000

static int count;

static void publish(void)
{
    char payload[64];
    int tenths = 215 + count % 20;
    snprintf(payload, sizeof(payload), "reading %d: %d.%d C", count++, tenths / 10, tenths % 10);

    int result = ocre_publish_message(TOPIC, CONTENT_TYPE, payload, (int)strlen(payload) + 1);
    if (result == OCRE_SUCCESS)
        printf("Published: topic=%s, content_type=%s, payload=%s\n", TOPIC, CONTENT_TYPE, payload);
    else
        printf("Nobody listens to %s: %d\n", TOPIC, result);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    printf("=== Publisher on %s ===\n", TOPIC);

    if (ocre_timer_create(TIMER) != OCRE_SUCCESS ||
        ocre_register_timer_callback(TIMER, publish) != OCRE_SUCCESS ||
        ocre_timer_start(TIMER, INTERVAL_MS, true) != OCRE_SUCCESS) {
        printf("Error: cannot start timer %d\n", TIMER);
        return -1;
    }
    while (1)
        ocre_process_events();
}

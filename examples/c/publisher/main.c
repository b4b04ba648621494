/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishes messages for other containers, on Ocre's interface. Its partner is ../subscriber.
 *
 *   thimble run publisher-c.wasm --allow timer --allow bus.pub:demo/# [COUNT [INTERVAL_MS]]
 *
 * Every INTERVAL_MS milliseconds (1000) it publishes "message N" to `demo/greeting`. The number goes up
 * only when somebody got the message, so it does not matter who starts first. It ends after COUNT
 * deliveries (10); if nobody listened to 1000 attempts it gives up with exit code 1.
 */
#include <ocre_api.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMER = 1, ATTEMPTS_MAX = 1000 };
static const char TOPIC[] = "demo/greeting";

static int delivered;
static int attempts;
static bool waiting;

static void publish(void)
{
    char text[32];
    int length = snprintf(text, sizeof text, "message %d", delivered + 1);

    attempts++;
    /* The length counts the zero byte too: the receiver can then use the payload as a C string. */
    int result = ocre_publish_message(TOPIC, "text/plain", text, length + 1);
    if (result == 0) {
        delivered++;
        waiting = false;
        printf("published \"%s\" to %s\n", text, TOPIC);
    } else if (!waiting) {
        waiting = true; /* say it once, not every time */
        printf("nobody gets it (%d), trying again\n", result);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 10;
    int interval_ms = argc > 2 ? atoi(argv[2]) : 1000;

    if (ocre_timer_create(TIMER) != 0 || ocre_register_timer_callback(TIMER, publish) != 0 ||
        ocre_timer_start(TIMER, interval_ms, true) != 0) {
        fprintf(stderr, "cannot start a timer: is it granted? (--allow timer)\n");
        return 1;
    }
    while (delivered < count && attempts < ATTEMPTS_MAX)
        ocre_process_events();

    printf("%d of %d delivered\n", delivered, count);
    return delivered < count;
}

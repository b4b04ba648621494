/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receives temperatures as the samples of Ocre's SDK do, for ever. Its partner is ../publisher; ../blinky tells
 * how they are linked.
 *
 *   thimble run subscriber-ocre.wasm --allow bus.sub:temperature/#
 */
#include <ocre_api.h>
#include <stdio.h>

#define TOPIC "temperature/"

static int received;

static void receive(const char *topic, const char *content_type, const void *payload,
                    uint32_t payload_len)
{
    received++;
    printf("Received %d: topic=%s, content_type=%s, payload=%.*s\n", received, topic, content_type,
           (int)payload_len, (const char *)payload);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);

    if (ocre_register_message_callback(TOPIC, receive) != OCRE_SUCCESS ||
        ocre_subscribe_message(TOPIC) != OCRE_SUCCESS) {
        printf("Error: cannot subscribe to %s\n", TOPIC);
        return -1;
    }
    printf("=== Subscriber to %s ===\n", TOPIC);
    while (1)
        ocre_process_events();
}

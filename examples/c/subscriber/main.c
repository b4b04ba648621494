/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receives messages from other containers, on Ocre's interface. Its partner is ../publisher.
 *
 *   thimble run subscriber-c.wasm --allow bus.sub:demo/# [COUNT]
 *
 * Prints what arrives on topics that begin with `demo/` and ends after COUNT messages (5).
 */
#include <ocre_api.h>
#include <stdio.h>
#include <stdlib.h>

static const char PREFIX[] = "demo/";

static int received;

/* Runs for each message. The pointers are good until it returns. */
static void receive(const char *topic, const char *content_type, const void *payload,
                    uint32_t payload_len)
{
    const char *text = payload;
    int length = (int)payload_len;

    if (length > 0 && text[length - 1] == '\0')
        length--; /* our publisher sends the zero byte of a C string along */
    received++;
    printf("%s (%s): %.*s\n", topic, content_type, length, text);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 5;

    if (ocre_register_message_callback(PREFIX, receive) != 0 || ocre_subscribe_message(PREFIX) != 0) {
        fprintf(stderr, "cannot subscribe: is it granted? (--allow bus.sub:demo/#)\n");
        return 1;
    }
    printf("subscribed to %s\n", PREFIX);
    fflush(stdout);
    while (received < count)
        ocre_process_events();

    printf("received %d\n", received);
    return 0;
}

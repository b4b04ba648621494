/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits. 1 MiB of memory, 8 descriptors, 2 sockets, 3 timers, 2 subscriptions, a queue of 3 messages, messages of
 * 64 bytes, a store of 256 bytes. Everything is granted; descriptor 3 is an empty directory.
 */
#include "ocre.h"
#include "sockets.h"
#include "thimble.h"

enum { DATA = 3, PAGES = 16 };

static _Alignas(8) uint8_t record[512];

static int grow(int pages)
{
    return (int)__builtin_wasm_memory_grow(0, (size_t)pages);
}

static void memory_ends_at_its_limit(void)
{
    int pages = (int)__builtin_wasm_memory_size(0);
    TRUE(pages < PAGES);
    EQUAL(grow(PAGES - pages + 1), -1);
    EQUAL(__builtin_wasm_memory_size(0), pages);
    EQUAL(grow(PAGES - pages), pages);
    EQUAL(grow(1), -1);
    EQUAL(grow(0), PAGES);
    volatile uint8_t *last = (volatile uint8_t *)(PAGES * 65536 - 1);
    EQUAL(*last, 0);
    *last = 1;
    EQUAL(*last, 1);
    struct buffer beyond = {(const void *)last, 2};
    uint32_t done;
    EQUAL(fd_write(2, &beyond, 1, &done), FAULT);
}

static void descriptors_end_at_their_limit(void)
{
    uint32_t fds[4], fd;
    for (uint32_t index = 0; index < COUNT(fds); index++)
        fds[index] = open_at(DATA, "file", CREAT, 0);
    EQUAL(fds[3], 7);
    EQUAL(path_open(DATA, 0, TEXT("file"), 0, RIGHT_READ, 0, 0, &fd), MFILE);
    EQUAL(path_open(DATA, 0, TEXT("new"), CREAT, RIGHT_READ, 0, 0, &fd), MFILE);
    EQUAL(path_filestat_get(DATA, 0, TEXT("new"), &(struct filestat){0}), NOENT);
    int sock;
    EQUAL(thimble_sock_open(-1, IPV4, STREAM, &sock), MFILE);
    EQUAL(fd_close(fds[1]), OK);
    EQUAL(open_at(DATA, "file", 0, 0), fds[1]);
    for (uint32_t index = 0; index < COUNT(fds); index++)
        EQUAL(fd_close(fds[index]), OK);
}

static void sockets_end_at_their_limit(void)
{
    int server = listener(IPV4), client = open_socket(IPV4, STREAM), third;
    struct thimble_addr address = local_of(server);
    EQUAL(thimble_sock_open(-1, IPV4, STREAM, &third), MFILE);
    EQUAL(thimble_sock_connect(client, &address), OK);
    EQUAL(thimble_sock_accept(server, 0, &third), MFILE);
    EQUAL(fd_close((uint32_t)client), OK);
    /* The connection that could not be accepted was not lost. */
    EQUAL(thimble_sock_accept(server, 0, &third), OK);
    EQUAL(fd_close((uint32_t)third), OK);
    EQUAL(fd_close((uint32_t)server), OK);
}

static void timers_end_at_their_limit(void)
{
    int ids[3];
    for (int index = 0; index < 3; index++) {
        EQUAL(ocre_timer_create(index + 1), OK);
        ids[index] = thimble_timer_create(60000, 0);
        TRUE(ids[index] > 0);
    }
    EQUAL(ocre_timer_create(4), IS_INVALID);
    EQUAL(thimble_timer_create(60000, 0), -NOMEM);
    for (int index = 0; index < 3; index++) {
        EQUAL(ocre_timer_delete(index + 1), OK);
        EQUAL(thimble_timer_cancel(ids[index]), 0);
    }
    TRUE(thimble_timer_create(60000, 0) > ids[2]);
}

static int publish(const void *payload, uint32_t len)
{
    return thimble_bus_publish(TEXT("topic"), TEXT("t"), payload, len, 0);
}

static void subscriptions_and_queues_end_at_their_limit(void)
{
    int first = thimble_bus_subscribe(TEXT("topic"));
    TRUE(first > 0);
    EQUAL(ocre_subscribe_message("other"), OK);
    EQUAL(thimble_bus_subscribe(TEXT("third")), -NOMEM);
    EQUAL(ocre_subscribe_message("third"), NO_MEM);
    EQUAL(publish(record, 64), 1);
    EQUAL(publish(record, 65), -MSGSIZE);
    EQUAL(ocre_publish_message("topic", "t", record, 65), IS_INVALID);
    for (uint8_t number = 1; number <= 5; number++)
        EQUAL(publish(&number, 1), 1);
    /* The oldest have given way. */
    for (uint8_t number = 3; number <= 5; number++) {
        EQUAL(thimble_event_wait(0, record, sizeof record), THIMBLE_MESSAGE_HEADER_LEN + 5 + 1 + 1);
        EQUAL(*(const uint8_t *)thimble_message_payload((void *)record), number);
    }
    EQUAL(thimble_event_wait(0, record, sizeof record), 0);
    EQUAL(thimble_bus_unsubscribe(first), 0);
    TRUE(thimble_bus_subscribe(TEXT("third")) > first);
}

static void the_store_ends_at_its_limit(void)
{
    static const char value[300];
    EQUAL(thimble_kv_set(TEXT("a"), value, 300), -NOSPC);
    EQUAL(thimble_kv_set(TEXT("a"), value, 100), 0);
    EQUAL(thimble_kv_set(TEXT("b"), value, 100), 0);
    EQUAL(thimble_kv_set(TEXT("c"), value, 100), -NOSPC);
    EQUAL(thimble_kv_set(TEXT("b"), value, 200), -NOSPC);
    EQUAL(thimble_kv_get(TEXT("b"), record, sizeof record), 100);
    EQUAL(thimble_kv_delete(TEXT("a")), 0);
    EQUAL(thimble_kv_set(TEXT("c"), value, 100), 0);
}

void _start(void)
{
    RUN(memory_ends_at_its_limit);
    RUN(descriptors_end_at_their_limit);
    RUN(sockets_end_at_their_limit);
    RUN(timers_end_at_their_limit);
    RUN(subscriptions_and_queues_end_at_their_limit);
    RUN(the_store_ends_at_its_limit);
    finish();
}

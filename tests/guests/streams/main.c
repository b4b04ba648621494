/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard streams. Input is a pipe in which "first" lies; the other side sends "second" when the guest has printed
 * `more`, and closes when it has printed `end`.
 */
#include "check.h"

static void streams_are_what_they_are(void)
{
    for (uint32_t fd = 0; fd < 3; fd++) {
        struct fdstat stat;
        struct filestat file;
        uint64_t at;
        uint32_t done;
        EQUAL(fd_fdstat_get(fd, &stat), OK);
        EQUAL(stat.rights & RIGHT_READ, fd == 0 ? RIGHT_READ : 0);
        EQUAL(stat.rights & RIGHT_WRITE, fd == 0 ? 0 : RIGHT_WRITE);
        EQUAL(stat.rights & (RIGHT_SEEK | RIGHT_TELL), 0);
        EQUAL(fd_filestat_get(fd, &file), OK);
        EQUAL(file.type, stat.type);
        EQUAL(fd_seek(fd, 0, SET, &at), SPIPE);
        EQUAL(fd_tell(fd, &at), SPIPE);
        EQUAL(fd_pread(fd, &(struct buffer){&stat, 1}, 1, 0, &done), SPIPE);
        EQUAL(fd_pwrite(fd, &(struct buffer){&stat, 1}, 1, 0, &done), SPIPE);
        EQUAL(fd_filestat_set_size(fd, 0), BADF);
        EQUAL(fd_prestat_get(fd, &(struct prestat){0}), BADF);
    }
    char byte;
    uint32_t done;
    EQUAL(fd_read(1, &(struct buffer){&byte, 1}, 1, &done), NOTCAPABLE);
    EQUAL(fd_write(0, &(struct buffer){&byte, 1}, 1, &done), NOTCAPABLE);
}

static struct subscription wants(uint32_t fd, uint8_t type)
{
    struct subscription ready = {.userdata = fd, .type = type};
    ready.fd = fd;
    return ready;
}

static void reading_gives_what_is_there(void)
{
    char bytes[16];
    uint32_t done = 0, happened;
    struct event event;
    struct subscription input = wants(0, POLL_READ);
    EQUAL(poll_oneoff(&input, &event, 1, &happened), OK);
    EQUAL(event.error, OK);
    EQUAL(event.type, POLL_READ);
    TRUE(event.nbytes >= 1);
    struct buffer parts[] = {{bytes, 3}, {bytes + 3, 13}};
    uint32_t got = 0;
    EQUAL(fd_read(0, parts, 2, &done), OK);
    for (got = done; got < 5; got += done) {
        struct buffer rest = {bytes + got, 5 - got};
        EQUAL(fd_read(0, &rest, 1, &done), OK);
        TRUE(done > 0);
    }
    BYTES(bytes, "first", 5);
}

static void an_empty_input_waits_or_says_again(void)
{
    char bytes[16];
    uint32_t done, happened;
    struct buffer into = {bytes, sizeof bytes};
    EQUAL(fd_fdstat_set_flags(0, NONBLOCK), OK);
    EQUAL(fd_read(0, &into, 1, &done), AGAIN);
    struct subscription list[2] = {wants(0, POLL_READ), {.userdata = 7, .type = POLL_CLOCK}};
    list[1].clock.id = MONOTONIC;
    list[1].clock.timeout = 1000000;
    struct event events[2];
    EQUAL(poll_oneoff(list, events, 2, &happened), OK);
    EQUAL(happened, 1);
    EQUAL(events[0].userdata, 7);
    EQUAL(fd_fdstat_set_flags(0, 0), OK);
    write_text(2, "more\n");
    EQUAL(fd_read(0, &into, 1, &done), OK);
    EQUAL(done, 6);
    BYTES(bytes, "second", 6);
}

static void a_closed_input_ends(void)
{
    char byte;
    uint32_t done = 1, happened;
    write_text(2, "end\n");
    EQUAL(fd_read(0, &(struct buffer){&byte, 1}, 1, &done), OK);
    EQUAL(done, 0);
    struct subscription input = wants(0, POLL_READ);
    struct event event;
    EQUAL(poll_oneoff(&input, &event, 1, &happened), OK);
    EQUAL(event.error, OK);
    EQUAL(event.flags, HANGUP);
}

static void output_can_be_written_and_moved(void)
{
    struct subscription output = wants(1, POLL_WRITE);
    struct event event;
    uint32_t happened, done;
    EQUAL(poll_oneoff(&output, &event, 1, &happened), OK);
    EQUAL(event.error, OK);
    EQUAL(event.type, POLL_WRITE);
    struct buffer parts[] = {{TEXT("gathered ")}, {"", 0}, {TEXT("line\n")}};
    EQUAL(fd_write(1, parts, 3, &done), OK);
    EQUAL(done, 14);
    EQUAL(fd_renumber(2, 0), OK);
    EQUAL(write_text(0, "moved\n"), 6);
    EQUAL(fd_write(2, parts, 1, &done), BADF);
    EQUAL(fd_close(0), OK);
    EQUAL(fd_close(0), BADF);
}

void _start(void)
{
    RUN(streams_are_what_they_are);
    RUN(reading_gives_what_is_there);
    RUN(an_empty_input_waits_or_says_again);
    RUN(a_closed_input_ends);
    RUN(output_can_be_written_and_moved);
    finish();
}

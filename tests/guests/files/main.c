/* SPDX-License-Identifier: Apache-2.0 */
/* Files: reading, writing, positions, sizes, times, flags and rights. Descriptor 3 is an empty directory. */
#include "check.h"

enum { DATA = 3 };

static struct filestat stat_of(uint32_t fd)
{
    struct filestat stat;
    EQUAL(fd_filestat_get(fd, &stat), OK);
    return stat;
}

static uint64_t position(uint32_t fd)
{
    uint64_t at = 99;
    EQUAL(fd_tell(fd, &at), OK);
    return at;
}

static void writes_gather_and_reads_scatter(void)
{
    uint32_t fd = open_at(DATA, "a", CREAT | EXCL, 0), done = 0;
    struct buffer parts[] = {{TEXT("he")}, {"", 0}, {TEXT("llo, ")}, {TEXT("world")}};
    EQUAL(fd_write(fd, parts, COUNT(parts), &done), OK);
    EQUAL(done, 12);
    EQUAL(position(fd), 12);
    uint64_t at;
    EQUAL(fd_seek(fd, 0, SET, &at), OK);
    char first[5], second[20];
    struct buffer into[] = {{first, sizeof first}, {"", 0}, {second, sizeof second}};
    EQUAL(fd_read(fd, into, COUNT(into), &done), OK);
    EQUAL(done, 12);
    BYTES(first, "hello", 5);
    BYTES(second, ", world", 7);
    EQUAL(fd_read(fd, into, COUNT(into), &done), OK);
    EQUAL(done, 0);
    EQUAL(fd_read(fd, into, 0, &done), OK);
    EQUAL(done, 0);
    EQUAL(fd_close(fd), OK);
}

static void pread_and_pwrite_leave_the_position(void)
{
    uint32_t fd = open_at(DATA, "a", 0, 0), done = 0;
    char byte[4];
    struct buffer into = {byte, 4}, from = {TEXT("HE")};
    EQUAL(fd_pread(fd, &into, 1, 7, &done), OK);
    EQUAL(done, 4);
    BYTES(byte, "worl", 4);
    EQUAL(fd_pwrite(fd, &from, 1, 0, &done), OK);
    EQUAL(done, 2);
    EQUAL(position(fd), 0);
    EQUAL(fd_pread(fd, &into, 1, 0, &done), OK);
    BYTES(byte, "HEll", 4);
    EQUAL(fd_pread(fd, &into, 1, 12, &done), OK);
    EQUAL(done, 0);
    EQUAL(fd_pread(fd, &into, 1, UINT64_MAX, &done), INVAL);
    EQUAL(fd_pwrite(fd, &from, 1, UINT64_MAX, &done), INVAL);
    EQUAL(fd_close(fd), OK);
}

static void seek_counts_from_start_position_and_end(void)
{
    uint32_t fd = open_at(DATA, "a", 0, 0);
    uint64_t at = 0;
    EQUAL(fd_seek(fd, 5, SET, &at), OK);
    EQUAL(at, 5);
    EQUAL(fd_seek(fd, -2, CUR, &at), OK);
    EQUAL(at, 3);
    EQUAL(fd_seek(fd, -1, END, &at), OK);
    EQUAL(at, 11);
    EQUAL(fd_seek(fd, 100, END, &at), OK);
    EQUAL(at, 112);
    EQUAL(fd_seek(fd, -1, SET, &at), INVAL);
    EQUAL(fd_seek(fd, -113, CUR, &at), INVAL);
    EQUAL(fd_seek(fd, INT64_MAX, CUR, &at), INVAL);
    EQUAL(fd_seek(fd, 0, 3, &at), INVAL);
    EQUAL(position(fd), 112);
    EQUAL(fd_close(fd), OK);
}

static void a_write_past_the_end_leaves_zeros(void)
{
    uint32_t fd = open_at(DATA, "hole", CREAT, 0), done;
    struct buffer x = {TEXT("x")};
    EQUAL(fd_pwrite(fd, &x, 1, 5, &done), OK);
    char bytes[6];
    struct buffer into = {bytes, 6};
    EQUAL(fd_read(fd, &into, 1, &done), OK);
    EQUAL(done, 6);
    BYTES(bytes, "\0\0\0\0\0x", 6);
    EQUAL(fd_close(fd), OK);
}

static void append_writes_at_the_end(void)
{
    uint32_t fd = open_at(DATA, "log", CREAT, APPEND), done;
    uint64_t at;
    write_text(fd, "one");
    EQUAL(fd_seek(fd, 0, SET, &at), OK);
    write_text(fd, "two");
    EQUAL(position(fd), 6);
    struct fdstat stat;
    EQUAL(fd_fdstat_get(fd, &stat), OK);
    EQUAL(stat.flags, APPEND);
    EQUAL(fd_fdstat_set_flags(fd, 0), OK);
    EQUAL(fd_seek(fd, 0, SET, &at), OK);
    write_text(fd, "ONE");
    char bytes[8];
    struct buffer into = {bytes, 8};
    EQUAL(fd_pread(fd, &into, 1, 0, &done), OK);
    EQUAL(done, 6);
    BYTES(bytes, "ONEtwo", 6);
    EQUAL(fd_fdstat_set_flags(fd, NONBLOCK | APPEND), OK);
    EQUAL(fd_fdstat_get(fd, &stat), OK);
    EQUAL(stat.flags, NONBLOCK | APPEND);
    EQUAL(fd_fdstat_set_flags(fd, 32), INVAL);
    EQUAL(fd_close(fd), OK);
}

static void sizes_grow_and_shrink(void)
{
    uint32_t fd = open_at(DATA, "size", CREAT, 0), done;
    write_text(fd, "abcdef");
    EQUAL(fd_filestat_set_size(fd, 3), OK);
    EQUAL(stat_of(fd).size, 3);
    EQUAL(fd_filestat_set_size(fd, 10), OK);
    EQUAL(stat_of(fd).size, 10);
    EQUAL(position(fd), 6);
    char bytes[10];
    struct buffer into = {bytes, 10};
    EQUAL(fd_pread(fd, &into, 1, 0, &done), OK);
    BYTES(bytes, "abc\0\0\0\0\0\0\0", 10);
    EQUAL(fd_filestat_set_size(fd, UINT64_MAX), INVAL);
    EQUAL(fd_allocate(fd, 0, 4), OK);
    EQUAL(stat_of(fd).size, 10);
    EQUAL(fd_allocate(fd, 8, 12), OK);
    EQUAL(stat_of(fd).size, 20);
    EQUAL(fd_allocate(fd, 0, 0), INVAL);
    EQUAL(fd_allocate(fd, INT64_MAX, 2), FBIG);
    EQUAL(fd_close(fd), OK);
}

static void attributes_tell_type_size_links_and_times(void)
{
    uint32_t fd = open_at(DATA, "size", 0, 0);
    struct filestat stat = stat_of(fd);
    EQUAL(stat.type, TYPE_FILE);
    EQUAL(stat.nlink, 1);
    TRUE(stat.ino != 0);
    EQUAL(fd_filestat_set_times(fd, 1500000000, 2500000001, ATIM | MTIM), OK);
    stat = stat_of(fd);
    EQUAL(stat.atim, 1500000000);
    EQUAL(stat.mtim, 2500000001);
    EQUAL(fd_filestat_set_times(fd, 7, 7, MTIM_NOW), OK);
    uint64_t realtime;
    EQUAL(clock_time_get(REALTIME, 0, &realtime), OK);
    stat = stat_of(fd);
    EQUAL(stat.atim, 1500000000);
    TRUE(stat.mtim <= realtime && stat.mtim > 1500000000);
    EQUAL(fd_filestat_set_times(fd, 0, 0, ATIM | ATIM_NOW), INVAL);
    EQUAL(fd_filestat_set_times(fd, 0, 0, 16), INVAL);
    EQUAL(fd_close(fd), OK);
}

static void hints_and_syncs_succeed(void)
{
    uint32_t fd = open_at(DATA, "a", 0, DSYNC);
    for (uint32_t advice = 0; advice <= 5; advice++)
        EQUAL(fd_advise(fd, 0, 12, advice), OK);
    EQUAL(fd_advise(fd, 0, 12, 6), INVAL);
    EQUAL(fd_advise(fd, UINT64_MAX, 2, 0), INVAL);
    EQUAL(fd_advise(DATA, 0, 12, 0), BADF);
    write_text(fd, "x");
    EQUAL(fd_datasync(fd), OK);
    EQUAL(fd_sync(fd), OK);
    EQUAL(fd_sync(DATA), OK);
    EQUAL(fd_datasync(1), NOTCAPABLE);
    EQUAL(fd_close(fd), OK);
}

static void rights_can_only_be_given_up(void)
{
    uint32_t fd = open_at(DATA, "a", 0, 0), done;
    struct fdstat stat;
    EQUAL(fd_fdstat_get(fd, &stat), OK);
    EQUAL(stat.type, TYPE_FILE);
    TRUE((stat.rights & RIGHT_READ) != 0 && (stat.rights & RIGHT_UNLINK) == 0);
    EQUAL(fd_fdstat_set_rights(fd, RIGHT_READ | RIGHT_TELL, 0), OK);
    EQUAL(fd_fdstat_get(fd, &stat), OK);
    EQUAL(stat.rights, RIGHT_READ | RIGHT_TELL);
    EQUAL(stat.inheriting, 0);
    EQUAL(fd_fdstat_set_rights(fd, RIGHT_READ | RIGHT_WRITE, 0), NOTCAPABLE);
    char byte;
    struct buffer one = {&byte, 1};
    uint64_t at;
    EQUAL(fd_read(fd, &one, 1, &done), OK);
    EQUAL(fd_write(fd, &one, 1, &done), NOTCAPABLE);
    EQUAL(fd_pread(fd, &one, 1, 0, &done), NOTCAPABLE);
    EQUAL(fd_seek(fd, 0, CUR, &at), OK);
    EQUAL(fd_seek(fd, 0, SET, &at), NOTCAPABLE);
    EQUAL(fd_sync(fd), NOTCAPABLE);
    EQUAL(fd_filestat_get(fd, &(struct filestat){0}), NOTCAPABLE);
    EQUAL(fd_filestat_set_size(fd, 1), NOTCAPABLE);
    EQUAL(fd_close(fd), OK);
}

static void a_descriptor_opened_for_reading_does_not_write(void)
{
    uint32_t fd = 0, done;
    EQUAL(path_open(DATA, 0, TEXT("a"), 0, RIGHT_READ | RIGHT_SEEK, 0, 0, &fd), OK);
    EQUAL(fd_write(fd, &(struct buffer){TEXT("x")}, 1, &done), NOTCAPABLE);
    EQUAL(fd_close(fd), OK);
    EQUAL(path_open(DATA, 0, TEXT("a"), 0, RIGHT_WRITE, 0, 0, &fd), OK);
    char byte;
    EQUAL(fd_read(fd, &(struct buffer){&byte, 1}, 1, &done), NOTCAPABLE);
    EQUAL(fd_close(fd), OK);
}

static void an_open_file_survives_its_name(void)
{
    uint32_t fd = open_at(DATA, "gone", CREAT, 0), done;
    write_text(fd, "still here");
    EQUAL(path_unlink_file(DATA, TEXT("gone")), OK);
    EQUAL(stat_of(fd).nlink, 0);
    char bytes[10];
    EQUAL(fd_pread(fd, &(struct buffer){bytes, 10}, 1, 0, &done), OK);
    BYTES(bytes, "still here", 10);
    EQUAL(fd_close(fd), OK);
}

static char large[300000];

static void large_transfers_are_whole(void)
{
    uint32_t fd = open_at(DATA, "large", CREAT, 0), done;
    for (uint32_t at = 0; at < sizeof large; at++)
        large[at] = (char)(at * 7 + at / 256);
    struct buffer halves[] = {{large, 100001}, {large + 100001, sizeof large - 100001}};
    EQUAL(fd_write(fd, halves, 2, &done), OK);
    EQUAL(done, sizeof large);
    memset(large, 0, sizeof large);
    EQUAL(fd_pread(fd, &(struct buffer){large, sizeof large}, 1, 0, &done), OK);
    EQUAL(done, sizeof large);
    for (uint32_t at = 0; at < sizeof large; at++)
        if (large[at] != (char)(at * 7 + at / 256))
            EQUAL(at, sizeof large);
    EQUAL(fd_close(fd), OK);
}

static void files_are_always_ready(void)
{
    uint32_t fd = open_at(DATA, "a", 0, 0), happened = 0;
    struct subscription list[2] = {{.userdata = 1, .type = POLL_READ}, {.userdata = 2, .type = POLL_WRITE}};
    struct event events[2];
    list[0].fd = list[1].fd = fd;
    EQUAL(poll_oneoff(list, events, 2, &happened), OK);
    EQUAL(happened, 2);
    EQUAL(events[0].userdata, 1);
    EQUAL(events[0].error, OK);
    EQUAL(events[1].type, POLL_WRITE);
    EQUAL(events[1].error, OK);
    EQUAL(fd_fdstat_set_rights(fd, RIGHT_READ | RIGHT_WRITE, 0), OK);
    EQUAL(poll_oneoff(list, events, 1, &happened), OK);
    EQUAL(events[0].error, NOTCAPABLE);
    list[0].fd = DATA;
    EQUAL(poll_oneoff(list, events, 1, &happened), OK);
    EQUAL(events[0].error, NOTCAPABLE);
    EQUAL(fd_close(fd), OK);
}

static void closed_and_unknown_numbers_are_badf(void)
{
    uint32_t fd = open_at(DATA, "a", 0, 0), done;
    EQUAL(fd_close(fd), OK);
    const uint32_t numbers[] = {fd, 1000, UINT32_MAX};
    for (uint32_t index = 0; index < COUNT(numbers); index++) {
        uint32_t bad = numbers[index];
        uint64_t at;
        struct buffer none = {"", 0};
        EQUAL(fd_close(bad), BADF);
        EQUAL(fd_read(bad, &none, 1, &done), BADF);
        EQUAL(fd_write(bad, &none, 1, &done), BADF);
        EQUAL(fd_pread(bad, &none, 1, 0, &done), BADF);
        EQUAL(fd_pwrite(bad, &none, 1, 0, &done), BADF);
        EQUAL(fd_seek(bad, 0, SET, &at), BADF);
        EQUAL(fd_tell(bad, &at), BADF);
        EQUAL(fd_sync(bad), BADF);
        EQUAL(fd_datasync(bad), BADF);
        EQUAL(fd_advise(bad, 0, 1, 0), BADF);
        EQUAL(fd_allocate(bad, 0, 1), BADF);
        EQUAL(fd_fdstat_get(bad, &(struct fdstat){0}), BADF);
        EQUAL(fd_fdstat_set_flags(bad, 0), BADF);
        EQUAL(fd_fdstat_set_rights(bad, 0, 0), BADF);
        EQUAL(fd_filestat_get(bad, &(struct filestat){0}), BADF);
        EQUAL(fd_filestat_set_size(bad, 0), BADF);
        EQUAL(fd_filestat_set_times(bad, 0, 0, 0), BADF);
        EQUAL(fd_renumber(bad, 1), BADF);
    }
}

static void bad_pointers_are_faults_and_change_nothing(void)
{
    uint32_t fd = open_at(DATA, "fault", CREAT, 0), done;
    struct buffer good_then_bad[] = {{TEXT("x")}, {NOWHERE, 1}};
    EQUAL(fd_write(fd, good_then_bad, 2, &done), FAULT);
    EQUAL(fd_write(fd, NOWHERE, 1, &done), FAULT);
    EQUAL(fd_write(fd, &(struct buffer){TEXT("x")}, 1, NOWHERE), FAULT);
    EQUAL(fd_write(fd, &(struct buffer){"x", UINT32_MAX}, 1, &done), FAULT);
    EQUAL(fd_pwrite(fd, good_then_bad, 2, 0, &done), FAULT);
    EQUAL(fd_read(fd, good_then_bad + 1, 1, &done), FAULT);
    EQUAL(fd_pread(fd, good_then_bad + 1, 1, 0, &done), FAULT);
    EQUAL(fd_seek(fd, 5, SET, NOWHERE), FAULT);
    EQUAL(fd_tell(fd, NOWHERE), FAULT);
    EQUAL(fd_fdstat_get(fd, NOWHERE), FAULT);
    EQUAL(fd_filestat_get(fd, NOWHERE), FAULT);
    EQUAL(position(fd), 0);
    EQUAL(stat_of(fd).size, 0);
    EQUAL(fd_close(fd), OK);
}

void _start(void)
{
    RUN(writes_gather_and_reads_scatter);
    RUN(pread_and_pwrite_leave_the_position);
    RUN(seek_counts_from_start_position_and_end);
    RUN(a_write_past_the_end_leaves_zeros);
    RUN(append_writes_at_the_end);
    RUN(sizes_grow_and_shrink);
    RUN(attributes_tell_type_size_links_and_times);
    RUN(hints_and_syncs_succeed);
    RUN(rights_can_only_be_given_up);
    RUN(a_descriptor_opened_for_reading_does_not_write);
    RUN(an_open_file_survives_its_name);
    RUN(large_transfers_are_whole);
    RUN(files_are_always_ready);
    RUN(closed_and_unknown_numbers_are_badf);
    RUN(bad_pointers_are_faults_and_change_nothing);
    finish();
}

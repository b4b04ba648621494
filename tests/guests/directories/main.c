/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories and paths. Descriptor 3 is `/data`, empty; 4 is `/fixed`, read-only, with the file `note` ("fixed") and
 * the directory `inner`; 5 is `/other`, another mount. Beside `/data`, outside every mount, lies `secret`, to which
 * `/fixed/out` and `/data/out` are symbolic links.
 */
#include "check.h"

enum { DATA = 3, FIXED = 4, OTHER = 5 };

static struct filestat stat_at(uint32_t directory, uint32_t flags, const char *path)
{
    struct filestat stat;
    EQUAL(path_filestat_get(directory, flags, path, length(path), &stat), OK);
    return stat;
}

static void touch(uint32_t directory, const char *path, const char *text)
{
    uint32_t fd = open_at(directory, path, CREAT | TRUNC, 0);
    write_text(fd, text);
    EQUAL(fd_close(fd), OK);
}

static uint32_t try_open(uint32_t directory, const char *path, uint32_t oflags)
{
    uint32_t fd = 0;
    uint32_t error = path_open(directory, FOLLOW, path, length(path), oflags, RIGHT_READ, 0, 0, &fd);
    if (error == OK)
        EQUAL(fd_close(fd), OK);
    return error;
}

static void preopened_directories_tell_their_paths(void)
{
    const char *const paths[] = {"/data", "/fixed", "/other"};
    for (uint32_t fd = 3; fd < 6; fd++) {
        const char *path = paths[fd - 3];
        struct prestat stat = {7, 7};
        char name[16];
        EQUAL(fd_prestat_get(fd, &stat), OK);
        EQUAL(stat.tag, 0);
        EQUAL(stat.name_len, length(path));
        EQUAL(fd_prestat_dir_name(fd, name, stat.name_len), OK);
        BYTES(name, path, stat.name_len);
        EQUAL(fd_prestat_dir_name(fd, name, stat.name_len - 1), NAMETOOLONG);
    }
    struct prestat stat;
    EQUAL(fd_prestat_get(6, &stat), BADF);
    EQUAL(fd_prestat_get(1, &stat), BADF);
    EQUAL(fd_prestat_dir_name(1, "", 0), BADF);
    EQUAL(fd_prestat_get(3, NOWHERE), FAULT);
    EQUAL(fd_prestat_dir_name(3, NOWHERE, 5), FAULT);
}

static void directories_are_made_and_removed(void)
{
    EQUAL(path_create_directory(DATA, TEXT("d")), OK);
    EQUAL(path_create_directory(DATA, TEXT("d")), EXIST);
    EQUAL(path_create_directory(DATA, TEXT("no/d")), NOENT);
    EQUAL(stat_at(DATA, 0, "d").type, TYPE_DIRECTORY);
    touch(DATA, "d/f", "x");
    EQUAL(path_remove_directory(DATA, TEXT("d")), NOTEMPTY);
    EQUAL(path_remove_directory(DATA, TEXT("d/f")), NOTDIR);
    EQUAL(path_create_directory(DATA, TEXT("d/f/x")), NOTDIR);
    EQUAL(path_unlink_file(DATA, TEXT("d")), ISDIR);
    EQUAL(path_unlink_file(DATA, TEXT("d/f")), OK);
    EQUAL(path_unlink_file(DATA, TEXT("d/f")), NOENT);
    EQUAL(path_remove_directory(DATA, TEXT("d")), OK);
    EQUAL(path_remove_directory(DATA, TEXT("d")), NOENT);
}

static void open_makes_cuts_and_refuses(void)
{
    EQUAL(try_open(DATA, "new", 0), NOENT);
    touch(DATA, "new", "text");
    EQUAL(try_open(DATA, "new", CREAT | EXCL), EXIST);
    EQUAL(try_open(DATA, "new", DIRECTORY), NOTDIR);
    EQUAL(try_open(DATA, "new/x", 0), NOTDIR);
    EQUAL(try_open(DATA, "new", CREAT | DIRECTORY), INVAL);
    EQUAL(try_open(DATA, "new", 16), INVAL);
    EQUAL(stat_at(DATA, 0, "new").size, 4);
    EQUAL(try_open(DATA, "new", TRUNC), OK);
    EQUAL(stat_at(DATA, 0, "new").size, 0);
    EQUAL(try_open(DATA, "", 0), NOENT);
    EQUAL(try_open(DATA, "\xff\xfe", 0), ILSEQ);
    EQUAL(try_open(1, "new", 0), NOTDIR);
    uint32_t fd;
    EQUAL(path_open(DATA, 2, TEXT("new"), 0, 0, 0, 0, &fd), INVAL);
    EQUAL(path_open(DATA, 0, TEXT("new"), 0, 0, 0, 32, &fd), INVAL);
    EQUAL(path_open(DATA, 0, TEXT("a\0b"), 0, 0, 0, 0, &fd), INVAL);
    EQUAL(path_open(DATA, 0, NOWHERE, 3, 0, 0, 0, 0, &fd), FAULT);
    EQUAL(path_open(DATA, 0, TEXT("nobody"), CREAT, 0, 0, 0, NOWHERE), FAULT);
    EQUAL(try_open(DATA, "nobody", 0), NOENT);
    static char name[4097];
    memset(name, 'n', sizeof name);
    EQUAL(path_open(DATA, 0, name, 255, CREAT, RIGHT_READ, 0, 0, &fd), OK);
    EQUAL(fd_close(fd), OK);
    EQUAL(path_unlink_file(DATA, name, 255), OK);
    EQUAL(path_open(DATA, 0, name, 256, CREAT, RIGHT_READ, 0, 0, &fd), NAMETOOLONG);
    EQUAL(path_open(DATA, 0, name, 4097, CREAT, RIGHT_READ, 0, 0, &fd), NAMETOOLONG);
    EQUAL(path_unlink_file(DATA, TEXT("new")), OK);
}

static void a_slash_at_the_end_means_a_directory(void)
{
    EQUAL(path_create_directory(DATA, TEXT("s")), OK);
    touch(DATA, "t", "");
    EQUAL(try_open(DATA, "s/", 0), OK);
    EQUAL(try_open(DATA, "s///", 0), OK);
    EQUAL(try_open(DATA, "t/", 0), NOTDIR);
    EQUAL(path_unlink_file(DATA, TEXT("s/")), ISDIR);
    EQUAL(path_unlink_file(DATA, TEXT("t/")), NOTDIR);
    EQUAL(path_remove_directory(DATA, TEXT("t/")), NOTDIR);
    EQUAL(path_symlink(TEXT("t"), DATA, TEXT("new/")), NOENT);
    EQUAL(path_symlink(TEXT("t"), DATA, TEXT("s/")), EXIST);
    EQUAL(path_symlink(TEXT("t"), DATA, TEXT("t/")), NOTDIR);
    EQUAL(path_link(DATA, 0, TEXT("t"), DATA, TEXT("new/")), NOENT);
    EQUAL(path_rename(DATA, TEXT("s/"), DATA, TEXT("moved/")), OK);
    EQUAL(path_rename(DATA, TEXT("t"), DATA, TEXT("new/")), NOTDIR);
    EQUAL(path_rename(DATA, TEXT("t/"), DATA, TEXT("new")), NOTDIR);
    EQUAL(path_rename(DATA, TEXT("nothing/"), DATA, TEXT("new")), NOENT);
    EQUAL(path_link(DATA, 0, TEXT("t/"), DATA, TEXT("new")), NOTDIR);
    EQUAL(path_remove_directory(DATA, TEXT("moved/")), OK);
    EQUAL(path_create_directory(DATA, TEXT("made/")), OK);
    EQUAL(path_remove_directory(DATA, TEXT("made")), OK);
    EQUAL(path_unlink_file(DATA, TEXT("t")), OK);
}

static void rights_are_inherited_downwards(void)
{
    EQUAL(path_create_directory(DATA, TEXT("r")), OK);
    uint32_t directory, fd;
    EQUAL(path_open(DATA, 0, TEXT("r"), DIRECTORY, RIGHTS_ALL, RIGHT_READ, 0, &directory), ISDIR);
    EQUAL(path_open(DATA, 0, TEXT("r"), DIRECTORY, RIGHTS_ALL & ~RIGHT_WRITE, RIGHT_READ, 0, &directory), OK);
    struct fdstat stat;
    EQUAL(fd_fdstat_get(directory, &stat), OK);
    EQUAL(stat.type, TYPE_DIRECTORY);
    EQUAL(stat.inheriting, RIGHT_READ);
    EQUAL(fd_fdstat_set_rights(directory, stat.rights & ~RIGHT_CREATE_FILE, RIGHT_READ), OK);
    EQUAL(path_open(directory, 0, TEXT("f"), CREAT, RIGHT_READ, 0, 0, &fd), NOTCAPABLE);
    touch(DATA, "r/f", "x");
    EQUAL(path_open(directory, 0, TEXT("f"), 0, RIGHTS_ALL, RIGHTS_ALL, 0, &fd), OK);
    EQUAL(fd_fdstat_get(fd, &stat), OK);
    EQUAL(stat.rights, RIGHT_READ);
    EQUAL(fd_close(fd), OK);
    EQUAL(fd_fdstat_set_rights(directory, 0, 0), OK);
    EQUAL(path_unlink_file(directory, TEXT("f")), NOTCAPABLE);
    EQUAL(path_create_directory(directory, TEXT("x")), NOTCAPABLE);
    EQUAL(path_filestat_get(directory, 0, TEXT("f"), &(struct filestat){0}), NOTCAPABLE);
    EQUAL(fd_close(directory), OK);
    EQUAL(path_unlink_file(DATA, TEXT("r/f")), OK);
    EQUAL(path_remove_directory(DATA, TEXT("r")), OK);
}

/* Lists a directory through a buffer of `size` bytes; names are added up so that none counts twice. */
static uint32_t list(uint32_t directory, uint32_t size)
{
    static uint8_t bytes[4096];
    uint64_t cookie = 0;
    uint32_t seen = 0;
    for (;;) {
        uint32_t used = 0, at = 0;
        EQUAL(fd_readdir(directory, bytes, size, cookie, &used), OK);
        TRUE(used <= size);
        while (used - at >= sizeof(struct dirent)) {
            struct dirent entry;
            memcpy(&entry, bytes + at, sizeof entry);
            if (used - at - sizeof entry < entry.name_len)
                break;
            const char *name = (const char *)bytes + at + sizeof entry;
            if (entry.name_len == 4 && same(name, "many", 4)) {
                EQUAL(entry.type, TYPE_FILE);
            } else if (name[0] == '.') {
                EQUAL(entry.type, TYPE_DIRECTORY);
                seen += 1000;
            } else {
                EQUAL(entry.name_len, 2);
                EQUAL(entry.type, TYPE_FILE);
                seen += 1;
            }
            cookie = entry.next;
            at += sizeof entry + entry.name_len;
        }
        if (used < size)
            return seen;
        TRUE(at > 0);
    }
}

static void listings_are_whole_through_small_buffers(void)
{
    EQUAL(path_create_directory(DATA, TEXT("list")), OK);
    char path[] = "list/a0";
    for (int number = 0; number < 40; number++) {
        path[5] = (char)('a' + number / 10);
        path[6] = (char)('0' + number % 10);
        touch(DATA, path, "");
    }
    uint32_t directory = open_at(DATA, "list", DIRECTORY, 0), used;
    EQUAL(list(directory, 4096), 2040);
    EQUAL(list(directory, 100), 2040);
    EQUAL(list(directory, 27), 2040);
    EQUAL(fd_readdir(directory, "", 0, 0, &used), OK);
    EQUAL(used, 0);
    EQUAL(fd_readdir(directory, NOWHERE, 100, 0, &used), FAULT);
    EQUAL(fd_readdir(directory, path, 1, 0, NOWHERE), FAULT);
    EQUAL(fd_readdir(1, path, 1, 0, &used), NOTDIR);
    EQUAL(fd_readdir(99, path, 1, 0, &used), BADF);
    EQUAL(fd_close(directory), OK);
}

static void names_move_within_a_mount_only(void)
{
    touch(DATA, "from", "1");
    touch(DATA, "to", "22");
    EQUAL(path_rename(DATA, TEXT("from"), DATA, TEXT("to")), OK);
    EQUAL(stat_at(DATA, 0, "to").size, 1);
    EQUAL(path_rename(DATA, TEXT("from"), DATA, TEXT("to")), NOENT);
    uint32_t directory = open_at(DATA, "list", DIRECTORY, 0);
    EQUAL(path_rename(DATA, TEXT("to"), directory, TEXT("moved")), OK);
    EQUAL(stat_at(directory, 0, "moved").size, 1);
    EQUAL(path_rename(directory, TEXT("moved"), OTHER, TEXT("moved")), XDEV);
    EQUAL(path_rename(directory, TEXT("moved"), DATA, TEXT("back")), OK);
    EQUAL(path_create_directory(DATA, TEXT("empty")), OK);
    EQUAL(path_rename(DATA, TEXT("empty"), DATA, TEXT("back")), NOTDIR);
    EQUAL(path_rename(DATA, TEXT("back"), DATA, TEXT("empty")), ISDIR);
    EQUAL(path_rename(DATA, TEXT("empty"), DATA, TEXT("list")), NOTEMPTY);
    EQUAL(path_rename(DATA, TEXT("empty"), DATA, TEXT("empty/in")), INVAL);
    EQUAL(path_rename(DATA, TEXT("empty"), DATA, TEXT("renamed")), OK);
    EQUAL(path_remove_directory(DATA, TEXT("renamed")), OK);
    EQUAL(fd_close(directory), OK);
}

static void hard_links_share_a_file(void)
{
    EQUAL(path_link(DATA, 0, TEXT("back"), DATA, TEXT("twin")), OK);
    EQUAL(stat_at(DATA, 0, "twin").nlink, 2);
    EQUAL(stat_at(DATA, 0, "twin").ino, stat_at(DATA, 0, "back").ino);
    EQUAL(path_link(DATA, 0, TEXT("back"), DATA, TEXT("twin")), EXIST);
    EQUAL(path_link(DATA, 0, TEXT("nothing"), DATA, TEXT("x")), NOENT);
    EQUAL(path_link(DATA, 0, TEXT("back"), OTHER, TEXT("x")), XDEV);
    EQUAL(path_link(DATA, FOLLOW, TEXT("back"), DATA, TEXT("x")), INVAL);
    EQUAL(path_link(DATA, 0, TEXT("list"), DATA, TEXT("x")), PERM);
    EQUAL(path_unlink_file(DATA, TEXT("back")), OK);
    EQUAL(stat_at(DATA, 0, "twin").nlink, 1);
}

static void symbolic_links_are_followed_when_asked(void)
{
    char target[16];
    uint32_t used, fd;
    EQUAL(path_symlink(TEXT("twin"), DATA, TEXT("sym")), OK);
    EQUAL(path_symlink(TEXT("twin"), DATA, TEXT("sym")), EXIST);
    EQUAL(stat_at(DATA, 0, "sym").type, TYPE_SYMLINK);
    EQUAL(stat_at(DATA, FOLLOW, "sym").type, TYPE_FILE);
    EQUAL(path_readlink(DATA, TEXT("sym"), target, sizeof target, &used), OK);
    EQUAL(used, 4);
    BYTES(target, "twin", 4);
    EQUAL(path_readlink(DATA, TEXT("sym"), target, 2, &used), OK);
    EQUAL(used, 2);
    EQUAL(path_readlink(DATA, TEXT("twin"), target, sizeof target, &used), INVAL);
    EQUAL(path_readlink(DATA, TEXT("nothing"), target, sizeof target, &used), NOENT);
    EQUAL(path_readlink(DATA, TEXT("sym"), NOWHERE, 2, &used), FAULT);
    EQUAL(path_readlink(DATA, TEXT("sym"), target, 2, NOWHERE), FAULT);
    EQUAL(path_open(DATA, 0, TEXT("sym"), 0, RIGHT_READ, 0, 0, &fd), LOOP);
    EQUAL(path_open(DATA, FOLLOW, TEXT("sym"), 0, RIGHT_READ, 0, 0, &fd), OK);
    EQUAL(fd_close(fd), OK);
    EQUAL(path_symlink(TEXT("loop"), DATA, TEXT("loop")), OK);
    EQUAL(path_open(DATA, FOLLOW, TEXT("loop"), 0, RIGHT_READ, 0, 0, &fd), LOOP);
    EQUAL(path_symlink(TEXT("nowhere"), DATA, TEXT("dangling")), OK);
    EQUAL(path_open(DATA, FOLLOW, TEXT("dangling"), 0, RIGHT_READ, 0, 0, &fd), NOENT);
    EQUAL(path_unlink_file(DATA, TEXT("dangling")), OK);
    EQUAL(path_unlink_file(DATA, TEXT("loop")), OK);
    EQUAL(path_unlink_file(DATA, TEXT("sym")), OK);
    EQUAL(stat_at(DATA, 0, "twin").size, 1);
}

static void times_are_set_by_path(void)
{
    EQUAL(path_symlink(TEXT("twin"), DATA, TEXT("timed")), OK);
    EQUAL(path_filestat_set_times(DATA, FOLLOW, TEXT("timed"), 3000000000, 4000000000, ATIM | MTIM), OK);
    EQUAL(stat_at(DATA, 0, "twin").mtim, 4000000000);
    EQUAL(path_filestat_set_times(DATA, 0, TEXT("timed"), 0, 5000000000, MTIM), OK);
    EQUAL(stat_at(DATA, 0, "timed").mtim, 5000000000);
    EQUAL(stat_at(DATA, 0, "twin").mtim, 4000000000);
    EQUAL(stat_at(DATA, 0, "twin").atim, 3000000000);
    EQUAL(path_filestat_set_times(DATA, 0, TEXT("twin"), 0, 0, MTIM | MTIM_NOW), INVAL);
    EQUAL(path_filestat_set_times(DATA, 2, TEXT("twin"), 0, 0, MTIM), INVAL);
    EQUAL(path_filestat_set_times(DATA, 0, TEXT("nothing"), 0, 0, MTIM), NOENT);
    EQUAL(path_filestat_get(DATA, 2, TEXT("twin"), &(struct filestat){0}), INVAL);
    EQUAL(path_filestat_get(DATA, 0, TEXT("twin"), NOWHERE), FAULT);
    EQUAL(path_unlink_file(DATA, TEXT("timed")), OK);
}

static void no_path_leaves_its_mount(void)
{
    const char *const paths[] = {"/data/twin", "/etc/passwd", "..", "../secret", "list/../../secret", "out"};
    for (uint32_t index = 0; index < COUNT(paths); index++) {
        const char *path = paths[index];
        uint32_t len = length(path), used;
        char target[8];
        EQUAL(try_open(DATA, path, 0), NOTCAPABLE);
        EQUAL(path_filestat_get(DATA, FOLLOW, path, len, &(struct filestat){0}), NOTCAPABLE);
        EQUAL(path_filestat_set_times(DATA, FOLLOW, path, len, 0, 0, MTIM), NOTCAPABLE);
        if (same(path, "out", 4))
            continue;
        EQUAL(path_create_directory(DATA, path, len), NOTCAPABLE);
        EQUAL(path_remove_directory(DATA, path, len), NOTCAPABLE);
        EQUAL(path_unlink_file(DATA, path, len), NOTCAPABLE);
        EQUAL(path_readlink(DATA, path, len, target, sizeof target, &used), NOTCAPABLE);
        EQUAL(path_rename(DATA, TEXT("twin"), DATA, path, len), NOTCAPABLE);
        EQUAL(path_rename(DATA, path, len, DATA, TEXT("stolen")), NOTCAPABLE);
        EQUAL(path_link(DATA, 0, path, len, DATA, TEXT("stolen")), NOTCAPABLE);
        EQUAL(path_link(DATA, 0, TEXT("twin"), DATA, path, len), NOTCAPABLE);
        EQUAL(path_symlink(TEXT("twin"), DATA, path, len), NOTCAPABLE);
    }
    EQUAL(try_open(FIXED, "out", 0), NOTCAPABLE);
    EQUAL(path_symlink(TEXT("/etc/passwd"), DATA, TEXT("absolute")), NOTCAPABLE);
    EQUAL(try_open(DATA, "./list/../twin", 0), OK);
}

static void a_read_only_mount_is_not_changed(void)
{
    char bytes[5];
    uint32_t fd, done;
    EQUAL(path_open(FIXED, 0, TEXT("note"), 0, RIGHT_READ, 0, 0, &fd), OK);
    EQUAL(fd_read(fd, &(struct buffer){bytes, 5}, 1, &done), OK);
    BYTES(bytes, "fixed", 5);
    EQUAL(fd_filestat_set_times(fd, 0, 0, MTIM), NOTCAPABLE);
    EQUAL(fd_close(fd), OK);
    EQUAL(path_open(FIXED, 0, TEXT("note"), 0, RIGHT_WRITE, 0, 0, &fd), ROFS);
    EQUAL(path_open(FIXED, 0, TEXT("note"), TRUNC, RIGHT_READ, 0, 0, &fd), ROFS);
    EQUAL(path_open(FIXED, 0, TEXT("new"), CREAT, RIGHT_READ, 0, 0, &fd), ROFS);
    EQUAL(path_open(FIXED, 0, TEXT("note"), CREAT, RIGHT_READ, 0, 0, &fd), OK);
    EQUAL(fd_close(fd), OK);
    EQUAL(path_create_directory(FIXED, TEXT("new")), ROFS);
    EQUAL(path_remove_directory(FIXED, TEXT("inner")), ROFS);
    EQUAL(path_unlink_file(FIXED, TEXT("note")), ROFS);
    EQUAL(path_symlink(TEXT("note"), FIXED, TEXT("new")), ROFS);
    EQUAL(path_link(FIXED, 0, TEXT("note"), FIXED, TEXT("new")), ROFS);
    EQUAL(path_rename(FIXED, TEXT("note"), FIXED, TEXT("new")), ROFS);
    EQUAL(path_filestat_set_times(FIXED, 0, TEXT("note"), 0, 0, MTIM), ROFS);
    EQUAL(fd_filestat_set_times(FIXED, 0, 0, MTIM), ROFS);
    uint32_t inner = open_at(FIXED, "inner", DIRECTORY, 0);
    EQUAL(path_create_directory(inner, TEXT("new")), ROFS);
    EQUAL(fd_close(inner), OK);
    EQUAL(stat_at(FIXED, 0, "note").size, 5);
}

static void directories_are_no_files(void)
{
    uint32_t done;
    uint64_t at;
    char byte;
    EQUAL(fd_read(DATA, &(struct buffer){&byte, 1}, 1, &done), ISDIR);
    EQUAL(fd_write(DATA, &(struct buffer){"x", 1}, 1, &done), ISDIR);
    EQUAL(fd_seek(DATA, 0, SET, &at), BADF);
    EQUAL(fd_tell(DATA, &at), BADF);
    EQUAL(fd_filestat_set_size(DATA, 0), BADF);
    EQUAL(fd_allocate(DATA, 0, 1), BADF);
    EQUAL(fd_allocate(DATA, 0, 0), BADF);
    EQUAL(fd_fdstat_set_flags(DATA, APPEND), BADF);
    struct filestat stat;
    EQUAL(fd_filestat_get(DATA, &stat), OK);
    EQUAL(stat.type, TYPE_DIRECTORY);
    EQUAL(fd_filestat_set_times(DATA, 0, 6000000000, MTIM), OK);
    EQUAL(fd_filestat_get(DATA, &stat), OK);
    EQUAL(stat.mtim, 6000000000);
}

static void numbers_are_the_lowest_free_and_can_be_moved(void)
{
    uint32_t first = open_at(DATA, "twin", 0, 0), second = open_at(DATA, "list", DIRECTORY, 0);
    EQUAL(first, 6);
    EQUAL(second, 7);
    EQUAL(fd_close(first), OK);
    EQUAL(open_at(DATA, "twin", 0, 0), 6);
    EQUAL(fd_renumber(6, 7), OK);
    struct fdstat stat;
    EQUAL(fd_fdstat_get(7, &stat), OK);
    EQUAL(stat.type, TYPE_FILE);
    EQUAL(fd_fdstat_get(6, &stat), BADF);
    EQUAL(fd_renumber(7, 7), OK);
    EQUAL(fd_renumber(7, 6), BADF);
    EQUAL(fd_renumber(6, 7), BADF);
    EQUAL(fd_renumber(7, OTHER), OK);
    EQUAL(fd_prestat_get(OTHER, &(struct prestat){0}), BADF);
    EQUAL(fd_fdstat_get(OTHER, &stat), OK);
    EQUAL(stat.type, TYPE_FILE);
    EQUAL(fd_close(OTHER), OK);
    EQUAL(fd_close(OTHER), BADF);
}

void _start(void)
{
    RUN(preopened_directories_tell_their_paths);
    RUN(directories_are_made_and_removed);
    RUN(open_makes_cuts_and_refuses);
    RUN(a_slash_at_the_end_means_a_directory);
    RUN(rights_are_inherited_downwards);
    RUN(listings_are_whole_through_small_buffers);
    RUN(names_move_within_a_mount_only);
    RUN(hard_links_share_a_file);
    RUN(symbolic_links_are_followed_when_asked);
    RUN(times_are_set_by_path);
    RUN(no_path_leaves_its_mount);
    RUN(a_read_only_mount_is_not_changed);
    RUN(directories_are_no_files);
    RUN(numbers_are_the_lowest_free_and_can_be_moved);
    finish();
}

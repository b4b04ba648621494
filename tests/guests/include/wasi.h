/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wasi.h: `wasi_snapshot_preview1` as it is imported, without a C library between it and the checks.
 *
 * Pointers are `const void *` where a check hands in a bad one on purpose. Socket calls are in
 * thimble_socket.h, which guests use too.
 */
#ifndef CONFORM_WASI_H
#define CONFORM_WASI_H

#include <stddef.h>
#include <stdint.h>

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) uint32_t name

/* Error numbers, as many as the checks expect. */
enum {
    OK = 0, ACCES = 2, ADDRINUSE = 3, ADDRNOTAVAIL = 4, AFNOSUPPORT = 5, AGAIN = 6, ALREADY = 7, BADF = 8, BUSY = 10,
    CONNREFUSED = 14, CONNRESET = 15, DESTADDRREQ = 17, EXIST = 20, FAULT = 21, FBIG = 22, ILSEQ = 25, INPROGRESS = 26, INVAL = 28,
    IO = 29, ISCONN = 30, ISDIR = 31, LOOP = 32, MFILE = 33, MSGSIZE = 35, NAMETOOLONG = 37, NODEV = 43, NOENT = 44,
    NOMEM = 48, NOMSG = 49, NOPROTOOPT = 50, NOSPC = 51, NOTCONN = 53, NOTDIR = 54, NOTEMPTY = 55, NOTSOCK = 57, NOTSUP = 58,
    OVERFLOW = 61, PERM = 63, PIPE = 64, PROTONOSUPPORT = 66, ROFS = 69, SPIPE = 70, XDEV = 75, NOTCAPABLE = 76
};

enum { CREAT = 1, DIRECTORY = 2, EXCL = 4, TRUNC = 8 };                 /* oflags */
enum { APPEND = 1, DSYNC = 2, NONBLOCK = 4, RSYNC = 8, SYNC = 16 };     /* fdflags */
enum { FOLLOW = 1 };                                                    /* lookupflags */
enum { SET = 0, CUR = 1, END = 2 };                                     /* whence */
enum { ATIM = 1, ATIM_NOW = 2, MTIM = 4, MTIM_NOW = 8 };                /* fstflags */
enum { REALTIME = 0, MONOTONIC = 1, PROCESS_CPUTIME = 2, THREAD_CPUTIME = 3 };
enum { POLL_CLOCK = 0, POLL_READ = 1, POLL_WRITE = 2, ABSTIME = 1, HANGUP = 1 };
enum {
    TYPE_UNKNOWN = 0, TYPE_CHARACTER_DEVICE = 2, TYPE_DIRECTORY = 3, TYPE_FILE = 4, TYPE_DGRAM = 5, TYPE_STREAM = 6,
    TYPE_SYMLINK = 7
};

/* Rights, as many as the checks use. */
#define RIGHT_READ (UINT64_C(1) << 1)
#define RIGHT_SEEK (UINT64_C(1) << 2)
#define RIGHT_TELL (UINT64_C(1) << 5)
#define RIGHT_WRITE (UINT64_C(1) << 6)
#define RIGHT_CREATE_FILE (UINT64_C(1) << 10)
#define RIGHT_FILESTAT_GET (UINT64_C(1) << 21)
#define RIGHT_UNLINK (UINT64_C(1) << 26)
#define RIGHT_POLL (UINT64_C(1) << 27)
#define RIGHTS_ALL ((UINT64_C(1) << 30) - 1)

struct buffer { const void *bytes; uint32_t len; };
struct filestat { uint64_t dev, ino; uint8_t type; uint64_t nlink, size, atim, mtim, ctim; };
struct fdstat { uint8_t type; uint16_t flags; uint64_t rights, inheriting; };
struct prestat { uint32_t tag, name_len; };
struct dirent { uint64_t next, ino; uint32_t name_len; uint8_t type; };
struct subscription {
    uint64_t userdata;
    uint8_t type;
    union {
        struct { uint32_t id; uint64_t timeout, precision; uint16_t flags; } clock;
        uint32_t fd;
    };
};
struct event { uint64_t userdata; uint16_t error; uint8_t type; uint64_t nbytes; uint16_t flags; };
_Static_assert(sizeof(struct filestat) == 64 && sizeof(struct fdstat) == 24 && sizeof(struct dirent) == 24, "");
_Static_assert(sizeof(struct subscription) == 48 && sizeof(struct event) == 32, "");

WASI(args_get)(const void *list, const void *bytes);
WASI(args_sizes_get)(uint32_t *count, uint32_t *bytes);
WASI(environ_get)(const void *list, const void *bytes);
WASI(environ_sizes_get)(uint32_t *count, uint32_t *bytes);
WASI(clock_res_get)(uint32_t id, uint64_t *nanos);
WASI(clock_time_get)(uint32_t id, uint64_t precision, uint64_t *nanos);
WASI(random_get)(const void *bytes, uint32_t len);
WASI(sched_yield)(void);
WASI(proc_raise)(uint32_t signal);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit"), noreturn)) void proc_exit(uint32_t code);
WASI(poll_oneoff)(const struct subscription *list, struct event *events, uint32_t count, uint32_t *happened);

WASI(fd_advise)(uint32_t fd, uint64_t offset, uint64_t len, uint32_t advice);
WASI(fd_allocate)(uint32_t fd, uint64_t offset, uint64_t len);
WASI(fd_close)(uint32_t fd);
WASI(fd_datasync)(uint32_t fd);
WASI(fd_fdstat_get)(uint32_t fd, struct fdstat *stat);
WASI(fd_fdstat_set_flags)(uint32_t fd, uint32_t flags);
WASI(fd_fdstat_set_rights)(uint32_t fd, uint64_t rights, uint64_t inheriting);
WASI(fd_filestat_get)(uint32_t fd, struct filestat *stat);
WASI(fd_filestat_set_size)(uint32_t fd, uint64_t size);
WASI(fd_filestat_set_times)(uint32_t fd, uint64_t atim, uint64_t mtim, uint32_t flags);
WASI(fd_pread)(uint32_t fd, const struct buffer *list, uint32_t count, uint64_t offset, uint32_t *done);
WASI(fd_prestat_get)(uint32_t fd, struct prestat *stat);
WASI(fd_prestat_dir_name)(uint32_t fd, const void *path, uint32_t len);
WASI(fd_pwrite)(uint32_t fd, const struct buffer *list, uint32_t count, uint64_t offset, uint32_t *done);
WASI(fd_read)(uint32_t fd, const struct buffer *list, uint32_t count, uint32_t *done);
WASI(fd_readdir)(uint32_t fd, const void *bytes, uint32_t len, uint64_t cookie, uint32_t *used);
WASI(fd_renumber)(uint32_t fd, uint32_t to);
WASI(fd_seek)(uint32_t fd, int64_t offset, uint32_t whence, uint64_t *position);
WASI(fd_sync)(uint32_t fd);
WASI(fd_tell)(uint32_t fd, uint64_t *position);
WASI(fd_write)(uint32_t fd, const struct buffer *list, uint32_t count, uint32_t *done);

/* A path is a pointer and a length. */
#define PATH const char *path, uint32_t path_len
WASI(path_create_directory)(uint32_t fd, PATH);
WASI(path_filestat_get)(uint32_t fd, uint32_t flags, PATH, struct filestat *stat);
WASI(path_filestat_set_times)(uint32_t fd, uint32_t flags, PATH, uint64_t atim, uint64_t mtim, uint32_t which);
WASI(path_link)(uint32_t fd, uint32_t flags, PATH, uint32_t new_fd, const char *new_path, uint32_t new_len);
WASI(path_open)(uint32_t fd, uint32_t dirflags, PATH, uint32_t oflags, uint64_t rights, uint64_t inheriting,
                uint32_t fdflags, uint32_t *opened);
WASI(path_readlink)(uint32_t fd, PATH, const void *bytes, uint32_t len, uint32_t *used);
WASI(path_remove_directory)(uint32_t fd, PATH);
WASI(path_rename)(uint32_t fd, PATH, uint32_t new_fd, const char *new_path, uint32_t new_len);
WASI(path_symlink)(PATH, uint32_t fd, const char *new_path, uint32_t new_len);
WASI(path_unlink_file)(uint32_t fd, PATH);
#undef PATH

#endif /* CONFORM_WASI_H */

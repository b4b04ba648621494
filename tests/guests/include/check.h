/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h: what every conformance guest is made of.
 *
 * A guest runs its checks in order, prints a line for each and ends with code 0; at the first that fails it says
 * which, where, what it got and what it expected, and ends with code 1. There is no C library: what a guest imports
 * is what its checks call, apart from fd_write and proc_exit here.
 */
#ifndef CONFORM_CHECK_H
#define CONFORM_CHECK_H

#include <stdbool.h>

#include "wasi.h"

/* An offset that no guest's memory reaches. */
#define NOWHERE ((void *)0xffffff00u)
/* A text as pointer and length. */
#define TEXT(text) text, (uint32_t)(sizeof(text) - 1)
#define COUNT(list) (sizeof(list) / sizeof *(list))

/* The compiler calls these by itself. */
__attribute__((weak)) void *memcpy(void *to, const void *from, size_t len)
{
    for (size_t at = 0; at < len; at++)
        ((volatile uint8_t *)to)[at] = ((const uint8_t *)from)[at];
    return to;
}
__attribute__((weak)) void *memset(void *to, int byte, size_t len)
{
    for (size_t at = 0; at < len; at++)
        ((volatile uint8_t *)to)[at] = (uint8_t)byte;
    return to;
}

static inline uint32_t length(const char *text)
{
    uint32_t len = 0;
    while (text[len] != '\0')
        len++;
    return len;
}

static inline bool same(const void *a, const void *b, uint32_t len)
{
    for (uint32_t at = 0; at < len; at++)
        if (((const uint8_t *)a)[at] != ((const uint8_t *)b)[at])
            return false;
    return true;
}

/* ---- Telling --------------------------------------------------------------------------------- */

static char said[1024];
static uint32_t said_len;
static const char *running;
static uint32_t passed;

static inline void say(const char *text)
{
    for (; *text != '\0' && said_len < sizeof said; text++)
        said[said_len++] = *text;
}

static inline void say_number(int64_t number)
{
    char digits[24];
    int at = 23;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0)
        say("-");
    say(&digits[at]);
}

static inline void tell(void)
{
    struct buffer text = {said, said_len};
    uint32_t done;
    fd_write(1, &text, 1, &done);
    said_len = 0;
}

static inline void fail(const char *file, int line, const char *what)
{
    say("FAILED ");
    say(running == NULL ? "" : running);
    say(" at ");
    say(file);
    say(":");
    say_number(line);
    say(": ");
    say(what);
}

/* ---- Checking -------------------------------------------------------------------------------- */

/* Two numbers must be the same. */
#define EQUAL(got, expected) equal(__FILE_NAME__, __LINE__, #got, (int64_t)(got), #expected, (int64_t)(expected))
/* Something must be true. */
#define TRUE(condition) truth(__FILE_NAME__, __LINE__, #condition, (condition))
/* So many bytes must be the same. */
#define BYTES(got, expected, len) TRUE(same(got, expected, len))

__attribute__((noinline, unused)) static void equal(const char *file, int line, const char *what, int64_t got, const char *name, int64_t expected)
{
    if (got == expected)
        return;
    fail(file, line, what);
    say(" is ");
    say_number(got);
    say(", not ");
    say(name);
    say(" (");
    say_number(expected);
    say(")\n");
    tell();
    proc_exit(1);
}

__attribute__((noinline, unused)) static void truth(const char *file, int line, const char *what, bool is)
{
    if (is)
        return;
    fail(file, line, what);
    say(" is not so\n");
    tell();
    proc_exit(1);
}

/* Runs a check, a function without parameters. */
#define RUN(check) (running = #check, check(), pass())

static inline void pass(void)
{
    say("ok ");
    say(running);
    say("\n");
    tell();
    passed++;
}

/* The last line. */
static inline void finish(void)
{
    say_number(passed);
    say(" passed\n");
    tell();
}

/* ---- What many checks do --------------------------------------------------------------------- */

static inline uint64_t now(void)
{
    uint64_t nanos = 0;
    EQUAL(clock_time_get(MONOTONIC, 1, &nanos), OK);
    return nanos;
}

static inline uint32_t write_text(uint32_t fd, const char *text)
{
    struct buffer part = {text, length(text)};
    uint32_t done = 0;
    EQUAL(fd_write(fd, &part, 1, &done), OK);
    return done;
}

/* Opens below a directory with the rights that a file or directory can have. */
static inline uint32_t open_at(uint32_t directory, const char *path, uint32_t oflags, uint32_t fdflags)
{
    uint32_t fd = 0;
    /* Opening a directory for writing is EISDIR, as everywhere. */
    uint64_t rights = (oflags & DIRECTORY) != 0 ? RIGHTS_ALL & ~RIGHT_WRITE : RIGHTS_ALL;
    EQUAL(path_open(directory, FOLLOW, path, length(path), oflags, rights, RIGHTS_ALL, fdflags, &fd), OK);
    return fd;
}

#endif /* CONFORM_CHECK_H */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data of every kind and no heap: constants, what begins as zeros, what lies at a multiple of more than a stack does,
 * pointers in data. All of it must be what it was wherever it lies.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static char zeros[5000];
static _Alignas(64) char aligned[64] = "aligned";
static const char *const words[] = {"one", "two", "three"};
static char *volatile inside = &zeros[4321];
static int (*volatile compare)(const char *, const char *) = strcmp;

int main(void)
{
    char line[200] = "";
    if ((uintptr_t)aligned % 64 != 0)
        return 1;
    for (size_t i = 0; i < sizeof zeros; i++)
        if (zeros[i] != 0)
            return 2;
    *inside = 'x';
    if (zeros[4321] != 'x' || inside - zeros != 4321)
        return 3;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        strcat(line, words[i]);
        strcat(line, " ");
    }
    if (compare(line, "one two three ") != 0)
        return 4;
    printf("%s%s %zu\n", line, aligned, strlen(line));
    return 0;
}

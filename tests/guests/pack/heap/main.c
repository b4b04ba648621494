/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uses the heap in all the ways that it can be: small blocks, blocks that need more memory, blocks that are given
 * back, more than there will ever be. What is in data and in the blocks must stay what it was.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char before[] = "before";
static char zeros[3000];
static char behind[] = "behind";
static volatile size_t too_much = SIZE_MAX / 2;
static void *volatile impossible_block;

static unsigned sum(const unsigned char *bytes, size_t count)
{
    unsigned total = 0;
    for (size_t i = 0; i < count; i++)
        total = total * 31 + bytes[i];
    return total;
}

int main(void)
{
    unsigned char *blocks[64];
    size_t sizes[64];
    for (size_t i = 0; i < 64; i++) {
        sizes[i] = 16 + i * 37 % 500;
        blocks[i] = malloc(sizes[i]);
        if (blocks[i] == NULL)
            return 1;
        memset(blocks[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < 64; i += 2)
        free(blocks[i]);
    unsigned char *large = malloc(60000);
    if (large == NULL)
        return 2;
    memset(large, 7, 60000);
    unsigned total = sum(large, 60000);
    for (size_t i = 1; i < 64; i += 2)
        total ^= sum(blocks[i], sizes[i]);
    impossible_block = malloc(too_much);
    for (size_t i = 0; i < sizeof zeros; i++)
        if (zeros[i] != 0)
            return 3;
    if (strcmp(before, "before") != 0 || strcmp(behind, "behind") != 0)
        return 4;
    printf("%08x %s %s\n", total, before, impossible_block == NULL ? "full" : "not full");
    return 0;
}

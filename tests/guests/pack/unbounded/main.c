/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has no bound for its stack: a function that calls itself with a frame, and an array of variable length. It stays
 * far from the end of its stack.
 */
#include <stdio.h>

static volatile int depth = 20;
static char behind[] = "behind";

__attribute__((noinline)) static int fill(volatile char *bytes, int count)
{
    int total = 0;
    for (int i = 0; i < count; i++) {
        bytes[i] = (char)i;
        total += bytes[i];
    }
    return total;
}

__attribute__((noinline)) static int down(int left)
{
    volatile char frame[64];
    int total = fill(frame, 64);
    return left == 0 ? total : total + down(left - 1);
}

__attribute__((noinline)) static int variable(int count)
{
    volatile char array[count];
    return fill(array, count);
}

int main(void)
{
    printf("%d %d %s\n", down(depth), variable(depth * 3), behind);
    return 0;
}

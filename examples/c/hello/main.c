/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest useful guest: says hello and shows what it was started with.
 *
 *   thimble run hello-c.wasm one two -e COLOUR=blue
 *
 * It needs no grant. Its exit code is the number of arguments, so that a script can see it was heard.
 */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    puts("Hello from a container!");
    for (int i = 1; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);
    const char *colour = getenv("COLOUR");
    if (colour != NULL)
        printf("COLOUR is %s\n", colour);
    return argc > 0 ? argc - 1 : 0;
}

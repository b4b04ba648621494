/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Works with files, in plain C: the directories that a container was given are its whole file system.
 *
 *   thimble run filesystem-c.wasm -v ./somewhere:/data [DIRECTORY]
 *
 * In DIRECTORY (/data) it makes a folder, writes, reads, appends, renames, lists and removes, printing
 * each step, and leaves one file, `runs`, that counts its runs: it shows that data survives.
 * The exit code is 0, or 1 after the first step that fails.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[256];
static char other[256];

/* Ends the guest with a message if a step failed. */
static void check(int ok, const char *step)
{
    if (ok) {
        printf("%s: ok\n", step);
        return;
    }
    fprintf(stderr, "%s: %s\n", step, strerror(errno));
    exit(1);
}

static void write_file(const char *name, const char *mode, const char *text)
{
    FILE *file = fopen(name, mode);
    check(file != NULL, "open to write");
    check(fputs(text, file) >= 0 && fclose(file) == 0, "write");
}

static void list(const char *directory)
{
    DIR *dir = opendir(directory);
    check(dir != NULL, "list");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            printf("  %s\n", entry->d_name);
    closedir(dir);
}

int main(int argc, char **argv)
{
    const char *root = argc > 1 ? argv[1] : "/data";
    char text[64] = "";
    struct stat status;

    snprintf(path, sizeof path, "%s/folder", root);
    check(mkdir(path, 0755) == 0 || errno == EEXIST, "make folder");

    snprintf(path, sizeof path, "%s/folder/note.txt", root);
    write_file(path, "w", "one\n");
    write_file(path, "a", "two\n");
    check(stat(path, &status) == 0 && status.st_size == 8, "size is 8");

    FILE *file = fopen(path, "r");
    check(file != NULL && fseek(file, 4, SEEK_SET) == 0 && fgets(text, sizeof text, file) != NULL &&
              strcmp(text, "two\n") == 0,
          "read the second line");
    fclose(file);

    snprintf(other, sizeof other, "%s/folder/renamed.txt", root);
    check(rename(path, other) == 0, "rename");
    snprintf(path, sizeof path, "%s/folder", root);
    list(path);

    check(unlink(other) == 0, "delete file");
    check(rmdir(path) == 0, "delete folder");

    int runs = 0;
    snprintf(path, sizeof path, "%s/runs", root);
    file = fopen(path, "r");
    if (file != NULL) {
        if (fgets(text, sizeof text, file) != NULL)
            runs = atoi(text);
        fclose(file);
    }
    snprintf(text, sizeof text, "%d\n", runs + 1);
    write_file(path, "w", text);
    printf("this was run %d\n", runs + 1);
    return 0;
}

/* replay.c - runs a fuzz target over every file of a corpus, then over each file cut and with a byte
 * changed at a few places: what any compiler can check without libFuzzer.
 *   replay_NAME FOLDER...          SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1u << 20)
#define PLACES 24 /* cuts and changes a file */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* A target may have one; most have none. */
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static uint8_t content[FILE_MAX];

/* On an exact heap block, so that a sanitizer sees the first byte read behind it. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        exit(2);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    size_t size = fread(content, 1, sizeof content, file);
    fclose(file);
    run(content, size);
    for (size_t i = 0; i < PLACES && size; i++) {
        size_t at = size * i / PLACES;
        uint8_t before = content[at];
        run(content, at);
        content[at] = (uint8_t)(before ^ (1u << i % 8));
        run(content, size);
        content[at] = (uint8_t)(i % 2 ? 0xff : 0);
        run(content, size);
        content[at] = before;
    }
    return 1;
}

int main(int argc, char **argv)
{
    int files = 0;
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    run((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        struct dirent *entry;
        while (folder && (entry = readdir(folder))) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (entry->d_name[0] != '.')
                files += replay_file(path);
        }
        if (folder)
            closedir(folder);
    }
    printf("%d files\n", files);
    return files > 0 ? 0 : 1;
}

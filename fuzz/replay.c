/* replay.c: runs a fuzzer's function once over each file of its corpus, without libFuzzer, so that any compiler and any sanitizer can do it.
 *
 * Usage: replay_NAME FOLDER-OR-FILE... It also tries each input cut short at a few places and with bytes flipped, the same ones every time. It judges nothing: a crash, a
 * sanitizer's report or an assertion of the fuzzer is the failure. An empty or missing corpus is one too, since then nothing would be tested. Not for finding new inputs: make fuzz. */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CUTS = 8, FLIPS = 16 };

/* The function gets a block of just the input's size, so that the address sanitizer sees any read past it. */
static void run_exact(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) {
        fprintf(stderr, "replay: out of memory for %zu bytes\n", size);
        exit(1);
    }
    if (size)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_variants(uint8_t *data, size_t size)
{
    run_exact(data, size);
    for (size_t i = 0; i < CUTS; i++)
        run_exact(data, size * i / CUTS);
    for (size_t i = 0; i < FLIPS && size > 0; i++) {
        /* Early bytes are headers, so half of the flips fall there. */
        size_t at = i % 2 ? i / 2 % size : (i * 2654435761u) % size;
        uint8_t before = data[at];
        data[at] ^= (uint8_t)(1u << i % 8);
        run_exact(data, size);
        data[at] = before;
    }
}

static int replay_file(const char *path, size_t *runs)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "replay: cannot open %s\n", path);
        return 1;
    }
    uint8_t *data = NULL;
    size_t size = 0, capacity = 0, got;
    do {
        if (size == capacity) {
            capacity = capacity ? capacity * 2 : 4096;
            uint8_t *grown = realloc(data, capacity);
            if (!grown) {
                free(data);
                fclose(file);
                fprintf(stderr, "replay: out of memory for %s\n", path);
                return 1;
            }
            data = grown;
        }
        got = fread(data + size, 1, capacity - size, file);
        size += got;
    } while (got > 0);
    fclose(file);
    run_variants(data, size);
    free(data);
    ++*runs;
    return 0;
}

static int replay_folder(const char *path, size_t *runs)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    int failed = count < 0;
    if (failed)
        fprintf(stderr, "replay: cannot list %s\n", path);
    for (int i = 0; i < count; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            failed |= replay_file(file, runs);
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int main(int argc, char **argv)
{
    size_t runs = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat info;
        if (stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode))
            failed |= replay_folder(argv[i], &runs);
        else
            failed |= replay_file(argv[i], &runs);
    }
    if (runs == 0) {
        fprintf(stderr, "replay: no input was run\n");
        return 1;
    }
    printf("%zu inputs replayed\n", runs);
    return failed;
}

/* support_session.c: see support_session.h. */
#include "support_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rng.h"

enum { SAMPLES = 240 };

static FILE *create(const char *folder, const char *name)
{
    char path[256];
    tiny_path(path, folder, name);
    FILE *file = fopen(path, "wb");
    if (!file) {
        perror(path);
        abort();
    }
    return file;
}

void tiny_path(char path[256], const char *folder, const char *name)
{
    snprintf(path, 256, "%s/%s", folder, name);
}

void tiny_make(char folder[64])
{
    snprintf(folder, 64, "/tmp/tenet-test-XXXXXX");
    if (!mkdtemp(folder))
        abort();
    FILE *data = create(folder, "data.csv");
    tn_rng rng;
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    fprintf(data, "a,b,class\n");
    for (int i = 0; i < SAMPLES; i++) {
        double a = tn_rng_normal(&rng), b = tn_rng_normal(&rng);
        fprintf(data, "%.4f,%.4f,%d\n", a, b, a * b > 0);
    }
    fclose(data);
    FILE *net = create(folder, "net.json");
    fprintf(
        net,
        "{\n"
        "  \"data\": {\"train\": {\"format\": \"csv\", \"file\": \"data.csv\", \"label\": \"class\"}, \"valid\": {\"fraction\": 0.25}},\n"
        "  \"net\": [{\"op\": \"dense\", \"units\": 16}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 2}],\n"
        "  \"loss\": \"softmax_cross_entropy\",\n"
        "  \"solver\": {\"opt\": \"sgd\", \"momentum\": 0.9, \"learning_rate\": 0.05, \"batch_size\": 16, \"epochs\": 40, \"seed\": 1}\n"
        "}\n");
    fclose(net);
}

void tiny_remove(const char *folder)
{
    static const char *const NAMES[] = {"data.csv", "net.json", "store.db", "store.db-wal", "store.db-shm"};
    char path[256];
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        tiny_path(path, folder, NAMES[i]);
        unlink(path);
    }
    if (rmdir(folder) != 0)
        abort();
}

/* nets.c: see nets.h. Inputs are Gaussian and labels do not depend on them, so a network never finishes learning. */
#include "nets.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"

/* clang-format off */
const bench_net bench_nets[BENCH_NETS] = {
    {"mlp-64-128-10", 4096, 64, "(4096, 64)",
     "{\"op\": \"dense\", \"units\": 128}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 10}", 32},
    {"mlp-784-512-512-10", 4096, 784, "(4096, 784)",
     "{\"op\": \"dense\", \"units\": 512}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 512}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 10}", 64},
    {"lenet-5", 4096, 784, "(4096, 28, 28, 1)",
     "{\"op\": \"conv2d\", \"filters\": 6, \"kernel\": 5, \"padding\": \"same\"}, {\"op\": \"relu\"}, {\"op\": \"max_pool2d\", \"size\": 2},"
     "{\"op\": \"conv2d\", \"filters\": 16, \"kernel\": 5}, {\"op\": \"relu\"}, {\"op\": \"max_pool2d\", \"size\": 2}, {\"op\": \"flatten\"},"
     "{\"op\": \"dense\", \"units\": 120}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 84}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 10}", 64},
};
/* clang-format on */

_Noreturn void bench_fail(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static void write_npy(const char *folder, const char *name, const char *type, const char *shape, const void *values, size_t bytes)
{
    char path[128], header[118];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    memset(header, ' ', sizeof header);
    int length = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type, shape);
    header[length] = ' ';
    header[sizeof header - 1] = '\n';
    const unsigned char magic[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, sizeof header, 0};
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(magic, sizeof magic, 1, file) != 1 || fwrite(header, sizeof header, 1, file) != 1 ||
        fwrite(values, bytes, 1, file) != 1 || fclose(file) != 0)
        bench_fail("the data cannot be written");
}

static void write_data(const bench_net *n, const char *folder)
{
    float *inputs = malloc(n->samples * n->size * sizeof *inputs);
    int32_t *labels = malloc(n->samples * sizeof *labels);
    char shape[32];
    tn_rng rng;
    if (!inputs || !labels)
        bench_fail("out of memory");
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    for (size_t i = 0; i < n->samples * n->size; i++)
        inputs[i] = (float)tn_rng_normal(&rng);
    for (size_t i = 0; i < n->samples; i++)
        labels[i] = (int32_t)(i % 10);
    write_npy(folder, "x.npy", "<f4", n->shape, inputs, n->samples * n->size * sizeof *inputs);
    snprintf(shape, sizeof shape, "(%zu,)", n->samples);
    write_npy(folder, "y.npy", "<i4", shape, labels, n->samples * sizeof *labels);
    free(inputs);
    free(labels);
}

void bench_net_begin(const bench_net *n, const char *solver, char *folder, char *text, size_t capacity)
{
    strcpy(folder, "/tmp/tenet_bench_XXXXXX");
    if (!mkdtemp(folder))
        bench_fail("no temporary folder");
    write_data(n, folder);
    int length =
        snprintf(text, capacity,
                 "{\"data\": {\"train\": {\"format\": \"npy\", \"inputs\": \"x.npy\", \"labels\": \"y.npy\"}, \"valid\": {\"fraction\": "
                 "0}}, \"net\": [%s],"
                 "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"learning_rate\": 0.001, \"momentum\": 0.9, \"batch_size\": %zu%s}}",
                 n->nodes, n->batch, solver);
    if (length < 0 || (size_t)length >= capacity)
        bench_fail("the hypes do not fit");
}

void bench_net_end(const char *folder)
{
    char path[128];
    snprintf(path, sizeof path, "%s/x.npy", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/y.npy", folder);
    unlink(path);
    rmdir(folder);
}

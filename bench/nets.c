/* nets.c: see nets.h. Inputs are Gaussian and labels do not depend on them, so a network never finishes learning. */
#include "nets.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"

/* clang-format off */
#define BLOCK(number, filters, stride) \
    "{\"op\": \"conv2d\", \"filters\": " filters ", \"kernel\": 3, \"stride\": " stride ", \"padding\": 1, \"bias\": false}, {\"op\": \"batch_norm\"}, {\"op\": \"relu\"}," \
    "{\"op\": \"conv2d\", \"filters\": " filters ", \"kernel\": 3, \"padding\": 1, \"bias\": false}, {\"op\": \"batch_norm\", \"name\": \"main" number "\"},"
#define MAPPED(number, before, filters) \
    "{\"op\": \"conv2d\", \"filters\": " filters ", \"kernel\": 1, \"stride\": 2, \"bias\": false, \"from\": \"" before "\"}, {\"op\": \"batch_norm\", \"name\": \"mapped" number "\"}," \
    "{\"op\": \"add\", \"from\": [\"main" number "\", \"mapped" number "\"]}, {\"op\": \"relu\", \"name\": \"out" number "\"},"

const bench_net bench_nets[BENCH_NETS] = {
    {"mlp-64-128-10", 4096, 64, "(4096, 64)",
     "{\"op\": \"dense\", \"units\": 128}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 10}", 32, 0},
    {"mlp-784-512-512-10", 4096, 784, "(4096, 784)",
     "{\"op\": \"dense\", \"units\": 512}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 512}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 10}", 64, 0},
    {"lenet-5", 4096, 784, "(4096, 28, 28, 1)",
     "{\"op\": \"conv2d\", \"filters\": 6, \"kernel\": 5, \"padding\": \"same\"}, {\"op\": \"relu\"}, {\"op\": \"max_pool2d\", \"size\": 2},"
     "{\"op\": \"conv2d\", \"filters\": 16, \"kernel\": 5}, {\"op\": \"relu\"}, {\"op\": \"max_pool2d\", \"size\": 2}, {\"op\": \"flatten\"},"
     "{\"op\": \"dense\", \"units\": 120}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 84}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 10}", 64, 0},
    {"resnet-8", 512, 3072, "(512, 32, 32, 3)",
     "{\"op\": \"conv2d\", \"filters\": 16, \"kernel\": 3, \"padding\": 1, \"bias\": false}, {\"op\": \"batch_norm\"}, {\"op\": \"relu\", \"name\": \"out0\"},"
     BLOCK("1", "16", "1") "{\"op\": \"add\", \"from\": [\"main1\", \"out0\"]}, {\"op\": \"relu\", \"name\": \"out1\"},"
     BLOCK("2", "32", "2") MAPPED("2", "out1", "32") BLOCK("3", "64", "2") MAPPED("3", "out2", "64")
     "{\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 10}", 64, 0},
    {"lstm-2x200", 400, 35, "(400, 35)",
     "{\"op\": \"embedding\", \"vocabulary\": 65, \"units\": 200}, {\"op\": \"lstm\", \"units\": 200, \"layers\": 2}, {\"op\": \"dense\", \"units\": 65}", 20, 65},
    {"gpt-4x128", 256, 128, "(256, 128)",
     "{\"op\": \"embedding\", \"vocabulary\": 65, \"units\": 128}, {\"op\": \"position_embedding\"},"
     "{\"repeat\": 4, \"block\": [{\"op\": \"layer_norm\"}, {\"op\": \"attention\", \"heads\": 4, \"causal\": true, \"name\": \"mixed\"},"
     "{\"op\": \"add\", \"from\": [\"start\", \"mixed\"], \"name\": \"middle\"}, {\"op\": \"layer_norm\"}, {\"op\": \"dense\", \"units\": 512}, {\"op\": \"gelu\"},"
     "{\"op\": \"dense\", \"units\": 128, \"name\": \"fed\"}, {\"op\": \"add\", \"from\": [\"middle\", \"fed\"]}]},"
     "{\"op\": \"layer_norm\"}, {\"op\": \"dense\", \"units\": 65}", 16, 65},
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

static void write_values(const bench_net *n, const char *folder)
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

static void write_tokens(const bench_net *n, const char *folder)
{
    const size_t count = n->samples * n->size;
    int32_t *tokens = malloc(count * sizeof *tokens);
    tn_rng rng;
    if (!tokens)
        bench_fail("out of memory");
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    for (int labels = 0; labels < 2; labels++) {
        for (size_t i = 0; i < count; i++)
            tokens[i] = (int32_t)tn_rng_below(&rng, (uint32_t)n->vocabulary);
        write_npy(folder, labels ? "y.npy" : "x.npy", "<i4", n->shape, tokens, count * sizeof *tokens);
    }
    free(tokens);
}

void bench_net_begin(const bench_net *n, const char *solver, char *folder, char *text, size_t capacity)
{
    strcpy(folder, "/tmp/tenet_bench_XXXXXX");
    if (!mkdtemp(folder))
        bench_fail("no temporary folder");
    if (n->vocabulary)
        write_tokens(n, folder);
    else
        write_values(n, folder);
    int length =
        snprintf(text, capacity,
                 "{\"data\": {\"train\": {\"format\": \"npy\", \"inputs\": \"x.npy\", \"labels\": \"y.npy\"}, \"valid\": {\"fraction\": "
                 "0}%s}, \"net\": [%s],"
                 "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"learning_rate\": 0.001, \"momentum\": 0.9, \"batch_size\": %zu%s}}",
                 n->vocabulary ? ", \"label\": {\"each_step\": true}" : "", n->nodes, n->batch, solver);
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

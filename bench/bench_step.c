/* bench_step.c: how long a training step takes, for three nets on synthetic data.
 *
 *     bench_step                    every net, one and two threads
 *     bench_step NET THREADS MS     one of them, for about MS milliseconds: what bench/steps.py runs between PyTorch's turns
 *
 * Prints JSON: {"net", "batch", "threads", "microseconds", "best"} a line: the median over blocks of steps, and the least (on a busy
 * machine the one to look at). A step is the whole of it: a batch gathered from a shuffled set, forward, loss, backward, SGD with
 * momentum. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "engine/trainer.h"

typedef struct net {
    const char *name;
    size_t samples, size;
    const char *shape; /* of the set, as NumPy writes it */
    const char *nodes;
    size_t batch;
} net;

/* clang-format off */
static const net nets[] = {
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

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench_step: %s\n", what);
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
        fail("the data cannot be written");
}

static void write_data(const net *n, const char *folder)
{
    float *inputs = malloc(n->samples * n->size * sizeof *inputs);
    int32_t *labels = malloc(n->samples * sizeof *labels);
    char shape[32];
    tn_rng rng;
    if (!inputs || !labels)
        fail("out of memory");
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

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

enum { BLOCKS = 101 };

/* Microseconds a step: the median, and the least, of BLOCKS blocks, which take about `milliseconds` together. */
static double time_steps(tn_trainer *trainer, double milliseconds, double *best)
{
    double blocks[BLOCKS];
    tn_step_result result;
    uint64_t start = tn_clock_ns(), warm = 0;
    for (; tn_clock_ns() - start < (uint64_t)(milliseconds * 1e6 / 5) || warm < 10; warm++)
        tn_trainer_step(trainer, false, NULL, NULL, &result);
    double step_ns = (double)(tn_clock_ns() - start) / (double)warm;
    uint64_t each = (uint64_t)(milliseconds * 1e6 / step_ns / BLOCKS) + 1;
    for (int b = 0; b < BLOCKS; b++) {
        start = tn_clock_ns();
        for (uint64_t i = 0; i < each; i++)
            tn_trainer_step(trainer, false, NULL, NULL, &result);
        blocks[b] = (double)(tn_clock_ns() - start) / (double)each / 1e3;
    }
    qsort(blocks, BLOCKS, sizeof *blocks, compare);
    *best = blocks[0];
    return blocks[BLOCKS / 2];
}

static void measure(const net *n, size_t threads, double milliseconds)
{
    char folder[] = "/tmp/tenet_bench_XXXXXX", text[2048], path[64];
    tn_error error;
    tn_hypes *hypes;
    tn_data data;
    tn_pool *pool;
    tn_trainer *trainer;
    if (!mkdtemp(folder))
        fail("no temporary folder");
    write_data(n, folder);
    int length =
        snprintf(text, sizeof text,
                 "{\"data\": {\"train\": {\"format\": \"npy\", \"inputs\": \"x.npy\", \"labels\": \"y.npy\"}, \"valid\": {\"fraction\": "
                 "0}}, \"net\": [%s],"
                 "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"learning_rate\": 0.001, \"momentum\": 0.9, \"batch_size\": %zu}}",
                 n->nodes, n->batch);
    if (tn_hypes_parse(text, (size_t)length, "bench", folder, &hypes, &error) || tn_data_open(hypes, NULL, &data, &error) ||
        tn_pool_create(threads, &pool, &error) || tn_trainer_create(hypes, &data, pool, &trainer, &error))
        fail(error.message);
    double best, median = time_steps(trainer, milliseconds, &best);
    printf("{\"net\": \"%s\", \"batch\": %zu, \"threads\": %zu, \"microseconds\": %.2f, \"best\": %.2f}\n", n->name, n->batch, threads,
           median, best);
    tn_trainer_destroy(trainer);
    tn_pool_destroy(pool);
    tn_data_close(&data);
    tn_hypes_destroy(hypes);
    snprintf(path, sizeof path, "%s/x.npy", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/y.npy", folder);
    unlink(path);
    rmdir(folder);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        if (argc == 4 && strcmp(argv[1], nets[i].name) == 0) {
            measure(&nets[i], (size_t)strtoul(argv[2], NULL, 10), strtod(argv[3], NULL));
            return 0;
        }
        for (size_t threads = 1; argc == 1 && threads <= 2; threads++)
            measure(&nets[i], threads, 500);
    }
    if (argc != 1)
        fail("use: bench_step, or bench_step NET THREADS MILLISECONDS");
    return 0;
}

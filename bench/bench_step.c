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

#include "base/clock.h"
#include "engine/trainer.h"
#include "nets.h"

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

static void measure(const bench_net *n, size_t threads, double milliseconds)
{
    char folder[64], text[2048];
    tn_error error;
    tn_hypes *hypes;
    tn_data data;
    tn_pool *pool;
    tn_trainer *trainer;
    bench_net_begin(n, "", folder, text, sizeof text);
    if (tn_hypes_parse(text, strlen(text), "bench", folder, &hypes, &error) || tn_data_open(hypes, NULL, &data, &error) ||
        tn_pool_create(threads, &pool, &error) || tn_trainer_create(hypes, &data, pool, &trainer, &error))
        bench_fail(error.message);
    double best, median = time_steps(trainer, milliseconds, &best);
    printf("{\"net\": \"%s\", \"batch\": %zu, \"threads\": %zu, \"microseconds\": %.2f, \"best\": %.2f}\n", n->name, n->batch, threads,
           median, best);
    tn_trainer_destroy(trainer);
    tn_pool_destroy(pool);
    tn_data_close(&data);
    tn_hypes_destroy(hypes);
    bench_net_end(folder);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < BENCH_NETS; i++) {
        if (argc == 4 && strcmp(argv[1], bench_nets[i].name) == 0) {
            measure(&bench_nets[i], (size_t)strtoul(argv[2], NULL, 10), strtod(argv[3], NULL));
            return 0;
        }
        for (size_t threads = 1; argc == 1 && threads <= 2; threads++)
            measure(&bench_nets[i], threads, 500);
    }
    if (argc != 1)
        bench_fail("use: bench_step, or bench_step NET THREADS MILLISECONDS");
    return 0;
}

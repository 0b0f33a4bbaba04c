/* bench_step.c: how long a training step takes, for six nets on synthetic data.
 *
 *     bench_step                    every net, one and two threads
 *     bench_step NET THREADS MS [PRECISION]
 *                                   one of them, for about MS milliseconds: what bench/steps.py runs between PyTorch's turns
 *
 * Prints JSON: {"net", "batch", "threads", "microseconds", "best", "grown_mb", "peak_mb"} a line: the median over blocks of steps, and
 * the least (on a busy machine the one to look at); by how much the process grew from before its data were opened, and its size then. A
 * step is the whole of it: a batch gathered from a shuffled set, forward, loss, backward, SGD with momentum. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/trainer.h"
#include "nets.h"

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

enum { BLOCKS_MIN = 5, BLOCKS_MAX = 101 };

/* Microseconds a step: the median, and the least, of blocks of steps, which take about `milliseconds` together; of slow steps a block is one, and there are fewer. */
static double time_steps(tn_trainer *trainer, double milliseconds, double *best)
{
    double blocks[BLOCKS_MAX];
    tn_step_result result;
    uint64_t start = tn_clock_ns(), warm = 0;
    for (; tn_clock_ns() - start < (uint64_t)(milliseconds * 1e6 / 5) || warm < 3; warm++)
        tn_trainer_step(trainer, false, NULL, NULL, &result);
    double step_ns = (double)(tn_clock_ns() - start) / (double)warm;
    const double steps = milliseconds * 1e6 / step_ns;
    const int count = steps >= BLOCKS_MAX ? BLOCKS_MAX : steps > BLOCKS_MIN ? (int)steps : BLOCKS_MIN;
    uint64_t each = (uint64_t)(steps / BLOCKS_MAX) + 1;
    for (int b = 0; b < count; b++) {
        start = tn_clock_ns();
        for (uint64_t i = 0; i < each; i++)
            tn_trainer_step(trainer, false, NULL, NULL, &result);
        blocks[b] = (double)(tn_clock_ns() - start) / (double)each / 1e3;
    }
    qsort(blocks, (size_t)count, sizeof *blocks, compare);
    *best = blocks[0];
    return blocks[count / 2];
}

/* Of the process, in MB: now, and at most so far. */
static double resident_mb(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*s %ld", &pages) != 1)
        bench_fail("/proc/self/statm cannot be read");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static double peak_mb(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss * 1024 / 1e6;
}

static void measure(const bench_net *n, size_t threads, double milliseconds, const char *precision)
{
    char folder[64], text[4096], solver[64];
    tn_error error;
    tn_hypes *hypes;
    tn_data data;
    tn_pool *pool;
    tn_trainer *trainer;
    snprintf(solver, sizeof solver, ", \"precision\": \"%s\"", precision);
    bench_net_begin(n, solver, folder, text, sizeof text);
    const double before = resident_mb();
    if (tn_hypes_parse(text, strlen(text), "bench", folder, &hypes, &error) || tn_data_open(hypes, NULL, &data, &error) ||
        tn_pool_create(threads, &pool, &error) || tn_trainer_create(hypes, &data, pool, &trainer, &error))
        bench_fail(error.message);
    double best, median = time_steps(trainer, milliseconds, &best);
    printf("{\"net\": \"%s\", \"batch\": %zu, \"threads\": %zu, \"microseconds\": %.2f, \"best\": %.2f, \"grown_mb\": %.1f, \"peak_mb\": "
           "%.1f}\n",
           n->name, n->batch, threads, median, best, peak_mb() - before, peak_mb());
    tn_trainer_destroy(trainer);
    tn_pool_destroy(pool);
    tn_data_close(&data);
    tn_hypes_destroy(hypes);
    bench_net_end(folder);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < BENCH_NETS; i++) {
        if ((argc == 4 || argc == 5) && strcmp(argv[1], bench_nets[i].name) == 0) {
            measure(&bench_nets[i], (size_t)strtoul(argv[2], NULL, 10), strtod(argv[3], NULL), argc == 5 ? argv[4] : "float32");
            return 0;
        }
        for (size_t threads = 1; argc == 1 && threads <= 2; threads++)
            measure(&bench_nets[i], threads, 500, "float32");
    }
    if (argc != 1)
        bench_fail("use: bench_step, or bench_step NET THREADS MILLISECONDS [PRECISION]");
    return 0;
}

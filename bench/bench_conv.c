/* bench_conv.c: GFLOP/s of each way to compute a convolution, for the layers of the nets that bench_step trains.
 *
 *     bench_conv [MS [LAYER [WAY]]]   about MS milliseconds (100) for each number; only layers whose name begins so, and one way
 *
 * One thread, a batch of 64: y, dx and the weights' gradient. The least time counts. Ways take turns, so that a busy machine hits all. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "engine/ops/conv.h"
#include "nets.h"

enum { SAMPLES = 64 };

static const struct layer {
    const char *name;
    size_t in, channels, kernel, stride, pad, out, filters;
} layers[] = {
    {"resnet-8 32x32 3 to 16", 32, 3, 3, 1, 1, 32, 16}, {"resnet-8 32x32 16", 32, 16, 3, 1, 1, 32, 16},
    {"resnet-8 16 to 32, /2", 32, 16, 3, 2, 1, 16, 32}, {"resnet-8 16 to 32, 1x1", 32, 16, 1, 2, 0, 16, 32},
    {"resnet-8 16x16 32", 16, 32, 3, 1, 1, 16, 32},     {"resnet-8 32 to 64, /2", 16, 32, 3, 2, 1, 8, 64},
    {"resnet-8 32 to 64, 1x1", 16, 32, 1, 2, 0, 8, 64}, {"resnet-8 8x8 64", 8, 64, 3, 1, 1, 8, 64},
    {"others 8x8 128", 8, 128, 3, 1, 1, 8, 128},        {"others 4x4 128", 4, 128, 3, 1, 1, 4, 128},
    {"others 7x7 64", 7, 64, 3, 1, 1, 7, 64},           {"others 32x32 16 to 64", 32, 16, 3, 1, 1, 32, 64},
    {"others 28x28 8", 28, 8, 3, 1, 1, 28, 8},          {"others 28x28 24", 28, 24, 3, 1, 1, 28, 24},
    {"lenet-5 28x28 1 to 6", 28, 1, 5, 1, 2, 28, 6},    {"lenet-5 14x14 6 to 16", 14, 6, 5, 1, 0, 10, 16},
};

static const tn_conv_way *const ways[] = {&tn_conv_direct, &tn_conv_direct_avx2, &tn_conv_winograd, &tn_conv_winograd_avx2,
                                          &tn_conv_patches};
enum { WAYS = sizeof ways / sizeof *ways };
enum { FORWARD, WEIGHTS, INPUT, PASSES };

typedef struct work {
    tn_conv conv;
    double milliseconds;
    const char *way; /* NULL: all */
    float *x, *y, *dx, *dy, *weight, *sums, *shared, *scratch;
} work;

static float *values(size_t count, bool random)
{
    float *v = tn_memory_create(count, sizeof *v);
    tn_rng rng;
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    if (!v)
        bench_fail("out of memory");
    for (size_t i = 0; i < count && random; i++)
        v[i] = (float)tn_rng_normal(&rng);
    return v;
}

static bool takes(const work *w, const tn_conv_way *way)
{
    return way->fits(&w->conv) && (!w->way || strcmp(w->way, way->name) == 0);
}

static void run(const work *w, const tn_conv_way *way, int pass)
{
    const tn_conv *c = &w->conv;
    if (pass == FORWARD) {
        way->prepare_forward(c, w->weight, w->shared);
        way->forward(c, w->weight, w->shared, NULL, SAMPLES, w->x, w->y, w->scratch);
    } else if (pass == WEIGHTS) {
        way->weight_gradient(c, SAMPLES, w->x, w->dy, false, w->sums, w->scratch);
    } else {
        way->prepare_input(c, w->weight, w->shared);
        way->input_gradient(c, w->weight, w->shared, SAMPLES, w->dy, w->dx, w->scratch);
    }
}

static void measure(void *context, size_t tile, size_t worker)
{
    (void)tile;
    (void)worker;
    const work *w = context;
    uint64_t least[WAYS][PASSES], start = tn_clock_ns();
    memset(least, 0xff, sizeof least);
    while ((double)(tn_clock_ns() - start) < w->milliseconds * 1e6 * WAYS * PASSES) {
        for (size_t i = 0; i < (size_t)WAYS * PASSES; i++) {
            const tn_conv_way *way = ways[i / PASSES];
            if (!takes(w, way))
                continue;
            uint64_t begin = tn_clock_ns(), took;
            run(w, way, (int)(i % PASSES));
            took = tn_clock_ns() - begin;
            if (took < least[i / PASSES][i % PASSES])
                least[i / PASSES][i % PASSES] = took;
        }
    }
    double flop = 2.0 * SAMPLES * (double)(w->conv.pixels * w->conv.patch * w->conv.filters);
    for (size_t i = 0; i < WAYS; i++) {
        if (takes(w, ways[i]))
            printf(" %s | %.1f | %.1f | %.1f |", ways[i]->name, flop / (double)least[i][FORWARD], flop / (double)least[i][WEIGHTS],
                   flop / (double)least[i][INPUT]);
    }
    printf("\n");
}

/* Scratch that is enough for each way that fits. */
static size_t most_reals(const tn_conv *conv, bool shared)
{
    size_t most = 0;
    for (size_t i = 0; i < WAYS; i++) {
        size_t reals = !ways[i]->fits(conv) ? 0 : shared ? ways[i]->shared_reals(conv) : ways[i]->worker_reals(conv);
        most = reals > most ? reals : most;
    }
    return most;
}

int main(int argc, char **argv)
{
    printf("GFLOP/s: layer | way | forward | weights | input |\n");
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const struct layer *l = &layers[i];
        if (argc > 2 && strncmp(l->name, argv[2], strlen(argv[2])) != 0)
            continue;
        tn_window window = {.in_h = l->in,
                            .in_w = l->in,
                            .channels = l->channels,
                            .size_h = l->kernel,
                            .size_w = l->kernel,
                            .stride_h = l->stride,
                            .stride_w = l->stride,
                            .pad_top = l->pad,
                            .pad_left = l->pad,
                            .out_h = l->out,
                            .out_w = l->out};
        work w = {.conv = tn_conv_of(&window, l->filters, 1),
                  .milliseconds = argc > 1 ? strtod(argv[1], NULL) : 100,
                  .way = argc > 3 ? argv[3] : NULL};
        const tn_conv *c = &w.conv;
        w.x = values(SAMPLES * c->x_size, true), w.dy = values(SAMPLES * c->y_size, true), w.weight = values(c->patch * c->filters, true);
        w.dx = values(SAMPLES * c->x_size, false), w.y = values(SAMPLES * c->y_size, false),
        w.sums = values((c->patch + 1) * c->padded, false);
        w.shared = values(most_reals(c, true), false), w.scratch = values(most_reals(c, false), false);
        printf("%s |", l->name);
        tn_pool_run(NULL, 1, measure, &w); /* in a tile, so that oneDNN stays on one thread */
        float *blocks[] = {w.x, w.y, w.dx, w.dy, w.weight, w.sums, w.shared, w.scratch};
        for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
            tn_memory_destroy(blocks[k]);
    }
    return 0;
}

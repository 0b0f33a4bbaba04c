/* bench_products.c: how fast products of matrices are, by shape, in float32 and with factors rounded to bfloat16, on one thread.
 *
 *     bench_products               the shapes of the nets of bench_step
 *     bench_products M N K KIND    one; KIND: nn, nt (b transposed), tn (a transposed)
 *
 * Prints GFLOP/s, the best of several turns, with factors that stay in cache as far as they fit; on x86-64 the peaks beside them: multiply-adds in registers, of floats and of pairs of bfloat16. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/simd.h"
#include "base/threads.h"
#include "engine/gemm.h"
#include "engine/kernel.h"
#include "nets.h"

typedef struct shape {
    const char *of, *kind;
    size_t m, n, k;
} shape;

/* As tn_gemm gets them, tile by tile. */
static const shape shapes[] = {
    {"MLP 784: layer 1 forward", "nn", 64, 128, 784},
    {"MLP 784: layer 2 forward", "nn", 64, 128, 512},
    {"MLP 784: layer 2, dx", "nt", 64, 128, 512},
    {"MLP 784: layer 1 and 2, dW", "tn", 64, 512, 64},
    {"GPT: q, k, v, o forward", "nn", 128, 128, 128},
    {"GPT: q, k, v, o, dx", "nt", 128, 128, 128},
    {"GPT: q, k, v, o, dW", "tn", 32, 128, 2048},
    {"GPT: wide layer forward", "nn", 128, 512, 128},
    {"GPT: wide layer, dx", "nt", 128, 128, 512},
    {"GPT: wide layer, dW", "tn", 32, 512, 2048},
    {"GPT: narrow layer forward", "nn", 128, 128, 512},
    {"GPT: last layer forward", "nn", 128, 65, 128},
    {"GPT: scores of a head", "nt", 32, 96, 32},
    {"GPT: values of a head", "nn", 32, 32, 96},
    {"GPT: d_k, d_v of a head", "tn", 96, 32, 32},
    {"LSTM: input part", "nn", 44, 800, 200},
    {"LSTM: a step", "nn", 5, 800, 200},
    {"LSTM: a step backward", "nn", 5, 200, 800},
    {"LSTM: dx", "nt", 44, 200, 800},
    {"LSTM: dW", "tn", 50, 800, 700},
};

enum { TURNS = 7 };

static double now(void)
{
    return (double)tn_clock_ns();
}

#ifdef TN_WITH_KERNELS

enum { CHAINS = 12, STEPS = 1 << 18 };

#define PEAK(name, set, step)                                                                                                              \
    __attribute__((target(set))) static double name(void)                                                                                  \
    {                                                                                                                                      \
        __m512 sums[CHAINS], factor = _mm512_set1_ps(0.5f);                                                                                \
        double best = 1e30;                                                                                                                \
        TN_UNROLL                                                                                                                          \
        for (int i = 0; i < CHAINS; i++)                                                                                                   \
            sums[i] = _mm512_set1_ps((float)i);                                                                                            \
        for (int turn = 0; turn < TURNS; turn++) {                                                                                         \
            const double start = now();                                                                                                    \
            for (int n = 0; n < STEPS; n++) {                                                                                              \
                TN_UNROLL                                                                                                                  \
                for (int i = 0; i < CHAINS; i++)                                                                                           \
                    sums[i] = step;                                                                                                        \
                __asm__ volatile("" : "+v"(factor));                                                                                       \
            }                                                                                                                              \
            best = now() - start < best ? now() - start : best;                                                                            \
        }                                                                                                                                  \
        TN_UNROLL                                                                                                                          \
        for (int i = 0; i < CHAINS; i++)                                                                                                   \
            __asm__ volatile("" : : "v"(sums[i]));                                                                                         \
        return (double)STEPS * CHAINS / best;                                                                                              \
    }

PEAK(float_steps, "avx512f", _mm512_fmadd_ps(factor, factor, sums[i]))
PEAK(pair_steps, "avx512f,avx512bf16", _mm512_dpbf16_ps(sums[i], (__m512bh)factor, (__m512bh)factor))

static void print_peaks(void)
{
    if (tn_isa_best() == TN_ISA_AVX512)
        printf("peak of AVX-512: %.0f GFLOP/s in float32", 32 * float_steps());
    if (tn_isa_has_bfloat16())
        printf(", %.0f in bfloat16", 64 * pair_steps());
    printf("\n");
}

#else

static void print_peaks(void) {}

#endif

static float *random_values(size_t count)
{
    float *values = malloc(count * sizeof *values);
    tn_rng rng;
    if (!values)
        bench_fail("out of memory");
    tn_rng_init(&rng, count, TN_STREAM_TEST);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)tn_rng_normal(&rng);
    return values;
}

/* GFLOP/s. */
static double speed(const shape *s, tn_precision factors, const float *a, const float *b, float *c)
{
    const bool ta = s->kind[0] == 't', tb = s->kind[1] == 't';
    const double work = 2.0 * (double)s->m * (double)s->n * (double)s->k;
    const int calls = (int)(4e8 / work) + 1;
    double best = 1e30;
    for (int turn = 0; turn < TURNS; turn++) {
        const double start = now();
        for (int i = 0; i < calls; i++)
            tn_gemm(factors, ta, tb, s->m, s->n, s->k, a, ta ? s->m : s->k, b, tb ? s->k : s->n, NULL, false, c, s->n);
        const double each = (now() - start) / calls;
        best = each < best ? each : best;
    }
    return work / best;
}

/* In a tile of the pool, as in training, so that the library stays on one thread. */
static void measure(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const shape *s = (const shape *)context + tile;
    float *a = random_values(s->m * s->k), *b = random_values(s->k * s->n), *c = random_values(s->m * s->n);
    const double plain = speed(s, TN_FLOAT32, a, b, c), rounded = speed(s, TN_BFLOAT16, a, b, c);
    printf("| %s | %zu x %zu x %zu %s | %.0f | %.0f | %.2f |\n", s->of, s->m, s->n, s->k, s->kind, plain, rounded, rounded / plain);
    free(a);
    free(b);
    free(c);
}

int main(int argc, char **argv)
{
    if (argc != 1 && argc != 5)
        bench_fail("use: bench_products, or bench_products M N K nn|nt|tn");
    print_peaks();
    printf("\n| product | m x n x k | float32, GFLOP/s | bfloat16 | ratio |\n| --- | --- | --- | --- | --- |\n");
    if (argc == 5) {
        shape one = {"one", argv[4], strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10)};
        tn_pool_run(NULL, 1, measure, &one);
    } else {
        tn_pool_run(NULL, sizeof shapes / sizeof *shapes, measure, (void *)(uintptr_t)shapes);
    }
    return 0;
}

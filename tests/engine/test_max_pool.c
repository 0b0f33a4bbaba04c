/* test_max_pool.c: max pooling in vectors gives what plain loops give, bit by bit, and writes nothing beside it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/simd.h"
#include "engine/ops/max_pool.h"

static const struct {
    const char *name;
    tn_isa isa;
    const tn_max_pool_wide *wide;
} ways[] = {{"avx2", TN_ISA_AVX2, &tn_max_pool_avx2}, {"avx512", TN_ISA_AVX512, &tn_max_pool_avx512}};

enum { FENCE = 32 };

/* Filled with a pattern that no value here has, and longer by a fence. */
static void *fenced(size_t count)
{
    void *values = malloc((count + FENCE) * sizeof(float));
    assert_non_null(values);
    memset(values, 0xa5, (count + FENCE) * sizeof(float));
    return values;
}

static void expect_same(const char *what, const char *way, const tn_window *w, const void *got, const void *expected, size_t count)
{
    for (size_t i = 0; i < count + FENCE; i++) {
        uint32_t a, b;
        memcpy(&a, (const char *)got + i * sizeof a, sizeof a);
        memcpy(&b, (const char *)expected + i * sizeof b, sizeof b);
        if (a != b)
            fail_msg("%s by %s: value %zu of %zu is %08x, expected %08x (image %zu x %zu x %zu, size %zu x %zu, stride %zu x %zu)", what,
                     way, i, count, a, b, w->in_h, w->in_w, w->channels, w->size_h, w->size_w, w->stride_h, w->stride_w);
    }
}

/* The first of the largest; a NaN is larger than any number, and the first of several counts. */
static void pool_plainly(const tn_window *w, const float *x, float *y, uint32_t *taps)
{
    for (size_t i = 0; i < w->out_h * w->out_w * w->channels; i++) {
        size_t c = i % w->channels, ox = i / w->channels % w->out_w, oy = i / w->channels / w->out_w;
        for (uint32_t tap = 0; tap < w->size_h * w->size_w; tap++) {
            float value = x[((oy * w->stride_h + tap / w->size_w) * w->in_w + ox * w->stride_w + tap % w->size_w) * w->channels + c];
            if (tap == 0 || (!isnan(y[i]) && (isnan(value) || value > y[i]))) {
                y[i] = value;
                taps[i] = tap;
            }
        }
    }
}

static void spread_plainly(const tn_window *w, const float *dy, const uint32_t *taps, float *dx)
{
    memset(dx, 0, w->in_h * w->in_w * w->channels * sizeof *dx);
    for (size_t i = 0; i < w->out_h * w->out_w * w->channels; i++) {
        size_t c = i % w->channels, ox = i / w->channels % w->out_w, oy = i / w->channels / w->out_w;
        dx[((oy * w->stride_h + taps[i] / w->size_w) * w->in_w + ox * w->stride_w + taps[i] % w->size_w) * w->channels + c] = dy[i];
    }
}

static void check(const tn_window *w, tn_rng *rng)
{
    size_t in = w->in_h * w->in_w * w->channels, out = w->out_h * w->out_w * w->channels;
    bool apart = w->stride_h >= w->size_h && w->stride_w >= w->size_w;
    float *x = fenced(in), *dy = fenced(out), *y = fenced(out), *dx = fenced(in);
    uint32_t *taps = fenced(out);
    /* Few values, so that many are equal; some are no numbers, or infinite. */
    for (size_t i = 0; i < in; i++) {
        uint64_t kind = tn_rng_below(rng, 20);
        x[i] = kind == 0 ? NAN : kind == 1 ? -INFINITY : kind == 2 ? INFINITY : (float)tn_rng_below(rng, 5) - 2;
    }
    for (size_t i = 0; i < out; i++)
        dy[i] = (float)tn_rng_normal(rng);
    pool_plainly(w, x, y, taps);
    spread_plainly(w, dy, taps, dx);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (!ways[i].wide->pool_inside || tn_isa_best() < ways[i].isa)
            continue;
        tn_max_pool_sample s = {.x = x, .dy = dy, .y = fenced(out), .dx = fenced(in), .taps = fenced(out)};
        ways[i].wide->pool_inside(w, &s);
        expect_same("y", ways[i].name, w, s.y, y, out);
        expect_same("tap", ways[i].name, w, s.taps, taps, out);
        if (apart) {
            ways[i].wide->spread_apart(w, &s);
            expect_same("dx", ways[i].name, w, s.dx, dx, in);
        }
        free(s.y), free(s.dx), free(s.taps);
    }
    free(x), free(dy), free(y), free(dx), free(taps);
}

static size_t between(tn_rng *rng, size_t least, size_t most)
{
    return least + (size_t)tn_rng_below(rng, most - least + 1);
}

static void vectors_agree_with_plain_loops(void **state)
{
    (void)state;
    if (tn_isa_best() < TN_ISA_AVX2 || !tn_max_pool_avx2.pool_inside)
        skip();
    tn_rng rng;
    tn_rng_init(&rng, 7, TN_STREAM_TEST);
    for (size_t channels = 1; channels <= 40; channels++) {
        for (int i = 0; i < 8; i++) {
            tn_window w = {.channels = channels, .size_h = 2, .size_w = 2, .stride_h = 2, .stride_w = 2};
            if (i % 2 == 1) {
                w.size_h = between(&rng, 1, 4), w.size_w = between(&rng, 1, 4);
                w.stride_h = between(&rng, 1, 5), w.stride_w = between(&rng, 1, 5);
            }
            w.out_h = between(&rng, 1, 5), w.out_w = between(&rng, 1, 5);
            w.in_h = (w.out_h - 1) * w.stride_h + w.size_h + between(&rng, 0, 2);
            w.in_w = (w.out_w - 1) * w.stride_w + w.size_w + between(&rng, 0, 2);
            check(&w, &rng);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors_agree_with_plain_loops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_conv.c: every way to compute a convolution gives what plain loops in double give, and writes nothing beside it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"
#include "base/simd.h"
#include "base/threads.h"
#include "engine/ops/conv.h"

static const tn_conv_way *const ways[] = {&tn_conv_patches,     &tn_conv_depthwise, &tn_conv_direct,
                                          &tn_conv_direct_avx2, &tn_conv_winograd,  &tn_conv_winograd_avx2};

typedef struct shape {
    size_t samples, h, w, channels, size_h, size_w, stride_h, stride_w, pad_top, pad_left, out_h, out_w, filters, groups;
} shape;

/* clang-format off */
static const shape shapes[] = {
    /* LeNet's two, and three of a residual net's */
    {2, 28, 28, 1, 5, 5, 1, 1, 2, 2, 28, 28, 6, 1},  {2, 14, 14, 6, 5, 5, 1, 1, 0, 0, 10, 10, 16, 1},  {2, 12, 13, 16, 3, 3, 1, 1, 1, 1, 12, 13, 16, 1},
    {2, 8, 8, 32, 3, 3, 1, 1, 1, 1, 8, 8, 32, 1},    {1, 6, 6, 64, 3, 3, 2, 2, 0, 0, 3, 3, 64, 1},
    /* more weights than are worked on at once, in more than one block of filters */
    {2, 4, 3, 600, 3, 3, 1, 1, 1, 1, 4, 3, 80, 1},   {1, 3, 4, 80, 3, 3, 1, 1, 1, 1, 3, 4, 600, 1},
    /* more images than go together in the gradient of the weights, and one of more pixels than do */
    {11, 5, 5, 3, 3, 3, 1, 1, 1, 1, 5, 5, 9, 1},     {2, 23, 19, 9, 3, 3, 1, 1, 1, 1, 23, 19, 12, 1},
    /* one pixel, one channel, one filter, 1x1 */
    {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1},      {3, 4, 5, 7, 1, 1, 1, 1, 0, 0, 4, 5, 3, 1},
    /* odd sizes, strides beyond the kernel, rows that no window reaches, uneven "same" padding, more filters than one block */
    {3, 9, 11, 5, 4, 2, 3, 2, 2, 1, 4, 6, 17, 1},    {2, 11, 10, 3, 2, 3, 4, 5, 0, 0, 3, 2, 5, 1},     {2, 7, 7, 2, 4, 4, 1, 1, 1, 1, 7, 7, 40, 1},
    {2, 6, 9, 3, 3, 5, 2, 1, 1, 2, 3, 9, 70, 1},     {1, 5, 5, 40, 5, 5, 1, 1, 4, 4, 9, 9, 33, 1},     {1, 3, 30, 2, 3, 29, 1, 1, 1, 14, 3, 30, 130, 1},
    /* depthwise, and groups of several */
    {2, 9, 8, 19, 3, 3, 1, 1, 1, 1, 9, 8, 19, 19}, {3, 7, 6, 40, 2, 3, 2, 3, 0, 1, 3, 2, 40, 40}, {2, 1, 1, 2, 1, 1, 1, 1, 0, 0, 1, 1, 2, 2},
    {2, 5, 7, 6, 3, 3, 1, 1, 1, 1, 5, 7, 15, 3},   {2, 6, 5, 4, 3, 2, 2, 1, 1, 0, 3, 4, 12, 4},
};
/* clang-format on */

static tn_conv conv_of(const shape *s)
{
    tn_window window = {.in_h = s->h,
                        .in_w = s->w,
                        .channels = s->channels,
                        .size_h = s->size_h,
                        .size_w = s->size_w,
                        .stride_h = s->stride_h,
                        .stride_w = s->stride_w,
                        .pad_top = s->pad_top,
                        .pad_left = s->pad_left,
                        .out_h = s->out_h,
                        .out_w = s->out_w};
    return tn_conv_of(&window, s->filters, s->groups);
}

/* What the ways compute, and how large the terms of each sum are together, which bounds the rounding. */
typedef struct reference {
    double *y, *dx, *sums;
    double *y_size, *dx_size, *sums_size;
} reference;

static double *zeros(size_t count)
{
    double *values = calloc(count ? count : 1, sizeof *values);
    assert_non_null(values);
    return values;
}

/* Visits every (pixel of the output, tap inside the image, channel, filter) once. */
static void compute(const tn_conv *c, size_t samples, const float *x, const float *dy, const float *weight, const float *bias,
                    const reference *r)
{
    const tn_window *w = &c->window;
    for (size_t i = 0; i < samples * c->pixels * c->filters; i++) {
        size_t f = i % c->filters, pixel = i / c->filters % c->pixels, s = i / c->filters / c->pixels, oy = pixel / w->out_w,
               ox = pixel % w->out_w;
        r->y[i] = (double)bias[f];
        r->y_size[i] = fabs((double)bias[f]);
        r->sums[c->patch * c->padded + f] += (double)dy[i];
        r->sums_size[c->patch * c->padded + f] += fabs((double)dy[i]);
        for (size_t k = 0; k < c->patch; k++) {
            size_t share = w->channels / c->groups, group = f / (c->filters / c->groups), channel = group * share + k % share;
            size_t kx = k / share % w->size_w, ky = k / share / w->size_w;
            size_t iy = oy * w->stride_h + ky, ix = ox * w->stride_w + kx;
            if (iy < w->pad_top || iy - w->pad_top >= w->in_h || ix < w->pad_left || ix - w->pad_left >= w->in_w)
                continue;
            size_t at = s * c->x_size + ((iy - w->pad_top) * w->in_w + ix - w->pad_left) * w->channels + channel;
            double a = (double)x[at] * (double)weight[k * c->filters + f], b = (double)dy[i] * (double)weight[k * c->filters + f];
            double d = (double)x[at] * (double)dy[i];
            r->y[i] += a, r->y_size[i] += fabs(a);
            r->dx[at] += b, r->dx_size[at] += fabs(b);
            r->sums[k * c->padded + f] += d, r->sums_size[k * c->padded + f] += fabs(d);
        }
    }
}

static float *random_values(tn_rng *rng, size_t count)
{
    float *values = tn_memory_create(count, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)tn_rng_normal(rng);
    return values;
}

/* Memory with a fence behind it, filled with NaN: what is not written, or read before, shows. */
enum { FENCE = 32 };

static float *fenced(size_t count)
{
    float *values = tn_memory_create(count + FENCE, sizeof *values);
    assert_non_null(values);
    memset(values, 0xff, (count + FENCE) * sizeof *values);
    return values;
}

static void expect_fence(const float *values, size_t count)
{
    for (size_t i = 0; i < FENCE; i++) {
        uint32_t bits;
        memcpy(&bits, values + count + i, sizeof bits);
        assert_int_equal(bits, 0xffffffff);
    }
}

static void expect_near(const char *what, const tn_conv_way *way, const shape *s, size_t rows, size_t columns, size_t stride,
                        const float *values, const double *expected, const double *size)
{
    for (size_t i = 0; i < rows * columns; i++) {
        size_t at = i / columns * stride + i % columns;
        if (!(fabs((double)values[at] - expected[at]) <= 3e-6 * size[at]))
            fail_msg(
                "%s by %s: value %zu is %.9g, expected %.9g (%zu samples of %zu x %zu x %zu, kernel %zu x %zu, stride %zu x %zu, padding "
                "%zu x %zu, output %zu x %zu x %zu, groups %zu)",
                what, way->name, i, (double)values[at], expected[at], s->samples, s->h, s->w, s->channels, s->size_h, s->size_w,
                s->stride_h, s->stride_w, s->pad_top, s->pad_left, s->out_h, s->out_w, s->filters, s->groups);
    }
}

static void check_way(const tn_conv_way *way, const shape *s)
{
    tn_conv c = conv_of(s);
    if (!way->fits(&c))
        return;
    tn_rng rng;
    tn_rng_init(&rng, 3, TN_STREAM_TEST);
    size_t nx = s->samples * c.x_size, ny = s->samples * c.y_size, nw = c.patch * c.filters, nsums = (c.patch + 1) * c.padded;
    float *x = random_values(&rng, nx), *dy = random_values(&rng, ny), *weight = random_values(&rng, nw),
          *bias = random_values(&rng, c.filters);
    float *y = fenced(ny), *dx = fenced(nx), *sums = fenced(nsums), *scratch = fenced(way->worker_reals(&c)),
          *shared = fenced(way->shared_reals(&c));
    reference r = {zeros(ny), zeros(nx), zeros(nsums), zeros(ny), zeros(nx), zeros(nsums)};
    compute(&c, s->samples, x, dy, weight, bias, &r);
    way->prepare_forward(&c, weight, shared);
    way->forward(&c, weight, shared, bias, s->samples, x, y, scratch);
    expect_near("y", way, s, 1, ny, 0, y, r.y, r.y_size);
    way->weight_gradient(&c, s->samples, x, dy, false, sums, scratch);
    expect_near("dweight", way, s, c.patch, c.filters, c.padded, sums, r.sums, r.sums_size);
    way->weight_gradient(&c, s->samples, x, dy, true, sums, scratch);
    expect_near("dweight with bias", way, s, c.patch + 1, c.filters, c.padded, sums, r.sums, r.sums_size);
    way->prepare_input(&c, weight, shared);
    way->input_gradient(&c, weight, shared, s->samples, dy, dx, scratch);
    expect_near("dx", way, s, 1, nx, 0, dx, r.dx, r.dx_size);
    /* Without bias, over the same memory. */
    way->prepare_forward(&c, weight, shared);
    way->forward(&c, weight, shared, NULL, s->samples, x, y, scratch);
    for (size_t i = 0; i < ny; i++)
        r.y[i] -= (double)bias[i % c.filters];
    expect_near("y without bias", way, s, 1, ny, 0, y, r.y, r.y_size);
    expect_fence(y, ny), expect_fence(dx, nx), expect_fence(sums, nsums);
    expect_fence(scratch, way->worker_reals(&c)), expect_fence(shared, way->shared_reals(&c));
    void *blocks[] = {x, dy, weight, bias, y, dx, sums, scratch, shared};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        tn_memory_destroy(blocks[i]);
    free(r.y), free(r.dx), free(r.sums), free(r.y_size), free(r.dx_size), free(r.sums_size);
}

/* In a tile of the pool, as in training, so that oneDNN stays on one thread. */
static void check_shape(void *context, size_t tile, size_t worker)
{
    const shape *of = context;
    (void)worker;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        check_way(ways[i], &of[tile]);
}

static void every_way_agrees_with_plain_loops(void **state)
{
    (void)state;
    shape all[sizeof shapes / sizeof *shapes];
    memcpy(all, shapes, sizeof shapes);
    tn_pool_run(NULL, sizeof shapes / sizeof *shapes, check_shape, all);
}

static size_t between(tn_rng *rng, size_t least, size_t most)
{
    return least + (size_t)tn_rng_below(rng, most - least + 1);
}

/* Sizes at random: each number of pixels in a row, of taps in a run and of filters beside a register's meets each other one somewhere. */
static void every_way_agrees_over_a_sweep(void **state)
{
    (void)state;
    enum { SHAPES = 400 };
    shape *sweep = calloc(SHAPES, sizeof *sweep);
    assert_non_null(sweep);
    tn_rng rng;
    tn_rng_init(&rng, 5, TN_STREAM_TEST);
    for (size_t i = 0; i < SHAPES; i++) {
        shape s = {.samples = between(&rng, 1, 3), .size_h = between(&rng, 1, 5), .size_w = between(&rng, 1, 5), .groups = 1};
        s.stride_h = between(&rng, 1, 3), s.stride_w = between(&rng, 1, 2);
        s.pad_top = between(&rng, 0, s.size_h - 1), s.pad_left = between(&rng, 0, s.size_w - 1);
        s.out_h = between(&rng, 1, 4), s.out_w = between(&rng, 1, 14);
        s.channels = i % 3 == 0 ? 8 * between(&rng, 1, 4) : between(&rng, 1, 9);
        s.filters = i % 5 == 0 ? between(&rng, 17, 80) : between(&rng, 1, 17);
        if (i % 4 == 3) { /* what Winograd's tiles take, of odd and even sizes, some of more tiles than go together */
            s.size_h = s.size_w = 3, s.stride_h = s.stride_w = 1;
            s.pad_top = between(&rng, 0, 2), s.pad_left = between(&rng, 0, 2);
            s.out_h = between(&rng, 2, 9);
            s.channels = 8 * between(&rng, 1, 6), s.filters = 8 * between(&rng, 1, 10);
        }
        /* From the least image for this output up to a few pixels that no window reaches. */
        s.h = (s.out_h - 1) * s.stride_h + s.size_h - s.pad_top + between(&rng, 0, 2);
        s.w = (s.out_w - 1) * s.stride_w + s.size_w - s.pad_left + between(&rng, 0, 2);
        /* As much padding after the image as before it, where it stays an image. */
        s.h -= s.h > s.pad_top ? s.pad_top : 0, s.w -= s.w > s.pad_left ? s.pad_left : 0;
        sweep[i] = s;
    }
    tn_pool_run(NULL, SHAPES, check_shape, sweep);
    free(sweep);
}

static void set_pixel(float *image, size_t width, size_t depth, size_t y, size_t x, float value)
{
    for (size_t c = 0; c < depth; c++)
        image[(y * width + x) * depth + c] = value;
}

static bool has_nan(const float *image, size_t width, size_t depth, size_t y, size_t x)
{
    bool found = false;
    for (size_t c = 0; c < depth; c++)
        found |= isnan(image[(y * width + x) * depth + c]);
    return found;
}

/* NaN in one pixel shows in those that see it, and in no other, whatever is computed together. 3x3, stride 1. */
static void check_reach(const tn_conv_way *way, const shape *s, size_t py, size_t px)
{
    tn_conv c = conv_of(s);
    if (!way->fits(&c))
        return;
    tn_rng rng;
    tn_rng_init(&rng, 9, TN_STREAM_TEST);
    float *x = random_values(&rng, c.x_size), *dy = random_values(&rng, c.y_size), *weight = random_values(&rng, c.patch * c.filters);
    float *y = fenced(c.y_size), *dx = fenced(c.x_size), *scratch = fenced(way->worker_reals(&c)), *shared = fenced(way->shared_reals(&c));
    set_pixel(x, s->w, s->channels, py, px, NAN);
    set_pixel(dy, s->out_w, s->filters, py, px, NAN);
    way->prepare_forward(&c, weight, shared);
    way->forward(&c, weight, shared, NULL, 1, x, y, scratch);
    way->prepare_input(&c, weight, shared);
    way->input_gradient(&c, weight, shared, 1, dy, dx, scratch);
    for (size_t i = 0; i < c.pixels; i++) {
        size_t oy = i / s->out_w, ox = i % s->out_w; /* sees rows oy - pad .. oy - pad + 2 */
        bool sees = py + s->pad_top - oy < 3 && px + s->pad_left - ox < 3;
        if (has_nan(y, s->out_w, s->filters, oy, ox) != sees)
            fail_msg("%s: NaN at %zu, %zu %s y at %zu, %zu", way->name, py, px, sees ? "misses" : "reaches", oy, ox);
    }
    for (size_t i = 0; i < s->h * s->w; i++) {
        size_t iy = i / s->w, ix = i % s->w;
        bool seen = iy + s->pad_top - py < 3 && ix + s->pad_left - px < 3;
        if (has_nan(dx, s->w, s->channels, iy, ix) != seen)
            fail_msg("%s: NaN at %zu, %zu %s dx at %zu, %zu", way->name, py, px, seen ? "misses" : "reaches", iy, ix);
    }
    void *blocks[] = {x, dy, weight, y, dx, scratch, shared};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        tn_memory_destroy(blocks[i]);
}

static void check_reaches(void *context, size_t tile, size_t worker)
{
    (void)context;
    (void)worker;
    const shape s = {1, 7, 8, 16, 3, 3, 1, 1, 1, 1, 7, 8, 32, 1};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        check_reach(ways[i], &s, tile / s.w, tile % s.w);
}

static void a_pixel_reaches_those_that_see_it(void **state)
{
    (void)state;
    tn_pool_run(NULL, 7 * 8, check_reaches, NULL);
}

/* The sweep would pass as well where nothing fits. */
static void vectors_fit_where_the_processor_has_them(void **state)
{
    (void)state;
    const shape s = {1, 8, 8, 16, 3, 3, 1, 1, 1, 1, 8, 8, 16, 1}, few = {1, 8, 8, 3, 3, 3, 1, 1, 1, 1, 8, 8, 6, 1};
    tn_conv c = conv_of(&s), narrow = conv_of(&few);
    if (sizeof(tn_real) != sizeof(float))
        return;
    assert_int_equal(tn_conv_winograd_avx2.fits(&c) && tn_conv_direct_avx2.fits(&narrow), tn_isa_best() >= TN_ISA_AVX2);
    assert_int_equal(tn_conv_winograd.fits(&c) && tn_conv_direct.fits(&c), tn_isa_best() >= TN_ISA_AVX512);
}

static void the_choice_fits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        tn_conv c = conv_of(&shapes[i]);
        const tn_conv_way *way = tn_conv_choose(&c);
        assert_non_null(way);
        assert_true(way->fits(&c));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_agrees_with_plain_loops),
        cmocka_unit_test(every_way_agrees_over_a_sweep),
        cmocka_unit_test(a_pixel_reaches_those_that_see_it),
        cmocka_unit_test(vectors_fit_where_the_processor_has_them),
        cmocka_unit_test(the_choice_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

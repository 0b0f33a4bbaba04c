/* conv_blocks.h: the two blocks that convolutions are made of, for vectors of either width: sums in registers over a whole inner dimension. See conv_direct_kernels.h, where the sizes are explained, and conv_winograd_kernels.h.
 *
 * Filters lie in lanes, V registers of them.
 *   forward  y[pixel][f] += x[run + j] * weight[j][f]: P pixels by V registers of sums; x is broadcast from memory
 *   weights  sums[j][f] += x[run + j] * dy[pixel][f]: J taps by V registers, over all pixels of an image */
#include <string.h>

#include "engine/ops/conv.h"

/* F in whole registers, in lanes. */
static size_t columns_of(const tn_conv *conv)
{
    return (conv->filters + LANES - 1) / LANES * LANES;
}

/* Weights for forward lie in panels of up to V_MAX registers of filters, one after the other: a panel is [K, its width]. In one matrix
 * their rows would lie a power of two apart, which a cache holds few of. */
static size_t panel_width(const tn_conv *conv, size_t first)
{
    size_t rest = columns_of(conv) - first;
    return rest < V_MAX * LANES ? rest : V_MAX * LANES;
}

/* What the forward kernel needs beside its pixels. */
typedef struct forward_job {
    size_t rows, run, row, step; /* kernel rows; reals of a run, of a canvas row, from pixel to pixel */
    size_t filters;              /* row length of y */
    const float *weights, *bias; /* of the panel; bias may be NULL */
    bool add;                    /* to y, which then has the bias already */
    tn_lanes_mask last;          /* lanes of the last register that are filters */
} forward_job;

/* y [P, filters] at the block's filters, of pixels whose first runs start at x, x + step ... Pointers three pixels apart leave the others
 * to the address of an instruction. */
TN_INLINE_KERNEL void forward_pixels(const forward_job *job, size_t pixels, size_t registers, const float *x, float *y)
{
    tn_lanes sums[FORWARD_SUMS];
    for (size_t v = 0; v < registers; v++) {
        tn_lanes_mask mask = v + 1 < registers ? tn_lanes_first(LANES) : job->last;
        tn_lanes start = job->bias ? tn_lanes_load_some(mask, job->bias + v * LANES) : tn_lanes_zero();
        TN_UNROLL
        for (size_t p = 0; p < pixels; p++)
            sums[p * registers + v] = job->add ? tn_lanes_load_some(mask, y + p * job->filters + v * LANES) : start;
    }
    const float *weights = job->weights;
    const size_t step = job->step;
    for (size_t ky = 0; ky < job->rows; ky++) {
        const float *at[FORWARD_PIXELS / 3];
        TN_UNROLL
        for (size_t g = 0; g < (pixels + 2) / 3; g++)
            at[g] = x + ky * job->row + g * 3 * step;
        for (size_t j = 0; j < job->run; j++) {
            tn_lanes w[V_MAX];
            TN_UNROLL
            for (size_t v = 0; v < registers; v++)
                w[v] = tn_lanes_load(weights + v * LANES);
            TN_UNROLL
            for (size_t p = 0; p < pixels; p++) {
                tn_lanes value = tn_lanes_all(at[p / 3][(p % 3) * step]);
                TN_UNROLL
                for (size_t v = 0; v < registers; v++)
                    sums[p * registers + v] = tn_lanes_multiply_add(value, w[v], sums[p * registers + v]);
            }
            TN_UNROLL
            for (size_t g = 0; g < (pixels + 2) / 3; g++)
                at[g]++;
            weights += registers * LANES;
        }
    }
    TN_UNROLL
    for (size_t p = 0; p < pixels; p++) {
        TN_UNROLL
        for (size_t v = 0; v < registers; v++) {
            if (v + 1 < registers)
                tn_lanes_store(y + p * job->filters + v * LANES, sums[p * registers + v]);
            else
                tn_lanes_store_some(y + p * job->filters + v * LANES, job->last, sums[p * registers + v]);
        }
    }
}

/* One function for each number of pixels and registers, so that all sums are registers. */
#define FORWARD_CASE(p, v)                                                                                                                 \
    case (v)*16 + (p):                                                                                                                     \
        forward_pixels(job, p, v, x, y);                                                                                                   \
        break;
TN_KERNEL static void forward_some(const forward_job *job, size_t pixels, size_t registers, const float *x, float *y)
{
#if TN_ONE_SIZE_FITS_ALL
    forward_pixels(job, pixels, registers, x, y);
#else
    switch (registers * 16 + pixels) {
        FORWARD_CASES
    default:
        break;
    }
#endif
}

/* Pixels that go with so many registers of filters. */
static size_t forward_block(size_t registers)
{
    return registers * FORWARD_PIXELS <= FORWARD_SUMS ? FORWARD_PIXELS : FORWARD_SUMS / registers;
}

/* Those lanes of the register at column `first` that are filters. */
TN_KERNEL static tn_lanes_mask filter_lanes(const tn_conv *conv, size_t first)
{
    return tn_lanes_first(conv->filters - first);
}

/* One row of pixels, cut into blocks of nearly equal size. */
TN_KERNEL static void forward_row(const forward_job *job, size_t width, size_t registers, const float *x, float *y)
{
    size_t blocks = (width + forward_block(registers) - 1) / forward_block(registers);
    for (size_t b = 0, ox = 0, end; b < blocks; b++, ox = end) {
        end = (b + 1) * width / blocks;
        forward_some(job, end - ox, registers, x + ox * job->step, y + ox * job->filters);
    }
}

/* ---- gradient of the weights ---- */

typedef struct weight_job {
    size_t samples, image;               /* and reals of a canvas; dy has no gaps */
    size_t out_h, out_w, step_x, step_y; /* pixels, and from one to the next on the canvas */
    size_t row;                          /* of the canvas, from one kernel row to the next */
    const float *next_x, *next_dy;       /* the samples that follow: next_samples of them */
    size_t next_samples, part, parts;    /* this is one part of the work until then */
    size_t padded, filters;              /* row lengths of sums and of dy */
    tn_lanes_mask last;
} weight_job;

/* sums [rows * taps, padded] += over all pixels of x[tap] dy, for `taps` of each of `rows` kernel rows (all of a row's where rows > 1). x
 * is the canvas at the first tap. */
TN_INLINE_KERNEL void weight_taps(const weight_job *job, size_t rows, size_t taps, size_t registers, const float *x, const float *dy,
                                  float *sums)
{
    tn_lanes sum[WEIGHT_SUMS];
    TN_UNROLL
    for (size_t j = 0; j < rows * taps; j++) {
        TN_UNROLL
        for (size_t v = 0; v < registers; v++)
            sum[j * registers + v] = tn_lanes_load(sums + j * job->padded + v * LANES);
    }
    for (size_t s = 0; s < job->samples; s++, x += job->image) {
        const float *line = x;
        for (size_t oy = 0; oy < job->out_h; oy++, line += job->step_y) {
            const float *at = line;
            for (size_t ox = 0; ox < job->out_w; ox++, at += job->step_x, dy += job->filters) {
                tn_lanes d[V_MAX];
                TN_UNROLL
                for (size_t v = 0; v < registers; v++)
                    d[v] = v + 1 < registers ? tn_lanes_load(dy + v * LANES) : tn_lanes_load_some(job->last, dy + v * LANES);
                TN_UNROLL
                for (size_t j = 0; j < rows * taps; j++) {
                    tn_lanes value = tn_lanes_all(at[j / taps * job->row + j % taps]);
                    TN_UNROLL
                    for (size_t v = 0; v < registers; v++)
                        sum[j * registers + v] = tn_lanes_multiply_add(value, d[v], sum[j * registers + v]);
                }
            }
        }
    }
    TN_UNROLL
    for (size_t j = 0; j < rows * taps; j++) {
        TN_UNROLL
        for (size_t v = 0; v < registers; v++)
            tn_lanes_store(sums + j * job->padded + v * LANES, sum[j * registers + v]);
    }
}

#define WEIGHT_CASE(j, r, v)                                                                                                               \
    case ((r)*8 + (v)) * 32 + (j):                                                                                                         \
        weight_taps(job, r, j, v, x, dy, sums);                                                                                            \
        break;
TN_KERNEL static void weight_some(const weight_job *job, size_t rows, size_t taps, size_t registers, const float *x, const float *dy,
                                  float *sums)
{
#if TN_ONE_SIZE_FITS_ALL
    weight_taps(job, rows, taps, registers, x, dy, sums);
#else
    switch ((rows * 8 + registers) * 32 + taps) {
        WEIGHT_CASES
    default:
        break;
    }
#endif
}

/* sums [padded] += the rows of dy [pixels, filters], for the bias. */
TN_KERNEL static void add_pixels(const tn_conv *conv, size_t samples, const float *dy, float *sums)
{
    for (size_t first = 0; first < columns_of(conv); first += LANES) {
        tn_lanes_mask mask = filter_lanes(conv, first);
        tn_lanes even = tn_lanes_load(sums + first), odd = tn_lanes_zero();
        size_t p = 0;
        for (; p + 2 <= samples * conv->pixels; p += 2) {
            even = tn_lanes_add(even, tn_lanes_load_some(mask, dy + p * conv->filters + first));
            odd = tn_lanes_add(odd, tn_lanes_load_some(mask, dy + (p + 1) * conv->filters + first));
        }
        if (p < samples * conv->pixels)
            even = tn_lanes_add(even, tn_lanes_load_some(mask, dy + p * conv->filters + first));
        tn_lanes_store(sums + first, tn_lanes_add(even, odd));
    }
}

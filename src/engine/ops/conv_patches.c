/* conv_patches.c: convolution as a matrix product of patches (im2col), on any machine. See conv.h and op_conv2d.c.
 *
 * Scratch: col [rows H' W', K], a few output rows of patches at a time so that it stays in cache. Groups of channels are convolutions of their own, one after the other. */
#include <string.h>

#include "base/simd.h"
#include "engine/gemm.h"
#include "engine/ops/conv.h"
#include "engine/vector_math.h"

/* Patches are made for so many reals at once, but at least for one output row. */
enum { PATCH_REALS = 1 << 17 };

/* Output rows whose patches are made at once. */
static size_t rows_at_once(const tn_conv *conv)
{
    size_t row = conv->window.out_w * conv->patch;
    size_t rows = row < PATCH_REALS ? PATCH_REALS / row : 1;
    return rows < conv->window.out_h ? rows : conv->window.out_h;
}

static bool fits(const tn_conv *conv)
{
    (void)conv;
    return true;
}

static size_t worker_reals(const tn_conv *conv)
{
    return rows_at_once(conv) * conv->window.out_w * conv->patch;
}

/* Short runs, for which a call of memcpy costs more than the copy: a patch of one channel has runs of 5. */
TN_INLINE void copy_run(tn_real *restrict to, const tn_real *restrict from, size_t count)
{
    enum { CHUNK = 8, HALF = 4 };
    for (; count >= CHUNK; count -= CHUNK, to += CHUNK, from += CHUNK)
        memcpy(to, from, CHUNK * sizeof *to);
    if (count >= HALF) {
        memcpy(to, from, HALF * sizeof *to);
        count -= HALF;
        to += HALF;
        from += HALF;
    }
    if (count > 0)
        to[0] = from[0];
    if (count > 1)
        to[1] = from[1];
    if (count > 2)
        to[2] = from[2];
}

static void clear_run(tn_real *to, size_t count)
{
    if (count > 0)
        memset(to, 0, count * sizeof *to);
}

/* col [rows W', kh kw C]: the patches of output rows first .. first + rows - 1 of one image x. */
TN_SIMD_CLONES
static void gather_patches(const tn_window *w, size_t first, size_t rows, const tn_real *x, tn_real *col)
{
    const size_t run = w->size_w * w->channels, line = w->in_w * w->channels;
    for (size_t oy = first; oy < first + rows; oy++) {
        for (size_t ox = 0; ox < w->out_w; ox++, col += w->size_h * run) {
            const tn_window_span span = tn_window_span_at(w, oy, ox);
            const size_t before = span.left * w->channels, inside = (span.right - span.left) * w->channels;
            clear_run(col, span.top * run);
            clear_run(col + span.bottom * run, (w->size_h - span.bottom) * run);
            const tn_real *from = x + tn_window_pixel(w, oy, ox, span.top, span.left);
            for (size_t ky = span.top; ky < span.bottom; ky++, from += line) {
                tn_real *to = col + ky * run;
                clear_run(to, before);
                copy_run(to + before, from, inside);
                clear_run(to + before + inside, run - before - inside);
            }
        }
    }
}

/* Group `group` of several: col [rows W', kh kw C/G] holds the channels of that group alone. */
static void gather_group(const tn_conv *conv, size_t group, size_t first, size_t rows, const tn_real *x, tn_real *col)
{
    const tn_window *w = &conv->window;
    size_t run = w->channels / conv->groups;
    for (size_t pixel = first * w->out_w; pixel < (first + rows) * w->out_w; pixel++) {
        size_t oy = pixel / w->out_w, ox = pixel % w->out_w;
        tn_window_span span = tn_window_span_at(w, oy, ox);
        for (size_t ky = 0; ky < w->size_h; ky++)
            for (size_t kx = 0; kx < w->size_w; kx++, col += run) {
                bool inside = ky >= span.top && ky < span.bottom && kx >= span.left && kx < span.right;
                if (inside)
                    memcpy(col, x + tn_window_pixel(w, oy, ox, ky, kx) + group * run, run * sizeof *col);
                else
                    memset(col, 0, run * sizeof *col);
            }
    }
}

static void gather(const tn_conv *conv, size_t group, size_t first, size_t rows, const tn_real *x, tn_real *col)
{
    if (conv->groups == 1)
        gather_patches(&conv->window, first, rows, x, col);
    else
        gather_group(conv, group, first, rows, x, col);
}

/* The inverse: adds col to the pixels of dx that it was taken from. */
TN_SIMD_CLONES
static void add_patches(const tn_window *w, size_t first, size_t rows, const tn_real *restrict col, tn_real *restrict dx)
{
    const size_t run = w->size_w * w->channels, line = w->in_w * w->channels;
    for (size_t oy = first; oy < first + rows; oy++) {
        for (size_t ox = 0; ox < w->out_w; ox++, col += w->size_h * run) {
            const tn_window_span span = tn_window_span_at(w, oy, ox);
            const size_t count = (span.right - span.left) * w->channels;
            const tn_real *from = col + span.top * run + span.left * w->channels;
            tn_real *to = dx + tn_window_pixel(w, oy, ox, span.top, span.left);
            for (size_t ky = span.top; ky < span.bottom; ky++, from += run, to += line)
                for (size_t i = 0; i < count; i++)
                    to[i] += from[i];
        }
    }
}

static void add_group(const tn_conv *conv, size_t group, size_t first, size_t rows, const tn_real *col, tn_real *dx)
{
    const tn_window *w = &conv->window;
    size_t run = w->channels / conv->groups;
    for (size_t pixel = first * w->out_w; pixel < (first + rows) * w->out_w; pixel++, col += conv->patch) {
        size_t oy = pixel / w->out_w, ox = pixel % w->out_w;
        tn_window_span span = tn_window_span_at(w, oy, ox);
        for (size_t ky = span.top; ky < span.bottom; ky++)
            for (size_t kx = span.left; kx < span.right; kx++) {
                const tn_real *from = col + (ky * w->size_w + kx) * run;
                tn_real *to = dx + tn_window_pixel(w, oy, ox, ky, kx) + group * run;
                for (size_t i = 0; i < run; i++)
                    to[i] += from[i];
            }
    }
}

/* Rows of one sample that are worked on together; returns how many there are from row `first` on. */
static size_t next_rows(const tn_conv *conv, size_t first)
{
    size_t rows = rows_at_once(conv);
    return conv->window.out_h - first < rows ? conv->window.out_h - first : rows;
}

static void forward(const tn_conv *conv, const tn_real *weight, const tn_real *shared, const tn_real *bias, size_t samples,
                    const tn_real *x, tn_real *y, tn_real *scratch)
{
    (void)shared;
    size_t f = conv->filters, own = f / conv->groups, w = conv->window.out_w;
    for (size_t s = 0; s < samples; s++, x += conv->x_size) {
        for (size_t row = 0, rows; row < conv->window.out_h; row += rows) {
            rows = next_rows(conv, row);
            for (size_t g = 0; g < conv->groups; g++) {
                gather(conv, g, row, rows, x, scratch);
                tn_gemm(conv->factors, false, false, rows * w, own, conv->patch, scratch, conv->patch, weight + g * own, f,
                        bias ? bias + g * own : NULL, false, y + g * own, f);
            }
            y += rows * w * f;
        }
    }
}

static void input_gradient(const tn_conv *conv, const tn_real *weight, const tn_real *shared, size_t samples, const tn_real *dy,
                           tn_real *dx, tn_real *scratch)
{
    (void)shared;
    size_t f = conv->filters, own = f / conv->groups, w = conv->window.out_w;
    for (size_t s = 0; s < samples; s++, dx += conv->x_size) {
        memset(dx, 0, conv->x_size * sizeof *dx);
        for (size_t row = 0, rows; row < conv->window.out_h; row += rows) {
            rows = next_rows(conv, row);
            for (size_t g = 0; g < conv->groups; g++) {
                tn_gemm(conv->factors, false, true, rows * w, conv->patch, own, dy + g * own, f, weight + g * own, f, NULL, false, scratch,
                        conv->patch);
                if (conv->groups == 1)
                    add_patches(&conv->window, row, rows, scratch, dx);
                else
                    add_group(conv, g, row, rows, scratch, dx);
            }
            dy += rows * w * f;
        }
    }
}

TN_SIMD_CLONES
static void add_rows(size_t rows, size_t columns, const tn_real *restrict values, tn_real *restrict sums)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < columns; k++)
            sums[k] += values[i * columns + k];
    }
}

static void weight_gradient(const tn_conv *conv, size_t samples, const tn_real *x, const tn_real *dy, bool bias, tn_real *sums,
                            tn_real *scratch)
{
    size_t f = conv->filters, own = f / conv->groups, w = conv->window.out_w;
    tn_real *bias_sums = sums + conv->patch * conv->padded;
    memset(bias_sums, 0, conv->padded * sizeof *bias_sums);
    for (size_t s = 0; s < samples; s++, x += conv->x_size) {
        for (size_t row = 0, rows; row < conv->window.out_h; row += rows) {
            rows = next_rows(conv, row);
            for (size_t g = 0; g < conv->groups; g++) {
                gather(conv, g, row, rows, x, scratch);
                tn_gemm(conv->factors, true, false, conv->patch, own, rows * w, scratch, conv->patch, dy + g * own, f, NULL, s + row > 0,
                        sums + g * own, conv->padded);
            }
            if (bias)
                add_rows(rows * w, f, dy, bias_sums);
            dy += rows * w * f;
        }
    }
}

const tn_conv_way tn_conv_patches = {
    .name = "patches",
    .fits = fits,
    .worker_reals = worker_reals,
    .shared_reals = tn_conv_no_reals,
    .prepare_forward = tn_conv_prepare_nothing,
    .prepare_input = tn_conv_prepare_nothing,
    .forward = forward,
    .input_gradient = input_gradient,
    .weight_gradient = weight_gradient,
};

/* conv_depthwise.c: a convolution of each channel by itself, with one filter for each, all channels of a pixel at once. See conv.h and op_conv2d.c.
 *
 * weight [kh kw, C]. No patches and no scratch: a product of matrices would have one column. Being none, it rounds no factors. */
#include <string.h>

#include "base/simd.h"
#include "engine/ops/conv.h"

static bool fits(const tn_conv *conv)
{
    return conv->groups > 1 && conv->groups == conv->window.channels && conv->filters == conv->groups;
}

/* What is done at one tap of one window, all channels of it. */
TN_SIMD_CLONES
static void add_products(size_t channels, const tn_real *restrict a, const tn_real *restrict b, tn_real *restrict sum)
{
    for (size_t c = 0; c < channels; c++)
        sum[c] += a[c] * b[c];
}

TN_SIMD_CLONES
static void add(size_t channels, const tn_real *restrict a, tn_real *restrict sum)
{
    for (size_t c = 0; c < channels; c++)
        sum[c] += a[c];
}

static void forward(const tn_conv *conv, const tn_real *weight, const tn_real *shared, const tn_real *bias, size_t samples,
                    const tn_real *x, tn_real *y, tn_real *scratch)
{
    (void)shared;
    (void)scratch;
    const tn_window *w = &conv->window;
    for (size_t i = 0; i < samples * conv->pixels; i++, y += w->channels) {
        size_t pixel = i % conv->pixels, oy = pixel / w->out_w, ox = pixel % w->out_w;
        const tn_real *image = x + i / conv->pixels * conv->x_size;
        tn_window_span t = tn_window_span_at(w, oy, ox);
        if (bias)
            memcpy(y, bias, w->channels * sizeof *y);
        else
            memset(y, 0, w->channels * sizeof *y);
        for (size_t ky = t.top; ky < t.bottom; ky++)
            for (size_t kx = t.left; kx < t.right; kx++)
                add_products(w->channels, image + tn_window_pixel(w, oy, ox, ky, kx), weight + (ky * w->size_w + kx) * w->channels, y);
    }
}

static void input_gradient(const tn_conv *conv, const tn_real *weight, const tn_real *shared, size_t samples, const tn_real *dy,
                           tn_real *dx, tn_real *scratch)
{
    (void)shared;
    (void)scratch;
    const tn_window *w = &conv->window;
    memset(dx, 0, samples * conv->x_size * sizeof *dx);
    for (size_t i = 0; i < samples * conv->pixels; i++, dy += w->channels) {
        size_t pixel = i % conv->pixels, oy = pixel / w->out_w, ox = pixel % w->out_w;
        tn_real *image = dx + i / conv->pixels * conv->x_size;
        tn_window_span t = tn_window_span_at(w, oy, ox);
        for (size_t ky = t.top; ky < t.bottom; ky++)
            for (size_t kx = t.left; kx < t.right; kx++)
                add_products(w->channels, dy, weight + (ky * w->size_w + kx) * w->channels, image + tn_window_pixel(w, oy, ox, ky, kx));
    }
}

static void weight_gradient(const tn_conv *conv, size_t samples, const tn_real *x, const tn_real *dy, bool bias, tn_real *sums,
                            tn_real *scratch)
{
    (void)scratch;
    const tn_window *w = &conv->window;
    memset(sums, 0, (conv->patch + 1) * conv->padded * sizeof *sums);
    for (size_t i = 0; i < samples * conv->pixels; i++, dy += w->channels) {
        size_t pixel = i % conv->pixels, oy = pixel / w->out_w, ox = pixel % w->out_w;
        const tn_real *image = x + i / conv->pixels * conv->x_size;
        tn_window_span t = tn_window_span_at(w, oy, ox);
        for (size_t ky = t.top; ky < t.bottom; ky++)
            for (size_t kx = t.left; kx < t.right; kx++)
                add_products(w->channels, image + tn_window_pixel(w, oy, ox, ky, kx), dy, sums + (ky * w->size_w + kx) * conv->padded);
        if (bias)
            add(w->channels, dy, sums + conv->patch * conv->padded);
    }
}

const tn_conv_way tn_conv_depthwise = {
    .name = "depthwise",
    .fits = fits,
    .worker_reals = tn_conv_no_reals,
    .shared_reals = tn_conv_no_reals,
    .prepare_forward = tn_conv_prepare_nothing,
    .prepare_input = tn_conv_prepare_nothing,
    .forward = forward,
    .input_gradient = input_gradient,
    .weight_gradient = weight_gradient,
};

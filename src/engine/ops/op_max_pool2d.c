/* op_max_pool2d.c: the largest value of each window, channel by channel. Padding is never the largest; a NaN in the window is (as in
 * PyTorch). Of equal values the first in row order counts.
 *
 * x [B, H, W, C], y [B, H', W', C]. saved: for each value of y the tap of its window that it came from, as uint32_t; backward sends dy
 * there. Windows that overlap add up.
 * With AVX2 or AVX-512 channels go in vectors (max_pool.h). */
#include <assert.h>
#include <string.h>

#include "base/simd.h"
#include "engine/ops/max_pool.h"
#include "engine/ops/ops.h"
#include "engine/tiles.h"

typedef struct attributes {
    tn_window window;
    bool inside;                  /* no window reaches out of the image */
    bool apart;                   /* and none overlaps another */
    const tn_max_pool_wide *wide; /* NULL: plain loops */
} attributes;

_Static_assert(sizeof(attributes) <= TN_OP_ATTRIBUTES_BYTES, "the attributes fit a node");

static const tn_max_pool_wide *widest(void)
{
    tn_isa best = tn_isa_best();
    if (best >= TN_ISA_AVX512 && tn_max_pool_avx512.pool_inside)
        return &tn_max_pool_avx512;
    return best >= TN_ISA_AVX2 && tn_max_pool_avx2.pool_inside ? &tn_max_pool_avx2 : NULL;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    attributes *own = (attributes *)(void *)node->attributes;
    tn_window *w = &own->window;
    tn_status status = tn_window_read(w, node, hypes_node, "size", error);
    if (status)
        return status;
    node->output = (tn_shape){.rank = 3, .dims = {w->out_h, w->out_w, w->channels}};
    node->saved_per_sample = tn_shape_size(&node->output);
    own->inside = w->pad_top == 0 && w->pad_left == 0 && (w->out_h - 1) * w->stride_h + w->size_h <= w->in_h &&
                  (w->out_w - 1) * w->stride_w + w->size_w <= w->in_w;
    own->apart = own->inside && w->stride_h >= w->size_h && w->stride_w >= w->size_w;
    own->wide = widest();
    return TN_OK;
}

/* ---- plain ---- */

/* Taps of a window that lie inside the image; x starts at the first of them. */
typedef struct span {
    size_t top, bottom, left, right;
    const tn_real *x;
} span;

static inline span span_of(const tn_window *w, const tn_real *x, size_t oy, size_t ox)
{
    span in;
    tn_window_clip(oy, w->stride_h, w->pad_top, w->size_h, w->in_h, &in.top, &in.bottom);
    tn_window_clip(ox, w->stride_w, w->pad_left, w->size_w, w->in_w, &in.left, &in.right);
    in.x = x + ((oy * w->stride_h + in.top - w->pad_top) * w->in_w + ox * w->stride_w + in.left - w->pad_left) * w->channels;
    return in;
}

/* "Not below or equal" lets a NaN in; a NaN that is there already stays. Without a branch, which could not be foreseen. */
static inline bool is_larger(tn_real value, tn_real best)
{
    return !(value <= best) & (best == best);
}

/* Many channels: tap by tap, the channels in vectors. */
static inline void pool_channels(const tn_window *w, const span *in, tn_real *restrict y, uint32_t *restrict taps)
{
    for (size_t c = 0; c < w->channels; c++) {
        y[c] = in->x[c];
        taps[c] = (uint32_t)(in->top * w->size_w + in->left);
    }
    for (size_t ky = in->top; ky < in->bottom; ky++) {
        for (size_t kx = in->left; kx < in->right; kx++) {
            const tn_real *restrict pixel = in->x + ((ky - in->top) * w->in_w + kx - in->left) * w->channels;
            const uint32_t tap = (uint32_t)(ky * w->size_w + kx);
            for (size_t c = 0; c < w->channels; c++) {
                bool larger = is_larger(pixel[c], y[c]);
                y[c] = larger ? pixel[c] : y[c];
                taps[c] = larger ? tap : taps[c];
            }
        }
    }
}

/* Few channels: one by one. What is the largest so far is read again, since it is chosen by a mask: the compiler makes a branch of any
 * choice between two values. */
static inline void pool_channel(const tn_window *w, const span *in, size_t c, tn_real *y, uint32_t *taps)
{
    const tn_real *x = in->x + c;
    size_t best = 0, best_tap = in->top * w->size_w + in->left;
    for (size_t ky = in->top; ky < in->bottom; ky++) {
        size_t at = (ky - in->top) * w->in_w * w->channels;
        for (size_t tap = ky * w->size_w + in->left; tap < ky * w->size_w + in->right; tap++, at += w->channels) {
            size_t mask = 0 - (size_t)is_larger(x[at], x[best]);
            best ^= (best ^ at) & mask;
            best_tap ^= (best_tap ^ tap) & mask;
        }
    }
    y[c] = x[best];
    taps[c] = (uint32_t)best_tap;
}

enum { FEW_CHANNELS = 8 };

TN_SIMD_CLONES
static void pool_sample(const tn_window *w, const tn_max_pool_sample *s)
{
    for (size_t oy = 0; oy < w->out_h; oy++) {
        for (size_t ox = 0; ox < w->out_w; ox++) {
            size_t at = (oy * w->out_w + ox) * w->channels;
            span in = span_of(w, s->x, oy, ox);
            if (w->channels >= FEW_CHANNELS)
                pool_channels(w, &in, s->y + at, s->taps + at);
            for (size_t c = 0; c < w->channels && w->channels < FEW_CHANNELS; c++)
                pool_channel(w, &in, c, s->y + at, s->taps + at);
        }
    }
}

static void spread_sample(const tn_window *w, const tn_max_pool_sample *s)
{
    assert(s->dx && s->dy);
    const uint32_t size_w = (uint32_t)w->size_w;
    memset(s->dx, 0, w->in_h * w->in_w * w->channels * sizeof *s->dx);
    for (size_t oy = 0; oy < w->out_h; oy++) {
        for (size_t ox = 0; ox < w->out_w; ox++) {
            size_t at = (oy * w->out_w + ox) * w->channels;
            for (size_t c = 0; c < w->channels; c++) {
                size_t iy = oy * w->stride_h + s->taps[at + c] / size_w - w->pad_top;
                size_t ix = ox * w->stride_w + s->taps[at + c] % size_w - w->pad_left;
                s->dx[(iy * w->in_w + ix) * w->channels + c] += s->dy[at + c];
            }
        }
    }
}

/* ---- the op ---- */

typedef struct job {
    const attributes *own;
    const tn_pass *pass;
    tn_tiles samples;
} job;

static tn_max_pool_sample sample_at(const job *j, size_t s)
{
    const tn_window *w = &j->own->window;
    size_t in = w->in_h * w->in_w * w->channels, out = w->out_h * w->out_w * w->channels;
    const tn_pass *pass = j->pass;
    return (tn_max_pool_sample){.x = pass->inputs[0] ? pass->inputs[0] + s * in : NULL,
                                .dy = pass->d_output ? pass->d_output + s * out : NULL,
                                .y = pass->output ? pass->output + s * out : NULL,
                                .dx = pass->d_inputs[0] ? pass->d_inputs[0] + s * in : NULL,
                                .taps = (uint32_t *)(void *)pass->saved + s * out};
}

static void forward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    size_t first, count;
    tn_tiles_range(&j->samples, tile, &first, &count);
    for (size_t s = first; s < first + count; s++) {
        tn_max_pool_sample one = sample_at(j, s);
        if (j->own->wide && j->own->inside)
            j->own->wide->pool_inside(&j->own->window, &one);
        else
            pool_sample(&j->own->window, &one);
    }
}

static void backward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    size_t first, count;
    tn_tiles_range(&j->samples, tile, &first, &count);
    for (size_t s = first; s < first + count; s++) {
        tn_max_pool_sample one = sample_at(j, s);
        if (j->own->wide && j->own->apart)
            j->own->wide->spread_apart(&j->own->window, &one);
        else
            spread_sample(&j->own->window, &one);
    }
}

static void run(const tn_node *node, const tn_pass *pass, tn_tile_fn *tile)
{
    const attributes *own = (const attributes *)(const void *)node->attributes;
    size_t work = 8 * own->window.size_h * own->window.size_w * tn_shape_size(&node->output);
    job j = {own, pass, tn_tiles_split(pass->batch, work, 1, TN_TILES_MAX)};
    tn_pool_run(pass->pool, j.samples.count, tile, &j);
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    run(node, pass, forward_tile);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    if (pass->d_inputs[0])
        run(node, pass, backward_tile);
}

const tn_op tn_op_max_pool2d = {
    .name = "max_pool2d",
    .flags = TN_OP_IGNORES_INPUTS | TN_OP_IGNORES_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};

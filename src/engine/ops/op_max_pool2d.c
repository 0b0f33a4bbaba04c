/* op_max_pool2d.c: the largest value of each window, channel by channel. Padding is never the largest; a NaN in the window is (as in PyTorch). Of equal values the first in row order counts.
 *
 * x [B, H, W, C], y [B, H', W', C]. saved: for each value of y the tap of the window it came from, as uint32_t; backward sends dy there. */
#include <stdint.h>
#include <string.h>

#include "engine/ops/ops.h"
#include "engine/ops/window.h"
#include "engine/tiles.h"

static const tn_window *window_of(const tn_node *node)
{
    return (const tn_window *)(const void *)node->attributes;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    tn_window *window = (tn_window *)(void *)node->attributes;
    tn_status status = tn_window_read(window, node, hypes_node, "size", error);
    if (status)
        return status;
    node->output = (tn_shape){.rank = 3, .dims = {window->out_h, window->out_w, window->channels}};
    node->saved_per_sample = tn_shape_size(&node->output);
    return TN_OK;
}

typedef struct job {
    const tn_window *window;
    const tn_pass *pass;
    tn_tiles samples;
} job;

/* One window: y [C] and taps [C]. */
static void pool_window(const tn_window *w, const tn_real *x, size_t oy, size_t ox, tn_real *y, uint32_t *taps)
{
    size_t top, bottom, left, right;
    tn_window_clip(oy, w->stride_h, w->pad_top, w->size_h, w->in_h, &top, &bottom);
    tn_window_clip(ox, w->stride_w, w->pad_left, w->size_w, w->in_w, &left, &right);
    bool started = false;
    for (size_t ky = top; ky < bottom; ky++) {
        const tn_real *row = x + (oy * w->stride_h + ky - w->pad_top) * w->in_w * w->channels;
        for (size_t kx = left; kx < right; kx++) {
            const tn_real *pixel = row + (ox * w->stride_w + kx - w->pad_left) * w->channels;
            uint32_t tap = (uint32_t)(ky * w->size_w + kx);
            for (size_t c = 0; c < w->channels; c++) {
                /* "not below or equal" lets a NaN in; a NaN that is there already stays. */
                bool larger = !started || (!(pixel[c] <= y[c]) && y[c] == y[c]);
                y[c] = larger ? pixel[c] : y[c];
                taps[c] = larger ? tap : taps[c];
            }
            started = true;
        }
    }
}

static void forward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const tn_window *w = j->window;
    size_t first, count, in_size = w->in_h * w->in_w * w->channels, out_size = w->out_h * w->out_w * w->channels;
    tn_tiles_range(&j->samples, tile, &first, &count);
    for (size_t s = first; s < first + count; s++) {
        tn_real *y = j->pass->output + s * out_size;
        uint32_t *taps = (uint32_t *)(void *)j->pass->saved + s * out_size;
        for (size_t oy = 0; oy < w->out_h; oy++) {
            for (size_t ox = 0; ox < w->out_w; ox++) {
                size_t at = (oy * w->out_w + ox) * w->channels;
                pool_window(w, j->pass->inputs[0] + s * in_size, oy, ox, y + at, taps + at);
            }
        }
    }
}

static void spread_window(const tn_window *w, size_t oy, size_t ox, const tn_real *dy, const uint32_t *taps, tn_real *dx)
{
    for (size_t c = 0; c < w->channels; c++) {
        size_t iy = oy * w->stride_h + taps[c] / w->size_w - w->pad_top, ix = ox * w->stride_w + taps[c] % w->size_w - w->pad_left;
        dx[(iy * w->in_w + ix) * w->channels + c] += dy[c];
    }
}

static void backward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const tn_window *w = j->window;
    size_t first, count, in_size = w->in_h * w->in_w * w->channels, out_size = w->out_h * w->out_w * w->channels;
    tn_tiles_range(&j->samples, tile, &first, &count);
    for (size_t s = first; s < first + count; s++) {
        const tn_real *dy = j->pass->d_output + s * out_size;
        const uint32_t *taps = (const uint32_t *)(const void *)j->pass->saved + s * out_size;
        tn_real *dx = j->pass->d_inputs[0] + s * in_size;
        memset(dx, 0, in_size * sizeof *dx);
        for (size_t oy = 0; oy < w->out_h; oy++) {
            for (size_t ox = 0; ox < w->out_w; ox++) {
                size_t at = (oy * w->out_w + ox) * w->channels;
                spread_window(w, oy, ox, dy + at, taps + at, dx);
            }
        }
    }
}

static job make_job(const tn_node *node, const tn_pass *pass)
{
    const tn_window *w = window_of(node);
    return (job){w, pass, tn_tiles_split(pass->batch, 8 * w->size_h * w->size_w * tn_shape_size(&node->output), 1)};
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    job j = make_job(node, pass);
    tn_pool_run(pass->pool, j.samples.count, forward_tile, &j);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    if (!pass->d_inputs[0])
        return;
    job j = make_job(node, pass);
    tn_pool_run(pass->pool, j.samples.count, backward_tile, &j);
}

_Static_assert(sizeof(tn_window) <= TN_OP_ATTRIBUTES_BYTES, "a window fits a node's attributes");

const tn_op tn_op_max_pool2d = {
    .name = "max_pool2d",
    .flags = TN_OP_IGNORES_INPUTS | TN_OP_IGNORES_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};

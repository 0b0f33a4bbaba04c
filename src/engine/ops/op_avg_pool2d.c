/* op_avg_pool2d.c: the mean of each window, channel by channel; padding is not counted (Keras; PyTorch's count_include_pad=False).
 *
 * x [B, H, W, C], y [B, H', W', C]; with n the taps of a window inside the image: y = sum of them / n, and each of them gets dy / n. */
#include <string.h>

#include "engine/ops/ops.h"
#include "engine/ops/window.h"
#include "engine/tiles.h"

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    tn_window *window = (tn_window *)(void *)node->attributes;
    tn_status status = tn_window_read(window, node, hypes_node, "size", error);
    if (!status)
        node->output = (tn_shape){.rank = 3, .dims = {window->out_h, window->out_w, window->channels}};
    return status;
}

typedef struct job {
    const tn_window *window;
    const tn_pass *pass;
    tn_tiles samples;
} job;

/* Taps top .. bottom - 1, left .. right - 1 of a window lie inside the image; its first tap is at `row`, `column` (which may lie before
 * the image). */
typedef struct taps {
    size_t top, bottom, left, right;
    tn_real share; /* 1 / n */
} taps;

static taps taps_at(const tn_window *w, size_t oy, size_t ox)
{
    taps t;
    tn_window_clip(oy, w->stride_h, w->pad_top, w->size_h, w->in_h, &t.top, &t.bottom);
    tn_window_clip(ox, w->stride_w, w->pad_left, w->size_w, w->in_w, &t.left, &t.right);
    t.share = (tn_real)1 / (tn_real)((t.bottom - t.top) * (t.right - t.left));
    return t;
}

static size_t pixel_at(const tn_window *w, size_t oy, size_t ox, size_t ky, size_t kx)
{
    return ((oy * w->stride_h + ky - w->pad_top) * w->in_w + ox * w->stride_w + kx - w->pad_left) * w->channels;
}

static void pool_window(const tn_window *w, const tn_real *x, size_t oy, size_t ox, tn_real *y)
{
    taps t = taps_at(w, oy, ox);
    memset(y, 0, w->channels * sizeof *y);
    for (size_t ky = t.top; ky < t.bottom; ky++) {
        for (size_t kx = t.left; kx < t.right; kx++) {
            const tn_real *pixel = x + pixel_at(w, oy, ox, ky, kx);
            for (size_t c = 0; c < w->channels; c++)
                y[c] += pixel[c];
        }
    }
    for (size_t c = 0; c < w->channels; c++)
        y[c] *= t.share;
}

static void spread_window(const tn_window *w, size_t oy, size_t ox, const tn_real *dy, tn_real *dx)
{
    taps t = taps_at(w, oy, ox);
    for (size_t ky = t.top; ky < t.bottom; ky++) {
        for (size_t kx = t.left; kx < t.right; kx++) {
            tn_real *pixel = dx + pixel_at(w, oy, ox, ky, kx);
            for (size_t c = 0; c < w->channels; c++)
                pixel[c] += dy[c] * t.share;
        }
    }
}

static void forward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const tn_window *w = j->window;
    size_t first, count, in_size = w->in_h * w->in_w * w->channels;
    tn_tiles_range(&j->samples, tile, &first, &count);
    for (size_t i = first * w->out_h * w->out_w; i < (first + count) * w->out_h * w->out_w; i++) {
        size_t s = i / (w->out_h * w->out_w), pixel = i % (w->out_h * w->out_w);
        pool_window(w, j->pass->inputs[0] + s * in_size, pixel / w->out_w, pixel % w->out_w, j->pass->output + i * w->channels);
    }
}

static void backward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const tn_window *w = j->window;
    size_t first, count, in_size = w->in_h * w->in_w * w->channels;
    tn_tiles_range(&j->samples, tile, &first, &count);
    memset(j->pass->d_inputs[0] + first * in_size, 0, count * in_size * sizeof(tn_real));
    for (size_t i = first * w->out_h * w->out_w; i < (first + count) * w->out_h * w->out_w; i++) {
        size_t s = i / (w->out_h * w->out_w), pixel = i % (w->out_h * w->out_w);
        spread_window(w, pixel / w->out_w, pixel % w->out_w, j->pass->d_output + i * w->channels, j->pass->d_inputs[0] + s * in_size);
    }
}

static void run(const tn_node *node, const tn_pass *pass, tn_tile_fn *tile)
{
    const tn_window *w = (const tn_window *)(const void *)node->attributes;
    job j = {w, pass, tn_tiles_split(pass->batch, 4 * w->size_h * w->size_w * tn_shape_size(&node->output), 1, TN_TILES_MAX)};
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

const tn_op tn_op_avg_pool2d = {
    .name = "avg_pool2d",
    .flags = TN_OP_IGNORES_INPUTS | TN_OP_IGNORES_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};

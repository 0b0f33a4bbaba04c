/* conv_canvas.c: see conv_canvas.h. */
#include "engine/ops/conv_canvas.h"

#include <string.h>

/* As many reals as the widest vector has lanes. */
enum { SLACK = 16 };

tn_canvas tn_canvas_of(const tn_conv *conv)
{
    const tn_window *w = &conv->window;
    size_t width = (w->out_w - 1) * w->stride_w + w->size_w;
    tn_canvas c = {.h = (w->out_h - 1) * w->stride_h + w->size_h};
    c.is_image = w->pad_top == 0 && w->pad_left == 0 && width <= w->in_w && c.h <= w->in_h;
    c.row = (c.is_image ? w->in_w : width) * w->channels;
    c.run = w->size_w * w->channels;
    c.step_x = w->stride_w * w->channels;
    c.step_y = w->stride_h * c.row;
    return c;
}

size_t tn_canvas_reals(const tn_conv *conv)
{
    tn_canvas c = tn_canvas_of(conv);
    return c.h * c.row + SLACK;
}

const tn_real *tn_canvas_for(const tn_conv *conv, const tn_canvas *canvas, const tn_real *x, tn_real *scratch)
{
    if (canvas->is_image)
        return x;
    const tn_window *w = &conv->window;
    size_t row = canvas->row, image_row = w->in_w * w->channels, left = w->pad_left * w->channels;
    size_t shown = row - left < image_row ? row - left : image_row;
    tn_real *to = scratch;
    for (size_t y = 0; y < canvas->h; y++, to += row) {
        if (y < w->pad_top || y - w->pad_top >= w->in_h) {
            memset(to, 0, row * sizeof *to);
            continue;
        }
        memset(to, 0, left * sizeof *to);
        memcpy(to + left, x + (y - w->pad_top) * image_row, shown * sizeof *to);
        memset(to + left + shown, 0, (row - left - shown) * sizeof *to);
    }
    return scratch;
}

void tn_canvas_read(const tn_conv *conv, const tn_canvas *canvas, const tn_real *from, tn_real *x)
{
    const tn_window *w = &conv->window;
    size_t row = canvas->row, image_row = w->in_w * w->channels, left = w->pad_left * w->channels;
    size_t shown = row - left < image_row ? row - left : image_row;
    for (size_t y = 0; y < w->in_h; y++, x += image_row) {
        bool covered = y + w->pad_top < canvas->h;
        if (covered)
            memcpy(x, from + (y + w->pad_top) * row + left, shown * sizeof *x);
        size_t known = covered ? shown : 0;
        memset(x + known, 0, (image_row - known) * sizeof *x);
    }
}

/* window.h: the geometry of a window that slides over images, for conv2d and the pools. */
#ifndef TN_ENGINE_WINDOW_H
#define TN_ENGINE_WINDOW_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "engine/op.h"

typedef struct tn_window {
    size_t in_h, in_w, channels;
    size_t size_h, size_w;
    size_t stride_h, stride_w;
    size_t pad_top, pad_left; /* zeros before the first row and column; those after the last follow from the output */
    size_t out_h, out_w;
} tn_window;

/* Reads the pair `size_key` ("kernel" or "size"), "stride" (null: the size) and "padding" for the images node->inputs[0]. "valid": no
 * padding, out = (in - size) / stride + 1.
 * "same" as in Keras: out = ceil(in / stride), the zeros split evenly, the odd one after. A number as in PyTorch: so many on each side. */
tn_status tn_window_read(tn_window *window, const tn_node *node, const json_t *hypes_node, const char *size_key, tn_error *error);

/* The part of a window at output position `out` that lies inside the image: taps *first .. *end - 1 of `size`, tap t at input position out
 * * stride + t - pad. */
static inline void tn_window_clip(size_t out, size_t stride, size_t pad, size_t size, size_t in, size_t *first, size_t *end)
{
    size_t start = out * stride;
    *first = start < pad ? pad - start : 0;
    *end = start + size > in + pad ? (in + pad > start ? in + pad - start : 0) : size;
    if (*end < *first)
        *end = *first;
}

/* The taps of a window that lie inside the image: rows top .. bottom - 1, columns left .. right - 1. */
typedef struct tn_window_span {
    size_t top, bottom, left, right;
} tn_window_span;

static inline tn_window_span tn_window_span_at(const tn_window *w, size_t oy, size_t ox)
{
    tn_window_span span;
    tn_window_clip(oy, w->stride_h, w->pad_top, w->size_h, w->in_h, &span.top, &span.bottom);
    tn_window_clip(ox, w->stride_w, w->pad_left, w->size_w, w->in_w, &span.left, &span.right);
    return span;
}

/* Where in an image [in_h, in_w, channels] the pixel under a tap inside begins. */
static inline size_t tn_window_pixel(const tn_window *w, size_t oy, size_t ox, size_t ky, size_t kx)
{
    return ((oy * w->stride_h + ky - w->pad_top) * w->in_w + ox * w->stride_w + kx - w->pad_left) * w->channels;
}

#endif

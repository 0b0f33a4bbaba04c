/* window.c: see window.h. */
#include "engine/ops/window.h"

#include <string.h>

static void read_pair(const json_t *hypes_node, const char *key, size_t pair[2])
{
    const json_t *value = json_object_get(hypes_node, key);
    for (size_t i = 0; i < 2; i++) {
        const json_t *number = json_is_array(value) ? json_array_get(value, i) : value;
        pair[i] = json_is_integer(number) && json_integer_value(number) > 0 ? (size_t)json_integer_value(number) : 0;
    }
}

/* One axis: the output's length and the zeros before it; 0 where the window does not fit. */
static size_t fit_axis(const json_t *padding, size_t in, size_t size, size_t stride, size_t *before)
{
    *before = 0;
    if (json_is_string(padding) && strcmp(json_string_value(padding), "same") == 0) {
        size_t out = (in + stride - 1) / stride;
        size_t span = (out - 1) * stride + size;
        *before = span > in ? (span - in) / 2 : 0;
        return out;
    }
    if (json_is_integer(padding))
        *before = (size_t)json_integer_value(padding);
    size_t padded = in + 2 * *before;
    return padded < size ? 0 : (padded - size) / stride + 1;
}

tn_status tn_window_read(tn_window *window, const tn_node *node, const json_t *hypes_node, const char *size_key, tn_error *error)
{
    const tn_shape *in = &node->inputs[0];
    char shape[96];
    if (in->rank != 3)
        return tn_fail(error, TN_ERROR_HYPES, "%s works on images [height, width, channels]; the input of this node is %s", node->op->name,
                       tn_shape_format(shape, in));
    size_t size[2], stride[2];
    read_pair(hypes_node, size_key, size);
    read_pair(hypes_node, "stride", stride);
    *window = (tn_window){.in_h = in->dims[0], .in_w = in->dims[1], .channels = in->dims[2], .size_h = size[0], .size_w = size[1]};
    window->stride_h = stride[0] ? stride[0] : size[0];
    window->stride_w = stride[1] ? stride[1] : size[1];
    const json_t *padding = json_object_get(hypes_node, "padding");
    window->out_h = fit_axis(padding, window->in_h, window->size_h, window->stride_h, &window->pad_top);
    window->out_w = fit_axis(padding, window->in_w, window->size_w, window->stride_w, &window->pad_left);
    if (window->out_h == 0 || window->out_w == 0)
        return tn_fail(error, TN_ERROR_HYPES,
                       "a %s of [%zu, %zu] is larger than the image %s that it slides over; use a smaller one, or \"padding\": \"same\"",
                       size_key, size[0], size[1], tn_shape_format(shape, in));
    if (window->pad_top >= window->size_h || window->pad_left >= window->size_w)
        return tn_fail(error, TN_ERROR_HYPES,
                       "a padding of %zu makes windows of [%zu, %zu] that hold nothing but padding; it has to be smaller than the %s",
                       window->pad_top > window->pad_left ? window->pad_top : window->pad_left, size[0], size[1], size_key);
    return TN_OK;
}

/* conv.c: shapes of a convolution and the choice of a way to compute it. See conv.h. */
#include "engine/ops/conv.h"

tn_conv tn_conv_of(const tn_window *window, size_t filters, size_t groups)
{
    return (tn_conv){.window = *window,
                     .filters = filters,
                     .padded = (filters + 15) / 16 * 16,
                     .groups = groups,
                     .patch = window->size_h * window->size_w * (window->channels / groups),
                     .pixels = window->out_h * window->out_w,
                     .x_size = window->in_h * window->in_w * window->channels,
                     .y_size = window->out_h * window->out_w * filters};
}

size_t tn_conv_no_reals(const tn_conv *conv)
{
    (void)conv;
    return 0;
}

void tn_conv_prepare_nothing(const tn_conv *conv, const tn_real *weight, tn_real *shared)
{
    (void)conv;
    (void)weight;
    (void)shared;
}

bool tn_conv_never_fits(const tn_conv *conv)
{
    (void)conv;
    return false;
}

const tn_conv_way *tn_conv_choose(const tn_conv *conv)
{
    /* The faster first. Where vectors of 16 do not fit Winograd's tiles, those of 8 may. */
    static const tn_conv_way *const ways[] = {&tn_conv_winograd,    &tn_conv_winograd_avx2, &tn_conv_direct,
                                              &tn_conv_direct_avx2, &tn_conv_depthwise,     &tn_conv_patches};
    size_t i = 0;
    while (i + 1 < sizeof ways / sizeof *ways && !ways[i]->fits(conv)) /* the last takes every shape */
        i++;
    return ways[i];
}

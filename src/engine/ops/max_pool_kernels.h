/* max_pool_kernels.h: max pooling for vectors of either width; max_pool_avx2.c and max_pool_avx512.c include it once each, after the vectors. See max_pool.h.
 *
 * Channels go a register at a time, the last ones under a mask. Windows that do not overlap are written once each, and nothing is added. */
#include <assert.h>
#include <string.h>

#include "engine/ops/max_pool.h"

/* size_h and size_w are constants where this is inlined for one size. */
TN_INLINE_KERNEL void pool_windows(const tn_window *w, size_t size_h, size_t size_w, const tn_max_pool_sample *s)
{
    const size_t channels = w->channels, row = w->in_w * channels;
    float *y = s->y, *taps = (float *)(void *)s->taps;
    for (size_t oy = 0; oy < w->out_h; oy++) {
        const float *at = s->x + oy * w->stride_h * row;
        for (size_t ox = 0; ox < w->out_w; ox++, at += w->stride_w * channels, y += channels, taps += channels) {
            for (size_t c = 0; c < channels; c += LANES) {
                tn_lanes_mask lanes = tn_lanes_first(channels - c);
                tn_lanes best = tn_lanes_load_some(lanes, at + c), tap = tn_lanes_zero();
                for (size_t i = 1; i < size_h * size_w; i++) {
                    tn_lanes value = tn_lanes_load_some(lanes, at + i / size_w * row + i % size_w * channels + c);
                    tn_lanes_choice larger = tn_lanes_beats(value, best);
                    best = tn_lanes_choose(larger, value, best);
                    tap = tn_lanes_choose(larger, tn_lanes_bits((uint32_t)i), tap);
                }
                tn_lanes_store_some(y + c, lanes, best);
                tn_lanes_store_some(taps + c, lanes, tap);
            }
        }
    }
}

/* Each pixel of dx is in one window at most. Those in none are 0. */
TN_INLINE_KERNEL void spread_windows(const tn_window *w, size_t size_h, size_t size_w, const tn_max_pool_sample *s)
{
    assert(s->dx && s->dy);
    const size_t channels = w->channels, row = w->in_w * channels;
    const float *dy = s->dy, *taps = (const float *)(const void *)s->taps;
    if (w->out_h * size_h != w->in_h || w->out_w * size_w != w->in_w)
        memset(s->dx, 0, w->in_h * row * sizeof *s->dx);
    for (size_t oy = 0; oy < w->out_h; oy++) {
        float *at = s->dx + oy * w->stride_h * row;
        for (size_t ox = 0; ox < w->out_w; ox++, at += w->stride_w * channels, dy += channels, taps += channels) {
            for (size_t c = 0; c < channels; c += LANES) {
                tn_lanes_mask lanes = tn_lanes_first(channels - c);
                tn_lanes value = tn_lanes_load_some(lanes, dy + c), tap = tn_lanes_load_some(lanes, taps + c);
                for (size_t i = 0; i < size_h * size_w; i++) {
                    tn_lanes_choice here = tn_lanes_equal_bits(tap, tn_lanes_bits((uint32_t)i));
                    tn_lanes_store_some(at + i / size_w * row + i % size_w * channels + c, lanes,
                                        tn_lanes_choose(here, value, tn_lanes_zero()));
                }
            }
        }
    }
}

TN_KERNEL static void pool_inside(const tn_window *w, const tn_max_pool_sample *s)
{
    if (w->size_h == 2 && w->size_w == 2)
        pool_windows(w, 2, 2, s);
    else
        pool_windows(w, w->size_h, w->size_w, s);
}

TN_KERNEL static void spread_apart(const tn_window *w, const tn_max_pool_sample *s)
{
    if (w->size_h == 2 && w->size_w == 2)
        spread_windows(w, 2, 2, s);
    else
        spread_windows(w, w->size_h, w->size_w, s);
}

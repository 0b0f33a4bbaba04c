/* max_pool.h: the largest value of each window with channels in vectors, for op_max_pool2d.c alone.
 *
 * One source, max_pool_kernels.h, for AVX2 and AVX-512. */
#ifndef TN_ENGINE_MAX_POOL_H
#define TN_ENGINE_MAX_POOL_H

#include <stdint.h>

#include "engine/ops/window.h"
#include "engine/real.h"

/* One sample of a pass: forward reads x and writes y and taps; backward reads dy and taps and writes dx. */
typedef struct tn_max_pool_sample {
    const tn_real *x, *dy;
    tn_real *y, *dx;
    uint32_t *taps;
} tn_max_pool_sample;

/* NULLs where this build has none. To be called only where the processor has the set. */
typedef struct tn_max_pool_wide {
    void (*pool_inside)(const tn_window *window, const tn_max_pool_sample *sample);  /* forward; every window lies inside the image */
    void (*spread_apart)(const tn_window *window, const tn_max_pool_sample *sample); /* backward; nor do windows overlap */
} tn_max_pool_wide;

extern const tn_max_pool_wide tn_max_pool_avx2, tn_max_pool_avx512;

#endif

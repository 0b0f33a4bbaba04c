/* conv.h: the ways to compute a convolution, of which op_conv2d and op_conv2d_transpose take the fastest that fits.
 *
 * A way works on consecutive samples, single-threaded, so op_conv2d cuts the batch into tiles. All ways compute the same formulas
 * (op_conv2d.c) and differ in rounding only; tests compare each with plain loops. */
#ifndef TN_ENGINE_CONV_H
#define TN_ENGINE_CONV_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/gemm.h"
#include "engine/ops/window.h"
#include "engine/real.h"

/* The shapes of one convolution; x [H, W, C] and y [H', W', F] of a sample are in the window's numbers. */
typedef struct tn_conv {
    tn_window window;
    tn_precision factors;
    size_t filters; /* F */
    size_t padded;  /* F rounded up to 16: the row length of sums */
    size_t groups;  /* G: filter f sees the channels of its group alone, C/G of them; group g has filters g F/G .. and channels g C/G .. */
    size_t patch;   /* K = kh kw C/G */
    size_t pixels;  /* H' W' */
    size_t x_size, y_size; /* reals of a sample */
} tn_conv;

typedef struct tn_conv_way {
    const char *name;
    bool (*fits)(const tn_conv *conv);           /* false where this build or processor cannot, or another way is faster */
    size_t (*worker_reals)(const tn_conv *conv); /* scratch of each worker */
    size_t (*shared_reals)(const tn_conv *conv); /* of the prepared weights */
    /* Brings weight [K, F] into the form that forward or input_gradient want, in shared memory. Once a pass, before the tiles. */
    void (*prepare_forward)(const tn_conv *conv, const tn_real *weight, tn_real *shared);
    void (*prepare_input)(const tn_conv *conv, const tn_real *weight, tn_real *shared);
    /* y [samples, H', W', F] = convolution of x [samples, H, W, C] + bias [F] (NULL: none). */
    void (*forward)(const tn_conv *conv, const tn_real *weight, const tn_real *shared, const tn_real *bias, size_t samples,
                    const tn_real *x, tn_real *y, tn_real *scratch);
    /* dx [samples, H, W, C] */
    void (*input_gradient)(const tn_conv *conv, const tn_real *weight, const tn_real *shared, size_t samples, const tn_real *dy,
                           tn_real *dx, tn_real *scratch);
    /* sums [K + 1, padded]: the weights' gradient summed over the samples, and in the last row the bias' where `bias` asks for it. Columns from
     * F on are undefined, and so is the last row else. */
    void (*weight_gradient)(const tn_conv *conv, size_t samples, const tn_real *x, const tn_real *dy, bool bias, tn_real *sums,
                            tn_real *scratch);
} tn_conv_way;

extern const tn_conv_way tn_conv_patches;     /* fits always; the only one that rounds its factors */
extern const tn_conv_way tn_conv_depthwise;   /* a channel and a filter in each group */
extern const tn_conv_way tn_conv_direct;      /* AVX-512, float; one group */
extern const tn_conv_way tn_conv_direct_avx2; /* the same in AVX2 */
extern const tn_conv_way tn_conv_winograd;    /* AVX-512, float; 3x3, of channels and filters that fill registers */
extern const tn_conv_way tn_conv_winograd_avx2;

/* Of a way that takes the weights as they are. */
size_t tn_conv_no_reals(const tn_conv *conv);
void tn_conv_prepare_nothing(const tn_conv *conv, const tn_real *weight, tn_real *shared);

/* Of a way that this build has not. */
bool tn_conv_never_fits(const tn_conv *conv);

/* groups divides the channels and the filters. */
tn_conv tn_conv_of(const tn_window *window, size_t filters, size_t groups);

/* The fastest way that fits. */
const tn_conv_way *tn_conv_choose(const tn_conv *conv);

#endif

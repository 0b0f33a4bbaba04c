/* conv_canvas.h: the padded image of a convolution, over which the direct kernels (conv_direct_kernels.h) walk. Floats only.
 *
 * The canvas is what all windows together cover, with zeros for the padding. Images are [h, w, C], so the taps of one kernel row are a run of kw C neighbouring reals, and the next pixel's run starts
 * stride C further. */
#ifndef TN_ENGINE_CONV_CANVAS_H
#define TN_ENGINE_CONV_CANVAS_H

#include "engine/ops/conv.h"

typedef struct tn_canvas {
    size_t h, row;         /* rows, and reals of a row */
    size_t run;            /* reals of a kernel row, kw C */
    size_t step_x, step_y; /* from one output pixel, or row, to the next, in reals of the canvas */
    bool is_image;         /* nothing is padded: the image itself, or the first rows of it */
} tn_canvas;

tn_canvas tn_canvas_of(const tn_conv *conv);

/* What a canvas takes in scratch. A vector load or store of the last pixel may reach past its run. */
size_t tn_canvas_reals(const tn_conv *conv);

/* The canvas of image x: the image itself where it can be, or else a copy in scratch. */
const tn_real *tn_canvas_for(const tn_conv *conv, const tn_canvas *canvas, const tn_real *x, tn_real *scratch);

/* x = what the image shows of a canvas; zeros where no window reaches. */
void tn_canvas_read(const tn_conv *conv, const tn_canvas *canvas, const tn_real *from, tn_real *x);

#endif

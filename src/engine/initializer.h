/* initializer.h: where weights start.
 *
 * he: variance 2 / fan_in; glorot: 2 / (fan_in + fan_out); lecun: 1 / fan_in; uniform forms have the limit sqrt(3 * variance). The normal forms are plain normals, not truncated ones
 * (Keras truncates at two standard deviations and rescales; the variance is the same). torch: uniform with the limit 1 / sqrt(fan_in), as PyTorch starts its layers. He 2015 arXiv:1502.01852, Glorot 2010, Saxe 2013 arXiv:1312.6120. */
#ifndef TN_ENGINE_INITIALIZER_H
#define TN_ENGINE_INITIALIZER_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "base/rng.h"
#include "engine/real.h"

typedef enum tn_scheme {
    TN_SCHEME_HE_NORMAL,
    TN_SCHEME_HE_UNIFORM,
    TN_SCHEME_GLOROT_NORMAL,
    TN_SCHEME_GLOROT_UNIFORM,
    TN_SCHEME_LECUN_NORMAL,
    TN_SCHEME_LECUN_UNIFORM,
    TN_SCHEME_NORMAL,
    TN_SCHEME_UNIFORM,
    TN_SCHEME_CONSTANT,
    TN_SCHEME_ZEROS,
    TN_SCHEME_ONES,
    TN_SCHEME_ORTHOGONAL,
    TN_SCHEME_TORCH
} tn_scheme;

typedef struct tn_initializer {
    tn_scheme scheme;
    double argument; /* std of normal, limit of uniform, value of constant */
    double scale;    /* multiplies every value */
} tn_initializer;

/* From the complete JSON of an "init" or "bias_init" object; the schema has checked it. */
tn_initializer tn_initializer_read(const json_t *init);

/* values [count] in row-major order of a matrix [count / fan_out_axis_size ...]; `rows` and `columns` are the matrix that orthogonal works on (rows * columns = count).
 * May allocate (orthogonal does). Same numbers for the same rng state on every instruction set. */
tn_status tn_initializer_fill(const tn_initializer *initializer, tn_rng *rng, size_t fan_in, size_t fan_out, size_t rows, size_t columns,
                              tn_real *values, tn_error *error);

#endif

/* initializer.c: draws initial weights. See initializer.h for the formulas.
 *
 * Everything is computed in double and rounded once, by loops that no instruction set reorders, so a seed gives the same weights on every
 * machine. */
#include "engine/initializer.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

/* Name and the key of its argument, in the order of tn_scheme. */
static const struct {
    const char *name, *argument;
} schemes[] = {
    [TN_SCHEME_HE_NORMAL] = {"he_normal", NULL},
    [TN_SCHEME_HE_UNIFORM] = {"he_uniform", NULL},
    [TN_SCHEME_GLOROT_NORMAL] = {"glorot_normal", NULL},
    [TN_SCHEME_GLOROT_UNIFORM] = {"glorot_uniform", NULL},
    [TN_SCHEME_LECUN_NORMAL] = {"lecun_normal", NULL},
    [TN_SCHEME_LECUN_UNIFORM] = {"lecun_uniform", NULL},
    [TN_SCHEME_NORMAL] = {"normal", "std"},
    [TN_SCHEME_UNIFORM] = {"uniform", "limit"},
    [TN_SCHEME_CONSTANT] = {"constant", "value"},
    [TN_SCHEME_ZEROS] = {"zeros", NULL},
    [TN_SCHEME_ONES] = {"ones", NULL},
    [TN_SCHEME_ORTHOGONAL] = {"orthogonal", NULL},
    [TN_SCHEME_TORCH] = {"torch", NULL},
};

tn_initializer tn_initializer_read(const json_t *init)
{
    const char *name = json_string_value(json_object_get(init, "scheme"));
    assert(name != NULL);
    size_t scheme = 0;
    while (scheme < sizeof schemes / sizeof *schemes - 1 && strcmp(schemes[scheme].name, name) != 0) {
        scheme++;
    }
    assert(strcmp(schemes[scheme].name, name) == 0);
    const json_t *scale = json_object_get(init, "scale");
    tn_initializer initializer = {.scheme = (tn_scheme)scheme, .scale = json_is_number(scale) ? json_number_value(scale) : 1};
    if (schemes[scheme].argument != NULL) {
        initializer.argument = json_number_value(json_object_get(init, schemes[scheme].argument));
    }
    return initializer;
}

static void fill_normal(tn_rng *rng, double deviation, size_t count, tn_real *values)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = (tn_real)(deviation * tn_rng_normal(rng));
    }
}

static void fill_uniform(tn_rng *rng, double limit, size_t count, tn_real *values)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = (tn_real)(limit * (2 * tn_rng_uniform(rng) - 1));
    }
}

static void fill_constant(double value, size_t count, tn_real *values)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = (tn_real)value;
    }
}

enum { LANES = 8 };

/* In eight lanes, the same on every instruction set. */
static double dot(const double *restrict x, const double *restrict y, size_t count)
{
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            lanes[j] += x[i + j] * y[i + j];
        }
    }
    for (size_t j = 0; i < count; i++, j++) {
        lanes[j] += x[i] * y[i];
    }
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

/* Takes the parts of `vector` that lie along the `count` orthonormal rows of `basis` away from it. */
static void project_away(double *restrict vector, const double *restrict basis, size_t count, size_t length)
{
    for (size_t k = 0; k < count; k++) {
        const double *restrict row = basis + k * length;
        const double along = dot(vector, row, length);
        for (size_t i = 0; i < length; i++) {
            vector[i] -= along * row[i];
        }
    }
}

/* Gram-Schmidt on normal vectors, each orthogonalised twice ("twice is enough", Kahan), which leaves errors of rounding only. The result
 * is uniform among orthogonal matrices, since the triangular factor has a positive diagonal (Mezzadri 2007). The shorter side gives the
 * number of vectors: the rows are orthonormal where rows <= columns, else the columns. */
static tn_status fill_orthogonal(tn_rng *rng, double scale, size_t rows, size_t columns, tn_real *values, tn_error *error)
{
    const size_t count = rows < columns ? rows : columns, length = rows < columns ? columns : rows;
    double *basis = tn_memory_create(count * length, sizeof *basis); /* rows * columns values exist, so the product fits */
    if (basis == NULL) {
        return tn_fail_memory(error, count * length * sizeof *basis);
    }
    for (size_t k = 0; k < count; k++) {
        double *vector = basis + k * length, size = 0;
        while (!(size > 1e-6)) { /* a vector that lies in the span of those before it is drawn again; in practice never */
            for (size_t i = 0; i < length; i++) {
                vector[i] = tn_rng_normal(rng);
            }
            project_away(vector, basis, k, length);
            project_away(vector, basis, k, length);
            size = sqrt(dot(vector, vector, length));
        }
        for (size_t i = 0; i < length; i++) {
            vector[i] /= size;
        }
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            values[r * columns + c] = (tn_real)(scale * (rows < columns ? basis[r * length + c] : basis[c * length + r]));
        }
    }
    tn_memory_destroy(basis);
    return TN_OK;
}

tn_status tn_initializer_fill(const tn_initializer *initializer, tn_rng *rng, size_t fan_in, size_t fan_out, size_t rows, size_t columns,
                              tn_real *values, tn_error *error)
{
    const size_t count = rows * columns;
    const double in = (double)fan_in, both = (double)fan_in + (double)fan_out, scale = initializer->scale;
    switch (initializer->scheme) {
    case TN_SCHEME_HE_NORMAL:
        fill_normal(rng, scale * sqrt(2 / in), count, values);
        break;
    case TN_SCHEME_HE_UNIFORM:
        fill_uniform(rng, scale * sqrt(6 / in), count, values);
        break;
    case TN_SCHEME_GLOROT_NORMAL:
        fill_normal(rng, scale * sqrt(2 / both), count, values);
        break;
    case TN_SCHEME_GLOROT_UNIFORM:
        fill_uniform(rng, scale * sqrt(6 / both), count, values);
        break;
    case TN_SCHEME_LECUN_NORMAL:
        fill_normal(rng, scale * sqrt(1 / in), count, values);
        break;
    case TN_SCHEME_LECUN_UNIFORM:
        fill_uniform(rng, scale * sqrt(3 / in), count, values);
        break;
    case TN_SCHEME_NORMAL:
        fill_normal(rng, scale * initializer->argument, count, values);
        break;
    case TN_SCHEME_UNIFORM:
        fill_uniform(rng, scale * initializer->argument, count, values);
        break;
    case TN_SCHEME_CONSTANT:
        fill_constant(scale * initializer->argument, count, values);
        break;
    case TN_SCHEME_ZEROS:
        fill_constant(0, count, values);
        break;
    case TN_SCHEME_ONES:
        fill_constant(scale, count, values);
        break;
    case TN_SCHEME_ORTHOGONAL:
        return fill_orthogonal(rng, scale, rows, columns, values, error);
    case TN_SCHEME_TORCH:
        fill_uniform(rng, scale * sqrt(1 / in), count, values);
        break;
    }
    return TN_OK;
}

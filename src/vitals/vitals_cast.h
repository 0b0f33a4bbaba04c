/* vitals_cast.h: vitals of a tensor of any type and layout, as a framework or a C loop holds it, without a copy of the whole.
 *
 * Vitals are of 32-bit floats. float16, bfloat16, bool and integers up to 2^24 are exact in them; larger integers and doubles are rounded, and a double that a float cannot hold keeps its
 * kind: what is finite stays finite (at the largest float), and what is not zero stays so (at the smallest). */
#ifndef TN_VITALS_CAST_H
#define TN_VITALS_CAST_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "vitals/vitals.h"

typedef enum tn_value_type {
    TN_VALUE_FLOAT32,
    TN_VALUE_FLOAT64,
    TN_VALUE_FLOAT16,
    TN_VALUE_BFLOAT16,
    TN_VALUE_INT8,
    TN_VALUE_INT16,
    TN_VALUE_INT32,
    TN_VALUE_INT64,
    TN_VALUE_UINT8,
    TN_VALUE_BOOL, /* one byte, 0 or not */
    TN_VALUE_TYPES
} tn_value_type;

size_t tn_value_size(tn_value_type type); /* bytes; 0 where there is no such type */

enum { TN_STRIDED_RANK_MAX = 64 };

/* A tensor. Element (i, j, ...) stands at data + (i * strides[0] + j * strides[1] + ...) elements. */
typedef struct tn_strided {
    const void *data; /* need not be aligned; may be NULL where there are no elements */
    tn_value_type type;
    size_t rank;            /* 0: one value */
    const int64_t *shape;   /* [rank], none negative */
    const int64_t *strides; /* [rank] in elements, any sign, 0 repeats; NULL: row by row without gaps */
} tn_strided;

/* The number of elements, and whether it and the bytes they span can be counted. TN_ERROR_DATA where shape, strides or type make no sense. */
tn_status tn_strided_count(const tn_strided *tensor, size_t *count, tn_error *error);

/* Adds all elements, in the order of their indices (the last index runs fastest). Nothing is added where it fails, and it fails only as tn_strided_count does. */
tn_status tn_vitals_add_strided(tn_vitals *vitals, const tn_strided *tensor, tn_error *error);

/* Element 0, 1, ... of a row of `count` elements that are `stride` apart, as floats. `first` is element 0. */
void tn_values_cast(float *floats, const void *first, tn_value_type type, int64_t stride, size_t count);

#endif

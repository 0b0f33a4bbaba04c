/* array.h: one array of numbers as it came from a file: bytes stay bytes, everything else becomes float32.
 *
 * Where the file's own memory will do (bytes, or aligned float32 of this machine's byte order), the array points into it and nothing is copied.
 *
 * Columns of a table may hold numbers that float32 cannot tell apart, such as raw network addresses near 3e9 that differ by one. The array then stores
 * value - offset, with one offset a column that float32 holds exactly, so that a later standardisation still sees the difference. */
#ifndef TN_DATA_ARRAY_H
#define TN_DATA_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { TN_ARRAY_RANK_MAX = 4 };

/* Zeroed memory is an array of nothing. */
typedef struct tn_array {
    size_t rank, dims[TN_ARRAY_RANK_MAX]; /* the first counts the samples */
    size_t count;                         /* product of the dims, above 0 */
    const uint8_t *bytes;                 /* [count], or NULL */
    const float *floats;                  /* [count], or NULL: exactly one of the two is set */
    float *offsets;                       /* [dims[1]], to be added to the columns of `floats`; owned; NULL where there are none */
    void *owned;                          /* the block that the values lie in; NULL where that is the file */
} tn_array;

typedef enum tn_raw_type {
    TN_RAW_UINT8,
    TN_RAW_BOOL,
    TN_RAW_INT8,
    TN_RAW_INT16,
    TN_RAW_INT32,
    TN_RAW_INT64,
    TN_RAW_UINT16,
    TN_RAW_UINT32,
    TN_RAW_UINT64,
    TN_RAW_FLOAT32,
    TN_RAW_FLOAT64
} tn_raw_type;

/* How values lie in a file. */
typedef struct tn_raw_form {
    tn_raw_type type;
    bool big_endian;
    bool fortran; /* the first axis runs fastest; the array made of it runs the last axis fastest, as all arrays do */
} tn_raw_form;

size_t tn_raw_size(tn_raw_type type); /* bytes of one value */

/* The product of dims [rank], checked: an error where it overflows, is 0, or is too large for sample numbers of 32 bits. *bytes = that times the value's size. */
tn_status tn_array_measure(size_t rank, const size_t *dims, tn_raw_type type, size_t *count, size_t *bytes, tn_error *error);

/* array->rank, dims and count are set. `raw` holds the values and `block`, where it is not NULL, is the memory they lie in, which the array then owns (also where this fails). */
tn_status tn_array_adopt(tn_array *array, const uint8_t *raw, tn_raw_form form, void *block, tn_error *error);

/* wide [rows, columns] as float32, with offsets where they are needed. Sets all of *array but `owned` of anything else. */
tn_status tn_array_narrow(tn_array *array, const double *wide, size_t rows, size_t columns, tn_error *error);

void tn_array_deinit(tn_array *array);

#endif

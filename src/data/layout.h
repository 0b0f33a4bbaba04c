/* layout.h: formats that are a header and one array behind it, plain or packed: what idx and npy have in common. */
#ifndef TN_DATA_LAYOUT_H
#define TN_DATA_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "data/array.h"
#include "data/expand.h"

/* What a header says. */
typedef struct tn_layout {
    tn_raw_form form;
    size_t start;       /* of the values, in bytes */
    size_t value_bytes; /* of all values together */
    size_t rank, dims[TN_ARRAY_RANK_MAX], count;
} tn_layout;

/* Reads a header off the first bytes [size] of a file and checks what it can without the values. */
typedef tn_status tn_layout_fn(const uint8_t *bytes, size_t size, tn_layout *layout, tn_error *error);

/* The array of a whole file, plain or gz. It may point into bytes [size]. */
tn_status tn_layout_parse(tn_layout_fn *read_header, const uint8_t *bytes, size_t size, tn_array *array, tn_error *error);

/* Expands a packed file to *plain, which the caller frees with tn_memory_destroy. `expected` is its size where something else than the header tells it too, else 0. */
tn_status tn_layout_expand(tn_layout_fn *read_header, tn_packing packing, const uint8_t *bytes, size_t size, size_t expected,
                           uint8_t **plain, size_t *plain_size, tn_error *error);

/* The array of a plain file. Takes over `block`, the memory that bytes [size] lie in, where it is not NULL, also on failure. */
tn_status tn_layout_adopt(tn_layout_fn *read_header, const uint8_t *bytes, size_t size, void *block, tn_array *array, tn_error *error);

#endif

/* support_golden.h: reads the golden values that tools/make_golden.py wrote, and compares with them.
 *
 * A file is read whole; a case is a set of named tensors, numbers and texts. Anything that does not fit ends the test with file and
 * line. */
#ifndef TN_TEST_SUPPORT_GOLDEN_H
#define TN_TEST_SUPPORT_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>

#include "data/dataset.h"

enum { TN_GOLDEN_ENTRIES_MAX = 64 };

typedef struct tn_golden_entry {
    char *name, *text; /* text is NULL but for texts */
    tn_shape shape;
    size_t count;
    double *values; /* a number is a tensor of one value */
} tn_golden_entry;

typedef struct tn_golden_case {
    char *label;
    size_t entry_count;
    tn_golden_entry entries[TN_GOLDEN_ENTRIES_MAX];
} tn_golden_case;

typedef struct tn_golden {
    size_t count;
    tn_golden_case *cases;
} tn_golden;

void tn_golden_read(tn_golden *golden, const char *path);
void tn_golden_destroy(tn_golden *golden);

const tn_golden_entry *tn_golden_find(const tn_golden_case *from, const char *name); /* NULL where there is none */
const tn_golden_entry *tn_golden_get(const tn_golden_case *from, const char *name);  /* ends the test where there is none */
double tn_golden_number(const tn_golden_case *from, const char *name, double otherwise);

/* The first of found [count] that is not within tolerance * (1 + |expected|) of the tensor `name`; count where there is none. NaN equals
 * NaN only, Inf the same Inf. */
size_t tn_golden_differs(const tn_golden_entry *expected, const float *found, double tolerance);

/* Ends the test where they differ. */
void tn_golden_assert(const tn_golden_case *from, const char *name, const float *found, size_t count, double tolerance);

#endif

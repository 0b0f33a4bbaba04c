/* support_vitals.h: what the tests of vitals share: a slow reference, a comparison that names the field, and data of every bad kind. */
#ifndef TN_TEST_SUPPORT_VITALS_H
#define TN_TEST_SUPPORT_VITALS_H

#include "base/rng.h"
#include "vitals/vitals.h"

/* Kinds of data. Each is a way for real tensors to look, or a way to break a kernel. */
typedef enum kind {
    KIND_GAUSSIAN,
    KIND_RELU, /* half zeros */
    KIND_CONSTANT,
    KIND_OFFSET,      /* 1e6 plus noise of 1: squares in float lose the variance */
    KIND_OFFSET_TINY, /* 1 plus noise of 1e-3 */
    KIND_HUGE,        /* squares overflow a float */
    KIND_HUGE_SUM,    /* all the largest float: sums overflow one too */
    KIND_SMALL,       /* squares underflow a float */
    KIND_SMALLISH,    /* squares are subnormal floats */
    KIND_SUBNORMAL,
    KIND_SUBNORMAL_MIX, /* zeros, subnormals and ordinary values together */
    KIND_SIGNED_ZEROS,
    KIND_WIDE,          /* exponents over the whole range */
    KIND_THIRTY,        /* exponents over thirty powers of two */
    KIND_CLUSTERS,      /* near 1 and near 1e-6 */
    KIND_OUTLIER,       /* one value of 1e20 among ordinary ones */
    KIND_FIRST_OUTLIER, /* the same as first value */
    KIND_RAMP,
    KIND_RANDOM_BITS, /* NaN payloads, both infinities, everything */
    KIND_FEW_NONFINITE,
    KIND_ALL_NAN,
    KIND_ALL_INFINITE,
    KIND_CHANGING, /* another kind every few thousand values */
    KIND_COUNT
} kind;

const char *kind_name(kind which);
void fill(float *values, size_t count, kind which, uint64_t seed);

/* Two passes in long double, one value at a time. */
void reference(tn_vitals *vitals, const float *values, size_t count);

/* NULL where the two agree: counts, extremes and histograms exactly; sums to `tolerance` times the sum of what was added in magnitude. */
const char *difference(const tn_vitals *expected, const tn_vitals *found, double tolerance);

/* What a set's sums are held to: float lanes in AVX2 and AVX-512, double elsewhere. */
double tolerance_of(tn_isa isa);

#endif

/* vitals.h: what one pass over a tensor tells about its health.
 *
 * Identical counts, extremes and histograms on every instruction set. Sums are double, gathered from parts of at most 64 values that the vector sets add up in float: they agree to 4e-6 of
 * the magnitudes added at worst, and to 5e-7 as a rule (vitals_kernels.h). Merging the vitals of two parts gives the vitals of the whole. Non-finite values are counted and located, and take no part in min, max, mean,
 * variance, L2 norm and histogram. Not for reading files or for judging: rules judge. */
#ifndef TN_VITALS_H
#define TN_VITALS_H

#include <stddef.h>
#include <stdint.h>

#include "base/simd.h"

enum { TN_VITALS_EXPONENTS = 256 };

#define TN_VITALS_NO_INDEX UINT64_MAX

typedef struct tn_vitals {
    uint64_t count; /* all values seen */
    uint64_t nan, positive_infinity, negative_infinity;
    uint64_t zeros; /* +0 and -0 */
    uint64_t subnormals;
    uint64_t first_nonfinite; /* index of the first NaN or Inf in the order seen, TN_VITALS_NO_INDEX where none */
    float min, max;           /* of the finite values; +INFINITY and -INFINITY where there are none */
    double sum;               /* of the finite values */
    double sum_of_squares;    /* of the finite values, about 0 */
    double mean, m2;          /* mean and sum of squared deviations from it, of the finite values (merged by Chan et al. 1979) */
    /* histogram[s][e]: finite values with sign bit s and biased exponent e (0 holds zeros and subnormals, 1 is 2^-126, 127 is 1, 254 the
     * largest). The sum over all buckets is the number of finite values. */
    uint64_t histogram[2][TN_VITALS_EXPONENTS];
} tn_vitals;

void tn_vitals_init(tn_vitals *vitals);

/* Adds values [count], which may be unaligned and may be NULL where count is 0, by the best instruction set at hand. Thread-safe on distinct `vitals`. */
void tn_vitals_add(tn_vitals *vitals, const float *values, size_t count);

/* The same with a given set, for tests and measurements; a set that the processor lacks falls back to the best below it. */
void tn_vitals_add_isa(tn_vitals *vitals, const float *values, size_t count, tn_isa isa);

/* into becomes the vitals of its values followed by those of `from`; indices of `from` move up by into->count. */
void tn_vitals_merge(tn_vitals *into, const tn_vitals *from);

uint64_t tn_vitals_finite(const tn_vitals *vitals); /* count of finite values */
double tn_vitals_variance(const tn_vitals *vitals); /* population variance of the finite values, 0 where there are none */
double tn_vitals_l2(const tn_vitals *vitals);       /* L2 norm of the finite values */

#endif

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

enum {
    TN_VITALS_EXPONENTS = 256,
    /* Values of a tensor that is watched, from which its histogram is of a sample: a share of the 256 that are left is off by three hundredths at most, as a rule. */
    TN_VITALS_SAMPLED_FROM = 2048,
    TN_VITALS_SAMPLED_ONE_IN = 8,
    /* And from which it is of a smaller one: a share of the 1,024 that are left is off by less than two hundredths. */
    TN_VITALS_SPARSE_FROM = 32768,
    TN_VITALS_SPARSE_ONE_IN = 32
};

#define TN_VITALS_NO_INDEX UINT64_MAX

typedef struct tn_vitals {
    uint64_t count; /* all values seen */
    uint64_t nan, positive_infinity, negative_infinity;
    uint64_t zeros;           /* +0 and -0 */
    uint64_t subnormals;      /* these two are exact, whatever the histogram counts */
    uint64_t first_nonfinite; /* index of the first NaN or Inf in the order seen, TN_VITALS_NO_INDEX where none */
    float min, max;           /* of the finite values; +INFINITY and -INFINITY where there are none */
    double sum;               /* of the finite values */
    double sum_of_squares;    /* of the finite values, about 0 */
    double mean, m2;          /* mean and sum of squared deviations from it, of the finite values (merged by Chan et al. 1979) */
    /* histogram[s][e]: finite values with sign bit s and biased exponent e (0 holds zeros and subnormals, 1 is 2^-126, 127 is 1, 254 the largest). It counts all finite values, or of a large tensor
     * that is watched a fixed sample of them: one in TN_VITALS_SAMPLED_ONE_IN or, of a larger one, TN_VITALS_SPARSE_ONE_IN, in runs all over it. So the sum over all buckets is the number of finite values or less, that of exponent 0 at most
     * zeros + subnormals, and buckets are read as shares (tn_vitals_weight). */
    uint64_t histogram[2][TN_VITALS_EXPONENTS];
} tn_vitals;

void tn_vitals_init(tn_vitals *vitals);

/* Adds values [count], which may be unaligned and may be NULL where count is 0, by the best instruction set at hand. Thread-safe on distinct `vitals`. */
void tn_vitals_add(tn_vitals *vitals, const float *values, size_t count);

/* The same for a part of a tensor of `whole` values that is watched as it trains: the histogram is a sample where `whole` is at least TN_VITALS_SAMPLED_FROM. All else is bit for bit what
 * tn_vitals_add finds. Which values are counted depends on how many the vitals held before and on nothing else, so they are the same on every set. */
void tn_vitals_add_part(tn_vitals *vitals, const float *values, size_t count, size_t whole);

/* The same, and fetches into cache meanwhile what the caller reads next: as many bytes from `ahead` on as it is given values. NULL: what lies behind the values. */
void tn_vitals_add_part_ahead(tn_vitals *vitals, const float *values, size_t count, size_t whole, const void *ahead);

/* The same with a given set, for tests and measurements; a set that the processor lacks falls back to the best below it. */
void tn_vitals_add_isa(tn_vitals *vitals, const float *values, size_t count, tn_isa isa);
void tn_vitals_add_part_isa(tn_vitals *vitals, const float *values, size_t count, size_t whole, tn_isa isa);

/* into becomes the vitals of its values followed by those of `from`; indices of `from` move up by into->count. */
void tn_vitals_merge(tn_vitals *into, const tn_vitals *from);

uint64_t tn_vitals_finite(const tn_vitals *vitals); /* count of finite values */

/* How many values each one stands for that a bucket of exponent 1 or above counts: 1 where the histogram is whole, 0 where all those buckets are empty. */
double tn_vitals_weight(const tn_vitals *vitals);
double tn_vitals_variance(const tn_vitals *vitals); /* population variance of the finite values, 0 where there are none */
double tn_vitals_l2(const tn_vitals *vitals);       /* L2 norm of the finite values */

#endif

/* vitals_kernels.h: what the kernels of vitals share. Private to src/vitals.
 *
 * Each kernel walks through the array in blocks of TN_VITALS_BLOCK values. A block's sums are taken about a shift and folded into the
 * vitals in double, so an error in one block never grows with the length of the array.
 *
 * Why the shift: with K any finite value of the block, sum((x - K)^2) = m2 + n (mean - K)^2 <= (n + 1) m2, since m2 alone holds
 * (K - mean)^2 n / (n - 1) or more. So the subtraction that gives m2 loses at most a factor n + 1 = 4097 of double's 1.1e-16, whatever the
 * data.
 *
 * Sums in float (the kernels of AVX2 and AVX-512): lanes of at most 64 values, added up in double. With u = 2^-24 a sum is wrong by at most 66 u = 4e-6 of the sum of the magnitudes of what was
 * added, rounding of x - K included, and usually by a hundredth of that, since errors of both signs meet. Where this does not do, tn_vitals_float_holds says so, and the block's sums are taken
 * again in double. So m2, which is at least a sixteenth of the squares then, is wrong by at most 16 times as much. */
#ifndef TN_VITALS_KERNELS_H
#define TN_VITALS_KERNELS_H

#include <stdbool.h>

#include "vitals/vitals.h"

enum {
    TN_VITALS_BLOCK = 4096, /* values: 16 KiB, a third of the smallest L1 in use */
    TN_VITALS_TABLES = 8,   /* neighbouring values count in different tables, so that equal values do not wait for each other's store */
    TN_VITALS_BUCKETS = 2 * TN_VITALS_EXPONENTS /* sign bit and exponent, the upper nine bits of a float */
};

/* Values [count], count > 0. Each kernel adds all that tn_vitals_add promises; the histogram counts the runs of `sample` alone. `ahead` as in tn_vitals_add_part_ahead. The caller makes sure that the
 * processor has the set. */
typedef enum tn_vitals_sample { TN_SAMPLE_ALL, TN_SAMPLE_SOME, TN_SAMPLE_FEW } tn_vitals_sample;
void tn_vitals_add_scalar(tn_vitals *vitals, const float *values, size_t count, tn_vitals_sample sample);
void tn_vitals_add_avx2(tn_vitals *vitals, const float *values, size_t count, tn_vitals_sample sample, const void *ahead);
void tn_vitals_add_avx512(tn_vitals *vitals, const float *values, size_t count, tn_vitals_sample sample, const void *ahead);

/* A sampled histogram counts one run of each segment, or of one segment in TN_VITALS_APART, at a place that moves from segment to segment, and by one more from eight of them to the next; so does the
 * segment among its neighbours. So rows of a tensor that are as long as some segments are not counted at the same columns again and again. Segments are numbered by what the vitals held before a
 * block, blocks being whole numbers of segments. The last segment may be shorter; it has a run all the same, which may be shorter too. */
enum {
    TN_VITALS_SEGMENT = 1024,
    TN_VITALS_RUN = TN_VITALS_SEGMENT / TN_VITALS_SAMPLED_ONE_IN,
    TN_VITALS_APART = TN_VITALS_SPARSE_ONE_IN / TN_VITALS_SAMPLED_ONE_IN
};

typedef struct tn_vitals_run {
    size_t first, count; /* of a segment's values; first is a multiple of TN_VITALS_RUN. 0: none of it is counted */
} tn_vitals_run;

/* count: of the segment, from 1 to TN_VITALS_SEGMENT. sample: of a part of the values. */
static inline tn_vitals_run tn_vitals_run_of(uint64_t segment, size_t count, tn_vitals_sample sample)
{
    size_t runs = (count + TN_VITALS_RUN - 1) / TN_VITALS_RUN;
    if (sample == TN_SAMPLE_FEW) {
        uint64_t group = segment / TN_VITALS_APART;
        if (segment % TN_VITALS_APART != (group + group / TN_VITALS_APART) % TN_VITALS_APART)
            return (tn_vitals_run){0, 0};
        segment = group;
    }
    size_t first = (size_t)((3 * segment + segment / TN_VITALS_SAMPLED_ONE_IN) % runs) * TN_VITALS_RUN;
    return (tn_vitals_run){first, count - first < TN_VITALS_RUN ? count - first : TN_VITALS_RUN};
}

/* Folds the moments of n finite values with sum(x - shift) = sum and sum((x - shift)^2) = squares. n may be 0. */
void tn_vitals_fold(tn_vitals *vitals, uint64_t n, double shift, double sum, double squares);

/* Whether sums of n values about a shift (one that came from tn_vitals_next_shift, or 0), taken in float lanes, are to be trusted. `top`: the largest exponent of the values. False where squares may
 * have left float's range, and where the mean is so large that the variance would drown. */
bool tn_vitals_float_holds(uint32_t top, size_t n, double sum, double squares);

/* What the next block's sums are best taken about, after a block whose sums about `shift` are exact. */
float tn_vitals_next_shift(uint32_t top, size_t n, float shift, double sum, double squares);

/* Lowers min and raises max. */
void tn_vitals_fold_extremes(tn_vitals *vitals, float min, float max);

/* Everything but count and histogram, for a block that holds non-finite values: moments, extremes, the three counts and the first index. */
void tn_vitals_add_careful(tn_vitals *vitals, const unsigned char *bytes, size_t count);

/* Adds tables [TN_VITALS_TABLES][TN_VITALS_BUCKETS] to the histogram and clears them. */
typedef uint32_t tn_vitals_table[TN_VITALS_BUCKETS];
void tn_vitals_fold_tables(tn_vitals *vitals, tn_vitals_table *tables);

/* Takes what the kernels counted under exponent 255 (NaN and Inf) out of the histogram. */
void tn_vitals_finish(tn_vitals *vitals);

#endif

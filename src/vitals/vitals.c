/* vitals.c: choosing the kernel, merging, and what follows from the sums. The passes over the values are in vitals_scalar.c, vitals_avx2.c
 * and vitals_avx512.c.
 *
 * Merging: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979. */
#include "vitals/vitals.h"

#include <math.h>
#include <string.h>

#include "vitals/vitals_kernels.h"

void tn_vitals_init(tn_vitals *vitals)
{
    memset(vitals, 0, sizeof *vitals);
    vitals->first_nonfinite = TN_VITALS_NO_INDEX;
    vitals->min = INFINITY;
    vitals->max = -INFINITY;
}

static void add(tn_vitals *vitals, const float *values, size_t count, tn_vitals_sample sample, const void *ahead, tn_isa isa)
{
    if (count == 0)
        return;
#if defined(__x86_64__)
    tn_isa best = tn_isa_best();
    if (isa > best)
        isa = best;
    if (isa == TN_ISA_AVX512) {
        tn_vitals_add_avx512(vitals, values, count, sample, ahead);
        return;
    }
    if (isa == TN_ISA_AVX2) {
        tn_vitals_add_avx2(vitals, values, count, sample, ahead);
        return;
    }
#else
    (void)isa, (void)ahead;
#endif
    tn_vitals_add_scalar(vitals, values, count, sample);
}

static tn_vitals_sample sample_of(size_t whole)
{
    return whole < TN_VITALS_SAMPLED_FROM ? TN_SAMPLE_ALL : whole < TN_VITALS_SPARSE_FROM ? TN_SAMPLE_SOME : TN_SAMPLE_FEW;
}

void tn_vitals_add(tn_vitals *vitals, const float *values, size_t count)
{
    add(vitals, values, count, TN_SAMPLE_ALL, NULL, tn_isa_best());
}

void tn_vitals_add_isa(tn_vitals *vitals, const float *values, size_t count, tn_isa isa)
{
    add(vitals, values, count, TN_SAMPLE_ALL, NULL, isa);
}

void tn_vitals_add_part(tn_vitals *vitals, const float *values, size_t count, size_t whole)
{
    tn_vitals_add_part_isa(vitals, values, count, whole, tn_isa_best());
}

void tn_vitals_add_part_isa(tn_vitals *vitals, const float *values, size_t count, size_t whole, tn_isa isa)
{
    add(vitals, values, count, sample_of(whole), NULL, isa);
}

void tn_vitals_add_part_ahead(tn_vitals *vitals, const float *values, size_t count, size_t whole, const void *ahead)
{
    add(vitals, values, count, sample_of(whole), ahead, tn_isa_best());
}

/* Adds the moments of n_b values to those of the n_a values in `vitals`. */
static void merge_moments(tn_vitals *vitals, uint64_t n_a, uint64_t n_b, double mean_b, double m2_b)
{
    if (n_b == 0)
        return;
    if (n_a == 0) {
        vitals->mean = mean_b;
        vitals->m2 = m2_b;
        return;
    }
    double a = (double)n_a, b = (double)n_b;
    double delta = mean_b - vitals->mean;
    vitals->mean += delta * (b / (a + b));
    vitals->m2 += m2_b + delta * delta * (a * (b / (a + b)));
}

void tn_vitals_fold(tn_vitals *vitals, uint64_t n, double shift, double sum, double squares)
{
    if (n == 0)
        return;
    double size = (double)n;
    double m2 = squares - sum * (sum / size);
    /* What the vitals hold already: kernels raise the counts of a block after its moments. */
    merge_moments(vitals, tn_vitals_finite(vitals), n, shift + sum / size, m2 > 0 ? m2 : 0);
    vitals->sum += size * shift + sum;
    vitals->sum_of_squares += squares + shift * (2 * sum + size * shift);
}

/* Largest exponent of values whose squares add up in float without overflow, with a shift of that size. */
enum { SAFE_TOP = 127 + 56 };

/* Mean squared over mean of squares from which a block's variance is taken in double: the subtraction then costs less than four of float's bits. */
static const double DROWNING = 15.0 / 16.0;

/* Sum of a block's squares below which squares may have been lost to underflow. Each lost one is below 2^-126 and wrong by 2^-150 at most. */
static const double SAFE_SQUARES = 0x1p-100;

bool tn_vitals_float_holds(uint32_t top, size_t n, double sum, double squares)
{
    return top <= SAFE_TOP && squares >= SAFE_SQUARES && sum * (sum / (double)n) < DROWNING * squares;
}

float tn_vitals_next_shift(uint32_t top, size_t n, float shift, double sum, double squares)
{
    double size = (double)n, mean = (double)shift + sum / size;
    double variance = (squares - sum * (sum / size)) / size;
    return top <= SAFE_TOP && mean * mean > variance ? (float)mean : 0;
}

void tn_vitals_fold_extremes(tn_vitals *vitals, float min, float max)
{
    /* + 0 turns -0 into +0, so that the result does not depend on the order in which the two zeros were met. */
    if (min < vitals->min)
        vitals->min = min + 0.0f;
    if (max > vitals->max)
        vitals->max = max + 0.0f;
}

void tn_vitals_fold_tables(tn_vitals *vitals, tn_vitals_table *tables)
{
    for (size_t sign = 0; sign < 2; sign++) {
        uint64_t *histogram = vitals->histogram[sign];
        for (size_t exponent = 0; exponent < TN_VITALS_EXPONENTS; exponent++) {
            size_t bucket = sign * TN_VITALS_EXPONENTS + exponent;
            uint64_t sum = 0;
            for (size_t table = 0; table < TN_VITALS_TABLES; table++)
                sum += tables[table][bucket];
            histogram[exponent] += sum;
        }
    }
    memset(tables, 0, TN_VITALS_TABLES * sizeof *tables);
}

void tn_vitals_finish(tn_vitals *vitals)
{
    vitals->histogram[0][TN_VITALS_EXPONENTS - 1] = 0;
    vitals->histogram[1][TN_VITALS_EXPONENTS - 1] = 0;
}

TN_SIMD_CLONES
static void add_buckets(size_t count, const uint64_t *restrict from, uint64_t *restrict into)
{
    for (size_t i = 0; i < count; i++)
        into[i] += from[i];
}

void tn_vitals_merge(tn_vitals *into, const tn_vitals *from)
{
    if (into->first_nonfinite == TN_VITALS_NO_INDEX && from->first_nonfinite != TN_VITALS_NO_INDEX)
        into->first_nonfinite = into->count + from->first_nonfinite;
    merge_moments(into, tn_vitals_finite(into), tn_vitals_finite(from), from->mean, from->m2);
    into->sum += from->sum;
    into->sum_of_squares += from->sum_of_squares;
    tn_vitals_fold_extremes(into, from->min, from->max);
    into->count += from->count;
    into->nan += from->nan;
    into->positive_infinity += from->positive_infinity;
    into->negative_infinity += from->negative_infinity;
    into->zeros += from->zeros;
    into->subnormals += from->subnormals;
    add_buckets(sizeof into->histogram / sizeof(uint64_t), from->histogram[0], into->histogram[0]);
}

uint64_t tn_vitals_finite(const tn_vitals *vitals)
{
    return vitals->count - vitals->nan - vitals->positive_infinity - vitals->negative_infinity;
}

double tn_vitals_weight(const tn_vitals *vitals)
{
    uint64_t counted = 0;
    for (size_t sign = 0; sign < 2; sign++)
        for (size_t exponent = 1; exponent < TN_VITALS_EXPONENTS; exponent++)
            counted += vitals->histogram[sign][exponent];
    return counted ? (double)(tn_vitals_finite(vitals) - vitals->zeros - vitals->subnormals) / (double)counted : 0;
}

double tn_vitals_variance(const tn_vitals *vitals)
{
    uint64_t finite = tn_vitals_finite(vitals);
    return finite ? vitals->m2 / (double)finite : 0;
}

double tn_vitals_l2(const tn_vitals *vitals)
{
    return sqrt(vitals->sum_of_squares);
}

/* vitals_scalar.c: vitals in plain C, the reference for the other sets.
 *
 * Three loops a block, free of branches that depend on the data: zeros, subnormals and finiteness, histogram, extremes and moments. Apart, the compiler
 * can vectorise the first and the last with what every processor has. A block with a non-finite value takes tn_vitals_add_careful in place
 * of the last. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "vitals/vitals_kernels.h"

enum {
    PAIRS = 4,            /* independent sums of two values each, so that an addition need not wait for the one before */
    TABLES_FROM = 2048,   /* values from which clearing and adding up eight tables costs less than stores that wait for each other */
    TABLES_FULL = 1 << 30 /* values after which the tables are emptied, far below what their 32 bits hold */
};

static const uint32_t MAGNITUDE = 0x7fffffffu, INFINITE = 0x7f800000u, SIGN = 0x80000000u, LEAST_NORMAL = 0x800000u;

static uint32_t bits_at(const unsigned char *bytes, size_t index)
{
    uint32_t bits;
    memcpy(&bits, bytes + 4 * index, sizeof bits);
    return bits;
}

static float value_at(const unsigned char *bytes, size_t index)
{
    float value;
    memcpy(&value, bytes + 4 * index, sizeof value);
    return value;
}

void tn_vitals_add_careful(tn_vitals *vitals, const unsigned char *bytes, size_t count)
{
    uint64_t nan = 0, positive = 0, negative = 0, finite = 0;
    size_t first = count;
    double shift = 0, sum = 0, squares = 0;
    float min = INFINITY, max = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = bits_at(bytes, i), magnitude = bits & MAGNITUDE;
        if (magnitude >= INFINITE) {
            nan += magnitude > INFINITE;
            positive += bits == INFINITE;
            negative += bits == (INFINITE | SIGN);
            if (first == count)
                first = i;
            continue;
        }
        float value = value_at(bytes, i);
        if (finite++ == 0)
            shift = (double)value;
        double deviation = (double)value - shift;
        sum += deviation;
        squares += deviation * deviation;
        min = value < min ? value : min;
        max = value > max ? value : max;
    }
    tn_vitals_fold(vitals, finite, shift, sum, squares);
    tn_vitals_fold_extremes(vitals, min, max);
    if (first < count && vitals->first_nonfinite == TN_VITALS_NO_INDEX)
        vitals->first_nonfinite = vitals->count + first;
    vitals->nan += nan;
    vitals->positive_infinity += positive;
    vitals->negative_infinity += negative;
}

/* Sixteen bytes as the compiler's vectors (gcc and clang, on any processor): of loops over small arrays gcc makes scalars. */
typedef float float_lanes __attribute__((vector_size(16)));
typedef int32_t bit_lanes __attribute__((vector_size(16)));
typedef float float_pair __attribute__((vector_size(8)));
typedef double double_pair __attribute__((vector_size(16)));

/* a where the mask is set, else b. C has no choice between vectors. */
#define CHOOSE(mask, a, b) ((float_lanes)(((bit_lanes)(a) & (mask)) | ((bit_lanes)(b) & ~(mask))))

/* Moments and extremes of finite values. */
static void add_finite(tn_vitals *vitals, const unsigned char *bytes, size_t count)
{
    float first = value_at(bytes, 0), min = first, max = first;
    double shift = (double)first, sum = 0, squares = 0;
    double_pair sums[PAIRS] = {{0}}, square_sums[PAIRS] = {{0}};
    float_lanes least[2] = {{first, first, first, first}, {first, first, first, first}}, most[2] = {least[0], least[0]};
    size_t i = 0;
    for (; i + 2 * PAIRS <= count; i += 2 * PAIRS) {
        for (size_t p = 0; p < PAIRS; p++) {
            float_pair pair;
            memcpy(&pair, bytes + 4 * i + 8 * p, sizeof pair);
            double_pair deviation = __builtin_convertvector(pair, double_pair) - shift;
            sums[p] += deviation;
            square_sums[p] += deviation * deviation;
        }
        for (size_t half = 0; half < 2; half++) {
            float_lanes values;
            memcpy(&values, bytes + 4 * i + 16 * half, sizeof values);
            bit_lanes less = values<least[half], more = values> most[half];
            least[half] = CHOOSE(less, values, least[half]);
            most[half] = CHOOSE(more, values, most[half]);
        }
    }
    for (; i < count; i++) {
        float value = value_at(bytes, i);
        double deviation = (double)value - shift;
        sum += deviation;
        squares += deviation * deviation;
        min = value < min ? value : min;
        max = value > max ? value : max;
    }
    for (size_t p = 0; p < PAIRS; p++) {
        sum += sums[p][0] + sums[p][1];
        squares += square_sums[p][0] + square_sums[p][1];
        for (size_t half = 0; half < 2; half++) {
            min = least[half][p] < min ? least[half][p] : min;
            max = most[half][p] > max ? most[half][p] : max;
        }
    }
    tn_vitals_fold(vitals, count, shift, sum, squares);
    tn_vitals_fold_extremes(vitals, min, max);
}

/* Zeros and subnormals into the vitals, and whether a value is not finite. */
static bool add_exponent_0(tn_vitals *vitals, const unsigned char *bytes, size_t count)
{
    bit_lanes zero_lanes = {0}, small_lanes = {0}, over_lanes = {0};
    uint64_t zeros = 0, small = 0;
    bool over = false;
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        bit_lanes magnitude;
        memcpy(&magnitude, bytes + 4 * i, sizeof magnitude);
        magnitude &= (int32_t)MAGNITUDE;
        zero_lanes -= magnitude == 0;
        small_lanes -= magnitude < (int32_t)LEAST_NORMAL;
        over_lanes |= magnitude >= (int32_t)INFINITE;
    }
    for (; i < count; i++) {
        uint32_t magnitude = bits_at(bytes, i) & MAGNITUDE;
        zeros += magnitude == 0;
        small += magnitude < LEAST_NORMAL;
        over |= magnitude >= INFINITE;
    }
    for (size_t lane = 0; lane < 4; lane++) {
        zeros += (uint64_t)zero_lanes[lane];
        small += (uint64_t)small_lanes[lane];
        over |= over_lanes[lane] != 0;
    }
    vitals->zeros += zeros;
    vitals->subnormals += small - zeros;
    return over;
}

static void count_by_tables(const unsigned char *bytes, size_t count, tn_vitals_table *tables)
{
    size_t i = 0;
    for (; i + TN_VITALS_TABLES <= count; i += TN_VITALS_TABLES) {
        uint32_t bits[TN_VITALS_TABLES];
        memcpy(bits, bytes + 4 * i, sizeof bits);
        for (size_t table = 0; table < TN_VITALS_TABLES; table++)
            tables[table][bits[table] >> 23]++;
    }
    for (; i < count; i++)
        tables[0][bits_at(bytes, i) >> 23]++;
}

static void count_directly(tn_vitals *vitals, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = bits_at(bytes, i);
        vitals->histogram[bits >> 31][bits >> 23 & 255]++;
    }
}

/* The runs of a block that follows what the vitals hold. */
static void count_runs(tn_vitals *vitals, const unsigned char *bytes, size_t count, tn_vitals_sample sample)
{
    uint64_t segment = vitals->count / TN_VITALS_SEGMENT;
    for (size_t start = 0; start < count; start += TN_VITALS_SEGMENT, segment++) {
        tn_vitals_run run = tn_vitals_run_of(segment, count - start < TN_VITALS_SEGMENT ? count - start : TN_VITALS_SEGMENT, sample);
        count_directly(vitals, bytes + 4 * (start + run.first), run.count);
    }
}

void tn_vitals_add_scalar(tn_vitals *vitals, const float *values, size_t count, tn_vitals_sample sample)
{
    tn_vitals_table tables[TN_VITALS_TABLES];
    bool use_tables = count >= TABLES_FROM && sample == TN_SAMPLE_ALL;
    if (use_tables)
        memset(tables, 0, sizeof tables);
    const unsigned char *bytes = (const unsigned char *)values;
    size_t in_tables = 0;
    while (count > 0) {
        size_t block = count < TN_VITALS_BLOCK ? count : TN_VITALS_BLOCK;
        bool nonfinite = add_exponent_0(vitals, bytes, block);
        if (use_tables) {
            count_by_tables(bytes, block, tables);
            in_tables += block;
        } else if (sample != TN_SAMPLE_ALL) {
            count_runs(vitals, bytes, block, sample);
        } else {
            count_directly(vitals, bytes, block);
        }
        if (nonfinite)
            tn_vitals_add_careful(vitals, bytes, block);
        else
            add_finite(vitals, bytes, block);
        vitals->count += block;
        bytes += 4 * block;
        count -= block;
        if (use_tables && (count == 0 || in_tables >= TABLES_FULL)) {
            tn_vitals_fold_tables(vitals, tables);
            in_tables = 0;
        }
    }
    tn_vitals_finish(vitals);
}

/* vitals_scalar.c: vitals in plain C, the reference for the other sets.
 *
 * Two loops a block, both free of branches that depend on the data: the first reads the bits (extremes of magnitude, zeros, histogram), the second
 * the values (extremes and moments). A block with a non-finite value takes tn_vitals_add_careful in place of the second. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "vitals/vitals_kernels.h"

enum {
    LANES = 8,            /* independent sums, so that an addition need not wait for the one before */
    TABLES_FROM = 2048,   /* values from which clearing and adding up eight tables costs less than stores that wait for each other */
    TABLES_FULL = 1 << 30 /* values after which the tables are emptied, far below what their 32 bits hold */
};

static const uint32_t MAGNITUDE = 0x7fffffffu, INFINITE = 0x7f800000u, SIGN = 0x80000000u;

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

/* Moments and extremes of finite values. */
static void add_finite(tn_vitals *vitals, const unsigned char *bytes, size_t count)
{
    double shift = (double)value_at(bytes, 0), sum[LANES] = {0}, squares[LANES] = {0};
    float min[LANES], max[LANES];
    for (size_t lane = 0; lane < LANES; lane++)
        min[lane] = max[lane] = value_at(bytes, 0);
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        float values[LANES];
        memcpy(values, bytes + 4 * i, sizeof values);
        for (size_t lane = 0; lane < LANES; lane++) {
            double deviation = (double)values[lane] - shift;
            sum[lane] += deviation;
            squares[lane] += deviation * deviation;
            min[lane] = values[lane] < min[lane] ? values[lane] : min[lane];
            max[lane] = values[lane] > max[lane] ? values[lane] : max[lane];
        }
    }
    for (; i < count; i++) {
        float value = value_at(bytes, i);
        double deviation = (double)value - shift;
        sum[0] += deviation;
        squares[0] += deviation * deviation;
        min[0] = value < min[0] ? value : min[0];
        max[0] = value > max[0] ? value : max[0];
    }
    for (size_t lane = 1; lane < LANES; lane++) {
        sum[0] += sum[lane];
        squares[0] += squares[lane];
        min[0] = min[lane] < min[0] ? min[lane] : min[0];
        max[0] = max[lane] > max[0] ? max[lane] : max[0];
    }
    tn_vitals_fold(vitals, count, shift, sum[0], squares[0]);
    tn_vitals_fold_extremes(vitals, min[0], max[0]);
}

void tn_vitals_add_scalar(tn_vitals *vitals, const float *values, size_t count)
{
    tn_vitals_table tables[TN_VITALS_TABLES];
    bool use_tables = count >= TABLES_FROM;
    if (use_tables)
        memset(tables, 0, sizeof tables);
    const unsigned char *bytes = (const unsigned char *)values;
    size_t in_tables = 0;
    while (count > 0) {
        size_t block = count < TN_VITALS_BLOCK ? count : TN_VITALS_BLOCK;
        uint32_t largest = 0;
        uint64_t zeros = 0;
        if (use_tables) {
            size_t i = 0;
            for (; i + TN_VITALS_TABLES <= block; i += TN_VITALS_TABLES) {
                for (size_t table = 0; table < TN_VITALS_TABLES; table++) {
                    uint32_t bits = bits_at(bytes, i + table), magnitude = bits & MAGNITUDE;
                    largest = magnitude > largest ? magnitude : largest;
                    zeros += magnitude == 0;
                    tables[table][bits >> 23]++;
                }
            }
            for (; i < block; i++) {
                uint32_t bits = bits_at(bytes, i), magnitude = bits & MAGNITUDE;
                largest = magnitude > largest ? magnitude : largest;
                zeros += magnitude == 0;
                tables[0][bits >> 23]++;
            }
            in_tables += block;
        } else {
            for (size_t i = 0; i < block; i++) {
                uint32_t bits = bits_at(bytes, i), magnitude = bits & MAGNITUDE;
                largest = magnitude > largest ? magnitude : largest;
                zeros += magnitude == 0;
                vitals->histogram[bits >> 31][bits >> 23 & 255]++;
            }
        }
        if (largest >= INFINITE)
            tn_vitals_add_careful(vitals, bytes, block);
        else
            add_finite(vitals, bytes, block);
        vitals->zeros += zeros;
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

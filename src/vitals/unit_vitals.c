/* unit_vitals.c: see unit_vitals.h. Values lie side by side in lanes, each of which belongs to one unit and gathers what is known of it; the compiler makes registers of the lanes. Units last:
 * the lanes are a row, or several short rows at once. Units first: the lanes are values of one unit. Counts and extremes do not depend on the order, so every instruction set gives the
 * same. */
#include "vitals/unit_vitals.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/simd.h"

enum {
    LANES = 512,            /* at most: the tables take 10 KiB of L1 */
    LANES_ENOUGH = 128,     /* shorter rows are taken several at once, as many as fit */
    VECTOR = 16,            /* lanes of the widest */
    LANES_OF_ONE = 32,      /* of one unit: enough for vectors, and few to bring together, which is done for each unit */
    ROWS_AT_ONCE = 1 << 30, /* what a lane's 32 bits can count */
    DUE_AT_FIRST = 3,
    DUE_EVERY = 4
};

typedef struct lanes {
    float min[LANES], max[LANES];
    uint32_t zeros[LANES], saturated[LANES], nonfinite[LANES];
} lanes;

void tn_unit_vitals_init(tn_unit_vitals *vitals, tn_unit *unit, size_t units, float low, float high)
{
    *vitals = (tn_unit_vitals){.units = units, .low = low, .high = high, .unit = unit};
    for (size_t u = 0; u < units; u++)
        unit[u] = (tn_unit){.min = INFINITY, .max = -INFINITY};
}

static inline float smaller(float a, float b)
{
    return a < b ? a : b;
}

static inline float larger(float a, float b)
{
    return a > b ? a : b;
}

/* rows of `width` finite values, none of which is zero or saturated, `stride` apart. Four of them at once: lanes are in memory, and what is stored there costs more than what is compared. */
TN_SIMD_CLONES
static void add_extremes(size_t rows, size_t width, size_t stride, const float *restrict values, float *restrict min, float *restrict max)
{
    size_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        const float *of = values + r * stride;
        for (size_t i = 0; i < width; i++) {
            float a = of[i], b = of[i + stride], c = of[i + 2 * stride], d = of[i + 3 * stride];
            min[i] = smaller(smaller(smaller(a, b), smaller(c, d)), min[i]);
            max[i] = larger(larger(larger(a, b), larger(c, d)), max[i]);
        }
    }
    for (; r < rows; r++)
        for (size_t i = 0; i < width; i++) {
            min[i] = smaller(values[r * stride + i], min[i]);
            max[i] = larger(values[r * stride + i], max[i]);
        }
}

/* The same of values some of which may be zero. */
TN_SIMD_CLONES
static void add_zeros(size_t rows, size_t width, size_t stride, const float *restrict values, float *restrict min, float *restrict max,
                      uint32_t *restrict zeros)
{
    size_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        const float *of = values + r * stride;
        for (size_t i = 0; i < width; i++) {
            float a = of[i], b = of[i + stride], c = of[i + 2 * stride], d = of[i + 3 * stride];
            zeros[i] += (uint32_t)(a == 0) + (uint32_t)(b == 0) + (uint32_t)(c == 0) + (uint32_t)(d == 0);
            min[i] = smaller(smaller(smaller(a, b), smaller(c, d)), min[i]);
            max[i] = larger(larger(larger(a, b), larger(c, d)), max[i]);
        }
    }
    for (; r < rows; r++)
        for (size_t i = 0; i < width; i++) {
            float value = values[r * stride + i];
            zeros[i] += value == 0;
            min[i] = smaller(value, min[i]);
            max[i] = larger(value, max[i]);
        }
}

/* Any values. Finiteness is read off the bits, so that no compiler setting can reason it away. */
TN_SIMD_CLONES
static void add_all(size_t rows, size_t width, size_t stride, const float *restrict values, float low, float high, lanes *restrict l)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++) {
            float value = values[r * stride + i];
            uint32_t bits;
            memcpy(&bits, &value, sizeof bits);
            uint32_t is_finite = (bits & 0x7F800000U) != 0x7F800000U;
            float least = is_finite ? value : INFINITY, most = is_finite ? value : -INFINITY;
            l->nonfinite[i] += 1 - is_finite;
            l->zeros[i] += (bits & 0x7FFFFFFFU) == 0;
            l->saturated[i] += is_finite & ((uint32_t)(value <= low) | (uint32_t)(value >= high));
            l->min[i] = least < l->min[i] ? least : l->min[i];
            l->max[i] = most > l->max[i] ? most : l->max[i];
        }
}

/* What is looked for. */
typedef enum look { EXTREMES, EXTREMES_AND_ZEROS, EVERYTHING } look;

/* How the lanes of a run go to units. */
typedef struct run {
    tn_unit_vitals *vitals;
    look wanted;
    bool zeros_saturate; /* and nothing else does */
    size_t first_unit;   /* of lane 0 */
    size_t units;        /* lane i belongs to unit first_unit + i % units */
} run;

/* Makes one lane of `width`, as long as there are two: the last half of them goes to the first. */
TN_SIMD_CLONES
static void bring_together(lanes *l, size_t width)
{
    for (size_t half = width / 2; half > 0; width -= half, half = width / 2)
        for (size_t i = 0, from = width - half; i < half; i++, from++) {
            l->min[i] = l->min[from] < l->min[i] ? l->min[from] : l->min[i];
            l->max[i] = l->max[from] > l->max[i] ? l->max[from] : l->max[i];
            l->zeros[i] += l->zeros[from];
            l->saturated[i] += l->saturated[from];
            l->nonfinite[i] += l->nonfinite[from];
        }
}

static void take(const run *to, const float *values, size_t rows, size_t width, size_t stride)
{
    lanes l;
    for (size_t i = 0; i < width; i++) {
        l.min[i] = INFINITY;
        l.max[i] = -INFINITY;
        l.zeros[i] = l.saturated[i] = l.nonfinite[i] = 0;
    }
    if (to->wanted == EXTREMES)
        add_extremes(rows, width, stride, values, l.min, l.max);
    else if (to->wanted == EXTREMES_AND_ZEROS)
        add_zeros(rows, width, stride, values, l.min, l.max, l.zeros);
    else
        add_all(rows, width, stride, values, to->vitals->low, to->vitals->high, &l);
    if (to->units == 1) {
        bring_together(&l, width);
        width = 1;
    }
    for (size_t i = 0, u = 0; i < width; i++) {
        tn_unit *unit = &to->vitals->unit[to->first_unit + u];
        unit->zeros += l.zeros[i];
        unit->saturated += to->zeros_saturate ? l.zeros[i] : l.saturated[i];
        unit->nonfinite += l.nonfinite[i];
        /* + 0 turns -0 into +0, so that the result does not depend on the order in which the two were met. */
        unit->min = l.min[i] < unit->min ? l.min[i] + 0.0F : unit->min;
        unit->max = l.max[i] > unit->max ? l.max[i] + 0.0F : unit->max;
        u = u + 1 == to->units ? 0 : u + 1;
    }
}

/* How many short rows are taken as one: enough, and where they fit a whole number of vectors. */
static size_t joined_rows(size_t columns, size_t enough)
{
    size_t step = VECTOR;
    for (size_t even = columns; step > 1 && even % 2 == 0; even /= 2)
        step /= 2;
    size_t whole = (enough / columns + step - 1) / step * step;
    return whole * columns <= LANES ? whole : enough / columns;
}

/* values [rows, columns], taken as rows of several where that makes better lanes. */
static void take_rows(const run *to, const float *values, size_t rows, size_t columns, size_t stride)
{
    size_t enough = to->units == 1 ? LANES_OF_ONE : LANES_ENOUGH;
    size_t joined = columns == stride && columns < enough ? joined_rows(columns, enough) : 1;
    for (size_t done = 0; done < rows;) {
        size_t left = rows - done, together = joined <= left ? joined : left;
        size_t turns = left / together < ROWS_AT_ONCE ? left / together : ROWS_AT_ONCE;
        take(to, values + done * stride, turns, together * columns, together * stride);
        done += turns * together;
    }
}

static void add(tn_unit_vitals *vitals, const float *values, size_t rows, size_t inner, look wanted, bool zeros_saturate)
{
    run to = {.vitals = vitals, .wanted = wanted, .zeros_saturate = zeros_saturate};
    vitals->values += rows * inner;
    if (inner == 1) {
        for (size_t first = 0; first < vitals->units && rows > 0; first += LANES) {
            to.first_unit = first;
            to.units = vitals->units - first < LANES ? vitals->units - first : LANES;
            take_rows(&to, values + first, rows, to.units, vitals->units);
        }
        return;
    }
    to.units = 1;
    for (size_t r = 0; r < rows; r++)
        for (size_t u = 0; u < vitals->units; u++) {
            to.first_unit = u;
            take_rows(&to, values + (r * vitals->units + u) * inner, inner, 1, 1);
        }
}

void tn_unit_vitals_add(tn_unit_vitals *vitals, const float *values, size_t rows, size_t inner)
{
    add(vitals, values, rows, inner, EVERYTHING, false);
}

void tn_unit_vitals_add_known(tn_unit_vitals *vitals, const float *values, size_t rows, size_t inner, const tn_vitals *whole)
{
    /* Of a rectifier, whose limit is 0, the zeros are what is at it. */
    bool at_0 = vitals->low == 0 && whole->min >= 0;
    bool within = (at_0 || whole->min > vitals->low) && whole->max < vitals->high && tn_vitals_finite(whole) == whole->count;
    look wanted = !within ? EVERYTHING : whole->zeros > 0 ? EXTREMES_AND_ZEROS : EXTREMES;
    add(vitals, values, rows, inner, wanted, wanted == EXTREMES_AND_ZEROS && at_0);
}

bool tn_unit_vitals_are_due(bool of_weight, uint64_t before)
{
    return of_weight ? before == 0 : before < DUE_AT_FIRST || before % DUE_EVERY == 0;
}

void tn_unit_vitals_merge(tn_unit_vitals *into, const tn_unit_vitals *from)
{
    for (size_t u = 0; u < into->units; u++) {
        tn_unit *a = &into->unit[u];
        const tn_unit *b = &from->unit[u];
        a->zeros += b->zeros;
        a->saturated += b->saturated;
        a->nonfinite += b->nonfinite;
        a->min = b->min < a->min ? b->min : a->min;
        a->max = b->max > a->max ? b->max : a->max;
    }
    into->values += from->values;
}

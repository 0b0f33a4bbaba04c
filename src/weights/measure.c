/* measure.c: see measure.h.
 *
 * Vitals count magnitudes by powers of two of the value itself. Within one such bucket a density is assumed, which gives the fourth moment and lets the buckets be cut anew at
 * powers of two of the rms. The reference is made by the same functions, so what that assumption costs is the same on both sides. */
#include "weights/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"

/* A matrix has one direction at least; power iterations that suffice where the largest stands out, which is the case to be seen. VALUES_MAX: what is worth the time. SIDE_MIN: a matrix of few rows has few
 * directions anyway. */
enum { POWER_STEPS = 24, POWER_VALUES_MAX = 1 << 26, POWER_SEED = 7, BUCKET_POINTS = 32, SIDE_MIN = 8 };

static double bucket_low(size_t exponent)
{
    return exponent == 0 ? 0 : ldexp(1, (int)exponent - 127);
}

/* Values of both signs in a bucket. */
static double bucket_count(const tn_vitals *vitals, size_t exponent)
{
    return (double)(vitals->histogram[0][exponent] + vitals->histogram[1][exponent]);
}

/* How fast the density falls in a bucket, per unit of x, from the mean densities of its two neighbours: 0 where it does not, or where a neighbour is empty. */
static double bucket_decay(const tn_vitals *vitals, size_t exponent)
{
    double low = bucket_low(exponent), below = bucket_count(vitals, exponent - 1) / (low / 2),
           above = bucket_count(vitals, exponent + 1) / (2 * low);
    double here = bucket_count(vitals, exponent) / low;
    if (exponent < 2 || here <= 0 || below <= here)
        return 0;
    /* Centres lie at 0.75, 1.5 and 3 times low. */
    double inner = log(below / here) / (0.75 * low);
    return above > 0 && above < here ? (inner + log(here / above) / (1.5 * low)) / 2 : inner;
}

/* Sum of x^4 over the values that the histogram counts. Within a bucket the density falls as exp(-decay x), and the last one ends at the largest value: for a bell curve the result is right to a few per cent, where an even density would give twice as much. */
static double fourth_moment(const tn_vitals *vitals)
{
    double sum = 0, largest = fmax(fabs((double)vitals->min), fabs((double)vitals->max));
    for (size_t e = 1; e < TN_VITALS_EXPONENTS - 1; e++) {
        double count = bucket_count(vitals, e), low = bucket_low(e), width = fmin(2 * low, fmax(largest, low)) - low;
        if (count == 0)
            continue;
        double decay = bucket_decay(vitals, e), moment = 0, mass = 0;
        for (int i = 0; i < BUCKET_POINTS; i++) {
            double x = low + width * (i + 0.5) / BUCKET_POINTS, density = exp(-decay * (x - low));
            moment += density * x * x * x * x;
            mass += density;
        }
        sum += count * moment / mass;
    }
    return sum;
}

/* Spreads the count of each bucket over the one or two relative bins that it reaches into. */
static void relative_histogram(const tn_vitals *vitals, double rms, double *bins)
{
    double total = 0;
    memset(bins, 0, TN_MEASURE_BINS * sizeof *bins);
    for (size_t e = 1; e < TN_VITALS_EXPONENTS; e++) {
        double count = bucket_count(vitals, e);
        if (count == 0)
            continue;
        double octave = log2(bucket_low(e) / rms) + TN_MEASURE_UNIT, below = floor(octave);
        /* The border lies at 2^(below + 1 - octave) of [1, 2]. */
        double share = exp2(below + 1 - octave) - 1;
        long bin = (long)fmin(fmax(below, 0), TN_MEASURE_BINS - 1), next = (long)fmin(fmax(below + 1, 0), TN_MEASURE_BINS - 1);
        bins[bin] += count * share;
        bins[next] += count * (1 - share);
        total += count;
    }
    for (size_t i = 0; i < TN_MEASURE_BINS && total > 0; i++)
        bins[i] /= total;
}

/* Values below 0 that are finite, and no smaller than the smallest normal number. */
static double negative_count(const tn_vitals *vitals)
{
    double count = 0;
    for (size_t e = 1; e < TN_VITALS_EXPONENTS - 1; e++)
        count += (double)vitals->histogram[1][e];
    return count;
}

void tn_measure_vitals(const tn_component *component, const tn_vitals *vitals, tn_measure *measure)
{
    uint64_t finite = tn_vitals_finite(vitals);
    *measure = (tn_measure){.count = vitals->count, .nonfinite = vitals->count - finite, .zeros = vitals->zeros, .concentration = NAN};
    measure->gain = measure->kurtosis = measure->tail = measure->shift = NAN;
    measure->zero_share = finite > 0 ? (double)vitals->zeros / (double)finite : 0;
    measure->negative_share = finite > 0 ? negative_count(vitals) / (double)finite : 0;
    if (finite == 0)
        return;
    measure->rms = sqrt(vitals->sum_of_squares / (double)finite);
    measure->mean = vitals->mean;
    measure->std = sqrt(tn_vitals_variance(vitals));
    measure->min = (double)vitals->min;
    measure->max = (double)vitals->max;
    measure->constant = vitals->count > 1 && finite == vitals->count && vitals->min >= vitals->max;
    measure->has_fan = tn_kind_is_weight(component->kind) && component->fan_in > 0;
    if (!(measure->rms > 0) || !isfinite(measure->rms))
        return;
    measure->gain = measure->rms * (measure->has_fan ? sqrt((double)component->fan_in) : 1);
    measure->kurtosis = tn_vitals_weight(vitals) * fourth_moment(vitals) / (double)finite / pow(measure->rms, 4);
    measure->tail = fmax(fabs(measure->min), fabs(measure->max)) / measure->rms;
    measure->shift = fabs(measure->mean) / measure->rms;
    relative_histogram(vitals, measure->rms, measure->histogram);
}

double tn_histogram_distance(const double *one, const double *other)
{
    double moved = 0, distance = 0;
    for (size_t i = 0; i < TN_MEASURE_BINS; i++) {
        moved += one[i] - other[i];
        distance += fabs(moved);
    }
    return distance;
}

/* ---- from the values ---- */

/* values as a matrix [rows, columns]; units are its rows or its columns. */
typedef struct weight_matrix {
    const float *values;
    size_t rows, columns;
    bool units_are_rows;
} weight_matrix;

static weight_matrix as_matrix(const tn_component *component, const float *values)
{
    size_t rows = component->outputs_first ? component->dims[0] : component->count / component->dims[component->rank - 1];
    return (weight_matrix){.values = values, .rows = rows, .columns = component->count / rows, .units_are_rows = component->outputs_first};
}

static double normalise(double *vector, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += vector[i] * vector[i];
    double norm = sqrt(sum);
    for (size_t i = 0; i < count && norm > 0; i++)
        vector[i] /= norm;
    return norm;
}

/* The largest singular value by power iteration on W'W, from a fixed random start. `right` [columns], `left` [rows] are scratch. */
static double largest_singular_value(const weight_matrix *matrix, double *right, double *left)
{
    tn_rng rng;
    tn_rng_init(&rng, POWER_SEED, TN_STREAM_EXPERIMENT);
    for (size_t c = 0; c < matrix->columns; c++)
        right[c] = tn_rng_uniform(&rng) - 0.5;
    normalise(right, matrix->columns);
    double norm = 0;
    for (int step = 0; step < POWER_STEPS; step++) {
        for (size_t r = 0; r < matrix->rows; r++) {
            const float *row = matrix->values + r * matrix->columns;
            double sum = 0;
            for (size_t c = 0; c < matrix->columns; c++)
                sum += (double)row[c] * right[c];
            left[r] = sum;
        }
        norm = normalise(left, matrix->rows);
        memset(right, 0, matrix->columns * sizeof *right);
        for (size_t r = 0; r < matrix->rows; r++) {
            const float *row = matrix->values + r * matrix->columns;
            for (size_t c = 0; c < matrix->columns; c++)
                right[c] += (double)row[c] * left[r];
        }
        normalise(right, matrix->columns);
    }
    return norm;
}

typedef struct unit {
    double norm;
    size_t index;
} unit;

static int compare_units(const void *a, const void *b)
{
    const unit *one = a, *other = b;
    if (one->norm < other->norm || one->norm > other->norm)
        return one->norm < other->norm ? -1 : 1;
    return one->index < other->index ? -1 : one->index > other->index;
}

static float unit_value(const weight_matrix *matrix, size_t index, size_t k)
{
    return matrix->units_are_rows ? matrix->values[index * matrix->columns + k] : matrix->values[k * matrix->columns + index];
}

static bool are_twins(const weight_matrix *matrix, size_t one, size_t other)
{
    size_t inputs = matrix->units_are_rows ? matrix->columns : matrix->rows;
    for (size_t k = 0; k < inputs; k++)
        if (unit_value(matrix, one, k) < unit_value(matrix, other, k) || unit_value(matrix, one, k) > unit_value(matrix, other, k))
            return false;
    return true;
}

/* Units that are as good as gone, and units that are copies of others. */
static void count_units(const weight_matrix *matrix, unit *units, tn_measure *measure)
{
    size_t count = matrix->units_are_rows ? matrix->rows : matrix->columns;
    for (size_t i = 0; i < count; i++)
        units[i] = (unit){.index = i};
    for (size_t r = 0; r < matrix->rows; r++)
        for (size_t c = 0; c < matrix->columns; c++) {
            double value = (double)matrix->values[r * matrix->columns + c];
            units[matrix->units_are_rows ? r : c].norm += value * value;
        }
    qsort(units, count, sizeof *units, compare_units);
    double dead = units[count / 2].norm * 1e-6; /* squared: weights 1000 times smaller */
    measure->units = count;
    for (size_t i = 0; i < count; i++) {
        bool is_dead = units[i].norm <= dead && !(units[count / 2].norm <= 0 && units[i].norm > 0);
        measure->dead_units += is_dead;
        if (!is_dead && i > 0 && units[i].norm <= units[i - 1].norm && are_twins(matrix, units[i].index, units[i - 1].index))
            measure->twin_units++;
    }
}

tn_status tn_measure_values(const tn_component *component, const float *values, tn_measure *measure, tn_error *error)
{
    if (!tn_kind_is_weight(component->kind) || component->kind == TN_KIND_DEPTHWISE || !component->has_shape || component->rank < 2 ||
        measure->nonfinite > 0 || !(measure->rms > 0))
        return TN_OK;
    const weight_matrix matrix = as_matrix(component, values);
    size_t most = matrix.rows > matrix.columns ? matrix.rows : matrix.columns;
    double *vectors = tn_memory_create(most, 2 * sizeof *vectors);
    unit *units = tn_memory_create(most, sizeof *units);
    tn_status status = vectors && units ? TN_OK : tn_fail_memory(error, most * (2 * sizeof *vectors + sizeof *units));
    if (status == TN_OK) {
        count_units(&matrix, units, measure);
        if (component->kind != TN_KIND_EMBEDDING && component->count <= POWER_VALUES_MAX && matrix.rows >= SIDE_MIN &&
            matrix.columns >= SIDE_MIN) {
            double largest = largest_singular_value(&matrix, vectors, vectors + most) / measure->rms;
            measure->concentration = largest * largest / (double)component->count;
        }
        measure->has_values = true;
    }
    tn_memory_destroy(units);
    tn_memory_destroy(vectors);
    return status;
}

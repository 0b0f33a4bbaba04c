/* measure.h: one component's weights in figures that do not depend on the size of its network, so that it can be set beside components of others.
 *
 * All but the last group is made from vitals alone, so a recorded run gives the same figures as a file. */
#ifndef TN_WEIGHTS_MEASURE_H
#define TN_WEIGHTS_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "vitals/vitals.h"
#include "weights/component.h"

/* Octaves of the histogram relative to the root mean square r: bin k holds magnitudes from r * 2^(k - MEASURE_UNIT) to twice that; smaller ones are in bin 0, larger ones in the last. */
enum { TN_MEASURE_BINS = 16, TN_MEASURE_UNIT = 11 };

typedef struct tn_measure {
    uint64_t count, nonfinite, zeros;
    double rms, mean, std, min, max; /* of the finite values */
    bool constant;                   /* all values are equal, and there are several */

    /* NAN where they make no sense: no finite value, or all of them zero. */
    double
        gain; /* rms * sqrt(fan_in): the growth of a signal of independent values through the layer. Of gains, biases and where the fan is unknown: rms */
    bool has_fan;
    double kurtosis; /* mean of x^4 over the squared mean of x^2, from the histogram: about 3 for a bell curve, 1.8 for a box */
    double tail;     /* largest magnitude over rms */
    double shift;    /* magnitude of the mean over rms */
    double zero_share, negative_share;
    double histogram[TN_MEASURE_BINS]; /* shares of the values that are finite and not zero */

    /* Of a matrix whose values are at hand; else has_values is false. */
    bool has_values;
    double
        concentration; /* share of the squared weights that lies in one direction: largest singular value squared over the sum of all squared. NAN where not taken */
    size_t units, dead_units,
        twin_units; /* outputs; those with weights 1000 times below the median's; those whose weights are another's exactly */
} tn_measure;

/* The figures of vitals alone. */
void tn_measure_vitals(const tn_component *component, const tn_vitals *vitals, tn_measure *measure);

/* Adds what only the values tell. values [component->count]. */
tn_status tn_measure_values(const tn_component *component, const float *values, tn_measure *measure, tn_error *error);

/* How many octaves the magnitudes of one histogram would have to be moved, on average, to give the other. */
double tn_histogram_distance(const double *one, const double *other);

#endif

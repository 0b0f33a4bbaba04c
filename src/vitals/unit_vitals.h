/* unit_vitals.h: what one pass over a tensor tells about each of its units: the columns of a weight, the channels of an activation.
 *
 * A whole tensor cannot tell half of the units dead from all of them silent half of the time; this can. Non-finite values are counted, and take no part in the rest. Merging the
 * unit vitals of two parts gives those of the whole. Not for judging: rules judge. */
#ifndef TN_VITALS_UNIT_VITALS_H
#define TN_VITALS_UNIT_VITALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vitals/vitals.h"

/* Tensors of more units have no unit vitals: a vocabulary's worth would cost more than it tells. */
enum { TN_UNITS_MAX = 16384 };

typedef struct tn_unit {
    uint64_t zeros;     /* +0 and -0 */
    uint64_t saturated; /* finite values <= low or >= high of the tensor's limits */
    uint64_t nonfinite;
    float min, max; /* of the finite values; +INFINITY and -INFINITY where there are none */
} tn_unit;

typedef struct tn_unit_vitals {
    size_t units;
    uint64_t values; /* of each unit */
    float low, high; /* limits of saturation, in the units of the tensor; -INFINITY and INFINITY: none */
    tn_unit *unit;   /* [units]; the memory belongs to whoever made the object */
} tn_unit_vitals;

/* Empties *vitals for a tensor of `units`, on the caller's memory `unit` [units]. */
void tn_unit_vitals_init(tn_unit_vitals *vitals, tn_unit *unit, size_t units, float low, float high);

/* Adds values [rows, vitals->units, inner]: inner is 1 where the unit axis is the last one (activations [batch, units], weights [in, units]), and rows is 1 where it is the first. */
void tn_unit_vitals_add(tn_unit_vitals *vitals, const float *values, size_t rows, size_t inner);

/* The same where `whole`, the vitals of these values (and maybe of more), is known: what it rules out (zeros, non-finite values, values at the limits) is not looked for. */
void tn_unit_vitals_add_known(tn_unit_vitals *vitals, const float *values, size_t rows, size_t inner, const tn_vitals *whole);

/* Whether the units of an observed step are looked at, `before` of which came before it: of weights on the first one, since what they tell is how these begin; of inputs and activations on the first
 * three and on every fourth after them. They cost about as much as the vitals of the whole, and units change slowly. */
bool tn_unit_vitals_are_due(bool of_weight, uint64_t before);

/* into becomes the unit vitals of both; the two must have as many units and the same limits. */
void tn_unit_vitals_merge(tn_unit_vitals *into, const tn_unit_vitals *from);

#endif

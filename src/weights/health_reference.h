/* health_reference.h: what the weights of mature networks look like, kind by kind. The figures stand in health_reference.def, which tools/make_health_reference.py writes from networks that packages
 * carry; only statistics are kept, no weights. */
#ifndef TN_WEIGHTS_HEALTH_REFERENCE_H
#define TN_WEIGHTS_HEALTH_REFERENCE_H

#include <stddef.h>

#include "weights/component.h"
#include "weights/measure.h"

/* What of a measure is compared. Ratios are compared by their logarithm to base 2, so that twice and half are as far. */
typedef enum tn_feature {
    TN_FEATURE_GAIN,
    TN_FEATURE_KURTOSIS,
    TN_FEATURE_TAIL,
    TN_FEATURE_SHIFT,
    TN_FEATURE_ZEROS,    /* log2(share + 1/1024) */
    TN_FEATURE_DISTANCE, /* octaves from the reference's mean histogram */
    TN_FEATURE_CONCENTRATION,
    TN_FEATURES
} tn_feature;

const char *tn_feature_name(tn_feature feature); /* "gain": pinned */

/* The feature in the units of the bands; NAN where the measure has none. `histogram`: the reference's, for the distance. */
double tn_feature_value(tn_feature feature, const tn_measure *measure, const double *histogram);

/* Quantiles over the reference's tensors of a kind, each network weighing the same, however many tensors it has. */
typedef struct tn_band {
    double least, q10, q50, q90, most;
} tn_band;

typedef struct tn_reference {
    size_t tensors, networks;
    const char *names; /* of the networks */
    tn_band bands[TN_FEATURES];
    double histogram[TN_MEASURE_BINS];
} tn_reference;

/* NULL where the reference has no tensor of that kind. */
const tn_reference *tn_reference_of(tn_kind kind);

/* The networks that the reference was made of, one a call: false past the last. */
bool tn_reference_network(size_t index, const char **name, const char **package, const char **what);

#endif

/* health_reference.c: see health_reference.h. */
#include "weights/health_reference.h"

#include <math.h>

typedef struct reference_row {
    tn_kind kind;
    tn_reference reference;
} reference_row;

#define TN_NETWORK(name, package, what)
#define BAND(least, q10, q50, q90, most)                                                                                                   \
    {                                                                                                                                      \
        least, q10, q50, q90, most                                                                                                         \
    }
#define TN_REFERENCE(kind, tensors, networks, names, gain, kurtosis, tail, shift, zeros, distance, concentration, ...)                     \
    {TN_KIND_##kind, {tensors, networks, names, {gain, kurtosis, tail, shift, zeros, distance, concentration}, {__VA_ARGS__}}},
static const reference_row ROWS[] = {
#include "weights/health_reference.def"
};
#undef TN_NETWORK
#undef TN_REFERENCE

#define TN_REFERENCE(...)
#define TN_NETWORK(name, package, what) {name, package, what},
static const struct {
    const char *name, *package, *what;
} NETWORKS[] = {
#include "weights/health_reference.def"
};
#undef TN_NETWORK
#undef TN_REFERENCE

const tn_reference *tn_reference_of(tn_kind kind)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (ROWS[i].kind == kind)
            return &ROWS[i].reference;
    return NULL;
}

bool tn_reference_network(size_t index, const char **name, const char **package, const char **what)
{
    if (index >= sizeof NETWORKS / sizeof *NETWORKS)
        return false;
    *name = NETWORKS[index].name;
    *package = NETWORKS[index].package;
    *what = NETWORKS[index].what;
    return true;
}

const char *tn_feature_name(tn_feature feature)
{
    static const char *const NAMES[] = {[TN_FEATURE_GAIN] = "gain",
                                        [TN_FEATURE_KURTOSIS] = "kurtosis",
                                        [TN_FEATURE_TAIL] = "tail",
                                        [TN_FEATURE_SHIFT] = "shift",
                                        [TN_FEATURE_ZEROS] = "zeros",
                                        [TN_FEATURE_DISTANCE] = "distance",
                                        [TN_FEATURE_CONCENTRATION] = "concentration"};
    return NAMES[feature];
}

double tn_feature_value(tn_feature feature, const tn_measure *measure, const double *histogram)
{
    switch (feature) {
    case TN_FEATURE_GAIN:
        return log2(measure->gain);
    case TN_FEATURE_KURTOSIS:
        return log2(measure->kurtosis);
    case TN_FEATURE_TAIL:
        return log2(measure->tail);
    case TN_FEATURE_SHIFT:
        return log2(measure->shift + 1.0 / 256); /* below a 256th the mean is as good as 0 */
    case TN_FEATURE_ZEROS:
        return log2(measure->zero_share + 1.0 / 1024);
    case TN_FEATURE_DISTANCE:
        return isnan(measure->gain) || !histogram ? NAN : tn_histogram_distance(measure->histogram, histogram);
    default:
        return log2(measure->concentration);
    }
}

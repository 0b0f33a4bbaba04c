/* fresh.h: whether a tensor still is what an initialiser made it.
 *
 * Every common initialiser draws independent values from one of a few shapes (an even box with a sharp edge, a bell curve, a bell curve cut at two standard deviations) with a scale that follows from the
 * fans, or writes one constant. Training leaves neither shape nor scale alone. So two questions are asked of a tensor's vitals: does the histogram fit one of the shapes (Pearson's chi-square over the
 * power-of-two buckets, expected counts of at least 5), and is its scale one that an initialiser gives, within four standard errors of a standard deviation.
 *
 * Blind spots: a few hundred values fit any shape that is not far off, so they are TN_FRESH_FEW; weights that training moved by much less than their scale look fresh, and a note says so in words. */
#ifndef TN_WEIGHTS_FRESH_H
#define TN_WEIGHTS_FRESH_H

#include "vitals/vitals.h"
#include "weights/component.h"

typedef enum tn_fresh_state {
    TN_FRESH_TRAINED, /* fits no shape of an initialiser */
    TN_FRESH_NAMED,   /* fits shape and scale of `scheme` */
    TN_FRESH_SHAPE,   /* fits a shape; the scale is nobody's usual one */
    TN_FRESH_FEW,     /* too few values to tell */
    TN_FRESH_CONSTANT /* one value throughout */
} tn_fresh_state;

typedef struct tn_fresh {
    tn_fresh_state state;
    const char *scheme; /* "He normal", "PyTorch default (uniform)": the first that fits, as different schemes can agree; NULL */
    double probability; /* of a histogram that fits no better, were it freshly drawn from the shape; of the best shape */
} tn_fresh;

/* Of a weight. */
tn_fresh tn_fresh_weight(const tn_component *component, const tn_vitals *vitals);

/* Of a bias, gain or shift: a constant (0 or 1), PyTorch's uniform of its layer's fan, or trained. */
tn_fresh tn_fresh_vector(const tn_component *component, const tn_vitals *vitals);

#endif

/* saturation.c: see saturation.h.
 *
 * A smooth op is saturated where its slope is at most a tenth of its largest. The slope of a sigmoid is y (1 - y), at most 1/4: y (1 - y) = 1/40 at y = (1 +- sqrt(0.9)) / 2. That of a
 * tanh is 1 - y^2, at most 1: y = +-sqrt(0.9). Ops that are cut off are saturated exactly at their bounds, where the slope is 0; the lower bound of a relu is the zeros of dead units. */
#include "vitals/saturation.h"

#include <math.h>
#include <string.h>

typedef struct limits {
    const char *op;
    float low, high;
} limits;

static const limits LIMITS[] = {
    {"sigmoid", 0.025658351F, 0.97434165F},
    {"tanh", -0.94868330F, 0.94868330F},
    {"hard_sigmoid", 0, 1},
    {"hard_tanh", -1, 1},
    {"relu", 0, INFINITY},
    {"relu6", 0, 6},
};

void tn_saturation_limits(const tn_tensor_name *name, float *low, float *high)
{
    *low = -INFINITY;
    *high = INFINITY;
    if (name->role != TN_ROLE_ACTIVATION || !name->op)
        return;
    for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++)
        if (strcmp(LIMITS[i].op, name->op) == 0) {
            *low = LIMITS[i].low;
            *high = LIMITS[i].high;
        }
}

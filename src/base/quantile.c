/* quantile.c: see quantile.h. */
#include "base/quantile.h"

#include <stdlib.h>

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double tn_quantile(double *values, size_t count, double q)
{
    qsort(values, count, sizeof *values, compare);
    double place = q * (double)(count - 1);
    size_t below = (size_t)place;
    if (below + 1 >= count)
        return values[count - 1];
    /* No interpolation where it has no weight: infinity times 0 is NaN. */
    double weight = place - (double)below;
    return weight > 0 ? values[below] * (1 - weight) + values[below + 1] * weight : values[below];
}

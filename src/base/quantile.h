/* quantile.h: order statistics of a few numbers. */
#ifndef TN_BASE_QUANTILE_H
#define TN_BASE_QUANTILE_H

#include <stddef.h>

/* The value below which the share q in [0, 1] of values [count] lies, between neighbours by interpolation; 0.5 gives the median. Reorders
 * values; count > 0. Infinities are values; NaN has no place in an order and must be left out. */
double tn_quantile(double *values, size_t count, double q);

#endif

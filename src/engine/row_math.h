/* row_math.h: sums and maxima over short rows, for softmax, norms and losses.
 *
 * Sums are in double, in eight lanes for long rows, since the compiler may not reorder a sum by itself. The order depends on the row's
 * length alone. */
#ifndef TN_ENGINE_ROW_MATH_H
#define TN_ENGINE_ROW_MATH_H

#include <stddef.h>

#include "engine/vector_math.h"

enum { TN_ROW_LANES = 8 };

/* The eight lanes, folded in halves. */
TN_INLINE double tn_row_fold(const double lanes[TN_ROW_LANES])
{
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

/* Below this lanes do not pay. */
enum { TN_ROW_NARROW = 2 * TN_ROW_LANES };

TN_INLINE double tn_row_sum(const tn_real *x, size_t width)
{
    if (width < TN_ROW_NARROW) {
        double sum = 0;
        for (size_t i = 0; i < width; i++) {
            sum += (double)x[i];
        }
        return sum;
    }
    double lanes[TN_ROW_LANES] = {0};
    size_t i = 0;
    for (; i + TN_ROW_LANES <= width; i += TN_ROW_LANES) {
        for (size_t j = 0; j < TN_ROW_LANES; j++) {
            lanes[j] += (double)x[i + j];
        }
    }
    for (size_t j = 0; i < width; i++, j++) {
        lanes[j] += (double)x[i];
    }
    return tn_row_fold(lanes);
}

/* sum of x y */
TN_INLINE double tn_row_dot(const tn_real *x, const tn_real *y, size_t width)
{
    double lanes[TN_ROW_LANES] = {0};
    size_t i = 0;
    for (; i + TN_ROW_LANES <= width; i += TN_ROW_LANES) {
        for (size_t j = 0; j < TN_ROW_LANES; j++) {
            lanes[j] += (double)x[i + j] * (double)y[i + j];
        }
    }
    for (size_t j = 0; i < width; i++, j++) {
        lanes[j] += (double)x[i] * (double)y[i];
    }
    return tn_row_fold(lanes);
}

/* sum of (x - mean)^2 */
TN_INLINE double tn_row_squares(const tn_real *x, double mean, size_t width)
{
    double lanes[TN_ROW_LANES] = {0};
    size_t i = 0;
    for (; i + TN_ROW_LANES <= width; i += TN_ROW_LANES) {
        for (size_t j = 0; j < TN_ROW_LANES; j++) {
            const double centred = (double)x[i + j] - mean;
            lanes[j] += centred * centred;
        }
    }
    for (size_t j = 0; i < width; i++, j++) {
        const double centred = (double)x[i] - mean;
        lanes[j] += centred * centred;
    }
    return tn_row_fold(lanes);
}

/* The largest value; NaN elements may be passed over, so a caller must not rely on it to find them. */
TN_INLINE tn_real tn_row_max(const tn_real *x, size_t width)
{
    if (width < TN_ROW_NARROW) {
        tn_real largest = x[0];
        for (size_t i = 1; i < width; i++) {
            largest = x[i] > largest ? x[i] : largest;
        }
        return largest;
    }
    tn_real lanes[TN_ROW_LANES];
    for (size_t j = 0; j < TN_ROW_LANES; j++) {
        lanes[j] = x[0];
    }
    size_t i = 0;
    for (; i + TN_ROW_LANES <= width; i += TN_ROW_LANES) {
        for (size_t j = 0; j < TN_ROW_LANES; j++) {
            lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
        }
    }
    for (size_t j = 0; i < width; i++, j++) {
        lanes[j] = x[i] > lanes[j] ? x[i] : lanes[j];
    }
    tn_real largest = lanes[0];
    for (size_t j = 1; j < TN_ROW_LANES; j++) {
        largest = lanes[j] > largest ? lanes[j] : largest;
    }
    return largest;
}

/* y [rows, width] = exp(x - max of the row), the numerators of a stable softmax, and where maxima is not NULL, maxima [rows]. A row that
 * holds NaN or +Inf, or -Inf alone, becomes NaN at least where it is so. y may be x. */
TN_INLINE void tn_rows_shifted_exp(size_t rows, size_t width, const tn_real *x, tn_real *y, tn_real *maxima)
{
    for (size_t r = 0; r < rows; r++) {
        const tn_real largest = tn_row_max(x + r * width, width);
        if (maxima != NULL) {
            maxima[r] = largest;
        }
        TN_INDEPENDENT
        for (size_t c = 0; c < width; c++) {
            y[r * width + c] = x[r * width + c] - largest;
        }
    }
    TN_INDEPENDENT
    for (size_t i = 0; i < rows * width; i++) {
        y[i] = tn_exp(y[i]);
    }
}

#endif

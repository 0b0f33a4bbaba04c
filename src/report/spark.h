/* spark.h: curves in characters: one line of blocks, or several lines of braille dots.
 *
 * Values run from left to right, one a column (a spark) or two (braille). NaN is a column without a value, an infinity one that is off the scale: it is drawn as a cross in a spark. */
#ifndef TN_REPORT_SPARK_H
#define TN_REPORT_SPARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "report/history.h"

/* values [count] = the means of a series over `count` equal spans of the steps from 1 to `last_step`. A span without an observation takes the value before it, and one before all
 * observations is NaN. One whose values are all non-finite is INFINITY. */
void tn_spark_sample(const tn_history_series *series, uint64_t last_step, double *values, size_t count);

/* The least and the greatest finite value; false where there is none. */
bool tn_spark_range(const double *values, size_t count, double *low, double *high);

/* A character for each value, from ▁ (low) to █ (high). */
void tn_spark_add(tn_text *text, const double *values, size_t count, double low, double high);

/* Line `row` (0 is the top) of `rows` lines of `columns` characters of a curve through values [2 * columns]. Neighbours are joined. */
void tn_braille_add(tn_text *text, const double *values, size_t columns, size_t row, size_t rows, double low, double high);

#endif

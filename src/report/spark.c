/* spark.c: see spark.h. */
#include "report/spark.h"

#include <math.h>

void tn_spark_sample(const tn_history_series *series, uint64_t last_step, double *values, size_t count)
{
    size_t at = 0;
    double before = NAN;
    for (size_t i = 0; i < count; i++) {
        /* Points whose last step lies in (from, to]; the first span takes step 0 too. */
        double to = (double)last_step * (double)(i + 1) / (double)count, sum = 0;
        uint64_t finite = 0, all = 0;
        for (; at < series->count && ((double)series->points[at].last_step <= to || i + 1 == count); at++) {
            const tn_history_point *point = &series->points[at];
            finite += point->count - point->nan - point->infinite;
            all += point->count;
            sum += point->sum;
        }
        if (all > 0)
            before = finite > 0 ? sum / (double)finite : (double)INFINITY;
        values[i] = before;
    }
}

bool tn_spark_range(const double *values, size_t count, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) {
            *low = fmin(*low, values[i]);
            *high = fmax(*high, values[i]);
        }
    return *low <= *high;
}

/* Where a value lies between low and high, as one of `levels` levels from 0. What differs by rounding alone (a mean of equal values) is level. */
static size_t level_of(double value, double low, double high, size_t levels)
{
    bool level = high - low <= 1e-9 * fmax(fabs(low), fabs(high));
    double place = level ? 0 : (value - low) / (high - low);
    return (size_t)(fmin(fmax(place, 0), 1) * (double)(levels - 1) + 0.5);
}

void tn_spark_add(tn_text *text, const double *values, size_t count, double low, double high)
{
    static const char *const BLOCKS[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    for (size_t i = 0; i < count; i++)
        tn_text_add(text, isnan(values[i]) ? " " : isinf(values[i]) ? "×" : BLOCKS[level_of(values[i], low, high, 8)]);
}

/* The dots of a braille character, by column and line from the top (Unicode 15, block 2800). */
static const unsigned char DOTS[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};

void tn_braille_add(tn_text *text, const double *values, size_t columns, size_t row, size_t rows, double low, double high)
{
    size_t levels = 4 * rows;
    for (size_t column = 0; column < columns; column++) {
        unsigned dots = 0;
        for (size_t half = 0; half < 2; half++) {
            size_t i = 2 * column + half;
            if (!isfinite(values[i]))
                continue;
            size_t here = level_of(values[i], low, high, levels), from = here, to = here;
            if (i > 0 && isfinite(values[i - 1])) {
                /* Up or down to the neighbour on the left, which has its own dot. */
                size_t left = level_of(values[i - 1], low, high, levels);
                from = left + 1 < here ? left + 1 : here;
                to = left > here + 1 ? left - 1 : here;
            }
            for (size_t level = from; level <= to; level++) {
                size_t line = levels - 1 - level;
                if (line / 4 == row)
                    dots |= DOTS[half][line % 4];
            }
        }
        const char bytes[] = {(char)0xE2, (char)(0xA0 | dots >> 6), (char)(0x80 | (dots & 0x3F))};
        tn_text_add_bytes(text, dots ? bytes : " ", dots ? sizeof bytes : 1);
    }
}

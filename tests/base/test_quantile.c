/* test_quantile.c: order statistics against those of sorted numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/quantile.h"
#include "base/rng.h"

enum { MOST = 300 };

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* With a sorted copy, the slow way. */
static double expected(const double *values, size_t count, double q)
{
    double sorted[MOST];
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    double place = q * (double)(count - 1), below = floor(place);
    double low = sorted[(size_t)below], weight = place - below;
    return weight > 0 ? low * (1 - weight) + sorted[(size_t)below + 1] * weight : low;
}

/* Random, rising, falling, equal, of few different values, and with infinities. */
static void fill(double *values, size_t count, size_t kind, tn_rng *rng)
{
    for (size_t i = 0; i < count; i++) {
        double drawn = tn_rng_normal(rng);
        values[i] = kind == 0   ? drawn
                    : kind == 1 ? (double)i
                    : kind == 2 ? -(double)i
                    : kind == 3 ? 2.5
                    : kind == 4 ? floor(drawn)
                    : drawn > 1 ? INFINITY
                                : drawn;
    }
}

static void every_length_and_share(void **state)
{
    (void)state;
    static const double SHARES[] = {0, 0.01, 0.25, 0.5, 0.9, 0.999, 1};
    tn_rng rng;
    tn_rng_init(&rng, 5, TN_STREAM_TEST);
    for (size_t count = 1; count <= MOST; count += count < 70 ? 1 : 23)
        for (size_t kind = 0; kind < 6; kind++)
            for (size_t s = 0; s < sizeof SHARES / sizeof *SHARES; s++) {
                double values[MOST];
                fill(values, count, kind, &rng);
                double right = expected(values, count, SHARES[s]), found = tn_quantile(values, count, SHARES[s]);
                if (memcmp(&right, &found, sizeof right) != 0)
                    fail_msg("share %g of %zu values of kind %zu is %g, not %g", SHARES[s], count, kind, right, found);
            }
}

/* Nothing is lost or doubled by reordering, so that a second quantile of the same values is right too. */
static void values_stay(void **state)
{
    (void)state;
    tn_rng rng;
    tn_rng_init(&rng, 6, TN_STREAM_TEST);
    double values[MOST], before[MOST];
    fill(values, MOST, 0, &rng);
    memcpy(before, values, sizeof before);
    double median = tn_quantile(values, MOST, 0.5), largest = tn_quantile(values, MOST, 1);
    assert_true(median >= expected(before, MOST, 0.5) && median <= expected(before, MOST, 0.5));
    qsort(before, MOST, sizeof *before, compare);
    assert_true(largest >= before[MOST - 1] && largest <= before[MOST - 1]);
    qsort(values, MOST, sizeof *values, compare);
    assert_memory_equal(values, before, sizeof before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_and_share),
        cmocka_unit_test(values_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

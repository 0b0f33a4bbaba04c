/* study.c: see study.h. */
#include "experiments/study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"

/* ---- drawing ---- */

/* A stream for each trial and dimension, so that a further dimension leaves the others' draws as they were. */
static double draw_uniform(uint64_t seed, uint64_t trial, size_t index)
{
    tn_rng rng;
    tn_rng_init(&rng, seed + UINT64_C(0x9E3779B97F4A7C15) * (trial + 1), TN_STREAM_EXPERIMENT + ((uint64_t)index << 8));
    return tn_rng_uniform(&rng);
}

json_t *tn_dimension_draw(const tn_dimension *dimension, uint64_t seed, uint64_t trial, size_t index)
{
    void *only = json_object_iter((json_t *)(uintptr_t)dimension->range);
    const char *kind = json_object_iter_key(only);
    const json_t *values = json_object_iter_value(only);
    double at = draw_uniform(seed, trial, index);
    if (strcmp(kind, "choice") == 0)
        return json_deep_copy(json_array_get(values, (size_t)(at * (double)json_array_size(values))));
    double low = json_number_value(json_array_get(values, 0)), high = json_number_value(json_array_get(values, 1));
    if (strcmp(kind, "int_uniform") == 0)
        return json_integer((json_int_t)fmin(floor(low + at * (high - low + 1)), high));
    if (strcmp(kind, "log_uniform") == 0)
        return json_real(low * pow(high / low, at));
    return json_real(low + at * (high - low));
}

/* ---- what mattered ---- */

typedef struct point {
    double position, score;
} point;

static int by_position(const void *left, const void *right)
{
    const point *a = left, *b = right;
    return (a->position > b->position) - (a->position < b->position);
}

/* Trials of a bin for which the adjusted share is worth anything. */
enum { PER_BIN = 10 };

/* Where the bin that begins at `first` ends: equal counts, but equal positions stay together. */
static size_t bin_end(const point *points, size_t count, size_t first, size_t bin, size_t bins, bool is_choice)
{
    size_t end = is_choice ? first + 1 : count * (bin + 1) / bins;
    if (end <= first)
        end = first + 1;
    while (end < count && points[end].position == points[end - 1].position)
        end++;
    return end;
}

static void fill_bins(const point *points, size_t count, size_t bins, bool is_choice, tn_importance *importance)
{
    size_t first = 0;
    for (size_t bin = 0; first < count && importance->bins < TN_STUDY_BINS_MAX; bin++) {
        size_t place = importance->bins++, end = bin_end(points, count, first, bin, bins, is_choice);
        /* The last bin there is room for takes the rest. */
        if (importance->bins == TN_STUDY_BINS_MAX)
            end = count;
        double sum = 0;
        for (size_t i = first; i < end; i++)
            sum += points[i].score;
        importance->mean[place] = sum / (double)(end - first);
        importance->low[place] = points[first].position;
        importance->high[place] = points[end - 1].position;
        importance->trials[place] = end - first;
        first = end;
    }
}

tn_status tn_importance_measure(const double *positions, const double *scores, size_t count, bool is_choice, tn_importance *importance,
                                tn_error *error)
{
    *importance = (tn_importance){0};
    if (count == 0)
        return TN_OK;
    point *points = tn_memory_create(count, sizeof *points);
    if (!points)
        return tn_fail_memory(error, count * sizeof *points);
    double mean = 0, total = 0, between = 0;
    for (size_t i = 0; i < count; i++) {
        points[i] = (point){positions[i], scores[i]};
        mean += scores[i] / (double)count;
    }
    qsort(points, count, sizeof *points, by_position);
    size_t bins = count / PER_BIN;
    bins = bins < 2 ? 2 : bins > TN_STUDY_BINS_MAX ? TN_STUDY_BINS_MAX : bins;
    fill_bins(points, count, bins, is_choice, importance);
    for (size_t i = 0; i < count; i++)
        total += (scores[i] - mean) * (scores[i] - mean);
    for (size_t b = 0; b < importance->bins; b++)
        between += (double)importance->trials[b] * (importance->mean[b] - mean) * (importance->mean[b] - mean);
    if (total > 0 && count > importance->bins) {
        double rest = (1 - between / total) * (double)(count - 1) / (double)(count - importance->bins);
        importance->importance = fmin(fmax(1 - rest, 0), 1);
    }
    tn_memory_destroy(points);
    return TN_OK;
}

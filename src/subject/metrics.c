/* metrics.c: see metrics.h. */
#include "subject/metrics.h"

#include <math.h>

#include "base/memory.h"
#include "subject/score.h"

/* An object that remembers whether memory was out. */
typedef struct writer {
    json_t *object;
    bool failed;
} writer;

static void put(writer *to, const char *key, json_t *value)
{
    if (json_object_set_new(to->object, key, value) != 0)
        to->failed = true;
}

static void put_number(writer *to, const char *key, double value)
{
    put(to, key, isfinite(value) ? json_real(value) : json_null());
}

/* 2 hits / (2 hits + false alarms + misses), 0 where there is nothing to find and nothing was found. */
static double f1_of(size_t hits, size_t said, size_t present)
{
    return said + present > 0 ? 2 * (double)hits / (double)(said + present) : 0;
}

/* ---- classes ---- */

/* Whether the label is among the largest outputs of a row; of equal outputs the first counts as larger. */
static bool is_among_top(const float *row, size_t width, int32_t label)
{
    size_t before = 0;
    if (label < 0 || (size_t)label >= width || isnan(row[label]))
        return false;
    for (size_t k = 0; k < width; k++)
        before += row[k] > row[label] || (row[k] == row[label] && k < (size_t)label);
    return before < TN_TOP_CLASSES;
}

static void put_confusion(writer *to, const size_t *confusion, size_t classes)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < classes; i++) {
        json_t *row = json_array();
        for (size_t k = 0; k < classes; k++)
            to->failed |= json_array_append_new(row, json_integer((json_int_t)confusion[i * classes + k])) != 0;
        to->failed |= json_array_append_new(rows, row) != 0;
    }
    put(to, "confusion", rows);
}

/* counts [3, classes]: hits, said, present of each class; confusion [classes, classes] or NULL. */
static void count_classes(const tn_answers *answers, size_t classes, size_t *counts, size_t *confusion, size_t *right, size_t *top)
{
    for (size_t i = 0; i < answers->count; i++) {
        const float *row = answers->outputs + i * answers->width;
        int32_t label = answers->classes[i], said = tn_score_class(answers->width, row, answers->threshold);
        bool fits = label >= 0 && (size_t)label < classes;
        *right += said == label;
        *top += is_among_top(row, answers->width, label);
        if (fits)
            counts[2 * classes + (size_t)label]++;
        if (said < 0)
            continue;
        counts[classes + (size_t)said]++;
        if (fits && said == label)
            counts[label]++;
        if (fits && confusion)
            confusion[(size_t)label * classes + (size_t)said]++;
    }
}

static void measure_classes(writer *to, const tn_answers *answers)
{
    size_t classes = answers->width > 1 ? answers->width : 2, right = 0, top = 0, occurring = 0;
    bool shown = classes <= TN_CONFUSION_CLASSES;
    size_t *counts = tn_memory_create(3 * classes, sizeof *counts);
    size_t *confusion = shown ? tn_memory_create(classes * classes, sizeof *confusion) : NULL;
    if (!counts || (shown && !confusion)) {
        to->failed = true;
    } else {
        double f1 = 0, total = (double)answers->count;
        count_classes(answers, classes, counts, confusion, &right, &top);
        for (size_t k = 0; k < classes; k++) {
            if (counts[classes + k] + counts[2 * classes + k] == 0)
                continue;
            occurring++;
            f1 += f1_of(counts[k], counts[classes + k], counts[2 * classes + k]);
        }
        put_number(to, "accuracy", (double)right / total);
        put_number(to, "f1_macro", f1 / (double)occurring);
        if (classes > TN_TOP_CLASSES)
            put_number(to, "top5_accuracy", (double)top / total);
        if (shown)
            put_confusion(to, confusion, classes);
    }
    tn_memory_destroy(counts);
    tn_memory_destroy(confusion);
}

static void measure_sequences(writer *to, const tn_answers *answers)
{
    size_t labels = 0, right = 0;
    for (size_t i = 0; i < answers->count * answers->steps; i++) {
        if (answers->classes[i] < 0)
            continue;
        labels++;
        right += tn_score_class(answers->width, answers->outputs + i * answers->width, answers->threshold) == answers->classes[i];
    }
    double loss;
    tn_score_sequences(answers->count, answers->steps, answers->losses, answers->classes, &loss);
    put_number(to, "accuracy", (double)right / (double)labels);
    put_number(to, "perplexity", exp(loss));
    put_number(to, "bits", loss / log(2));
}

/* ---- targets ---- */

static void measure_flags(writer *to, const tn_answers *answers)
{
    size_t width = answers->width, hits = 0, said = 0, present = 0, wrong = 0, whole = 0;
    double f1 = 0;
    for (size_t k = 0; k < width; k++) {
        size_t own_hits = 0, own_said = 0, own_present = 0;
        for (size_t i = 0; i < answers->count; i++) {
            bool yes = (double)answers->outputs[i * width + k] > answers->threshold, is = answers->targets[i * width + k] > 0.5f;
            own_hits += yes && is;
            own_said += yes;
            own_present += is;
        }
        f1 += f1_of(own_hits, own_said, own_present) / (double)width;
        hits += own_hits;
        said += own_said;
        present += own_present;
    }
    for (size_t i = 0; i < answers->count; i++) {
        size_t own = 0;
        for (size_t k = 0; k < width; k++)
            own += tn_score_flag_is_wrong(answers->outputs[i * width + k], answers->targets[i * width + k], answers->threshold);
        wrong += own;
        whole += own == 0;
    }
    put_number(to, "f1_micro", f1_of(hits, said, present));
    put_number(to, "f1_macro", f1);
    put_number(to, "subset_accuracy", (double)whole / (double)answers->count);
    put_number(to, "hamming_loss", (double)wrong / (double)(answers->count * width));
}

/* The area that two boxes [4] (x, y, w, h) share over the area that they cover together. 0 where a side of the other is below 0, or a value of it NaN: every comparison with that is false. */
static double overlap_of(const float *box, const float *other)
{
    double shared = 1, own = 1, others = 1;
    for (size_t k = 0; k < 2; k++) {
        double start = (double)box[k], end = start + (double)box[k + 2];
        double other_start = (double)other[k], other_end = other_start + (double)other[k + 2];
        double from = start > other_start ? start : other_start, to = end < other_end ? end : other_end;
        if (!(to > from))
            return 0;
        shared *= to - from;
        own *= end - start;
        others *= other_end - other_start;
    }
    return shared / (own + others - shared);
}

static void measure_boxes(writer *to, const tn_answers *answers)
{
    size_t boxes = 0, found = 0;
    double overlaps = 0;
    for (size_t i = 0; i + 4 <= answers->count * answers->width; i += 4) {
        const float *box = answers->targets + i;
        if (!(box[2] > 0 && box[3] > 0))
            continue;
        double overlap = overlap_of(box, answers->outputs + i);
        boxes++;
        found += overlap >= 0.5;
        overlaps += overlap;
    }
    put_number(to, "iou", overlaps / (double)boxes);
    put_number(to, "iou50", (double)found / (double)boxes);
}

static void measure_counts(writer *to, const tn_answers *answers)
{
    size_t exact = 0, all = answers->count * answers->width;
    for (size_t i = 0; i < all; i++)
        exact += round((double)answers->outputs[i]) == round((double)answers->targets[i]);
    put_number(to, "exact", (double)exact / (double)all);
}

static void measure_targets(writer *to, const tn_answers *answers)
{
    size_t width = answers->width, counted = 0;
    double r2 = 0, squares = 0, absolute = 0, all = (double)(answers->count * width);
    for (size_t k = 0; k < width; k++) {
        double sum = 0, own_squares = 0, spread = 0;
        for (size_t i = 0; i < answers->count; i++)
            sum += (double)answers->targets[i * width + k];
        for (size_t i = 0; i < answers->count; i++) {
            double target = (double)answers->targets[i * width + k], error = (double)answers->outputs[i * width + k] - target;
            double deviation = target - sum / (double)answers->count;
            own_squares += error * error;
            absolute += fabs(error);
            spread += deviation * deviation;
        }
        squares += own_squares;
        counted += spread > 0;
        r2 += spread > 0 ? 1 - own_squares / spread : 0;
    }
    put_number(to, "r2", r2 / (double)counted);
    put_number(to, "rmse", sqrt(squares / all));
    put_number(to, "mae", absolute / all);
    if (answers->are_boxes)
        measure_boxes(to, answers);
    if (answers->are_counts)
        measure_counts(to, answers);
}

json_t *tn_metrics_measure(const tn_answers *answers)
{
    writer to = {.object = json_object()};
    if (answers->targets && answers->are_flags)
        measure_flags(&to, answers);
    else if (answers->targets)
        measure_targets(&to, answers);
    else if (answers->steps > 1)
        measure_sequences(&to, answers);
    else
        measure_classes(&to, answers);
    if (to.object && !to.failed)
        return to.object;
    json_decref(to.object);
    return NULL;
}

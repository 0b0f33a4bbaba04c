/* history.c: see history.h. Merging is the same for points and rows: neighbours 0 and 1, 2 and 3 ... become one, which halves the count and doubles what each stands for. So
 * what a point stands for depends on the number of observations alone. */
#include "report/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "report/history_parts.h"

const char *tn_history_kind_name(tn_history_kind kind)
{
    static const char *const NAMES[TN_HISTORY_KINDS] = {"loss",        "learning_rate", "gradient_norm", "score.train",
                                                        "score.valid", "loss.train",    "loss.valid"};
    return NAMES[kind];
}

/* ---- series ---- */

static tn_history_point point_of(uint64_t step, double value)
{
    bool finite = isfinite(value), nan = isnan(value);
    return (tn_history_point){
        .first_step = step,
        .last_step = step,
        .count = 1,
        .nan = nan,
        .infinite = !finite && !nan,
        .first = value,
        .last = value,
        .min = finite ? value : INFINITY,
        .max = finite ? value : -INFINITY,
        .sum = finite ? value : 0,
    };
}

static void merge_points(tn_history_point *into, const tn_history_point *from)
{
    into->last_step = from->last_step;
    into->count += from->count;
    into->nan += from->nan;
    into->infinite += from->infinite;
    into->last = from->last;
    into->min = fmin(into->min, from->min);
    into->max = fmax(into->max, from->max);
    into->sum += from->sum;
}

static void halve_series(tn_history_series *series)
{
    for (size_t i = 0; i < TN_HISTORY_POINTS / 2; i++) {
        tn_history_point point = series->points[2 * i];
        merge_points(&point, &series->points[2 * i + 1]);
        series->points[i] = point;
    }
    series->count = TN_HISTORY_POINTS / 2;
    series->stride *= 2;
}

void tn_history_add_value(tn_history *history, tn_history_kind kind, uint64_t step, double value)
{
    tn_history_series *series = &history->series[kind];
    const tn_history_point point = point_of(step, value);
    bool begins = series->seen % series->stride == 0;
    if (begins && series->count == TN_HISTORY_POINTS) {
        halve_series(series);
        begins = true; /* the last point is complete: TN_HISTORY_POINTS is even */
    }
    if (begins)
        series->points[series->count++] = point;
    else
        merge_points(&series->points[series->count - 1], &point);
    series->seen++;
}

double tn_history_point_mean(const tn_history_point *point)
{
    uint64_t finite = point->count - point->nan - point->infinite;
    return finite ? point->sum / (double)finite : NAN;
}

/* ---- tensors ---- */

static void destroy_tensor(tn_history_tensor *tensor)
{
    if (!tensor)
        return;
    free(tensor->key);
    free(tensor->node);
    free(tensor->parameter);
    free(tensor->op);
    tn_memory_destroy(tensor);
}

/* NULL where memory is out. */
static tn_history_tensor *create_tensor(const tn_tensor_name *name)
{
    char key[TN_TENSOR_KEY_BYTES];
    tn_history_tensor *tensor = tn_memory_create(1, sizeof *tensor);
    if (!tensor)
        return NULL;
    tensor->key = tn_string_copy(tn_tensor_key(key, name));
    tensor->node = tn_string_copy(name->node);
    tensor->parameter = name->parameter ? tn_string_copy(name->parameter) : NULL;
    tensor->op = tn_string_copy(name->op ? name->op : "");
    if (!tensor->key || !tensor->node || !tensor->op || (name->parameter && !tensor->parameter)) {
        destroy_tensor(tensor);
        return NULL;
    }
    tensor->role = name->role;
    tensor->node_index = name->node_index;
    tensor->count = name->count;
    tensor->units = name->units;
    tensor->stride = 1;
    return tensor;
}

static bool updates(const tn_history_tensor *update, const tn_history_tensor *weight)
{
    return update->role == TN_ROLE_UPDATE && weight->role == TN_ROLE_WEIGHT && update->parameter && weight->parameter &&
           strcmp(update->node, weight->node) == 0 && strcmp(update->parameter, weight->parameter) == 0;
}

/* Weights and updates find each other, whichever is seen first. */
static void pair(tn_history *history, tn_history_tensor *added)
{
    for (size_t i = 0; i < history->tensor_count; i++) {
        tn_history_tensor *other = history->tensors[i];
        if (updates(added, other))
            added->weight = other;
        else if (updates(other, added))
            other->weight = added;
    }
}

/* The tensor of `index`, made where it is new. NULL where it is left out. */
static tn_history_tensor *tensor_of(tn_history *history, const tn_tensor_name *name, size_t index)
{
    if (index >= TN_HISTORY_TENSORS) {
        if (index >= history->indices_seen) {
            history->left_out += index + 1 - history->indices_seen;
            history->indices_seen = index + 1;
        }
        return NULL;
    }
    if (history->by_index[index] || history->out_of_memory)
        return history->by_index[index];
    tn_history_tensor *tensor = create_tensor(name);
    if (!tensor) {
        history->out_of_memory = true;
        return NULL;
    }
    pair(history, tensor);
    history->by_index[index] = tensor;
    history->tensors[history->tensor_count++] = tensor;
    return tensor;
}

static uint16_t share_of(double part, uint64_t whole)
{
    if (!(part > 0))
        return 0;
    double share = part / (double)whole * UINT16_MAX;
    return share < 1 ? 1 : share > UINT16_MAX ? UINT16_MAX : (uint16_t)floor(share + 0.5);
}

enum { EXPONENT_BIAS = 127 };

static void take_histogram(tn_history_row *row, const tn_vitals *vitals)
{
    size_t highest = 0;
    for (size_t e = 1; e < TN_VITALS_EXPONENTS; e++)
        if (vitals->histogram[0][e] || vitals->histogram[1][e])
            highest = e;
    row->top = (int)highest - EXPONENT_BIAS;
    double counts[2][TN_HISTORY_BUCKETS] = {{0}}, weight = tn_vitals_weight(vitals);
    counts[0][TN_HISTORY_BUCKETS - 1] = (double)vitals->subnormals;
    for (size_t sign = 0; sign < 2; sign++)
        for (size_t e = 1; e <= highest; e++) {
            size_t below = highest - e;
            counts[sign][below < TN_HISTORY_BUCKETS ? below : TN_HISTORY_BUCKETS - 1] += weight * (double)vitals->histogram[sign][e];
        }
    for (size_t sign = 0; sign < 2; sign++)
        for (size_t k = 0; k < TN_HISTORY_BUCKETS; k++)
            row->histogram[sign][k] = share_of(counts[sign][k], vitals->count);
}

static tn_history_row row_of(const tn_history_tensor *tensor, uint64_t step, const tn_vitals *vitals)
{
    uint64_t finite = tn_vitals_finite(vitals);
    tn_history_row row = {
        .step = step,
        .count = vitals->count,
        .nonfinite = vitals->count - finite,
        .l2 = tn_vitals_l2(vitals),
        .mean = vitals->mean,
        .std = sqrt(tn_vitals_variance(vitals)),
        .min = (double)vitals->min,
        .max = (double)vitals->max,
        .zeros = vitals->count ? (double)vitals->zeros / (double)vitals->count : 0,
        .ratio = NAN,
    };
    row.rms = finite ? row.l2 / sqrt((double)finite) : 0;
    row.rms_min = row.rms_max = row.rms;
    if (tensor->weight && tensor->weight->seen > 0 && tensor->weight->last.l2 > 0)
        row.ratio = row.l2 / tensor->weight->last.l2;
    take_histogram(&row, vitals);
    return row;
}

static void merge_rows(tn_history_row *into, const tn_history_row *from)
{
    into->nonfinite = into->nonfinite > from->nonfinite ? into->nonfinite : from->nonfinite;
    into->rms_min = fmin(into->rms_min, from->rms_min);
    into->rms_max = fmax(into->rms_max, from->rms_max);
}

static void halve_rows(tn_history_tensor *tensor)
{
    for (size_t i = 0; i < TN_HISTORY_ROWS / 2; i++) {
        tn_history_row row = tensor->rows[2 * i];
        merge_rows(&row, &tensor->rows[2 * i + 1]);
        tensor->rows[i] = row;
    }
    tensor->row_count = TN_HISTORY_ROWS / 2;
    tensor->stride *= 2;
}

void tn_history_add_tensor(tn_history *history, const tn_tensor_seen *seen)
{
    tn_history_tensor *tensor = tensor_of(history, seen->name, seen->index);
    if (!tensor)
        return;
    tensor->last = row_of(tensor, seen->step, seen->vitals);
    if (tensor->last.nonfinite > 0 && tensor->nonfinite_step == 0)
        tensor->nonfinite_step = seen->step;
    bool begins = tensor->seen % tensor->stride == 0;
    if (begins && tensor->row_count == TN_HISTORY_ROWS)
        halve_rows(tensor);
    if (begins)
        tensor->rows[tensor->row_count++] = tensor->last;
    else
        merge_rows(&tensor->rows[tensor->row_count - 1], &tensor->last);
    tensor->seen++;
}

static bool has_later_last(const tn_history_tensor *tensor)
{
    return tensor->row_count > 0 && tensor->rows[tensor->row_count - 1].step != tensor->last.step;
}

size_t tn_history_row_count(const tn_history_tensor *tensor)
{
    return tensor->row_count + has_later_last(tensor);
}

const tn_history_row *tn_history_row_at(const tn_history_tensor *tensor, size_t i)
{
    return i < tensor->row_count ? &tensor->rows[i] : &tensor->last;
}

/* ---- signals ---- */

bool tn_history_add_signal(tn_history *history, const tn_history_signal *signal)
{
    for (size_t i = 0; i < history->signal_count; i++)
        if (strcmp(history->signals[i].rule, signal->rule) == 0 && strcmp(history->signals[i].tensor, signal->tensor) == 0) {
            history->signals[i] = *signal;
            return true;
        }
    if (history->signal_count == TN_HISTORY_SIGNALS)
        return false;
    history->signals[history->signal_count++] = *signal;
    return true;
}

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

void tn_history_note_signal(tn_history *history, const tn_store_signal *signal)
{
    tn_history_signal noted = {.step = signal->step, .value = signal->value, .threshold = signal->threshold};
    copy_text(noted.rule, sizeof noted.rule, signal->rule);
    copy_text(noted.severity, sizeof noted.severity, signal->severity);
    copy_text(noted.tensor, sizeof noted.tensor, signal->tensor);
    copy_text(noted.text, sizeof noted.text, signal->text);
    tn_history_add_signal(history, &noted);
}

static void drop_signals(tn_history *history, const char *rule)
{
    size_t kept = 0;
    for (size_t i = 0; i < history->signal_count; i++)
        if (strcmp(history->signals[i].rule, rule) != 0)
            history->signals[kept++] = history->signals[i];
    history->signal_count = kept;
}

void tn_history_take_signals(tn_history *history, const tn_observer *rules)
{
    tn_store_signal signal = {0};
    bool fired = false;
    for (size_t i = 0; rules->signal_at && rules->signal_at(rules->context, i, &signal, &fired); i++) {
        if (fired)
            tn_history_note_signal(history, &signal);
        else
            drop_signals(history, signal.rule);
    }
}

/* ---- the observer ---- */

static bool on_step(void *context, const tn_step *step)
{
    tn_history *history = context;
    history->last_step = step->step;
    tn_history_add_value(history, TN_HISTORY_LOSS, step->step, step->loss);
    tn_history_add_value(history, TN_HISTORY_LEARNING_RATE, step->step, step->learning_rate);
    if (!isnan(step->gradient_norm)) /* nobody computed it */
        tn_history_add_value(history, TN_HISTORY_GRADIENT_NORM, step->step, step->gradient_norm);
    return true;
}

static void on_tensor(void *context, const tn_tensor_seen *seen)
{
    tn_history_add_tensor(context, seen);
}

static void on_score(void *context, const tn_score_point *point)
{
    const double values[] = {point->train_score, point->valid_score, point->train_loss, point->valid_loss};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (!isnan(values[i])) /* not taken */
            tn_history_add_value(context, TN_HISTORY_TRAIN_SCORE + (tn_history_kind)i, point->step, values[i]);
}

static void on_end(void *context, uint64_t steps)
{
    (void)steps;
    ((tn_history *)context)->ended = true;
}

tn_observer tn_history_observer(tn_history *history)
{
    return (tn_observer){.context = history, .on_step = on_step, .on_tensor = on_tensor, .on_score = on_score, .on_end = on_end};
}

/* ---- its life, and reading ---- */

tn_status tn_history_create(tn_history **history, tn_error *error)
{
    *history = tn_memory_create(1, sizeof **history);
    if (!*history)
        return tn_fail_memory(error, sizeof **history);
    (*history)->indices_seen = TN_HISTORY_TENSORS;
    for (size_t i = 0; i < TN_HISTORY_KINDS; i++)
        (*history)->series[i].stride = 1;
    return TN_OK;
}

void tn_history_destroy(tn_history *history)
{
    if (!history)
        return;
    for (size_t i = 0; i < history->tensor_count; i++)
        destroy_tensor(history->tensors[i]);
    tn_memory_destroy(history);
}

tn_status tn_history_status(const tn_history *history, tn_error *error)
{
    return history->out_of_memory ? tn_fail_memory(error, sizeof(tn_history_tensor)) : TN_OK;
}

const tn_history_series *tn_history_series_of(const tn_history *history, tn_history_kind kind)
{
    return &history->series[kind];
}

size_t tn_history_tensor_count(const tn_history *history)
{
    return history->tensor_count;
}

const tn_history_tensor *tn_history_tensor_at(const tn_history *history, size_t i)
{
    return history->tensors[i];
}

const tn_history_tensor *tn_history_tensor_find(const tn_history *history, const char *key)
{
    for (size_t i = 0; i < history->tensor_count; i++)
        if (strcmp(history->tensors[i]->key, key) == 0)
            return history->tensors[i];
    return NULL;
}

size_t tn_history_tensors_left_out(const tn_history *history)
{
    return history->left_out;
}

size_t tn_history_signal_count(const tn_history *history)
{
    return history->signal_count;
}

const tn_history_signal *tn_history_signal_at(const tn_history *history, size_t i)
{
    return &history->signals[i];
}

uint64_t tn_history_last_step(const tn_history *history)
{
    return history->last_step;
}

bool tn_history_has_ended(const tn_history *history)
{
    return history->ended;
}

/* rule_support.c: see rule_support.h. */
#include "rules/rule_support.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

void tn_signal_fire(tn_signal *signal, uint64_t step, const char *tensor, double value, double threshold, const char *format, ...)
{
    if (signal->state != TN_RULE_FIRED)
        signal->step = step;
    signal->state = TN_RULE_FIRED;
    signal->value = value;
    signal->threshold = threshold;
    snprintf(signal->tensor, sizeof signal->tensor, "%s", tensor ? tensor : "");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(signal->text, sizeof signal->text, format, arguments);
    va_end(arguments);
}

void tn_signal_blame(tn_signal *signal, const char *cause)
{
    if (signal->state == TN_RULE_FIRED)
        signal->cause = cause;
}

void tn_signal_quiet(tn_signal *signal)
{
    if (signal->state == TN_RULE_QUIET)
        return;
    *signal = (tn_signal){.rule = signal->rule, .severity = signal->severity, .state = TN_RULE_QUIET};
}

bool tn_tensor_is_activation(const tn_tensor_name *name, const char *op)
{
    return name->role == TN_ROLE_ACTIVATION && name->op && strcmp(name->op, op) == 0;
}

bool tn_tensor_is_matrix(const tn_tensor_name *name)
{
    if (!name->parameter || name->count > name->units)
        return name->parameter != NULL;
    return strcmp(name->parameter, "weight") == 0 && !(name->op && strstr(name->op, "norm")); /* else it is a gain */
}

double tn_unit_runs_update(tn_unit_runs *runs, const tn_tensor_seen *seen, tn_unit_is_bad *is_bad, double values)
{
    const tn_unit_vitals *vitals = seen->units;
    if (!vitals || vitals->units == 0 || seen->index >= TN_RULE_TENSORS)
        return NAN;
    if (runs->places[seen->index] == 0) {
        if (vitals->units > TN_RULE_UNITS - runs->used)
            return NAN;
        runs->places[seen->index] = runs->used + 1;
        runs->counts[seen->index] = (uint32_t)vitals->units;
        runs->used += (uint32_t)vitals->units;
    }
    if (vitals->units != runs->counts[seen->index])
        return NAN;
    uint32_t *run = runs->runs + runs->places[seen->index] - 1;
    size_t bad = 0;
    for (size_t u = 0; u < vitals->units; u++) {
        uint64_t so_far = is_bad(vitals, &vitals->unit[u]) ? run[u] + vitals->values : 0;
        run[u] = so_far < UINT32_MAX ? (uint32_t)so_far : UINT32_MAX;
        bad += so_far > 0 && (double)so_far >= values;
    }
    return (double)bad / (double)vitals->units;
}

void tn_streaks_observe(tn_streaks *streaks, uint64_t step)
{
    streaks->steps += step != streaks->last_step;
    streaks->last_step = step;
}

bool tn_streaks_update(tn_streaks *streaks, tn_signal *signal, size_t index, bool bad)
{
    if (index >= TN_RULE_TENSORS)
        return false;
    bool about_this = streaks->fired && streaks->fired_index == index;
    if (!bad) {
        streaks->runs[index] = 0;
        if (about_this) {
            streaks->fired = false;
            tn_signal_quiet(signal);
        }
        return false;
    }
    if (streaks->runs[index] < TN_STREAK)
        streaks->runs[index]++;
    if (streaks->runs[index] < TN_STREAK || (streaks->fired && !about_this))
        return false;
    streaks->fired = true;
    streaks->fired_index = index;
    return true;
}

void tn_streaks_end(const tn_streaks *streaks, tn_signal *signal)
{
    if (!streaks->fired && streaks->steps >= TN_STREAK)
        tn_signal_quiet(signal);
}

size_t tn_parameters_find(tn_parameters *parameters, const tn_tensor_name *name)
{
    uint64_t hash = tn_hash_text(tn_hash_text(tn_hash_text(TN_HASH_START, name->node), "."), name->parameter ? name->parameter : "");
    hash += hash == 0;
    size_t at = (size_t)hash % (2 * TN_RULE_PARAMETERS);
    while (parameters->hashes[at] != hash) {
        if (parameters->hashes[at] == 0) {
            if (parameters->count == TN_RULE_PARAMETERS)
                return TN_RULE_PARAMETERS;
            parameters->hashes[at] = hash;
            parameters->slots[at] = parameters->count++;
            break;
        }
        at = (at + 1) % (2 * TN_RULE_PARAMETERS);
    }
    return parameters->slots[at];
}

static bool comes_before(const tn_depth_end *a, size_t node_index, size_t index)
{
    return a->node_index < node_index || (a->node_index == node_index && a->index < index);
}

void tn_depth_see(tn_depth *depth, const tn_tensor_seen *seen)
{
    const tn_tensor_name *name = seen->name;
    if (seen->step != depth->step) {
        depth->step = seen->step;
        depth->finite = true;
        depth->first.seen = depth->last.seen = false;
    }
    depth->finite = depth->finite && tn_vitals_finite(seen->vitals) == seen->vitals->count;
    tn_depth_end here = {.seen = true, .node_index = name->node_index, .index = seen->index, .norm = tn_vitals_l2(seen->vitals)};
    tn_tensor_label(here.label, name);
    if (!depth->first.seen || !comes_before(&depth->first, name->node_index, seen->index))
        depth->first = here;
    if (!depth->last.seen || comes_before(&depth->last, name->node_index, seen->index))
        depth->last = here;
}

double tn_depth_close(tn_depth *depth)
{
    if (depth->step == 0 || !depth->first.seen)
        return NAN;
    depth->has_one_weight = depth->first.index == depth->last.index;
    if (depth->has_one_weight || !depth->finite || depth->last.norm == 0)
        return NAN;
    depth->ratios[depth->observed++ % TN_DEPTH_WINDOW] = depth->first.norm / depth->last.norm;
    if (depth->observed < TN_DEPTH_OBSERVED_MIN)
        return NAN;
    double sorted[TN_DEPTH_WINDOW];
    size_t count = depth->observed < TN_DEPTH_WINDOW ? depth->observed : TN_DEPTH_WINDOW;
    memcpy(sorted, depth->ratios, count * sizeof *sorted);
    return tn_quantile(sorted, count, 0.5);
}

tn_print tn_print_of(const tn_vitals *vitals)
{
    return (tn_print){vitals->sum, vitals->sum_of_squares, (double)vitals->min, (double)vitals->max};
}

bool tn_print_equal(const tn_print *a, const tn_print *b)
{
    return a->sum == b->sum && a->sum_of_squares == b->sum_of_squares && a->min == b->min && a->max == b->max;
}

double tn_median_and_spread(double *values, size_t count, double *spread)
{
    double median = tn_quantile(values, count, 0.5);
    if (!spread)
        return median;
    for (size_t i = 0; i < count; i++)
        values[i] = fabs(values[i] - median);
    *spread = 1.4826 * tn_quantile(values, count, 0.5);
    return median;
}

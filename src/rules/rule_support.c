/* rule_support.c: see rule_support.h. */
#include "rules/rule_support.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void tn_signal_quiet(tn_signal *signal)
{
    if (signal->state == TN_RULE_QUIET)
        return;
    *signal = (tn_signal){.rule = signal->rule, .state = TN_RULE_QUIET};
}

void tn_tensor_label(char label[96], const tn_tensor_name *name)
{
    snprintf(label, 96, "%s%s%s", name->node, name->parameter ? "." : "", name->parameter ? name->parameter : "");
}

bool tn_tensor_is_activation(const tn_tensor_name *name, const char *op)
{
    return name->role == TN_ROLE_ACTIVATION && name->op && strcmp(name->op, op) == 0;
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

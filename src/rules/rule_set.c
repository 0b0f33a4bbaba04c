/* rule_set.c: all rules on one run. Hands each call of the recorder to every rule that wants it and is not silenced. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "rules/rules.h"

/* Who is told of steps, or of tensors: these are told of so often that looking for it would show. */
typedef struct listeners {
    size_t count;
    uint8_t rules[TN_RULES_MAX];
} listeners;

struct tn_rule_set {
    tn_rule_settings settings;
    tn_signal *signals; /* [tn_rule_count()] */
    void **states;      /* [tn_rule_count()] */
    listeners of_steps, of_tensors;
};

tn_status tn_rule_set_create(const tn_rule_settings *settings, tn_rule_set **set, tn_error *error)
{
    *set = NULL;
    size_t count = tn_rule_count();
    tn_rule_set *created = tn_memory_create(1, sizeof *created);
    if (!created)
        return tn_fail_memory(error, sizeof *created);
    if (settings)
        created->settings = *settings;
    else
        tn_rule_settings_init(&created->settings);
    created->signals = tn_memory_create(count, sizeof *created->signals);
    created->states = tn_memory_create(count, sizeof *created->states);
    if (!created->signals || !created->states) {
        tn_rule_set_destroy(created);
        return tn_fail_memory(error, count * sizeof *created->signals);
    }
    for (size_t i = 0; i < count; i++) {
        const tn_rule *rule = tn_rule_at(i);
        created->signals[i] = (tn_signal){
            .rule = rule->name, .severity = rule->severity, .state = created->settings.silenced[i] ? TN_RULE_OFF : TN_RULE_TOO_FEW_STEPS};
        created->states[i] = tn_memory_create(1, rule->state_size);
        if (!created->states[i]) {
            tn_rule_set_destroy(created);
            return tn_fail_memory(error, rule->state_size);
        }
        if (rule->on_step && !created->settings.silenced[i])
            created->of_steps.rules[created->of_steps.count++] = (uint8_t)i;
        if (rule->on_tensor && !created->settings.silenced[i])
            created->of_tensors.rules[created->of_tensors.count++] = (uint8_t)i;
    }
    *set = created;
    return TN_OK;
}

/* The rule at `index` where it is to be told, else NULL. */
static const tn_rule *awake(const tn_rule_set *set, size_t index)
{
    return set->settings.silenced[index] ? NULL : tn_rule_at(index);
}

static bool on_step(void *context, const tn_step *step)
{
    tn_rule_set *set = context;
    bool going_on = true;
    for (size_t k = 0; k < set->of_steps.count; k++) {
        size_t i = set->of_steps.rules[k];
        if (!tn_rule_at(i)->on_step(set->states[i], set->settings.values[i], &set->signals[i], step))
            going_on = false;
    }
    return going_on;
}

static void on_tensor(void *context, const tn_tensor_seen *seen)
{
    tn_rule_set *set = context;
    for (size_t k = 0; k < set->of_tensors.count; k++) {
        size_t i = set->of_tensors.rules[k];
        tn_rule_at(i)->on_tensor(set->states[i], set->settings.values[i], &set->signals[i], seen);
    }
}

static void on_score(void *context, const tn_score_point *point)
{
    tn_rule_set *set = context;
    for (size_t i = 0; i < tn_rule_count(); i++) {
        const tn_rule *rule = awake(set, i);
        if (rule && rule->on_score)
            rule->on_score(set->states[i], set->settings.values[i], &set->signals[i], point);
    }
}

static void on_data(void *context, const tn_data_summary *data)
{
    tn_rule_set *set = context;
    for (size_t i = 0; i < tn_rule_count(); i++) {
        const tn_rule *rule = awake(set, i);
        if (rule && rule->on_data)
            rule->on_data(set->states[i], set->settings.values[i], &set->signals[i], data);
    }
}

static void on_origin(void *context, const tn_told_origin *origin)
{
    tn_rule_set *set = context;
    for (size_t i = 0; i < tn_rule_count(); i++) {
        const tn_rule *rule = awake(set, i);
        if (rule && rule->on_origin)
            rule->on_origin(set->states[i], set->settings.values[i], &set->signals[i], origin);
    }
}

static void on_end(void *context, uint64_t steps)
{
    tn_rule_set *set = context;
    for (size_t i = 0; i < tn_rule_count(); i++) {
        const tn_rule *rule = awake(set, i);
        if (!rule)
            continue;
        const double *settings = set->settings.values[i];
        tn_signal *signal = &set->signals[i];
        if (rule->on_end)
            rule->on_end(set->states[i], settings, signal, steps);
        if (signal->state == TN_RULE_TOO_FEW_STEPS)
            snprintf(signal->text, sizeof signal->text, "it needs %llu %s", (unsigned long long)rule->needs(settings), rule->needs_what);
    }
}

static size_t count_fired(void *context)
{
    const tn_rule_set *set = context;
    size_t count = 0;
    for (size_t i = 0; i < tn_rule_count(); i++)
        count += set->signals[i].state == TN_RULE_FIRED;
    return count;
}

static bool signal_at(void *context, size_t i, tn_store_signal *kept, bool *fired)
{
    const tn_rule_set *set = context;
    if (i >= tn_rule_count())
        return false;
    const tn_signal *signal = &set->signals[i];
    *kept = (tn_store_signal){
        .rule = signal->rule,
        .severity = tn_signal_severity_name(signal->severity),
        .tensor = signal->tensor,
        .text = signal->text,
        .step = signal->step,
        .value = signal->value,
        .threshold = signal->threshold,
    };
    *fired = signal->state == TN_RULE_FIRED;
    return true;
}

tn_observer tn_rule_set_observer(tn_rule_set *set)
{
    return (tn_observer){.context = set,
                         .on_step = on_step,
                         .on_tensor = on_tensor,
                         .on_score = on_score,
                         .on_data = on_data,
                         .on_origin = on_origin,
                         .on_end = on_end,
                         .may_lag = true,
                         .fired = count_fired,
                         .signal_at = signal_at};
}

const tn_signal *tn_rule_set_signal(const tn_rule_set *set, const char *rule)
{
    size_t index = tn_rule_index(rule);
    return index < tn_rule_count() ? &set->signals[index] : NULL;
}

void tn_rule_set_destroy(tn_rule_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; set->states && i < tn_rule_count(); i++)
        tn_memory_destroy(set->states[i]);
    tn_memory_destroy(set->states);
    tn_memory_destroy(set->signals);
    tn_memory_destroy(set);
}

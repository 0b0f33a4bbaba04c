/* fix_table.c: the proposers of candidate fixes; a new one is a file and a row here. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "experiments/fixes/fix.h"
#include "experiments/fixes/net_reader.h"

static tn_fix_propose_fn *const table[] = {
    tn_fix_propose_input_scale, tn_fix_propose_label_scale,   tn_fix_propose_init,     tn_fix_propose_output, tn_fix_propose_loss,
    tn_fix_propose_activation,  tn_fix_propose_depth,         tn_fix_propose_capacity, tn_fix_propose_frozen, tn_fix_propose_regularization,
    tn_fix_propose_solver,      tn_fix_propose_learning_rate, tn_fix_propose_program,  tn_fix_propose_data,   tn_fix_propose_generalization,
};

void tn_fixes_propose(const tn_fix_case *about, tn_fix_list *list)
{
    list->count = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        table[i](about, list);
}

uint32_t tn_fix_needs(const tn_fix *fix)
{
    return fix->knobs.set | (fix->patch ? (uint32_t)TN_KNOB_PATCH : 0);
}

void tn_fixes_split(const tn_investigation *investigation, tn_fix_list *list, tn_fix_list *untried)
{
    size_t kept = 0;
    untried->count = 0;
    for (size_t i = 0; i < list->count; i++) {
        bool can = (tn_fix_needs(&list->fixes[i]) & ~investigation->facts->knobs) == 0;
        if (can)
            list->fixes[kept++] = list->fixes[i];
        else
            untried->fixes[untried->count++] = list->fixes[i];
    }
    list->count = kept;
}

void tn_fixes_deinit(tn_fix_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        json_decref(list->fixes[i].patch);
    list->count = 0;
}

/* What a candidate starts with in the race where its proposer says no more. */
static const double PRIOR = 0.3;

static tn_fix *add(tn_fix_list *list, bool fits, const tn_fix *fix, const char *format, va_list arguments)
{
    tn_fix *place = fits && list->count < TN_FIXES_MAX ? &list->fixes[list->count++] : &list->spare;
    *place = *fix;
    if (place == &list->spare) {
        json_decref(fix->patch);
        place->patch = NULL;
    }
    vsnprintf(place->text, sizeof place->text, format, arguments);
    return place;
}

tn_fix *tn_fix_add_knobs(tn_fix_list *list, tn_cause_id cause, uint32_t knobs, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tn_fix fix = {.cause = cause, .other_cause = cause, .general = true, .prior = PRIOR, .cost = 1, .knobs = {.set = knobs}};
    tn_fix *added = add(list, true, &fix, format, arguments);
    va_end(arguments);
    return added;
}

tn_fix *tn_fix_add_patch(tn_fix_list *list, tn_cause_id cause, json_t *patch, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tn_fix fix = {.cause = cause, .other_cause = cause, .prior = PRIOR, .cost = 1, .patch = patch};
    bool is_broken = !patch || json_object_get(patch, TN_PATCH_BROKEN);
    list->failed = list->failed || is_broken;
    tn_fix *added = add(list, !is_broken && json_object_size(patch) > 0, &fix, format, arguments);
    va_end(arguments);
    return added;
}

/* Copies the values of the knobs that `change` sets; steps, seed and patch are the caller's. */
static void overlay(tn_knobs *knobs, const tn_knobs *change)
{
    if (change->set & TN_KNOB_BATCH_SIZE)
        knobs->batch_size = change->batch_size;
    if (change->set & TN_KNOB_LEARNING_RATE)
        knobs->learning_rate = change->learning_rate;
    if (change->set & TN_KNOB_CLIP_NORM)
        knobs->clip_norm = change->clip_norm;
    if (change->set & TN_KNOB_INPUT_SCALE)
        knobs->input_scale = change->input_scale;
    if (change->set & TN_KNOB_LABEL_SCALE)
        knobs->label_scale = change->label_scale;
    if (change->set & TN_KNOB_INIT_SCALE)
        knobs->init_scale = change->init_scale;
    if (change->set & TN_KNOB_OPTIMIZER)
        knobs->optimizer = change->optimizer;
    knobs->set |= change->set;
}

bool tn_fix_add_pair(tn_fix_list *list, const tn_fix *first, const tn_fix *second)
{
    if (list->count >= TN_FIXES_MAX || first->cause == second->cause || (first->knobs.set & second->knobs.set) != 0)
        return false;
    tn_fix pair = *first;
    if (first->patch && second->patch) {
        /* Both are changes of the subject as given, so either may be made first. */
        bool reverse = tn_patches_clash(first->patch, second->patch);
        const json_t *before = reverse ? second->patch : first->patch, *after = reverse ? first->patch : second->patch;
        if (tn_patches_clash(before, after))
            return false;
        pair.patch = tn_patch_merge(before, after);
        if (!pair.patch) {
            list->failed = true;
            return false;
        }
    } else {
        pair.patch = json_incref(first->patch ? first->patch : second->patch);
    }
    pair.other_cause = second->cause;
    pair.general = first->general && second->general;
    pair.prior = fmin(first->prior, second->prior);
    pair.cost = first->cost * second->cost;
    overlay(&pair.knobs, &second->knobs);
    snprintf(pair.text, sizeof pair.text, "%.116s, and %.116s", first->text, second->text);
    list->fixes[list->count++] = pair;
    return true;
}

void tn_fix_apply(const tn_investigation *investigation, const tn_fix *fix, tn_knobs *knobs)
{
    double steps = (double)knobs->steps * fix->cost;
    if (fix->knobs.set & TN_KNOB_BATCH_SIZE)
        steps *= (double)investigation->facts->batch_size / (double)fix->knobs.batch_size;
    knobs->steps = (uint64_t)fmax(1, ceil(steps));
    overlay(knobs, &fix->knobs);
    if (fix->patch) {
        knobs->set |= TN_KNOB_PATCH;
        knobs->patch = fix->patch;
    }
}

json_t *tn_fix_as_patch(tn_investigation *investigation, const tn_fix *fix)
{
    json_t *patch = tn_json_checked(investigation, fix->patch ? json_deep_copy(fix->patch) : json_object());
    const tn_knobs *knobs = &fix->knobs;
    if (knobs->set & TN_KNOB_LEARNING_RATE)
        tn_json_set(investigation, patch, "solver.learning_rate", json_real(knobs->learning_rate));
    if (knobs->set & TN_KNOB_CLIP_NORM)
        tn_json_set(investigation, patch, "solver.clip_norm", json_real(knobs->clip_norm));
    if (knobs->set & TN_KNOB_BATCH_SIZE)
        tn_json_set(investigation, patch, "solver.batch_size", json_integer((json_int_t)knobs->batch_size));
    if (knobs->set & TN_KNOB_OPTIMIZER)
        tn_json_set(investigation, patch, "solver.opt", json_string(knobs->optimizer));
    if (knobs->set & TN_KNOB_INPUT_SCALE)
        tn_json_set(investigation, patch, "data.input.scale", json_string(knobs->input_scale));
    if (knobs->set & TN_KNOB_LABEL_SCALE)
        tn_json_set(investigation, patch, "data.label.scale", json_string(knobs->label_scale));
    if (knobs->set & TN_KNOB_INIT_SCALE)
        tn_json_set(investigation, patch, "init.scale", json_real(knobs->init_scale));
    if (fix->cost > 1 || fix->cost < 1)
        tn_json_set(investigation, patch, "solver.steps",
                    json_integer((json_int_t)fmax(1, ceil((double)tn_investigation_length(investigation) * fix->cost))));
    return patch;
}

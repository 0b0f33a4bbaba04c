/* native_knobs.c: knobs become a patch of the hypes. The user's own patch comes first, then all knobs as one more.
 *
 * A knob counts as applied where the finished hypes hold its value: what the engine is then built from. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "subject/native.h"

/* Settings of optimizers that go when the optimizer changes. weight_decay stays: it is the user's choice about the network. */
static const char *const OPTIMIZER_SETTINGS[] = {"solver.momentum", "solver.nesterov", "solver.beta1",
                                                 "solver.beta2",    "solver.epsilon",  "solver.rho"};

enum { TURNS_MAX = 16 };

/* A patch that is being made. */
typedef struct turner {
    const tn_knobs *knobs;
    json_t *patch;
    tn_status status;
    tn_error *error;
    size_t count;
    struct {
        tn_knob knob;
        const char *path;
    } turns[TURNS_MAX];
} turner;

static void set(turner *t, tn_knob knob, const char *path, json_t *value)
{
    if (json_object_set_new(t->patch, path, value) != 0) {
        if (t->status == TN_OK)
            t->status = tn_fail_memory(t->error, 64);
        return;
    }
    t->turns[t->count].knob = knob;
    t->turns[t->count++].path = path;
}

static void set_integer(turner *t, tn_knob knob, const char *path, uint64_t value)
{
    if (!(t->knobs->set & (uint32_t)knob))
        return;
    if (value <= INT64_MAX)
        set(t, knob, path, json_integer((json_int_t)value));
    else if (t->status == TN_OK)
        t->status =
            tn_fail(t->error, TN_ERROR_HYPES, "the knob for %s is %llu; expected at most 2^63 - 1", path, (unsigned long long)value);
}

static void set_number(turner *t, tn_knob knob, const char *path, double value)
{
    if (!(t->knobs->set & (uint32_t)knob))
        return;
    if (isfinite(value))
        set(t, knob, path, json_real(value));
    else if (t->status == TN_OK)
        t->status = tn_fail(t->error, TN_ERROR_HYPES, "the knob for %s is %g; expected a finite number", path, value);
}

static void set_name(turner *t, tn_knob knob, const char *path, const char *name)
{
    if (!(t->knobs->set & (uint32_t)knob))
        return;
    if (name)
        set(t, knob, path, json_string(name));
    else if (t->status == TN_OK)
        t->status = tn_fail(t->error, TN_ERROR_HYPES, "the knob for %s has no value; expected a name", path);
}

/* Another optimizer starts from its own defaults, at the learning rate that stood there. */
static void set_optimizer(turner *t, const tn_hypes *hypes)
{
    const tn_knobs *knobs = t->knobs;
    set_name(t, TN_KNOB_OPTIMIZER, "solver.opt", knobs->optimizer);
    if (!(knobs->set & TN_KNOB_OPTIMIZER) || t->status != TN_OK)
        return;
    if (!(knobs->set & TN_KNOB_LEARNING_RATE))
        set(t, TN_KNOB_OPTIMIZER, "solver.learning_rate", json_real(tn_hypes_number(hypes, "solver.learning_rate")));
    for (size_t i = 0; i < sizeof OPTIMIZER_SETTINGS / sizeof OPTIMIZER_SETTINGS[0]; i++) {
        json_t *removal = tn_hypes_given(hypes, OPTIMIZER_SETTINGS[i]) ? json_pack("{s:b}", "$remove", 1) : NULL;
        if (tn_hypes_given(hypes, OPTIMIZER_SETTINGS[i]) && json_object_set_new(t->patch, OPTIMIZER_SETTINGS[i], removal) != 0)
            t->status = tn_fail_memory(t->error, 64);
    }
}

static void turn_all(turner *t, const tn_hypes *hypes)
{
    const tn_knobs *knobs = t->knobs;
    set_integer(t, TN_KNOB_STEPS, "solver.steps", knobs->steps);
    set_integer(t, TN_KNOB_SEED, "solver.seed", knobs->seed);
    set_number(t, TN_KNOB_LEARNING_RATE, "solver.learning_rate", knobs->learning_rate);
    set_integer(t, TN_KNOB_BATCH_SIZE, "solver.batch_size", knobs->batch_size);
    set_integer(t, TN_KNOB_SAMPLES, "data.samples", knobs->samples);
    if (knobs->set & TN_KNOB_SHUFFLE_LABELS)
        set(t, TN_KNOB_SHUFFLE_LABELS, "data.shuffle_labels", json_true());
    set_name(t, TN_KNOB_INPUT_SCALE, "data.input.scale", knobs->input_scale);
    set_name(t, TN_KNOB_LABEL_SCALE, "data.label.scale", knobs->label_scale);
    set_number(t, TN_KNOB_INIT_SCALE, "init.scale", knobs->init_scale);
    set_number(t, TN_KNOB_CLIP_NORM, "solver.clip_norm", knobs->clip_norm);
    set_optimizer(t, hypes);
    if (knobs->set & TN_KNOB_DECAY)
        set(t, TN_KNOB_DECAY, "solver.decay", json_null());
}

static bool same_value(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return a && b ? json_equal(a, b) == 1 : json_is_null(a) && !b;
}

/* The knobs all of whose values stand in the hypes. */
static uint32_t acknowledge(const turner *t, const tn_hypes *hypes)
{
    uint32_t applied = t->knobs->set;
    for (size_t i = 0; i < t->count; i++) {
        const char *path = t->turns[i].path;
        if (!same_value(json_object_get(t->patch, path), tn_hypes_value(hypes, path)))
            applied &= ~(uint32_t)t->turns[i].knob;
    }
    return applied;
}

/* The patch is copied: trials that run side by side may share one, and their references may not be counted by two threads. */
static char *record_of(const tn_knobs *knobs, json_t *patch)
{
    json_t *given = knobs->set & TN_KNOB_PATCH && knobs->patch ? json_deep_copy(knobs->patch) : json_object();
    json_t *record = json_pack("{s:O,s:o}", "knobs", patch, "patch", given);
    char *text = record ? json_dumps(record, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(record);
    return text;
}

static tn_status apply(const tn_hypes *base, turner *t, tn_turned *turned)
{
    turn_all(t, base);
    if (t->status != TN_OK)
        return t->status;
    tn_status status = tn_hypes_patch(base, t->patch, &turned->hypes, t->error);
    if (status != TN_OK)
        return status;
    turned->acknowledged = acknowledge(t, turned->hypes);
    turned->record = record_of(t->knobs, t->patch);
    return turned->record ? TN_OK : tn_fail_memory(t->error, 256);
}

tn_status tn_native_turn(const tn_hypes *base, const tn_knobs *knobs, tn_turned *turned, tn_error *error)
{
    *turned = (tn_turned){0};
    tn_hypes *patched = NULL;
    tn_status status = TN_OK;
    if (knobs->set & TN_KNOB_PATCH)
        status = tn_hypes_patch(base, knobs->patch, &patched, error);
    turner t = {.knobs = knobs, .patch = json_object(), .error = error};
    if (status == TN_OK)
        status = t.patch ? apply(patched ? patched : base, &t, turned) : tn_fail_memory(error, 64);
    json_decref(t.patch);
    tn_hypes_destroy(patched);
    return status;
}

void tn_turned_deinit(tn_turned *turned)
{
    tn_hypes_destroy(turned->hypes);
    free(turned->record);
    *turned = (tn_turned){0};
}

/* outcome.c: outcomes and evidence as JSON; see investigation.h. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "experiments/investigation.h"

const char *tn_verdict_name(tn_verdict verdict)
{
    static const char *const names[] = {"inconclusive", "pass", "fail"};
    return names[verdict];
}

void tn_outcome_init(tn_outcome *outcome)
{
    *outcome = (tn_outcome){.evidence = json_array(), .trials = json_array(), .result = json_object()};
}

void tn_outcome_deinit(tn_outcome *outcome)
{
    json_decref(outcome->evidence);
    json_decref(outcome->trials);
    json_decref(outcome->result);
    *outcome = (tn_outcome){0};
}

void tn_outcome_conclude(tn_outcome *outcome, tn_verdict verdict, const char *format, ...)
{
    outcome->verdict = verdict;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(outcome->summary, sizeof outcome->summary, format, arguments);
    va_end(arguments);
}

json_t *tn_json_checked(tn_investigation *investigation, json_t *value)
{
    if (!value)
        investigation->out_of_memory = true;
    return value;
}

void tn_json_set(tn_investigation *investigation, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        investigation->out_of_memory = true;
}

void tn_json_append(tn_investigation *investigation, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        investigation->out_of_memory = true;
}

json_t *tn_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

void tn_evidence_add(tn_investigation *investigation, json_t *list, double value, double threshold, const char *source, const char *format,
                     ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_t *entry = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, entry, "text", json_string(text));
    tn_json_set(investigation, entry, "value", tn_json_number(value));
    tn_json_set(investigation, entry, "threshold", tn_json_number(threshold));
    tn_json_set(investigation, entry, "source", source ? json_string(source) : json_null());
    tn_json_append(investigation, list, entry);
}

static json_t *knobs_json(tn_investigation *investigation, const tn_knobs *knobs)
{
    const struct {
        tn_knob knob;
        const char *name;
        double value;
    } numbers[] = {
        {TN_KNOB_STEPS, "steps", (double)knobs->steps},
        {TN_KNOB_SEED, "seed", (double)knobs->seed},
        {TN_KNOB_LEARNING_RATE, "learning_rate", knobs->learning_rate},
        {TN_KNOB_BATCH_SIZE, "batch_size", (double)knobs->batch_size},
        {TN_KNOB_SAMPLES, "samples", (double)knobs->samples},
        {TN_KNOB_INIT_SCALE, "init_scale", knobs->init_scale},
        {TN_KNOB_CLIP_NORM, "clip_norm", knobs->clip_norm},
    };
    const struct {
        tn_knob knob;
        const char *name, *value;
    } words[] = {
        {TN_KNOB_INPUT_SCALE, "input_scale", knobs->input_scale},
        {TN_KNOB_LABEL_SCALE, "label_scale", knobs->label_scale},
        {TN_KNOB_OPTIMIZER, "optimizer", knobs->optimizer},
        {TN_KNOB_DECAY, "decay", "off"},
    };
    json_t *object = tn_json_checked(investigation, json_object());
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (knobs->set & numbers[i].knob)
            tn_json_set(investigation, object, numbers[i].name, tn_json_number(numbers[i].value));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (knobs->set & words[i].knob)
            tn_json_set(investigation, object, words[i].name, json_string(words[i].value));
    if (knobs->set & TN_KNOB_SHUFFLE_LABELS)
        tn_json_set(investigation, object, "shuffle_labels", json_true());
    if (knobs->set & TN_KNOB_PATCH)
        tn_json_set(investigation, object, "patch", json_deep_copy(knobs->patch));
    return object;
}

/* The losses in at most CURVE_POINTS means, each at the last of its steps: for a picture, and never so long that a report of many trials grows out of hand. */
enum { CURVE_POINTS = 48 };

static json_t *curve_json(tn_investigation *investigation, const tn_trial_result *result)
{
    json_t *curve = tn_json_checked(investigation, json_object()), *steps = tn_json_checked(investigation, json_array()),
           *losses = tn_json_checked(investigation, json_array());
    uint64_t points = result->steps < CURVE_POINTS ? result->steps : CURVE_POINTS;
    for (uint64_t i = 0; i < points; i++) {
        uint64_t first = result->steps * i / points, last = result->steps * (i + 1) / points;
        tn_json_append(investigation, steps, json_integer((json_int_t)last));
        tn_json_append(investigation, losses, tn_json_number(tn_trial_mean_loss(result, first, last)));
    }
    tn_json_set(investigation, curve, "step", steps);
    tn_json_set(investigation, curve, "loss", losses);
    return curve;
}

json_t *tn_trial_json(tn_investigation *investigation, const tn_trial_request *request, const tn_trial_result *result)
{
    json_t *entry = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, entry, "knobs", knobs_json(investigation, &request->knobs));
    tn_json_set(investigation, entry, "end", json_string(tn_trial_end_name(result->end)));
    if (result->end == TN_TRIAL_REFUSED)
        tn_json_set(investigation, entry, "reason", json_string(result->error.message));
    if (result->end == TN_TRIAL_NONFINITE)
        tn_json_set(investigation, entry, "nonfinite_step", json_integer((json_int_t)result->nonfinite_step));
    tn_json_set(investigation, entry, "steps", json_integer((json_int_t)result->steps));
    tn_json_set(investigation, entry, "samples", json_integer((json_int_t)result->samples));
    if (result->steps > 0) {
        tn_json_set(investigation, entry, "first_loss", tn_json_number(result->losses[0]));
        tn_json_set(investigation, entry, "last_loss", tn_json_number(result->losses[result->steps - 1]));
        tn_json_set(investigation, entry, "curve", curve_json(investigation, result));
    }
    tn_json_set(investigation, entry, "score", tn_json_number(tn_trial_score(result)));
    tn_json_set(investigation, entry, "train_score", tn_json_number(tn_trial_train_score(result)));
    return entry;
}

void tn_outcome_add_trial(tn_investigation *investigation, tn_outcome *outcome, const tn_trial_request *request,
                          const tn_trial_result *result)
{
    tn_json_append(investigation, outcome->trials, tn_trial_json(investigation, request, result));
}

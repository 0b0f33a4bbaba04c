/* investigation.c: the start and end of an investigation, its budget and its progress; see investigation.h. Trials stand in trials.c, JSON in outcome.c. */
#include "experiments/investigation.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "experiments/look.h"
#include "experiments/trials_kept.h"

tn_status tn_investigation_init(tn_investigation *investigation, tn_subject *subject, const tn_debug_options *options, tn_error *error)
{
    *investigation = (tn_investigation){
        .subject = subject,
        .facts = tn_subject_facts_of(subject),
        .hypes = tn_subject_hypes(subject),
        .options = options,
        .start_ns = tn_clock_ns(),
        .activity = "starting",
        .rates = {.clean = NAN, .boundary = NAN, .steepest = NAN},
    };
    if (options->budget_seconds > 0)
        investigation->deadline_ns = investigation->start_ns + (uint64_t)(options->budget_seconds * 1e9);
    tn_status status = tn_pool_create(options->threads, &investigation->pool, error);
    if (status == TN_OK && options->resumes && options->store)
        status = tn_results_kept_open(options->store, investigation->facts->name, &investigation->kept, error);
    return status;
}

void tn_investigation_deinit(tn_investigation *investigation)
{
    tn_pool_destroy(investigation->pool);
    investigation->pool = NULL;
    tn_results_kept_close(investigation->kept);
    investigation->kept = NULL;
    if (investigation->kept_look)
        tn_look_deinit(investigation->kept_look);
    tn_memory_destroy(investigation->kept_look);
    investigation->kept_look = NULL;
    json_decref(investigation->origin.where);
    json_decref(investigation->origin.guard);
    investigation->origin = (tn_known_origin){0};
}

double tn_investigation_setting(const tn_investigation *investigation, const char *key, double otherwise)
{
    char path[64] = "debug.";
    if (!investigation->hypes || strlen(key) + sizeof "debug." > sizeof path)
        return otherwise;
    strcat(path, key);
    const json_t *value = tn_hypes_value(investigation->hypes, path);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

uint64_t tn_investigation_length(const tn_investigation *investigation)
{
    return investigation->facts->steps_total > 0 ? investigation->facts->steps_total : investigation->own_steps;
}

/* Knobs in words, the likeliest to be missed first. */
static const struct {
    tn_knob knob;
    const char *words;
} KNOBS[] = {
    {TN_KNOB_LEARNING_RATE, "the learning rate"},
    {TN_KNOB_BATCH_SIZE, "the batch size"},
    {TN_KNOB_SAMPLES, "the number of samples"},
    {TN_KNOB_SHUFFLE_LABELS, "the order of the labels"},
    {TN_KNOB_INPUT_SCALE, "the scale of the inputs"},
    {TN_KNOB_LABEL_SCALE, "the scale of the targets"},
    {TN_KNOB_INIT_SCALE, "the scale of the initial weights"},
    {TN_KNOB_CLIP_NORM, "gradient clipping"},
    {TN_KNOB_OPTIMIZER, "the optimizer"},
    {TN_KNOB_DECAY, "the decay of the learning rate"},
    {TN_KNOB_PATCH, "the network"},
    {TN_KNOB_SEED, "the seed"},
    {TN_KNOB_STEPS, "the number of steps"},
};

/* Of the knobs that the subject cannot turn the first: its words, and in *why its reason or NULL. NULL where it can turn all. */
static const char *find_missing(const tn_subject_facts *facts, uint32_t knobs, const char **why)
{
    for (size_t i = 0; i < sizeof KNOBS / sizeof *KNOBS; i++) {
        if (!(knobs & ~facts->knobs & (uint32_t)KNOBS[i].knob))
            continue;
        *why = json_string_value(json_object_get(facts->refused, tn_knob_name(KNOBS[i].knob)));
        return KNOBS[i].words;
    }
    return NULL;
}

const char *tn_investigation_refusal(const tn_investigation *investigation, uint32_t knobs)
{
    const char *why = NULL, *words = find_missing(investigation->facts, knobs, &why);
    return why ? why : words;
}

bool tn_investigation_can(const tn_investigation *investigation, uint32_t knobs, bool scored, tn_outcome *outcome)
{
    const tn_subject_facts *facts = investigation->facts;
    const char *why = NULL, *words = find_missing(facts, knobs, &why);
    if (words) {
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "%s cannot be turned from outside%s%s", words, why ? ": " : "",
                            why ? why : "");
        return false;
    }
    if (scored && facts->unscored) {
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "there is no score to tell whether it learns%s%s",
                            facts->score_note ? ": " : "", facts->score_note ? facts->score_note : "");
        return false;
    }
    return true;
}

void tn_investigation_expect(tn_investigation *investigation, uint64_t steps, const char *activity)
{
    investigation->announced_steps += steps;
    if (investigation->announced_steps > investigation->planned_steps)
        investigation->planned_steps = investigation->announced_steps;
    investigation->activity = activity;
}

/* experiment_scale.c: does another scale of the inputs or the targets train better? (PROTOCOL C4)
 *
 * Networks are not invariant to the scale of their inputs under SGD. From the same initial state the subject runs as given, with inputs standardised and brought into 0 .. 1, and,
 * in a regression, with targets likewise; the scores tell. Scores are in original units, so no scale is favoured. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "experiments/experiment.h"
#include "experiments/look.h"

typedef struct scaling {
    const char *input, *label; /* NULL: as given */
    const char *words;
} scaling;

static const scaling SCALINGS[] = {
    {NULL, NULL, "as given"},
    {"standardize", NULL, "inputs of mean 0 and standard deviation 1"},
    {"minmax", NULL, "inputs between 0 and 1"},
    {NULL, "standardize", "targets of mean 0 and standard deviation 1"},
    {NULL, "minmax", "targets between 0 and 1"},
    {"standardize", "standardize", "inputs and targets of mean 0 and standard deviation 1"},
};

enum { SCALINGS_COUNT = sizeof SCALINGS / sizeof *SCALINGS };

static uint32_t knobs_of(const scaling *tried)
{
    return (tried->input ? (uint32_t)TN_KNOB_INPUT_SCALE : 0) | (tried->label ? (uint32_t)TN_KNOB_LABEL_SCALE : 0);
}

/* The scalings that fit the subject: targets are scaled in a regression only. */
static size_t choose(const tn_subject_facts *facts, const scaling *chosen[SCALINGS_COUNT])
{
    size_t count = 0;
    for (size_t i = 0; i < SCALINGS_COUNT; i++) {
        bool fits = !SCALINGS[i].label || facts->task == TN_SUBJECT_REGRESSION;
        if (fits && (knobs_of(&SCALINGS[i]) & ~facts->knobs) == 0)
            chosen[count++] = &SCALINGS[i];
    }
    return count;
}

static void record(tn_investigation *investigation, tn_outcome *outcome, json_t *scales, const scaling *tried, double score)
{
    json_t *entry = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, entry, "input", tried->input ? json_string(tried->input) : json_null());
    tn_json_set(investigation, entry, "label", tried->label ? json_string(tried->label) : json_null());
    tn_json_set(investigation, entry, "score", tn_json_number(score));
    tn_json_append(investigation, scales, entry);
    tn_evidence_add(investigation, outcome->evidence, score, NAN, "PROTOCOL C4", "%s: score %.2f", tried->words, score);
}

static void conclude(tn_outcome *outcome, double given, const scaling *best, double best_score)
{
    if (best && tn_standing_is_dramatic(given, best_score))
        tn_outcome_conclude(outcome, TN_VERDICT_FAIL, "%s score %.2f, as given %.2f: the scale matters here", best->words, best_score,
                            given);
    else
        tn_outcome_conclude(outcome, TN_VERDICT_PASS, "no other scale is dramatically better than as given (score %.2f)", given);
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    const scaling *chosen[SCALINGS_COUNT];
    size_t count = choose(investigation->facts, chosen);
    if (count < 2 && !tn_investigation_can(investigation, TN_KNOB_INPUT_SCALE, true, outcome))
        return TN_OK;
    if (!tn_investigation_can(investigation, 0, true, outcome))
        return TN_OK;
    tn_trial_request requests[SCALINGS_COUNT];
    tn_trial_result results[SCALINGS_COUNT];
    uint64_t steps = tn_look_steps(investigation);
    for (size_t i = 0; i < count; i++) {
        requests[i] = tn_trial_as_given("scale", steps);
        requests[i].knobs.set |= knobs_of(chosen[i]);
        requests[i].knobs.input_scale = chosen[i]->input;
        requests[i].knobs.label_scale = chosen[i]->label;
    }
    tn_investigation_expect(investigation, count * steps, "other scales of inputs and targets");
    tn_status status = tn_trials_run(investigation, requests, results, count, error);
    json_t *scales = tn_json_checked(investigation, json_array());
    tn_json_set(investigation, outcome->result, "scales", scales);
    double given = NAN, best_score = -INFINITY;
    const scaling *best = NULL;
    for (size_t i = 0; i < count && status == TN_OK; i++) {
        tn_outcome_add_trial(investigation, outcome, &requests[i], &results[i]);
        if (!tn_trial_is_valid(&requests[i], &results[i]))
            continue;
        double score = tn_trial_standing(investigation, &results[i]);
        record(investigation, outcome, scales, chosen[i], score);
        if (i == 0) {
            given = score;
        } else if (score > best_score) {
            best = chosen[i];
            best_score = score;
        }
    }
    if (status == TN_OK && !isnan(given))
        conclude(outcome, given, best, best_score);
    tn_trials_deinit(results, count);
    return status;
}

const tn_experiment tn_experiment_scale = {
    .info = {"scale", "scale", "C4", "does another scale of the inputs or the targets train better?"},
    .why = "networks are not invariant to the scale of their inputs, and a few trials tell",
    .run = run,
};

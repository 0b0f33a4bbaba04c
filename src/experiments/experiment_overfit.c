/* experiment_overfit.c: can it learn ten samples by heart? (PROTOCOL B2, B3)
 *
 * A working network memorises 10 samples within a few hundred steps; then 100, 1,000 and so on. The verdict differs by the rung at which it fails. At a failing rung two more
 * trials ask why (B3): batch size 1 (if that cures it, the computation across the batch is suspect) and permuted labels (if those are learnt as badly, the failure is not in
 * the data). A rung that is all the data is the training itself, and is left to it.
 *
 * Where windows of a text begin in the state that the one before left (solver.carry_state), they are learnt without it here: samples are scored one by one, each from a state of 0, and what was learnt by
 * heart with another state at its beginning would seem not to be. */
#include <math.h>

#include "experiments/experiment.h"

/* A rung is passed at this score on its own samples (0 trivial, 1 perfect), in evaluation mode. Not 1, since dropout and label noise leave a rest. */
static const double PASSED_SCORE = 0.9;

/* Larger rungs may take longer: steps of rung 10 times this for each further rung. */
enum { FIRST_RUNG = 10, RUNG_FACTOR = 10, STEPS_FACTOR = 2, SCORE_EVERY = 25, RUNGS_MAX = 4 };

typedef struct sample_rung {
    uint64_t samples, steps;
    double score;
    bool passed, valid;
    bool lost; /* ended early, its loss far above the initial one */
} sample_rung;

/* What is changed of the training as given, a new reference; NULL: nothing. */
static json_t *own_patch(tn_investigation *investigation)
{
    const tn_hypes *hypes = investigation->facts->is_program ? NULL : investigation->hypes;
    bool carries = hypes && json_is_true(tn_hypes_value(hypes, "solver.carry_state"));
    return carries ? tn_json_checked(investigation, json_pack("{s:b}", "solver.carry_state", 0)) : NULL;
}

/* patch is borrowed for as long as the request. */
static tn_trial_request rung_request(uint64_t samples, uint64_t steps, const json_t *patch)
{
    tn_trial_request request = tn_trial_as_given("overfit", steps);
    request.knobs.set |= TN_KNOB_SAMPLES;
    request.knobs.samples = samples;
    request.knobs.set |= patch ? (uint32_t)TN_KNOB_PATCH : 0;
    request.knobs.patch = patch;
    request.score_every = SCORE_EVERY;
    request.train_scores_only = true;
    request.stop_at_train_score = PASSED_SCORE;
    return request;
}

static double best_train_score(const tn_trial_result *result)
{
    double best = -INFINITY;
    for (size_t i = 0; i < result->score_count; i++)
        best = fmax(best, result->scores[i].train_score);
    return best;
}

static tn_status try_rung(tn_investigation *investigation, tn_outcome *outcome, const tn_trial_request *request, sample_rung *rung,
                          tn_error *error)
{
    tn_trial_result result;
    tn_status status = tn_trials_run(investigation, request, &result, 1, error);
    if (status == TN_OK) {
        rung->samples = request->knobs.samples;
        rung->steps = result.steps;
        rung->valid = tn_trial_is_valid(request, &result);
        rung->score = best_train_score(&result);
        rung->lost = result.end == TN_TRIAL_STOPPED;
        rung->passed = rung->valid && rung->score >= PASSED_SCORE;
        tn_outcome_add_trial(investigation, outcome, request, &result);
    }
    tn_trial_result_deinit(&result);
    return status;
}

static json_t *rung_json(tn_investigation *investigation, const sample_rung *rung)
{
    json_t *entry = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, entry, "samples", json_integer((json_int_t)rung->samples));
    tn_json_set(investigation, entry, "steps", json_integer((json_int_t)rung->steps));
    tn_json_set(investigation, entry, "score", tn_json_number(rung->score));
    tn_json_set(investigation, entry, "passed", json_boolean(rung->passed));
    return entry;
}

/* PROTOCOL B3 at the rung that failed. */
static tn_status ask_why(tn_investigation *investigation, tn_outcome *outcome, const tn_trial_request *failed, tn_error *error)
{
    sample_rung single = {0}, permuted = {0};
    tn_trial_request request = *failed;
    request.knobs.set |= TN_KNOB_BATCH_SIZE;
    request.knobs.batch_size = 1;
    tn_status status = try_rung(investigation, outcome, &request, &single, error);
    if (status != TN_OK)
        return status;
    request = *failed;
    request.knobs.set |= TN_KNOB_SHUFFLE_LABELS;
    status = try_rung(investigation, outcome, &request, &permuted, error);
    if (status != TN_OK)
        return status;
    if (single.valid) {
        tn_json_set(investigation, outcome->result, "batch_size_1", rung_json(investigation, &single));
        tn_evidence_add(investigation, outcome->evidence, single.score, PASSED_SCORE, "PROTOCOL B3",
                        "with batch size 1 the score on %llu samples is %.2f: %s", (unsigned long long)single.samples, single.score,
                        single.passed ? "the failure vanishes, so the size of the batch (or a computation across it) matters"
                                      : "it fails just so");
    }
    if (permuted.valid) {
        tn_json_set(investigation, outcome->result, "permuted_labels", rung_json(investigation, &permuted));
        tn_evidence_add(investigation, outcome->evidence, permuted.score, PASSED_SCORE, "PROTOCOL B3",
                        "with permuted labels the score on %llu samples is %.2f: %s", (unsigned long long)permuted.samples, permuted.score,
                        permuted.passed ? "these it does learn, so look at the labels of these samples"
                                        : "no better, so the labels of these samples are not what stops it");
    }
    return TN_OK;
}

static tn_status climb(tn_investigation *investigation, const json_t *patch, tn_outcome *outcome, tn_error *error)
{
    uint64_t steps = (uint64_t)tn_investigation_setting(investigation, "overfit_steps", 1000);
    uint64_t known = investigation->facts->train_samples, all = known > 0 ? known : UINT64_MAX,
             rungs_max = (uint64_t)tn_investigation_setting(investigation, "overfit_rungs", 2);
    if (!tn_investigation_can(investigation, TN_KNOB_SAMPLES, true, outcome))
        return TN_OK;
    json_t *rungs = tn_json_checked(investigation, json_array());
    tn_json_set(investigation, outcome->result, "rungs", rungs);
    tn_investigation_expect(investigation, steps, "learning ten samples by heart");
    sample_rung last = {0};
    uint64_t samples = FIRST_RUNG;
    for (uint64_t i = 0; i < rungs_max && i < RUNGS_MAX; i++, samples *= RUNG_FACTOR, steps *= STEPS_FACTOR) {
        /* Fewer samples than the first rung in all: they are the rung. */
        tn_trial_request request = rung_request(samples < all ? samples : all, steps, patch);
        tn_status status = try_rung(investigation, outcome, &request, &last, error);
        if (status != TN_OK)
            return status;
        if (!last.valid)
            return TN_OK;
        tn_json_append(investigation, rungs, rung_json(investigation, &last));
        tn_evidence_add(investigation, outcome->evidence, last.score, PASSED_SCORE, "PROTOCOL B2",
                        "%llu samples: score %.2f after %llu steps, %s", (unsigned long long)last.samples, last.score,
                        (unsigned long long)last.steps, last.passed ? "learnt by heart" : "not learnt");
        if (i == 0)
            investigation->overfits = last.passed ? TN_VERDICT_PASS : TN_VERDICT_FAIL;
        if (!last.passed) {
            tn_json_set(investigation, outcome->result, "failed_at", json_integer((json_int_t)last.samples));
            tn_outcome_conclude(outcome, TN_VERDICT_FAIL, "it cannot learn %llu samples by heart: %s %llu steps (score %.2f)",
                                (unsigned long long)last.samples, last.lost ? "its loss is out of reach after" : "not within",
                                (unsigned long long)last.steps, last.score);
            return ask_why(investigation, outcome, &request, error);
        }
        if (samples >= all)
            break;
    }
    tn_outcome_conclude(outcome, TN_VERDICT_PASS, "it learns %llu samples by heart in %llu steps", (unsigned long long)last.samples,
                        (unsigned long long)last.steps);
    return TN_OK;
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    json_t *patch = own_patch(investigation);
    tn_status status = climb(investigation, patch, outcome, error);
    json_decref(patch);
    return status;
}

static tn_status plan(tn_investigation *investigation, tn_planned *planned, tn_error *error)
{
    (void)error;
    uint64_t steps = (uint64_t)tn_investigation_setting(investigation, "overfit_steps", 1000), samples = FIRST_RUNG;
    uint64_t rungs_max = (uint64_t)tn_investigation_setting(investigation, "overfit_rungs", 2), last = steps;
    for (uint64_t i = 0; i < rungs_max && i < RUNGS_MAX; i++, samples *= RUNG_FACTOR, steps *= STEPS_FACTOR) {
        tn_planned_add(planned, 1, steps, "%llu samples, until they are learnt by heart", (unsigned long long)samples);
        last = steps;
    }
    tn_planned_add(planned, 2, last, "where it fails: batch size 1, and permuted labels");
    return TN_OK;
}

const tn_experiment tn_experiment_overfit = {
    .info = {"overfit", "overfit", "B2, B3", "can it learn 10 samples by heart, then 100?"},
    .why = "a network that works memorises ten samples within a few hundred steps; one that cannot is broken whatever the data",
    .fails_under =
        "lr_too_high, lr_too_low, bad_init, unscaled_input, unscaled_label, wrong_loss, wrong_output, wrong_activation, too_deep, "
        "batch_computation, wrong_axis, frozen_parameters, missing_zero_grad, wrong_gradient, too_little_capacity, over_regularized, "
        "batch_size, nonfinite_op, unstable_softmax, nonfinite_input",
    .run = run,
    .plan = plan,
};

/* experiment_clip.c: do rare, huge gradients throw the weights away? (PROTOCOL A4)
 *
 * A recurrent network gives, in a tenth of its batches or fewer, gradients far above the rest; one of them can end the training in NaN long after it began well. The subject runs as
 * given with the global norm of the gradient measured at each step. The limit is read off these norms, the run is repeated with every gradient clipped at it, and where that
 * repairs, fresh paired seeds confirm it.
 *
 * Not for NaN within the first steps, where the learning rate is the first suspect (experiment_lr_boundary.c), nor for the operation that made it (A3). */
#include <math.h>

#include "base/memory.h"
#include "experiments/experiment.h"
#include "experiments/finding.h"
#include "experiments/gradient_norms.h"

/* What the experiment has found so far. */
typedef struct clipping {
    tn_investigation *investigation;
    tn_outcome *outcome;
    tn_look look;
    tn_gradient_norms norms;
    tn_fix_list fixes; /* the clip alone */
    tn_trial_end clipped_end;
    double clipped; /* standing with the clip, on the same seed */
} clipping;

static bool is_broken(const clipping *self)
{
    return self->look.nonfinite || self->look.diverged;
}

static void record(clipping *self)
{
    tn_investigation *investigation = self->investigation;
    const tn_gradient_norms *norms = &self->norms;
    json_t *result = self->outcome->result;
    tn_json_set(investigation, result, "median_norm", tn_json_number(norms->median));
    tn_json_set(investigation, result, "largest_norm", tn_json_number(norms->largest));
    tn_json_set(investigation, result, "limit", tn_json_number(norms->limit));
    tn_json_set(investigation, result, "spikes", json_integer((json_int_t)norms->spikes));
    tn_json_set(investigation, result, "norms", json_integer((json_int_t)norms->measured));
    tn_evidence_add(investigation, self->outcome->evidence, norms->largest / norms->median, TN_SPIKE_FACTOR, "PROTOCOL A4",
                    "of %llu gradients %llu have a norm over %g times the median %.3g; nine tenths lie below %.3g; the largest, %.3g, "
                    "stands at step %llu",
                    (unsigned long long)norms->measured, (unsigned long long)norms->spikes, TN_SPIKE_FACTOR, norms->median, norms->limit,
                    norms->largest, (unsigned long long)norms->largest_step);
}

/* The same run with every gradient clipped. */
static tn_status clip(clipping *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    tn_fix *fix = tn_fix_add_knobs(&self->fixes, TN_CAUSE_needs_clipping, TN_KNOB_CLIP_NORM,
                                   "gradients clipped to a global norm of %.3g, the 90th percentile of those measured", self->norms.limit);
    fix->knobs.clip_norm = self->norms.limit;
    fix->prior = 1;
    tn_trial_request request = tn_trial_as_given("clip", self->look.steps);
    tn_fix_apply(investigation, fix, &request.knobs);
    tn_trial_result result;
    tn_investigation_expect(investigation, self->look.steps, "clipping the gradients");
    tn_status status = tn_trials_run(investigation, &request, &result, 1, error);
    self->clipped = NAN;
    if (status == TN_OK)
        tn_look_take_own_end(investigation, &self->look, &request, &result);
    if (status == TN_OK && tn_trial_is_valid(&request, &result)) {
        self->clipped_end = result.end;
        self->clipped = tn_trial_diverged(&result, NAN) ? 0 : tn_trial_standing(investigation, &result);
        tn_outcome_add_trial(investigation, self->outcome, &request, &result);
        tn_json_set(investigation, self->outcome->result, "clipped_score", tn_json_number(self->clipped));
    }
    tn_trial_result_deinit(&result);
    return status;
}

/* The clip repaired this seed: does it repair fresh ones? */
static tn_status confirm(clipping *self, tn_race *race, tn_error *error)
{
    tn_confirmation confirmation;
    tn_status status = tn_race_confirm(self->investigation, self->look.steps, race, &self->fixes.fixes[0], TN_CONFIRM_OR_SUSPECT,
                                       &confirmation, self->outcome, error);
    if (status != TN_OK || confirmation.pairs == 0)
        return status;
    tn_findings findings;
    tn_findings_init(&findings);
    tn_finding_add_fix(self->investigation, &findings, &self->look, &self->fixes.fixes[0], &confirmation);
    tn_json_set(self->investigation, self->outcome->result, "findings", json_incref(findings.findings));
    tn_findings_deinit(&findings);
    char given[160];
    tn_finding_describe_look(&self->look, given, sizeof given);
    tn_outcome_conclude(self->outcome, TN_VERDICT_FAIL,
                        "%s; with gradients clipped at %.3g a score of %.2f, better on %zu of %zu fresh seeds", given, self->norms.limit,
                        self->clipped, confirmation.better, confirmation.pairs);
    return TN_OK;
}

static tn_status judge(clipping *self, tn_error *error)
{
    char given[160];
    tn_finding_describe_look(&self->look, given, sizeof given);
    if (isnan(self->clipped))
        return TN_OK;
    tn_race race = {
        .base = self->look.standing, .broken = is_broken(self) || self->look.near_trivial, .best = self->clipped, .complete = true};
    if (tn_race_is_repair(&race, self->look.standing, self->clipped))
        return confirm(self, &race, error);
    if (is_broken(self))
        tn_outcome_conclude(self->outcome, TN_VERDICT_PASS, "%s, and so it does with gradients clipped at %.3g: spikes are not the cause",
                            given, self->norms.limit);
    else
        tn_outcome_conclude(self->outcome, TN_VERDICT_PASS,
                            "a few gradients are far above the rest, but clipping them changes little: score %.2f, as given %.2f",
                            self->clipped, self->look.standing);
    return TN_OK;
}

static tn_status examine(clipping *self, tn_error *error)
{
    tn_status status = tn_look_run(self->investigation, &self->look, error);
    if (status != TN_OK || !tn_look_is_valid(&self->look))
        return status;
    tn_outcome_add_trial(self->investigation, self->outcome, &self->look.request, &self->look.result);
    status = tn_gradient_norms_measure(&self->look.result, &self->norms, error);
    if (status != TN_OK)
        return status;
    uint64_t early = (uint64_t)tn_investigation_setting(self->investigation, "nan_steps", 100);
    if (self->norms.measured == 0) {
        tn_outcome_conclude(self->outcome, TN_VERDICT_INCONCLUSIVE, "no gradient norm was measured that is finite");
        return TN_OK;
    }
    record(self);
    if (self->look.result.end == TN_TRIAL_NONFINITE && self->look.result.nonfinite_step <= early) {
        tn_outcome_conclude(self->outcome, TN_VERDICT_INCONCLUSIVE,
                            "NaN or Inf at step %llu: within %llu steps the learning rate is the first suspect (tenet lr)",
                            (unsigned long long)self->look.result.nonfinite_step, (unsigned long long)early);
        return TN_OK;
    }
    if (!is_broken(self) && !self->norms.rare) {
        tn_outcome_conclude(self->outcome, TN_VERDICT_PASS,
                            "no gradient stands far above the rest: the largest norm is %.3g, the median %.3g", self->norms.largest,
                            self->norms.median);
        return TN_OK;
    }
    status = clip(self, error);
    return status == TN_OK ? judge(self, error) : status;
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    if (!tn_investigation_can(investigation, TN_KNOB_CLIP_NORM, false, outcome))
        return TN_OK;
    clipping *self = tn_memory_create(1, sizeof *self);
    if (!self)
        return tn_fail_memory(error, sizeof *self);
    self->investigation = investigation;
    self->outcome = outcome;
    tn_status status = examine(self, error);
    tn_fixes_deinit(&self->fixes);
    tn_look_deinit(&self->look);
    tn_memory_destroy(self);
    return status;
}

const tn_experiment tn_experiment_clip = {
    .info = {"clip", "clip", "A4", "do rare, huge gradients throw the weights away?"},
    .why = "NaN long after a good start comes from rare gradients far above the rest, and clipping them at a measured limit shows it",
    .run = run,
};

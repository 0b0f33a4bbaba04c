/* experiment_batch.c: is it the batch, the labels, or some of the samples? (PROTOCOL B3)
 *
 * Three questions, each with trials of its own:
 *   the batch    where training fails as given: does the failure vanish at batch size 1? With a lower rate in place of it as a control: what that repairs too is a matter of the rate.
 *   the labels   do they belong to the inputs? Permuted ones must train worse, and a sample's nearest neighbours must tell its label (label_signal.h).
 *   the samples  which labels are likely to be wrong, and does training without them do better (label_noise.h)?
 *
 * Within a whole debug it comes after the race, and only where that explains nothing: the batch where ten samples could not be learnt by heart, the samples where the score failed. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "experiments/experiment.h"
#include "experiments/finding.h"
#include "experiments/label_noise.h"
#include "experiments/shown_json.h"

/* A rung is passed as in experiment_overfit.c. */
enum { RUNG = 10, RUNG_STEPS = 1000, SCORE_EVERY = 25, SUSPECTS_SHOWN = 12, LOWER_RATE = 10 };
static const double PASSED_SCORE = 0.9;

/* In a whole debug, from this score on the samples are not questioned: so many wrong labels as to matter do not leave it. Unit: score. */
static const double GOOD_SCORE = 0.8;

typedef struct batch_case {
    tn_investigation *investigation;
    tn_outcome *outcome;
    const tn_look *look; /* the walk's, or `own` */
    tn_look own;
    bool looked;
    tn_fix_list fixes; /* batch size 1 */
    tn_findings findings;
    char summary[3][200]; /* of each question, "" where it was not answered */
    bool failed;
    size_t answered;
} batch_case;

static bool is_broken(const batch_case *self)
{
    return self->looked && tn_look_is_broken(self->look);
}

static tn_status look(batch_case *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    self->look = investigation->look ? investigation->look : &self->own;
    tn_status status = investigation->look ? TN_OK : tn_look_run(investigation, &self->own, error);
    self->looked = status == TN_OK && tn_look_is_valid(self->look);
    if (self->looked)
        tn_outcome_add_trial(investigation, self->outcome, &self->look->request, &self->look->result);
    return status;
}

/* ---- the batch ---- */

typedef struct attempt {
    bool valid, passed;
    double score;
} attempt;

/* Ten samples to be learnt by heart, or the whole training, at another batch size or a lower rate. */
static tn_status attempt_once(batch_case *self, bool is_rung, uint64_t batch_size, bool lower_rate, attempt *made, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    const tn_subject_facts *facts = investigation->facts;
    uint64_t steps = is_rung ? (uint64_t)tn_investigation_setting(investigation, "overfit_steps", RUNG_STEPS) : self->look->steps;
    tn_trial_request request = tn_trial_as_given("batch", steps);
    if (is_rung) {
        request.knobs.set |= TN_KNOB_SAMPLES;
        request.knobs.samples = RUNG < facts->train_samples || facts->train_samples == 0 ? RUNG : facts->train_samples;
        request.score_every = SCORE_EVERY;
        request.train_scores_only = true;
        request.stop_at_train_score = PASSED_SCORE;
    }
    if (batch_size > 0) {
        request.knobs.set |= TN_KNOB_BATCH_SIZE;
        request.knobs.batch_size = batch_size;
        request.knobs.steps *= is_rung || facts->batch_size == 0 ? 1 : facts->batch_size / batch_size; /* as many samples */
    }
    if (lower_rate) {
        request.knobs.set |= TN_KNOB_LEARNING_RATE;
        request.knobs.learning_rate = facts->learning_rate / LOWER_RATE;
    }
    tn_trial_result result;
    tn_investigation_expect(investigation, request.knobs.steps, "whether the size of the batch matters");
    tn_status status = tn_trials_run(investigation, &request, &result, 1, error);
    *made = (attempt){.score = NAN};
    if (status == TN_OK && tn_trial_is_valid(&request, &result)) {
        made->valid = true;
        double last = is_rung ? tn_trial_train_score(&result) : tn_trial_score(&result);
        made->score = result.end == TN_TRIAL_NONFINITE || tn_trial_diverged(&result, NAN) ? 0 : last;
        made->passed = is_rung ? made->score >= PASSED_SCORE : tn_standing_is_dramatic(self->look->standing, made->score);
        tn_outcome_add_trial(investigation, self->outcome, &request, &result);
    }
    tn_trial_result_deinit(&result);
    return status;
}

static void record_attempt(batch_case *self, const char *key, const attempt *made)
{
    json_t *entry = tn_json_checked(self->investigation, json_object());
    tn_json_set(self->investigation, entry, "score", tn_json_number(made->score));
    tn_json_set(self->investigation, entry, "passed", json_boolean(made->passed));
    tn_json_set(self->investigation, self->outcome->result, key, entry);
}

/* The failure vanishes at batch size 1: on fresh seeds too? */
static tn_status confirm_batch(batch_case *self, const attempt *lower, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    /* The engine's own ops mix samples nowhere but in batch_norm, which is meant to. */
    bool is_mixed = investigation->facts->is_program && !lower->passed;
    tn_fix *fix = tn_fix_add_knobs(&self->fixes, is_mixed ? TN_CAUSE_batch_computation : TN_CAUSE_batch_size, TN_KNOB_BATCH_SIZE,
                                   "batches of one sample");
    fix->knobs.batch_size = 1;
    tn_race race = {.base = self->look->standing, .broken = is_broken(self), .best = 1, .complete = true};
    tn_confirmation confirmation;
    tn_status status = tn_race_confirm(investigation, self->look->steps, &race, fix, TN_CONFIRM_ONLY, &confirmation, self->outcome, error);
    if (status == TN_OK && confirmation.confirmed)
        tn_finding_add_fix(investigation, &self->findings, self->look, fix, &confirmation);
    return status;
}

static tn_status question_batch(batch_case *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    const uint32_t needed = TN_KNOB_SAMPLES | TN_KNOB_BATCH_SIZE;
    char *summary = self->summary[0];
    if (tn_investigation_refusal(investigation, needed))
        return TN_OK;
    attempt given, single = {0}, lower = {0};
    tn_status status = attempt_once(self, true, 0, false, &given, error);
    if (status != TN_OK || !given.valid)
        return status;
    bool is_rung = !given.passed;
    record_attempt(self, "given_batch", &given);
    if (given.passed && !is_broken(self)) {
        self->answered++;
        snprintf(summary, sizeof self->summary[0], "it trains at the given batch size");
        tn_evidence_add(investigation, self->outcome->evidence, given.score, PASSED_SCORE, "PROTOCOL B3",
                        "at the given batch size it learns %d samples by heart, and trains: batch size 1 has nothing to repair", RUNG);
        return TN_OK;
    }
    status = attempt_once(self, is_rung, 1, false, &single, error);
    if (status == TN_OK && single.passed && !tn_investigation_refusal(investigation, TN_KNOB_LEARNING_RATE))
        status = attempt_once(self, is_rung, 0, true, &lower, error);
    if (status != TN_OK || !single.valid)
        return status;
    self->answered++;
    record_attempt(self, "batch_size_1", &single);
    tn_evidence_add(investigation, self->outcome->evidence, single.score, is_rung ? PASSED_SCORE : self->look->standing, "PROTOCOL B3",
                    "it fails %s as given; with batch size 1 the score is %.2f: %s", is_rung ? "to learn ten samples by heart" : "to train",
                    single.score, single.passed ? "the failure vanishes" : "it fails just so");
    if (lower.valid) {
        record_attempt(self, "lower_rate", &lower);
        tn_evidence_add(investigation, self->outcome->evidence, lower.score, NAN, "control",
                        "with the given batch size and a tenth of the rate the score is %.2f: %s", lower.score,
                        lower.passed ? "so the rate is too high for this batch" : "so the rate is not to blame");
    }
    snprintf(summary, sizeof self->summary[0], "%s",
             single.passed ? "at batch size 1 the failure vanishes" : "at batch size 1 it fails just so: the batch is not to blame");
    self->failed = self->failed || single.passed;
    return single.passed ? confirm_batch(self, &lower, error) : TN_OK;
}

/* ---- the labels ---- */

/* Permuted labels against the given ones, once; fresh seeds are for the case where both train as badly. */
static tn_status compare_permuted(batch_case *self, double *permuted, tn_error *error)
{
    tn_trial_request request = tn_trial_as_given("batch", self->look->steps);
    request.knobs.set |= TN_KNOB_SHUFFLE_LABELS;
    tn_trial_result result;
    tn_investigation_expect(self->investigation, request.knobs.steps, "permuted labels as a control");
    tn_status status = tn_trials_run(self->investigation, &request, &result, 1, error);
    *permuted = NAN;
    if (status == TN_OK && tn_trial_is_valid(&request, &result)) {
        *permuted = tn_trial_standing(self->investigation, &result);
        tn_outcome_add_trial(self->investigation, self->outcome, &request, &result);
    }
    tn_trial_result_deinit(&result);
    return status;
}

static tn_status convict_labels(batch_case *self, const tn_label_signal *signal, tn_error *error)
{
    tn_label_control control;
    tn_status status = tn_label_control_run(self->investigation, self->look->steps, &control, self->outcome, error);
    if (status == TN_OK && control.equal) {
        self->failed = true;
        tn_finding_add_labels(self->investigation, &self->findings, self->look, signal, &control);
        snprintf(self->summary[1], sizeof self->summary[1], "permuted labels train as well as the given ones");
    }
    return status;
}

static tn_status question_labels(batch_case *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    if (tn_investigation_refusal(investigation, TN_KNOB_SHUFFLE_LABELS) || !self->looked)
        return TN_OK;
    tn_label_signal signal;
    double permuted = NAN;
    tn_status status = tn_label_signal_measure(investigation, &signal, error);
    if (status == TN_OK)
        status = compare_permuted(self, &permuted, error);
    if (status != TN_OK || isnan(permuted))
        return status;
    self->answered++;
    snprintf(self->summary[1], sizeof self->summary[1], "permuted labels score %.2f, the given ones %.2f", permuted, self->look->standing);
    tn_json_set(investigation, self->outcome->result, "permuted_score", tn_json_number(permuted));
    tn_evidence_add(investigation, self->outcome->evidence, self->look->standing, permuted, "control",
                    "the given labels train to a score of %.2f, permuted ones to %.2f", self->look->standing, permuted);
    if (signal.known)
        tn_evidence_add(investigation, self->outcome->evidence, signal.given, signal.permuted, "nearest neighbours",
                        "nearest neighbours tell a sample's label with score %.2f, with permuted labels %.2f: the inputs %s the labels",
                        signal.given, signal.permuted, signal.present ? "do tell something about" : "tell nothing about");
    if (self->look->near_trivial && !self->failed && signal.known && !signal.present)
        status = convict_labels(self, &signal, error);
    return status;
}

/* ---- the samples ---- */

static json_t *suspect_json(batch_case *self, const tn_label_noise *noise, const tn_suspect *suspect)
{
    tn_investigation *investigation = self->investigation;
    const tn_shown_sample *sample = &noise->seen.shown[suspect->sample];
    json_t *entry = tn_json_checked(investigation, json_object()), *by = tn_json_checked(investigation, json_array());
    tn_json_set(investigation, entry, "row", json_integer((json_int_t)sample->row));
    tn_json_set(investigation, entry, "label", json_integer(noise->labels[suspect->sample]));
    tn_json_set(investigation, entry, "suggested", json_integer(suspect->suggested));
    tn_json_set(investigation, entry, "probability", tn_json_number((double)suspect->probability));
    tn_json_set(investigation, entry, "probability_of_label", tn_json_number((double)suspect->given));
    tn_json_set(investigation, entry, "neighbours", json_integer((json_int_t)suspect->votes));
    if (suspect->by_network)
        tn_json_append(investigation, by, json_string("network"));
    if (suspect->by_neighbours)
        tn_json_append(investigation, by, json_string("neighbours"));
    tn_json_set(investigation, entry, "by", by);
    return entry;
}

static void record_suspects(batch_case *self, const tn_label_noise *noise)
{
    tn_investigation *investigation = self->investigation;
    json_t *list = tn_json_checked(investigation, json_array());
    for (size_t i = 0; i < noise->count; i++) {
        json_t *entry = suspect_json(self, noise, &noise->suspects[i]);
        if (i < SUSPECTS_SHOWN)
            tn_shown_put_inputs(investigation, entry, &noise->seen, &noise->seen.shown[noise->suspects[i].sample]);
        tn_json_append(investigation, list, entry);
    }
    tn_json_set(investigation, self->outcome->result, "suspects", list);
    tn_json_set(investigation, self->outcome->result, "examined", json_integer((json_int_t)noise->seen.shown_count));
    tn_evidence_add(investigation, self->outcome->evidence, (double)noise->by_network / (double)noise->seen.shown_count, NAN,
                    "Northcutt et al. 2021; nearest neighbours",
                    "of %zu samples, predicted by networks that never saw them (score %.2f), %zu look like another class than their label; "
                    "the neighbours of %zu of these agree",
                    noise->seen.shown_count, noise->out_of_sample, noise->by_network, noise->by_both);
    tn_evidence_add(
        investigation, self->outcome->evidence, noise->doubt.tenth, noise->doubt.half, "own choice",
        "where the network is surest, in a tenth of the samples, %.1f %% of the labels say another class, in half of them %.1f %%: "
        "%s",
        100 * noise->doubt.tenth, 100 * noise->doubt.half,
        noise->doubt.is_flat ? "so they are wrong rather than hard" : "doubts come with being unsure, so few labels are wrong");
}

static void add_noise_finding(batch_case *self, const tn_label_noise *noise, const tn_confirmation *confirmation)
{
    tn_investigation *investigation = self->investigation;
    tn_fix *fix = tn_fix_add_patch(&self->fixes, TN_CAUSE_label_noise, tn_label_noise_patch(investigation, noise),
                                   "the %zu suspect samples (of %zu examined) left out; better: their labels corrected", noise->by_network,
                                   noise->seen.shown_count);
    tn_finding_add_fix(investigation, &self->findings, self->look, fix, confirmation);
    self->failed = true;
}

static tn_status weigh_suspects(batch_case *self, const tn_label_noise *noise, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    char *summary = self->summary[2];
    self->answered++;
    record_suspects(self, noise);
    snprintf(summary, sizeof self->summary[2], "%zu of %zu labels are doubted%s", noise->by_network, noise->seen.shown_count,
             noise->by_network > 0 && !noise->doubt.is_flat ? ", hardly one where the network is sure" : "");
    if (!noise->doubt.is_flat)
        return TN_OK;
    tn_confirmation confirmation;
    tn_status status = tn_label_noise_confirm(investigation, noise, tn_look_steps(investigation), &confirmation, self->outcome, error);
    if (status != TN_OK || confirmation.pairs == 0)
        return status;
    tn_evidence_add(
        investigation, self->outcome->evidence, confirmation.after_mean, confirmation.before_mean, "control",
        "trained without them, it scores %.3f on samples that nobody doubts and neither training saw, with them %.3f; better on "
        "%zu of %zu fresh seeds",
        confirmation.after_mean, confirmation.before_mean, confirmation.better, confirmation.pairs);
    bool is_better = confirmation.after_mean > confirmation.before_mean && 2 * confirmation.better > confirmation.pairs;
    snprintf(summary, sizeof self->summary[2], "%zu of %zu labels %s; without them it scores %.3f where it was %.3f", noise->by_network,
             noise->seen.shown_count, is_better ? "look wrong" : "are doubted, and keep nothing from being learnt", confirmation.after_mean,
             confirmation.before_mean);
    if (is_better)
        add_noise_finding(self, noise, &confirmation);
    return TN_OK;
}

static tn_status question_samples(batch_case *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    const tn_subject_facts *facts = investigation->facts;
    const char *why = facts->is_program || !investigation->hypes ? "a program's samples cannot be left out from outside"
                      : facts->task != TN_SUBJECT_CLASSIFICATION ? "suspect labels are looked for among classes only"
                                                                 : NULL;
    tn_label_noise *noise = tn_memory_create(1, sizeof *noise);
    tn_status status = noise ? TN_OK : tn_fail_memory(error, sizeof *noise);
    if (status == TN_OK && !why) {
        status = tn_label_noise_examine(investigation, noise, self->outcome, error);
        why = noise->known || atomic_load(&investigation->spent) ? NULL : noise->why_unknown;
        if (status == TN_OK && noise->known)
            status = weigh_suspects(self, noise, error);
    }
    if (status == TN_OK && why && *why)
        tn_evidence_add(investigation, self->outcome->evidence, NAN, NAN, NULL, "suspect labels: not told, since %s", why);
    if (noise)
        tn_label_noise_deinit(noise);
    tn_memory_destroy(noise);
    return status;
}

/* ---- together ---- */

static void conclude(batch_case *self)
{
    tn_investigation *investigation = self->investigation;
    char text[640] = "";
    for (size_t i = 0; i < 3; i++)
        if (self->summary[i][0])
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", text[0] ? "; " : "", self->summary[i]);
    if (self->answered > 0)
        tn_outcome_conclude(self->outcome, self->failed ? TN_VERDICT_FAIL : TN_VERDICT_PASS, "%s", text);
    else
        tn_outcome_conclude(self->outcome, TN_VERDICT_INCONCLUSIVE, "neither batch size, labels nor samples can be turned from outside");
    if (json_array_size(self->findings.findings) > 0)
        tn_json_set(investigation, self->outcome->result, "findings", json_incref(self->findings.findings));
}

static tn_status ask(batch_case *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    const tn_known_race *race = &investigation->raced;
    bool all = !investigation->is_whole;
    bool is_batch = all || investigation->overfits == TN_VERDICT_FAIL, is_samples = all || race->standing < GOOD_SCORE;
    if (!all && (race->explained || race->nonfinite || !(is_batch || is_samples))) {
        tn_outcome_conclude(self->outcome, TN_VERDICT_PASS, "%s",
                            race->explained   ? "not asked, since the cause is known"
                            : race->nonfinite ? "not asked, since the numbers break first"
                                              : "it trains at the given batch size, and its score leaves no room for wrong labels");
        return TN_OK;
    }
    tn_status status = look(self, error);
    if (status != TN_OK || !self->looked)
        return status;
    if (is_batch)
        status = question_batch(self, error);
    if (status == TN_OK && all && !atomic_load(&investigation->spent))
        status = question_labels(self, error);
    if (status == TN_OK && is_samples && !is_broken(self) && !self->failed && !atomic_load(&investigation->spent))
        status = question_samples(self, error);
    if (status == TN_OK && !atomic_load(&investigation->spent))
        conclude(self);
    return status;
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    if (!tn_investigation_can(investigation, 0, true, outcome))
        return TN_OK;
    batch_case *self = tn_memory_create(1, sizeof *self);
    if (!self)
        return tn_fail_memory(error, sizeof *self);
    self->investigation = investigation;
    self->outcome = outcome;
    tn_findings_init(&self->findings);
    tn_status status = ask(self, error);
    tn_look_deinit(&self->own);
    tn_fixes_deinit(&self->fixes);
    tn_findings_deinit(&self->findings);
    tn_memory_destroy(self);
    return status;
}

static tn_status plan(tn_investigation *investigation, tn_planned *planned, tn_error *error)
{
    (void)investigation, (void)error;
    tn_planned_add(planned, 0, 0, "only where nothing is explained: batch size 1, and trainings without a part of the samples");
    return TN_OK;
}

const tn_experiment tn_experiment_batch = {
    .info = {"batch", "batch", "B3", "is it the batch, the labels, or some of the samples?"},
    .why = "batch size 1, permuted labels and networks that never saw a sample tell a wrong computation from wrong data",
    .fails_under = "batch_computation, batch_size, misaligned_labels, label_noise",
    .run = run,
    .plan = plan,
};

/* suspicion.c: see suspicion.h. */
#include "experiments/suspicion.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiments/fixes/net_reader.h"
#include "experiments/race.h"

/* Of what was seen and not proven: how sure. What its control bears out is surer than what could not be asked. */
static const double SURE = 0.8, UNSURE = 0.5;

/* A feature that alone reaches this share of the score that all reach gives the answer away. */
static const double ALONE_SHARE = 0.95;

/* A score that rises by this much from half of the samples to all still rises with their number. Unit: score. */
static const double RISE_MIN = 0.05;

/* Fresh seeds of the leak's control. */
enum { LEAK_SEEDS = 3 };

/* Where the first gradient is less than this part of the last, a step that suits the last weights changes no digit of the first. A ratio of norms, about ten times float's rounding. Own choice. */
static const double FADED = 1e-6;

typedef struct suspicion {
    tn_investigation *investigation;
    const tn_look *look;
    const tn_race *race;
    tn_findings *findings;
    tn_outcome *outcome;
    tn_cause_id cause;
    const tn_signal *signal; /* NULL: no rule fired, and facts tell it */
    bool cleared;            /* a control has shown that it is none */
    json_t *evidence;        /* of the finding that is being made; owned until it is placed */
    json_t *patch;           /* owned; NULL: no setting repairs it */
    char fix[256];           /* what to do */
    double confidence;
} suspicion;

static bool has_hypes(const tn_investigation *investigation)
{
    return investigation->hypes && !investigation->facts->is_program;
}

static void set_fix(suspicion *self, const char *text)
{
    snprintf(self->fix, sizeof self->fix, "%s", text);
}

/* ---- a leak ---- */

/* {"data.input.ignore": [...]} beside what is ignored already: this feature, or every one but this. A new reference. */
static json_t *ignoring(suspicion *self, bool all_others)
{
    size_t feature = self->signal->feature, i;
    json_t *patch = tn_json_checked(self->investigation, json_object()), *list = tn_json_checked(self->investigation, json_array());
    const json_t *given = tn_hypes_value(self->investigation->hypes, "data.input.ignore"), *value;
    for (size_t f = 0; all_others && f < self->investigation->facts->features; f++)
        if (f != feature)
            tn_json_append(self->investigation, list, json_integer((json_int_t)f));
    if (!all_others) {
        json_array_foreach((json_t *)given, i, value) tn_json_append(self->investigation, list, json_integer(json_integer_value(value)));
        tn_json_append(self->investigation, list, json_integer((json_int_t)feature));
    }
    tn_json_set(self->investigation, patch, "data.input.ignore", list);
    return patch;
}

/* Mean scores on fresh seeds: as given, without the feature, with it alone. */
typedef struct leak_control {
    size_t seeds;
    double given, without, alone;
} leak_control;

static tn_status run_leak_control(suspicion *self, const json_t *without, const json_t *alone, leak_control *control, tn_error *error)
{
    const json_t *const patches[] = {NULL, without, alone};
    enum { ARMS = 3 };
    tn_trial_request requests[ARMS * LEAK_SEEDS];
    tn_trial_result results[ARMS * LEAK_SEEDS];
    double *const means[ARMS] = {&control->given, &control->without, &control->alone};
    *control = (leak_control){0};
    for (size_t i = 0; i < ARMS * LEAK_SEEDS; i++) {
        requests[i] = tn_trial_as_given("leak_control", self->look->steps);
        requests[i].knobs.set |= TN_KNOB_SEED | (patches[i % ARMS] ? TN_KNOB_PATCH : 0u);
        requests[i].knobs.seed = tn_race_fresh_seed(self->investigation, i / ARMS);
        requests[i].knobs.patch = patches[i % ARMS];
    }
    tn_investigation_expect(self->investigation, ARMS * LEAK_SEEDS * self->look->steps, "whether one feature gives the answer away");
    tn_status status = tn_trials_run(self->investigation, requests, results, ARMS * LEAK_SEEDS, error);
    for (size_t i = 0; i < ARMS * LEAK_SEEDS && status == TN_OK; i += ARMS) {
        bool valid = true;
        for (size_t k = 0; k < ARMS; k++) {
            tn_outcome_add_trial(self->investigation, self->outcome, &requests[i + k], &results[i + k]);
            valid = valid && tn_trial_is_valid(&requests[i + k], &results[i + k]);
        }
        for (size_t k = 0; k < ARMS && valid; k++)
            *means[k] += tn_trial_standing(self->investigation, &results[i + k]);
        control->seeds += valid;
    }
    tn_trials_deinit(results, ARMS * LEAK_SEEDS);
    for (size_t k = 0; k < ARMS && control->seeds > 0; k++)
        *means[k] /= (double)control->seeds;
    return status;
}

static tn_status question_leak(suspicion *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    size_t feature = self->signal->feature;
    snprintf(
        self->fix, sizeof self->fix,
        "Ask of feature %zu: would it be known at the time of the prediction? If not, leave it out; the score without it is the one that "
        "counts.",
        feature);
    if (!has_hypes(investigation) || atomic_load(&investigation->spent))
        return TN_OK;
    json_t *without = ignoring(self, false), *alone = ignoring(self, true);
    leak_control control;
    tn_status status = run_leak_control(self, without, alone, &control, error);
    if (status == TN_OK && control.seeds > 0) {
        bool gives_away = control.alone >= ALONE_SHARE * control.given;
        tn_evidence_add(investigation, self->evidence, control.alone, control.given, "control: one feature",
                        "with feature %zu alone, all others left out, the mean score is %.2f on %zu fresh seeds, with all of them %.2f: %s",
                        feature, control.alone, control.seeds, control.given,
                        gives_away ? "it gives the answer away" : "the others are needed too");
        tn_evidence_add(investigation, self->evidence, control.without, control.given, "control: one feature",
                        "without feature %zu the mean score is %.2f", feature, control.without);
        self->confidence = SURE;
        self->cleared = !gives_away;
        self->patch = json_incref(without);
    }
    json_decref(without);
    json_decref(alone);
    return status;
}

/* ---- samples learnt by heart ---- */

/* The score on validation samples that the look took last but for those that were worse; NULL where none was better than the last by RISE_MIN. */
static const tn_score_point *best_score(const tn_look *look)
{
    const tn_trial_result *result = &look->result;
    const tn_score_point *best = NULL;
    for (size_t i = 0; i < result->score_count; i++)
        if (result->scores[i].step > 0 && result->scores[i].valid_score > (best ? best->valid_score : tn_trial_score(result) + RISE_MIN))
            best = &result->scores[i];
    return best;
}

static tn_status question_samples(suspicion *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    uint64_t half = investigation->facts->train_samples / 2;
    const tn_score_point *best = best_score(self->look);
    if (best)
        snprintf(self->fix, sizeof self->fix,
                 "End after %llu steps, where the score on validation samples was best (%.2f). Get more samples, or vary those there are.",
                 (unsigned long long)best->step, best->valid_score);
    else
        set_fix(self,
                "Get more samples, or vary those there are. Dropout, weight decay and an earlier end were tried as far as they can be.");
    if (best && has_hypes(investigation))
        self->patch = tn_json_checked(investigation, json_pack("{s:I}", "solver.steps", (json_int_t)best->step));
    if (half == 0 || atomic_load(&investigation->spent) || tn_investigation_refusal(investigation, TN_KNOB_SAMPLES))
        return TN_OK;
    tn_trial_request request = tn_trial_as_given("half_of_samples", self->look->steps);
    request.knobs.set |= TN_KNOB_SAMPLES;
    request.knobs.samples = half;
    tn_investigation_expect(investigation, request.knobs.steps, "whether the score rises with the number of samples");
    tn_trial_result result;
    tn_status status = tn_trials_run(investigation, &request, &result, 1, error);
    if (status == TN_OK && tn_trial_is_valid(&request, &result)) {
        double standing = tn_trial_standing(investigation, &result);
        bool rises = self->look->standing - standing >= RISE_MIN;
        tn_outcome_add_trial(investigation, self->outcome, &request, &result);
        tn_evidence_add(investigation, self->evidence, standing, self->look->standing, "control: half of the samples",
                        "trained on %llu of its %llu samples it scores %.2f, on all of them %.2f: %s", (unsigned long long)half,
                        (unsigned long long)investigation->facts->train_samples, standing, self->look->standing,
                        rises ? "the score still rises with their number" : "their number is not what it lacks");
        self->confidence = rises ? SURE : UNSURE;
    }
    tn_trial_result_deinit(&result);
    return status;
}

/* ---- what needs no control ---- */

static tn_status question_columns(suspicion *self, tn_error *error)
{
    (void)error;
    set_fix(
        self,
        "Check that the reader sees the columns you mean, in the type you mean. What never changes tells nothing; leaving it out is safe.");
    if (has_hypes(self->investigation) && !tn_fix_ignores_features(self->investigation->hypes))
        self->patch = tn_json_checked(self->investigation, json_pack("{s:s}", "data.input.ignore", "constant"));
    return TN_OK;
}

/* What the race has seen of drawing classes equally often, as far as it went. */
static void tell_balance(suspicion *self)
{
    for (size_t i = 0; self->race && i < self->race->count; i++) {
        const tn_candidate *candidate = &self->race->candidates[i];
        if (candidate->fix->cause == TN_CAUSE_class_imbalance && candidate->fix->other_cause == TN_CAUSE_class_imbalance &&
            candidate->valid && candidate->rounds > 0)
            tn_evidence_add(self->investigation, self->evidence, candidate->standing, candidate->base_standing, "race",
                            "with each class drawn equally often it scores %.2f, as given %.2f after as many samples", candidate->standing,
                            candidate->base_standing);
    }
}

static tn_status question_classes(suspicion *self, tn_error *error)
{
    (void)error;
    const tn_subject_facts *facts = self->investigation->facts;
    double others = (1 - facts->majority) / (double)(facts->classes > 1 ? facts->classes - 1 : 1);
    set_fix(self, "Gather more samples of the rarer classes, or draw classes equally often. Judge each class by itself: accuracy hides the "
                  "rare ones.");
    if (!self->signal)
        tn_evidence_add(self->investigation, self->evidence, facts->majority, NAN, "facts",
                        "one class has %.1f %% of the samples, %.0f times as many as the others have on average", 100 * facts->majority,
                        facts->majority / others);
    tell_balance(self);
    if (has_hypes(self->investigation) && !json_is_true(tn_hypes_value(self->investigation->hypes, "data.balance")))
        self->patch = tn_json_checked(self->investigation, json_pack("{s:b}", "data.balance", 1));
    return TN_OK;
}

static tn_status question_values(suspicion *self, tn_error *error)
{
    (void)error;
    set_fix(self, "Remove these rows from the data, or fill their values in.");
    return TN_OK;
}

/* ---- a gradient that does not arrive ---- */

static const tn_signal *fading(const tn_look *look)
{
    const tn_signal *signal = tn_rule_set_signal(look->rules, "vanishing");
    return signal->state == TN_RULE_FIRED && signal->value < FADED ? signal : NULL;
}

static tn_status question_depth(suspicion *self, tn_error *error)
{
    (void)error;
    set_fix(self, "Let the gradient through: relu or gelu with He initialisation in place of sigmoid or tanh, a normalisation behind each "
                  "layer, shortcuts around every second one; or fewer layers.");
    self->confidence = SURE;
    return TN_OK;
}

/* ---- together ---- */

/* In the order in which they are told. */
static const struct {
    tn_cause_id cause;
    bool costs_score; /* a finding only where the score is poor */
    bool is_advice;   /* else advice */
    tn_status (*question)(suspicion *self, tn_error *error);
} TOLD[] = {
    {TN_CAUSE_nonfinite_input, false, false, question_values},   {TN_CAUSE_leaky_feature, false, false, question_leak},
    {TN_CAUSE_constant_feature, false, false, question_columns}, {TN_CAUSE_class_imbalance, true, true, question_classes},
    {TN_CAUSE_overfitting, true, false, question_samples},       {TN_CAUSE_too_deep, true, false, question_depth},
};

/* {"text", "patch"}: what to do. */
static json_t *fix_json(suspicion *self)
{
    json_t *fix = tn_json_checked(self->investigation, json_object());
    tn_json_set(self->investigation, fix, "text", json_string(self->fix));
    tn_json_set(self->investigation, fix, "patch", self->patch ? json_incref(self->patch) : json_null());
    return fix;
}

static void place_finding(suspicion *self)
{
    tn_investigation *investigation = self->investigation;
    json_t *finding = tn_finding_create(investigation, self->cause, false, NULL), *where = tn_json_checked(investigation, json_object()),
           *symptoms = tn_json_checked(investigation, json_array());
    if (self->signal && self->signal->tensor[0])
        tn_json_set(investigation, where, "tensor", json_string(self->signal->tensor));
    if (self->signal && self->cause == TN_CAUSE_leaky_feature)
        tn_json_set(investigation, where, "feature", json_integer((json_int_t)self->signal->feature));
    if (self->signal)
        tn_json_append(investigation, symptoms, json_string(self->signal->rule));
    tn_json_set(investigation, finding, "where", where);
    tn_json_set(investigation, finding, "confidence", tn_json_number(self->confidence));
    tn_json_set(investigation, finding, "symptoms", symptoms);
    tn_json_set(investigation, finding, "evidence", json_incref(self->evidence));
    tn_json_set(investigation, finding, "fix", fix_json(self));
    tn_finding_place(investigation, self->findings, finding);
}

/* The sentences of the evidence, and what to do. */
static void place_advice(suspicion *self)
{
    char text[640] = "";
    size_t i;
    const json_t *entry;
    json_array_foreach(self->evidence, i, entry)
    {
        const char *sentence = json_string_value(json_object_get(entry, "text"));
        if (sentence)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i > 0 ? "; " : "", sentence);
    }
    if (text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 'a' + 'A');
    snprintf(text + strlen(text), sizeof text - strlen(text), ". %s", self->fix);
    json_t *advice = fix_json(self);
    tn_json_set(self->investigation, advice, "cause", json_string(tn_cause_get(self->cause)->name));
    tn_json_set(self->investigation, advice, "text", json_string(text));
    tn_json_append(self->investigation, self->findings->advice, advice);
}

static tn_status suspect(suspicion *self, size_t row, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    char given[160];
    self->evidence = tn_json_checked(investigation, json_array());
    tn_finding_describe_look(self->look, given, sizeof given);
    if (self->signal)
        tn_evidence_add(investigation, self->evidence, self->signal->value, self->signal->threshold, self->signal->rule, "%s",
                        self->signal->text);
    tn_status status = TOLD[row].question(self, error);
    bool is_poor = self->look->standing < TN_RACE_POOR;
    if (status == TN_OK && !self->cleared && TOLD[row].costs_score && !is_poor) {
        place_advice(self);
    } else if (status == TN_OK && !self->cleared) {
        tn_evidence_add(investigation, self->evidence, self->look->standing, NAN, "look", "as given: %s", given);
        place_finding(self);
    }
    json_decref(self->evidence);
    json_decref(self->patch);
    return status;
}

tn_status tn_suspicions_add(tn_investigation *investigation, const tn_look *look, const tn_race *race, tn_findings *findings,
                            tn_outcome *outcome, tn_error *error)
{
    tn_status status = TN_OK;
    for (size_t i = 0; i < sizeof TOLD / sizeof *TOLD && status == TN_OK; i++) {
        tn_cause_id cause = TOLD[i].cause;
        const tn_signal *signal = cause == TN_CAUSE_too_deep ? fading(look) : tn_look_signal_of(look, cause);
        bool seen = signal || (cause == TN_CAUSE_class_imbalance && tn_fix_is_imbalanced(investigation->facts, look->result.label_size));
        bool told = !TOLD[i].costs_score || TOLD[i].is_advice || look->standing < TN_RACE_POOR;
        suspicion self = {.investigation = investigation,
                          .look = look,
                          .race = race,
                          .findings = findings,
                          .outcome = outcome,
                          .cause = cause,
                          .signal = signal,
                          .confidence = UNSURE};
        if (seen && told && !tn_finding_has_confirmed(findings->findings) && !tn_finding_names(findings, cause))
            status = suspect(&self, i, error);
    }
    return status;
}

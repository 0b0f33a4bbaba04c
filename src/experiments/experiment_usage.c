/* experiment_usage.c: does a program use its framework as it is meant to? (PROTOCOL D1)
 *
 * The first run of a program has shown mistakes, or none, in the calls that it makes of its framework (program_mend.h), and whether a softmax or sigmoid stands before a loss that applies its own.
 * Nothing tells more for less: each is a change of one line, seen in the program itself. So they are tried before everything else: the training as given, each change alone, and the best on fresh
 * seeds; for a tenth of the way, a third, all of it, until one shows an effect. What a control has proven needs no fresh seeds, only to show that it is what is wrong.
 *
 * Where one is confirmed, that is the cause, and the debug is done: what else is wrong shows once the line is mended. Where none is, nothing is told here, and the look is left to the race, which has
 * the same changes among its own. */
#include "base/memory.h"
#include "experiments/experiment.h"
#include "experiments/finding.h"
#include "experiments/program_mend.h"

/* How far each attempt goes, of the steps of a look, as in the race: what is misused shows early as a rule, and fresh seeds cost ten trials. */
static const double SHARES[] = {0.1, 0.35, 1};
enum { SHARE_COUNT = 3, STEPS_MIN = 100 };

/* A program that reaches this score is not kept from training by anything, so a proven mistake that changes no training (the mode of its evaluation) is all there is to tell. */
static const double TRAINS_FROM = 0.5;

typedef struct usage_case {
    tn_investigation *investigation;
    tn_outcome *outcome;
    tn_look look;
    tn_fix_list fixes, untried;
    tn_race race;
    tn_findings findings;
} usage_case;

/* What was seen as a misuse, of all that could be proposed. It was seen before the look, so that an empty one does. */
static tn_status propose(usage_case *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    tn_look look = {.steps = tn_look_steps(investigation)};
    tn_status status = tn_rule_set_create(investigation->options->rules, &look.rules, error);
    if (status != TN_OK)
        return status;
    const tn_fix_case about = {.investigation = investigation, .look = &look, .hypes = investigation->hypes};
    tn_fixes_propose(&about, &self->fixes);
    tn_fixes_split(investigation, &self->fixes, &self->untried);
    size_t kept = 0;
    for (size_t i = 0; i < self->fixes.count; i++) {
        if (self->fixes.fixes[i].misuse)
            self->fixes.fixes[kept++] = self->fixes.fixes[i];
        else
            json_decref(self->fixes.fixes[i].patch);
    }
    self->fixes.count = kept;
    tn_look_deinit(&look);
    return self->fixes.failed ? tn_fail_memory(error, sizeof(tn_fix)) : TN_OK;
}

static uint64_t steps_of(const tn_investigation *investigation, size_t share)
{
    uint64_t all = tn_look_steps(investigation), steps = (uint64_t)(SHARES[share] * (double)all);
    if (tn_race_is_cheap(investigation, all) || steps > all)
        return all;
    return steps >= STEPS_MIN ? steps : all < STEPS_MIN ? all : STEPS_MIN;
}

/* Tells the mends that are proven or certain, beside what was confirmed or in its place. No later experiment tells them again. */
static void tell(usage_case *self)
{
    tn_mend_add_controls(self->investigation, &self->findings, false);
    tn_mend_add_certain(self->investigation, &self->findings);
    self->investigation->mends_told = true;
}

static void settle(usage_case *self)
{
    tell(self);
    self->investigation->is_settled = tn_finding_has_confirmed(self->findings.findings);
}

/* A control has proven it, and this trial shows that it is what is wrong. */
static void settle_proven(usage_case *self, const tn_candidate *candidate)
{
    tn_investigation *investigation = self->investigation;
    size_t i;
    const json_t *finding;
    settle(self);
    json_array_foreach(self->findings.findings, i, finding)
    {
        if (json_equal(json_object_get(json_object_get(finding, "fix"), "patch"), candidate->fix->patch))
            tn_evidence_add(investigation, json_object_get(finding, "evidence"), candidate->standing, self->race.base, "usage",
                            "%s, and nothing else changed: score %.2f after %llu steps, as given %.2f", candidate->fix->text,
                            candidate->standing, (unsigned long long)candidate->steps, self->race.base);
    }
}

/* Races all of them for as many steps as the look had, and confirms the best. */
static tn_status attempt(usage_case *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    tn_status status = tn_race_run_once(investigation, &self->look, &self->fixes, &self->race, self->outcome, error);
    const tn_candidate *ranked[TN_FIXES_MAX];
    if (status != TN_OK || atomic_load(&investigation->spent) || tn_race_rank(&self->race, ranked) == 0)
        return status;
    if (tn_mend_is_proven(investigation->facts, ranked[0]->fix->patch)) {
        settle_proven(self, ranked[0]);
        return TN_OK;
    }
    self->race.pairs = TN_PAIRED_SEEDS_MIN; /* what was seen speaks for it already */
    tn_confirmation confirmation;
    status =
        tn_race_confirm(investigation, self->look.steps, &self->race, ranked[0]->fix, TN_CONFIRM_ONLY, &confirmation, self->outcome, error);
    if (status == TN_OK && confirmation.confirmed) {
        tn_finding_add_fix(investigation, &self->findings, &self->look, ranked[0]->fix, &confirmation);
        settle(self);
    } else if (status == TN_OK && atomic_load(&investigation->spent) && confirmation.better == confirmation.pairs) {
        tn_finding_add_fix(investigation, &self->findings, &self->look, ranked[0]->fix, &confirmation);
    }
    return status;
}

/* The training as given for so many steps, the changes for as many, and what follows. */
static tn_status examine(usage_case *self, uint64_t steps, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    tn_look_deinit(&self->look);
    tn_status status = tn_look_run_steps(investigation, steps, &self->look, error);
    if (status != TN_OK || !tn_look_is_valid(&self->look))
        return status;
    tn_outcome_add_trial(investigation, self->outcome, &self->look.request, &self->look.result);
    if (self->fixes.count > 0)
        status = attempt(self, error);
    bool trains = !tn_look_is_broken(&self->look) && self->look.standing >= TRAINS_FROM;
    if (status == TN_OK && !investigation->is_settled && trains && tn_mend_any_proven_unraced(investigation->facts))
        settle(self);
    return status;
}

static void conclude(usage_case *self)
{
    tn_investigation *investigation = self->investigation;
    char given[160];
    tn_finding_describe_look(&self->look, given, sizeof given);
    const json_t *fix = json_object_get(json_array_get(self->findings.findings, 0), "fix");
    if (investigation->is_settled)
        tn_outcome_conclude(
            self->outcome, TN_VERDICT_FAIL, "as given: %s; %s: %.80s; no other experiment was made, since the cause is known", given,
            json_object_get(fix, "effect") ? "repaired by" : "proven by a control", json_string_value(json_object_get(fix, "text")));
    else if (fix)
        tn_outcome_conclude(self->outcome, TN_VERDICT_INCONCLUSIVE,
                            "as given: %s; suspected, and the budget was spent before it was confirmed: %.80s", given,
                            json_string_value(json_object_get(fix, "text")));
    else if (!atomic_load(&investigation->spent))
        tn_outcome_conclude(self->outcome, TN_VERDICT_INCONCLUSIVE,
                            "as given: %s; nothing that was seen of its use of the framework repairs it by itself", given);
}

static void record(usage_case *self)
{
    tn_investigation *investigation = self->investigation;
    json_t *result = self->outcome->result;
    tn_json_set(investigation, result, "score", tn_json_number(tn_trial_score(&self->look.result)));
    tn_json_set(investigation, result, "broken", json_boolean(tn_look_is_broken(&self->look)));
    tn_json_set(investigation, result, "steps", json_integer((json_int_t)self->look.steps));
    tn_json_set(investigation, result, "candidates", json_integer((json_int_t)self->fixes.count));
    if (!investigation->mends_told)
        return;
    tn_json_set(investigation, result, "signals", tn_look_signals(investigation, &self->look));
    tn_json_set(investigation, result, "findings", json_incref(self->findings.findings));
}

/* From the shortest attempt to that which goes all the way. What it told where the budget is spent is the best answer so far. */
static tn_status look_and_examine(usage_case *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    tn_status status = TN_OK;
    uint64_t steps = 0;
    for (size_t i = 0; i < SHARE_COUNT && status == TN_OK && !investigation->is_settled && !atomic_load(&investigation->spent); i++) {
        if (steps_of(investigation, i) <= steps)
            continue;
        steps = steps_of(investigation, i);
        status = examine(self, steps, error);
    }
    if (status != TN_OK || !tn_look_is_valid(&self->look))
        return status;
    if (atomic_load(&investigation->spent) && !investigation->is_settled)
        tell(self);
    conclude(self);
    record(self);
    bool is_kept = investigation->is_whole && !investigation->is_settled && self->look.steps == steps_of(investigation, SHARE_COUNT - 1);
    return is_kept ? tn_look_keep(investigation, &self->look, error) : TN_OK;
}

/* Whether a change is at hand that makes the inputs finite; without one nothing trains, whatever else is changed. */
static bool fills_inputs(const usage_case *self)
{
    for (size_t i = 0; i < self->fixes.count; i++)
        if (self->fixes.fixes[i].cause == TN_CAUSE_nonfinite_input)
            return true;
    return false;
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    const tn_subject_facts *facts = investigation->facts;
    if (!facts->is_program) {
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "a network of hypes uses no framework; expected a program behind --");
        return TN_OK;
    }
    usage_case *self = tn_memory_create(1, sizeof *self);
    if (!self)
        return tn_fail_memory(error, sizeof *self);
    self->investigation = investigation;
    self->outcome = outcome;
    tn_findings_init(&self->findings);
    tn_status status = propose(self, error);
    if (status == TN_OK && self->fixes.count + json_array_size(facts->mends) == 0)
        tn_outcome_conclude(outcome, TN_VERDICT_PASS, "its first run shows no mistake in the use of a framework");
    else if (status == TN_OK && facts->nonfinite_inputs > 0 && !fills_inputs(self))
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "not asked, since the inputs are not finite");
    else if (status == TN_OK)
        status = look_and_examine(self, error);
    tn_look_deinit(&self->look);
    tn_fixes_deinit(&self->fixes);
    tn_fixes_deinit(&self->untried);
    tn_findings_deinit(&self->findings);
    tn_memory_destroy(self);
    return status;
}

static tn_status plan(tn_investigation *investigation, tn_planned *planned, tn_error *error)
{
    usage_case *self = tn_memory_create(1, sizeof *self);
    if (!self)
        return tn_fail_memory(error, sizeof *self);
    self->investigation = investigation;
    tn_status status = propose(self, error);
    uint64_t first = steps_of(investigation, 0);
    if (status == TN_OK && self->fixes.count > 0) {
        tn_planned_add(planned, 1, first, "as given");
        for (size_t i = 0; i < self->fixes.count; i++)
            tn_planned_add(planned, 1, first, "%s", self->fixes.fixes[i].text);
        tn_planned_add(planned, 2 * (uint64_t)TN_PAIRED_SEEDS_MIN, first,
                       "confirmation: the best on fresh seeds, with and without; the debug is done where they agree");
    }
    tn_fixes_deinit(&self->fixes);
    tn_fixes_deinit(&self->untried);
    tn_memory_destroy(self);
    return status;
}

const tn_experiment tn_experiment_usage = {
    .info = {"usage", "usage", "D1", "does a program use its framework as it is meant to?"},
    .why = "what its calls of the framework show is one line each, and costs one trial to try",
    .fails_under = "missing_zero_grad, wrong_output, wrong_loss, wrong_mode, wrong_axis, wrong_schedule, tight_clipping, "
                   "frozen_parameters, unstable_softmax, "
                   "batch_computation, nonfinite_input",
    .run = run,
    .plan = plan,
};

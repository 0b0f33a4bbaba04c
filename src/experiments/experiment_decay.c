/* experiment_decay.c: when should the learning rate begin to fall, and how often? (PROTOCOL C5)
 *
 * Lowering the rate before training ends nearly always helps. The decay: from epoch k on, every n epochs, divide by 1.5, with k > n. A few pairs (k, n) run from the same initial
 * state, beside the training as given and one without any decay; the best meets fresh paired seeds. What helps is advice, since a network trains without it too.
 *
 * Only for subjects whose schedule is in hypes that tenet knows: a program keeps the shape of its own. */

#include "base/memory.h"
#include "experiments/experiment.h"
#include "experiments/finding.h"

enum { STARTS = 3, CADENCES = 3, PLANS_MAX = STARTS * CADENCES + 2, EPOCHS_MIN = 4 };

/* Shares of the training after which the rate begins to fall, and how many divisions follow. */
static const double START_SHARES[STARTS] = {1.0 / 2, 2.0 / 3, 5.0 / 6};
static const uint64_t DIVISIONS[CADENCES] = {2, 4, 8};
static const double FACTOR = 1.5; /* PROTOCOL C5 */

/* Scores nearer than this are equal. Unit: score. */
static const double TIE = 0.01;

typedef struct decay_plan {
    uint64_t after, every; /* epochs: k and n; 0 and 0: no decay */
    bool is_given;
    json_t *patch; /* owned; NULL as given */
    double score;
    bool valid;
} decay_plan;

typedef struct decays {
    tn_investigation *investigation;
    tn_outcome *outcome;
    decay_plan plans[PLANS_MAX];
    size_t count;
    uint64_t steps;
} decays;

static bool is_known(const decays *self, uint64_t after, uint64_t every)
{
    for (size_t i = 0; i < self->count; i++)
        if (!self->plans[i].is_given && self->plans[i].after == after && self->plans[i].every == every)
            return true;
    return false;
}

/* As given, without decay, and the pairs (k, n) that fit into `epochs`. */
static void make_plans(decays *self, uint64_t epochs)
{
    tn_investigation *investigation = self->investigation;
    self->plans[self->count++] = (decay_plan){.is_given = true};
    if (!tn_hypes_is_null(investigation->hypes, "solver.decay"))
        self->plans[self->count++] = (decay_plan){.patch = tn_json_checked(investigation, json_pack("{s:n}", "solver.decay"))};
    for (size_t s = 0; s < STARTS; s++)
        for (size_t c = 0; c < CADENCES; c++) {
            uint64_t after = (uint64_t)(START_SHARES[s] * (double)epochs), left = epochs - after;
            uint64_t every = left / DIVISIONS[c] > 0 ? left / DIVISIONS[c] : 1;
            if (after <= every || is_known(self, after, every))
                continue;
            json_t *patch = json_pack("{s:{s:s, s:f, s:I, s:I}}", "solver.decay", "kind", "step", "factor", FACTOR, "after",
                                      (json_int_t)after, "every", (json_int_t)every);
            self->plans[self->count++] = (decay_plan){.after = after, .every = every, .patch = tn_json_checked(investigation, patch)};
        }
}

static tn_status screen(decays *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    tn_trial_request requests[PLANS_MAX];
    tn_trial_result results[PLANS_MAX];
    json_t *list = tn_json_checked(investigation, json_array());
    tn_json_set(investigation, self->outcome->result, "decays", list);
    for (size_t i = 0; i < self->count; i++) {
        requests[i] = tn_trial_as_given("decay", self->steps);
        if (!self->plans[i].is_given) {
            requests[i].knobs.set |= TN_KNOB_PATCH;
            requests[i].knobs.patch = self->plans[i].patch;
        }
    }
    tn_investigation_expect(investigation, self->count * self->steps, "when the learning rate should fall");
    tn_status status = tn_trials_run(investigation, requests, results, self->count, error);
    for (size_t i = 0; i < self->count && status == TN_OK; i++) {
        decay_plan *plan = &self->plans[i];
        plan->valid = tn_trial_is_valid(&requests[i], &results[i]);
        plan->score = tn_trial_standing(investigation, &results[i]);
        tn_outcome_add_trial(investigation, self->outcome, &requests[i], &results[i]);
        json_t *entry = tn_json_checked(investigation, json_object());
        tn_json_set(investigation, entry, "given", json_boolean(plan->is_given));
        tn_json_set(investigation, entry, "after", plan->after > 0 ? json_integer((json_int_t)plan->after) : json_null());
        tn_json_set(investigation, entry, "every", plan->every > 0 ? json_integer((json_int_t)plan->every) : json_null());
        tn_json_set(investigation, entry, "score", plan->valid ? tn_json_number(plan->score) : json_null());
        tn_json_append(investigation, list, entry);
    }
    tn_trials_deinit(results, self->count);
    return status;
}

static const decay_plan *best_of(const decays *self)
{
    const decay_plan *best = NULL;
    for (size_t i = 1; i < self->count; i++)
        if (self->plans[i].valid && (!best || self->plans[i].score > best->score))
            best = &self->plans[i];
    return best;
}

/* What fresh seeds say of the best: a finding where it repairs a network that hardly learns, else advice. */
static tn_status confirm(decays *self, const decay_plan *best, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    const double given = self->plans[0].score;
    tn_fix_list *list = tn_memory_create(1, sizeof *list);
    if (!list)
        return tn_fail_memory(error, sizeof *list);
    tn_fix *fix = best->after > 0 ? tn_fix_add_patch(list, TN_CAUSE_no_decay, json_incref(best->patch),
                                                     "the learning rate divided by %g from epoch %llu on, every %llu epochs", FACTOR,
                                                     (unsigned long long)best->after, (unsigned long long)best->every)
                                  : tn_fix_add_patch(list, TN_CAUSE_no_decay, json_incref(best->patch), "no decay of the learning rate");
    tn_look look = {.steps = self->steps, .standing = given};
    tn_race race = {.base = given, .best = best->score, .complete = true};
    tn_confirmation confirmation;
    tn_status status = tn_race_confirm(investigation, look.steps, &race, fix, TN_CONFIRM_OR_SUSPECT, &confirmation, self->outcome, error);
    if (status == TN_OK && confirmation.consistent) {
        tn_findings findings;
        tn_findings_init(&findings);
        tn_finding_add_advice(investigation, &findings, fix, &confirmation);
        tn_json_set(investigation, self->outcome->result, "advice", json_incref(findings.advice));
        tn_findings_deinit(&findings);
    }
    if (status == TN_OK && confirmation.pairs > 0)
        tn_outcome_conclude(self->outcome, confirmation.confirmed ? TN_VERDICT_FAIL : TN_VERDICT_PASS,
                            "%s: score %.2f, as given %.2f; better on %zu of %zu fresh seeds", fix->text, best->score, given,
                            confirmation.better, confirmation.pairs);
    tn_fixes_deinit(list);
    tn_memory_destroy(list);
    return status;
}

static tn_status decide(decays *self, tn_error *error)
{
    const decay_plan *given = &self->plans[0], *best = best_of(self);
    if (!given->valid || !best)
        return TN_OK;
    tn_evidence_add(self->investigation, self->outcome->evidence, best->score, given->score, "PROTOCOL C5: factor 1.5, k > n",
                    "of %zu ways to lower the rate the best scores %.3f, as given %.3f", self->count - 1, best->score, given->score);
    if (best->score > given->score + TIE)
        return confirm(self, best, error);
    tn_outcome_conclude(self->outcome, TN_VERDICT_PASS,
                        "no other decay of the learning rate scores better than as given (%.2f; the best other one %.2f)", given->score,
                        best->score);
    return TN_OK;
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    if (!investigation->hypes || investigation->facts->is_program) {
        tn_outcome_conclude(
            outcome, TN_VERDICT_INCONCLUSIVE,
            "the decay of a program's learning rate is in its own code: lower the rate there before the end, by 1.5 every few epochs");
        return TN_OK;
    }
    if (!tn_investigation_can(investigation, TN_KNOB_PATCH, true, outcome))
        return TN_OK;
    uint64_t a_epoch = investigation->facts->steps_per_epoch > 0 ? investigation->facts->steps_per_epoch : 1;
    decays self = {.investigation = investigation, .outcome = outcome, .steps = tn_look_steps(investigation)};
    uint64_t epochs = self.steps / a_epoch;
    if (epochs < EPOCHS_MIN) {
        tn_outcome_conclude(
            outcome, TN_VERDICT_INCONCLUSIVE,
            "the training, as far as it is affordable here, has %llu epochs; k and n are counted in epochs, and need %d at least",
            (unsigned long long)epochs, EPOCHS_MIN);
        return TN_OK;
    }
    make_plans(&self, epochs);
    tn_status status = screen(&self, error);
    if (status == TN_OK)
        status = decide(&self, error);
    for (size_t i = 0; i < self.count; i++)
        json_decref(self.plans[i].patch);
    return status;
}

const tn_experiment tn_experiment_decay = {
    .info = {"decay", "decay", "C5", "when should the learning rate begin to fall, and how often?"},
    .why = "lowering the rate before the end nearly always helps, and when to begin is a matter of trying",
    .run = run,
};

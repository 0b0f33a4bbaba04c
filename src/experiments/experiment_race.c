/* experiment_race.c: which single change repairs the training? (DESIGN.md, "How a cause is found")
 *
 * Look at the training as given; race the candidate fixes, each alone; where none repairs a broken subject, race pairs of the most promising; confirm at most two on fresh paired seeds; where nothing
 * repairs and nothing is learnt, ask whether the labels belong to the inputs at all. The findings go into result.findings, .advice and .ruled_out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "experiments/experiment.h"
#include "experiments/finding.h"
#include "experiments/nonfinite_origin.h"
#include "experiments/program_mend.h"
#include "experiments/suspicion.h"

/* A look that was cut short goes on for this many times its steps before slowness is called a fault. */
enum { PATIENCE = 4, PROMISING = 6, CONFIRMED_MAX = 2 };

/* What cannot be tried is told where it is at least this likely. */
static const double UNTRIED_PRIOR_MIN = 0.4;

typedef struct diagnosis {
    tn_investigation *investigation;
    tn_outcome *outcome;
    tn_look *look; /* the walk's, or `own` */
    tn_look own;
    tn_fix_list fixes;
    tn_fix_list untried; /* what the subject cannot turn */
    tn_race race;
    tn_findings findings;
    size_t confirmed, tried;
    bool slow_known; /* whether `slow_standing` was measured */
    double slow_standing;
    double known; /* a score that the data are known to allow; NAN: not asked */
} diagnosis;

/* Causes by which a network is less good than it could be, rather than broken. */
static bool only_makes_slow(tn_cause_id cause)
{
    return cause == TN_CAUSE_lr_too_low || cause == TN_CAUSE_overfitting || cause == TN_CAUSE_too_few_steps || cause == TN_CAUSE_no_decay ||
           cause == TN_CAUSE_wrong_optimizer || cause == TN_CAUSE_batch_size;
}

/* The score that the subject reaches when it is given time: that of the look, or of a longer run where the look was cut short. */
static tn_status measure_patience(diagnosis *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    if (self->slow_known)
        return TN_OK;
    self->slow_known = true;
    self->slow_standing = self->look->standing;
    if (!self->look->truncated || self->look->standing >= TN_RACE_POOR)
        return TN_OK;
    uint64_t total = tn_investigation_length(investigation), steps = self->look->steps * PATIENCE;
    tn_trial_request request = tn_trial_as_given("patience", total == 0 || steps < total ? steps : total);
    tn_investigation_expect(investigation, request.knobs.steps, "a longer run, since slow is no fault");
    tn_trial_result result;
    tn_status status = tn_trials_run(investigation, &request, &result, 1, error);
    if (status == TN_OK && tn_trial_is_valid(&request, &result)) {
        self->slow_standing = tn_trial_standing(investigation, &result);
        tn_outcome_add_trial(investigation, self->outcome, &request, &result);
    }
    tn_trial_result_deinit(&result);
    return status;
}

/* Tells a change for the better of a subject that trains, where fresh seeds agree. One is enough: advice costs trials too. */
static tn_status advise(diagnosis *self, const tn_fix *fix, tn_error *error)
{
    if (json_array_size(self->findings.advice) > 0)
        return TN_OK;
    tn_confirmation confirmation;
    tn_status status =
        tn_race_confirm(self->investigation, self->look->steps, &self->race, fix, TN_CONFIRM_ONLY, &confirmation, self->outcome, error);
    if (status != TN_OK || !confirmation.consistent || confirmation.after_mean - confirmation.before_mean < TN_RACE_WORTH_TELLING)
        return status;
    if (fix->visible)
        tn_finding_add_fix(self->investigation, &self->findings, self->look, fix, &confirmation);
    else
        tn_finding_add_advice(self->investigation, &self->findings, fix, &confirmation);
    return TN_OK;
}

/* Of a subject that trains: advises the best of the specific changes, where it gains at least so much on the seed of the race. */
static tn_status advise_specific(diagnosis *self, double gain_min, tn_error *error)
{
    const tn_candidate *best = NULL;
    for (size_t i = 0; i < self->race.count; i++) {
        const tn_candidate *candidate = &self->race.candidates[i];
        bool better = candidate->finished && !candidate->fix->general && candidate->standing - self->race.base >= gain_min;
        if (better && (!best || candidate->standing > best->standing))
            best = candidate;
    }
    return best ? advise(self, best->fix, error) : TN_OK;
}

/* A subject that trains, and trains better where it trains longer. A change that gains half as much and costs nothing goes first. */
static tn_status advise_slow(diagnosis *self, const tn_candidate *longer, tn_error *error)
{
    double half = (longer->standing - self->race.base) / 2;
    tn_status status = advise_specific(self, half > TN_RACE_WORTH_TELLING ? half : TN_RACE_WORTH_TELLING, error);
    return status == TN_OK ? advise(self, longer->fix, error) : status;
}

/* Whether fresh seeds make a fix at least suspected. Of a fault that can be read off the hypes a gain that is worth telling is enough. */
static bool is_suspected(const diagnosis *self, const tn_fix *fix, const tn_confirmation *confirmation)
{
    bool gains = fix->visible && confirmation->after_mean - confirmation->before_mean >= TN_RACE_WORTH_TELLING;
    return confirmation->pairs > 0 && (double)confirmation->better >= TN_SUSPECTED_SHARE * (double)confirmation->pairs &&
           (gains || tn_race_is_repair(&self->race, confirmation->before_mean, confirmation->after_mean));
}

/* Whether fresh seeds show that the change is the right one on most of them, though not that it repairs in the mean. */
static bool works_on_most(const tn_confirmation *confirmation)
{
    return confirmation->pairs > 0 && (double)confirmation->better >= TN_SUSPECTED_SHARE * (double)confirmation->pairs &&
           confirmation->after_mean - confirmation->before_mean >= TN_RACE_LIFT;
}

static tn_status confirm(diagnosis *self, const tn_candidate *candidate, tn_confirmation *confirmation, tn_error *error)
{
    uint64_t steps = tn_race_steps_to_confirm(self->investigation, self->look, candidate);
    return tn_race_confirm(self->investigation, steps, &self->race, candidate->fix, TN_CONFIRM_OR_SUSPECT, confirmation, self->outcome,
                           error);
}

/* The race's own candidate behind a ranked one. */
static tn_candidate *runner_of(diagnosis *self, const tn_candidate *ranked)
{
    return &self->race.candidates[ranked - self->race.candidates];
}

/* Confirms a candidate. Where it works on most fresh seeds and no more, another form of the same change goes before another cause: a fix that works on most seeds points at its
 * cause, and what fails on the others may be the form. Confirmed, that form takes the second of the two places; else the other cause still gets its turn. */
static tn_status confirm_cause(diagnosis *self, const tn_candidate *candidate, tn_error *error)
{
    tn_confirmation confirmation, other;
    tn_status status = confirm(self, candidate, &confirmation, error);
    if (status != TN_OK)
        return status;
    /* Nothing dramatic, and how far the best reaches is not known yet: it may come back when it is. */
    if (self->race.broken && !self->race.complete && confirmation.consistent && !confirmation.confirmed) {
        runner_of(self, candidate)->waits = true;
        return TN_OK;
    }
    self->tried++;
    bool suspected = is_suspected(self, candidate->fix, &confirmation);
    bool asks_again = !confirmation.confirmed && (suspected || works_on_most(&confirmation));
    const tn_candidate *second = asks_again ? tn_race_second_form(&self->race, candidate, &confirmation) : NULL;
    if (second && !atomic_load(&self->investigation->spent)) {
        status = confirm(self, second, &other, error);
        if (status != TN_OK)
            return status;
        if (other.confirmed) {
            candidate = second;
            confirmation = other;
            self->tried++;
        }
    }
    self->confirmed += confirmation.confirmed;
    if (confirmation.confirmed || suspected)
        tn_finding_add_fix(self->investigation, &self->findings, self->look, candidate->fix, &confirmation);
    return TN_OK;
}

/* Confirms the best candidates so far, or turns them into advice; stops at the first that is confirmed. */
static tn_status confirm_best(diagnosis *self, tn_error *error)
{
    const tn_candidate *ranked[TN_FIXES_MAX];
    size_t count = tn_race_rank(&self->race, ranked);
    for (size_t i = 0; i < count && self->tried < CONFIRMED_MAX && self->confirmed == 0; i++) {
        const tn_fix *fix = ranked[i]->fix;
        bool comes_back = ranked[i]->waits && self->race.complete;
        if ((ranked[i]->met_fresh && !comes_back) || atomic_load(&self->investigation->spent))
            continue;
        runner_of(self, ranked[i])->met_fresh = true;
        /* What a measurement proved of the program, and training depends on, goes before what may hide it. */
        if (fix->general)
            tn_mend_add_controls(self->investigation, &self->findings, true);
        if (only_makes_slow(fix->cause)) {
            tn_status status = measure_patience(self, error);
            if (status != TN_OK)
                return status;
            if (self->slow_standing >= TN_RACE_POOR) {
                status = advise_slow(self, ranked[i], error);
                if (status != TN_OK)
                    return status;
                continue;
            }
        }
        tn_candidate *runner = runner_of(self, ranked[i]);
        tn_status status =
            tn_label_control_memorises(self->investigation, self->look, fix, runner->standing, &runner->memorises, self->outcome, error);
        if (status == TN_OK && !runner->memorises)
            status = confirm_cause(self, ranked[i], error);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

/* Every single change, wave by wave until one is confirmed: those of a later wave may name a cause only where none before it does. */
static tn_status race_single(diagnosis *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    tn_status status = tn_race_screen(investigation, self->look, &self->fixes, 0, &self->race, self->outcome, error);
    for (tn_race_wave wave = 0; wave < TN_WAVE_COUNT && self->confirmed == 0 && status == TN_OK; wave++) {
        if (atomic_load(&investigation->spent))
            break;
        status = tn_race_finish(investigation, self->look, &self->race, wave, self->outcome, error);
        if (status == TN_OK && !atomic_load(&investigation->spent))
            status = confirm_best(self, error);
    }
    return status;
}

static void mention_others(diagnosis *self)
{
    const tn_candidate *ranked[TN_FIXES_MAX];
    size_t count = tn_race_rank(&self->race, ranked);
    tn_finding_mention_others(self->investigation, &self->findings, ranked, count);
}

static int by_promise(const void *a, const void *b)
{
    const tn_candidate *x = *(const tn_candidate *const *)a, *y = *(const tn_candidate *const *)b;
    double promise_x = x->standing + x->fix->prior, promise_y = y->standing + y->fix->prior;
    return (promise_x < promise_y) - (promise_x > promise_y);
}

/* The first of a pair names its cause: the change that fresh seeds suspect already, else the specific one. */
static void add_pair(diagnosis *self, const tn_fix *one, const tn_fix *other)
{
    bool one_suspected = tn_finding_names(&self->findings, one->cause), other_suspected = tn_finding_names(&self->findings, other->cause);
    bool other_first = one_suspected == other_suspected ? one->general && !other->general : other_suspected;
    tn_fix_add_pair(&self->fixes, other_first ? other : one, other_first ? one : other);
}

/* Where no single change repairs: pairs of the most promising, one of each cause. */
static tn_status race_pairs(diagnosis *self, tn_error *error)
{
    const tn_candidate *promising[TN_FIXES_MAX];
    size_t count = 0, single = self->fixes.count, kept = 0;
    for (size_t i = 0; i < self->race.count; i++)
        if (self->race.candidates[i].valid)
            promising[count++] = &self->race.candidates[i];
    qsort(promising, count, sizeof *promising, by_promise);
    for (size_t i = 0; i < count && kept < PROMISING; i++) {
        bool repeated = false;
        for (size_t j = 0; j < kept; j++)
            repeated = repeated || promising[j]->fix->cause == promising[i]->fix->cause;
        if (!repeated)
            promising[kept++] = promising[i];
    }
    for (size_t i = 0; i < kept; i++)
        for (size_t j = i + 1; j < kept; j++)
            add_pair(self, promising[i]->fix, promising[j]->fix);
    tn_race *pairs = self->fixes.failed ? NULL : tn_memory_create(1, sizeof *pairs);
    if (!pairs)
        return tn_fail_memory(error, sizeof *pairs);
    tn_status status = tn_race_run(self->investigation, self->look, &self->fixes, single, pairs, self->outcome, error);
    if (status == TN_OK) {
        tn_finding_rule_out(self->investigation, &self->findings, &self->race);
        self->race = *pairs;
        self->tried = 0;
        status = confirm_best(self, error);
        mention_others(self);
    }
    tn_memory_destroy(pairs);
    return status;
}

/* A subject that nothing is found of, not even what would make it better, and that scores poorly: do its nearest neighbours show that its data allow more? */
static tn_status ask_neighbours(diagnosis *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    if (investigation->facts->unscored || self->look->standing >= TN_RACE_POOR || atomic_load(&investigation->spent))
        return TN_OK;
    tn_label_signal signal;
    tn_status status = tn_label_signal_measure(investigation, &signal, error);
    if (status != TN_OK || !signal.known || isnan(signal.score))
        return status;
    self->known = signal.score;
    tn_evidence_add(investigation, self->outcome->evidence, signal.score, self->look->standing, "nearest neighbours",
                    "a sample's nearest neighbours tell its label with a score of %.2f, the network with %.2f: %s", signal.score,
                    self->look->standing,
                    tn_standing_is_dramatic(self->look->standing, signal.score) ? "its data allow far more"
                                                                                : "so nothing shows that its data allow more");
    return TN_OK;
}

/* Nothing repairs and nothing is learnt, though ten samples are: do the labels belong to the inputs? (PROTOCOL B3) */
static tn_status question_labels(diagnosis *self, tn_error *error)
{
    tn_label_signal signal;
    tn_status status = tn_label_signal_measure(self->investigation, &signal, error);
    if (status != TN_OK || !signal.known)
        return status;
    tn_evidence_add(self->investigation, self->outcome->evidence, signal.given, signal.permuted, "nearest neighbours",
                    "nearest neighbours tell a sample's label with score %.2f, with permuted labels %.2f: the inputs %s the labels",
                    signal.given, signal.permuted, signal.present ? "do tell something about" : "tell nothing about");
    if (signal.present || self->investigation->overfits == TN_VERDICT_FAIL)
        return TN_OK;
    tn_label_control control;
    status = tn_label_control_run(self->investigation, self->look->steps, &control, self->outcome, error);
    if (status == TN_OK && control.equal)
        tn_finding_add_labels(self->investigation, &self->findings, self->look, &signal, &control);
    return status;
}

/* The likeliest of what could not be tried, one or two: better a line to look at than nothing. */
static void suspect_untried(diagnosis *self)
{
    tn_investigation *investigation = self->investigation;
    for (size_t told = 0; told < CONFIRMED_MAX; told++) {
        const tn_fix *best = NULL;
        const char *best_why = NULL;
        for (size_t i = 0; i < self->untried.count; i++) {
            const tn_fix *fix = &self->untried.fixes[i];
            if (fix->prior >= UNTRIED_PRIOR_MIN && (!best || fix->prior > best->prior) && !tn_finding_names(&self->findings, fix->cause)) {
                best = fix;
                best_why = tn_investigation_refusal(investigation, tn_fix_needs(fix));
            }
        }
        for (size_t i = 0; i < self->race.count; i++) {
            const tn_candidate *candidate = &self->race.candidates[i];
            const tn_fix *fix = candidate->fix;
            if (!candidate->valid && candidate->refusal[0] && fix->prior >= UNTRIED_PRIOR_MIN && (!best || fix->prior > best->prior) &&
                !tn_finding_names(&self->findings, fix->cause)) {
                best = fix;
                best_why = candidate->refusal;
            }
        }
        if (!best)
            return;
        tn_finding_add_untried(investigation, &self->findings, self->look, best, best_why ? best_why : "no knob of it reaches there");
    }
}

/* A spent budget gives the best answer so far: of what did dramatically better on the seed of the race, as far as it ran, the specific before the general. */
static void suspect_best_so_far(diagnosis *self)
{
    const tn_candidate *best = NULL;
    for (size_t i = 0; i < self->race.count; i++) {
        const tn_candidate *candidate = &self->race.candidates[i];
        if (!candidate->valid || candidate->memorises || !tn_standing_is_dramatic(candidate->base_standing, candidate->standing))
            continue;
        bool better = best && (candidate->fix->general == best->fix->general ? candidate->standing > best->standing : best->fix->general);
        if (!best || better)
            best = candidate;
    }
    if (best)
        tn_finding_add_best_so_far(self->investigation, &self->findings, self->look, best);
}

/* It does not train, or it trains badly and cannot even learn ten samples by heart. A slow network may fail to do that in the steps it is given, and still train well. */
static bool is_broken(const diagnosis *self)
{
    return self->race.broken || (self->investigation->overfits == TN_VERDICT_FAIL && self->look->standing < TN_RACE_POOR);
}

static tn_status diagnose(diagnosis *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    if (investigation->facts->nonfinite_inputs > 0) {
        tn_finding_add_nonfinite_input(investigation, &self->findings);
        return TN_OK;
    }
    tn_fix_case about = {.investigation = investigation, .look = self->look, .hypes = investigation->hypes};
    tn_fixes_propose(&about, &self->fixes);
    tn_fixes_split(investigation, &self->fixes, &self->untried);
    if (self->fixes.failed)
        return tn_fail_memory(error, sizeof(tn_fix));
    tn_status status = race_single(self, error);
    mention_others(self);
    if (status == TN_OK && self->look->nonfinite && !atomic_load(&investigation->spent)) {
        status = tn_nonfinite_examine(investigation, self->outcome, error);
        tn_nonfinite_add_finding(investigation, &self->findings);
    }
    tn_mend_add_controls(investigation, &self->findings, false);
    if (status == TN_OK && !tn_finding_has_confirmed(self->findings.findings) && (self->race.broken || self->look->standing < TN_RACE_POOR))
        status =
            tn_debug_ask(investigation, &tn_experiment_overfit,
                         "no single change repairs it: whether ten samples can be learnt tells labels that do not belong to their inputs "
                         "from two faults at once",
                         error);
    bool go_on = status == TN_OK && is_broken(self) && !atomic_load(&investigation->spent) && json_array_size(self->findings.advice) == 0;
    if (go_on && self->look->near_trivial && json_array_size(self->findings.findings) == 0)
        status = question_labels(self, error);
    if (go_on && status == TN_OK && !tn_finding_has_confirmed(self->findings.findings) && !atomic_load(&investigation->spent))
        status = race_pairs(self, error);
    if (go_on && status == TN_OK && json_array_size(self->findings.findings) == 0)
        suspect_untried(self);
    tn_mend_add_certain(investigation, &self->findings);
    if (status == TN_OK && atomic_load(&investigation->spent) && json_array_size(self->findings.findings) == 0)
        suspect_best_so_far(self);
    if (self->race.broken && json_array_size(self->findings.findings) == 0)
        tn_mend_add_seen(investigation, &self->findings);
    if (status == TN_OK && !self->race.broken && json_array_size(self->findings.findings) == 0 && !atomic_load(&investigation->spent))
        status = advise_specific(self, TN_RACE_WORTH_TELLING, error);
    else
        tn_finding_rule_out(investigation, &self->findings, &self->race);
    bool is_advised = json_array_size(self->findings.advice) > 0;
    if (status == TN_OK)
        status = tn_suspicions_add(investigation, self->look, &self->race, &self->findings, self->outcome, error);
    if (status == TN_OK && !is_advised && json_array_size(self->findings.findings) == 0)
        status = ask_neighbours(self, error);
    return status;
}

static void conclude(diagnosis *self)
{
    char given[160];
    tn_finding_describe_look(self->look, given, sizeof given);
    const json_t *first = json_array_get(self->findings.findings, 0);
    const json_t *fix = json_object_get(first, "fix"), *seen = json_array_get(json_object_get(first, "evidence"), 0);
    /* Of what is suspected without a fix that was raced, what was seen says more than what to do. */
    bool raced = json_object_get(fix, "effect") || json_is_true(json_object_get(first, "confirmed"));
    const char *text = json_string_value(json_object_get(raced ? fix : seen, "text"));
    const char *by = json_string_value(json_object_get(first, "confirmed_by"));
    if (by && strcmp(by, "fix") == 0)
        tn_outcome_conclude(self->outcome, TN_VERDICT_FAIL, "as given: %s; repaired by: %s", given, text);
    else if (tn_finding_has_confirmed(self->findings.findings))
        tn_outcome_conclude(self->outcome, TN_VERDICT_FAIL, "as given: %s; proven by a control: %s", given, text);
    else if (first)
        tn_outcome_conclude(self->outcome, TN_VERDICT_INCONCLUSIVE, "as given: %s; suspected, not confirmed: %s", given, text);
    else if (atomic_load(&self->investigation->spent))
        tn_outcome_conclude(self->outcome, TN_VERDICT_INCONCLUSIVE, "as given: %s; stopped before all of %zu changes were raced", given,
                            self->fixes.count);
    else if (self->race.broken)
        tn_outcome_conclude(self->outcome, TN_VERDICT_INCONCLUSIVE, "as given: %s; none of %zu changes repairs it", given,
                            self->fixes.count);
    else if (self->race.count == 0 && self->race.spared > 0)
        tn_outcome_conclude(self->outcome, TN_VERDICT_PASS, "as given: %s; so little is left that no change could be dramatically better",
                            given);
    else
        tn_outcome_conclude(self->outcome, TN_VERDICT_PASS, "as given: %s; none of %zu single changes is dramatically better", given,
                            self->race.count);
    tn_evidence_add(self->investigation, self->outcome->evidence, self->look->standing, NAN, "look", "%s", self->outcome->summary);
}

/* After how many steps a subject that scores poorly ended by itself, so that nobody knows what more of them would do; 0 where they were tried, or would matter little. */
static uint64_t untried_beyond(const diagnosis *self)
{
    if (self->race.broken || self->look->standing >= TN_RACE_POOR)
        return 0;
    for (size_t i = 0; i < self->race.count; i++) {
        const tn_candidate *candidate = &self->race.candidates[i];
        if (candidate->fix->cause == TN_CAUSE_too_few_steps && !candidate->valid && candidate->end == TN_TRIAL_COMPLETED)
            return candidate->steps;
    }
    return 0;
}

static void record(diagnosis *self)
{
    tn_investigation *investigation = self->investigation;
    investigation->raced =
        (tn_known_race){.explained = tn_finding_has_confirmed(self->findings.findings) || investigation->facts->nonfinite_inputs > 0,
                        .broken = self->race.broken,
                        .nonfinite = self->look->nonfinite || self->look->diverged,
                        .standing = self->look->standing,
                        .known = self->known,
                        .untried_beyond = untried_beyond(self)};
    json_t *result = self->outcome->result;
    tn_json_set(investigation, result, "score", tn_json_number(tn_trial_score(&self->look->result)));
    tn_json_set(investigation, result, "broken", json_boolean(self->race.broken));
    if (!isnan(self->known))
        tn_json_set(investigation, result, "neighbour_score", tn_json_number(self->known));
    tn_json_set(investigation, result, "steps", json_integer((json_int_t)self->look->steps));
    tn_json_set(investigation, result, "candidates", json_integer((json_int_t)self->fixes.count));
    tn_json_set(investigation, result, "signals", tn_look_signals(investigation, self->look));
    tn_json_set(investigation, result, "findings", json_incref(self->findings.findings));
    tn_json_set(investigation, result, "advice", json_incref(self->findings.advice));
    tn_json_set(investigation, result, "ruled_out", json_incref(self->findings.ruled_out));
}

/* Without a look nothing can be raced, in a budget that is spent for one; what a program's first run has shown is known all the same. */
static void tell_seen(diagnosis *self)
{
    tn_investigation *investigation = self->investigation;
    tn_mend_add_controls(investigation, &self->findings, false);
    tn_mend_add_certain(investigation, &self->findings);
    const json_t *first = json_array_get(self->findings.findings, 0);
    if (!first)
        return;
    tn_outcome_conclude(self->outcome, tn_finding_has_confirmed(self->findings.findings) ? TN_VERDICT_FAIL : TN_VERDICT_INCONCLUSIVE,
                        "nothing was raced; the first run of the program shows: %s",
                        json_string_value(json_object_get(json_object_get(first, "fix"), "text")));
    tn_json_set(investigation, self->outcome->result, "findings", json_incref(self->findings.findings));
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    diagnosis *self = tn_memory_create(1, sizeof *self);
    if (!self)
        return tn_fail_memory(error, sizeof *self);
    self->investigation = investigation;
    self->outcome = outcome;
    self->known = NAN;
    tn_findings_init(&self->findings);
    self->look = investigation->look ? investigation->look : &self->own;
    tn_status status = investigation->look ? TN_OK : tn_look_run(investigation, &self->own, error);
    if (status == TN_OK && tn_look_is_valid(self->look)) {
        tn_json_append(investigation, outcome->trials, tn_trial_json(investigation, &self->look->request, &self->look->result));
        status = diagnose(self, error);
        conclude(self);
        record(self);
    } else if (status == TN_OK && investigation->facts->mends) {
        tell_seen(self);
    }
    tn_look_deinit(&self->own);
    tn_fixes_deinit(&self->fixes);
    tn_fixes_deinit(&self->untried);
    tn_findings_deinit(&self->findings);
    tn_memory_destroy(self);
    return status;
}

static tn_status plan(tn_investigation *investigation, tn_planned *planned, tn_error *error)
{
    diagnosis *self = tn_memory_create(1, sizeof *self);
    if (!self)
        return tn_fail_memory(error, sizeof *self);
    /* What is proposed depends on what the look shows; before it, this is the case where it shows nothing unusual. */
    tn_status status = TN_OK;
    self->look = investigation->look ? investigation->look : &self->own;
    if (!investigation->look) {
        self->own.steps = tn_look_steps(investigation);
        status = tn_rule_set_create(investigation->options->rules, &self->own.rules, error);
        tn_planned_add(planned, 1, self->look->steps, "as given: the first look");
    }
    if (status == TN_OK) {
        const tn_fix_case about = {.investigation = investigation, .look = self->look, .hypes = investigation->hypes};
        tn_fixes_propose(&about, &self->fixes);
        tn_fixes_split(investigation, &self->fixes, &self->untried);
        status = self->fixes.failed ? tn_fail_memory(error, sizeof(tn_fix)) : TN_OK;
        tn_race_plan(investigation, self->look, &self->fixes, planned);
        tn_planned_add(planned, CONFIRMED_MAX * 2 * tn_race_pair_count(investigation, self->look->steps), self->look->steps,
                       "confirmation: the best two on fresh seeds, with and without");
    }
    tn_look_deinit(&self->own);
    tn_fixes_deinit(&self->fixes);
    tn_fixes_deinit(&self->untried);
    tn_memory_destroy(self);
    return status;
}

const tn_experiment tn_experiment_race = {
    .info = {"race", "race", "D1", "which single change repairs the training, confirmed on fresh seeds?"},
    .why = "the change that repairs, alone and on fresh seeds, names the cause",
    .run = run,
    .plan = plan,
};

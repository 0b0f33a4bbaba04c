/* debug_walk.c: see debug_walk.h. */
#include "experiments/debug_walk.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "experiments/layer_finding.h"
#include "experiments/odds.h"

enum { EXPERIMENTS_MAX = 16, WHY_SIZE = 512 };

struct tn_walk {
    json_t *report; /* borrowed */
    tn_look look;
    tn_odds odds;
    bool done[EXPERIMENTS_MAX]; /* by the place in tn_debug_protocol */
};

/* ---- performing ---- */

/* Puts `found` into a list of the report: what is confirmed in front of what is not, each in its order. */
static void merge(tn_investigation *investigation, json_t *list, const json_t *found)
{
    size_t i, place = 0;
    json_t *entry;
    while (json_is_true(json_object_get(json_array_get(list, place), "confirmed")))
        place++;
    json_array_foreach((json_t *)found, i, entry)
    {
        bool in_front = json_is_true(json_object_get(entry, "confirmed"));
        if (json_array_insert(list, in_front ? place++ : json_array_size(list), entry) != 0)
            investigation->out_of_memory = true;
    }
}

/* Moves what an experiment found from its result to the top of the report. */
static void adopt(tn_investigation *investigation, json_t *report, json_t *result)
{
    static const char *const moved[] = {"findings", "advice", "ruled_out", "signals", "score"};
    for (size_t i = 0; i < sizeof moved / sizeof *moved; i++) {
        json_t *value = json_object_get(result, moved[i]);
        if (!value)
            continue;
        if (json_is_array(value) && json_array_size(json_object_get(report, moved[i])) > 0)
            merge(investigation, json_object_get(report, moved[i]), value);
        else
            tn_json_set(investigation, report, moved[i], json_incref(value));
        json_object_del(result, moved[i]);
    }
}

tn_status tn_debug_perform(tn_investigation *investigation, const tn_experiment *experiment, const char *why, json_t *report,
                           tn_verdict *verdict, tn_error *error)
{
    tn_outcome outcome;
    tn_status status = tn_experiment_perform(investigation, experiment, why, report, &outcome, error);
    if (status == TN_OK)
        adopt(investigation, report, outcome.result);
    if (verdict)
        *verdict = outcome.verdict;
    tn_outcome_deinit(&outcome);
    return status;
}

/* ---- choosing ---- */

static size_t place_of(const tn_investigation *investigation, const tn_experiment *experiment)
{
    size_t count, i = 0;
    const tn_experiment *const *protocol = tn_debug_protocol(investigation->facts, &count);
    while (i < count && protocol[i] != experiment)
        i++;
    return i;
}

static bool is_done(const tn_investigation *investigation, const tn_experiment *experiment)
{
    return investigation->walk->done[place_of(investigation, experiment)];
}

static bool is_confirmed(const struct tn_walk *walk)
{
    return tn_finding_has_confirmed(json_object_get(walk->report, "findings"));
}

/* Those that the first look has answered. */
static bool is_free(const tn_experiment *experiment)
{
    return experiment == &tn_experiment_initial_loss || experiment == &tn_experiment_samples;
}

/* Whether the experiment could still change the verdict; if not, for now or for good, *why says why. */
static bool matters(const tn_investigation *investigation, const tn_experiment *experiment, const char **why)
{
    const struct tn_walk *walk = investigation->walk;
    bool raced = is_done(investigation, &tn_experiment_race);
    *why = "the cause is confirmed, and nothing that it could tell changes that";
    if (is_free(experiment))
        return true;
    if (is_confirmed(walk) || (raced && investigation->raced.explained))
        return false;
    if (experiment == &tn_experiment_lr_boundary)
        return true;
    if (!is_done(investigation, &tn_experiment_lr_boundary))
        return false;
    *why = "no trial of the training as given has turned non-finite";
    if (experiment == &tn_experiment_nonfinite)
        return atomic_load(&investigation->saw_nonfinite);
    if (experiment == &tn_experiment_overfit)
        return raced || !tn_look_is_broken(investigation->look);
    if (experiment == &tn_experiment_batch)
        return raced && is_done(investigation, &tn_experiment_overfit);
    return true;
}

static tn_status cost_of(tn_investigation *investigation, const tn_experiment *experiment, uint64_t *steps, tn_error *error)
{
    tn_planned planned = {.investigation = investigation, .list = tn_json_checked(investigation, json_array())};
    tn_status status = is_free(experiment) && investigation->look ? TN_OK : experiment->plan(investigation, &planned, error);
    json_decref(planned.list);
    *steps = planned.steps;
    return status;
}

/* In plain words why this one is next. */
static void explain(const tn_investigation *investigation, const tn_experiment *experiment, double bits, uint64_t steps, char *why)
{
    char odds[160];
    tn_odds_describe(&investigation->walk->odds, odds, sizeof odds);
    if (steps == 0 && experiment == &tn_experiment_batch)
        snprintf(why, WHY_SIZE, "%s. Likeliest now: %s. It runs trials only where something is left unexplained", experiment->why, odds);
    else if (steps == 0)
        snprintf(why, WHY_SIZE, "%s. Likeliest now: %s. It costs next to nothing, since the first look has what it needs", experiment->why,
                 odds);
    else
        snprintf(why, WHY_SIZE,
                 "%s. Likeliest now: %s. Of what could change the verdict it tells most for its cost: %.2f bits for at most %llu steps",
                 experiment->why, odds, bits, (unsigned long long)steps);
}

/* The place of the next experiment and why; the count of the protocol where none is left that matters. */
static tn_status choose(tn_investigation *investigation, size_t *place, char *why, tn_error *error)
{
    size_t count;
    const tn_experiment *const *protocol = tn_debug_protocol(investigation->facts, &count);
    double best = -1;
    *place = count;
    for (size_t i = 0; i < count; i++) {
        const char *reason;
        uint64_t steps;
        if (investigation->walk->done[i] || !matters(investigation, protocol[i], &reason))
            continue;
        tn_status status = cost_of(investigation, protocol[i], &steps, error);
        if (status != TN_OK)
            return status;
        double bits = tn_odds_bits(&investigation->walk->odds, protocol[i]), value = bits / (double)(steps > 0 ? steps : 1);
        if (value <= best)
            continue;
        best = value;
        *place = i;
        explain(investigation, protocol[i], bits, steps, why);
    }
    return TN_OK;
}

static tn_status run_at(tn_investigation *investigation, size_t place, const char *why, tn_error *error)
{
    size_t count;
    const tn_experiment *experiment = tn_debug_protocol(investigation->facts, &count)[place];
    tn_verdict verdict;
    investigation->walk->done[place] = true;
    tn_status status = tn_debug_perform(investigation, experiment, why, investigation->walk->report, &verdict, error);
    if (status == TN_OK)
        tn_odds_update(&investigation->walk->odds, experiment, verdict);
    return status;
}

tn_status tn_debug_ask(tn_investigation *investigation, const tn_experiment *experiment, const char *why, tn_error *error)
{
    if (!investigation->walk || is_done(investigation, experiment) || atomic_load(&investigation->spent))
        return TN_OK;
    uint64_t before = atomic_load(&investigation->steps);
    tn_status status = run_at(investigation, place_of(investigation, experiment), why, error);
    investigation->asked_steps += atomic_load(&investigation->steps) - before;
    return status;
}

/* ---- the walk ---- */

/* A layer of the user's own that no probe has broken may fail in training all the same; that settles it. */
static void tell_failed_layer(tn_investigation *investigation, const tn_trial_result *result)
{
    if (result->end != TN_TRIAL_REFUSED || result->error.code != TN_ERROR_LAYER)
        return;
    tn_findings findings;
    tn_findings_init(&findings);
    tn_finding_add_failed_layer(investigation, &findings, result);
    merge(investigation, json_object_get(investigation->walk->report, "findings"), findings.findings);
    investigation->is_settled = true;
    tn_findings_deinit(&findings);
}

static tn_status look(tn_investigation *investigation, tn_error *error)
{
    struct tn_walk *walk = investigation->walk;
    uint64_t before = atomic_load(&investigation->steps);
    tn_status status = tn_look_run(investigation, &walk->look, error);
    if (status == TN_OK)
        tell_failed_layer(investigation, &walk->look.result);
    if (status != TN_OK || !tn_look_is_valid(&walk->look))
        return status;
    investigation->look = &walk->look;
    tn_plan_add(investigation, walk->report, "look",
                "the training as given, with all rules watching: what they see gives each cause its odds",
                atomic_load(&investigation->steps) - before);
    return tn_odds_init(&walk->odds, investigation, &walk->look, error);
}

/* What could not change the verdict, with the reason; where the budget is spent, or there was no look, the rest runs in order, since each says itself what it could not tell. */
static tn_status leave_out(tn_investigation *investigation, tn_error *error)
{
    size_t count;
    const tn_experiment *const *protocol = tn_debug_protocol(investigation->facts, &count);
    tn_status status = TN_OK;
    for (size_t i = 0; i < count && status == TN_OK; i++) {
        const char *reason;
        char why[WHY_SIZE];
        if (investigation->walk->done[i])
            continue;
        if (!investigation->is_settled && (atomic_load(&investigation->spent) || !investigation->look)) {
            status = run_at(investigation, i, protocol[i]->why, error);
            continue;
        }
        matters(investigation, protocol[i], &reason);
        snprintf(why, sizeof why, "left out: %s", reason);
        tn_plan_add(investigation, investigation->walk->report, protocol[i]->info.name, why, 0);
    }
    return status;
}

tn_status tn_debug_walk(tn_investigation *investigation, json_t *report, tn_error *error)
{
    struct tn_walk *walk = tn_memory_create(1, sizeof *walk);
    if (!walk)
        return tn_fail_memory(error, sizeof *walk);
    size_t count, place = 0;
    tn_debug_protocol(investigation->facts, &count);
    walk->report = report;
    investigation->walk = walk;
    tn_status status = TN_OK;
    /* Of a program it comes first, even before the look: it costs next to nothing, and keeps the look that it made. */
    if (investigation->facts->is_program)
        status = run_at(investigation, place_of(investigation, &tn_experiment_usage), tn_experiment_usage.why, error);
    /* So does a layer of the user's own: seconds, and no training. */
    if (investigation->facts->layers > 0)
        status = run_at(investigation, place_of(investigation, &tn_experiment_gradcheck), tn_experiment_gradcheck.why, error);
    if (status == TN_OK && !investigation->is_settled)
        status = look(investigation, error);
    while (status == TN_OK && investigation->look && place < count && !atomic_load(&investigation->spent)) {
        char why[WHY_SIZE];
        status = choose(investigation, &place, why, error);
        if (status == TN_OK && place < count)
            status = run_at(investigation, place, why, error);
    }
    if (status == TN_OK)
        status = leave_out(investigation, error);
    investigation->look = NULL;
    investigation->walk = NULL;
    tn_look_deinit(&walk->look);
    tn_memory_destroy(walk);
    return status;
}

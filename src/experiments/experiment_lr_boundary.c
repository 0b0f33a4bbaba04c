/* experiment_lr_boundary.c: how high may the learning rate be? (PROTOCOL A1, A2)
 *
 * Every trial starts from the same initial state and runs 100 steps. Where the given rate breaks (NaN, Inf, or a diverged loss), it is divided by 3 until a trial runs clean;
 * where it is clean, it is multiplied by 3 until one breaks, at most 12 times; where steps are costly, by 9, and the rate between the last clean one and the one that breaks is tried last. The boundary is the
 * lowest rate tried that breaks; the best working rate usually lies 1 to 10 times below it. Where rate after rate gives NaN however small it is, the rate is not the cause; where the data hold NaN, or the loss is NaN before the first update, no rate is
 * tried. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "experiments/experiment.h"
#include "experiments/look.h"

enum { RUNGS_MAX = 32, STRIDE_COSTLY = 2 };

/* How far below the boundary the window begins (PROTOCOL A2). */
static const double WINDOW = 10;

typedef struct rate_rung {
    double rate;
    tn_trial_end end;
    bool diverged, valid;
    uint64_t nonfinite_step; /* from 1, where it ended so */
    double late_loss;        /* median of the last steps */
} rate_rung;

typedef struct rate_ladder {
    tn_investigation *investigation;
    tn_outcome *outcome;
    uint64_t steps;
    double factor;
    size_t stride;       /* going up, a trial's rate is factor ^ stride times the one before */
    double initial_loss; /* from the first trial, which alone is scored; all start from the same state */
    size_t rungs_max;
    rate_rung rungs[RUNGS_MAX + 1]; /* in the order tried; [0] is the given rate */
    size_t count;
} rate_ladder;

static bool broke(const rate_rung *rung)
{
    return rung->end == TN_TRIAL_NONFINITE || rung->diverged;
}

enum { LATE_STEPS = 20 };

static double late_loss(const tn_trial_result *result)
{
    size_t steps = (size_t)result->steps, taken = steps < LATE_STEPS ? steps : LATE_STEPS;
    return tn_median(result->losses + steps - taken, taken);
}

/* The clean rate that brought the loss down most in so few steps. */
static double steepest(const rate_ladder *ladder)
{
    const rate_rung *best = NULL;
    for (size_t i = 0; i < ladder->count; i++)
        if (ladder->rungs[i].valid && !broke(&ladder->rungs[i]) && (!best || ladder->rungs[i].late_loss < best->late_loss))
            best = &ladder->rungs[i];
    return best ? best->rate : NAN;
}

/* Tries the next `wanted` rates, each `factor` times the one before, side by side. */
static tn_status try_rates(rate_ladder *ladder, double first, double factor, size_t wanted, tn_error *error)
{
    tn_trial_request *requests = tn_memory_create(wanted, sizeof *requests);
    tn_trial_result *results = tn_memory_create(wanted, sizeof *results);
    tn_status status = requests && results ? TN_OK : tn_fail_memory(error, wanted * sizeof *results);
    if (status == TN_OK) {
        for (size_t i = 0; i < wanted; i++) {
            requests[i] = tn_trial_as_given("lr_boundary", ladder->steps);
            requests[i].unscored = ladder->count > 0;
            requests[i].knobs.set |= TN_KNOB_LEARNING_RATE;
            requests[i].knobs.learning_rate = first * pow(factor, (double)i);
        }
        status = tn_trials_run(ladder->investigation, requests, results, wanted, error);
        for (size_t i = 0; i < wanted && status == TN_OK; i++) {
            const tn_trial_result *result = &results[i];
            if (result->score_count > 0)
                ladder->initial_loss = result->scores[0].train_loss;
            ladder->rungs[ladder->count++] = (rate_rung){
                .rate = requests[i].knobs.learning_rate,
                .end = result->end,
                .nonfinite_step = result->nonfinite_step,
                .diverged = result->end != TN_TRIAL_NONFINITE && tn_trial_diverged(result, ladder->initial_loss),
                .valid = tn_trial_is_valid(&requests[i], result),
                .late_loss = late_loss(result),
            };
            tn_outcome_add_trial(ladder->investigation, ladder->outcome, &requests[i], result);
        }
        tn_trials_deinit(results, wanted);
    }
    tn_memory_destroy(requests);
    tn_memory_destroy(results);
    return status;
}

/* Climbs (or goes down) until a rung's breaking differs from the first one's, and returns that rung, or NULL where there is none. Rungs tried beyond it, side by side
 * with it, stay in the record. */
static tn_status climb(rate_ladder *ladder, const rate_rung **turning, tn_error *error)
{
    *turning = NULL;
    bool given_broke = broke(&ladder->rungs[0]);
    double factor = given_broke ? 1 / ladder->factor : pow(ladder->factor, (double)ladder->stride);
    size_t side_by_side = ladder->investigation->options->threads;
    while (ladder->count <= ladder->rungs_max && !*turning) {
        size_t left = ladder->rungs_max + 1 - ladder->count, first = ladder->count;
        tn_status status =
            try_rates(ladder, ladder->rungs[first - 1].rate * factor, factor, left < side_by_side ? left : side_by_side, error);
        if (status != TN_OK)
            return status;
        for (size_t i = first; i < ladder->count && !*turning; i++) {
            if (!ladder->rungs[i].valid)
                return TN_OK;
            if (broke(&ladder->rungs[i]) != given_broke)
                *turning = &ladder->rungs[i];
        }
    }
    return TN_OK;
}

/* Where rates were left out on the way up: tries the one below the rate that broke, and puts it in its place. *turning: the lowest that breaks. */
static tn_status refine(rate_ladder *ladder, const rate_rung **turning, tn_error *error)
{
    size_t place = (size_t)(*turning - ladder->rungs);
    tn_status status = try_rates(ladder, ladder->rungs[place].rate / ladder->factor, 1, 1, error);
    if (status != TN_OK || !ladder->rungs[ladder->count - 1].valid)
        return status;
    rate_rung between = ladder->rungs[ladder->count - 1];
    memmove(&ladder->rungs[place + 1], &ladder->rungs[place], (ladder->count - 1 - place) * sizeof between);
    ladder->rungs[place] = between;
    *turning = broke(&between) ? &ladder->rungs[place] : &ladder->rungs[place + 1];
    return status;
}

static void record(rate_ladder *ladder, double clean, double boundary, const char *kind)
{
    tn_investigation *investigation = ladder->investigation;
    json_t *result = ladder->outcome->result, *rungs = tn_json_checked(investigation, json_array());
    for (size_t i = 0; i < ladder->count; i++) {
        json_t *entry = tn_json_checked(investigation, json_object());
        tn_json_set(investigation, entry, "rate", tn_json_number(ladder->rungs[i].rate));
        tn_json_set(investigation, entry, "end", json_string(tn_trial_end_name(ladder->rungs[i].end)));
        tn_json_set(investigation, entry, "diverged", json_boolean(ladder->rungs[i].diverged));
        tn_json_set(investigation, entry, "loss", tn_json_number(ladder->rungs[i].late_loss));
        tn_json_append(investigation, rungs, entry);
    }
    tn_json_set(investigation, result, "learning_rate", tn_json_number(ladder->rungs[0].rate));
    tn_json_set(investigation, result, "ladder", rungs);
    tn_json_set(investigation, result, "clean_rate", tn_json_number(clean));
    tn_json_set(investigation, result, "steepest_rate", tn_json_number(steepest(ladder)));
    tn_json_set(investigation, result, "boundary", tn_json_number(boundary));
    tn_json_set(investigation, result, "boundary_kind", kind ? json_string(kind) : json_string("no boundary"));
    if (!isnan(boundary)) {
        json_t *window = tn_json_checked(investigation, json_array());
        tn_json_append(investigation, window, tn_json_number(boundary / WINDOW));
        tn_json_append(investigation, window, tn_json_number(boundary));
        tn_json_set(investigation, result, "window", window);
    }
    investigation->rates.clean = clean;
    investigation->rates.boundary = boundary;
    investigation->rates.steepest = steepest(ladder);
    investigation->rates.given_broke = broke(&ladder->rungs[0]);
}

static const char *kind_of(const rate_rung *rung)
{
    return rung->end == TN_TRIAL_NONFINITE ? "nonfinite" : "diverged";
}

/* What breaks the given rate and can be no rate's doing: NaN in the data, or a loss that is none before the first update. NULL: nothing. */
static const char *other_blame(const rate_ladder *ladder)
{
    if (ladder->rungs[0].end != TN_TRIAL_NONFINITE)
        return NULL;
    return ladder->investigation->facts->nonfinite_inputs > 0 ? "the inputs hold NaN or infinity"
           : ladder->rungs[0].nonfinite_step == 1             ? "the loss is not finite before the first update"
                                                              : NULL;
}

static void conclude_broken(rate_ladder *ladder, const rate_rung *clean)
{
    const rate_rung *given = &ladder->rungs[0];
    const char *what = given->end == TN_TRIAL_NONFINITE ? "NaN or Inf" : "a diverging loss", *blame = other_blame(ladder);
    if (blame) {
        record(ladder, NAN, NAN, NULL);
        tn_outcome_conclude(ladder->outcome, TN_VERDICT_FAIL, "the rate %.4g gives %s within %llu steps, and %s: the rate is not the cause",
                            given->rate, what, (unsigned long long)ladder->steps, blame);
        return;
    }
    if (!clean) {
        record(ladder, NAN, ladder->rungs[ladder->count - 1].rate, kind_of(given));
        tn_outcome_conclude(
            ladder->outcome, TN_VERDICT_FAIL,
            "the rate %.4g gives %s within %llu steps, and so does every smaller one down to %.3g: the rate is not the cause", given->rate,
            what, (unsigned long long)ladder->steps, ladder->rungs[ladder->count - 1].rate);
        return;
    }
    record(ladder, clean->rate, clean->rate * ladder->factor, kind_of(clean - 1));
    tn_outcome_conclude(ladder->outcome, TN_VERDICT_FAIL,
                        "the rate %.4g gives %s within %llu steps; %.4g is the first below it that runs clean", given->rate, what,
                        (unsigned long long)ladder->steps, clean->rate);
}

static void conclude_clean(rate_ladder *ladder, const rate_rung *broken)
{
    double given = ladder->rungs[0].rate;
    if (!broken) {
        record(ladder, ladder->rungs[ladder->count - 1].rate, NAN, NULL);
        tn_outcome_conclude(ladder->outcome, TN_VERDICT_PASS, "the rate %.4g runs clean; no boundary up to %.3g", given,
                            ladder->rungs[ladder->count - 1].rate);
        return;
    }
    record(ladder, (broken - 1)->rate, broken->rate, kind_of(broken));
    bool below = given < broken->rate / WINDOW;
    tn_outcome_conclude(ladder->outcome, TN_VERDICT_PASS, "the rate %.4g runs clean, %s the window [%.3g, %.3g] below the boundary (%s)",
                        given, below ? "below" : "inside", broken->rate / WINDOW, broken->rate, kind_of(broken));
}

/* How many rates above the given one are tried at most. */
static size_t rungs_up(const tn_investigation *investigation)
{
    size_t rungs = (size_t)tn_investigation_setting(investigation, "boundary_rungs", 12);
    rungs = tn_look_is_costly(investigation) ? rungs / STRIDE_COSTLY : rungs;
    return rungs < RUNGS_MAX ? rungs : RUNGS_MAX;
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    rate_ladder ladder = {
        .investigation = investigation,
        .outcome = outcome,
        .steps = (uint64_t)tn_investigation_setting(investigation, "nan_steps", 100),
        .factor = tn_investigation_setting(investigation, "ladder_factor", 3),
        .stride = tn_look_is_costly(investigation) ? STRIDE_COSTLY : 1,
        .initial_loss = NAN,
        .rungs_max = rungs_up(investigation),
    };
    tn_investigation_expect(investigation, ladder.steps * (ladder.rungs_max + 1), "the ladder of learning rates");
    double given = investigation->facts->learning_rate;
    if (!tn_investigation_can(investigation, TN_KNOB_LEARNING_RATE, false, outcome))
        return TN_OK;
    if (!(given > 0)) {
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "the learning rate %g cannot be turned up or down", given);
        return TN_OK;
    }
    tn_status status = try_rates(&ladder, given, 1, 1, error);
    if (status != TN_OK || !ladder.rungs[0].valid)
        return status;
    bool given_broke = broke(&ladder.rungs[0]);
    /* Going down must reach a clean rate if there is one at all, so it may go further than the search for the boundary goes up. */
    if (given_broke)
        ladder.rungs_max = RUNGS_MAX;
    const rate_rung *turning = NULL;
    status = other_blame(&ladder) ? TN_OK : climb(&ladder, &turning, error);
    if (status == TN_OK && turning && !given_broke && ladder.stride > 1)
        status = refine(&ladder, &turning, error);
    if (status != TN_OK || atomic_load(&investigation->spent) || !ladder.rungs[ladder.count - 1].valid)
        return status;
    if (given_broke)
        conclude_broken(&ladder, turning);
    else
        conclude_clean(&ladder, turning);
    tn_evidence_add(investigation, outcome->evidence, given, investigation->rates.boundary, "PROTOCOL A1, A2: 100 steps, factor 3", "%s",
                    outcome->summary);
    return TN_OK;
}

static tn_status plan(tn_investigation *investigation, tn_planned *planned, tn_error *error)
{
    (void)error;
    uint64_t steps = (uint64_t)tn_investigation_setting(investigation, "nan_steps", 100);
    double factor = tn_investigation_setting(investigation, "ladder_factor", 3), given = investigation->facts->learning_rate;
    tn_planned_add(planned, 1, steps, "learning rate %.4g, as given", given);
    if (tn_look_is_costly(investigation))
        factor = pow(factor, STRIDE_COSTLY);
    tn_planned_add(planned, rungs_up(investigation), steps,
                   "learning rates %.4g, %.4g, ... until one breaks; lower ones where the given one does", given * factor,
                   given * factor * factor);
    return TN_OK;
}

const tn_experiment tn_experiment_lr_boundary = {
    .info = {"lr_boundary", "lr", "A1, A2", "how high may the learning rate be before training breaks?"},
    .why = "the learning rate is the first suspect, and 100 steps a rate are cheap",
    .fails_under =
        "lr_too_high, unscaled_input, unscaled_label, bad_init, wrong_activation, wrong_gradient, missing_zero_grad, nonfinite_op, "
        "nonfinite_input, unstable_softmax",
    .run = run,
    .plan = plan,
};

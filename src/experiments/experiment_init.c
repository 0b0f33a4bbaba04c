/* experiment_init.c: do larger or smaller initial weights train better, at which learning rate, and where does it turn NaN? (PROTOCOL C2)
 *
 * The scale of the initial weights and the learning rate are tuned together, so both are turned at once: a grid of SIDE scales by SIDE rates, factors around those given, each cell a
 * short training from the same random numbers. The picture is the grid, with the frontier beyond which training breaks. Not for zero or equal weights, which no scale mends
 * (fixes/fix_init.c). */
#include <math.h>

#include "experiments/experiment.h"
#include "experiments/look.h"

enum { SIDE = 5, CELLS = SIDE * SIDE, GIVEN = SIDE / 2 };

/* Factors on what is given. A larger scale is often better, so the grid is not finer there, only as wide. */
static const double SCALES[SIDE] = {0.1, 0.3, 1, 3, 10}, RATES[SIDE] = {1.0 / 9, 1.0 / 3, 1, 3, 9};

typedef struct cell {
    double scale, rate; /* factor on the initial weights; learning rate */
    double score;       /* standing after the steps; 0 where it broke */
    bool valid, nonfinite, diverged;
} cell;

static bool broke(const cell *at)
{
    return at->nonfinite || at->diverged;
}

static json_t *axis(tn_investigation *investigation, const cell *cells, bool of_rates)
{
    json_t *list = tn_json_checked(investigation, json_array());
    for (size_t i = 0; i < SIDE; i++)
        tn_json_append(investigation, list, tn_json_number(of_rates ? cells[i].rate : cells[i * SIDE].scale));
    return list;
}

/* For each scale the lowest rate tried that breaks; null where none does. */
static json_t *frontier(tn_investigation *investigation, const cell *cells)
{
    json_t *list = tn_json_checked(investigation, json_array());
    for (size_t s = 0; s < SIDE; s++) {
        double lowest = NAN;
        for (size_t r = SIDE; r-- > 0;)
            if (broke(&cells[s * SIDE + r]))
                lowest = cells[s * SIDE + r].rate;
        tn_json_append(investigation, list, tn_json_number(lowest));
    }
    return list;
}

static void record(tn_investigation *investigation, tn_outcome *outcome, const cell *cells)
{
    json_t *grid = tn_json_checked(investigation, json_object()), *rows = tn_json_checked(investigation, json_array());
    for (size_t s = 0; s < SIDE; s++) {
        json_t *row = tn_json_checked(investigation, json_array());
        for (size_t r = 0; r < SIDE; r++) {
            const cell *at = &cells[s * SIDE + r];
            json_t *entry = tn_json_checked(investigation, json_object());
            tn_json_set(investigation, entry, "score", at->valid && !broke(at) ? tn_json_number(at->score) : json_null());
            tn_json_set(investigation, entry, "nonfinite", json_boolean(at->nonfinite));
            tn_json_set(investigation, entry, "diverged", json_boolean(at->diverged));
            tn_json_append(investigation, row, entry);
        }
        tn_json_append(investigation, rows, row);
    }
    tn_json_set(investigation, grid, "init_scales", axis(investigation, cells, false));
    tn_json_set(investigation, grid, "learning_rates", axis(investigation, cells, true));
    tn_json_set(investigation, grid, "cells", rows);
    tn_json_set(investigation, grid, "frontier", frontier(investigation, cells));
    tn_json_set(investigation, outcome->result, "grid", grid);
}

/* The best of cells [count] that did not break; NULL where all did. */
static const cell *best_of(const cell *cells, size_t count)
{
    const cell *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (cells[i].valid && !broke(&cells[i]) && (!best || cells[i].score > best->score))
            best = &cells[i];
    return best;
}

/* A scale is to blame where the best of all is dramatically better than the best at the scale given: another rate alone is no matter of the initial weights. */
static void conclude(tn_investigation *investigation, tn_outcome *outcome, const cell *cells, uint64_t steps)
{
    const cell *given = &cells[GIVEN * SIDE + GIVEN], *best = best_of(cells, CELLS), *at_given_scale = best_of(cells + GIVEN * SIDE, SIDE);
    if (!best) {
        tn_outcome_conclude(outcome, TN_VERDICT_FAIL, "all %d pairs of initial scale and learning rate break within %llu steps", CELLS,
                            (unsigned long long)steps);
        return;
    }
    size_t broken = 0;
    for (size_t i = 0; i < CELLS; i++)
        broken += broke(&cells[i]);
    tn_evidence_add(investigation, outcome->evidence, best->score, given->score, "PROTOCOL C2",
                    "of %d pairs of initial scale and learning rate %zu break within %llu steps; the best, initial weights times %.3g with "
                    "the rate %.3g, "
                    "scores %.2f, as given %.2f",
                    CELLS, broken, (unsigned long long)steps, best->scale, best->rate, best->score, given->score);
    double without = at_given_scale ? at_given_scale->score : 0;
    if (best->scale != given->scale && tn_standing_is_dramatic(without, best->score))
        tn_outcome_conclude(
            outcome, TN_VERDICT_FAIL,
            "initial weights times %.3g with the rate %.3g score %.2f after %llu steps; as they are, at the best rate, %.2f", best->scale,
            best->rate, best->score, (unsigned long long)steps, without);
    else
        tn_outcome_conclude(
            outcome, TN_VERDICT_PASS,
            "no other scale of the initial weights is dramatically better than as given (score %.2f; at the best rate %.2f)", given->score,
            without);
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    double rate = investigation->facts->learning_rate;
    if (!tn_investigation_can(investigation, TN_KNOB_INIT_SCALE | TN_KNOB_LEARNING_RATE, true, outcome))
        return TN_OK;
    if (!(rate > 0)) {
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "the learning rate %g cannot be turned up or down", rate);
        return TN_OK;
    }
    uint64_t steps = (uint64_t)tn_investigation_setting(investigation, "grid_steps", 300), longest = tn_look_steps(investigation);
    steps = steps < longest ? steps : longest;
    cell cells[CELLS];
    tn_trial_request requests[CELLS];
    tn_trial_result results[CELLS];
    for (size_t i = 0; i < CELLS; i++) {
        cells[i] = (cell){.scale = SCALES[i / SIDE], .rate = rate * RATES[i % SIDE]};
        requests[i] = tn_trial_as_given("init", steps);
        requests[i].knobs.set |= TN_KNOB_INIT_SCALE | TN_KNOB_LEARNING_RATE;
        requests[i].knobs.init_scale = cells[i].scale;
        requests[i].knobs.learning_rate = cells[i].rate;
    }
    tn_investigation_expect(investigation, CELLS * steps, "a grid of initial scales and learning rates");
    tn_status status = tn_trials_run(investigation, requests, results, CELLS, error);
    bool all_valid = true;
    for (size_t i = 0; i < CELLS && status == TN_OK; i++) {
        cells[i].valid = tn_trial_is_valid(&requests[i], &results[i]);
        cells[i].nonfinite = results[i].end == TN_TRIAL_NONFINITE;
        cells[i].diverged = !cells[i].nonfinite && tn_trial_diverged(&results[i], NAN);
        cells[i].score = broke(&cells[i]) ? 0 : tn_trial_standing(investigation, &results[i]);
        all_valid = all_valid && cells[i].valid;
        tn_outcome_add_trial(investigation, outcome, &requests[i], &results[i]);
    }
    tn_trials_deinit(results, CELLS);
    if (status == TN_OK)
        record(investigation, outcome, cells);
    if (status == TN_OK && all_valid)
        conclude(investigation, outcome, cells, steps);
    return status;
}

const tn_experiment tn_experiment_init = {
    .info = {"init", "init", "C2", "do other initial weights train better, and at which learning rate?"},
    .why = "the scale of the initial weights and the learning rate are tuned together, and short runs show where training breaks",
    .run = run,
};

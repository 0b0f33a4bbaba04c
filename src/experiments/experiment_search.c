/* experiment_search.c: random search over the ranges that the hypes name (PROTOCOL C7; Bergstra and Bengio 2012).
 *
 * Trials run side by side, one a thread. One that turns NaN or whose loss is lost ends at once, scores 0, and says why. With a store, trials that it holds already are not run
 * again. Where the hypes name no ranges they come from what experiments find: learning rates below the boundary of lr_boundary, and scales of the initial weights around the given.
 * In the end: the best, and which hyper-parameters mattered. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "experiments/experiment.h"
#include "experiments/look.h"
#include "experiments/study.h"
#include "experiments/trials_kept.h"

enum { TRIALS_DEFAULT = 50, SIDE_BY_SIDE = 32, TOLD_MAX = 10 /* of the best, in the evidence */ };

/* Default ranges, where none are written: rates over two decades below what breaks, or around the given where nothing breaks; scales of initial weights by C2's grid. */
static const double RATE_SPAN = 100, RATE_AROUND = 30, SCALE_LOW = 0.3, SCALE_HIGH = 3;

typedef struct search_trial {
    json_t *values[TN_STUDY_DIMENSIONS_MAX]; /* owned */
    double score;
    tn_trial_end end;
    uint64_t end_step;
    bool done, kept; /* kept: by the store, from an earlier search */
} search_trial;

typedef struct search {
    tn_investigation *investigation;
    tn_outcome *outcome;
    tn_dimension dimensions[TN_STUDY_DIMENSIONS_MAX];
    size_t dimension_count;
    json_t *own_ranges; /* owned; where the hypes name none */
    search_trial *trials;
    size_t count, done;
    uint64_t steps;
    tn_trials_kept *kept; /* NULL without a store */
} search;

/* ---- ranges ---- */

static void add_dimension(search *self, const char *name, uint32_t knob, const json_t *range)
{
    if (self->dimension_count < TN_STUDY_DIMENSIONS_MAX && range)
        self->dimensions[self->dimension_count++] = (tn_dimension){.name = name, .knob = knob, .range = range};
}

/* Adds a range of our own for a knob that can be turned: as a path of native hypes, or as the knob itself. */
static void add_own(search *self, const char *path, tn_knob knob, json_t *range)
{
    tn_investigation *investigation = self->investigation;
    bool by_patch = investigation->hypes && !investigation->facts->is_program;
    const char *name = by_patch ? path : tn_knob_name(knob);
    if (!(investigation->facts->knobs & (uint32_t)knob)) {
        json_decref(range);
        return;
    }
    tn_json_set(investigation, self->own_ranges, name, tn_json_checked(investigation, range));
    add_dimension(self, name, by_patch ? 0 : (uint32_t)knob, json_object_get(self->own_ranges, name));
}

static tn_status find_own_ranges(search *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    double given = investigation->facts->learning_rate;
    tn_outcome ladder;
    tn_outcome_init(&ladder);
    tn_status status = tn_experiment_lr_boundary.run(investigation, &ladder, error);
    tn_outcome_deinit(&ladder);
    if (status != TN_OK)
        return status;
    double boundary = investigation->rates.boundary, high = isnan(boundary) ? given * RATE_AROUND : boundary,
           low = isnan(boundary) ? given / RATE_AROUND : boundary / RATE_SPAN;
    self->own_ranges = tn_json_checked(investigation, json_object());
    if (given > 0)
        add_own(self, "solver.learning_rate", TN_KNOB_LEARNING_RATE, json_pack("{s:[f,f]}", "log_uniform", low, high));
    add_own(self, "init.scale", TN_KNOB_INIT_SCALE, json_pack("{s:[f,f]}", "log_uniform", SCALE_LOW, SCALE_HIGH));
    return TN_OK;
}

static tn_status find_ranges(search *self, tn_error *error)
{
    const tn_investigation *investigation = self->investigation;
    bool is_native = investigation->hypes && !investigation->facts->is_program;
    const json_t *written = is_native ? tn_hypes_value(investigation->hypes, "search") : NULL;
    const char *path;
    const json_t *range;
    json_object_foreach((json_t *)(uintptr_t)written, path, range) add_dimension(self, path, 0, range);
    return self->dimension_count > 0 ? TN_OK : find_own_ranges(self, error);
}

/* ---- trials ---- */

static void draw(search *self, size_t index)
{
    for (size_t d = 0; d < self->dimension_count; d++)
        self->trials[index].values[d] =
            tn_json_checked(self->investigation, tn_dimension_draw(&self->dimensions[d], self->investigation->options->seed, index, d));
}

/* The request of trial `index`; *patch is owned by the caller. */
static tn_trial_request request_of(const search *self, size_t index, json_t **patch)
{
    tn_trial_request request = tn_trial_as_given("search", self->steps);
    *patch = tn_json_checked(self->investigation, json_object());
    for (size_t d = 0; d < self->dimension_count; d++) {
        json_t *value = self->trials[index].values[d];
        request.knobs.set |= self->dimensions[d].knob;
        if (self->dimensions[d].knob == TN_KNOB_LEARNING_RATE)
            request.knobs.learning_rate = json_number_value(value);
        else if (self->dimensions[d].knob == TN_KNOB_INIT_SCALE)
            request.knobs.init_scale = json_number_value(value);
        else
            tn_json_set(self->investigation, *patch, self->dimensions[d].name, json_incref(value));
    }
    if (json_object_size(*patch) > 0) {
        request.knobs.set |= TN_KNOB_PATCH;
        request.knobs.patch = *patch;
    }
    return request;
}

static void take_result(search *self, search_trial *trial, const tn_trial_request *request, const tn_trial_result *result)
{
    trial->end = result->end;
    trial->end_step = result->end == TN_TRIAL_NONFINITE ? result->nonfinite_step : result->steps;
    trial->done = tn_trial_is_valid(request, result) || result->end == TN_TRIAL_REFUSED;
    trial->score = trial->done && result->end != TN_TRIAL_REFUSED ? tn_trial_standing(self->investigation, result) : 0;
}

/* Runs trials [first, first + count) that the store does not hold yet. */
static tn_status run_some(search *self, size_t first, size_t count, tn_error *error)
{
    tn_trial_request requests[SIDE_BY_SIDE];
    tn_trial_result results[SIDE_BY_SIDE];
    json_t *patches[SIDE_BY_SIDE];
    size_t places[SIDE_BY_SIDE], fresh = 0;
    for (size_t i = first; i < first + count; i++) {
        requests[fresh] = request_of(self, i, &patches[fresh]);
        search_trial *trial = &self->trials[i];
        trial->kept =
            tn_trials_kept_find(self->kept, self->investigation->subject, &requests[fresh], &trial->score, &trial->end, &trial->end_step);
        trial->done = trial->kept;
        if (trial->kept)
            json_decref(patches[fresh]);
        else
            places[fresh++] = i;
    }
    tn_status status = fresh > 0 ? tn_trials_run(self->investigation, requests, results, fresh, error) : TN_OK;
    for (size_t k = 0; k < fresh; k++) {
        if (status == TN_OK)
            take_result(self, &self->trials[places[k]], &requests[k], &results[k]);
        json_decref(patches[k]);
    }
    tn_trials_deinit(results, fresh);
    return status;
}

static tn_status run_all(search *self, tn_error *error)
{
    tn_investigation_expect(self->investigation, self->count * self->steps, "a random search");
    for (size_t i = 0; i < self->count; i++)
        draw(self, i);
    for (size_t first = 0; first < self->count && !atomic_load(&self->investigation->spent); first += SIDE_BY_SIDE) {
        size_t left = self->count - first;
        tn_status status = run_some(self, first, left < SIDE_BY_SIDE ? left : SIDE_BY_SIDE, error);
        if (status != TN_OK)
            return status;
    }
    for (size_t i = 0; i < self->count; i++)
        self->done += self->trials[i].done;
    return TN_OK;
}

/* ---- telling ---- */

static json_t *values_json(const search *self, const search_trial *trial)
{
    json_t *values = tn_json_checked(self->investigation, json_object());
    for (size_t d = 0; d < self->dimension_count; d++)
        tn_json_set(self->investigation, values, self->dimensions[d].name, json_incref(trial->values[d]));
    return values;
}

static void record_trials(search *self)
{
    tn_investigation *investigation = self->investigation;
    json_t *list = tn_json_checked(investigation, json_array());
    for (size_t i = 0; i < self->count; i++) {
        const search_trial *trial = &self->trials[i];
        if (!trial->done)
            continue;
        json_t *entry = tn_json_checked(investigation, json_object());
        tn_json_set(investigation, entry, "trial", json_integer((json_int_t)i));
        tn_json_set(investigation, entry, "values", values_json(self, trial));
        tn_json_set(investigation, entry, "score", tn_json_number(trial->score));
        tn_json_set(investigation, entry, "end", json_string(tn_trial_end_name(trial->end)));
        tn_json_set(investigation, entry, "end_step", json_integer((json_int_t)trial->end_step));
        tn_json_set(investigation, entry, "kept", json_boolean(trial->kept));
        tn_json_append(investigation, list, entry);
    }
    tn_json_set(investigation, self->outcome->result, "search", list);
}

static const search_trial *best_of(const search *self)
{
    const search_trial *best = NULL;
    for (size_t i = 0; i < self->count; i++)
        if (self->trials[i].done && (!best || self->trials[i].score > best->score))
            best = &self->trials[i];
    return best;
}

/* Where a value lies: the number itself, or the index of a choice. */
static double position_of(const tn_dimension *dimension, const json_t *value)
{
    const json_t *choices = json_object_get(dimension->range, "choice"), *choice;
    size_t index;
    json_array_foreach(choices, index, choice)
    {
        if (json_equal(choice, value))
            return (double)index;
    }
    return json_number_value(value);
}

static json_t *importance_json(search *self, const tn_dimension *dimension, const tn_importance *found)
{
    tn_investigation *investigation = self->investigation;
    json_t *entry = tn_json_checked(investigation, json_object()), *bins = tn_json_checked(investigation, json_array());
    const json_t *choices = json_object_get(dimension->range, "choice");
    for (size_t b = 0; b < found->bins; b++) {
        json_t *bin = tn_json_checked(investigation, json_object());
        if (choices) {
            tn_json_set(investigation, bin, "choice", json_deep_copy(json_array_get(choices, (size_t)found->low[b])));
        } else {
            tn_json_set(investigation, bin, "low", tn_json_number(found->low[b]));
            tn_json_set(investigation, bin, "high", tn_json_number(found->high[b]));
        }
        tn_json_set(investigation, bin, "score", tn_json_number(found->mean[b]));
        tn_json_set(investigation, bin, "trials", json_integer((json_int_t)found->trials[b]));
        tn_json_append(investigation, bins, bin);
    }
    tn_json_set(investigation, entry, "name", json_string(dimension->name));
    tn_json_set(investigation, entry, "importance", tn_json_number(found->importance));
    tn_json_set(investigation, entry, "bins", bins);
    return entry;
}

/* Which hyper-parameters mattered. */
static tn_status measure(search *self, tn_error *error)
{
    double *positions = tn_memory_create(2 * self->count, sizeof *positions), *scores = positions ? positions + self->count : NULL;
    if (!positions)
        return tn_fail_memory(error, 2 * self->count * sizeof *positions);
    json_t *list = tn_json_checked(self->investigation, json_array());
    tn_json_set(self->investigation, self->outcome->result, "importance", list);
    tn_status status = TN_OK;
    for (size_t d = 0; d < self->dimension_count && status == TN_OK; d++) {
        tn_importance found;
        size_t count = 0;
        for (size_t i = 0; i < self->count; i++) {
            if (!self->trials[i].done)
                continue;
            positions[count] = position_of(&self->dimensions[d], self->trials[i].values[d]);
            scores[count++] = self->trials[i].score;
        }
        bool is_choice = json_object_get(self->dimensions[d].range, "choice") != NULL;
        status = tn_importance_measure(positions, scores, count, is_choice, &found, error);
        if (status == TN_OK)
            tn_json_append(self->investigation, list, importance_json(self, &self->dimensions[d], &found));
        if (status == TN_OK)
            tn_evidence_add(self->investigation, self->outcome->evidence, found.importance, NAN, "share of the scores' variance",
                            "%s explains %.0f %% of the differences between scores", self->dimensions[d].name, 100 * found.importance);
    }
    tn_memory_destroy(positions);
    return status;
}

static void conclude(search *self, const search_trial *best)
{
    tn_investigation *investigation = self->investigation;
    size_t lost = 0, kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        lost += self->trials[i].done && self->trials[i].end != TN_TRIAL_COMPLETED;
        kept += self->trials[i].kept;
    }
    json_t *values = values_json(self, best);
    char *text = json_dumps(values, JSON_COMPACT | JSON_REAL_PRECISION(3));
    tn_json_set(investigation, self->outcome->result, "best", values);
    tn_json_set(investigation, self->outcome->result, "best_score", tn_json_number(best->score));
    tn_json_set(investigation, self->outcome->result, "kept", json_integer((json_int_t)kept));
    tn_evidence_add(investigation, self->outcome->evidence, (double)lost, NAN, NULL,
                    "%zu of %zu trials ended early: NaN, or a loss out of reach", lost, self->done);
    tn_outcome_conclude(self->outcome, TN_VERDICT_PASS, "the best of %zu trials scores %.3f: %s", self->done, best->score,
                        text ? text : "?");
    free(text);
}

static tn_status search_all(search *self, tn_error *error)
{
    tn_status status = find_ranges(self, error);
    if (status == TN_OK && self->dimension_count == 0) {
        tn_outcome_conclude(self->outcome, TN_VERDICT_INCONCLUSIVE,
                            "there is nothing to search: no ranges are written, and neither learning rate nor initial scale can be turned");
        return TN_OK;
    }
    if (status == TN_OK)
        status = tn_trials_kept_open(self->investigation->options->store, "search", &self->kept, error);
    if (status == TN_OK)
        status = run_all(self, error);
    const search_trial *best = status == TN_OK ? best_of(self) : NULL;
    if (!best)
        return status;
    record_trials(self);
    status = measure(self, error);
    conclude(self, best);
    return status;
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    if (!tn_investigation_can(investigation, 0, true, outcome))
        return TN_OK;
    search self = {.investigation = investigation, .outcome = outcome, .steps = tn_look_steps(investigation)};
    self.count = investigation->options->search_trials > 0 ? investigation->options->search_trials : TRIALS_DEFAULT;
    self.trials = tn_memory_create(self.count, sizeof *self.trials);
    if (!self.trials)
        return tn_fail_memory(error, self.count * sizeof *self.trials);
    tn_status status = search_all(&self, error);
    for (size_t i = 0; i < self.count; i++)
        for (size_t d = 0; d < self.dimension_count; d++)
            json_decref(self.trials[i].values[d]);
    tn_memory_destroy(self.trials);
    tn_trials_kept_close(self.kept);
    json_decref(self.own_ranges);
    return status;
}

const tn_experiment tn_experiment_search = {
    .info = {"search", "search", "C7", "which hyper-parameters train best, and which of them matter?"},
    .why = "random trials over ranges show what works, and what matters",
    .run = run,
};

/* experiment_climb.c: from the trivial version of the problem back up to the full one: where does the bug enter? (PROTOCOL B5)
 *
 * At each level (levels.h) the samples grow by ten, learnt by heart, until all of them have to be generalised from; then one simplification is undone, and it begins again with ten. A cell may take
 * ten times the steps that the same samples needed a level before. Where that is exceeded, half of the simplification is undone first, and the step is retried from there; where that fails too, or
 * nothing lies between, the bug enters there. */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "experiments/experiment.h"
#include "experiments/levels.h"
#include "experiments/look.h"

enum { FEW = 10, GROWTH = 10, COLUMNS = 4, BUDGET_FACTOR = 10 };

typedef struct climb {
    tn_investigation *investigation;
    tn_outcome *outcome;
    tn_levels levels;
    uint64_t columns[COLUMNS], needed[COLUMNS]; /* samples, 0: all; steps that the last passed level needed, 0: none passed */
    size_t column_count;
    json_t *path;         /* borrowed by outcome->result */
    tn_level_cell failed; /* the last cell that was not passed */
    bool is_refused;
} climb;

/* Ten, a hundred ... up to a tenth of all, and all. */
static void choose_columns(climb *self)
{
    uint64_t all = self->investigation->facts->train_samples,
             rungs = (uint64_t)tn_investigation_setting(self->investigation, "overfit_rungs", 2);
    for (uint64_t samples = FEW; self->column_count + 1 < COLUMNS && self->column_count < rungs && (all == 0 || samples < all);
         samples *= GROWTH)
        self->columns[self->column_count++] = samples;
    self->columns[self->column_count++] = 0;
}

static uint64_t budget_of(const climb *self, size_t column)
{
    uint64_t usual = self->columns[column] > 0 ? tn_levels_few_steps(self->investigation) : tn_look_steps(self->investigation);
    uint64_t easier = BUDGET_FACTOR * self->needed[column];
    for (size_t i = 0; self->columns[column] > 0 && i < column; i++)
        usual *= 2; /* as in experiment_overfit.c */
    if (self->needed[column] == 0 || easier > usual)
        return usual;
    return easier > usual / 2 ? easier : usual / 2; /* a level that was easy by luck leaves half of the usual */
}

/* All columns of a level, until one fails. *passed where none does; a spent budget leaves it false. */
static tn_status try_level(climb *self, const tn_level *level, bool is_between, bool *passed, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    uint64_t needed[COLUMNS] = {0};
    *passed = false;
    for (size_t i = 0; i < self->column_count; i++) {
        tn_level_cell cell = {.samples = self->columns[i], .budget = budget_of(self, i)};
        tn_status status = tn_levels_try(investigation, "climb", &level, &cell, 1, self->outcome, error);
        if (status != TN_OK || atomic_load(&investigation->spent))
            return status;
        json_t *entry = tn_level_cell_json(investigation, level->name, &cell);
        tn_json_set(investigation, entry, "between", json_boolean(is_between));
        tn_json_append(investigation, self->path, entry);
        if (!cell.passed) {
            self->failed = cell;
            self->is_refused = !cell.valid;
            return TN_OK;
        }
        needed[i] = cell.steps > 0 ? cell.steps : 1;
    }
    for (size_t i = 0; i < self->column_count; i++)
        self->needed[i] = needed[i];
    *passed = true;
    return TN_OK;
}

/* From level `index` - 1, which is passed, to `index`: at once, or by what lies half way. *at is the level where it failed. */
static tn_status step_up(climb *self, size_t index, bool *passed, char at[TN_LEVEL_NAME_SIZE], tn_error *error)
{
    const tn_level *to = &self->levels.levels[index];
    tn_level between;
    snprintf(at, TN_LEVEL_NAME_SIZE, "%s", to->name);
    tn_status status = try_level(self, to, false, passed, error);
    if (status != TN_OK || *passed || self->is_refused || index == 0 || atomic_load(&self->investigation->spent) ||
        !tn_levels_between(self->investigation, &self->levels.levels[index - 1], to, &between))
        return status;
    status = try_level(self, &between, true, passed, error);
    if (status == TN_OK && *passed)
        status = try_level(self, to, false, passed, error);
    else
        snprintf(at, TN_LEVEL_NAME_SIZE, "%s", between.name);
    json_decref(between.patch);
    return status;
}

static void conclude_failure(climb *self, size_t index, const char *at)
{
    tn_investigation *investigation = self->investigation;
    char samples[32] = "all samples";
    if (self->failed.samples > 0)
        snprintf(samples, sizeof samples, "%llu samples", (unsigned long long)self->failed.samples);
    if (self->is_refused) {
        tn_outcome_conclude(self->outcome, TN_VERDICT_INCONCLUSIVE, "the level \"%.80s\" cannot be tried: %.120s", at,
                            self->failed.refusal[0] ? self->failed.refusal : "a knob was not turned");
        return;
    }
    tn_json_set(investigation, self->outcome->result, "enters_at", json_string(at));
    tn_outcome_conclude(self->outcome, TN_VERDICT_FAIL, "%s \"%.80s\" (%s: score %.2f after %llu steps)%s%.60s%s",
                        index == 0 ? "even the simplest level fails:" : "the bug enters at", at, samples, self->failed.score,
                        (unsigned long long)self->failed.steps, index == 0 ? "" : "; passed before: \"",
                        index == 0 ? "" : self->levels.levels[index - 1].name, index == 0 ? "" : "\"");
}

static tn_status climb_all(climb *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    tn_status status = tn_levels_init(investigation, &self->levels, error);
    if (status != TN_OK)
        return status;
    if (self->levels.count < 2) {
        tn_outcome_conclude(self->outcome, TN_VERDICT_INCONCLUSIVE,
                            "there is nothing to climb: name levels under \"levels\" in the hypes, from trivial to full");
        return TN_OK;
    }
    choose_columns(self);
    self->path = tn_json_checked(investigation, json_array());
    tn_json_set(investigation, self->outcome->result, "path", self->path);
    for (size_t i = 0; i < self->levels.count && status == TN_OK; i++) {
        char at[TN_LEVEL_NAME_SIZE];
        bool passed;
        status = step_up(self, i, &passed, at, error);
        if (status != TN_OK || atomic_load(&investigation->spent))
            return status;
        if (!passed) {
            conclude_failure(self, i, at);
            return TN_OK;
        }
    }
    if (status == TN_OK)
        tn_outcome_conclude(self->outcome, TN_VERDICT_PASS, "all %zu levels are passed, from \"%.80s\" to \"%.80s\"", self->levels.count,
                            self->levels.levels[0].name, self->levels.levels[self->levels.count - 1].name);
    return status;
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    if (!tn_investigation_can(investigation, TN_KNOB_PATCH | TN_KNOB_SAMPLES, true, outcome))
        return TN_OK;
    climb *self = tn_memory_create(1, sizeof *self);
    if (!self)
        return tn_fail_memory(error, sizeof *self);
    self->investigation = investigation;
    self->outcome = outcome;
    tn_status status = climb_all(self, error);
    tn_levels_deinit(&self->levels);
    tn_memory_destroy(self);
    return status;
}

const tn_experiment tn_experiment_climb = {
    .info = {"climb", "climb", "B5", "from the simplest version of the problem back up: where does the bug enter?"},
    .why = "what works at one level and not at the next has its fault in the step between them",
    .run = run,
};

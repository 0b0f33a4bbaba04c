/* experiment_simplify.c: which is the simplest version of the problem that fails, and the hardest that works? (PROTOCOL B4)
 *
 * Every level (levels.h) is tried twice: ten samples learnt by heart, and all of them generalised from. The border between what works and what fails names the culprit. Where the levels are derived,
 * a control undoes that one simplification alone: the full problem with it, and nothing else changed. */
#include <math.h>

#include "base/memory.h"
#include "experiments/experiment.h"
#include "experiments/levels.h"
#include "experiments/look.h"

enum { FEW = 10 };

typedef struct simplifying {
    tn_investigation *investigation;
    tn_outcome *outcome;
    tn_levels levels;
    tn_level_cell cells[2 * TN_LEVELS_MAX]; /* of each level: few samples, all samples */
} simplifying;

static bool is_passed(const simplifying *self, size_t level)
{
    return self->cells[2 * level].passed && self->cells[2 * level + 1].passed;
}

static bool is_known(const simplifying *self, size_t level)
{
    return self->cells[2 * level].valid && self->cells[2 * level + 1].valid;
}

static void record(simplifying *self)
{
    tn_investigation *investigation = self->investigation;
    json_t *list = tn_json_checked(investigation, json_array());
    for (size_t i = 0; i < 2 * self->levels.count; i++)
        tn_json_append(investigation, list, tn_level_cell_json(investigation, self->levels.levels[i / 2].name, &self->cells[i]));
    tn_json_set(investigation, self->outcome->result, "levels", list);
    for (size_t i = 0; i < self->levels.count; i++)
        tn_evidence_add(investigation, self->outcome->evidence, self->cells[2 * i + 1].score, self->cells[2 * i].score, "PROTOCOL B4",
                        "%s: %s (ten samples %.2f, all samples %.2f)", self->levels.levels[i].name,
                        !is_known(self, i)   ? "could not be tried"
                        : is_passed(self, i) ? "trains"
                                             : "fails",
                        self->cells[2 * i].score, self->cells[2 * i + 1].score);
}

/* The full problem with the one simplification that parts what works from what fails. */
static tn_status control(simplifying *self, const tn_level *works, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    const tn_level alone = {.patch = works->alone}, *levels[] = {&alone};
    tn_level_cell cell = {.budget = tn_look_steps(investigation)};
    tn_status status = tn_levels_try(investigation, "simplify", levels, &cell, 1, self->outcome, error);
    if (status == TN_OK && cell.valid) {
        tn_json_set(investigation, self->outcome->result, "alone", tn_level_cell_json(investigation, works->name, &cell));
        tn_evidence_add(investigation, self->outcome->evidence, cell.score, NAN, "control",
                        "the full problem with that simplification alone: score %.2f, so it %s", cell.score,
                        cell.passed ? "is enough to train" : "is not the only fault");
    }
    return status;
}

static tn_status conclude(simplifying *self, tn_error *error)
{
    const tn_levels *levels = &self->levels;
    size_t last = levels->count - 1, hardest = levels->count, fails;
    if (!is_known(self, last))
        return TN_OK;
    if (is_passed(self, last)) {
        tn_outcome_conclude(self->outcome, TN_VERDICT_PASS, "the full problem trains, so none of its %zu simpler versions is needed", last);
        return TN_OK;
    }
    for (size_t i = 0; i < last; i++)
        if (is_known(self, i) && is_passed(self, i))
            hardest = i;
    if (hardest == levels->count) {
        tn_outcome_conclude(self->outcome, TN_VERDICT_FAIL, "even the simplest version fails: %.90s", levels->levels[0].name);
        return TN_OK;
    }
    for (fails = hardest + 1; fails < last && !is_known(self, fails); fails++)
        continue;
    tn_json_set(self->investigation, self->outcome->result, "works", json_string(levels->levels[hardest].name));
    tn_json_set(self->investigation, self->outcome->result, "fails", json_string(levels->levels[fails].name));
    tn_outcome_conclude(self->outcome, TN_VERDICT_FAIL, "it trains as \"%.80s\", and no longer as \"%.80s\"", levels->levels[hardest].name,
                        levels->levels[fails].name);
    return levels->levels[hardest].alone ? control(self, &levels->levels[hardest], error) : TN_OK;
}

static tn_status examine(simplifying *self, tn_error *error)
{
    tn_investigation *investigation = self->investigation;
    const tn_level *of[2 * TN_LEVELS_MAX];
    tn_status status = tn_levels_init(investigation, &self->levels, error);
    if (status != TN_OK)
        return status;
    if (self->levels.count < 2) {
        tn_outcome_conclude(self->outcome, TN_VERDICT_INCONCLUSIVE,
                            "no simpler version is known: name some under \"levels\" in the hypes, from trivial to full");
        return TN_OK;
    }
    uint64_t all = investigation->facts->train_samples;
    for (size_t i = 0; i < 2 * self->levels.count; i++) {
        bool is_few = i % 2 == 0;
        of[i] = &self->levels.levels[i / 2];
        self->cells[i] = (tn_level_cell){.samples = !is_few                ? 0
                                                    : all > 0 && all < FEW ? all
                                                                           : FEW,
                                         .budget = is_few ? tn_levels_few_steps(investigation) : tn_look_steps(investigation)};
    }
    status = tn_levels_try(investigation, "simplify", of, self->cells, 2 * self->levels.count, self->outcome, error);
    if (status == TN_OK && !atomic_load(&investigation->spent)) {
        record(self);
        status = conclude(self, error);
    }
    return status;
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    if (!tn_investigation_can(investigation, TN_KNOB_PATCH | TN_KNOB_SAMPLES, true, outcome))
        return TN_OK;
    simplifying *self = tn_memory_create(1, sizeof *self);
    if (!self)
        return tn_fail_memory(error, sizeof *self);
    self->investigation = investigation;
    self->outcome = outcome;
    tn_status status = examine(self, error);
    tn_levels_deinit(&self->levels);
    tn_memory_destroy(self);
    return status;
}

const tn_experiment tn_experiment_simplify = {
    .info = {"simplify", "simplify", "B4", "which simpler version of the problem trains, and which is the first that fails?"},
    .why = "the border between the versions that train and those that fail names the culprit",
    .run = run,
};

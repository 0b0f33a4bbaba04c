/* levels.c: see levels.h. */
#include "experiments/levels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiments/fixes/net_shorten.h"

/* As in experiment_overfit.c and look.c: learnt by heart, and better than the trivial predictor. Unit: score. */
static const double MEMORISED = 0.9, GENERALISED = 0.1;

enum { STEPS_FEW = 1000, SCORE_EVERY = 25, CELLS_MAX = 2 * TN_LEVELS_MAX };

/* Layers that do the same from which inner ones can go. */
enum { DEEP = 3 };

/* How many times shorter a sequence is made, and its least length. Own choice. */
enum { SHORTER = 4, STEPS_MIN = 2 };

uint64_t tn_levels_few_steps(const tn_investigation *investigation)
{
    return (uint64_t)tn_investigation_setting(investigation, "overfit_steps", STEPS_FEW);
}

/* ---- derived simplifications, each a patch of the full problem; an empty one does not apply ---- */

static json_t *two_classes(const tn_investigation *investigation)
{
    const json_t *given = tn_hypes_value(investigation->hypes, "data.classes");
    json_t *patch = json_object();
    if (investigation->facts->task != TN_SUBJECT_CLASSIFICATION || investigation->facts->classes <= 2)
        return patch;
    json_int_t first = json_is_array(given) ? json_integer_value(json_array_get(given, 0)) : 0,
               second = json_is_array(given) ? json_integer_value(json_array_get(given, 1)) : 1;
    tn_patch_put(patch, json_pack("[I, I]", first, second), "data.classes");
    return patch;
}

static bool is_dropout(const char *op)
{
    return strcmp(op, "dropout") == 0;
}

static json_t *without_ops(const tn_hypes *hypes, bool (*unwanted)(const char *op))
{
    json_t *patch = json_object();
    for (size_t i = 0; i < tn_hypes_node_count(hypes); i++)
        if (unwanted(tn_net_op(hypes, i)))
            tn_patch_put(patch, tn_patch_removal(), "net.%zu", i);
    return patch;
}

static json_t *no_regularization(const tn_investigation *investigation)
{
    json_t *patch = without_ops(investigation->hypes, is_dropout);
    if (tn_hypes_number(investigation->hypes, "solver.weight_decay") > 0)
        tn_patch_put(patch, json_integer(0), "solver.weight_decay");
    return patch;
}

static json_t *no_augmentation(const tn_investigation *investigation)
{
    json_t *patch = json_object();
    if (json_object_size(tn_hypes_value(investigation->hypes, "data.augment")) > 0)
        tn_patch_put(patch, json_null(), "data.augment");
    return patch;
}

static json_t *no_normalization(const tn_investigation *investigation)
{
    return without_ops(investigation->hypes, tn_net_is_norm);
}

static json_t *fewer_layers(const tn_investigation *investigation)
{
    json_t *patch = json_object();
    if (tn_net_shorten(investigation->hypes, patch) + 1 < DEEP)
        json_object_clear(patch);
    return patch;
}

/* Sequences that are made up, or cut from a text, may be cut shorter. */
static json_t *shorter_sequences(const tn_investigation *investigation)
{
    json_t *patch = json_object();
    const json_t *time = tn_hypes_value(investigation->hypes, "data.train.time");
    json_int_t shorter = json_integer_value(time) / SHORTER;
    if (shorter >= STEPS_MIN)
        tn_patch_put(patch, json_integer(shorter), "data.train.time");
    return patch;
}

static json_t *smaller_images(const tn_investigation *investigation)
{
    json_t *patch = json_object();
    if (tn_hypes_node_count(investigation->hypes) > 0 && strcmp(tn_net_op(investigation->hypes, 0), "conv2d") == 0)
        tn_patch_put(patch, tn_patch_insertion("avg_pool2d"), "net.0");
    return patch;
}

static json_t *plain_steps(const tn_investigation *investigation)
{
    const tn_hypes *hypes = investigation->hypes;
    json_t *patch = json_object();
    if (tn_hypes_number(hypes, "solver.momentum") > 0)
        tn_patch_put(patch, json_integer(0), "solver.momentum");
    if (!tn_hypes_is_null(hypes, "solver.decay"))
        tn_patch_put(patch, json_null(), "solver.decay");
    if (!tn_hypes_is_null(hypes, "solver.clip_norm"))
        tn_patch_put(patch, json_null(), "solver.clip_norm");
    return patch;
}

/* The first is undone last. */
static const struct {
    const char *name;
    json_t *(*make)(const tn_investigation *investigation);
} SIMPLIFICATIONS[] = {
    {"two classes", two_classes},
    {"smaller images", smaller_images},
    {"shorter sequences", shorter_sequences},
    {"no normalisation", no_normalization},
    {"no dropout, no weight decay", no_regularization},
    {"no augmentation", no_augmentation},
    {"fewer layers", fewer_layers},
    {"plain steps", plain_steps},
};
enum { KINDS = sizeof SIMPLIFICATIONS / sizeof *SIMPLIFICATIONS };

static bool fits(const tn_hypes *hypes, const json_t *patch)
{
    tn_hypes *patched = NULL;
    bool good = tn_hypes_patch(hypes, patch, &patched, NULL) == TN_OK;
    tn_hypes_destroy(patched);
    return good;
}

static void derive(tn_investigation *investigation, tn_levels *levels)
{
    json_t *made[KINDS];
    size_t kinds[KINDS], count = 0;
    for (size_t k = 0; k < KINDS; k++) {
        made[count] = tn_json_checked(investigation, SIMPLIFICATIONS[k].make(investigation));
        if (json_object_size(made[count]) > 0 && fits(investigation->hypes, made[count]))
            kinds[count++] = k;
        else
            json_decref(made[count]);
    }
    for (size_t kept = count; kept > 0; kept--) {
        tn_level *level = &levels->levels[levels->count++];
        level->patch = tn_json_checked(investigation, json_object());
        level->alone = json_incref(made[kept - 1]);
        for (size_t k = 0; k < kept; k++) {
            if (json_object_update_missing(level->patch, made[k]) != 0)
                investigation->out_of_memory = true;
            size_t used = strlen(level->name);
            snprintf(level->name + used, sizeof level->name - used, "%s%s", used > 0 ? ", " : "", SIMPLIFICATIONS[kinds[k]].name);
        }
    }
    for (size_t k = 0; k < count; k++)
        json_decref(made[k]);
}

/* ---- given levels ---- */

/* Paths of a program's own file stand behind "hypes." in its patches. */
static json_t *prefixed(tn_investigation *investigation, const json_t *patch, bool is_file)
{
    json_t *made = tn_json_checked(investigation, json_object());
    const char *path;
    json_t *value;
    json_object_foreach((json_t *)patch, path, value)
    {
        char whole[512];
        snprintf(whole, sizeof whole, "%s%s", is_file ? "hypes." : "", path);
        tn_json_set(investigation, made, whole, json_deep_copy(value));
    }
    return made;
}

static tn_status take_given(tn_investigation *investigation, tn_levels *levels, tn_error *error)
{
    const tn_subject_facts *facts = investigation->facts;
    tn_hypes *file = NULL;
    tn_status status = TN_OK;
    if (facts->is_program && facts->hypes_file)
        status = tn_hypes_load_free(facts->hypes_file, &file, error);
    const tn_hypes *from = facts->is_program ? file : investigation->hypes;
    const json_t *list = status == TN_OK && from ? tn_hypes_value(from, "levels") : NULL, *entry;
    size_t i;
    json_array_foreach(list, i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name"));
        const json_t *patch = json_object_get(entry, "patch");
        if (levels->count + 1 >= TN_LEVELS_MAX || !json_is_object(patch))
            continue;
        tn_level *level = &levels->levels[levels->count++];
        snprintf(level->name, sizeof level->name, "%s", name ? name : "unnamed");
        level->patch = prefixed(investigation, patch, facts->is_program);
    }
    levels->are_given = levels->count > 0;
    tn_hypes_destroy(file);
    return status;
}

tn_status tn_levels_init(tn_investigation *investigation, tn_levels *levels, tn_error *error)
{
    *levels = (tn_levels){0};
    tn_status status = take_given(investigation, levels, error);
    if (status != TN_OK)
        return status;
    if (!levels->are_given && investigation->hypes && !investigation->facts->is_program)
        derive(investigation, levels);
    if (levels->count > 0 && json_object_size(levels->levels[levels->count - 1].patch) == 0)
        return TN_OK; /* the user's last is the full problem */
    tn_level *full = &levels->levels[levels->count++];
    snprintf(full->name, sizeof full->name, "the full problem");
    full->patch = tn_json_checked(investigation, json_object());
    return TN_OK;
}

void tn_levels_deinit(tn_levels *levels)
{
    for (size_t i = 0; i < levels->count; i++) {
        json_decref(levels->levels[i].patch);
        json_decref(levels->levels[i].alone);
    }
    *levels = (tn_levels){0};
}

/* The mean of two numbers; NULL where one is none, or nothing lies between. */
static json_t *mean_of(const json_t *from, const json_t *to)
{
    double a = json_number_value(from), b = json_number_value(to);
    if (!json_is_number(from) || !json_is_number(to))
        return NULL;
    if (json_is_integer(from) && json_is_integer(to)) {
        json_int_t mean = (json_int_t)floor((a + b) / 2);
        return mean == (json_int_t)a || mean == (json_int_t)b ? NULL : json_integer(mean);
    }
    return a != b ? json_real((a + b) / 2) : NULL;
}

/* The full problem's own value stands for what a patch leaves out. */
static const json_t *value_in(const tn_investigation *investigation, const tn_level *level, const char *path)
{
    const json_t *value = json_object_get(level->patch, path);
    if (value || investigation->facts->is_program || !investigation->hypes)
        return value;
    return tn_hypes_value(investigation->hypes, path);
}

bool tn_levels_between(tn_investigation *investigation, const tn_level *from, const tn_level *to, tn_level *between)
{
    *between = (tn_level){.patch = tn_json_checked(investigation, json_deep_copy(from->patch))};
    json_t *all = tn_json_checked(investigation, json_deep_copy(from->patch));
    const char *path, *only = NULL;
    json_t *ignored;
    size_t differing = 0, taken = 0;
    if (json_object_update_missing(all, to->patch) != 0)
        investigation->out_of_memory = true;
    json_object_foreach(all, path, ignored)
    {
        if (!json_equal(json_object_get(from->patch, path), json_object_get(to->patch, path))) {
            only = path;
            differing++;
        }
    }
    bool split = differing > 1;
    json_object_foreach(all, path, ignored)
    {
        const json_t *harder = json_object_get(to->patch, path);
        if (!split || taken >= differing / 2 || json_equal(json_object_get(from->patch, path), harder))
            continue;
        taken++;
        if (harder)
            tn_json_set(investigation, between->patch, path, json_deep_copy(harder));
        else
            json_object_del(between->patch, path);
    }
    if (differing == 1) {
        json_t *mean = mean_of(value_in(investigation, from, only), value_in(investigation, to, only));
        split = mean != NULL;
        if (mean)
            tn_json_set(investigation, between->patch, only, mean);
    }
    snprintf(between->name, sizeof between->name, "half way to %.80s", to->name);
    json_decref(all);
    if (!split) {
        json_decref(between->patch);
        between->patch = NULL;
    }
    return split;
}

/* ---- trials ---- */

static tn_trial_request request_of(const char *experiment, const tn_level *level, const tn_level_cell *cell)
{
    tn_trial_request request = tn_trial_as_given(experiment, cell->budget);
    request.score_every = SCORE_EVERY;
    if (json_object_size(level->patch) > 0) {
        request.knobs.set |= TN_KNOB_PATCH;
        request.knobs.patch = level->patch;
    }
    if (cell->samples > 0) {
        request.knobs.set |= TN_KNOB_SAMPLES;
        request.knobs.samples = cell->samples;
        request.train_scores_only = true;
        request.stop_at_train_score = MEMORISED;
    }
    return request;
}

static void judge(tn_level_cell *cell, const tn_trial_request *request, const tn_trial_result *result)
{
    double threshold = cell->samples > 0 ? MEMORISED : GENERALISED, best = NAN;
    /* A program that ends by itself has no more steps for its level than these. */
    tn_trial_request reached = *request;
    if (result->end == TN_TRIAL_COMPLETED && result->steps > 0)
        reached.knobs.set &= ~(uint32_t)TN_KNOB_STEPS;
    cell->valid = tn_trial_is_valid(&reached, result);
    cell->steps = result->steps;
    snprintf(cell->refusal, sizeof cell->refusal, "%.150s", result->end == TN_TRIAL_REFUSED ? result->error.message : "");
    bool broke = result->end == TN_TRIAL_NONFINITE || tn_trial_diverged(result, NAN);
    for (size_t i = 0; i < result->score_count; i++) {
        const tn_score_point *point = &result->scores[i];
        double score = cell->samples > 0 || isnan(point->valid_score) ? point->train_score : point->valid_score;
        if (!(best >= score))
            best = score;
        /* Before the first step a score is luck. */
        if (cell->valid && !broke && !cell->passed && point->step > 0 && score >= threshold) {
            cell->passed = true;
            cell->steps = point->step;
        }
    }
    cell->score = best;
}

tn_status tn_levels_try(tn_investigation *investigation, const char *experiment, const tn_level *const *levels, tn_level_cell *cells,
                        size_t count, tn_outcome *outcome, tn_error *error)
{
    tn_trial_request requests[CELLS_MAX];
    tn_trial_result results[CELLS_MAX];
    uint64_t expected = 0;
    count = count < CELLS_MAX ? count : CELLS_MAX;
    for (size_t i = 0; i < count; i++) {
        requests[i] = request_of(experiment, levels[i], &cells[i]);
        expected += cells[i].budget;
    }
    tn_investigation_expect(investigation, expected, "simpler versions of the problem");
    tn_status status = tn_trials_run(investigation, requests, results, count, error);
    for (size_t i = 0; i < count && status == TN_OK; i++) {
        judge(&cells[i], &requests[i], &results[i]);
        tn_outcome_add_trial(investigation, outcome, &requests[i], &results[i]);
    }
    tn_trials_deinit(results, count);
    return status;
}

json_t *tn_level_cell_json(tn_investigation *investigation, const char *level, const tn_level_cell *cell)
{
    json_t *entry = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, entry, "level", json_string(level));
    tn_json_set(investigation, entry, "samples", cell->samples > 0 ? json_integer((json_int_t)cell->samples) : json_null());
    tn_json_set(investigation, entry, "budget", json_integer((json_int_t)cell->budget));
    tn_json_set(investigation, entry, "steps", json_integer((json_int_t)cell->steps));
    tn_json_set(investigation, entry, "score", tn_json_number(cell->score));
    tn_json_set(investigation, entry, "passed", json_boolean(cell->passed));
    if (cell->refusal[0])
        tn_json_set(investigation, entry, "refused", json_string(cell->refusal));
    return entry;
}

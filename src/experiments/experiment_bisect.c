/* experiment_bisect.c: which differences between hypes that train and hypes that do not break the training? (PROTOCOL D3)
 *
 * The subject trains; options->other does not. Both are run first, since a search between ends that do not differ would find something all the same. Then delta debugging (Zeller and
 * Hildebrandt 2002, ddmin) over the single differences: parts of them, made in the subject's hypes, are trained side by side; a part that breaks it is searched alone; where none does,
 * what is left when a part is taken out; then finer parts. The result is minimal: taking any one difference out of it mends the training. Combinations that do not compile count as
 * not breaking. At last the set is undone in the other hypes, which tells whether it is all that is wrong there. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "experiments/experiment.h"
#include "experiments/look.h"
#include "hypes/hypes_difference.h"

enum { SEEDS = 3, DIFFERENCES_MAX = 256, TEXTS = 8 /* differences named in the summary */ };

/* A set of differences, trained. */
typedef struct tried_set {
    bool *chosen;    /* [differences], owned */
    double standing; /* mean over the seeds; NAN where it does not compile or was not run to its end */
} tried_set;

typedef struct bisection {
    tn_investigation *investigation;
    tn_outcome *outcome;
    tn_differences *differences;
    size_t count;     /* of differences */
    uint64_t steps;   /* 0: as many as the hypes of each trial say */
    double threshold; /* standings up to here are broken: half way between the two ends */
    tried_set *tried; /* [tried_count] */
    size_t tried_count, tried_capacity;
} bisection;

/* ---- training sets ---- */

static const tried_set *find_tried(const bisection *work, const bool *chosen)
{
    for (size_t i = 0; i < work->tried_count; i++)
        if (memcmp(work->tried[i].chosen, chosen, work->count * sizeof *chosen) == 0)
            return &work->tried[i];
    return NULL;
}

static tn_status remember(bisection *work, const bool *chosen, double standing, tn_error *error)
{
    if (work->tried_count == work->tried_capacity) {
        size_t capacity = work->tried_capacity ? 2 * work->tried_capacity : 32, bytes;
        tried_set *grown = tn_size_multiply(capacity, sizeof *grown, &bytes) ? realloc(work->tried, bytes) : NULL;
        if (!grown)
            return tn_fail_memory(error, capacity * sizeof *grown);
        work->tried = grown;
        work->tried_capacity = capacity;
    }
    bool *kept = tn_memory_create(work->count + 1, sizeof *kept);
    if (!kept)
        return tn_fail_memory(error, work->count);
    memcpy(kept, chosen, work->count * sizeof *kept);
    work->tried[work->tried_count++] = (tried_set){.chosen = kept, .standing = standing};
    return TN_OK;
}

/* Trains `sets` [set_count] on the same SEEDS seeds, side by side, and remembers each. Sets known already are not trained again. */
static tn_status train(bisection *work, bool *const *sets, size_t set_count, tn_error *error)
{
    tn_investigation *investigation = work->investigation;
    tn_trial_request *requests = tn_memory_create(set_count * SEEDS, sizeof *requests);
    tn_trial_result *results = tn_memory_create(set_count * SEEDS, sizeof *results);
    json_t **patches = tn_memory_create(set_count, sizeof(json_t *));
    bool **fresh = tn_memory_create(set_count, sizeof(bool *));
    size_t count = 0;
    tn_status status = requests && results && patches && fresh ? TN_OK : tn_fail_memory(error, set_count * SEEDS * sizeof *requests);
    for (size_t i = 0; i < set_count && status == TN_OK; i++) {
        if (find_tried(work, sets[i]))
            continue;
        patches[count] = tn_json_checked(investigation, tn_differences_patch(work->differences, sets[i]));
        fresh[count++] = sets[i];
    }
    for (size_t i = 0; i < count * SEEDS && status == TN_OK; i++) {
        requests[i] = tn_trial_as_given("bisect", work->steps);
        requests[i].knobs.set = TN_KNOB_PATCH | TN_KNOB_SEED | (work->steps > 0 ? (uint32_t)TN_KNOB_STEPS : 0);
        requests[i].knobs.patch = patches[i / SEEDS];
        requests[i].knobs.seed = investigation->options->seed + i % SEEDS;
    }
    tn_investigation_expect(investigation, count * SEEDS * (work->steps > 0 ? work->steps : investigation->facts->steps_total),
                            "parts of the differences");
    if (status == TN_OK && count > 0)
        status = tn_trials_run(investigation, requests, results, count * SEEDS, error);
    for (size_t i = 0; i < count && status == TN_OK; i++) {
        double sum = 0;
        for (size_t k = i * SEEDS; k < (i + 1) * SEEDS; k++) {
            tn_outcome_add_trial(investigation, work->outcome, &requests[k], &results[k]);
            bool lost = tn_trial_diverged(&results[k], NAN);
            sum += tn_trial_is_valid(&requests[k], &results[k]) ? (lost ? 0 : tn_trial_standing(investigation, &results[k])) : NAN;
        }
        if (!atomic_load(&investigation->spent))
            status = remember(work, fresh[i], sum / SEEDS, error);
    }
    if (results)
        tn_trials_deinit(results, count * SEEDS);
    for (size_t i = 0; i < count; i++)
        json_decref(patches[i]);
    tn_memory_destroy(requests);
    tn_memory_destroy(results);
    tn_memory_destroy(patches);
    tn_memory_destroy(fresh);
    return status;
}

/* NAN where the set was not trained, or does not compile. */
static double standing_of(const bisection *work, const bool *chosen)
{
    const tried_set *known = find_tried(work, chosen);
    return known ? known->standing : NAN;
}

static bool breaks(const bisection *work, const bool *chosen)
{
    return standing_of(work, chosen) <= work->threshold;
}

/* ---- delta debugging ---- */

static size_t size_of(const bisection *work, const bool *set)
{
    size_t size = 0;
    for (size_t i = 0; i < work->count; i++)
        size += set[i];
    return size;
}

/* Part `which` of `parts` of the set, or what is left without it. */
static void take_part(const bisection *work, const bool *set, size_t parts, size_t which, bool complement, bool *part)
{
    size_t size = size_of(work, set), first = size * which / parts, last = size * (which + 1) / parts, place = 0;
    for (size_t i = 0; i < work->count; i++) {
        part[i] = false;
        if (!set[i])
            continue;
        bool inside = place >= first && place < last;
        part[i] = inside != complement;
        place++;
    }
}

/* Trains all parts, or all complements; *broken is the first that breaks, `parts` where none does. */
static tn_status try_parts(bisection *work, const bool *set, size_t parts, bool complement, size_t *broken, tn_error *error)
{
    bool *memory = tn_memory_create(parts * work->count + 1, sizeof *memory), **sets = tn_memory_create(parts, sizeof(bool *));
    tn_status status = memory && sets ? TN_OK : tn_fail_memory(error, parts * work->count);
    *broken = parts;
    for (size_t i = 0; i < parts && status == TN_OK; i++) {
        sets[i] = memory + i * work->count;
        take_part(work, set, parts, i, complement, sets[i]);
    }
    if (status == TN_OK)
        status = train(work, sets, parts, error);
    for (size_t i = parts; i-- > 0 && status == TN_OK;)
        if (breaks(work, sets[i]))
            *broken = i;
    tn_memory_destroy(memory);
    tn_memory_destroy(sets);
    return status;
}

/* Makes `set`, which breaks the training, minimal; scratch [count]. */
static tn_status minimise(bisection *work, bool *set, bool *scratch, tn_error *error)
{
    size_t parts = 2, size;
    while ((size = size_of(work, set)) > 1 && !atomic_load(&work->investigation->spent)) {
        size_t broken;
        tn_status status = try_parts(work, set, parts, false, &broken, error);
        if (status != TN_OK)
            return status;
        bool complement = broken == parts && parts > 2;
        if (complement)
            status = try_parts(work, set, parts, true, &broken, error);
        if (status != TN_OK)
            return status;
        if (broken < parts) {
            take_part(work, set, parts, broken, complement, scratch);
            memcpy(set, scratch, work->count * sizeof *set);
            parts = complement && parts > 3 ? parts - 1 : 2;
        } else if (parts < size) {
            parts = 2 * parts < size ? 2 * parts : size;
        } else {
            return TN_OK;
        }
    }
    return TN_OK;
}

/* ---- telling ---- */

/* "solver.learning_rate 10" for each difference of the set. */
static void name_set(const bisection *work, const bool *set, char *text, size_t size)
{
    size_t used = 0, named = 0;
    text[0] = '\0';
    for (size_t i = 0; i < work->count; i++) {
        if (!set[i])
            continue;
        if (named++ == TEXTS) {
            snprintf(text + used, size - used, ", ...");
            return;
        }
        const char *path;
        const json_t *value;
        json_object_foreach((json_t *)(uintptr_t)tn_difference_patch(work->differences, i), path, value)
        {
            char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
            int wrote = snprintf(text + used, size - used, "%s%s = %.80s", named > 1 ? ", " : "", path, dumped ? dumped : "?");
            used += wrote > 0 && (size_t)wrote < size - used ? (size_t)wrote : strlen(text + used);
            free(dumped);
        }
    }
}

static json_t *list_of(const bisection *work, const bool *set)
{
    json_t *list = tn_json_checked(work->investigation, json_array());
    for (size_t i = 0; i < work->count; i++)
        if (!set || set[i])
            tn_json_append(work->investigation, list, json_deep_copy(tn_difference_patch(work->differences, i)));
    return list;
}

/* Whether the other hypes train once the set is undone there. */
static tn_status undo(bisection *work, const bool *set, bool *scratch, tn_error *error)
{
    for (size_t i = 0; i < work->count; i++)
        scratch[i] = !set[i];
    bool *sets[] = {scratch};
    tn_status status = train(work, sets, 1, error);
    double standing = standing_of(work, scratch);
    tn_json_set(work->investigation, work->outcome->result, "undone_score", tn_json_number(standing));
    if (status == TN_OK && !isnan(standing))
        tn_evidence_add(work->investigation, work->outcome->evidence, standing, work->threshold, "PROTOCOL D3",
                        "with only these undone, the hypes that did not train score %.2f: %s", standing,
                        standing > work->threshold ? "they train again" : "more is wrong with them than this");
    return status;
}

/* What the search has found: `set` is minimal. */
static tn_status conclude(bisection *work, const bool *set, double good, bool *scratch, tn_error *error)
{
    tn_investigation *investigation = work->investigation;
    char names[160];
    size_t size = size_of(work, set);
    name_set(work, set, names, sizeof names);
    tn_json_set(investigation, work->outcome->result, "minimal", list_of(work, set));
    tn_json_set(investigation, work->outcome->result, "minimal_score", tn_json_number(standing_of(work, set)));
    tn_evidence_add(investigation, work->outcome->evidence, standing_of(work, set), work->threshold, "PROTOCOL D3",
                    "with %s alone the hypes that train score %.2f where they scored %.2f", size == 1 ? "it" : "these",
                    standing_of(work, set), good);
    tn_outcome_conclude(work->outcome, TN_VERDICT_PASS, "%zu of %zu differences break%s the training: %s", size, work->count,
                        size == 1 ? "s" : "", names);
    return undo(work, set, scratch, error);
}

/* none, set and scratch [count]: no difference, all of them, and room. */
static tn_status search(bisection *work, bool *none, bool *set, bool *scratch, tn_error *error)
{
    tn_investigation *investigation = work->investigation;
    memset(set, 1, work->count * sizeof *set);
    bool *ends[] = {none, set};
    tn_status status = train(work, ends, 2, error);
    if (status != TN_OK || atomic_load(&investigation->spent))
        return status;
    double good = standing_of(work, none), bad = standing_of(work, set);
    tn_json_set(investigation, work->outcome->result, "good_score", tn_json_number(good));
    tn_json_set(investigation, work->outcome->result, "bad_score", tn_json_number(bad));
    if (isnan(good) || isnan(bad) || !tn_standing_is_dramatic(bad, good)) {
        tn_outcome_conclude(work->outcome, TN_VERDICT_INCONCLUSIVE,
                            "the two do not differ enough to search: a mean score of %.2f over %d seeds against %.2f", good, SEEDS, bad);
        return TN_OK;
    }
    work->threshold = (good + bad) / 2;
    status = minimise(work, set, scratch, error);
    return status == TN_OK && !atomic_load(&investigation->spent) ? conclude(work, set, good, scratch, error) : status;
}

static tn_status search_with_room(bisection *work, tn_error *error)
{
    bool *room = tn_memory_create(3 * work->count, sizeof *room);
    if (!room)
        return tn_fail_memory(error, 3 * work->count);
    tn_status status = search(work, room, room + work->count, room + 2 * work->count, error);
    tn_memory_destroy(room);
    return status;
}

static void release(bisection *work)
{
    for (size_t i = 0; i < work->tried_count; i++)
        tn_memory_destroy(work->tried[i].chosen);
    free(work->tried);
    tn_differences_destroy(work->differences);
}

/* Steps that the other hypes ask for, counted by the subject's epochs; 0 where it is a program's file. */
static uint64_t steps_of_other(const tn_investigation *investigation)
{
    const tn_hypes *other = investigation->options->other;
    if (investigation->facts->is_program)
        return 0;
    if (!tn_hypes_is_null(other, "solver.steps"))
        return (uint64_t)tn_hypes_integer(other, "solver.steps");
    return (uint64_t)tn_hypes_integer(other, "solver.epochs") * investigation->facts->steps_per_epoch;
}

/* Steps for every trial where a whole training costs too much; else 0, so that differences in their number count. */
static uint64_t steps_of_trials(tn_investigation *investigation)
{
    uint64_t total = investigation->facts->steps_total, affordable = tn_look_steps(investigation);
    return total > 0 && total <= affordable && steps_of_other(investigation) <= affordable ? 0 : affordable;
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    const tn_hypes *other = investigation->options->other;
    if (!investigation->hypes || !other) {
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "there are no two hypes to compare");
        return TN_OK;
    }
    if (!tn_investigation_can(investigation, TN_KNOB_PATCH | TN_KNOB_SEED, true, outcome))
        return TN_OK;
    bisection work = {.investigation = investigation, .outcome = outcome, .steps = steps_of_trials(investigation)};
    tn_status status = tn_differences_create(investigation->hypes, other, &work.differences, error);
    if (status != TN_OK)
        return status;
    work.count = tn_differences_count(work.differences);
    tn_json_set(investigation, outcome->result, "differences", list_of(&work, NULL));
    if (work.count == 0)
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "the two say the same about data, network, loss and solver");
    else if (work.count > DIFFERENCES_MAX)
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "the two differ in %zu places; at most %d can be searched", work.count,
                            DIFFERENCES_MAX);
    else
        status = search_with_room(&work, error);
    release(&work);
    return status;
}

const tn_experiment tn_experiment_bisect = {
    .info = {"bisect", "bisect", "D3", "which differences between two hypes break the training?"},
    .why = "between hypes that train and hypes that do not, the smallest set of differences that breaks it is the cause",
    .run = run,
};

/* confirm.c: a candidate against fresh paired seeds. Seeds that screened never confirm: among many candidates some look good by chance. */
#include <math.h>

#include "base/memory.h"
#include "experiments/race.h"

enum { PAIRS = TN_PAIRED_SEEDS_MIN, PAIRS_CHEAP = TN_PAIRED_SEEDS_MAX, PAIRS_AT_ONCE = 2, FRESH_SEED_OFFSET = 1000 };

/* All of 5 pairs must be better, or 7 of 8: by the sign test the two are as strong (p = 1/32 and 9/256), and a sound fix that meets one bad start in eight,
 * as a tiny relu net does, is not thrown away. */

/* Pairs better by less than this are ties. Unit: score. */
static const double TIE = 0.01;

size_t tn_race_pair_count(const tn_investigation *investigation, uint64_t steps)
{
    return tn_race_is_cheap_to_confirm(investigation, steps) ? PAIRS_CHEAP : PAIRS;
}

uint64_t tn_race_fresh_seed(const tn_investigation *investigation, size_t i)
{
    return investigation->options->seed + FRESH_SEED_OFFSET + i;
}

static double standing(const tn_investigation *investigation, const tn_trial_result *result)
{
    return tn_trial_diverged(result, NAN) ? 0 : tn_trial_standing(investigation, result);
}

static size_t worse_of(const tn_confirmation *confirmation)
{
    size_t worse = 0;
    for (size_t i = 0; i < confirmation->pairs; i++)
        worse += !(confirmation->after[i] > confirmation->before[i] + TIE);
    return worse;
}

static void judge(const tn_race *race, tn_confirmation *confirmation)
{
    for (size_t i = 0; i < confirmation->pairs; i++) {
        confirmation->before_mean += confirmation->before[i] / (double)confirmation->pairs;
        confirmation->after_mean += confirmation->after[i] / (double)confirmation->pairs;
    }
    confirmation->better = confirmation->pairs - worse_of(confirmation);
    size_t needed = confirmation->pairs == PAIRS_CHEAP ? PAIRS_CHEAP - 1 : confirmation->pairs;
    confirmation->consistent = confirmation->pairs >= PAIRS && confirmation->better >= needed;
    confirmation->confirmed = confirmation->consistent && tn_race_is_repair(race, confirmation->before_mean, confirmation->after_mean);
}

/* As any trial, with the fix that it is to confirm, and whether it has it. */
static void add_trial(tn_investigation *investigation, tn_outcome *outcome, const tn_trial_request *request, const tn_trial_result *result,
                      const tn_fix *fix, bool with)
{
    json_t *entry = tn_trial_json(investigation, request, result);
    tn_json_set(investigation, entry, "confirms", json_string(fix->text));
    tn_json_set(investigation, entry, "with_fix", json_boolean(with));
    tn_json_append(investigation, outcome->trials, entry);
}

/* Whether the goal can still be reached where every pair that is left is better. */
static bool may_reach(const tn_confirmation *confirmation, tn_confirm_goal goal, size_t pairs)
{
    double worse_most = goal == TN_CONFIRM_OR_SUSPECT ? (1 - TN_SUSPECTED_SHARE) * (double)pairs : pairs == PAIRS_CHEAP ? 1 : 0;
    return (double)worse_of(confirmation) <= worse_most;
}

/* Whether it is reached already: where all of the first 5 pairs are better, three more would only cost a program's user time. */
static bool has_reached(const tn_investigation *investigation, const tn_confirmation *confirmation)
{
    return investigation->facts->is_program && confirmation->pairs == PAIRS && worse_of(confirmation) == 0;
}

/* Pairs [first .. first + count). `base`: the standing of the subject as given. */
static tn_status run_pairs(tn_investigation *investigation, uint64_t steps, double base, const tn_fix *fix, size_t first, size_t count,
                           tn_confirmation *confirmation, tn_outcome *outcome, tn_error *error)
{
    tn_trial_request requests[2 * PAIRS_AT_ONCE];
    tn_trial_result results[2 * PAIRS_AT_ONCE];
    uint64_t expected = 0;
    for (size_t i = 0; i < 2 * count; i++) {
        requests[i] = tn_trial_as_given("confirm", steps);
        requests[i].knobs.set |= TN_KNOB_SEED;
        requests[i].knobs.seed = tn_race_fresh_seed(investigation, first + i / 2);
        if (i % 2) {
            tn_fix_apply(investigation, fix, &requests[i].knobs);
            tn_race_end_early(investigation, fix, base, &requests[i]);
        }
        expected += requests[i].knobs.steps;
    }
    tn_investigation_expect(investigation, expected, "the fix on fresh seeds");
    tn_status status = tn_trials_run(investigation, requests, results, 2 * count, error);
    for (size_t i = 0; i < 2 * count && status == TN_OK; i += 2) {
        add_trial(investigation, outcome, &requests[i], &results[i], fix, false);
        add_trial(investigation, outcome, &requests[i + 1], &results[i + 1], fix, true);
        if (!tn_trial_is_valid(&requests[i], &results[i]) || !tn_trial_is_valid(&requests[i + 1], &results[i + 1]))
            continue;
        confirmation->before[confirmation->pairs] = standing(investigation, &results[i]);
        confirmation->after[confirmation->pairs++] = standing(investigation, &results[i + 1]);
    }
    tn_trials_deinit(results, 2 * count);
    return status;
}

tn_status tn_race_confirm(tn_investigation *investigation, uint64_t steps, const tn_race *race, const tn_fix *fix, tn_confirm_goal goal,
                          tn_confirmation *confirmation, tn_outcome *outcome, tn_error *error)
{
    *confirmation = (tn_confirmation){.steps = steps};
    size_t pairs = race->pairs > 0 ? race->pairs : tn_race_pair_count(investigation, steps), first = 0;
    while (first < pairs && !confirmation->given_up && !has_reached(investigation, confirmation) && !atomic_load(&investigation->spent)) {
        size_t stop = first < PAIRS ? PAIRS : pairs, count = stop - first < PAIRS_AT_ONCE ? stop - first : PAIRS_AT_ONCE;
        tn_status status = run_pairs(investigation, steps, race->base, fix, first, count, confirmation, outcome, error);
        if (status != TN_OK)
            return status;
        first += count;
        confirmation->given_up = first < pairs && !may_reach(confirmation, goal, pairs);
    }
    judge(race, confirmation);
    return TN_OK;
}

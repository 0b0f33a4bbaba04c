/* race.c: the rounds of the race and the rank of what repairs; see race.h. */
#include "experiments/race.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* How far each round goes, of the steps of the look, and the part that goes on to the next. */
static const double ROUNDS[] = {0.1, 0.35, 1};
enum { ROUND_COUNT = 3, KEPT_OF = 3, KEPT_MIN = 6, KEPT_MIN_COSTLY = 3, ROUND_STEPS_MIN = 100 };

/* A round that goes less than so many times as far as the one before tells nothing new. */
static const double FURTHER = 1.5;

/* A prior of 1 is worth this much score as a head start. */
static const double HEAD_START = 0.3;

/* A specific change that leads the subject by this much goes on beside the best ones: general remedies, which are many, would else take the places of the change that names the cause. Unit: score. */
static const double LEAD_CLEAR = 0.1;

/* A candidate must lead a subject that works by this much score after a part of the way to go on. */
static const double LEAD_MIN = 0.02;

/* Multiply-adds of a trial, forward and backward, that count as cheap: a quarter of a second at most. */
static const double WORK_CHEAP = 5e9;

/* A program's steps count at least what its language takes for one, so that no trial of it is that cheap. Up to so much, two seconds, it gets the larger number of fresh seeds all the same. */
static const double WORK_CHEAP_TO_CONFIRM = 4e10;

static double work_of(const tn_investigation *investigation, uint64_t steps)
{
    return tn_look_step_work(investigation->facts) * (double)steps;
}

uint64_t tn_race_steps_to_confirm(const tn_investigation *investigation, const tn_look *look, const tn_candidate *candidate)
{
    bool is_shorter = tn_look_is_costly(investigation) && candidate->dramatic_at > 0;
    return is_shorter ? candidate->dramatic_at : look->steps;
}

bool tn_race_is_cheap(const tn_investigation *investigation, uint64_t steps)
{
    return work_of(investigation, steps) < WORK_CHEAP;
}

bool tn_race_is_cheap_to_confirm(const tn_investigation *investigation, uint64_t steps)
{
    double most = investigation->facts->is_program ? WORK_CHEAP_TO_CONFIRM : WORK_CHEAP;
    return work_of(investigation, steps) < most;
}

/* Score of the subject as given after `samples` samples: the last one taken by then. */
static double base_standing_after(const tn_look *look, uint64_t samples)
{
    double standing = 0;
    const tn_trial_result *result = &look->result;
    for (size_t i = 0; i < result->score_count && result->scores[i].samples <= samples; i++) {
        double score = result->scores[i].valid_score;
        standing = isnan(score) ? result->scores[i].train_score : score;
    }
    bool ended_badly = look->nonfinite && samples >= result->samples;
    return ended_badly || !(standing > 0) ? 0 : standing;
}

bool tn_race_is_repair(const tn_race *race, double base, double with)
{
    if (tn_standing_is_dramatic(base, with) || (base < TN_RACE_POOR && with >= TN_RACE_POOR && with - base >= TN_RACE_LIFT))
        return true;
    return race->broken && race->complete && with - base >= 0.1 && with >= race->best / 2;
}

static double key(const tn_candidate *candidate)
{
    return candidate->standing + HEAD_START * candidate->fix->prior;
}

static int by_key(const void *a, const void *b)
{
    double x = key(a), y = key(b);
    return (x < y) - (x > y);
}

static bool only_trains_longer(const tn_fix *fix)
{
    return fix->cost > 1 && fix->knobs.set == 0 && !fix->patch;
}

/* The scores of a trial that may end early, in each of the steps of the look. */
enum { SCORES_A_LOOK = 10 };

void tn_race_end_early(const tn_investigation *investigation, const tn_fix *fix, double base, tn_trial_request *request)
{
    if (!investigation->facts->is_program || investigation->facts->unscored || !only_trains_longer(fix))
        return;
    double dramatic = base + fmax(0.1, (1 - base) / 2);
    uint64_t every = (uint64_t)((double)request->knobs.steps / fix->cost / SCORES_A_LOOK);
    request->stop_at_train_score = (dramatic + 1) / 2;
    request->score_every = every > 0 ? every : 1;
}

static tn_status run_round(tn_investigation *investigation, tn_look *look, tn_candidate *const *candidates, size_t count, uint64_t steps,
                           tn_outcome *outcome, tn_error *error)
{
    tn_trial_request *requests = tn_memory_create(count, sizeof *requests);
    tn_trial_result *results = tn_memory_create(count, sizeof *results);
    tn_status status = TN_OK;
    if (!requests || !results) {
        status = tn_fail_memory(error, count * sizeof *results);
    } else {
        uint64_t expected = 0;
        for (size_t i = 0; i < count; i++) {
            requests[i] = tn_trial_as_given("race", steps);
            tn_fix_apply(investigation, candidates[i]->fix, &requests[i].knobs);
            tn_race_end_early(investigation, candidates[i]->fix, look->standing, &requests[i]);
            expected += requests[i].knobs.steps;
        }
        tn_investigation_expect(investigation, expected, "candidate fixes, each alone");
        status = tn_trials_run(investigation, requests, results, count, error);
        /* Twice: those before the one that tells how long the program is may have ended there too. */
        for (size_t i = 0; i < 2 * count && status == TN_OK; i++)
            tn_look_take_own_end(investigation, look, &requests[i % count], &results[i % count]);
        for (size_t i = 0; i < count && status == TN_OK; i++) {
            tn_candidate *candidate = candidates[i];
            /* Where the budget ends, an earlier round still tells something. */
            if (results[i].end == TN_TRIAL_CANCELLED && candidate->rounds > 0)
                continue;
            /* A program may end before the steps that were asked for; more of them were then not tried. */
            bool enough = tn_trial_train_score(&results[i]) >= requests[i].stop_at_train_score;
            bool cut =
                candidate->fix->cost > 1 && results[i].end == TN_TRIAL_COMPLETED && results[i].steps < requests[i].knobs.steps && !enough;
            /* Nor does a trial whose score nobody could take say anything. */
            bool unknown = investigation->facts->is_program && !investigation->facts->unscored && results[i].end == TN_TRIAL_COMPLETED &&
                           isnan(tn_trial_score(&results[i]));
            candidate->valid = tn_trial_is_valid(&requests[i], &results[i]) && !cut && !unknown;
            if (results[i].end == TN_TRIAL_REFUSED)
                snprintf(candidate->refusal, sizeof candidate->refusal, "%.159s", results[i].error.message);
            else if (!candidate->valid && cut)
                snprintf(candidate->refusal, sizeof candidate->refusal, "the program ended by itself after %llu steps",
                         (unsigned long long)results[i].steps);
            else if (unknown)
                snprintf(candidate->refusal, sizeof candidate->refusal, "its trial has no score, since the loss itself is what it changes");
            candidate->end = results[i].end;
            candidate->steps = results[i].steps;
            candidate->standing = tn_trial_diverged(&results[i], NAN) ? 0 : tn_trial_standing(investigation, &results[i]);
            candidate->base_standing = base_standing_after(look, results[i].samples);
            candidate->rounds++;
            if (candidate->valid && candidate->dramatic_at == 0 && tn_standing_is_dramatic(look->standing, candidate->standing))
                candidate->dramatic_at = steps;
            candidate->finished = candidate->valid && steps >= look->steps;
            json_t *entry = tn_trial_json(investigation, &requests[i], &results[i]);
            tn_json_set(investigation, entry, "fix", json_string(candidate->fix->text));
            tn_json_set(investigation, entry, "cause", json_string(tn_cause_get(candidate->fix->cause)->name));
            tn_json_append(investigation, outcome->trials, entry);
        }
        tn_trials_deinit(results, count);
    }
    tn_memory_destroy(requests);
    tn_memory_destroy(results);
    return status;
}

/* Standings within this count as equal when a rate is chosen among several. Unit: score. */
static const double EQUAL = 0.05;

/* Of the rates of one cause that went as far and do as well as the best of them, the middle one; of two in the middle the lower. */
static const tn_candidate *middle_rate(const tn_candidate *candidates, size_t count, const tn_candidate *best)
{
    if (!(best->fix->knobs.set & TN_KNOB_LEARNING_RATE) || best->fix->other_cause != best->fix->cause)
        return best;
    const tn_candidate *equal[TN_FIXES_MAX];
    size_t equals = 0;
    for (size_t i = 0; i < count; i++) {
        const tn_candidate *candidate = &candidates[i];
        if (candidate->fix->cause != best->fix->cause || candidate->rounds < best->rounds || candidate->standing < best->standing - EQUAL)
            continue;
        size_t place = equals++;
        for (; place > 0 && equal[place - 1]->fix->knobs.learning_rate > candidate->fix->knobs.learning_rate; place--)
            equal[place] = equal[place - 1];
        equal[place] = candidate;
    }
    return equals > 0 ? equal[(equals - 1) / 2] : best;
}

/* For the last and longest round: of each cause only the one that stands for it. Candidates come sorted; what stays is put first. */
static size_t keep_one_of_each_cause(tn_candidate *candidates, size_t count)
{
    tn_candidate sorted[TN_FIXES_MAX];
    memcpy(sorted, candidates, count * sizeof *sorted);
    bool goes_on[TN_FIXES_MAX] = {false};
    for (size_t i = 0; i < count; i++) {
        size_t earlier = 0;
        while (earlier < i &&
               (sorted[earlier].fix->cause != sorted[i].fix->cause || sorted[earlier].fix->other_cause != sorted[i].fix->other_cause))
            earlier++;
        if (earlier == i)
            goes_on[middle_rate(sorted, count, &sorted[i]) - sorted] = true;
    }
    size_t kept = 0, left = count;
    for (size_t i = 0; i < count; i++)
        candidates[goes_on[i] ? kept++ : --left] = sorted[i];
    return kept;
}

/* Whether a candidate may yet repair. One that will close half of what a working subject lacks leads it early on; of a broken subject all hope is kept. */
static bool is_hopeful(const tn_race *race, const tn_candidate *candidate)
{
    return candidate->valid && (race->broken || candidate->standing - candidate->base_standing >= LEAD_MIN);
}

/* What only trains longer is the subject itself in the first round, and leads by nothing. It goes on where the subject learns, and scores poorly at its end; of a broken one where its rounds were spared. */
static bool goes_on_longer(const tn_race *race, const tn_candidate *candidate)
{
    bool may = only_trains_longer(candidate->fix) && candidate->valid && race->base < TN_RACE_POOR;
    return may && (!race->broken || candidate->rounds == 0);
}

static size_t kept_at_least(const tn_investigation *investigation)
{
    return tn_look_is_costly(investigation) ? KEPT_MIN_COSTLY : KEPT_MIN;
}

static size_t part_kept(size_t count, size_t least)
{
    size_t part = (count + KEPT_OF - 1) / KEPT_OF;
    return part > least ? part : least;
}

/* Puts those that go on first and returns how many: of the hopeful ones the best third, whoever already repairs, and who cannot show yet what it does. */
static size_t keep(const tn_race *race, tn_candidate *candidates, size_t count, size_t least, bool last_is_next)
{
    qsort(candidates, count, sizeof *candidates, by_key);
    size_t wanted = part_kept(count, least), kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool leads = !candidates[i].fix->general && candidates[i].standing - candidates[i].base_standing >= LEAD_CLEAR;
        bool has_place = kept < wanted || leads || tn_standing_is_dramatic(race->base, candidates[i].standing);
        if (!(is_hopeful(race, &candidates[i]) && has_place) && !goes_on_longer(race, &candidates[i]))
            continue;
        tn_candidate hopeful = candidates[i];
        candidates[i] = candidates[kept];
        candidates[kept++] = hopeful;
    }
    return last_is_next ? keep_one_of_each_cause(candidates, kept) : kept;
}

static uint64_t round_steps(const tn_look *look, size_t round)
{
    uint64_t steps = (uint64_t)(ROUNDS[round] * (double)look->steps);
    if (steps < ROUND_STEPS_MIN)
        steps = ROUND_STEPS_MIN;
    return steps > look->steps ? look->steps : steps;
}

/* The round after one of `steps` steps: the first that tells more, or the last, whose scores are those of the look's end. */
static size_t next_round(const tn_look *look, size_t round, uint64_t steps)
{
    do
        round++;
    while (round + 1 < ROUND_COUNT && (double)round_steps(look, round) < FURTHER * (double)steps);
    return round;
}

void tn_race_plan(const tn_investigation *investigation, const tn_look *look, const tn_fix_list *list, tn_planned *planned)
{
    bool is_cheap = tn_race_is_cheap(investigation, look->steps);
    size_t alive = list->count, least = kept_at_least(investigation);
    size_t round = is_cheap ? ROUND_COUNT - 1 : 0;
    for (size_t i = 0; i < list->count; i++)
        tn_planned_add(planned, 1, round_steps(look, round), "%s", list->fixes[i].text);
    while (round + 1 < ROUND_COUNT && round_steps(look, round) < look->steps) {
        size_t part = part_kept(alive, least);
        alive = part < alive ? part : alive;
        round = next_round(look, round, round_steps(look, round));
        tn_planned_add(planned, alive, round_steps(look, round), "the better ones of these, further");
    }
}

static void note_best(tn_race *race)
{
    for (size_t i = 0; i < race->count; i++)
        if (race->candidates[i].finished)
            race->best = fmax(race->best, race->candidates[i].standing);
}

/* Whether a perfect score would make the fix worth telling. */
static bool may_tell(const tn_race *race, const tn_fix *fix)
{
    return race->broken || tn_standing_is_dramatic(race->base, 1) || (!fix->general && 1 - race->base >= TN_RACE_WORTH_TELLING);
}

static tn_race_wave wave_of(const tn_fix *fix)
{
    return !fix->general ? TN_WAVE_SPECIFIC : fix->cost > 2 ? TN_WAVE_MORE_SAMPLES : TN_WAVE_GENERAL;
}

tn_status tn_race_screen(tn_investigation *investigation, tn_look *look, const tn_fix_list *list, size_t from, tn_race *race,
                         tn_outcome *outcome, tn_error *error)
{
    *race = (tn_race){.base = look->standing, .broken = tn_look_is_broken(look)};
    for (size_t i = from; i < list->count; i++) {
        if (may_tell(race, &list->fixes[i]))
            race->candidates[race->count++] = (tn_candidate){.fix = &list->fixes[i], .valid = true};
        else
            race->spared++;
    }
    race->alive = race->count;
    bool is_costly = tn_look_is_costly(investigation);
    size_t last = ROUND_COUNT - 1, round = tn_race_is_cheap(investigation, look->steps) ? last : 0;
    while (round < last && race->alive > 0) {
        tn_candidate *running[TN_FIXES_MAX] = {NULL};
        uint64_t steps = round_steps(look, round);
        size_t count = 0;
        if (steps == look->steps)
            return TN_OK;
        for (size_t i = 0; i < race->alive; i++)
            if (!is_costly || !only_trains_longer(race->candidates[i].fix))
                running[count++] = &race->candidates[i];
        tn_status status = run_round(investigation, look, running, count, steps, outcome, error);
        if (status != TN_OK || atomic_load(&investigation->spent))
            return status;
        round = next_round(look, round, steps);
        race->alive = keep(race, race->candidates, race->alive, kept_at_least(investigation), round == last);
    }
    return TN_OK;
}

tn_status tn_race_finish(tn_investigation *investigation, tn_look *look, tn_race *race, tn_race_wave wave, tn_outcome *outcome,
                         tn_error *error)
{
    tn_candidate *running[TN_FIXES_MAX] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < race->alive; i++)
        if (wave_of(race->candidates[i].fix) == wave)
            running[count++] = &race->candidates[i];
    tn_status status = count > 0 ? run_round(investigation, look, running, count, look->steps, outcome, error) : TN_OK;
    note_best(race);
    race->complete = wave + 1 == TN_WAVE_COUNT;
    return status;
}

tn_status tn_race_run(tn_investigation *investigation, tn_look *look, const tn_fix_list *list, size_t from, tn_race *race,
                      tn_outcome *outcome, tn_error *error)
{
    tn_status status = tn_race_screen(investigation, look, list, from, race, outcome, error);
    for (tn_race_wave wave = 0; wave < TN_WAVE_COUNT && status == TN_OK && !atomic_load(&investigation->spent); wave++)
        status = tn_race_finish(investigation, look, race, wave, outcome, error);
    return status;
}

tn_status tn_race_run_once(tn_investigation *investigation, tn_look *look, const tn_fix_list *list, tn_race *race, tn_outcome *outcome,
                           tn_error *error)
{
    tn_candidate *running[TN_FIXES_MAX] = {NULL};
    *race = (tn_race){.base = look->standing, .broken = tn_look_is_broken(look), .complete = true};
    size_t count = 0;
    for (; count < list->count; count++) {
        race->candidates[count] = (tn_candidate){.fix = &list->fixes[count], .valid = true};
        running[count] = &race->candidates[count];
    }
    race->count = count;
    tn_status status = run_round(investigation, look, running, count, look->steps, outcome, error);
    note_best(race);
    return status;
}

static int by_rank(const void *a, const void *b)
{
    const tn_candidate *x = *(const tn_candidate *const *)a, *y = *(const tn_candidate *const *)b;
    if (x->fix->general != y->fix->general)
        return x->fix->general ? 1 : -1;
    /* What needs ten times the samples stands behind what needs no more. */
    if (x->fix->general && fabs(x->fix->cost - y->fix->cost) > 1)
        return x->fix->cost < y->fix->cost ? -1 : 1;
    /* Adam at its own rate is two changes; a change of one thing tells more. */
    int x_knobs = __builtin_popcount(x->fix->knobs.set), y_knobs = __builtin_popcount(y->fix->knobs.set);
    if (x->fix->general && x_knobs != y_knobs)
        return x_knobs - y_knobs;
    return by_key(x, y);
}

static bool has_cause(const tn_candidate *const *ranked, size_t count, tn_cause_id cause)
{
    for (size_t i = 0; i < count; i++)
        if (ranked[i]->fix->cause == cause)
            return true;
    return false;
}

/* Large gradients come from somewhere: where another scale of the data repairs as well, the data are the cause, and clipping hides it. */
static void put_data_before_clipping(const tn_candidate **ranked, size_t count)
{
    size_t clip = 0;
    while (clip < count && (ranked[clip]->fix->general || ranked[clip]->fix->cause != TN_CAUSE_needs_clipping))
        clip++;
    for (size_t i = clip + 1; i < count; i++) {
        const tn_candidate *candidate = ranked[i];
        tn_cause_id cause = candidate->fix->cause;
        if (candidate->fix->general || (cause != TN_CAUSE_unscaled_input && cause != TN_CAUSE_unscaled_label))
            continue;
        memmove(&ranked[clip + 1], &ranked[clip], (i - clip) * sizeof *ranked);
        ranked[clip] = candidate;
        return;
    }
}

size_t tn_race_rank(const tn_race *race, const tn_candidate **ranked)
{
    size_t count = 0;
    for (size_t i = 0; i < race->count; i++) {
        const tn_candidate *candidate = &race->candidates[i];
        if (candidate->finished && !candidate->memorises && tn_race_is_repair(race, race->base, candidate->standing))
            ranked[count++] = candidate;
    }
    qsort(ranked, count, sizeof *ranked, by_rank);
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++)
        if (!has_cause(ranked, distinct, ranked[i]->fix->cause))
            ranked[distinct++] = ranked[i];
    for (size_t i = 0; i < distinct; i++)
        ranked[i] = middle_rate(race->candidates, race->count, ranked[i]);
    put_data_before_clipping(ranked, distinct);
    return distinct;
}

/* Whether `other` may be tried where fresh seeds only suspect `first`: another form of the same change; of rates one that is lower, which breaks less often, or one that is higher, which is more often there in
 * time. The forms of other general remedies are shades of one number. */
static bool is_second_form(const tn_fix *first, const tn_fix *other, bool wants_lower)
{
    if (other->cause != first->cause || other->other_cause != first->other_cause)
        return false;
    bool are_rates =
        first->knobs.set == TN_KNOB_LEARNING_RATE && other->knobs.set == TN_KNOB_LEARNING_RATE && !first->patch && !other->patch;
    bool is_lower = other->knobs.learning_rate < first->knobs.learning_rate;
    return are_rates ? is_lower == wants_lower : !first->general;
}

/* A rate that learns nothing on some seed, though it does on most, breaks there, or is far too low. */
static bool breaks_on_some(const tn_confirmation *confirmation)
{
    for (size_t i = 0; i < confirmation->pairs; i++)
        if (confirmation->after[i] < TN_NEAR_TRIVIAL)
            return true;
    return false;
}

static const tn_candidate *best_second_form(const tn_race *race, const tn_candidate *first, bool wants_lower)
{
    const tn_candidate *second = NULL;
    for (size_t i = 0; i < race->count; i++) {
        const tn_candidate *candidate = &race->candidates[i];
        if (candidate != first && is_second_form(first->fix, candidate->fix, wants_lower) && candidate->valid &&
            tn_race_is_repair(race, race->base, candidate->standing) && (!second || by_key(candidate, second) < 0))
            second = candidate;
    }
    return second;
}

const tn_candidate *tn_race_second_form(const tn_race *race, const tn_candidate *first, const tn_confirmation *confirmation)
{
    if (first->fix->cause != TN_CAUSE_lr_too_low)
        return best_second_form(race, first, true);
    bool breaks = breaks_on_some(confirmation);
    const tn_candidate *second = best_second_form(race, first, breaks);
    return second ? second : best_second_form(race, first, !breaks);
}

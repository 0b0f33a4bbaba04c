/* odds.c: see odds.h. All factors are own choices, and round. */
#include "experiments/odds.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "experiments/fixes/fix.h"

/* PROTOCOL A1's first suspect, against any other cause. */
static const double FIRST_SUSPECT = 4;

/* What a rule that fired is worth to the causes of its list: 1 + LISTED / place, the first place 1; and to all others. */
static const double LISTED = 4, NOT_LISTED = 0.5;

/* What a proposer says that knows nothing (fix_table.c): its odds count as 1. And a prior never counts as certain. */
static const double KNOWS_NOTHING = 0.3, PRIOR_MAX = 0.95;

/* The chance that a subject is healthy: where it is broken, and the bounds of what its score may say. */
static const double HEALTHY_BROKEN = 0.01, HEALTHY_MIN = 0.05, HEALTHY_MAX = 0.95;

/* How often an experiment fails under a cause that it tells, under another one, and in a healthy subject. The race, which names the cause on fresh seeds, errs less. */
static const double FAILS_TOLD = 0.8, FAILS_OTHER = 0.15, FAILS_HEALTHY = 0.03, RACE_NAMES = 0.9, RACE_ERRS = 0.02;

static bool names_cause(const tn_experiment *experiment)
{
    return experiment == &tn_experiment_race;
}

/* P(the experiment fails | hypothesis). */
static double fails_under(const tn_odds *odds, const tn_experiment *experiment, size_t hypothesis)
{
    if (hypothesis == TN_ODDS_HEALTHY)
        return names_cause(experiment) ? RACE_ERRS : FAILS_HEALTHY;
    if (names_cause(experiment))
        return odds->raced[hypothesis] ? RACE_NAMES : RACE_ERRS;
    bool told = experiment->fails_under && tn_cause_is_listed((tn_cause_id)hypothesis, experiment->fails_under, NULL);
    return told ? FAILS_TOLD : FAILS_OTHER;
}

static void normalise(tn_odds *odds, size_t count, double sum_wanted)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += odds->of[i];
    for (size_t i = 0; i < count && sum > 0; i++)
        odds->of[i] *= sum_wanted / sum;
}

/* Odds by what the proposers say, relative to those of one that knows nothing. */
static void weigh_fixes(tn_odds *odds, const tn_investigation *investigation, const tn_fix_list *list)
{
    double most[TN_CAUSE_COUNT] = {0};
    for (size_t i = 0; i < list->count; i++) {
        const tn_fix *fix = &list->fixes[i];
        most[fix->cause] = fmax(most[fix->cause], fmin(fix->prior, PRIOR_MAX));
        odds->raced[fix->cause] = odds->raced[fix->cause] || (tn_fix_needs(fix) & ~investigation->facts->knobs) == 0;
    }
    for (size_t i = 0; i < TN_CAUSE_COUNT; i++)
        if (most[i] > 0)
            odds->of[i] *= most[i] / (1 - most[i]) * (1 - KNOWS_NOTHING) / KNOWS_NOTHING;
}

/* Whether an experiment of the protocol would tell the cause, beside the race. */
static bool is_told_elsewhere(const tn_subject_facts *facts, tn_cause_id cause)
{
    size_t count;
    const tn_experiment *const *protocol = tn_debug_protocol(facts, &count);
    for (size_t i = 0; i < count; i++)
        if (protocol[i]->fails_under && tn_cause_is_listed(cause, protocol[i]->fails_under, NULL))
            return true;
    return false;
}

static void weigh_signals(tn_odds *odds, const tn_look *look)
{
    for (size_t r = 0; r < tn_rule_count(); r++) {
        const char *rule = tn_rule_at(r)->name;
        if (!tn_symptom_find(rule) || !tn_look_fired(look, rule))
            continue;
        for (size_t i = 0; i < TN_CAUSE_COUNT; i++) {
            size_t place;
            bool listed = tn_look_points_at(look, rule, (tn_cause_id)i, &place);
            odds->of[i] *= listed ? 1 + LISTED / (double)(place + 1) : NOT_LISTED;
        }
    }
}

tn_status tn_odds_init(tn_odds *odds, tn_investigation *investigation, const tn_look *look, tn_error *error)
{
    *odds = (tn_odds){0};
    tn_fix_list *list = tn_memory_create(1, sizeof *list);
    if (!list)
        return tn_fail_memory(error, sizeof *list);
    const tn_fix_case about = {.investigation = investigation, .look = look, .hypes = investigation->hypes};
    tn_fixes_propose(&about, list);
    bool failed = list->failed;
    tn_arises here = investigation->facts->is_program ? TN_ARISES_ATTACHED : TN_ARISES_NATIVE;
    for (size_t i = 0; i < TN_CAUSE_COUNT; i++)
        odds->of[i] = tn_cause_get((tn_cause_id)i)->arises & here ? 1 : 0;
    odds->of[TN_CAUSE_lr_too_high] *= FIRST_SUSPECT;
    weigh_fixes(odds, investigation, list);
    for (size_t i = 0; i < TN_CAUSE_COUNT; i++)
        if (!odds->raced[i] && !is_told_elsewhere(investigation->facts, (tn_cause_id)i))
            odds->of[i] = 0;
    weigh_signals(odds, look);
    double healthy = tn_look_is_broken(look) ? HEALTHY_BROKEN : fmin(fmax(look->standing, HEALTHY_MIN), HEALTHY_MAX);
    normalise(odds, TN_CAUSE_COUNT, 1 - healthy);
    odds->of[TN_ODDS_HEALTHY] = healthy;
    tn_fixes_deinit(list);
    tn_memory_destroy(list);
    return failed ? tn_fail_memory(error, sizeof(tn_fix)) : TN_OK;
}

/* -p log2 p, 0 where p is 0. */
static double surprise(double p)
{
    return p > 0 ? -p * log2(p) : 0;
}

static double entropy_of_two(double p)
{
    return surprise(p) + surprise(1 - p);
}

double tn_odds_bits(const tn_odds *odds, const tn_experiment *experiment)
{
    double bits = 0, rest = 0, fails = 0, left = 0;
    for (size_t i = 0; i < TN_ODDS_COUNT; i++) {
        double failing = fails_under(odds, experiment, i);
        fails += odds->of[i] * failing;
        left += odds->of[i] * entropy_of_two(failing);
        if (i < TN_CAUSE_COUNT && odds->raced[i])
            bits += surprise(odds->of[i]);
        else
            rest += odds->of[i];
    }
    return fmax(0, names_cause(experiment) ? bits + surprise(rest) - left : entropy_of_two(fails) - left);
}

void tn_odds_update(tn_odds *odds, const tn_experiment *experiment, tn_verdict verdict)
{
    if (verdict == TN_VERDICT_INCONCLUSIVE)
        return;
    for (size_t i = 0; i < TN_ODDS_COUNT; i++) {
        double failing = fails_under(odds, experiment, i);
        odds->of[i] *= verdict == TN_VERDICT_FAIL ? failing : 1 - failing;
    }
    normalise(odds, TN_ODDS_COUNT, 1);
}

static const char *name_of(size_t hypothesis)
{
    return hypothesis == TN_ODDS_HEALTHY ? "healthy" : tn_cause_get((tn_cause_id)hypothesis)->name;
}

enum { DESCRIBED = 3 };
static const double WORTH_NAMING = 0.01;

void tn_odds_describe(const tn_odds *odds, char *text, size_t size)
{
    bool named[TN_ODDS_COUNT] = {false};
    text[0] = '\0';
    for (size_t n = 0; n < DESCRIBED; n++) {
        size_t best = TN_ODDS_COUNT;
        for (size_t i = 0; i < TN_ODDS_COUNT; i++)
            if (!named[i] && odds->of[i] >= WORTH_NAMING && (best == TN_ODDS_COUNT || odds->of[i] > odds->of[best]))
                best = i;
        if (best == TN_ODDS_COUNT)
            return;
        named[best] = true;
        size_t length = strlen(text);
        snprintf(text + length, size - length, "%s%s %.0f %%", length > 0 ? ", " : "", name_of(best), 100 * odds->of[best]);
    }
}

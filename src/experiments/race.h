/* race.h: candidate fixes against each other, each alone, from the same initial state (DESIGN.md, "How a cause is found", steps 3 and 4).
 *
 * Successive halving: all run a tenth of the way, the better part a third, the best all of it; what costs little runs all of it at once. The last and dearest round goes in waves, specific changes
 * before general ones before those that need more samples, which is the order in which they may name a cause: where one of a wave is confirmed, the waves behind it could not change the verdict and
 * are saved. At most two causes meet fresh paired seeds, and only these confirm; of a cause that they suspect and no more, a second form is tried. */
#ifndef TN_EXPERIMENTS_RACE_H
#define TN_EXPERIMENTS_RACE_H

#include "experiments/debug_plan.h"
#include "experiments/fixes/fix.h"
#include "experiments/look.h"

enum { TN_PAIRED_SEEDS_MIN = 5, TN_PAIRED_SEEDS_MAX = 8 };

typedef struct tn_candidate {
    const tn_fix *fix;
    tn_trial_end end;     /* of its longest trial */
    uint64_t steps;       /* of that trial */
    uint64_t dramatic_at; /* steps of the first round that left it dramatically better than the subject at its own end; 0: none has */
    double standing;      /* of that trial */
    double base_standing; /* of the subject as given, after as many samples */
    size_t rounds;        /* that it ran */
    bool finished;        /* ran all the way */
    bool valid;           /* was not refused */
    bool met_fresh;       /* has met fresh seeds */
    bool waits;           /* they agreed, but not dramatically: to be judged again when the race is complete */
    bool memorises;       /* and does no more: permuted labels score as well (label_signal.h) */
    char refusal[160];    /* why it was; "" */
} tn_candidate;

typedef struct tn_race {
    tn_candidate candidates[TN_FIXES_MAX];
    size_t count;
    double base;   /* standing of the subject as given */
    bool broken;   /* NaN, diverged or near the trivial score: see look.h */
    double best;   /* standing of the best candidate that finished */
    size_t pairs;  /* of fresh seeds to confirm a candidate; 0: tn_race_pair_count */
    size_t alive;  /* candidates [0 .. alive) go all the way */
    bool complete; /* every wave has */
    size_t spared; /* fixes that no score could make worth telling: see tn_race_screen */
} tn_race;

/* Worth telling as advice, and of a fault that can be seen as a suspicion: so much mean score. */
#define TN_RACE_WORTH_TELLING 0.04

/* A subject that trains, and scores less than this, trains badly: what only makes it slow or lopsided is a finding there, else advice (DESIGN.md). Unit: score. */
#define TN_RACE_POOR 0.5

/* What lifts a poor subject out of poverty by this much repairs it: half of what it lacks of a perfect score may be more than its data allow. Unit: score. Own choice. */
#define TN_RACE_LIFT 0.25

typedef enum tn_race_wave { TN_WAVE_SPECIFIC, TN_WAVE_GENERAL, TN_WAVE_MORE_SAMPLES, TN_WAVE_COUNT } tn_race_wave;

/* Where a trial of a race tells how long the program is, look->steps becomes that: see tn_look_take_own_end. */

/* The rounds before the last, of fixes [from .. list->count), whose trials are added to outcome. A subject that works leaves out what could change nothing even with a perfect score: general
 * changes where less than a dramatic gain is left to reach, and specific ones where less than TN_RACE_WORTH_TELLING is. Errors as tn_trials_run. */
tn_status tn_race_screen(tn_investigation *investigation, tn_look *look, const tn_fix_list *list, size_t from, tn_race *race,
                         tn_outcome *outcome, tn_error *error);

/* The last round of one wave; they come in order, and the last one completes the race. */
tn_status tn_race_finish(tn_investigation *investigation, tn_look *look, tn_race *race, tn_race_wave wave, tn_outcome *outcome,
                         tn_error *error);

/* All of it: the screening and every wave. */
tn_status tn_race_run(tn_investigation *investigation, tn_look *look, const tn_fix_list *list, size_t from, tn_race *race,
                      tn_outcome *outcome, tn_error *error);

/* All fixes of the list, all the way of the look, in one round. */
tn_status tn_race_run_once(tn_investigation *investigation, tn_look *look, const tn_fix_list *list, tn_race *race, tn_outcome *outcome,
                           tn_error *error);

/* The trials of such a race, at most: each candidate's first round, and the rounds of those that go on. */
void tn_race_plan(const tn_investigation *investigation, const tn_look *look, const tn_fix_list *list, tn_planned *planned);

/* Whether a change from `base` to `with` counts: it closes at least half of 1 - base and at least 0.1; of a subject that is broken, at least 0.1 and half of what the
 * best candidate reaches, since a hard problem may not reach far in so few steps. How far the best reaches is known when the race is complete; before that only a dramatic change counts. */
bool tn_race_is_repair(const tn_race *race, double base, double with);

/* The candidates that repair, best first: specific before general, then by standing and prior. One for each cause; of rates that do equally well the middle one, which
 * stands furthest from either edge. ranked [TN_FIXES_MAX]; returns how many. */
size_t tn_race_rank(const tn_race *race, const tn_candidate **ranked);

/* What fresh paired seeds say about a candidate. */
typedef struct tn_confirmation {
    size_t pairs, better; /* run, and better with the fix */
    uint64_t steps;       /* of the subject as given, in each */
    bool given_up;        /* before all pairs were run, since they could no longer reach the goal */
    double before[TN_PAIRED_SEEDS_MAX], after[TN_PAIRED_SEEDS_MAX];
    double before_mean, after_mean;
    bool consistent; /* all of 5 pairs better, or 7 of 8 (a program's first 5, where all are, are enough) */
    bool confirmed;  /* consistent, and the means a repair */
} tn_confirmation;

/* The best other candidate of the cause of `first` that repairs as far as it ran, to be tried where fresh seeds do not quite agree on `first`: the cause may be the right one
 * and the form of its fix not. Of rates that are to be lower than given it is a lower one, of higher ones a lower one where `first` learns nothing on some of them, if there is one, else a higher one. NULL where there is none, and for other general remedies, whose
 * forms are shades of one number. */
const tn_candidate *tn_race_second_form(const tn_race *race, const tn_candidate *first, const tn_confirmation *confirmation);

/* What it takes for the seeds to go on: while they may still suspect the fix, or only while they may still agree on it (advice is never suspected). */
typedef enum tn_confirm_goal { TN_CONFIRM_OR_SUSPECT, TN_CONFIRM_ONLY } tn_confirm_goal;

/* A fix that helped on fewer of the fresh seeds is not even suspected. */
#define TN_SUSPECTED_SHARE 0.6

/* How long the pairs of a candidate are trained: as long as the look, or, where steps are costly, as long as it took the candidate to leave the subject's end dramatically behind. */
uint64_t tn_race_steps_to_confirm(const tn_investigation *investigation, const tn_look *look, const tn_candidate *candidate);

/* Each pair is trained for `steps` steps, twice: as given, and with the fix. Pairs run two at a time, and no further once they can no longer reach the goal. */
tn_status tn_race_confirm(tn_investigation *investigation, uint64_t steps, const tn_race *race, const tn_fix *fix, tn_confirm_goal goal,
                          tn_confirmation *confirmation, tn_outcome *outcome, tn_error *error);

/* Each of a program's steps costs its user time: a trial of what only trains it longer ends where it has shown what it can do, half way from a dramatic gain to a perfect score. Other changes stay as
 * they are. `base`: the standing of the subject as given. request->knobs have the fix already. */
void tn_race_end_early(const tn_investigation *investigation, const tn_fix *fix, double base, tn_trial_request *request);

/* Pairs of fresh seeds: 8 where a trial is cheap, else TN_PAIRED_SEEDS_MIN. */
size_t tn_race_pair_count(const tn_investigation *investigation, uint64_t steps);

/* The seed of the i-th fresh pair. */
uint64_t tn_race_fresh_seed(const tn_investigation *investigation, size_t i);

/* Whether a trial of `steps` steps costs so little that nothing needs to be saved. */
bool tn_race_is_cheap(const tn_investigation *investigation, uint64_t steps);

/* Whether so little that eight pairs of fresh seeds are run in place of five. */
bool tn_race_is_cheap_to_confirm(const tn_investigation *investigation, uint64_t steps);

#endif

/* levels.h: versions of the problem from trivial to full, and whether one of them is passed (PROTOCOL B4, B5).
 *
 * The user names them in the hypes ("levels": [{"name", "patch"}]; of an attached program in the file that it reads, whose paths they speak of). Where none are named, simpler versions of a native
 * network are derived: two classes, no dropout and no weight decay, no augmentation, no normalisation, inner layers left out, images of half the side, sequences of a quarter of the length, plain steps without momentum, decay and clipping; each level
 * has one simplification fewer than the one before. The full problem is always the last level. */
#ifndef TN_EXPERIMENTS_LEVELS_H
#define TN_EXPERIMENTS_LEVELS_H

#include "experiments/investigation.h"

enum { TN_LEVELS_MAX = 17, TN_LEVEL_NAME_SIZE = 96 };

typedef struct tn_level {
    char name[TN_LEVEL_NAME_SIZE];
    json_t *patch; /* owned; of the full problem */
    json_t *alone; /* owned; of a derived level, what it has beyond the next one, as a patch of the full problem; NULL elsewhere */
} tn_level;

typedef struct tn_levels {
    tn_level levels[TN_LEVELS_MAX];
    size_t count;
    bool are_given;
} tn_levels;

/* Fills *levels, at least with the full problem; deinit in any case. Given levels past TN_LEVELS_MAX - 1 are left out. Errors of a program's file, or memory. */
tn_status tn_levels_init(tn_investigation *investigation, tn_levels *levels, tn_error *error);
void tn_levels_deinit(tn_levels *levels);

/* A level half way from `from` to `to` (the harder one): half of the settings that differ as in `to`; of a single number the mean. False where the step cannot be split. */
bool tn_levels_between(tn_investigation *investigation, const tn_level *from, const tn_level *to, tn_level *between);

/* One trial of a level. */
typedef struct tn_level_cell {
    uint64_t samples; /* 0: all */
    uint64_t budget;  /* steps that it has */
    bool valid, passed;
    uint64_t steps; /* that it took to pass; where it did not, all that it ran */
    double score;   /* of training samples where they are few, else of held-out ones */
    char refusal[160];
} tn_level_cell;

/* A few samples have to be learnt by heart; all of them have to be generalised from: a score on held-out samples above the trivial one (of training samples where none are held out). Runs the cells
 * [count], each of its level [count], side by side, and adds their trials. cells->samples and budget are set by the caller. */
tn_status tn_levels_try(tn_investigation *investigation, const char *experiment, const tn_level *const *levels, tn_level_cell *cells,
                        size_t count, tn_outcome *outcome, tn_error *error);

/* {"level", "samples", "budget", "steps", "score", "passed"}; samples null: all (a new reference). */
json_t *tn_level_cell_json(tn_investigation *investigation, const char *level, const tn_level_cell *cell);

/* Steps that learning ten samples by heart may take, and learning from all. */
uint64_t tn_levels_few_steps(const tn_investigation *investigation);

#endif

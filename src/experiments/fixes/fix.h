/* fix.h: candidate fixes, each a change of one thing, for the race.
 *
 * One proposer, one file in fixes/, one row in fix_table.c. A proposer reads the facts, the first run and (for a native subject) the hypes, and adds what it would try. It does
 * not judge: the race does. A general remedy (another rate, Adam, more steps, another batch size, a clip) hides many faults, and names a
 * cause only where no specific fix repairs. */
#ifndef TN_EXPERIMENTS_FIX_H
#define TN_EXPERIMENTS_FIX_H

#include "experiments/investigation.h"
#include "experiments/look.h"

typedef struct tn_fix {
    tn_cause_id cause;
    tn_cause_id other_cause; /* of a pair: the second change's; else the same */
    bool general;
    bool
        visible; /* the fault can be read off the hypes (all units of a layer start equal): a steady gain that is not dramatic makes it suspected, not advice */
    bool
        misuse; /* a use of the framework that its own documentation rules out, seen in the program: tried before all else (experiment_usage.c) */
    double prior;   /* how likely the cause is by what was seen, 0 .. 1: a head start in the race */
    double cost;    /* samples it processes, relative to the subject as given: 10 for ten times the steps, 0.5 for an earlier end */
    char text[240]; /* what to change, in words */
    json_t *patch;  /* owned; of the hypes, or NULL where knobs say it all */
    tn_knobs knobs; /* beside the patch (its own `patch` unused) */
} tn_fix;

/* Grows up to a maximum; more is a bug of the proposers. */
enum { TN_FIXES_MAX = 64 };

typedef struct tn_fix_list {
    tn_fix fixes[TN_FIXES_MAX];
    size_t count;
    tn_fix spare; /* takes what does not fit */
    bool failed;  /* a change is missing since memory was out */
} tn_fix_list;

/* What a proposer may read. */
typedef struct tn_fix_case {
    tn_investigation *investigation;
    const tn_look *look;
    const tn_hypes *hypes; /* NULL: no patches, knobs only */
} tn_fix_case;

typedef void tn_fix_propose_fn(const tn_fix_case *about, tn_fix_list *list);

extern tn_fix_propose_fn tn_fix_propose_learning_rate, tn_fix_propose_input_scale, tn_fix_propose_label_scale, tn_fix_propose_init,
    tn_fix_propose_output, tn_fix_propose_loss, tn_fix_propose_activation, tn_fix_propose_depth, tn_fix_propose_capacity,
    tn_fix_propose_regularization, tn_fix_propose_frozen, tn_fix_propose_solver, tn_fix_propose_program, tn_fix_propose_data,
    tn_fix_propose_generalization;

/* Whether one class has ten times as many samples as the others on average. Samples with several labels each, such as the tokens of a text, are of no one class, and some tokens are frequent in any text. */
bool tn_fix_is_imbalanced(const tn_subject_facts *facts, size_t labels);

/* Whether the hypes leave features out already. */
bool tn_fix_ignores_features(const tn_hypes *hypes);

/* Every proposer's candidates. */
void tn_fixes_propose(const tn_fix_case *about, tn_fix_list *list);
void tn_fixes_deinit(tn_fix_list *list);

/* Adds a candidate that is a patch (stolen; an empty one is left out) or, by tn_fix_add_knobs, knobs, for the caller to set further fields. Both return a fix to write
 * to, also where the list is full or the patch was empty; it is then not raced. */
tn_fix *tn_fix_add_knobs(tn_fix_list *list, tn_cause_id cause, uint32_t knobs, const char *format, ...) TN_PRINTF(4, 5);
tn_fix *tn_fix_add_patch(tn_fix_list *list, tn_cause_id cause, json_t *patch, const char *format, ...) TN_PRINTF(4, 5);

/* Adds both changes as one candidate, of the cause of the first. False where they touch the same thing, or do not go together. */
bool tn_fix_add_pair(tn_fix_list *list, const tn_fix *first, const tn_fix *second);

/* The knobs that a fix turns, TN_KNOB_PATCH among them where it is a patch. */
uint32_t tn_fix_needs(const tn_fix *fix);

/* Moves what the subject cannot turn from `list` to `untried`. */
void tn_fixes_split(const tn_investigation *investigation, tn_fix_list *list, tn_fix_list *untried);

/* Puts the fix into knobs that hold steps and seed already: a cost above 1 multiplies the steps, another batch size keeps the number of samples. `fix` lends its patch. */
void tn_fix_apply(const tn_investigation *investigation, const tn_fix *fix, tn_knobs *knobs);

/* The fix as one patch of a native subject's hypes (new reference): its patch and its knobs as paths. */
json_t *tn_fix_as_patch(tn_investigation *investigation, const tn_fix *fix);

#endif

/* rules.h: detectors that read one run, online, and raise signals. They never see the engine or the subject.
 *
 * One rule, one file, one row in rule_table.c, one test. A rule keeps its own state, made for each run, and may take back a signal that no
 * longer holds (a loss that rose and fell again). Thresholds stand in the header of its file with unit, default, source
 * and what moves them. A rule that saw fewer steps than it needs says so, and is not passed. */
#ifndef TN_RULES_H
#define TN_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "run/recorder.h"

typedef enum tn_rule_state { TN_RULE_TOO_FEW_STEPS, TN_RULE_QUIET, TN_RULE_FIRED } tn_rule_state;

/* What a rule saw. */
typedef struct tn_signal {
    const char *rule; /* "nonfinite" */
    tn_rule_state state;
    uint64_t step;   /* where it fired first */
    char tensor[96]; /* "dense_2.weight"; empty where it is about the run */
    double value, threshold;
    char text[256]; /* one sentence for people */
} tn_signal;

typedef struct tn_rule {
    const char *name, *title;                                             /* the name is that of a symptom in the catalogue */
    size_t state_size;                                                    /* bytes, zeroed for each run */
    bool (*on_step)(void *state, tn_signal *signal, const tn_step *step); /* false: nothing more is to be learned, end the trial */
    void (*on_tensor)(void *state, tn_signal *signal, const tn_tensor_seen *seen);
    void (*on_score)(void *state, tn_signal *signal, const tn_score_point *point);
    void (*on_end)(void *state, tn_signal *signal, uint64_t steps);
} tn_rule;

size_t tn_rule_count(void);
const tn_rule *tn_rule_at(size_t index);

/* All rules on one run: give `observer` to the trial's request. */
typedef struct tn_rule_set tn_rule_set;
tn_status tn_rule_set_create(tn_rule_set **set, tn_error *error);
tn_observer tn_rule_set_observer(tn_rule_set *set);
const tn_signal *tn_rule_set_signal(const tn_rule_set *set, const char *rule); /* never NULL for a rule that exists */
void tn_rule_set_destroy(tn_rule_set *set);

#endif

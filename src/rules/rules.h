/* rules.h: detectors that read one run, online, and raise signals. They never see the engine or the subject.
 *
 * One rule, one file, one row in rule_table.c, one test. A rule keeps its own state, made for each run, and may take back a signal that no
 * longer holds (a loss that rose and fell again). Its thresholds are settings: a table with default, bounds, unit and what each is for, which
 * hypes (debug.rules.NAME.KEY) and the command line (--rule NAME.KEY=VALUE) can change. The header of its file says where they come from and what moves them.
 * A rule that saw less than it needs says so, and is not passed. */
#ifndef TN_RULES_H
#define TN_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "run/recorder.h"

typedef enum tn_rule_state {
    TN_RULE_TOO_FEW_STEPS, /* not passed: it needs more than it saw */
    TN_RULE_QUIET,
    TN_RULE_FIRED,
    TN_RULE_OFF /* the user silenced it */
} tn_rule_state;

const char *tn_rule_state_name(tn_rule_state state); /* "too few steps", "quiet", "fired", "off" */

typedef enum tn_signal_severity {
    TN_SIGNAL_WARNING, /* worth a look; networks with it may train well */
    TN_SIGNAL_ERROR    /* training is broken, or will be */
} tn_signal_severity;

const char *tn_signal_severity_name(tn_signal_severity severity); /* "warning", "error" */

#define TN_ORIGIN_UNKNOWN UINT64_MAX

/* Where finite numbers became a NaN or an infinity: what the rule "nonfinite" tells beside its sentence. */
typedef struct tn_origin {
    char node[48], op[32]; /* "divide_2", "divide"; "input" for the data, the optimizer for an update; empty where only the loss tells */
    size_t node_index;     /* in hypes.net; the number of its nodes for the loss and the optimizer; SIZE_MAX for a program's function */
    const char *direction; /* "forward", "backward", "update", "data"; NULL where only the loss tells. The loss itself is forward */
    uint64_t sample, row;  /* of the batch, of the user's file, both from 0; TN_ORIGIN_UNKNOWN where not known */
    bool exact;            /* what it was made from is known to have been finite */
    char nan_node[48], nan_op[32]; /* where it was infinite first: what made NaN of that in the same step; empty where nothing did */
    const char *nan_direction;
    char file[256]; /* of a program that was traced, and the line, from 1; empty and 0 where not known */
    int line;
} tn_origin;

/* What a rule saw. */
typedef struct tn_signal {
    const char *rule; /* "nonfinite" */
    tn_rule_state state;
    tn_signal_severity severity;
    uint64_t step;   /* where it fired first */
    char tensor[96]; /* "dense_2.weight"; empty where it is about the run */
    double value, threshold;
    const char *
        cause; /* of a rule that sees several things: the cause in the catalogue that this one makes likely (a literal); NULL: all those of its symptom */
    size_t feature;   /* the number of the feature that "leaky_feature" is about */
    char text[256];   /* one sentence for people; at the end of the run also where it saw too few steps: how many it needs */
    tn_origin origin; /* of "nonfinite" where it fired */
} tn_signal;

/* A threshold of a rule. */
typedef struct tn_rule_setting {
    const char *key;
    double fallback, min, max; /* min and max included */
    const char *unit;          /* "steps", "times the median"; "" for a plain number */
    const char *help;          /* one line */
    bool whole;                /* a whole number */
} tn_rule_setting;

enum { TN_RULES_MAX = 32, TN_RULE_SETTINGS_MAX = 12 };

/* Every callback gets the values of the rule's settings, in the order of its table. */
typedef struct tn_rule {
    const char *name, *title;    /* the name is that of a symptom in the catalogue */
    tn_signal_severity severity; /* of its signals, unless a signal says less */
    const char *what;            /* what it detects and by which formula, for docs/rules.md */
    const char *blind_spots;
    const tn_rule_setting *settings; /* [setting_count] */
    size_t setting_count;
    const char *needs_what;                    /* "steps", "observed steps", "scores": what `needs` counts */
    uint64_t (*needs)(const double *settings); /* how many it must see before it can say anything */
    size_t state_size;                         /* bytes, zeroed for each run */
    bool (*on_step)(void *state, const double *settings, tn_signal *signal,
                    const tn_step *step); /* false: nothing more is to be learned, end the trial */
    void (*on_tensor)(void *state, const double *settings, tn_signal *signal, const tn_tensor_seen *seen);
    void (*on_score)(void *state, const double *settings, tn_signal *signal, const tn_score_point *point);
    void (*on_data)(void *state, const double *settings, tn_signal *signal, const tn_data_summary *data);
    void (*on_origin)(void *state, const double *settings, tn_signal *signal, const tn_told_origin *origin);
    void (*on_end)(void *state, const double *settings, tn_signal *signal, uint64_t steps);
} tn_rule;

size_t tn_rule_count(void);
const tn_rule *tn_rule_at(size_t index);
size_t tn_rule_index(const char *name); /* tn_rule_count() where there is none */

/* The settings of all rules, by their place in the table. */
typedef struct tn_rule_settings {
    bool silenced[TN_RULES_MAX];
    double values[TN_RULES_MAX][TN_RULE_SETTINGS_MAX];
} tn_rule_settings;

void tn_rule_settings_init(tn_rule_settings *settings); /* the defaults */

/* Sets one: `key` of the rule's table, or "enabled" (0 silences). TN_ERROR_USAGE, naming the nearest, where there is no such rule or key, or the value is out of bounds. */
tn_status tn_rule_settings_set(tn_rule_settings *settings, const char *rule, const char *key, double value, tn_error *error);

/* The same from "NAME.KEY=VALUE"; "true" and "false" are numbers too. */
tn_status tn_rule_settings_assign(tn_rule_settings *settings, const char *assignment, tn_error *error);

/* All rules on one run: give `observer` to the trial's request. `settings` is copied; NULL: the defaults. */
typedef struct tn_rule_set tn_rule_set;
tn_status tn_rule_set_create(const tn_rule_settings *settings, tn_rule_set **set, tn_error *error);
tn_observer tn_rule_set_observer(tn_rule_set *set);
const tn_signal *tn_rule_set_signal(const tn_rule_set *set, const char *rule); /* never NULL for a rule that exists */
void tn_rule_set_destroy(tn_rule_set *set);

#endif

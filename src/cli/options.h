/* options.h: the arguments of every subcommand, by one parser and one table (options.c). */
#ifndef TN_CLI_OPTIONS_H
#define TN_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Which options there are; a command accepts a set of them. */
typedef enum tn_option {
    TN_OPTION_SET = 1 << 0,
    TN_OPTION_SEED = 1 << 1,
    TN_OPTION_THREADS = 1 << 2,
    TN_OPTION_BUDGET = 1 << 3,
    TN_OPTION_STORE = 1 << 4,
    TN_OPTION_JSON = 1 << 5,
    TN_OPTION_QUIET = 1 << 6,
    TN_OPTION_NO_COLOR = 1 << 7,
    TN_OPTION_HELP_ALL = 1 << 8,
    TN_OPTION_MARKDOWN = 1 << 9,
    TN_OPTION_HELP = 1 << 10,
    TN_OPTION_VERSION = 1 << 11,
    TN_OPTION_HYPES = 1 << 12,
    TN_OPTION_DRY_RUN = 1 << 13,
    TN_OPTION_NO_FORK = 1 << 14,
    TN_OPTION_GIT = 1 << 15,
    TN_OPTION_WEIGHTS = 1 << 16,
    TN_OPTION_HTML = 1 << 17,
    TN_OPTION_WATCH = 1 << 18,
    TN_OPTION_WATCH_SHARE = 1 << 19,
    TN_OPTION_RULE = 1 << 20,
    TN_OPTION_EXPERIMENT = 1 << 21,
    TN_OPTION_LAST = 1 << 22,
    TN_OPTION_TENSOR = 1 << 23,
    TN_OPTION_DEBUG_ON_PLATEAU = 1 << 25,
    TN_OPTION_RULES = 1 << 26,
    TN_OPTION_TRIALS = 1 << 27,
    TN_OPTION_RESUME = 1 << 28,
    TN_OPTION_WRITE = 1 << 29,
    TN_OPTION_OUTPUT = 1 << 30,
    TN_OPTION_TWO_OPERANDS = 1 << 24 /* no option: the command takes a second operand */
} tn_option;

/* What a command that trains accepts, beside help. */
#define TN_OPTIONS_OF_A_JOB                                                                                                                \
    (TN_OPTION_SET | TN_OPTION_SEED | TN_OPTION_THREADS | TN_OPTION_BUDGET | TN_OPTION_STORE | TN_OPTION_JSON | TN_OPTION_QUIET |          \
     TN_OPTION_NO_COLOR | TN_OPTION_HYPES | TN_OPTION_NO_FORK | TN_OPTION_RULE)

/* Strings are argv's. */
typedef struct tn_options {
    uint32_t given;           /* of tn_option */
    const char *command;      /* the first word; NULL where there is none */
    const char *operand;      /* the second; NULL where there is none */
    const char *second;       /* the third; for commands of TN_OPTION_TWO_OPERANDS */
    bool is_layer;            /* the operand is the library of a layer, as the command has found */
    const char **assignments; /* [assignment_count] of --set, owned */
    size_t assignment_count;
    const char **rules; /* [rule_count] of --rule, owned */
    size_t rule_count;
    uint64_t seed;
    size_t threads;
    const char *budget, *store;
    const char *watch, *watch_share; /* which steps of a training are observed; NULL where not given */
    size_t trials;                   /* of --trials; 0: not given */
    const char *html;                /* of --html: the page of a run, or of a report */
    const char *output;              /* of --output: where the page of a report goes; "-": stdout */
    const char *experiment;          /* of --experiment: its name */
    size_t last;                     /* of --last; 0: not given */
    const char *tensor;              /* of --tensor: its name */
    const char *weights;             /* of --weights: where the trained weights go */
    const char *fixed;               /* of --write: where the fixed hypes go */
    const char *git;                 /* of --git: the range of commits to bisect */
    const char *hypes;               /* of --hypes: the JSON that an attached program reads */
    const char *const *program;      /* what stands behind "--", NULL-terminated as argv is: a command to attach to; NULL without "--" */
} tn_options;

/* false: `message` [size] says what is wrong, for a person. tn_options_deinit in any case. */
bool tn_options_parse(int argc, char *const *argv, tn_options *options, char *message, size_t size);
void tn_options_deinit(tn_options *options);

/* The name of the first given option that is not in `accepted`, or NULL. */
const char *tn_options_refused(const tn_options *options, uint32_t accepted);

/* One line for each option in `accepted`. */
void tn_options_print(FILE *file, uint32_t accepted);

#endif

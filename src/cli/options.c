/* options.c: see options.h. One pass over argv; options and words may be mixed. "--" ends the options and begins a command to attach to. */
#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tenet.h"

typedef struct option_row {
    tn_option option;
    const char *name;
    char letter;       /* 0: none */
    const char *value; /* what stands for its value in help; NULL: it takes none */
    const char *help;
} option_row;

static const option_row ROWS[] = {
    {TN_OPTION_SET, "--set", 0, "PATH=VALUE", "change a value of the hypes, as in solver.learning_rate=0.01; may be repeated"},
    {TN_OPTION_RULE, "--rule", 0, "NAME.KEY=VALUE", "change a threshold of a rule, as in plateau.steps=5000; may be repeated"},
    {TN_OPTION_DEBUG_ON_PLATEAU, "--debug-on-plateau", 0, NULL,
     "where learning has not begun in time, end the training and debug it at once"},
    {TN_OPTION_RULES, "--rules", 0, NULL, "the rules in place of the causes: what each detects, and its thresholds"},
    {TN_OPTION_SEED, "--seed", 0, "N", "seed of weights and batches, in place of solver.seed"},
    {TN_OPTION_THREADS, "--threads", 0, "N", "processors to use; all where not given"},
    {TN_OPTION_BUDGET, "--budget", 0, "B", "stop after so much work: 60s or 5000steps"},
    {TN_OPTION_TRIALS, "--trials", 0, "N", "how many trials; 50 where not given"},
    {TN_OPTION_STORE, "--store", 0, "PATH", "keep runs and reports in this SQLite file"},
    {TN_OPTION_WEIGHTS, "--weights", 0, "FILE", "write the trained weights to this safetensors file"},
    {TN_OPTION_WATCH, "--watch", 0, "STEPS",
     "which steps are observed, tensor by tensor: all, auto or off; trace: of a program each function too"},
    {TN_OPTION_WATCH_SHARE, "--watch-share", 0, "P", "of the step time, what auto may take; 5% where not given"},
    {TN_OPTION_HYPES, "--hypes", 0, "FILE", "the JSON file of hyper-parameters that the program behind '--' reads"},
    {TN_OPTION_NO_FORK, "--no-fork", 0, NULL, "start the program behind '--' anew for each trial, in place of forking it"},
    {TN_OPTION_DRY_RUN, "--dry-run", 0, NULL, "list the trials that would be run, and about how long they take"},
    {TN_OPTION_RESUME, "--resume", 0, NULL, "go on with what the store holds: finished trials are not run again"},
    {TN_OPTION_WRITE, "--write", 0, "FILE", "write the hypes with all that repaired them, after debugging these as well"},
    {TN_OPTION_HTML, "--html", 0, "FILE", "write a page of pictures (of train: anew every few seconds); open it in a browser"},
    {TN_OPTION_OUTPUT, "--output", 0, "FILE", "where the page goes, in place of tenet-report.html; - is stdout"},
    {TN_OPTION_GIT, "--git", 0, "GOOD..BAD", "the commits between which the training broke; BAD is HEAD where it is left out"},
    {TN_OPTION_EXPERIMENT, "--experiment", 0, "NAME", "runs of this experiment alone, as in lr_boundary or train"},
    {TN_OPTION_LAST, "--last", 0, "N", "the newest N runs alone"},
    {TN_OPTION_TENSOR, "--tensor", 0, "NAME", "the values of one tensor over time, as in dense_1.weight.gradient"},
    {TN_OPTION_JSON, "--json", 0, NULL, "print one JSON document (tenet.report/1) instead of text"},
    {TN_OPTION_QUIET, "--quiet", 'q', NULL, "tell no progress"},
    {TN_OPTION_NO_COLOR, "--no-color", 0, NULL, "no colours on a terminal (as the variable NO_COLOR does)"},
    {TN_OPTION_HELP_ALL, "--help-all", 0, NULL, "document every key of the hypes"},
    {TN_OPTION_MARKDOWN, "--markdown", 0, NULL, "print documentation as Markdown"},
    {TN_OPTION_HELP, "--help", 'h', NULL, "print this"},
    {TN_OPTION_VERSION, "--version", 'V', NULL, "print the version"},
};

enum { ROW_COUNT = sizeof ROWS / sizeof *ROWS, SHOWN_MAX = 60 };

static const option_row *find_long(const char *name, size_t length)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strlen(ROWS[i].name) == length && strncmp(ROWS[i].name, name, length) == 0)
            return &ROWS[i];
    return NULL;
}

static const option_row *find_short(char letter)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (ROWS[i].letter == letter)
            return &ROWS[i];
    return NULL;
}

static bool fail_unknown(const char *argument, size_t length, char *message, size_t size)
{
    const char *names[ROW_COUNT];
    char word[SHOWN_MAX + 1];
    for (size_t i = 0; i < ROW_COUNT; i++)
        names[i] = ROWS[i].name;
    length = length < SHOWN_MAX ? length : SHOWN_MAX;
    memcpy(word, argument, length);
    word[length] = '\0';
    const char *nearest = tn_nearest_name(word, names, ROW_COUNT);
    snprintf(message, size, "unknown option %s%s%s%s", word, nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
    return false;
}

static bool read_whole(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    if (!*text || strspn(text, "0123456789") != strlen(text))
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, NULL, 10);
    *value = number;
    return errno == 0 && number >= least && number <= most;
}

/* `or_else` ends the message: what else is expected. */
static bool is_path(const char *option, const char *value, const char *or_else, char *message, size_t size)
{
    if (!*value)
        snprintf(message, size, "%s is empty; expected the path of a file%s", option, or_else);
    return *value;
}

/* Seeds are JSON integers, so at most 2^63 - 1. */
static bool take(tn_options *options, const option_row *row, const char *value, char *message, size_t size)
{
    uint64_t number = 0;
    options->given |= (uint32_t)row->option;
    if (!value) /* it takes none */
        return true;
    switch (row->option) {
    case TN_OPTION_SET:
        options->assignments[options->assignment_count++] = value;
        return true;
    case TN_OPTION_RULE:
        options->rules[options->rule_count++] = value;
        return true;
    case TN_OPTION_SEED:
        if (!read_whole(value, 0, INT64_MAX, &number)) {
            snprintf(message, size, "--seed is '%.*s'; expected a whole number from 0 to 9223372036854775807", SHOWN_MAX, value);
            return false;
        }
        options->seed = number;
        return true;
    case TN_OPTION_THREADS:
        if (!read_whole(value, 1, 1024, &number)) {
            snprintf(message, size, "--threads is '%.*s'; expected a whole number from 1 to 1024", SHOWN_MAX, value);
            return false;
        }
        options->threads = (size_t)number;
        return true;
    case TN_OPTION_TRIALS:
        if (!read_whole(value, 1, 1000000, &number)) {
            snprintf(message, size, "--trials is '%.*s'; expected a whole number from 1 to 1000000", SHOWN_MAX, value);
            return false;
        }
        options->trials = (size_t)number;
        return true;
    case TN_OPTION_BUDGET:
        options->budget = value;
        return true;
    case TN_OPTION_STORE:
        options->store = value;
        return is_path(row->name, value, "", message, size);
    case TN_OPTION_HTML:
        options->html = value;
        return is_path(row->name, value, "", message, size);
    case TN_OPTION_WRITE:
        options->fixed = value;
        return is_path(row->name, value, "", message, size);
    case TN_OPTION_OUTPUT:
        options->output = value;
        return is_path(row->name, value, ", or - for stdout", message, size);
    case TN_OPTION_LAST:
        if (!read_whole(value, 1, 1000000, &number)) {
            snprintf(message, size, "--last is '%.*s'; expected a whole number from 1 to 1000000", SHOWN_MAX, value);
            return false;
        }
        options->last = (size_t)number;
        return true;
    case TN_OPTION_EXPERIMENT:
        options->experiment = value;
        return true;
    case TN_OPTION_TENSOR:
        options->tensor = value;
        return true;
    case TN_OPTION_WEIGHTS:
        options->weights = value;
        return true;
    case TN_OPTION_WATCH:
        options->watch = value;
        return true;
    case TN_OPTION_WATCH_SHARE:
        options->watch_share = value;
        return true;
    case TN_OPTION_GIT:
        options->git = value;
        return true;
    case TN_OPTION_HYPES:
        options->hypes = value;
        return true;
    default:
        return true;
    }
}

static bool parse_option(int argc, char *const *argv, int *at, tn_options *options, char *message, size_t size)
{
    const char *argument = argv[*at], *equals = strchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument) : strlen(argument);
    const option_row *row = argument[1] == '-' ? find_long(argument, length) : argument[2] == '\0' ? find_short(argument[1]) : NULL;
    if (!row)
        return fail_unknown(argument, length, message, size);
    if (!row->value && equals && argument[1] == '-') {
        snprintf(message, size, "%s takes no value", row->name);
        return false;
    }
    const char *value = NULL;
    if (row->value) {
        value = equals ? equals + 1 : *at + 1 < argc ? argv[++*at] : NULL;
        if (!value || (!equals && strcmp(value, "--") == 0)) {
            snprintf(message, size, "%s needs a value: %s %s", row->name, row->name, row->value);
            return false;
        }
    }
    return take(options, row, value, message, size);
}

bool tn_options_parse(int argc, char *const *argv, tn_options *options, char *message, size_t size)
{
    *options = (tn_options){0};
    options->assignments = calloc((size_t)(argc > 0 ? argc : 1), sizeof *options->assignments);
    options->rules = calloc((size_t)(argc > 0 ? argc : 1), sizeof *options->rules);
    if (!options->assignments || !options->rules) {
        snprintf(message, size, "memory is out");
        return false;
    }
    for (int at = 1; at < argc; at++) {
        const char *argument = argv[at];
        if (strcmp(argument, "--") == 0) {
            options->program = (const char *const *)argv + at + 1;
            return true;
        }
        if (argument[0] == '-' && argument[1] != '\0') {
            if (!parse_option(argc, argv, &at, options, message, size))
                return false;
        } else if (!options->command) {
            options->command = argument;
        } else if (!options->operand) {
            options->operand = argument;
        } else if (!options->second) {
            options->second = argument;
        } else {
            snprintf(message, size, "unexpected argument '%.*s' after '%.*s'", SHOWN_MAX, argument, SHOWN_MAX, options->second);
            return false;
        }
    }
    return true;
}

void tn_options_deinit(tn_options *options)
{
    free(options->assignments);
    free(options->rules);
    *options = (tn_options){0};
}

const char *tn_options_refused(const tn_options *options, uint32_t accepted)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (options->given & (uint32_t)ROWS[i].option & ~accepted)
            return ROWS[i].name;
    return NULL;
}

void tn_options_print(FILE *file, uint32_t accepted)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const option_row *row = &ROWS[i];
        char left[40];
        if (!((uint32_t)row->option & accepted))
            continue;
        snprintf(left, sizeof left, "%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
        if (row->letter)
            snprintf(left, sizeof left, "%s, -%c", row->name, row->letter);
        fprintf(file, "  %-18s %s\n", left, row->help);
    }
}

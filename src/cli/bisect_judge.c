/* bisect_judge.c: see bisect_judge.h. The program runs as a child of its own, so that what one commit does to it, it cannot do to the next. */
#include "cli/bisect_judge.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NUMBER_SIZE = 32, STORE_SIZE = 4096, WORDS_BEFORE = 24 };

const char *tn_judged_name(tn_judged judged)
{
    static const char *const NAMES[] = {"good", "bad", "unclear", "unusable"};
    return NAMES[judged];
}

void tn_judgement_deinit(tn_judgement *judgement)
{
    json_decref(judgement->document);
    *judgement = (tn_judgement){0};
}

/* A path that is a person's, seen from the folder where tenet was called. */
static const char *absolute(const char *path, char *text, size_t size)
{
    char here[STORE_SIZE];
    if (path[0] == '/' || strstr(path, "://") || !getcwd(here, sizeof here) || (size_t)snprintf(text, size, "%s/%s", here, path) >= size)
        return path;
    return text;
}

static size_t program_length(const tn_options *options)
{
    size_t count = 0;
    while (options->program && options->program[count])
        count++;
    return count;
}

/* Put into words what the program was asked; `seed`, `threads` and `store` keep the text of theirs. NULL: memory is out. */
static const char **make_arguments(const tn_options *options, char seed[NUMBER_SIZE], char threads[NUMBER_SIZE], char store[STORE_SIZE])
{
    size_t program_words = program_length(options), count = 0;
    const char **words = calloc(WORDS_BEFORE + 2 * options->assignment_count + program_words, sizeof *words);
    if (!words)
        return NULL;
    words[count++] = "/proc/self/exe";
    words[count++] = "debug";
    words[count++] = "--json";
    words[count++] = "--quiet";
    if (options->given & TN_OPTION_NO_FORK)
        words[count++] = "--no-fork";
    for (size_t i = 0; i < options->assignment_count; i++) {
        words[count++] = "--set";
        words[count++] = options->assignments[i];
    }
    if (options->given & TN_OPTION_SEED) {
        snprintf(seed, NUMBER_SIZE, "%llu", (unsigned long long)options->seed);
        words[count++] = "--seed";
        words[count++] = seed;
    }
    if (options->given & TN_OPTION_THREADS) {
        snprintf(threads, NUMBER_SIZE, "%zu", options->threads);
        words[count++] = "--threads";
        words[count++] = threads;
    }
    const struct {
        const char *name, *value;
    } others[] = {{"--budget", options->budget},
                  {"--store", options->store ? absolute(options->store, store, STORE_SIZE) : NULL},
                  {"--hypes", options->hypes}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!others[i].value)
            continue;
        words[count++] = others[i].name;
        words[count++] = others[i].value;
    }
    if (options->operand)
        words[count++] = options->operand;
    if (options->program)
        words[count++] = "--";
    for (size_t i = 0; i < program_words; i++)
        words[count++] = options->program[i];
    return words;
}

/* The first line that was written to stderr, which says why a debug could not run. */
static void tell_failure(const tn_child_output *output, char *text, size_t size)
{
    const char *line = output->err;
    size_t length = strcspn(line, "\n");
    if (length == 0) {
        snprintf(text, size, "the debug ended with exit code %d and said nothing", output->exit_code);
        return;
    }
    length = length < size ? length : size - 1;
    for (size_t i = 0; i < length; i++)
        text[i] = iscntrl((unsigned char)line[i]) ? ' ' : line[i];
    text[length] = '\0';
}

/* "solver.learning_rate=0.01 ..." of a fix, or its text where it has no patch. */
static void tell_fix(const json_t *fix, char *text, size_t size)
{
    const char *key;
    json_t *value;
    size_t used = 0;
    const json_t *patch = json_object_get(fix, "patch");
    text[0] = '\0';
    json_object_foreach((json_t *)(size_t)patch, key, value)
    {
        char *shown = json_is_string(value) ? strdup(json_string_value(value))
                                            : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
        int wrote = shown && used < size ? snprintf(text + used, size - used, "%s%s=%s", used > 0 ? " " : "", key, shown) : 0;
        free(shown);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    const char *words = json_string_value(json_object_get(fix, "text"));
    if (used == 0 && words)
        snprintf(text, size, "%s", words);
}

static void tell_verdict(const json_t *document, const char *verdict, char *text, size_t size)
{
    char fix[256], place[128] = "";
    const json_t *score = json_object_get(document, "score"), *finding = json_array_get(json_object_get(document, "findings"), 0);
    const char *cause = json_string_value(json_object_get(finding, "cause")),
               *reason = json_string_value(json_object_get(document, "reason"));
    if (!cause) {
        if (json_is_number(score))
            snprintf(text, size, "%s, score %.2f%s%s", verdict, json_number_value(score), reason ? ": " : "", reason ? reason : "");
        else
            snprintf(text, size, "%s%s%s", verdict, reason ? ": " : "", reason ? reason : "");
        return;
    }
    const json_t *where = json_object_get(finding, "where");
    const char *file = json_string_value(json_object_get(where, "file"));
    if (file)
        snprintf(place, sizeof place, " at %s:%lld", file, (long long)json_integer_value(json_object_get(where, "line")));
    tell_fix(json_object_get(finding, "fix"), fix, sizeof fix);
    bool confirmed = json_is_true(json_object_get(finding, "confirmed"));
    snprintf(text, size, "%s: %s%s%s%s%s%s", verdict, confirmed ? "" : "suspected ", cause, place, fix[0] ? " (repaired by " : "", fix,
             fix[0] ? ")" : "");
}

static void read_report(const tn_child_output *output, tn_judgement *judgement)
{
    judgement->judged = TN_JUDGED_UNUSABLE;
    json_t *document = output->out_size > 0 ? json_loadb(output->out, output->out_size, 0, NULL) : NULL;
    const char *verdict = json_string_value(json_object_get(document, "verdict"));
    if (!verdict) {
        tell_failure(output, judgement->text, sizeof judgement->text);
        json_decref(document);
        return;
    }
    judgement->document = document;
    judgement->judged = strcmp(verdict, "healthy") == 0  ? TN_JUDGED_GOOD
                        : strcmp(verdict, "faulty") == 0 ? TN_JUDGED_BAD
                                                         : TN_JUDGED_UNCLEAR;
    tell_verdict(document, verdict, judgement->text, sizeof judgement->text);
}

tn_status tn_bisect_judge(const tn_options *options, const char *folder, tn_signal_watch *watch, tn_judgement *judgement, tn_error *error)
{
    char seed[NUMBER_SIZE], threads[NUMBER_SIZE], store[STORE_SIZE];
    tn_child_output output = {0};
    *judgement = (tn_judgement){.judged = TN_JUDGED_UNUSABLE};
    if (access(folder, X_OK) != 0) {
        snprintf(judgement->text, sizeof judgement->text, "the folder in which to run is not in this commit");
        return TN_OK;
    }
    const char **arguments = make_arguments(options, seed, threads, store);
    if (!arguments)
        return tn_complain(error, TN_ERROR_MEMORY, "memory is out before a debug");
    tn_status status = tn_child_run(arguments, folder, true, watch, &output, error);
    free(arguments);
    if (status == TN_OK)
        read_report(&output, judgement);
    tn_child_output_deinit(&output);
    return status;
}

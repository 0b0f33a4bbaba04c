/* report_json.c: a report as the document that it is, and the exit code that goes with it; see report.h. */
#include <stdint.h>
#include <string.h>

#include "report/report.h"
#include "report/text_parts.h"

/* Digits of a number in a brief document: enough for every rate and score that a person would write. */
enum { BRIEF_DIGITS = 8 };

static int take_bytes(const char *bytes, size_t size, void *context)
{
    tn_text *text = context;
    tn_text_add_bytes(text, bytes, size);
    return text->failed ? -1 : 0;
}

char *tn_json_write(const json_t *value, size_t flags)
{
    tn_text text;
    tn_text_init(&text);
    if (json_dump_callback(value, take_bytes, &text, flags) != 0)
        text.failed = true;
    return tn_text_take(&text);
}

char *tn_report_json(const json_t *report)
{
    /* 15 digits print a number such as 0.01 as it was written. */
    return tn_json_write(report, JSON_COMPACT | JSON_REAL_PRECISION(15));
}

/* A copy of `object` without `keys`, which end in NULL, its values shared. A new reference; NULL where memory is out. */
static json_t *without(const json_t *object, const char *const *keys)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)object);
    /* jansson leaves out what it had no memory for. */
    if (json_object_size(copy) != json_object_size(object)) {
        json_decref(copy);
        return NULL;
    }
    for (size_t i = 0; copy && keys[i]; i++)
        json_object_del(copy, keys[i]);
    return copy;
}

/* The list of `object` at `key` anew, without `keys` in each of its objects. */
static bool thin_list(json_t *object, const char *key, const char *const *keys)
{
    const json_t *list = json_object_get(object, key), *entry;
    size_t i;
    if (!json_is_array(list))
        return true;
    json_t *thinned = json_array();
    if (!thinned)
        return false;
    json_array_foreach(list, i, entry)
    {
        json_t *copy = json_is_object(entry) ? without(entry, keys) : json_incref((json_t *)(uintptr_t)entry);
        if (json_array_append_new(thinned, copy) != 0)
            break;
    }
    bool whole = json_array_size(thinned) == json_array_size(list);
    return json_object_set_new(object, key, thinned) == 0 && whole;
}

/* Trials without their curves, samples without what they look like. */
static json_t *thin_experiment(const json_t *experiment)
{
    static const char *const none[] = {NULL}, *const curve[] = {"curve", NULL}, *const looks[] = {"picture", NULL};
    json_t *thin = without(experiment, none), *result = without(json_object_get(experiment, "result"), none);
    bool whole = thin && thin_list(thin, "trials", curve) && (result || !json_object_get(experiment, "result"));
    if (result) {
        whole = whole && thin_list(result, "shown", looks) && thin_list(result, "suspects", looks) &&
                json_object_set(thin, "result", result) == 0;
        json_decref(result);
    }
    if (whole)
        return thin;
    json_decref(thin);
    return NULL;
}

static bool put_experiments(json_t *brief, const json_t *experiments)
{
    json_t *list = json_array();
    size_t i;
    const json_t *experiment;
    bool whole = list != NULL;
    json_array_foreach(experiments, i, experiment) whole = whole && json_array_append_new(list, thin_experiment(experiment)) == 0;
    return json_object_set_new(brief, "experiments", list) == 0 && whole;
}

char *tn_report_brief_json(const json_t *report)
{
    static const char *const first[] = {"schema", "verdict", "reason",  "spent", "score",     "findings", "advice",
                                        "chain",  "fixed",   "written", "cost",  "ruled_out", "plan"};
    json_t *brief = json_object();
    bool whole = brief != NULL;
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        json_t *value = json_object_get(report, first[i]);
        whole = whole && (!value || json_object_set(brief, first[i], value) == 0);
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)report, key, value)
    {
        if (strcmp(key, "look") == 0 || json_object_get(brief, key))
            continue;
        whole = whole && (strcmp(key, "experiments") == 0 ? put_experiments(brief, value) : json_object_set(brief, key, value) == 0);
    }
    char *text = whole ? tn_json_write(brief, JSON_COMPACT | JSON_REAL_PRECISION(BRIEF_DIGITS)) : NULL;
    json_decref(brief);
    return text;
}

int tn_report_exit_code(const json_t *report)
{
    /* A program that was trained as it is answers as it would without us. */
    const json_t *exit_code = json_object_get(json_object_get(report, "run"), "exit_code");
    if (exit_code)
        return (int)json_integer_value(exit_code);
    const char *verdict = json_string_value(json_object_get(report, "verdict"));
    size_t index;
    const json_t *finding;
    json_array_foreach(json_object_get(report, "findings"), index,
                       finding) if (json_is_true(json_object_get(finding, "confirmed"))) return 1;
    if (json_array_size(json_object_get(report, "findings")) > 0)
        return 4;
    /* A single experiment answers for itself alone: its pass is a success, though no proof of health. */
    const json_t *experiments = json_object_get(report, "experiments");
    if (json_array_size(experiments) == 1)
        verdict = json_string_value(json_object_get(json_array_get(experiments, 0), "verdict"));
    if (verdict && (strcmp(verdict, "healthy") == 0 || strcmp(verdict, "planned") == 0 || strcmp(verdict, "pass") == 0))
        return 0;
    const char *end = json_string_value(json_object_get(json_object_get(report, "run"), "end"));
    if (verdict && strcmp(verdict, "trained") == 0 && end && strcmp(end, "completed") == 0)
        return 0;
    return 4;
}

/* source_place.c: see source_place.h. */
#include "experiments/source_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/fixes/net_reader.h"

/* Beginnings of paths and the place that tells of them; the first that fits counts. */
static const struct {
    const char *prefix, *place;
} PLACES[] = {
    {"loss", "loss"},           {"data.label", "loss"},  {"solver.batch_size", "loader"}, {"solver.shuffle", "loader"},
    {"data.samples", "loader"}, {"solver", "optimizer"},
};

static const json_t *first_node(const json_t *places)
{
    return json_array_get(json_object_get(places, "net"), 0);
}

const json_t *tn_source_place(const json_t *places, const char *path)
{
    const json_t *found = NULL;
    if (strncmp(path, "net.", 4) == 0) {
        const json_t *nodes = json_object_get(places, "net");
        size_t index = strtoul(path + 4, NULL, 10);
        /* What is put behind the last node stands before the loss. */
        found = index < json_array_size(nodes) ? json_array_get(nodes, index) : json_object_get(places, "loss");
    } else if (strncmp(path, "program.", 8) == 0) {
        found = json_object_get(json_object_get(places, "program"), path + 8);
    } else if (strncmp(path, "data.input", 10) == 0 || strncmp(path, "init", 4) == 0 || strncmp(path, "bias_init", 9) == 0) {
        found = first_node(places);
    }
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES && !found; i++)
        if (strncmp(path, PLACES[i].prefix, strlen(PLACES[i].prefix)) == 0) {
            found = json_object_get(places, PLACES[i].place);
            break;
        }
    return json_is_string(json_object_get(found, "file")) ? found : NULL;
}

static void put(tn_investigation *investigation, json_t *object, const char *key, json_t *value)
{
    if (value)
        tn_json_set(investigation, object, key, json_incref(value));
}

void tn_source_put(tn_investigation *investigation, json_t *object, const json_t *place)
{
    put(investigation, object, "file", json_object_get(place, "file"));
    put(investigation, object, "line", json_object_get(place, "line"));
}

/* What a scale asks of a line, by its path and its value. */
static const struct {
    const char *path, *value, *words;
} SCALES[] = {
    {"data.input.scale", "standardize",
     "standardise what goes in here: (x - mean) / standard deviation of each feature, over the training samples"},
    {"data.input.scale", "minmax", "bring what goes in here to 0 to 1: (x - min) / (max - min) of each feature, over the training samples"},
    {"data.label.scale", "standardize", "standardise the targets first: (y - mean) / standard deviation, over the training samples"},
    {"data.label.scale", "minmax", "bring the targets to 0 to 1 first: (y - min) / (max - min), over the training samples"},
};

static const char *words_of_scale(const char *path, const json_t *value)
{
    const char *wanted = json_string_value(value);
    for (size_t i = 0; wanted && i < sizeof SCALES / sizeof *SCALES; i++)
        if (strcmp(path, SCALES[i].path) == 0 && strcmp(wanted, SCALES[i].value) == 0)
            return SCALES[i].words;
    return NULL;
}

/* What stands at a node's path, "this" where nothing is known of it: a line may make several layers. */
static const char *op_at(const tn_investigation *investigation, const char *path)
{
    bool is_node = investigation->hypes && strncmp(path, "net.", 4) == 0;
    const char *op = is_node ? tn_net_op(investigation->hypes, strtoul(path + 4, NULL, 10)) : NULL;
    return op && *op ? op : "this";
}

/* "learning_rate: 0.01". */
static void describe_value(char *text, size_t size, const char *key, const json_t *value)
{
    if (json_is_string(value))
        snprintf(text, size, "%s: %s", key, json_string_value(value));
    else if (json_is_number(value))
        snprintf(text, size, "%s: %.6g", key, json_number_value(value));
    else
        snprintf(text, size, "%s: %s", key, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "as in the patch");
}

/* "relu in place of tanh", "leave out: softmax": what a patch's value asks of the line. */
static void describe(char *text, size_t size, const tn_investigation *investigation, const char *path, const json_t *value)
{
    const char *op = json_string_value(json_object_get(value, "op")), *scheme = json_string_value(json_object_get(value, "scheme"));
    const json_t *inserted = json_object_get(value, "$insert");
    const char *inserted_op = json_string_value(json_object_get(inserted, "op")), *scale = words_of_scale(path, value);
    const char *key = strrchr(path, '.');
    key = key ? key + 1 : path;
    if (scale)
        snprintf(text, size, "%s", scale);
    else if (json_is_true(json_object_get(value, "$remove")))
        snprintf(text, size, "leave out: %s", op_at(investigation, path));
    else if (inserted)
        snprintf(text, size, "put %s before this", inserted_op ? inserted_op : "a layer");
    else if (op)
        snprintf(text, size, "%s in place of %s", op, op_at(investigation, path));
    else if (scheme)
        snprintf(text, size, "initial %s by %s", strcmp(key, "bias_init") == 0 ? "biases" : "weights", scheme);
    else
        describe_value(text, size, key, value);
}

/* Paths of a patch and the knobs that they are. */
static const struct {
    const char *path, *knob;
} KNOBS[] = {
    {"solver.learning_rate", "learning_rate"},
    {"solver.batch_size", "batch_size"},
    {"solver.clip_norm", "clip_norm"},
    {"solver.opt", "optimizer"},
    {"data.input.scale", "input_scale"},
    {"data.label.scale", "label_scale"},
    {"init.scale", "init_scale"},
    {"solver.steps", "steps"},
};

/* The key of the program's own hypes that stands for a path; NULL where none does. */
static const char *key_of(const tn_subject_facts *facts, const char *path)
{
    for (size_t i = 0; i < sizeof KNOBS / sizeof *KNOBS; i++)
        if (strcmp(KNOBS[i].path, path) == 0)
            return json_string_value(json_object_get(facts->knob_paths, KNOBS[i].knob));
    return NULL;
}

/* A line in a loop makes many layers, and asks for its change once. */
static bool is_listed(const json_t *lines, const json_t *entry)
{
    size_t i;
    const json_t *line;
    json_array_foreach(lines, i, line) if (json_equal(line, entry)) return true;
    return false;
}

json_t *tn_source_lines(tn_investigation *investigation, const json_t *patch)
{
    json_t *lines = tn_json_checked(investigation, json_array());
    const char *path;
    const json_t *value;
    json_object_foreach((json_t *)(uintptr_t)patch, path, value)
    {
        char change[160];
        json_t *entry = tn_json_checked(investigation, json_object());
        const char *key = key_of(investigation->facts, path);
        const json_t *place = key ? NULL : tn_source_place(investigation->facts->places, path);
        if (key)
            tn_json_set(investigation, entry, "file", json_string(investigation->facts->hypes_file));
        tn_source_put(investigation, entry, place);
        put(investigation, entry, "was", json_object_get(place, "text"));
        const char *told = key ? NULL : json_string_value(json_object_get(place, "change"));
        if (key)
            describe_value(change, sizeof change, key, value);
        else
            describe(change, sizeof change, investigation, path, value);
        tn_json_set(investigation, entry, "change", json_string(told ? told : change));
        if (is_listed(lines, entry))
            json_decref(entry);
        else
            tn_json_append(investigation, lines, entry);
    }
    return lines;
}

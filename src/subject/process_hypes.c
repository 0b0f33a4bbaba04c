/* process_hypes.c: the JSON file of hyper-parameters that a program reads, patched for each trial.
 *
 * The file is the program's: any keys. What tenet looks at is one key at its root, which tells what each of tenet's knobs is called in it:
 *
 *     { "optim": {"lr": 0.1}, "train": {"steps": 500}, "knobs": {"learning_rate": "optim.lr", "steps": "train.steps"} }
 *
 * A path that leads nowhere is a mistake, since a program would not notice a key that it does not read. The user's file is never written. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "subject/process_parts.h"

typedef enum knob_form { FORM_REAL, FORM_WHOLE, FORM_TRUE, FORM_TEXT } knob_form;

typedef struct mapped_knob {
    tn_knob knob;
    knob_form form;
} mapped_knob;

static const mapped_knob KNOBS[] = {
    {TN_KNOB_STEPS, FORM_WHOLE},      {TN_KNOB_SEED, FORM_WHOLE},       {TN_KNOB_LEARNING_RATE, FORM_REAL},
    {TN_KNOB_BATCH_SIZE, FORM_WHOLE}, {TN_KNOB_SAMPLES, FORM_WHOLE},    {TN_KNOB_SHUFFLE_LABELS, FORM_TRUE},
    {TN_KNOB_INPUT_SCALE, FORM_TEXT}, {TN_KNOB_LABEL_SCALE, FORM_TEXT}, {TN_KNOB_INIT_SCALE, FORM_REAL},
    {TN_KNOB_CLIP_NORM, FORM_REAL},   {TN_KNOB_OPTIMIZER, FORM_TEXT},
};
enum { KNOB_COUNT = sizeof KNOBS / sizeof *KNOBS };

static const char PREFIX[] = "hypes.";

static const mapped_knob *find_knob(const char *name)
{
    uint32_t knob = tn_knob_by_name(name);
    for (size_t i = 0; i < KNOB_COUNT; i++) {
        if ((uint32_t)KNOBS[i].knob == knob)
            return &KNOBS[i];
    }
    return NULL;
}

/* Whether a value can be replaced by the knob's. null stands for a value that the program chooses. */
static bool fits(const json_t *value, knob_form form)
{
    switch (form) {
    case FORM_REAL:
    case FORM_WHOLE:
        return json_is_number(value) || json_is_null(value);
    case FORM_TRUE:
        return json_is_boolean(value);
    case FORM_TEXT:
        return json_is_string(value) || json_is_null(value);
    }
    return false;
}

static const char *form_name(knob_form form)
{
    static const char *const NAMES[] = {"a number", "a number", "true or false", "a string"};
    return NAMES[form];
}

static tn_status check_mapping(const tn_hypes *hypes, const char *name, const json_t *path, uint32_t *knobs, tn_error *error)
{
    char at[160];
    snprintf(at, sizeof at, "knobs.%.120s", name);
    const mapped_knob *knob = find_knob(name);
    if (!knob) {
        const char *names[KNOB_COUNT];
        for (size_t i = 0; i < KNOB_COUNT; i++)
            names[i] = tn_knob_name(KNOBS[i].knob);
        const char *nearest = tn_nearest_name(name, names, KNOB_COUNT);
        return tn_hypes_fail(hypes, "knobs", error,
                             "\"%.60s\" is no knob that a file can take%s%s%s; there are steps, seed, learning_rate, batch_size, samples, "
                             "shuffle_labels, input_scale, label_scale, init_scale, clip_norm and optimizer",
                             name, nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    }
    if (!json_is_string(path))
        return tn_hypes_fail(hypes, at, error, "expected the path of a key of this file, such as \"optim.lr\"");
    const json_t *value = tn_hypes_value(hypes, json_string_value(path));
    if (!value)
        return tn_hypes_fail(hypes, at, error,
                             "the path \"%.100s\" leads to nothing in this file; write the key with the value that the program uses",
                             json_string_value(path));
    if (!fits(value, knob->form))
        return tn_hypes_fail(hypes, json_string_value(path), error, "this is to be the knob %s, so expected %s", name,
                             form_name(knob->form));
    *knobs |= (uint32_t)knob->knob;
    return TN_OK;
}

/* The file with the patch that holds for all trials, its mapping checked. */
static tn_status load(const tn_process_settings *settings, tn_hypes **hypes, uint32_t *knobs, tn_error *error)
{
    *knobs = 0;
    tn_hypes *file = NULL;
    tn_status status = tn_hypes_load_free(settings->hypes_path, &file, error);
    if (status == TN_OK)
        status = tn_hypes_patch(file, settings->hypes_patch, hypes, error);
    tn_hypes_destroy(file);
    if (status != TN_OK)
        return status;
    const json_t *mapping = tn_hypes_value(*hypes, "knobs");
    if (mapping && !json_is_object(mapping))
        status = tn_hypes_fail(*hypes, "knobs", error, "expected an object such as {\"learning_rate\": \"optim.lr\"}");
    const char *name;
    json_t *path;
    json_object_foreach((json_t *)mapping, name, path)
    {
        if (status == TN_OK)
            status = check_mapping(*hypes, name, path, knobs, error);
    }
    if (status != TN_OK) {
        tn_hypes_destroy(*hypes);
        *hypes = NULL;
    }
    return status;
}

tn_status tn_process_hypes_knobs(const tn_process_settings *settings, uint32_t *knobs, json_t **mapping, tn_error *error)
{
    *knobs = 0;
    *mapping = NULL;
    if (!settings->hypes_path)
        return TN_OK;
    tn_hypes *hypes = NULL;
    tn_status status = load(settings, &hypes, knobs, error);
    if (status == TN_OK && *knobs) {
        *mapping = json_deep_copy(tn_hypes_value(hypes, "knobs"));
        if (!*mapping)
            status = tn_fail_memory(error, 64);
    }
    tn_hypes_destroy(hypes);
    return status;
}

/* The values of the knobs that the file takes, as a patch of it. NULL where memory is out. */
static json_t *knob_patch(const tn_hypes *hypes, const tn_knobs *knobs, uint32_t *written)
{
    json_t *patch = json_object();
    const char *name;
    json_t *path;
    bool failed = !patch;
    json_object_foreach((json_t *)tn_hypes_value(hypes, "knobs"), name, path)
    {
        const mapped_knob *knob = find_knob(name);
        if (!knob || !(knobs->set & (uint32_t)knob->knob))
            continue;
        json_t *value = knob->knob == TN_KNOB_SEED ? json_integer((json_int_t)(knobs->seed & INT64_MAX)) : tn_knob_value(knobs, knob->knob);
        failed |= json_object_set_new(patch, json_string_value(path), value) != 0;
        *written |= (uint32_t)knob->knob;
    }
    if (failed) {
        json_decref(patch);
        return NULL;
    }
    return patch;
}

/* Parts a trial's patch into the file's paths and the program's. */
static tn_status part_patch(const json_t *patch, json_t **of_file, json_t **of_program, tn_error *error)
{
    const char *path;
    json_t *value;
    *of_file = json_object();
    *of_program = json_object();
    bool failed = !*of_file || !*of_program;
    json_object_foreach((json_t *)patch, path, value)
    {
        bool in_file = strncmp(path, PREFIX, sizeof PREFIX - 1) == 0;
        /* Copies: trials that run side by side may share a patch, and references are not counted for threads. */
        failed |=
            json_object_set_new(in_file ? *of_file : *of_program, path + (in_file ? sizeof PREFIX - 1 : 0), json_deep_copy(value)) != 0;
    }
    return failed ? tn_fail_memory(error, 64) : TN_OK;
}

static tn_status write_file(const tn_hypes *hypes, const char *path, tn_error *error)
{
    char *text = tn_hypes_print(hypes);
    if (!text)
        return tn_fail_memory(error, 64);
    size_t length = strlen(text), wrote = 0;
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ssize_t got = file >= 0 ? 0 : -1;
    while (got >= 0 && wrote < length) {
        got = write(file, text + wrote, length - wrote);
        if (got < 0 && errno == EINTR)
            got = 0;
        wrote += got > 0 ? (size_t)got : 0;
    }
    int failure = errno;
    if (file >= 0 && close(file) != 0 && got >= 0) {
        failure = errno;
        got = -1;
    }
    free(text);
    return got >= 0 ? TN_OK : tn_fail(error, TN_ERROR_IO, "cannot write the patched hypes to \"%s\": %s", path, strerror(failure));
}

/* The file with the trial's patch, then with its knobs. */
static tn_status turn(const tn_process_settings *settings, const tn_knobs *knobs, const json_t *of_file, const char *path,
                      uint32_t *written, tn_error *error)
{
    tn_hypes *hypes = NULL, *patched = NULL, *turned = NULL;
    uint32_t known;
    json_t *values = NULL;
    tn_status status = load(settings, &hypes, &known, error);
    if (status == TN_OK)
        status = tn_hypes_patch(hypes, of_file, &patched, error);
    if (status == TN_OK && knobs) {
        values = knob_patch(patched, knobs, written);
        status = values ? tn_hypes_patch(patched, values, &turned, error) : tn_fail_memory(error, 64);
    }
    if (status == TN_OK)
        status = write_file(turned ? turned : patched, path, error);
    json_decref(values);
    tn_hypes_destroy(hypes);
    tn_hypes_destroy(patched);
    tn_hypes_destroy(turned);
    return status;
}

tn_status tn_process_hypes_write(const tn_process_settings *settings, const tn_knobs *knobs, const char *path, tn_process_turned *turned,
                                 tn_error *error)
{
    *turned = (tn_process_turned){0};
    bool has_patch = knobs && (knobs->set & TN_KNOB_PATCH) && json_object_size(knobs->patch) > 0;
    json_t *of_file = NULL;
    tn_status status = part_patch(has_patch ? knobs->patch : NULL, &of_file, &turned->rest, error);
    if (status == TN_OK && !settings->hypes_path && json_object_size(of_file) > 0)
        status = tn_fail(error, TN_ERROR_HYPES,
                         "the patch changes \"hypes.%.100s\", but the program has no file of hypes; name it by --hypes FILE",
                         json_object_iter_key(json_object_iter(of_file)));
    if (status == TN_OK && settings->hypes_path)
        status = turn(settings, knobs, of_file, path, &turned->written, error);
    if (status == TN_OK && has_patch && json_object_size(turned->rest) == 0)
        turned->written |= TN_KNOB_PATCH;
    if (status != TN_OK || json_object_size(turned->rest) == 0) {
        json_decref(turned->rest);
        turned->rest = NULL;
    }
    if (status != TN_OK)
        turned->written = 0;
    json_decref(of_file);
    return status;
}

void tn_process_turned_deinit(tn_process_turned *turned)
{
    json_decref(turned->rest);
    *turned = (tn_process_turned){0};
}

/* process_order.c: what one run of a program is told: its trial file, its copy of the hypes; see process_parts.h.
 *
 * The trial file is docs/attach.md's tenet.trial/1. Knobs that went into the program's own file of hypes are not told again, but for the number of steps, which the program's
 * end of the socket counts as well. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "subject/process_parts.h"

json_t *tn_knob_value(const tn_knobs *knobs, tn_knob knob)
{
    switch (knob) {
    case TN_KNOB_STEPS:
        return json_integer((json_int_t)knobs->steps);
    case TN_KNOB_SEED:
        return json_integer((json_int_t)knobs->seed);
    case TN_KNOB_BATCH_SIZE:
        return json_integer((json_int_t)knobs->batch_size);
    case TN_KNOB_SAMPLES:
        return json_integer((json_int_t)knobs->samples);
    case TN_KNOB_LEARNING_RATE:
        return json_real(knobs->learning_rate);
    case TN_KNOB_INIT_SCALE:
        return json_real(knobs->init_scale);
    case TN_KNOB_CLIP_NORM:
        return json_real(knobs->clip_norm);
    case TN_KNOB_SHUFFLE_LABELS:
        return json_true();
    case TN_KNOB_DECAY:
        return json_string("off");
    case TN_KNOB_INPUT_SCALE:
        return json_string(knobs->input_scale ? knobs->input_scale : "");
    case TN_KNOB_LABEL_SCALE:
        return json_string(knobs->label_scale ? knobs->label_scale : "");
    case TN_KNOB_OPTIMIZER:
        return json_string(knobs->optimizer ? knobs->optimizer : "");
    case TN_KNOB_PATCH:
        break;
    }
    return json_null();
}

/* The knobs of `bits` by their names; NULL with *bad where a value is none. */
static json_t *knobs_object(const tn_knobs *knobs, uint32_t bits, const char **bad)
{
    json_t *object = json_object();
    for (uint32_t bit = 1; object && bit < TN_KNOB_PATCH; bit <<= 1) {
        tn_knob knob = (tn_knob)bit;
        if (!(bits & bit))
            continue;
        json_t *value = tn_knob_value(knobs, knob); /* NULL for a number that is not finite */
        bool is_whole = knob == TN_KNOB_STEPS || knob == TN_KNOB_SEED || knob == TN_KNOB_BATCH_SIZE || knob == TN_KNOB_SAMPLES;
        if (!value || (is_whole && json_integer_value(value) < 0) || (json_is_string(value) && !*json_string_value(value)))
            *bad = tn_knob_name(knob);
        if (*bad || json_object_set_new(object, tn_knob_name(knob), value) != 0) {
            if (*bad)
                json_decref(value);
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* "name": value of the object, taken out; null where it has none. A new reference. */
static json_t *take_out(json_t *object, const char *name)
{
    json_t *value = json_incref(json_object_get(object, name));
    json_object_del(object, name);
    return value ? value : json_null();
}

/* A copy, since counting references to one value is not for several threads at once. */
static json_t *copy_or_null(const json_t *value)
{
    return value ? json_deep_copy(value) : json_null();
}

static const char *mode_name(tn_run_mode mode)
{
    static const char *const NAMES[] = {"trial", "look", "train", "serve"};
    return NAMES[mode];
}

/* What the first run found out; without what the score is made of where the program reads another file of hypes, which may set it another task. */
static json_t *known_of(const tn_process *process, const tn_order *order)
{
    json_t *known = copy_or_null(json_object_get(process->told, "private"));
    if (order->turned.written & (uint32_t)TN_KNOB_PATCH)
        json_object_del(known, "score");
    return known;
}

static json_t *trial_object(const tn_process *process, tn_run_mode mode, const tn_trial_request *request, size_t threads,
                            const tn_order *order, const char **bad)
{
    static const tn_trial_request AS_GIVEN = {.experiment = "look"};
    const tn_trial_request *asked = request ? request : &AS_GIVEN;
    uint32_t written = order->turned.written & ~(uint32_t)TN_KNOB_STEPS;
    json_t *knobs = knobs_object(&asked->knobs, asked->knobs.set & ~written, bad);
    if (!knobs)
        return NULL;
    json_t *seed = take_out(knobs, "seed"), *steps = take_out(knobs, "steps");
    bool is_auto = mode == TN_RUN_TRAIN && asked->vitals_every == 0 && asked->vitals_share > 0;
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:b, s:I, s:o, s:I, s:b, s:I, s:I, s:o, s:s, s:o, s:s}",
                  "schema", "tenet.trial/1", "id", order->id, "mode", mode_name(mode), "experiment",
                  asked->experiment ? asked->experiment : "", "threads", (json_int_t)(threads ? threads : 1), "base_seed",
                  (json_int_t)(process->settings.base_seed & INT64_MAX), "seed", seed, "steps", steps, "knobs", knobs, "patch",
                  copy_or_null(order->turned.rest), "score_every", (json_int_t)asked->score_every, "unscored", (int)asked->unscored,
                  "vitals_every", (json_int_t)asked->vitals_every, "vitals_share", is_auto ? json_real(asked->vitals_share) : json_null(),
                  "shown_samples", (json_int_t)asked->shown_samples, "want_norms", (int)asked->want_norms, "watch_from",
                  (json_int_t)asked->watch_from, "watch_to", (json_int_t)asked->watch_to, "known", known_of(process, order), "log",
                  order->log, "hypes", order->hypes ? json_string(order->hypes) : json_null(), "folder", process->folder);
    /* A forked child isolates itself, in this folder; one that is started was isolated before. */
    json_t *isolated = json_boolean(process->isolation == TN_ISOLATION_NAMESPACE);
    bool whole = object && json_object_set_new(object, "isolated", isolated) == 0 &&
                 json_object_set_new(object, "own_steps", json_integer((json_int_t)asked->own_steps)) == 0;
    if (object && !whole) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

static tn_status write_trial(const tn_process *process, tn_run_mode mode, const tn_trial_request *request, size_t threads,
                             const tn_order *order, tn_error *error)
{
    const char *bad = NULL;
    json_t *object = trial_object(process, mode, request, threads, order, &bad);
    if (bad)
        return tn_fail(error, TN_ERROR_HYPES, "the knob %s has no value that a program could take; expected a finite number or a name",
                       bad);
    if (!object)
        return tn_fail_memory(error, 1024);
    int written = json_dump_file(object, order->trial, JSON_INDENT(1));
    json_decref(object);
    return written == 0 ? TN_OK : tn_fail(error, TN_ERROR_IO, "cannot write %s; is there space left?", order->trial);
}

tn_status tn_order_record(const tn_knobs *knobs, char **text, tn_error *error)
{
    const char *bad = NULL;
    json_t *object = knobs_object(knobs, knobs->set, &bad);
    json_t *patch = knobs->set & TN_KNOB_PATCH && knobs->patch ? copy_or_null(knobs->patch) : json_object();
    json_t *record = object ? json_pack("{s:o, s:o}", "knobs", object, "patch", patch) : NULL;
    if (!object)
        json_decref(patch);
    *text = record ? json_dumps(record, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(record);
    if (bad)
        return tn_fail(error, TN_ERROR_HYPES, "the knob %s has no value; expected a finite number or a name", bad);
    return *text ? TN_OK : tn_fail_memory(error, 256);
}

static char *path_of(const tn_process *process, const char *id, const char *end)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s%s", process->folder, id, end) < 0 ? NULL : path;
}

tn_status tn_order_write(tn_process *process, tn_run_mode mode, const tn_trial_request *request, size_t threads, tn_order *order,
                         tn_error *error)
{
    static const tn_knobs NONE = {0};
    const tn_knobs *knobs = request ? &request->knobs : &NONE;
    *order = (tn_order){0};
    snprintf(order->id, sizeof order->id, "%s%" PRIu64, mode == TN_RUN_TRIAL ? "" : mode_name(mode),
             (uint64_t)atomic_fetch_add(&process->next_trial, 1));
    order->trial = path_of(process, order->id, ".json");
    order->output = path_of(process, order->id, ".output");
    order->log = path_of(process, order->id, ".log");
    order->hypes = process->settings.hypes_path ? path_of(process, order->id, ".hypes.json") : NULL;
    if (!order->trial || !order->output || !order->log || (process->settings.hypes_path && !order->hypes))
        return tn_fail_memory(error, 256);
    tn_status status = tn_process_hypes_write(&process->settings, knobs, order->hypes, &order->turned, error);
    if (status == TN_OK)
        status = tn_order_record(knobs, &order->record, error);
    return status == TN_OK ? write_trial(process, mode, request, threads, order, error) : status;
}

static void remove_file(char *path)
{
    if (path)
        unlink(path);
    free(path);
}

void tn_order_deinit(tn_order *order)
{
    remove_file(order->trial);
    remove_file(order->output);
    remove_file(order->log);
    remove_file(order->hypes);
    tn_process_turned_deinit(&order->turned);
    free(order->record);
    *order = (tn_order){0};
}

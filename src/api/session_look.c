/* session_look.c: see session_look.h. The document is that of the page of a run (src/report/webpage_data.c), without what belongs to a page that is written again and again. */
#include "api/session_look.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "report/webpage.h"
#include "weights/health_reference.h"

/* Bytes of the look in a report, at most; a quarter of what the page of a report may have. */
enum { LOOK_MAX = 500000 };

tn_status tn_session_look_init(tn_session_look *look, tn_error *error)
{
    *look = (tn_session_look){.ended = false};
    tn_status status = tn_history_create(&look->history, error);
    if (status == TN_OK)
        look->feed = tn_history_observer(look->history);
    return status;
}

void tn_session_look_deinit(tn_session_look *look)
{
    tn_history_destroy(look->history);
    look->history = NULL;
}

/* ---- observing ---- */

static bool on_step(void *context, const tn_step *step)
{
    tn_session_look *look = context;
    if (!look->ended)
        (void)look->feed.on_step(look->feed.context, step);
    return true;
}

static void on_tensor(void *context, const tn_tensor_seen *seen)
{
    tn_session_look *look = context;
    if (!look->ended)
        look->feed.on_tensor(look->feed.context, seen);
}

static void on_score(void *context, const tn_score_point *point)
{
    tn_session_look *look = context;
    if (!look->ended)
        look->feed.on_score(look->feed.context, point);
}

static void on_end(void *context, uint64_t steps)
{
    tn_session_look *look = context;
    if (!look->ended)
        look->feed.on_end(look->feed.context, steps);
    /* A program that could not be run has shown nothing, and runs again. */
    look->ended = tn_history_last_step(look->history) > 0;
}

tn_observer tn_session_look_observer(tn_session_look *look)
{
    return (tn_observer){.context = look, .on_step = on_step, .on_tensor = on_tensor, .on_score = on_score, .on_end = on_end};
}

/* ---- what mature networks have ---- */

/* {"kind", "networks", "rms": [10 %, 50 %, 90 %], "histogram"}: the sizes that values of this kind and fan have, and how they spread around their root mean square. *mature is NULL where the
 * reference does not tell. */
static tn_status make_mature(const tn_component *component, json_t **mature, tn_error *error)
{
    const tn_reference *reference = tn_reference_of(component->kind);
    bool is_weight = tn_kind_is_weight(component->kind);
    *mature = NULL;
    if (!reference || (is_weight && component->fan_in == 0) || isnan(reference->bands[TN_FEATURE_GAIN].q50))
        return TN_OK;
    const tn_band *gain = &reference->bands[TN_FEATURE_GAIN];
    double fan = is_weight ? sqrt((double)component->fan_in) : 1;
    json_t *histogram = json_array();
    bool whole = histogram != NULL;
    for (size_t i = 0; i < TN_MEASURE_BINS; i++)
        whole = json_array_append_new(histogram, json_real(reference->histogram[i])) == 0 && whole;
    *mature = json_pack("{s:s, s:I, s:[f,f,f], s:O}", "kind", tn_kind_title(component->kind), "networks", (json_int_t)reference->networks,
                        "rms", exp2(gain->q10) / fan, exp2(gain->q50) / fan, exp2(gain->q90) / fan, "histogram", histogram);
    json_decref(histogram);
    if (*mature && whole)
        return TN_OK;
    json_decref(*mature);
    *mature = NULL;
    return tn_fail_memory(error, sizeof *reference);
}

static tn_status add_mature(const tn_component *component, json_t *tensors, tn_error *error)
{
    size_t i = 0;
    json_t *tensor, *mature;
    tn_status status = make_mature(component, &mature, error);
    if (!mature)
        return status;
    json_array_foreach(tensors, i, tensor)
    {
        const char *key = json_string_value(json_object_get(tensor, "key"));
        if (key && strcmp(key, component->name) == 0)
            break;
    }
    if (i < json_array_size(tensors) && json_object_set(json_array_get(tensors, i), "mature", mature) != 0)
        status = tn_fail_memory(error, sizeof *mature);
    json_decref(mature);
    return status;
}

static tn_status set_beside(const tn_history *history, json_t *tensors, tn_error *error)
{
    size_t total = tn_history_tensor_count(history), count = 0;
    tn_component *components = tn_memory_create(total, sizeof *components);
    if (!components)
        return total > 0 ? tn_fail_memory(error, total * sizeof *components) : TN_OK;
    for (size_t i = 0; i < total; i++) {
        const tn_history_tensor *tensor = tn_history_tensor_at(history, i);
        if (tensor->role != TN_ROLE_WEIGHT)
            continue;
        components[count] = (tn_component){.name = tensor->key, .count = tensor->count};
        count++;
    }
    tn_status status = count > 0 ? tn_components_tell(components, count, true, error) : TN_OK;
    for (size_t i = 0; i < count && status == TN_OK; i++)
        status = add_mature(&components[i], tensors, error);
    tn_memory_destroy(components);
    return status;
}

/* ---- the document ---- */

/* The rules that fired stand in the report itself; the rest is of a page that follows a run. */
static void take_out(json_t *document)
{
    static const char *const KEYS[] = {"title",   "kind",          "written", "refresh",     "seconds", "steps_per_second",
                                       "message", "train_samples", "shown",   "steps_total", "signals", "parameters",
                                       "state"};
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        json_object_del(document, KEYS[i]);
}

tn_status tn_session_look_add(const tn_session_look *look, const tn_subject_facts *facts, json_t *document, tn_error *error)
{
    tn_status status = tn_history_status(look->history, error);
    if (status != TN_OK || tn_history_last_step(look->history) == 0)
        return status;
    const tn_run_facts named = {.title = facts->name, .state = "completed"};
    tn_text text;
    tn_text_init(&text);
    status = tn_webpage_json(&named, look->history, NULL, LOOK_MAX, &text, error);
    json_t *seen = status == TN_OK ? json_loadb(text.data, text.length, 0, NULL) : NULL;
    if (status == TN_OK && !seen)
        status = tn_fail_memory(error, text.length);
    tn_text_deinit(&text);
    if (status == TN_OK) {
        take_out(seen);
        status = set_beside(look->history, json_object_get(seen, "tensors"), error);
    }
    if (status == TN_OK && json_object_set(document, "look", seen) != 0)
        status = tn_fail_memory(error, sizeof(void *));
    json_decref(seen);
    return status;
}

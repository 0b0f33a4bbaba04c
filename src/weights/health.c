/* health.c: see health.h. Gathers a network's tensors, measures them, and has them judged. */
#include "weights/health.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "weights/health_parts.h"

struct tn_health {
    tn_judged *judged; /* [count] */
    size_t count, capacity;
};

tn_status tn_health_create(tn_health **health, tn_error *error)
{
    *health = tn_memory_create(1, sizeof **health);
    return *health ? TN_OK : tn_fail_memory(error, sizeof **health);
}

void tn_health_destroy(tn_health *health)
{
    if (!health)
        return;
    for (size_t i = 0; i < health->count; i++) {
        free(health->judged[i].name);
        tn_memory_destroy(health->judged[i].vitals);
    }
    free(health->judged);
    tn_memory_destroy(health);
}

/* A component with a copy of its name; NULL where memory is out. */
static tn_judged *add(tn_health *health, const char *name)
{
    if (health->count == health->capacity) {
        size_t capacity = health->capacity > 0 ? 2 * health->capacity : 64;
        tn_judged *grown = realloc(health->judged, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        health->judged = grown;
        health->capacity = capacity;
    }
    char *copy = tn_string_copy(name);
    if (!copy)
        return NULL;
    tn_judged *judged = &health->judged[health->count++];
    memset(judged, 0, sizeof *judged);
    judged->name = copy;
    judged->component.name = copy;
    return judged;
}

tn_status tn_health_add_vitals(tn_health *health, const char *name, const tn_vitals *vitals, tn_error *error)
{
    tn_judged *judged = add(health, name);
    if (!judged)
        return tn_fail_memory(error, sizeof *judged);
    judged->vitals = tn_memory_create(1, sizeof *judged->vitals);
    if (!judged->vitals)
        return tn_fail_memory(error, sizeof *judged->vitals);
    *judged->vitals = *vitals;
    judged->component.count = (size_t)vitals->count;
    return TN_OK;
}

static void measure(tn_judged *judged)
{
    tn_measure_vitals(&judged->component, judged->vitals, &judged->measure);
    tn_kind kind = judged->component.kind;
    if (tn_kind_is_weight(kind))
        judged->fresh = tn_fresh_weight(&judged->component, judged->vitals);
    else if (kind == TN_KIND_BIAS || kind == TN_KIND_NORM_BIAS || kind == TN_KIND_NORM_GAIN)
        judged->fresh = tn_fresh_vector(&judged->component, judged->vitals);
    else
        judged->fresh = (tn_fresh){.state = TN_FRESH_FEW};
}

/* Kinds and fans of all that are not skipped. The components are gathered into one array, since a kind depends on the neighbours. */
static tn_status tell_kinds(tn_health *health, bool by_tenet, tn_error *error)
{
    tn_component *components = tn_memory_create(health->count, sizeof *components);
    if (!components)
        return tn_fail_memory(error, health->count * sizeof *components);
    size_t count = 0;
    for (size_t i = 0; i < health->count; i++)
        if (!health->judged[i].skipped)
            components[count++] = health->judged[i].component;
    tn_status status = tn_components_tell(components, count, by_tenet, error);
    count = 0;
    for (size_t i = 0; i < health->count && status == TN_OK; i++)
        if (!health->judged[i].skipped)
            health->judged[i].component = components[count++];
    tn_memory_destroy(components);
    return status;
}

/* What the component of `number` was made of: components were told without those that are skipped. */
static const tn_judged *told(const tn_health *health, size_t number)
{
    for (size_t i = 0; i < health->count; i++)
        if (!health->judged[i].skipped && number-- == 0)
            return &health->judged[i];
    return NULL;
}

/* Biases of outputs beside their weights. A network of one layer is left alone: where all is output, biases may do all the work. */
static void judge_output_biases(tn_health *health)
{
    size_t weights = 0;
    for (size_t i = 0; i < health->count; i++)
        weights += !health->judged[i].skipped && tn_kind_is_weight(health->judged[i].component.kind);
    for (size_t i = 0; i < health->count && weights > 1; i++) {
        tn_judged *judged = &health->judged[i];
        const tn_judged *weight = judged->skipped || judged->component.weight == 0 ? NULL : told(health, judged->component.weight - 1);
        if (weight)
            tn_judge_output_biases(judged, weight);
    }
}

static tn_status judge(tn_health *health, json_t *source, json_t **document, tn_error *error)
{
    bool has_norms = false;
    for (size_t i = 0; i < health->count; i++) {
        tn_kind kind = health->judged[i].component.kind;
        has_norms |= !health->judged[i].skipped && (kind == TN_KIND_NORM_GAIN || kind == TN_KIND_NORM_BIAS);
    }
    for (size_t i = 0; i < health->count; i++)
        if (!health->judged[i].skipped)
            tn_judge_component(&health->judged[i], has_norms);
    judge_output_biases(health);
    tn_tally tally = tn_judge_network(health->judged, health->count);
    *document = tn_health_document(health->judged, health->count, &tally, source);
    return *document ? TN_OK : tn_fail_memory(error, sizeof **document);
}

tn_status tn_health_judge(tn_health *health, json_t *source, json_t **document, tn_error *error)
{
    *document = NULL;
    tn_status status = tell_kinds(health, true, error);
    if (status != TN_OK) {
        json_decref(source);
        return status;
    }
    for (size_t i = 0; i < health->count; i++)
        measure(&health->judged[i]);
    return judge(health, source, document, error);
}

/* ---- files ---- */

static tn_status add_weight(tn_health *health, const tn_weight *weight, tn_error *error)
{
    tn_judged *judged = add(health, weight->name);
    if (!judged)
        return tn_fail_memory(error, sizeof *judged);
    judged->skipped = weight->skipped;
    judged->component.rank = weight->rank;
    memcpy(judged->component.dims, weight->dims, sizeof weight->dims);
    judged->component.has_shape = true;
    judged->component.count = weight->count;
    return TN_OK;
}

/* One tensor's values are in memory at a time. */
static tn_status measure_weight(tn_judged *judged, const tn_weight *weight, tn_error *error)
{
    float *values = tn_memory_create(weight->count, sizeof *values);
    judged->vitals = tn_memory_create(1, sizeof *judged->vitals);
    tn_status status = values && judged->vitals ? TN_OK : tn_fail_memory(error, weight->count * sizeof *values);
    if (status == TN_OK) {
        tn_weight_values(weight, values);
        tn_vitals_init(judged->vitals);
        tn_vitals_add(judged->vitals, values, weight->count);
        measure(judged);
        status = tn_measure_values(&judged->component, values, &judged->measure, error);
    }
    tn_memory_destroy(values);
    return status;
}

static tn_status judge_file(tn_health *health, const tn_weights *weights, const char *path, json_t **document, tn_error *error)
{
    tn_status status = TN_OK;
    for (size_t i = 0; i < weights->count && status == TN_OK; i++)
        status = add_weight(health, &weights->tensors[i], error);
    if (status == TN_OK)
        status = tell_kinds(health, weights->by_tenet, error);
    for (size_t i = 0; i < weights->count && status == TN_OK; i++)
        if (!weights->tensors[i].skipped)
            status = measure_weight(&health->judged[i], &weights->tensors[i], error);
    if (status != TN_OK)
        return status;
    json_t *source = json_pack("{s:s, s:s}", "kind", "file", "path", path);
    return judge(health, source ? source : json_object(), document, error);
}

tn_status tn_health_of_file(const char *path, json_t **document, tn_error *error)
{
    tn_weights weights;
    tn_health *health = NULL;
    *document = NULL;
    tn_status status = tn_weights_open(path, &weights, error);
    if (status == TN_OK)
        status = tn_health_create(&health, error);
    if (status == TN_OK)
        status = judge_file(health, &weights, path, document, error);
    tn_health_destroy(health);
    tn_weights_deinit(&weights);
    return status;
}

int tn_health_exit_code(const json_t *document)
{
    const char *verdict = json_string_value(json_object_get(document, "verdict"));
    return !verdict ? 4 : strcmp(verdict, "healthy") == 0 ? 0 : strcmp(verdict, "unhealthy") == 0 ? 1 : 4;
}

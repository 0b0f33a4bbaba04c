/* health_document.c: a judged network as a document of the schema tenet.health/1; see health_parts.h and docs/health.md. */
#include <math.h>
#include <stdlib.h>

#include "weights/health_parts.h"

/* JSON that remembers whether memory was out. New values are stolen. */
typedef struct json_writer {
    bool failed;
} json_writer;

static void set(json_writer *writer, json_t *object, const char *key, json_t *value)
{
    writer->failed |= json_object_set_new(object, key, value) != 0;
}

static void append(json_writer *writer, json_t *array, json_t *value)
{
    writer->failed |= json_array_append_new(array, value) != 0;
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *count_json(size_t value)
{
    return json_integer((json_int_t)value);
}

/* A name in any bytes: what is no UTF-8 is shown as '?'. */
static json_t *name_json(const char *name)
{
    json_t *value = json_string(name);
    if (value)
        return value;
    tn_text text;
    tn_text_init(&text);
    for (const char *at = name; *at; at++)
        tn_text_add_bytes(&text, (unsigned char)*at < 0x80 ? at : "?", 1);
    char *plain = tn_text_take(&text);
    value = plain ? json_string(plain) : NULL;
    free(plain);
    return value;
}

static json_t *text_json(tn_text *text)
{
    char *string = tn_text_take(text);
    json_t *value = string ? json_string(string) : NULL;
    free(string);
    return value;
}

static json_t *histogram_json(json_writer *writer, const double *bins)
{
    json_t *array = json_array();
    for (size_t i = 0; i < TN_MEASURE_BINS; i++)
        append(writer, array, number(bins[i]));
    return array;
}

static json_t *measure_json(json_writer *writer, const tn_judged *judged)
{
    const tn_measure *measure = &judged->measure;
    json_t *object = json_object();
    set(writer, object, "rms", number(measure->rms));
    set(writer, object, "mean", number(measure->mean));
    set(writer, object, "std", number(measure->std));
    set(writer, object, "min", number(measure->min));
    set(writer, object, "max", number(measure->max));
    set(writer, object, "nonfinite", count_json((size_t)measure->nonfinite));
    set(writer, object, "gain", number(measure->gain));
    set(writer, object, "kurtosis", number(measure->kurtosis));
    set(writer, object, "tail", number(measure->tail));
    set(writer, object, "shift", number(measure->shift));
    set(writer, object, "zeros", number(measure->zero_share));
    set(writer, object, "negative", number(measure->negative_share));
    if (measure->has_values) {
        set(writer, object, "concentration", number(measure->concentration));
        set(writer, object, "units", count_json(measure->units));
        set(writer, object, "dead_units", count_json(measure->dead_units));
        set(writer, object, "twin_units", count_json(measure->twin_units));
    }
    set(writer, object, "histogram", histogram_json(writer, measure->histogram));
    return object;
}

static json_t *fresh_json(json_writer *writer, const tn_fresh *fresh)
{
    static const char *const STATES[] = {"trained", "fresh", "fresh, unusual scale", "too few values", "constant"};
    json_t *object = json_object();
    set(writer, object, "state", json_string(STATES[fresh->state]));
    if (fresh->scheme)
        set(writer, object, "scheme", json_string(fresh->scheme));
    set(writer, object, "probability", number(fresh->probability));
    return object;
}

static json_t *problems_json(json_writer *writer, const tn_judged *judged)
{
    static const char *const KINDS[] = {"nonfinite", "constant", "dead_units", "twin_units", "flipped_gains", "output_biases", NULL};
    json_t *array = json_array();
    for (size_t i = 0; i < judged->problem_count; i++) {
        const tn_problem *problem = &judged->problems[i];
        bool is_feature = problem->kind == TN_PROBLEM_FEATURE;
        tn_text text;
        tn_text_init(&text);
        tn_problem_describe(&text, judged, problem);
        json_t *object = json_object();
        set(writer, object, "what", json_string(is_feature ? tn_feature_name(problem->feature) : KINDS[problem->kind]));
        set(writer, object, "level", json_string(tn_level_name(problem->level)));
        if (is_feature)
            set(writer, object, "excess", number(problem->excess));
        set(writer, object, "text", text_json(&text));
        set(writer, object, "cause", json_string(tn_problem_cause(problem)));
        append(writer, array, object);
    }
    return array;
}

static json_t *reference_json(json_writer *writer, const tn_reference *reference)
{
    json_t *object = json_object();
    set(writer, object, "tensors", count_json(reference->tensors));
    set(writer, object, "networks", count_json(reference->networks));
    set(writer, object, "from", json_string(reference->names));
    set(writer, object, "gain",
        json_pack("[f, f, f]", exp2(reference->bands[TN_FEATURE_GAIN].q10), exp2(reference->bands[TN_FEATURE_GAIN].q50),
                  exp2(reference->bands[TN_FEATURE_GAIN].q90)));
    set(writer, object, "histogram", histogram_json(writer, reference->histogram));
    return object;
}

static json_t *component_json(json_writer *writer, const tn_judged *judged)
{
    const tn_component *component = &judged->component;
    const tn_reference *reference = tn_reference_of(component->kind);
    json_t *object = json_object();
    set(writer, object, "name", name_json(judged->name));
    set(writer, object, "kind", json_string(tn_kind_id(component->kind)));
    set(writer, object, "title", json_string(tn_kind_title(component->kind)));
    if (component->has_shape) {
        json_t *shape = json_array();
        for (size_t i = 0; i < component->rank; i++)
            append(writer, shape, count_json(component->dims[i]));
        set(writer, object, "shape", shape);
    }
    set(writer, object, "values", count_json(component->count));
    if (component->fan_in > 0)
        set(writer, object, "fan_in", count_json(component->fan_in));
    set(writer, object, "level", json_string(tn_level_name(judged->level)));
    set(writer, object, "fresh", fresh_json(writer, &judged->fresh));
    set(writer, object, "measure", measure_json(writer, judged));
    if (judged->problem_count > 0)
        set(writer, object, "problems", problems_json(writer, judged));
    if (reference && reference->networks > 0)
        set(writer, object, "reference", reference_json(writer, reference));
    return object;
}

static json_t *tally_json(json_writer *writer, const tn_tally *tally)
{
    json_t *object = json_object();
    set(writer, object, "weights", count_json(tally->weights));
    set(writer, object, "fresh", count_json(tally->fresh));
    set(writer, object, "fresh_values", number(tally->values > 0 ? tally->fresh_values / tally->values : 0));
    set(writer, object, "vectors", count_json(tally->vectors));
    set(writer, object, "moved_vectors", count_json(tally->moved_vectors));
    set(writer, object, "judged", count_json(tally->judged));
    set(writer, object, "outside", count_json(tally->outside));
    set(writer, object, "far", count_json(tally->far));
    set(writer, object, "exploded", count_json(tally->exploded));
    set(writer, object, "thrown", count_json(tally->thrown));
    set(writer, object, "huge_values", number(tally->judged_values > 0 ? tally->huge_values / tally->judged_values : 0));
    set(writer, object, "unjudged", count_json(tally->unjudged));
    set(writer, object, "broken", count_json(tally->broken));
    set(writer, object, "moved_far", count_json(tally->moved_far));
    set(writer, object, "strain", number(tally->strain));
    return object;
}

json_t *tn_health_document(const tn_judged *judged, size_t count, const tn_tally *tally, json_t *source)
{
    static const char *const VERDICTS[] = {"healthy", "untrained", "unhealthy", "inconclusive"};
    json_writer writer = {.failed = false};
    json_t *document = json_object(), *components = json_array(), *skipped = json_array();
    size_t parameters = 0;
    tn_text why;
    tn_text_init(&why);
    tn_tally_describe(&why, tally);
    for (size_t i = 0; i < count; i++) {
        if (judged[i].skipped) {
            json_t *object = json_object();
            set(&writer, object, "name", name_json(judged[i].name));
            set(&writer, object, "why", json_string(judged[i].skipped));
            append(&writer, skipped, object);
            continue;
        }
        parameters += judged[i].component.kind != TN_KIND_STATE ? judged[i].component.count : 0;
        append(&writer, components, component_json(&writer, &judged[i]));
    }
    set(&writer, document, "schema", json_string("tenet.health/1"));
    set(&writer, document, "source", source);
    set(&writer, document, "verdict", json_string(VERDICTS[tally->verdict]));
    set(&writer, document, "why", text_json(&why));
    set(&writer, document, "parameters", count_json(parameters));
    set(&writer, document, "tally", tally_json(&writer, tally));
    set(&writer, document, "components", components);
    set(&writer, document, "skipped", skipped);
    if (writer.failed) {
        json_decref(document);
        return NULL;
    }
    return document;
}

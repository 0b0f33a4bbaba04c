/* process_shown.c: samples as a program's network sees them, from a SHOWN record; see process_parts.h. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "subject/process_parts.h"

/* Numbers of a JSON list (or one number) as floats, NaN for null; malloc'd, at least one. NULL where it is no such list, or memory is out. */
static float *floats_of(const json_t *list, size_t *count)
{
    *count = json_is_array(list) ? json_array_size(list) : json_is_number(list);
    float *values = *count ? malloc(*count * sizeof *values) : NULL;
    for (size_t i = 0; values && i < *count; i++) {
        const json_t *value = json_is_array(list) ? json_array_get(list, i) : list;
        if (!json_is_number(value) && !json_is_null(value)) {
            free(values);
            return NULL;
        }
        values[i] = json_is_null(value) ? NAN : (float)json_number_value(value);
    }
    return values;
}

static double number_of(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* The same size in every sample: `first` remembers that of the first. */
static bool take(const json_t *object, const char *name, float **values, size_t *first)
{
    size_t count;
    *values = floats_of(json_object_get(object, name), &count);
    if (*first == 0)
        *first = count;
    return *values && count == *first;
}

static bool show(const json_t *object, tn_trial_result *result)
{
    tn_shown_sample *sample = &result->shown[result->shown_count++];
    const json_t *row = json_object_get(object, "row");
    sample->row = json_is_integer(row) && json_integer_value(row) >= 0 ? (size_t)json_integer_value(row) : 0;
    sample->loss_before = number_of(json_object_get(object, "loss_before"));
    sample->loss_after = number_of(json_object_get(object, "loss_after"));
    return take(object, "inputs", &sample->inputs, &result->input_size) && take(object, "label", &sample->label, &result->label_size) &&
           take(object, "output_before", &sample->output_before, &result->output_size) &&
           take(object, "output_after", &sample->output_after, &result->output_size);
}

static void forget(tn_trial_result *result)
{
    for (size_t i = 0; i < result->shown_count; i++) {
        free(result->shown[i].inputs);
        free(result->shown[i].label);
        free(result->shown[i].output_before);
        free(result->shown[i].output_after);
    }
    free(result->shown);
    result->shown = NULL;
    result->shown_count = result->input_size = result->label_size = result->output_size = 0;
}

tn_status tn_process_show(const char *json, size_t most, tn_trial_result *result, tn_error *error)
{
    json_t *said = json_loads(json, 0, NULL);
    const json_t *samples = json_object_get(said, "samples");
    size_t count = json_array_size(samples);
    count = count < most ? count : most;
    forget(result);
    if (count == 0) {
        json_decref(said);
        return TN_OK;
    }
    result->shown = calloc(count, sizeof *result->shown);
    bool good = result->shown != NULL;
    for (size_t i = 0; good && i < count; i++)
        good = show(json_array_get(samples, i), result);
    json_decref(said);
    if (good)
        return TN_OK;
    forget(result);
    return tn_fail(error, TN_ERROR_DATA, "a SHOWN whose samples are not numbers, or not of one size");
}

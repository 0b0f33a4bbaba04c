/* read_task.c: the table of made-up tasks, and what they share. */
#include <string.h>

#include "base/memory.h"
#include "data/task.h"

static const struct {
    const char *name;
    tn_task_fn *make;
} TASKS[] = {
    {"copy", tn_task_sequences}, {"adding", tn_task_sequences}, {"translation", tn_task_sequences}, {"xor", tn_task_points},
    {"spirals", tn_task_points}, {"blobs", tn_task_points},     {"boxes", tn_task_boxes},
};

size_t tn_task_number(const json_t *description, const char *key)
{
    return (size_t)json_integer_value(json_object_get(description, key));
}

tn_status tn_task_adopt(void **block, tn_raw_type type, size_t rank, const size_t *dims, tn_array *array, tn_error *error)
{
    size_t size;
    uint8_t *values = *block;
    *block = NULL;
    *array = (tn_array){.rank = rank};
    memcpy(array->dims, dims, rank * sizeof *dims);
    tn_status status = tn_array_measure(rank, dims, type, &array->count, &size, error);
    if (status != TN_OK) {
        tn_memory_destroy(values);
        return status;
    }
    return tn_array_adopt(array, values, (tn_raw_form){.type = type}, values, error);
}

tn_status tn_read_task(const tn_hypes *hypes, const json_t *description, tn_source *source, tn_error *error)
{
    (void)hypes;
    const char *name = json_string_value(json_object_get(description, "task"));
    source->name = tn_string_copy(name);
    if (source->name == NULL)
        return tn_fail_memory(error, strlen(name));
    tn_rng rng;
    tn_rng_init(&rng, (uint64_t)json_integer_value(json_object_get(description, "seed")), TN_STREAM_SAMPLES);
    for (size_t i = 0; i < sizeof TASKS / sizeof TASKS[0]; i++)
        if (strcmp(TASKS[i].name, name) == 0)
            return TASKS[i].make(description, &rng, source, error);
    return tn_fail(error, TN_ERROR_HYPES, "there is no task '%s'", name);
}

/* source.c: the table of readers, and what all formats share: inputs and labels must fit each other. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/reader.h"

static const tn_reader readers[] = {
    {"idx", tn_read_idx},   {"csv", tn_read_csv},           {"npy", tn_read_npy},       {"npz", tn_read_npz},
    {"text", tn_read_text}, {"parallel", tn_read_parallel}, {"images", tn_read_images}, {"task", tn_read_task},
};

const tn_reader *tn_reader_find(const char *format)
{
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
        if (strcmp(readers[i].format, format) == 0)
            return &readers[i];
    return NULL;
}

tn_status tn_reader_map(const tn_hypes *hypes, const json_t *description, const char *key, tn_file *file, tn_source *source,
                        tn_error *error)
{
    const char *written = json_string_value(json_object_get(description, key));
    if (written == NULL)
        return tn_fail(error, TN_ERROR_HYPES, "a data source has no \"%s\"; name the file that holds them", key);
    char *path = tn_hypes_resolve(hypes, written);
    if (path == NULL)
        return tn_fail_memory(error, strlen(written));
    tn_status status = tn_file_map(path, file, error);
    free(source->name);
    source->name = path;
    return status;
}

/* Maps one file and parses it. A file that the array does not point into is unmapped again. */
static tn_status read_array(const tn_hypes *hypes, const json_t *description, const char *key, tn_parse_fn *parse, tn_array *array,
                            tn_file *file, tn_source *source, tn_error *error)
{
    tn_status status = tn_reader_map(hypes, description, key, file, source, error);
    if (status != TN_OK)
        return status;
    status = parse(file->bytes, file->size, array, error);
    if (status != TN_OK) {
        tn_error_at(error, source->name, 0, NULL);
        return status;
    }
    if (array->owned != NULL)
        tn_file_unmap(file);
    return TN_OK;
}

tn_status tn_reader_pair(const tn_hypes *hypes, const json_t *description, tn_parse_fn *parse, tn_source *source, tn_error *error)
{
    tn_status status = read_array(hypes, description, "inputs", parse, &source->inputs, &source->input_file, source, error);
    return status == TN_OK ? read_array(hypes, description, "labels", parse, &source->labels, &source->label_file, source, error) : status;
}

size_t tn_shape_size(const tn_shape *shape)
{
    size_t size = 1;
    for (size_t i = 0; i < shape->rank; i++)
        size *= shape->dims[i];
    return size;
}

/* [n] and [n, features] are tables; [n, h, w] and [n, h, w, c] are images. */
static tn_shape sample_shape(const tn_array *array, bool are_sequences)
{
    if (are_sequences && array->rank == 3)
        return (tn_shape){.rank = 2, .dims = {array->dims[1], array->dims[2]}};
    switch (array->rank) {
    case 1:
        return (tn_shape){.rank = 1, .dims = {1}};
    case 2:
        return (tn_shape){.rank = 1, .dims = {array->dims[1]}};
    case 3:
        return (tn_shape){.rank = 3, .dims = {array->dims[1], array->dims[2], 1}};
    default:
        return (tn_shape){.rank = 3, .dims = {array->dims[1], array->dims[2], array->dims[3]}};
    }
}

tn_status tn_source_complete(tn_source *source, tn_error *error)
{
    const tn_array *inputs = &source->inputs, *labels = &source->labels;
    if (labels->rank > 2)
        return tn_fail(error, TN_ERROR_DATA,
                       "holds labels of %zu dimensions; expected [samples] or [samples, targets]. Are inputs and labels swapped?",
                       labels->rank);
    if (inputs->dims[0] != labels->dims[0])
        return tn_fail(error, TN_ERROR_DATA, "holds %zu labels for %zu samples; each sample needs one", labels->dims[0], inputs->dims[0]);
    source->samples = inputs->dims[0];
    source->shape = sample_shape(inputs, source->are_sequences);
    source->width = tn_shape_size(&source->shape);
    source->label_width = labels->rank == 2 ? labels->dims[1] : 1;
    return TN_OK;
}

static tn_status read_format(const tn_hypes *hypes, const char *path, tn_source *source, tn_error *error)
{
    const json_t *description = tn_hypes_value(hypes, path);
    const char *format = json_string_value(json_object_get(description, "format"));
    if (format == NULL)
        return tn_hypes_fail(hypes, path, error,
                             "this data source has no \"format\"; expected idx, csv, npz, npy, text, parallel, images or task");
    const tn_reader *reader = tn_reader_find(format);
    if (reader == NULL)
        return tn_hypes_fail(hypes, path, error,
                             "there is no data format '%s'; expected idx, csv, npz, npy, text, parallel, images or task", format);
    tn_status status = reader->read(hypes, description, source, error);
    if (status == TN_OK) {
        status = tn_source_complete(source, error);
        if (status != TN_OK)
            tn_error_at(error, source->name, 0, NULL);
    }
    return status;
}

tn_source *tn_source_new(void)
{
    tn_source *source = tn_memory_create(1, sizeof *source);
    if (source != NULL)
        atomic_init(&source->references, 1);
    return source;
}

tn_status tn_source_read(const tn_hypes *hypes, const char *path, tn_source **source, tn_error *error)
{
    *source = NULL;
    tn_source *created = tn_source_new();
    if (created == NULL)
        return tn_fail_memory(error, sizeof *created);
    tn_status status = read_format(hypes, path, created, error);
    if (status != TN_OK) {
        tn_source_release(created);
        return status;
    }
    *source = created;
    return TN_OK;
}

tn_source *tn_source_keep(tn_source *source)
{
    atomic_fetch_add(&source->references, 1);
    return source;
}

void tn_source_release(tn_source *source)
{
    if (source == NULL || atomic_fetch_sub(&source->references, 1) != 1)
        return;
    tn_array_deinit(&source->inputs);
    tn_array_deinit(&source->labels);
    tn_file_unmap(&source->input_file);
    tn_file_unmap(&source->label_file);
    for (size_t i = 0; i < source->class_count; i++)
        free(source->class_names[i]);
    tn_memory_destroy(source->class_names);
    tn_memory_destroy(source->lines);
    free(source->name);
    tn_memory_destroy(source);
}

double tn_source_label(const tn_source *source, size_t row, size_t k)
{
    const tn_array *labels = &source->labels;
    size_t i = row * source->label_width + k;
    if (labels->bytes != NULL)
        return labels->bytes[i];
    return (double)labels->floats[i] + (labels->offsets != NULL ? (double)labels->offsets[k] : 0);
}

void tn_source_error_at(const tn_source *source, size_t row, tn_error *error)
{
    tn_error_at(error, source->name, source->lines != NULL ? (int)source->lines[row] : 0, NULL);
}

/* read_images.c: PNG and JPEG files, one a sample.
 *
 * All are decoded when the source is read, into one array of bytes that every trial shares (source_cache.h), so that a batch costs what a batch of idx costs; no step waits for a picture. Boxes become
 * shares of the picture that they were drawn on, so that they hold in any size. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/picture.h"
#include "data/picture_list.h"
#include "data/reader.h"

typedef struct image_job {
    const char *folder; /* [0] '\0': the files' names are paths */
    tn_picture_list list;
    size_t height, width, channels; /* of all; 0 until the first picture says so */
    bool resizes;
    uint8_t *pixels; /* [list.count, height, width, channels] */
} image_job;

static char *path_of(const image_job *job, size_t at)
{
    tn_text path;
    tn_text_init(&path);
    if (job->list.files[at][0] != '/' && job->folder[0] != '\0')
        tn_text_addf(&path, "%s/", job->folder);
    tn_text_add(&path, job->list.files[at]);
    return tn_text_take(&path);
}

/* Sizes are known with the first picture; only then the memory of all can be taken. */
static tn_status prepare(image_job *job, const tn_picture *first, tn_error *error)
{
    size_t count, size;
    if (!job->resizes) {
        job->height = first->height;
        job->width = first->width;
    }
    job->channels = job->channels > 0 ? job->channels : first->channels;
    const size_t dims[] = {job->list.count, job->height, job->width, job->channels};
    tn_status status = tn_array_measure(4, dims, TN_RAW_UINT8, &count, &size, error);
    if (status != TN_OK)
        return status;
    job->pixels = tn_memory_create(size, 1);
    return job->pixels != NULL ? TN_OK : tn_fail_memory(error, size);
}

static tn_status take_picture(image_job *job, size_t at, const tn_picture *picture, tn_error *error)
{
    tn_status status = job->pixels == NULL ? prepare(job, picture, error) : TN_OK;
    if (status != TN_OK)
        return status;
    if (!job->resizes && (picture->height != job->height || picture->width != job->width))
        return tn_fail(
            error, TN_ERROR_DATA,
            "is %zu pixels high and %zu wide, and the first picture, %.80s, %zu and %zu; \"size\": [%zu, %zu] brings all to one size",
            picture->height, picture->width, job->list.files[0], job->height, job->width, job->height, job->width);
    tn_picture_fit(picture, job->height, job->width, job->channels, job->pixels + at * job->height * job->width * job->channels);
    for (size_t k = 0; job->list.are_boxes && k < job->list.width; k++)
        job->list.labels[at * job->list.width + k] /= (float)(k % 2 == 0 ? picture->width : picture->height);
    return TN_OK;
}

static tn_status read_picture(image_job *job, size_t at, tn_error *error)
{
    tn_file file = {0};
    tn_picture picture = {0};
    char *path = path_of(job, at);
    if (path == NULL)
        return tn_fail_memory(error, strlen(job->list.files[at]));
    tn_status status = tn_file_map(path, &file, error);
    if (status == TN_OK)
        status = tn_picture_decode(file.bytes, file.size, &picture, error);
    if (status == TN_OK)
        status = take_picture(job, at, &picture, error);
    if (status != TN_OK)
        tn_error_at(error, path, 0, NULL);
    tn_picture_deinit(&picture);
    tn_file_unmap(&file);
    free(path);
    return status;
}

static tn_status read_list(const tn_hypes *hypes, const json_t *description, image_job *job, tn_source *source, tn_error *error)
{
    static const char *const TARGETS[] = {[TN_PICTURE_LABEL] = "label", [TN_PICTURE_BOXES] = "boxes", [TN_PICTURE_COUNT] = "count"};
    const char *wanted = json_string_value(json_object_get(description, "target"));
    tn_picture_target target = TN_PICTURE_ANY;
    for (size_t i = TN_PICTURE_LABEL; wanted != NULL && i <= TN_PICTURE_COUNT; i++)
        if (strcmp(TARGETS[i], wanted) == 0)
            target = (tn_picture_target)i;
    tn_file file = {0};
    tn_status status = tn_reader_map(hypes, description, "labels", &file, source, error);
    if (status != TN_OK)
        return status;
    status = tn_picture_list_parse(file.bytes, file.size, target, (size_t)json_integer_value(json_object_get(description, "boxes")),
                                   &job->list, error);
    if (status != TN_OK)
        tn_error_at(error, source->name, error != NULL ? error->line : 0, NULL);
    tn_file_unmap(&file);
    return status;
}

/* Hands list and pixels over to the source, row by row in the order of the list. */
static tn_status fill_source(image_job *job, tn_source *source, tn_error *error)
{
    tn_picture_list *list = &job->list;
    size_t size;
    source->inputs = (tn_array){.rank = 4, .dims = {list->count, job->height, job->width, job->channels}};
    source->labels = (tn_array){.rank = 2, .dims = {list->count, list->width}};
    tn_status status = tn_array_measure(4, source->inputs.dims, TN_RAW_UINT8, &source->inputs.count, &size, error);
    if (status == TN_OK)
        status = tn_array_measure(2, source->labels.dims, TN_RAW_FLOAT32, &source->labels.count, &size, error);
    if (status != TN_OK)
        return status;
    source->labels_are_boxes = list->are_boxes;
    source->labels_are_counts = list->are_counts;
    uint8_t *pixels = job->pixels, *labels = (uint8_t *)list->labels;
    job->pixels = NULL;
    list->labels = NULL;
    source->class_names = list->class_names;
    source->class_count = list->class_count;
    list->class_names = NULL;
    list->class_count = 0;
    status = tn_array_adopt(&source->inputs, pixels, (tn_raw_form){.type = TN_RAW_UINT8}, pixels, error);
    if (status != TN_OK) {
        tn_memory_destroy(labels);
        return status;
    }
    return tn_array_adopt(&source->labels, labels, (tn_raw_form){.type = TN_RAW_FLOAT32}, labels, error);
}

tn_status tn_read_images(const tn_hypes *hypes, const json_t *description, tn_source *source, tn_error *error)
{
    const json_t *size = json_object_get(description, "size");
    char *folder = tn_hypes_resolve(hypes, json_string_value(json_object_get(description, "folder")));
    if (folder == NULL)
        return tn_fail_memory(error, 256);
    image_job job = {.folder = folder,
                     .resizes = json_is_array(size),
                     .height = (size_t)json_integer_value(json_array_get(size, 0)),
                     .width = (size_t)json_integer_value(json_array_get(size, 1)),
                     .channels = (size_t)json_integer_value(json_object_get(description, "channels"))};
    tn_status status = TN_OK;
    if (job.channels == 2) {
        status = tn_fail(error, TN_ERROR_HYPES, "\"channels\" of a source of images is 2; expected 1 (grey) or 3 (colours)");
    } else if (json_is_string(json_object_get(description, "labels"))) {
        status = read_list(hypes, description, &job, source, error);
    } else {
        source->name = tn_string_copy(folder);
        status = source->name != NULL ? tn_picture_list_folders(folder, &job.list, error) : tn_fail_memory(error, strlen(folder));
    }
    for (size_t i = 0; i < job.list.count && status == TN_OK; i++)
        status = read_picture(&job, i, error);
    if (status == TN_OK)
        status = fill_source(&job, source, error);
    tn_memory_destroy(job.pixels);
    tn_picture_list_deinit(&job.list);
    free(folder);
    return status;
}

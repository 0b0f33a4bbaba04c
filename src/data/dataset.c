/* dataset.c: a set is a list of rows of a source, with the maps that scale them. Reading a set never changes it, so any number of threads may. */
#include "data/dataset.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "data/dataset_parts.h"

tn_status tn_dataset_create(tn_source *source, tn_scaling *scaling, tn_label_kind kind, size_t label_steps, size_t samples,
                            tn_dataset **set, tn_error *error)
{
    *set = NULL;
    size_t numbers;
    if (!tn_size_multiply(samples, label_steps, &numbers))
        return tn_fail_memory(error, SIZE_MAX);
    tn_dataset *created = tn_memory_create(1, sizeof *created);
    if (created == NULL)
        return tn_fail_memory(error, sizeof *created);
    created->source = tn_source_keep(source);
    created->scaling = scaling != NULL ? tn_scaling_keep(scaling) : NULL;
    created->kind = kind;
    created->samples = samples;
    created->targets = kind == TN_LABELS_CLASSES ? 1 : source->label_width;
    created->label_steps = label_steps;
    created->rows = tn_memory_create(samples, sizeof *created->rows);
    created->label_rows = tn_memory_create(samples, sizeof *created->label_rows);
    created->class_of = kind == TN_LABELS_CLASSES ? tn_memory_create(numbers, sizeof *created->class_of) : NULL;
    if (created->rows == NULL || created->label_rows == NULL || (kind == TN_LABELS_CLASSES && created->class_of == NULL)) {
        tn_dataset_destroy(created);
        return tn_fail_memory(error, 3 * samples * sizeof *created->rows);
    }
    *set = created;
    return TN_OK;
}

void tn_dataset_destroy(tn_dataset *set)
{
    if (set == NULL)
        return;
    tn_source_release(set->source);
    tn_scaling_release(set->scaling);
    tn_memory_destroy(set->rows);
    tn_memory_destroy(set->label_rows);
    tn_memory_destroy(set->class_of);
    tn_memory_destroy(set);
}

tn_status tn_dataset_view(const tn_dataset *set, const uint32_t *samples, size_t count, tn_dataset **view, tn_error *error)
{
    tn_status status = tn_dataset_create(set->source, set->scaling, set->kind, set->label_steps, count, view, error);
    if (status != TN_OK)
        return status;
    (*view)->classes = set->classes;
    (*view)->classes_are_words = set->classes_are_words;
    for (size_t i = 0; i < count; i++) {
        size_t sample = samples != NULL ? samples[i] : i;
        assert(sample < set->samples);
        (*view)->rows[i] = set->rows[sample];
        (*view)->label_rows[i] = set->label_rows[sample];
        if ((*view)->class_of != NULL)
            memcpy((*view)->class_of + i * set->label_steps, set->class_of + sample * set->label_steps,
                   set->label_steps * sizeof *set->class_of);
    }
    return TN_OK;
}

size_t tn_dataset_samples(const tn_dataset *set)
{
    return set->samples;
}

const tn_shape *tn_dataset_shape(const tn_dataset *set)
{
    return &set->source->shape;
}

tn_label_kind tn_dataset_label_kind(const tn_dataset *set)
{
    return set->kind;
}

size_t tn_dataset_classes(const tn_dataset *set)
{
    return set->classes;
}

const char *tn_dataset_class_name(const tn_dataset *set, size_t number)
{
    return set->classes_are_words && number < set->source->class_count ? set->source->class_names[number] : NULL;
}

size_t tn_dataset_targets(const tn_dataset *set)
{
    return set->targets;
}

bool tn_dataset_has_boxes(const tn_dataset *set)
{
    return set->kind == TN_LABELS_TARGETS && set->source->labels_are_boxes;
}

bool tn_dataset_has_counts(const tn_dataset *set)
{
    return set->kind == TN_LABELS_TARGETS && set->source->labels_are_counts;
}

size_t tn_dataset_label_steps(const tn_dataset *set)
{
    return set->label_steps;
}

size_t tn_dataset_ignored(const tn_dataset *set)
{
    return tn_scaling_ignored(set->scaling);
}

bool tn_dataset_rows_follow(const tn_dataset *set)
{
    return set->source->rows_follow;
}

size_t tn_dataset_row(const tn_dataset *set, size_t sample)
{
    assert(sample < set->samples);
    return set->rows[sample];
}

void tn_dataset_inputs(const tn_dataset *set, const uint32_t *samples, size_t count, float *inputs)
{
    tn_dataset_first_inputs(set, samples, count, set->source->width, inputs);
}

void tn_dataset_first_inputs(const tn_dataset *set, const uint32_t *samples, size_t count, size_t taken, float *inputs)
{
    assert(taken <= set->source->width);
    tn_gather(&set->source->inputs, set->source->width, taken, &set->scaling->input, set->rows, samples, count, inputs);
}

void tn_dataset_raw_inputs(const tn_dataset *set, const uint32_t *samples, size_t count, float *inputs)
{
    tn_gather(&set->source->inputs, set->source->width, set->source->width, &set->scaling->raw, set->rows, samples, count, inputs);
}

void tn_dataset_class_labels(const tn_dataset *set, const uint32_t *samples, size_t count, int32_t *classes)
{
    tn_dataset_first_labels(set, samples, count, set->label_steps, classes);
}

void tn_dataset_first_labels(const tn_dataset *set, const uint32_t *samples, size_t count, size_t steps, int32_t *classes)
{
    assert(set->kind == TN_LABELS_CLASSES && steps <= set->label_steps);
    for (size_t i = 0; i < count; i++)
        memcpy(classes + i * steps, set->class_of + (samples != NULL ? samples[i] : i) * set->label_steps, steps * sizeof *classes);
}

void tn_dataset_target_labels(const tn_dataset *set, const uint32_t *samples, size_t count, float *targets)
{
    assert(set->label_steps == 1);
    for (size_t i = 0; i < count; i++) {
        size_t sample = samples != NULL ? samples[i] : i;
        if (set->kind == TN_LABELS_CLASSES) {
            targets[i] = (float)set->class_of[sample];
            continue;
        }
        for (size_t k = 0; k < set->targets; k++) {
            double shift, gain;
            tn_dataset_label_scaling(set, k, &shift, &gain);
            targets[i * set->targets + k] = (float)((tn_source_label(set->source, set->label_rows[sample], k) - shift) * gain);
        }
    }
}

void tn_dataset_label_scaling(const tn_dataset *set, size_t k, double *shift, double *gain)
{
    assert(k < set->targets);
    *shift = set->kind == TN_LABELS_TARGETS ? set->scaling->label_shift[k] : 0;
    *gain = set->kind == TN_LABELS_TARGETS ? set->scaling->label_gain[k] : 1;
}

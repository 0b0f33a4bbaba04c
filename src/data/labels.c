/* labels.c: see labels.h. */
#include "data/labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { CLASS_MAX = 1000000 }; /* larger numbers are no classes but a mistake */

/* The place of the one 1 among zeros, or -1. */
static long one_hot(const tn_source *source, size_t row)
{
    long place = -1;
    for (size_t k = 0; k < source->label_width; k++) {
        double value = tn_source_label(source, row, k);
        if (value != 0 && (value != 1 || place >= 0))
            return -1;
        if (value != 0)
            place = (long)k;
    }
    return place;
}

static bool looks_like_classes(const tn_source *source)
{
    if (source->class_names != NULL)
        return true;
    if (source->labels_each_step)
        return true;
    bool seen[2] = {false, false};
    for (size_t row = 0; row < source->samples; row++) {
        if (source->label_width > 1) {
            if (one_hot(source, row) < 0)
                return false;
            continue;
        }
        double value = tn_source_label(source, row, 0);
        if (value != 0 && value != 1)
            return false;
        seen[value != 0] = true;
    }
    return source->label_width > 1 || (seen[0] && seen[1]);
}

/* Whether the net has an output for each of the class numbers of a single column, and more than one. */
static bool has_output_for_each_class(const tn_hypes *hypes, const tn_source *source)
{
    size_t outputs = 0;
    for (size_t i = 0; i < tn_hypes_node_count(hypes); i++) {
        const json_t *units = json_object_get(tn_hypes_node(hypes, i), "units");
        if (json_is_integer(units))
            outputs = (size_t)json_integer_value(units);
    }
    if (outputs < 2 || source->label_width != 1)
        return false;
    for (size_t row = 0; row < source->samples; row++) {
        double value = tn_source_label(source, row, 0);
        if (!(value >= 0 && value < (double)outputs && value == floor(value)))
            return false;
    }
    return true;
}

static bool is_flag(double value)
{
    return value == 0 || value == 1;
}

/* Several columns of zeros and ones, which are not one-hot rows. */
static bool are_several_flags(const tn_source *source)
{
    bool each_one_hot = true;
    if (source->label_width < 2 || source->class_names != NULL)
        return false;
    for (size_t row = 0; row < source->samples; row++) {
        for (size_t k = 0; k < source->label_width; k++)
            if (!is_flag(tn_source_label(source, row, k)))
                return false;
        each_one_hot = each_one_hot && one_hot(source, row) >= 0;
    }
    return !each_one_hot;
}

static tn_task find_task(const tn_hypes *hypes, const tn_source *train)
{
    const char *metric = json_string_value(tn_hypes_value(hypes, "solver.metric"));
    if (metric != NULL && strcmp(metric, "f1") == 0)
        return TN_TASK_MULTILABEL;
    if (metric != NULL)
        return strcmp(metric, "accuracy") == 0 || strcmp(metric, "perplexity") == 0 || strcmp(metric, "bits") == 0 ? TN_TASK_CLASSIFICATION
                                                                                                                   : TN_TASK_REGRESSION;
    const char *loss = json_string_value(tn_hypes_value(hypes, "loss.name"));
    bool asks_each = loss != NULL && (strcmp(loss, "sigmoid_cross_entropy") == 0 || strcmp(loss, "binary_cross_entropy") == 0);
    if (asks_each && are_several_flags(train))
        return TN_TASK_MULTILABEL;
    bool distance = loss != NULL && (strcmp(loss, "mse") == 0 || strcmp(loss, "mae") == 0 || strcmp(loss, "huber") == 0);
    return !distance || looks_like_classes(train) || has_output_for_each_class(hypes, train) ? TN_TASK_CLASSIFICATION : TN_TASK_REGRESSION;
}

/* The class number that a row's label states, without a filter. */
static tn_status read_class(const tn_source *source, size_t row, size_t *number, tn_error *error)
{
    if (source->label_width > 1) {
        long place = one_hot(source, row);
        *number = place >= 0 ? (size_t)place : 0;
        if (place >= 0)
            return TN_OK;
        tn_fail(
            error, TN_ERROR_DATA,
            "the label of row %zu (from 0) is no one-hot row: expected one 1 among %zu zeros. For several labels at once, yes or no each, "
            "use the loss sigmoid_cross_entropy; for several targets mse, or metric r2",
            row, source->label_width - 1);
    } else {
        double value = tn_source_label(source, row, 0);
        *number = 0;
        if (value >= 0 && value <= CLASS_MAX && value == floor(value)) {
            *number = (size_t)value;
            return TN_OK;
        }
        tn_fail(error, TN_ERROR_DATA,
                "the label of row %zu (from 0) is %g; expected a class number, 0 to %d. For regression use the loss mse, mae or huber, or "
                "metric r2",
                row, value, CLASS_MAX);
    }
    tn_source_error_at(source, row, error);
    return TN_ERROR_DATA;
}

/* The class number of one step of a row: -1 for padding. */
static tn_status read_step(const tn_label_plan *plan, const tn_source *source, size_t row, size_t step, int32_t *number, tn_error *error)
{
    double value = tn_source_label(source, row, step);
    *number = -1;
    if ((plan->has_padding && value == (double)plan->padding) || (source->labels_each_step && value == -1))
        return TN_OK;
    if (value >= 0 && value <= CLASS_MAX && value == floor(value)) {
        *number = (int32_t)value;
        return TN_OK;
    }
    tn_fail(
        error, TN_ERROR_DATA,
        "the label of step %zu (from 0) of row %zu (from 0) is %g; expected a class number, 0 to %d. Where it stands for a step without a "
        "label, say so by data.label.padding",
        step, row, value, CLASS_MAX);
    tn_source_error_at(source, row, error);
    return TN_ERROR_DATA;
}

static tn_status count_step_classes(const tn_label_plan *plan, const tn_source *source, size_t *classes, tn_error *error)
{
    if (source->label_width != plan->steps) {
        tn_fail(error, TN_ERROR_DATA, "holds %zu labels a row where data.train has %zu; sequences must have one length",
                source->label_width, plan->steps);
        return tn_error_at(error, source->name, 0, NULL);
    }
    for (size_t row = 0; row < source->samples; row++) {
        for (size_t step = 0; step < plan->steps; step++) {
            int32_t number;
            tn_status status = read_step(plan, source, row, step, &number, error);
            if (status != TN_OK)
                return status;
            *classes = number >= 0 && (size_t)number + 1 > *classes ? (size_t)number + 1 : *classes;
        }
    }
    if (*classes > 0)
        return TN_OK;
    tn_fail(error, TN_ERROR_DATA, "every label is padding; there is nothing to learn");
    return tn_error_at(error, source->name, 0, NULL);
}

static tn_status count_classes(const tn_source *source, size_t *classes, tn_error *error)
{
    if (source->label_width > 1 || source->class_names != NULL) {
        *classes = source->class_names != NULL ? source->class_count : source->label_width;
        return TN_OK;
    }
    for (size_t row = 0; row < source->samples; row++) {
        size_t number;
        tn_status status = read_class(source, row, &number, error);
        if (status != TN_OK)
            return status;
        *classes = number + 1 > *classes ? number + 1 : *classes;
    }
    return TN_OK;
}

static tn_status read_filter(tn_label_plan *plan, const tn_hypes *hypes, const json_t *wanted, tn_error *error)
{
    plan->numbers = tn_memory_create(plan->written_classes, sizeof *plan->numbers);
    if (plan->numbers == NULL)
        return tn_fail_memory(error, plan->written_classes * sizeof *plan->numbers);
    for (size_t i = 0; i < plan->written_classes; i++)
        plan->numbers[i] = -1;
    plan->classes = 0;
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        json_int_t number = json_integer_value(json_array_get(wanted, i));
        if (number < 0 || (unsigned long long)number >= plan->written_classes)
            return tn_hypes_fail(hypes, "data.classes", error, "there is no class %lld: the labels hold classes 0 to %zu",
                                 (long long)number, plan->written_classes - 1);
        plan->numbers[number] = (int32_t)plan->classes++;
    }
    return TN_OK;
}

/* Labels of each step: classes always, and no filter chooses among samples that hold many. */
static tn_status plan_steps(tn_label_plan *plan, const tn_hypes *hypes, tn_source *const sources[TN_SOURCES], bool filtered,
                            tn_error *error)
{
    const json_t *padding = tn_hypes_value(hypes, "data.label.padding");
    plan->each_step = true;
    plan->steps = sources[0]->label_width;
    plan->has_padding = json_is_integer(padding);
    plan->padding = json_integer_value(padding);
    if (filtered)
        return tn_hypes_fail(hypes, "data.classes", error,
                             "keeps samples by their class, but here each step has one; leave data.classes out");
    if (plan->task != TN_TASK_CLASSIFICATION)
        return tn_hypes_fail(
            hypes, "loss", error,
            "labels of each step are classes; use \"softmax_cross_entropy\". For real targets leave data.label.each_step out");
    plan->kind = TN_LABELS_CLASSES;
    for (size_t s = 0; s < TN_SOURCES; s++) {
        tn_status status = sources[s] != NULL ? count_step_classes(plan, sources[s], &plan->written_classes, error) : TN_OK;
        if (status != TN_OK)
            return status;
    }
    if (sources[0]->class_names != NULL)
        plan->written_classes = sources[0]->class_count;
    plan->classes = plan->written_classes;
    return TN_OK;
}

static tn_status check_flags(tn_source *const sources[TN_SOURCES], tn_error *error)
{
    for (size_t s = 0; s < TN_SOURCES; s++)
        for (size_t i = 0; sources[s] != NULL && i < sources[s]->samples * sources[s]->label_width; i++) {
            size_t row = i / sources[s]->label_width, column = i % sources[s]->label_width;
            double value = tn_source_label(sources[s], row, column);
            if (is_flag(value) && sources[s]->class_names == NULL)
                continue;
            tn_fail(error, TN_ERROR_DATA,
                    "label %zu of row %zu (both from 0) is %g%s; expected 1 for yes or 0 for no, since each label is asked by itself. For "
                    "real targets use the loss mse, mae or huber, or metric r2",
                    column, row, value, sources[s]->class_names != NULL ? ", the number of a word" : "");
            tn_source_error_at(sources[s], row, error);
            return TN_ERROR_DATA;
        }
    return TN_OK;
}

tn_status tn_label_plan_init(tn_label_plan *plan, const tn_hypes *hypes, tn_source *const sources[TN_SOURCES], tn_error *error)
{
    *plan = (tn_label_plan){.task = find_task(hypes, sources[0]), .kind = TN_LABELS_TARGETS, .steps = 1};
    const json_t *wanted = tn_hypes_value(hypes, "data.classes");
    bool filtered = json_is_array(wanted) && json_array_size(wanted) > 0;
    if (json_is_true(tn_hypes_value(hypes, "data.label.each_step")) || sources[0]->labels_each_step)
        return plan_steps(plan, hypes, sources, filtered, error);
    if (plan->task == TN_TASK_REGRESSION) {
        if (sources[0]->class_names != NULL)
            return tn_hypes_fail(hypes, "solver.metric", error,
                                 "labels are words (such as '%.40s'), which have no distance; use a cross entropy and metric accuracy",
                                 sources[0]->class_names[0]);
        if (filtered)
            return tn_hypes_fail(hypes, "data.classes", error, "labels are real numbers here, not classes; leave data.classes out");
        return TN_OK;
    }
    if (plan->task == TN_TASK_MULTILABEL) {
        plan->kind = TN_LABELS_FLAGS;
        if (filtered)
            return tn_hypes_fail(hypes, "data.classes", error,
                                 "keeps samples by their class, but here each has several labels; leave data.classes out");
        return check_flags(sources, error);
    }
    plan->kind = TN_LABELS_CLASSES;
    bool words = sources[0]->class_names != NULL; /* those of validation and test files are then the training file's */
    for (size_t s = 0; s < (words ? 1 : TN_SOURCES); s++) {
        tn_status status = sources[s] != NULL ? count_classes(sources[s], &plan->written_classes, error) : TN_OK;
        if (status != TN_OK)
            return status;
    }
    plan->classes = plan->written_classes;
    return filtered ? read_filter(plan, hypes, wanted, error) : TN_OK;
}

void tn_label_plan_deinit(tn_label_plan *plan)
{
    tn_memory_destroy(plan->numbers);
    plan->numbers = NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The number that the training file gives to word `number` of another file. */
static tn_status translate_word(const tn_source *train, const tn_source *source, size_t row, size_t *number, tn_error *error)
{
    char **found =
        bsearch(&source->class_names[*number], train->class_names, train->class_count, sizeof *train->class_names, compare_names);
    if (found == NULL) {
        tn_fail(error, TN_ERROR_DATA,
                "the label '%.60s' occurs in no training sample; expected one of %zu words, the first of which is '%.60s'",
                source->class_names[*number], train->class_count, train->class_names[0]);
        tn_source_error_at(source, row, error);
        return TN_ERROR_DATA;
    }
    *number = (size_t)(found - train->class_names);
    return TN_OK;
}

tn_status tn_labels_number(const tn_label_plan *plan, const tn_source *train, const tn_source *source, int32_t *class_of, tn_error *error)
{
    for (size_t i = 0; plan->each_step && i < source->samples * plan->steps; i++) {
        tn_status status = read_step(plan, source, i / plan->steps, i % plan->steps, &class_of[i], error);
        if (status != TN_OK)
            return status;
    }
    for (size_t row = 0; !plan->each_step && row < source->samples; row++) {
        size_t number;
        tn_status status = read_class(source, row, &number, error);
        if (status == TN_OK && source->class_names != NULL && source != train)
            status = translate_word(train, source, row, &number, error);
        if (status != TN_OK)
            return status;
        class_of[row] = plan->numbers != NULL ? plan->numbers[number] : (int32_t)number;
    }
    return TN_OK;
}

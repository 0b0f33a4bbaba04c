/* native_facts.c: what is known of a subject before it trains: its data as the network and the loss see them, and what a loss of no skill would be.
 *
 * Labels are read whole. Means and extremes of the inputs are those of up to 10,000 training samples and 10^8 values, a fixed random choice; values that are not finite
 * take no part in them. Non-finite inputs are looked for in all training samples, up to 10^8 values, beyond that in the same choice. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "subject/native.h"

enum { STATISTICS_SAMPLES = 10000 };
#define SEARCHED_VALUES ((size_t)100000000)

/* A chunk of samples that is gathered at once: about so many values, at least one sample. */
enum { CHUNK_VALUES = 1 << 16 };

/* ---- inputs ---- */

/* What a walk through the training set needs. */
typedef struct walk_memory {
    float *inputs, *targets; /* of one chunk */
    int32_t *labels;
    size_t chunk_samples;
} walk_memory;

static void find_inputs(tn_subject_facts *facts, const tn_data_summary *data)
{
    facts->input_mean = data->mean;
    facts->input_std = data->std;
    facts->input_min = data->min;
    facts->input_max = data->max;
    facts->input_std_min = INFINITY;
    facts->input_std_max = 0;
    for (size_t f = 0; f < data->features; f++) {
        const tn_column_summary *of = &data->feature[f];
        if (of->constant || of->finite == 0) {
            facts->constant_features++;
            continue;
        }
        facts->input_std_min = fmin(facts->input_std_min, of->std);
        facts->input_std_max = fmax(facts->input_std_max, of->std);
    }
    if (facts->constant_features == data->features)
        facts->input_std_min = 0;
}

/* Walks through samples [count] of the training set (NULL: its first `count`), a chunk at a time. builder NULL: look for non-finite inputs only. */
static void walk(tn_native *native, const uint32_t *samples, size_t count, const walk_memory *memory, tn_data_builder *builder)
{
    tn_subject_facts *facts = &native->facts;
    const tn_dataset *set = native->data.train;
    size_t width = facts->features, chunk_samples = memory->chunk_samples;
    bool classes = tn_dataset_label_kind(set) == TN_LABELS_CLASSES;
    uint32_t numbers[CHUNK_VALUES / 64], rows[CHUNK_VALUES / 64];
    facts->nonfinite_inputs = 0;
    for (size_t first = 0; first < count; first += chunk_samples) {
        size_t part = count - first < chunk_samples ? count - first : chunk_samples;
        for (size_t i = 0; i < part; i++)
            numbers[i] = samples ? samples[first + i] : (uint32_t)(first + i);
        tn_dataset_inputs(set, numbers, part, memory->inputs);
        for (size_t i = 0; i < part; i++) {
            size_t found = tn_native_count_nonfinite(memory->inputs + i * width, width);
            rows[i] = (uint32_t)tn_dataset_row(set, numbers[i]);
            if (found && facts->nonfinite_inputs == 0)
                facts->nonfinite_input_row = rows[i];
            facts->nonfinite_inputs += found;
        }
        if (!builder)
            continue;
        if (classes)
            tn_dataset_class_labels(set, numbers, part, memory->labels);
        else
            tn_dataset_target_labels(set, numbers, part, memory->targets);
        bool has_class = classes && tn_dataset_label_steps(set) == 1;
        tn_data_summary_add(builder, memory->inputs, has_class ? memory->labels : NULL, classes ? NULL : memory->targets, rows, part);
    }
}

/* Looks at the data as the network sees them, and keeps the summary for the trials' observers. */
static tn_status find_input_facts(tn_native *native, bool are_tokens, tn_error *error)
{
    tn_subject_facts *facts = &native->facts;
    const tn_dataset *set = native->data.train;
    size_t width = facts->features, total = tn_dataset_samples(set), values, classes = tn_dataset_classes(set);
    size_t steps = tn_dataset_label_steps(set);
    size_t affordable = SEARCHED_VALUES / (width ? width : 1) + 1;
    const tn_data_shape shape = {
        .features = width,
        .classes = steps == 1 ? classes : 0, /* a summary knows of one label a sample */
        .targets = classes ? 0 : tn_dataset_targets(set),
        .ignored = tn_dataset_ignored(set),
        .is_table = tn_dataset_shape(set)->rank == 1 && !are_tokens,
        .is_codes = are_tokens,
    };
    walk_memory memory = {.chunk_samples = width < 64 ? CHUNK_VALUES / 64 : width < CHUNK_VALUES ? CHUNK_VALUES / width : 1};
    tn_probe probe;
    tn_status status = tn_probe_init(&probe, set, (uint64_t)tn_hypes_integer(native->hypes, "data.seed"), TN_PROBE_STATISTICS,
                                     affordable < STATISTICS_SAMPLES ? affordable : STATISTICS_SAMPLES, error);
    if (status == TN_OK)
        status = tn_data_builder_create(&shape, &native->summary, error);
    if (status != TN_OK) {
        tn_probe_deinit(&probe);
        return status;
    }
    memory.inputs = tn_memory_create(memory.chunk_samples * width, sizeof *memory.inputs);
    memory.labels = tn_size_multiply(memory.chunk_samples, steps, &values) ? tn_memory_create(values, sizeof *memory.labels) : NULL;
    memory.targets =
        tn_size_multiply(memory.chunk_samples, shape.targets, &values) ? tn_memory_create(values, sizeof *memory.targets) : NULL;
    if (!memory.inputs || !memory.labels || !memory.targets)
        status = tn_fail_memory(error, memory.chunk_samples * width * sizeof *memory.inputs);
    else {
        walk(native, probe.samples, probe.count, &memory, native->summary);
        native->summarised = tn_data_builder_summary(native->summary);
        find_inputs(facts, native->summarised);
        if (probe.count < total && tn_size_multiply(total, width, &values) && values <= SEARCHED_VALUES)
            walk(native, NULL, total, &memory, NULL);
    }
    tn_memory_destroy(memory.inputs);
    tn_memory_destroy(memory.labels);
    tn_memory_destroy(memory.targets);
    tn_probe_deinit(&probe);
    return status;
}

/* ---- labels ---- */

/* One output's target over the training samples. */
typedef struct target {
    double mean, variance, absolute; /* absolute: mean deviation from the median */
    double min, max;
} target;

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Sorts values [count], count > 0. */
static target target_of(float *values, size_t count)
{
    target of = {0};
    double sum = 0, squares = 0, deviations = 0;
    qsort(values, count, sizeof *values, compare_floats);
    double median = count % 2 ? (double)values[count / 2] : ((double)values[count / 2 - 1] + (double)values[count / 2]) / 2;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i];
    of.mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) {
        squares += ((double)values[i] - of.mean) * ((double)values[i] - of.mean);
        deviations += fabs((double)values[i] - median);
    }
    of.variance = squares / (double)count;
    of.absolute = deviations / (double)count;
    of.min = (double)values[0];
    of.max = (double)values[count - 1];
    return of;
}

/* The same for an output that has to be 1 for a share of the samples, else 0. */
static target indicator_of(double share)
{
    return (target){.mean = share, .variance = share * (1 - share), .absolute = fmin(share, 1 - share), .max = 1};
}

static double entropy_term(double share)
{
    return share > 0 ? -share * log(share) : 0;
}

/* The loss of one output whose best constant is put out; NAN for losses where it is not known. */
static double trivial_of(const char *loss, const target *of)
{
    if (strcmp(loss, "mse") == 0)
        return of->variance;
    if (strcmp(loss, "mae") == 0)
        return of->absolute;
    bool binary = strcmp(loss, "sigmoid_cross_entropy") == 0 || strcmp(loss, "binary_cross_entropy") == 0;
    if (binary && of->mean >= 0 && of->mean <= 1)
        return entropy_term(of->mean) + entropy_term(1 - of->mean);
    return NAN;
}

/* A sample's loss, to the reduced loss of a batch. */
static double reduced(const tn_native *native, double loss)
{
    double labels = (double)(native->facts.batch_size * tn_dataset_label_steps(native->data.train));
    return strcmp(tn_hypes_string(native->hypes, "loss.reduction"), "sum") == 0 ? loss * labels : loss;
}

/* counts [classes] of the training labels [samples]; values [samples] are the labels as numbers. */
static void judge_classes(tn_native *native, const size_t *counts, size_t classes, float *values, size_t samples)
{
    tn_subject_facts *facts = &native->facts;
    const char *loss = tn_hypes_string(native->hypes, "loss.name");
    double entropy = 0, sum = 0, total = (double)samples;
    size_t most = 0;
    for (size_t k = 0; k < classes; k++) {
        double share = (double)counts[k] / total;
        const target of = indicator_of(share);
        facts->classes += counts[k] > 0;
        most = counts[k] > most ? counts[k] : most;
        entropy += entropy_term(share);
        sum += trivial_of(loss, &of);
    }
    const target numbers = target_of(values, samples);
    facts->majority = (double)most / total;
    facts->label_min = numbers.min;
    facts->label_max = numbers.max;
    facts->label_mean = numbers.mean;
    facts->label_std = sqrt(numbers.variance);
    bool categorical = strcmp(loss, "softmax_cross_entropy") == 0 || strcmp(loss, "categorical_cross_entropy") == 0;
    if (categorical)
        facts->trivial_loss = reduced(native, entropy);
    else if (facts->outputs == 1)
        facts->trivial_loss = reduced(native, trivial_of(loss, &numbers));
    else /* one-hot; outputs that no class uses are 0 and cost nothing */
        facts->trivial_loss = reduced(native, sum / (double)facts->outputs);
}

static tn_status find_class_facts(tn_native *native, tn_error *error)
{
    const tn_dataset *set = native->data.train;
    size_t samples = tn_dataset_samples(set), classes = tn_dataset_classes(set), total = 0, known = 0;
    bool fits = tn_size_multiply(samples, tn_dataset_label_steps(set), &total);
    int32_t *labels = fits ? tn_memory_create(total, sizeof *labels) : NULL;
    size_t *counts = tn_memory_create(classes, sizeof *counts);
    float *values = fits ? tn_memory_create(total, sizeof *values) : NULL;
    tn_status status = TN_OK;
    if (!labels || !counts || !values)
        status = tn_fail_memory(error, total * sizeof *labels);
    else {
        tn_dataset_class_labels(set, NULL, samples, labels);
        for (size_t i = 0; i < total; i++) {
            if (labels[i] < 0)
                continue;
            values[known++] = (float)labels[i];
            counts[labels[i]]++;
        }
        judge_classes(native, counts, classes, values, known);
    }
    tn_memory_destroy(labels);
    tn_memory_destroy(counts);
    tn_memory_destroy(values);
    return status;
}

static tn_status find_target_facts(tn_native *native, tn_error *error)
{
    tn_subject_facts *facts = &native->facts;
    const tn_dataset *set = native->data.train;
    size_t samples = tn_dataset_samples(set), width = tn_dataset_targets(set), values;
    float *rows = tn_size_multiply(samples, width, &values) ? tn_memory_create(values, sizeof *rows) : NULL;
    float *column = tn_memory_create(samples, sizeof *column);
    if (!rows || !column) {
        tn_memory_destroy(rows);
        tn_memory_destroy(column);
        return tn_fail_memory(error, samples * sizeof *rows);
    }
    tn_dataset_target_labels(set, NULL, samples, rows);
    double trivial = 0, mean = 0, squares = 0;
    facts->label_min = INFINITY;
    facts->label_max = -INFINITY;
    for (size_t k = 0; k < width; k++) {
        for (size_t i = 0; i < samples; i++)
            column[i] = rows[i * width + k];
        const target of = target_of(column, samples);
        trivial += trivial_of(tn_hypes_string(native->hypes, "loss.name"), &of) / (double)width;
        mean += of.mean / (double)width;
        squares += (of.variance + of.mean * of.mean) / (double)width;
        facts->label_min = fmin(facts->label_min, of.min);
        facts->label_max = fmax(facts->label_max, of.max);
    }
    facts->trivial_loss = reduced(native, trivial);
    facts->label_mean = mean;
    facts->label_std = sqrt(fmax(squares - mean * mean, 0));
    tn_memory_destroy(rows);
    tn_memory_destroy(column);
    return TN_OK;
}

tn_status tn_native_find_facts(tn_native *native, const tn_trainer *trainer, tn_error *error)
{
    const tn_hypes *hypes = native->hypes;
    const tn_data *data = &native->data;
    const json_t *name = tn_hypes_value(hypes, "name");
    bool classes = tn_dataset_label_kind(data->train) == TN_LABELS_CLASSES;
    uint64_t batch = (uint64_t)tn_hypes_integer(hypes, "solver.batch_size"), samples = tn_dataset_samples(data->train);
    size_t probed = tn_probe_samples(data->valid, TN_PROBE_SAMPLES);
    uint32_t knobs = (TN_KNOB_PATCH << 1) - 1;
    native->facts = (tn_subject_facts){
        .layers = tn_native_count_plugins(native->hypes),
        .kind = "native",
        .name = json_is_string(name) ? json_string_value(name) : tn_hypes_name(hypes),
        .parameters = tn_trainer_parameters(trainer),
        .train_samples = samples,
        .probe_samples = probed,
        .probe_is_validation = probed > 0,
        .task = data->task == TN_TASK_CLASSIFICATION ? TN_SUBJECT_CLASSIFICATION
                : data->task == TN_TASK_MULTILABEL   ? TN_SUBJECT_MULTILABEL
                                                     : TN_SUBJECT_REGRESSION,
        .features = tn_shape_size(tn_dataset_shape(data->train)),
        .outputs = tn_trainer_label_width(trainer),
        .steps_total = tn_trainer_steps_total(trainer),
        .steps_per_epoch = tn_trainer_steps_per_epoch(trainer),
        .batch_size = batch < samples ? batch : samples,
        .learning_rate = tn_hypes_number(hypes, "solver.learning_rate"),
        .work = tn_trainer_work(trainer),
        .expected_loss = tn_trainer_expected_loss(trainer),
        /* Classes have no scale, nor have yes and no. */
        .knobs = data->task == TN_TASK_REGRESSION ? knobs : knobs & ~(uint32_t)TN_KNOB_LABEL_SCALE,
    };
    if (tn_trainer_takes_tokens(trainer)) /* nor have tokens */
        native->facts.knobs &= ~(uint32_t)TN_KNOB_INPUT_SCALE;
    tn_status status = find_input_facts(native, tn_trainer_takes_tokens(trainer), error);
    if (status == TN_OK)
        status = classes ? find_class_facts(native, error) : find_target_facts(native, error);
    return status;
}

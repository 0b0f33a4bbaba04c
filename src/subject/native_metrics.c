/* native_metrics.c: what a person reads after a training on the engine: the metrics of samples that are scored (metrics.h), and, once and of all of them, those of the test samples.
 *
 * Nothing here decides anything. Test samples are seen by no experiment, and by no rule. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "subject/metrics.h"
#include "subject/native.h"

/* Test samples are predicted so many at a time, between which Ctrl-C is heard; and as many as have this many outputs together, 256 MB. */
enum { CHUNK = 1024 };
static const size_t OUTPUTS_MAX = (size_t)1 << 26;

/* Adds what rows and columns of a confusion matrix stand for, where classes have names; false where memory is out. */
static bool name_classes(const tn_dataset *train, json_t *metrics)
{
    const size_t classes = json_array_size(json_object_get(metrics, "confusion"));
    if (classes == 0 || !tn_dataset_class_name(train, 0))
        return true;
    json_t *names = json_array();
    bool whole = names != NULL;
    for (size_t k = 0; k < classes && whole; k++) {
        const char *name = tn_dataset_class_name(train, k);
        json_t *word = name ? json_string(name) : NULL; /* NULL too where it is no UTF-8 */
        whole = json_array_append_new(names, word ? word : json_null()) == 0;
    }
    return json_object_set_new(metrics, "classes", names) == 0 && whole;
}

json_t *tn_native_metrics(const tn_data *data, const tn_probe *probe, const tn_trainer *trainer, double threshold, float *outputs,
                          const float *losses)
{
    const size_t width = tn_trainer_output_size(trainer), rows = probe->count * probe->width;
    float *targets = probe->targets ? tn_memory_create(rows, sizeof *targets) : NULL;
    if (probe->targets && !targets)
        return NULL;
    if (targets)
        memcpy(targets, probe->targets, rows * sizeof *targets);
    for (size_t i = 0; i < probe->count && targets; i++) {
        tn_probe_unscale(probe, targets + i * probe->width);
        tn_probe_unscale(probe, outputs + i * width);
    }
    const tn_answers answers = {.count = probe->count,
                                .steps = probe->steps,
                                .width = width / probe->steps,
                                .outputs = outputs,
                                .losses = losses,
                                .classes = probe->classes,
                                .targets = targets,
                                .are_flags = tn_dataset_label_kind(probe->set) == TN_LABELS_FLAGS,
                                .are_boxes = tn_dataset_has_boxes(probe->set),
                                .are_counts = tn_dataset_has_counts(probe->set),
                                .threshold = threshold};
    json_t *metrics = tn_metrics_measure(&answers);
    tn_memory_destroy(targets);
    bool whole = metrics && json_object_set_new(metrics, "samples", json_integer((json_int_t)probe->count)) == 0 &&
                 name_classes(data->train, metrics);
    if (whole)
        return metrics;
    json_decref(metrics);
    return NULL;
}

static bool is_cancelled(const tn_native *native)
{
    return native->cancel && atomic_load_explicit(&native->cancel->requested, memory_order_relaxed);
}

/* false where the user has interrupted it, or a layer has failed. */
static bool predict(const tn_native *native, tn_trainer *trainer, const tn_probe *probe, float *outputs, float *losses)
{
    const size_t width = tn_trainer_output_size(trainer);
    for (size_t first = 0, count; first < probe->count; first += count) {
        count = probe->count - first < CHUNK ? probe->count - first : CHUNK;
        if (is_cancelled(native) || tn_trainer_fault(trainer))
            return false;
        tn_trainer_predict(trainer, probe->set, probe->samples + first, count, outputs + first * width, losses + first);
    }
    return true;
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* Of predictions; NULL where memory is out. */
static json_t *test_json(const tn_data *data, const tn_probe *probe, const tn_trainer *trainer, double threshold, float *outputs,
                         const float *losses)
{
    double score, loss;
    tn_probe_judge(probe, trainer, threshold, outputs, losses, &score, &loss);
    json_t *test = tn_native_metrics(data, probe, trainer, threshold, outputs, losses);
    bool whole = test && json_object_set_new(test, "of", json_string("test")) == 0 &&
                 json_object_set_new(test, "score", number(score)) == 0 && json_object_set_new(test, "loss", number(loss)) == 0;
    if (whole)
        return test;
    json_decref(test);
    return NULL;
}

tn_status tn_native_test(const tn_native *native, const tn_data *data, tn_trainer *trainer, double threshold, json_t **test,
                         tn_error *error)
{
    const size_t width = tn_trainer_output_size(trainer), samples = tn_dataset_samples(data->test);
    const size_t fit = OUTPUTS_MAX / width > 0 ? OUTPUTS_MAX / width : 1, count = samples < fit ? samples : fit;
    tn_probe probe;
    tn_status status =
        tn_probe_init_count(&probe, data->test, (uint64_t)tn_hypes_integer(native->hypes, "data.seed"), TN_PROBE_TEST, count, error);
    if (status != TN_OK)
        return status;
    float *outputs = tn_memory_create(count * width, sizeof *outputs), *losses = tn_memory_create(count, sizeof *losses);
    if (!outputs || !losses) {
        status = tn_fail_memory(error, count * width * sizeof *outputs);
    } else if (predict(native, trainer, &probe, outputs, losses)) {
        *test = test_json(data, &probe, trainer, threshold, outputs, losses);
        status = *test ? TN_OK : tn_fail_memory(error, 64);
    }
    tn_memory_destroy(outputs);
    tn_memory_destroy(losses);
    tn_probe_deinit(&probe);
    return status;
}

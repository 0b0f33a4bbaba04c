/* native_probe.c: which samples are scored, and their score; the definition of a score is in score.h.
 *
 * R2 of a target does not change when target and output go through the same affine map, so the score is taken in scaled units and holds for original ones. */
#include <math.h>

#include "base/memory.h"
#include "base/rng.h"
#include "subject/native.h"
#include "subject/score.h"

/* samples [count] = `count` of the numbers below `total`, ascending, each choice equally likely (Knuth, TAOCP 3.4.2, algorithm S). */
static void choose(uint64_t seed, tn_probe_use use, size_t total, size_t count, uint32_t *samples)
{
    tn_rng rng;
    tn_rng_init(&rng, seed, (uint64_t)TN_STREAM_PROBE | (uint64_t)use << 32);
    size_t chosen = 0;
    for (size_t i = 0; chosen < count; i++)
        if (count - chosen == total - i || tn_rng_below(&rng, total - i) < count - chosen)
            samples[chosen++] = (uint32_t)i;
}

/* Each step of a sequence is a prediction of its own. */
enum { SEQUENCES_MIN = 32, LABELS_EACH = 4 };

size_t tn_probe_samples(const tn_dataset *set, size_t most)
{
    size_t total = set ? tn_dataset_samples(set) : 0, steps = set ? tn_dataset_label_steps(set) : 1;
    if (steps > LABELS_EACH)
        most = LABELS_EACH * most / steps > SEQUENCES_MIN ? LABELS_EACH * most / steps : most < SEQUENCES_MIN ? most : SEQUENCES_MIN;
    return total < most ? total : most;
}

tn_status tn_probe_init(tn_probe *probe, const tn_dataset *set, uint64_t seed, tn_probe_use use, size_t most, tn_error *error)
{
    *probe = (tn_probe){.set = set};
    return set ? tn_probe_init_count(probe, set, seed, use, tn_probe_samples(set, most), error) : TN_OK;
}

tn_status tn_probe_init_count(tn_probe *probe, const tn_dataset *set, uint64_t seed, tn_probe_use use, size_t count, tn_error *error)
{
    size_t total = tn_dataset_samples(set), values;
    *probe = (tn_probe){.set = set};
    probe->count = count;
    probe->width = tn_dataset_targets(set);
    probe->steps = tn_dataset_label_steps(set);
    probe->samples = tn_memory_create(count, sizeof *probe->samples);
    bool classes = tn_dataset_label_kind(set) == TN_LABELS_CLASSES;
    if (classes && tn_size_multiply(count, probe->steps, &values))
        probe->classes = tn_memory_create(values, sizeof *probe->classes);
    else if (!classes && tn_size_multiply(count, probe->width, &values))
        probe->targets = tn_memory_create(values, sizeof *probe->targets);
    if (!probe->samples || (classes ? !probe->classes : !probe->targets)) {
        tn_probe_deinit(probe);
        return tn_fail_memory(error, count * sizeof *probe->samples);
    }
    choose(seed, use, total, count, probe->samples);
    if (classes)
        tn_dataset_class_labels(set, probe->samples, count, probe->classes);
    else
        tn_dataset_target_labels(set, probe->samples, count, probe->targets);
    return TN_OK;
}

void tn_probe_deinit(tn_probe *probe)
{
    tn_memory_destroy(probe->samples);
    tn_memory_destroy(probe->classes);
    tn_memory_destroy(probe->targets);
    *probe = (tn_probe){0};
}

void tn_probe_unscale(const tn_probe *probe, float *row)
{
    for (size_t k = 0; probe->targets && k < probe->width; k++) {
        double shift, gain;
        tn_dataset_label_scaling(probe->set, k, &shift, &gain);
        row[k] = (float)((gain != 0 ? (double)row[k] / gain : 0) + shift);
    }
}

void tn_probe_score(const tn_probe *probe, tn_trainer *trainer, double threshold, float *outputs, float *losses, double *score,
                    double *loss)
{
    *score = *loss = NAN;
    if (probe->count == 0)
        return;
    tn_trainer_predict(trainer, probe->set, probe->samples, probe->count, outputs, losses);
    tn_probe_judge(probe, trainer, threshold, outputs, losses, score, loss);
}

void tn_probe_judge(const tn_probe *probe, const tn_trainer *trainer, double threshold, const float *outputs, const float *losses,
                    double *score, double *loss)
{
    if (probe->steps > 1) {
        *score = tn_score_sequences(probe->count, probe->steps, losses, probe->classes, loss);
        return;
    }
    double sum = 0;
    for (size_t i = 0; i < probe->count; i++)
        sum += (double)losses[i];
    *loss = sum / (double)probe->count;
    if (tn_dataset_label_kind(probe->set) == TN_LABELS_FLAGS)
        *score = tn_score_flags(probe->count, probe->width, outputs, probe->targets, threshold);
    else if (probe->classes)
        *score = tn_score_classification(probe->count, tn_trainer_output_size(trainer), outputs, probe->classes, threshold);
    else
        *score = tn_score_regression(probe->count, probe->width, outputs, probe->targets);
}

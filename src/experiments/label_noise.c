/* label_noise.c: see label_noise.h. */
#include "experiments/label_noise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "experiments/neighbours.h"
#include "subject/score.h"

/* Parts of the cross-validation; passes of a short training over what is left; and how few steps one has at least. A network learns the rule before the exceptions (Arpit et al. 2017,
 * arXiv:1706.05394), so the trainings are short. */
enum { FOLDS = 5, PASSES = 10, STEPS_MIN = 200, SAMPLES_MIN = 100 };

/* Out of sample the network must beat the trivial predictor by this much, else its doubts say nothing. Unit: score on the labels as given, which noise lowers: with 60 % of the labels wrong among ten
 * classes even a perfect network has 0.4. */
static const double JUDGE_MIN = 0.2;

/* The mean must rise by this much, and close this share of what is missing to 1. Unit: score on undoubted samples. On clean data, leaving out what the network finds hard gains less
 * (bench/label_noise.py). */
static const double GAIN_MIN = 0.01, SHARE_CLOSED = 0.2;

static int compare_rows(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = ((const tn_shown_sample *)b)->row;
    return (x > y) - (x < y);
}

/* Which of the examined samples stands in this row; samples stand in the order of the file. NULL: none. */
static const tn_shown_sample *find_row(const tn_label_noise *noise, size_t row)
{
    return bsearch(&row, noise->seen.shown, noise->seen.shown_count, sizeof *noise->seen.shown, compare_rows);
}

static json_t *excluded_already(tn_investigation *investigation)
{
    const json_t *given = tn_hypes_value(investigation->hypes, "data.exclude");
    return tn_json_checked(investigation, json_is_array(given) ? json_deep_copy(given) : json_array());
}

/* Appends the examined sample's row. */
static void add_row(tn_investigation *investigation, const tn_label_noise *noise, json_t *rows, size_t sample)
{
    tn_json_append(investigation, rows, json_integer((json_int_t)noise->seen.shown[sample].row));
}

/* {"data.exclude": [...]}: the rows of a part, and with_suspects those of the suspects outside it. */
static json_t *exclusion(tn_investigation *investigation, const tn_label_noise *noise, size_t fold, bool with_suspects)
{
    json_t *patch = tn_json_checked(investigation, json_object()), *rows = excluded_already(investigation);
    for (size_t i = 0; i < noise->seen.shown_count; i++)
        if (noise->fold[i] == fold)
            add_row(investigation, noise, rows, i);
    for (size_t i = 0; with_suspects && i < noise->count; i++)
        if (noise->suspects[i].by_network && noise->fold[noise->suspects[i].sample] != fold)
            add_row(investigation, noise, rows, noise->suspects[i].sample);
    tn_json_set(investigation, patch, "data.exclude", rows);
    return patch;
}

json_t *tn_label_noise_patch(tn_investigation *investigation, const tn_label_noise *noise)
{
    return exclusion(investigation, noise, FOLDS, true);
}

/* The knobs of every trial here: the examined samples alone. */
static tn_trial_request request_of(const tn_investigation *investigation, uint64_t steps, size_t samples)
{
    tn_trial_request request = tn_trial_as_given("suspects", steps);
    if (samples < investigation->facts->train_samples) {
        request.knobs.set |= TN_KNOB_SAMPLES;
        request.knobs.samples = samples;
    }
    request.shown_samples = samples;
    request.unscored = true;
    return request;
}

static size_t samples_of(const tn_investigation *investigation)
{
    double most = tn_investigation_setting(investigation, "suspect_samples", 4000);
    uint64_t all = investigation->facts->train_samples;
    return (size_t)fmin((double)all, most);
}

/* Outputs [width] of a network as probabilities of its classes [classes]: two for a single output. */
static void to_probabilities(const tn_investigation *investigation, const float *outputs, size_t width, float *row, size_t classes)
{
    const char *loss = tn_hypes_string(investigation->hypes, "loss.name");
    bool is_softmax = strcmp(loss, "softmax_cross_entropy") == 0 && width > 1, is_logit = strcmp(loss, "sigmoid_cross_entropy") == 0;
    double highest = -INFINITY, sum = 0;
    for (size_t k = 0; k < width; k++)
        highest = fmax(highest, (double)outputs[k]);
    for (size_t k = 0; k < width; k++) {
        double value = (double)outputs[k];
        value = is_softmax ? exp(value - highest) : is_logit ? 1 / (1 + exp(-value)) : fmin(fmax(value, 0), 1);
        row[k] = isfinite(value) ? (float)value : 0;
        sum += (double)row[k];
    }
    if (width == 1) {
        row[1] = row[0];
        row[0] = 1 - row[1];
        return;
    }
    for (size_t k = 0; k < classes; k++)
        row[k] = sum > 0 ? (float)((double)row[k] / sum) : 1 / (float)classes;
}

/* ---- the samples ---- */

static tn_status look_at_samples(tn_investigation *investigation, tn_label_noise *noise, tn_error *error)
{
    tn_trial_request request = request_of(investigation, 1, samples_of(investigation));
    tn_status status = tn_trials_run(investigation, &request, &noise->seen, 1, error);
    size_t count = noise->seen.shown_count;
    if (status != TN_OK || !tn_trial_is_valid(&request, &noise->seen))
        return status;
    if (count < SAMPLES_MIN || noise->seen.label_size != 1 || noise->seen.output_size == 0) {
        snprintf(noise->why_unknown, sizeof noise->why_unknown, "%zu samples are too few to doubt one of them; %d are wanted", count,
                 SAMPLES_MIN);
        return TN_OK;
    }
    noise->classes = noise->seen.output_size > 1 ? noise->seen.output_size : 2;
    noise->labels = tn_memory_create(count, sizeof *noise->labels);
    noise->fold = tn_memory_create(count, sizeof *noise->fold);
    noise->agreed = tn_memory_create(count, sizeof *noise->agreed);
    noise->suspects = tn_memory_create(count, sizeof *noise->suspects);
    uint32_t *order = tn_memory_create(count, sizeof *order);
    if (noise->labels && noise->fold && noise->agreed && noise->suspects && order) {
        tn_rng rng;
        tn_rng_init(&rng, investigation->options->seed, TN_STREAM_EXPERIMENT);
        tn_rng_permutation(&rng, order, count);
        for (size_t i = 0; i < count; i++) {
            noise->labels[i] = (int32_t)noise->seen.shown[i].label[0];
            noise->fold[order[i]] = (uint8_t)(i % FOLDS);
        }
    } else {
        status = tn_fail_memory(error, count * sizeof *noise->suspects);
    }
    tn_memory_destroy(order);
    return status;
}

/* ---- the network as a judge ---- */

/* probabilities [count, classes] of every sample, by the training that did not see it. *complete: all are known. */
static tn_status predict_out_of_sample(tn_investigation *investigation, tn_label_noise *noise, float *probabilities, bool *complete,
                                       tn_outcome *outcome, tn_error *error)
{
    size_t count = noise->seen.shown_count, kept = count - count / FOLDS, predicted = 0;
    uint64_t batch = noise->seen.batch_size > 0 ? noise->seen.batch_size : 1, passes = PASSES * ((kept + batch - 1) / batch),
             most = tn_look_steps(investigation);
    noise->steps = passes > STEPS_MIN ? passes : STEPS_MIN;
    noise->steps = noise->steps < most ? noise->steps : most;
    tn_trial_request requests[FOLDS];
    tn_trial_result results[FOLDS];
    json_t *patches[FOLDS];
    for (size_t f = 0; f < FOLDS; f++) {
        patches[f] = exclusion(investigation, noise, f, false);
        requests[f] = request_of(investigation, noise->steps, count);
        requests[f].knobs.set |= TN_KNOB_PATCH;
        requests[f].knobs.patch = patches[f];
        requests[f].shown_left_out = true;
    }
    tn_investigation_expect(investigation, FOLDS * noise->steps, "predicting samples that were left out");
    tn_status status = tn_trials_run(investigation, requests, results, FOLDS, error);
    for (size_t f = 0; f < FOLDS && status == TN_OK; f++) {
        bool valid = tn_trial_is_valid(&requests[f], &results[f]) && results[f].output_size == noise->seen.output_size;
        for (size_t i = 0; valid && i < results[f].shown_count; i++) {
            const tn_shown_sample *at = find_row(noise, results[f].shown[i].row);
            if (!at || !results[f].shown[i].output_after)
                continue;
            to_probabilities(investigation, results[f].shown[i].output_after, noise->seen.output_size,
                             probabilities + (size_t)(at - noise->seen.shown) * noise->classes, noise->classes);
            predicted++;
        }
        requests[f].knobs.patch = NULL; /* thousands of rows are not for the report */
        requests[f].knobs.set &= ~(uint32_t)TN_KNOB_PATCH;
        tn_outcome_add_trial(investigation, outcome, &requests[f], &results[f]);
    }
    tn_trials_deinit(results, FOLDS);
    for (size_t f = 0; f < FOLDS; f++)
        json_decref(patches[f]);
    *complete = predicted == count;
    return status;
}

/* ---- the neighbours as a judge ---- */

static tn_status find_neighbours(tn_investigation *investigation, const tn_label_noise *noise, uint32_t *neighbours, tn_error *error)
{
    size_t count = noise->seen.shown_count, size = noise->seen.input_size, values;
    float *inputs = tn_size_multiply(count, size, &values) ? tn_memory_create(values, sizeof *inputs) : NULL;
    if (!inputs)
        return tn_fail_memory(error, count * sizeof *inputs);
    for (size_t i = 0; i < count; i++)
        memcpy(inputs + i * size, noise->seen.shown[i].inputs, size * sizeof *inputs);
    /* Pixels share one unit, and those of the rim, which hardly ever vary, would decide; columns of a table have units of their own. */
    if (noise->seen.input_height == 0)
        tn_neighbours_standardize(inputs, count, size);
    tn_neighbours_find(investigation->pool, inputs, count, size, TN_SUSPECT_NEIGHBOURS, neighbours);
    tn_memory_destroy(inputs);
    return TN_OK;
}

/* ---- together ---- */

static tn_status judge(tn_label_noise *noise, const float *probabilities, const uint32_t *neighbours, tn_error *error)
{
    size_t count = noise->seen.shown_count;
    noise->out_of_sample = tn_score_classification(count, noise->classes, probabilities, noise->labels, 0.5);
    if (!(noise->out_of_sample >= JUDGE_MIN)) {
        snprintf(noise->why_unknown, sizeof noise->why_unknown,
                 "samples that were left out are predicted with a score of %.2f; from %.2f on, the network's doubts mean something",
                 noise->out_of_sample, JUDGE_MIN);
        return TN_OK;
    }
    tn_status status =
        tn_suspects_find(probabilities, noise->labels, neighbours, count, noise->classes, noise->suspects, &noise->count, error);
    if (status == TN_OK)
        status = tn_suspects_weigh(probabilities, noise->labels, count, noise->classes, &noise->doubt, error);
    for (size_t i = 0; i < count && status == TN_OK; i++)
        noise->agreed[i] = tn_suspects_argmax(probabilities + i * noise->classes, noise->classes) == noise->labels[i];
    for (size_t i = 0; i < noise->count && status == TN_OK; i++) {
        noise->agreed[noise->suspects[i].sample] = false;
        noise->by_network += noise->suspects[i].by_network;
        noise->by_both += noise->suspects[i].by_network && noise->suspects[i].by_neighbours;
    }
    noise->known = status == TN_OK;
    return status;
}

tn_status tn_label_noise_examine(tn_investigation *investigation, tn_label_noise *noise, tn_outcome *outcome, tn_error *error)
{
    *noise = (tn_label_noise){.seen.end = TN_TRIAL_CANCELLED, .out_of_sample = NAN};
    tn_status status = look_at_samples(investigation, noise, error);
    if (status != TN_OK || !noise->suspects)
        return status;
    size_t count = noise->seen.shown_count;
    float *probabilities = tn_memory_create(count * noise->classes, sizeof *probabilities);
    uint32_t *neighbours = tn_memory_create(count * TN_SUSPECT_NEIGHBOURS, sizeof *neighbours);
    bool complete = false;
    if (!probabilities || !neighbours)
        status = tn_fail_memory(error, count * noise->classes * sizeof *probabilities);
    if (status == TN_OK)
        status = predict_out_of_sample(investigation, noise, probabilities, &complete, outcome, error);
    if (status == TN_OK && complete)
        status = find_neighbours(investigation, noise, neighbours, error);
    if (status == TN_OK && complete)
        status = judge(noise, probabilities, neighbours, error);
    tn_memory_destroy(probabilities);
    tn_memory_destroy(neighbours);
    return status;
}

void tn_label_noise_deinit(tn_label_noise *noise)
{
    tn_trial_result_deinit(&noise->seen);
    tn_memory_destroy(noise->labels);
    tn_memory_destroy(noise->fold);
    tn_memory_destroy(noise->agreed);
    tn_memory_destroy(noise->suspects);
    *noise = (tn_label_noise){0};
}

/* ---- the control ---- */

/* The score of what a trial makes of the undoubted samples of part `fold`; 0 at least, NAN where they tell nothing. */
static double score_of(const tn_investigation *investigation, const tn_label_noise *noise, size_t fold, const tn_trial_result *result,
                       float *probabilities, int32_t *labels)
{
    size_t count = 0;
    for (size_t i = 0; i < result->shown_count; i++) {
        const tn_shown_sample *at = find_row(noise, result->shown[i].row);
        size_t sample = at ? (size_t)(at - noise->seen.shown) : 0;
        if (!at || noise->fold[sample] != fold || !noise->agreed[sample] || !result->shown[i].output_after)
            continue;
        to_probabilities(investigation, result->shown[i].output_after, noise->seen.output_size, probabilities + count * noise->classes,
                         noise->classes);
        labels[count++] = noise->labels[sample];
    }
    return count > 0 ? fmax(0, tn_score_classification(count, noise->classes, probabilities, labels, 0.5)) : NAN;
}

static void weigh(tn_confirmation *confirmation)
{
    size_t pairs = confirmation->pairs;
    for (size_t i = 0; i < pairs; i++) {
        confirmation->before_mean += confirmation->before[i] / (double)pairs;
        confirmation->after_mean += confirmation->after[i] / (double)pairs;
        confirmation->better += confirmation->after[i] > confirmation->before[i];
    }
    size_t needed = pairs == TN_PAIRED_SEEDS_MAX ? TN_PAIRED_SEEDS_MAX - 1 : pairs;
    confirmation->consistent = pairs >= FOLDS && confirmation->better >= needed;
    double gain = confirmation->after_mean - confirmation->before_mean;
    confirmation->confirmed = confirmation->consistent && gain >= fmax(GAIN_MIN, SHARE_CLOSED * (1 - confirmation->before_mean));
}

tn_status tn_label_noise_confirm(tn_investigation *investigation, const tn_label_noise *noise, uint64_t steps,
                                 tn_confirmation *confirmation, tn_outcome *outcome, tn_error *error)
{
    *confirmation = (tn_confirmation){0};
    size_t pairs = tn_race_pair_count(investigation, steps), count = noise->seen.shown_count;
    tn_trial_request requests[2 * TN_PAIRED_SEEDS_MAX];
    tn_trial_result results[2 * TN_PAIRED_SEEDS_MAX];
    json_t *patches[2 * TN_PAIRED_SEEDS_MAX];
    float *probabilities = tn_memory_create(count * noise->classes, sizeof *probabilities);
    int32_t *labels = tn_memory_create(count, sizeof *labels);
    if (!probabilities || !labels) {
        tn_memory_destroy(probabilities);
        tn_memory_destroy(labels);
        return tn_fail_memory(error, count * noise->classes * sizeof *probabilities);
    }
    for (size_t i = 0; i < 2 * pairs; i++) {
        patches[i] = exclusion(investigation, noise, i / 2 % FOLDS, i % 2);
        requests[i] = request_of(investigation, steps, count);
        requests[i].knobs.set |= TN_KNOB_SEED | TN_KNOB_PATCH;
        requests[i].knobs.seed = tn_race_fresh_seed(investigation, i / 2);
        requests[i].knobs.patch = patches[i];
        requests[i].shown_left_out = true;
    }
    tn_investigation_expect(investigation, 2 * pairs * steps, "training without the suspects");
    tn_status status = tn_trials_run(investigation, requests, results, 2 * pairs, error);
    for (size_t i = 0; i < 2 * pairs && status == TN_OK; i += 2) {
        double scores[2] = {NAN, NAN};
        for (size_t arm = 0; arm < 2; arm++) {
            if (tn_trial_is_valid(&requests[i + arm], &results[i + arm]))
                scores[arm] = score_of(investigation, noise, i / 2 % FOLDS, &results[i + arm], probabilities, labels);
            requests[i + arm].knobs.set &= ~(uint32_t)TN_KNOB_PATCH;
            json_t *entry = tn_trial_json(investigation, &requests[i + arm], &results[i + arm]);
            tn_json_set(investigation, entry, "without_suspects", json_boolean(arm == 1));
            tn_json_set(investigation, entry, "score_on_undoubted", tn_json_number(scores[arm]));
            tn_json_append(investigation, outcome->trials, entry);
        }
        if (isnan(scores[0]) || isnan(scores[1]))
            continue;
        confirmation->before[confirmation->pairs] = scores[0];
        confirmation->after[confirmation->pairs++] = scores[1];
    }
    tn_trials_deinit(results, 2 * pairs);
    for (size_t i = 0; i < 2 * pairs; i++)
        json_decref(patches[i]);
    tn_memory_destroy(probabilities);
    tn_memory_destroy(labels);
    if (status == TN_OK)
        weigh(confirmation);
    return status;
}

/* label_signal.c: see label_signal.h. */
#include "experiments/label_signal.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "experiments/neighbours.h"
#include "experiments/race.h"

enum { SAMPLES = 600, SAMPLES_MIN = 100, NEIGHBOURS = 5, PERMUTATIONS = 20 };

/* The vote must beat permuted labels by this many standard deviations, and by this much. */
static const double DEVIATIONS = 4, MARGIN = 0.03;

/* Pairs of the control. Equality, unlike a repair, is judged by means, so that more seeds than these tell little more. */
enum { CONTROL_PAIRS = 5 };

/* Scores of given and permuted labels count as equal within this; and the given ones must be near trivial. Unit: score. */
static const double CONTROL_EQUAL = 0.05, CONTROL_TRIVIAL = 0.15;

/* What permuted labels reach, as a share of what the given ones do, from which the labels tell the network nothing. A network that learns reaches several times as much in a few epochs. */
static const double MEMORISED_SHARE = 0.75;

/* Fewer samples than these are learnt by heart by every network that learns them at all: a truth table, a few points. Own choice. */
enum { MEMORISED_SAMPLES_MIN = 32 };

/* Share of samples whose label the most of their neighbours have. */
static double vote(const float *labels, const uint32_t *order, const uint32_t *neighbours, size_t count)
{
    size_t right = 0;
    for (size_t i = 0; i < count; i++) {
        float best_label = NAN;
        size_t best_votes = 0;
        for (size_t k = 0; k < NEIGHBOURS; k++) {
            float label = labels[order[neighbours[i * NEIGHBOURS + k]]];
            size_t votes = 0;
            for (size_t m = 0; m < NEIGHBOURS; m++)
                votes += labels[order[neighbours[i * NEIGHBOURS + m]]] == label;
            if (votes > best_votes) {
                best_votes = votes;
                best_label = label;
            }
        }
        right += best_label == labels[order[i]];
    }
    return (double)right / (double)count;
}

/* R2 of the neighbours' mean as a prediction of one target. */
static double explained(const float *labels, const uint32_t *order, const uint32_t *neighbours, size_t count)
{
    double mean = 0, residual = 0, total = 0;
    for (size_t i = 0; i < count; i++)
        mean += (double)labels[i] / (double)count;
    for (size_t i = 0; i < count; i++) {
        double predicted = 0, label = (double)labels[order[i]];
        for (size_t k = 0; k < NEIGHBOURS; k++)
            predicted += (double)labels[order[neighbours[i * NEIGHBOURS + k]]] / NEIGHBOURS;
        residual += (label - predicted) * (label - predicted);
        total += (label - mean) * (label - mean);
    }
    return total > 0 ? 1 - residual / total : 0;
}

/* The vote on class numbers, or the mean R2 over targets; labels [targets, count]. */
static double tell(const tn_investigation *investigation, const float *labels, size_t targets, const uint32_t *order,
                   const uint32_t *neighbours, size_t count)
{
    if (investigation->facts->task == TN_SUBJECT_CLASSIFICATION)
        return vote(labels, order, neighbours, count);
    double sum = 0;
    for (size_t k = 0; k < targets; k++)
        sum += explained(labels + k * count, order, neighbours, count);
    return sum / (double)targets;
}

/* Puts in place of each target its rank among those of `count` samples, equal ones in the middle of theirs: a few targets far off the rest, a slipped decimal point, would else be all that R2 sees. */
static tn_status rank_targets(float *labels, size_t targets, size_t count, tn_error *error)
{
    float *ranks = tn_memory_create(count, sizeof *ranks);
    if (!ranks)
        return tn_fail_memory(error, count * sizeof *ranks);
    for (size_t k = 0; k < targets; k++) {
        float *of_target = labels + k * count;
        for (size_t i = 0; i < count; i++) {
            size_t less = 0, equal = 0;
            for (size_t m = 0; m < count; m++) {
                less += of_target[m] < of_target[i];
                equal += of_target[m] == of_target[i];
            }
            ranks[i] = (float)less + 0.5f * (float)equal;
        }
        memcpy(of_target, ranks, count * sizeof *ranks);
    }
    tn_memory_destroy(ranks);
    return TN_OK;
}

static double majority_of(const float *labels, size_t count)
{
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t same = 0;
        for (size_t m = 0; m < count; m++)
            same += labels[m] == labels[i];
        most = same > most ? same : most;
    }
    return (double)most / (double)count;
}

/* See label_signal.h. */
static double as_score(const tn_investigation *investigation, const float *labels, size_t label_size, size_t count, double given)
{
    bool classes = investigation->facts->task == TN_SUBJECT_CLASSIFICATION;
    bool repeated =
        investigation->hypes && !investigation->facts->is_program && json_is_true(tn_hypes_value(investigation->hypes, "data.balance"));
    if (repeated || (classes && label_size > 1))
        return NAN;
    double majority = classes ? majority_of(labels, count) : 0;
    return majority < 1 ? (given - majority) / (1 - majority) : NAN;
}

/* Asks the neighbours, of the labels as they are given and permuted. `order` is 0, 1, ... and comes back permuted. */
static void vote_and_permute(const tn_investigation *investigation, const float *labels, size_t targets, uint32_t *order,
                             const uint32_t *neighbours, tn_label_signal *signal)
{
    size_t count = signal->samples;
    tn_rng rng;
    tn_rng_init(&rng, investigation->options->seed, TN_STREAM_EXPERIMENT);
    signal->given = tell(investigation, labels, targets, order, neighbours, count);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < PERMUTATIONS; i++) {
        tn_rng_permutation(&rng, order, count);
        double value = tell(investigation, labels, targets, order, neighbours, count);
        sum += value;
        squares += value * value;
    }
    signal->permuted = sum / PERMUTATIONS;
    signal->permuted_std = sqrt(fmax(0, squares / PERMUTATIONS - signal->permuted * signal->permuted));
    signal->present = signal->given > signal->permuted + fmax(MARGIN, DEVIATIONS * signal->permuted_std);
    signal->known = true;
}

static tn_status measure(tn_investigation *investigation, const tn_trial_result *result, tn_label_signal *signal, tn_error *error)
{
    size_t count = result->shown_count, size = result->input_size;
    bool classes = investigation->facts->task == TN_SUBJECT_CLASSIFICATION;
    size_t targets = classes ? 1 : result->label_size;
    float *inputs = tn_memory_create(count * size, sizeof *inputs), *labels = tn_memory_create(count * targets, sizeof *labels);
    uint32_t *neighbours = tn_memory_create(count * NEIGHBOURS, sizeof *neighbours), *order = tn_memory_create(count, sizeof *order);
    tn_status status = TN_OK;
    if (!inputs || !labels || !neighbours || !order) {
        status = tn_fail_memory(error, count * size * sizeof *inputs);
    } else {
        for (size_t i = 0; i < count; i++) {
            for (size_t f = 0; f < size; f++)
                inputs[i * size + f] = result->shown[i].inputs[f];
            for (size_t k = 0; k < targets; k++)
                labels[k * count + i] = result->shown[i].label[k];
            order[i] = (uint32_t)i;
        }
        tn_neighbours_standardize(inputs, count, size);
        tn_neighbours_find(investigation->pool, inputs, count, size, NEIGHBOURS, neighbours);
        double told = tell(investigation, labels, targets, order, neighbours, count);
        signal->samples = count;
        signal->score = as_score(investigation, labels, result->label_size, count, told);
        if (!classes)
            status = rank_targets(labels, targets, count, error);
        if (status == TN_OK)
            vote_and_permute(investigation, labels, targets, order, neighbours, signal);
    }
    tn_memory_destroy(inputs);
    tn_memory_destroy(labels);
    tn_memory_destroy(neighbours);
    tn_memory_destroy(order);
    return status;
}

tn_status tn_label_signal_measure(tn_investigation *investigation, tn_label_signal *signal, tn_error *error)
{
    *signal = (tn_label_signal){.score = NAN};
    if (investigation->facts->train_samples < SAMPLES_MIN)
        return TN_OK;
    tn_investigation_expect(investigation, 1, "whether neighbours have like labels");
    tn_trial_request request = tn_trial_as_given("label_signal", 1);
    request.unscored = true;
    request.shown_samples = SAMPLES;
    tn_trial_result result;
    tn_status status = tn_trials_run(investigation, &request, &result, 1, error);
    if (status == TN_OK && tn_trial_is_valid(&request, &result) && result.shown_count >= SAMPLES_MIN && result.label_size >= 1)
        status = measure(investigation, &result, signal, error);
    tn_trial_result_deinit(&result);
    return status;
}

tn_status tn_label_control_run(tn_investigation *investigation, uint64_t steps, tn_label_control *control, tn_outcome *outcome,
                               tn_error *error)
{
    *control = (tn_label_control){0};
    const size_t pairs = CONTROL_PAIRS;
    tn_trial_request requests[2 * CONTROL_PAIRS];
    tn_trial_result results[2 * CONTROL_PAIRS];
    for (size_t i = 0; i < 2 * pairs; i++) {
        requests[i] = tn_trial_as_given("label_control", steps);
        requests[i].knobs.set |= TN_KNOB_SEED | (i % 2 ? TN_KNOB_SHUFFLE_LABELS : 0u);
        requests[i].knobs.seed = tn_race_fresh_seed(investigation, i / 2);
    }
    tn_investigation_expect(investigation, 2 * pairs * steps, "permuted labels as a control");
    tn_status status = tn_trials_run(investigation, requests, results, 2 * pairs, error);
    for (size_t i = 0; i < 2 * pairs && status == TN_OK; i += 2) {
        tn_outcome_add_trial(investigation, outcome, &requests[i], &results[i]);
        tn_outcome_add_trial(investigation, outcome, &requests[i + 1], &results[i + 1]);
        if (!tn_trial_is_valid(&requests[i], &results[i]) || !tn_trial_is_valid(&requests[i + 1], &results[i + 1]))
            continue;
        control->given_mean += tn_trial_standing(investigation, &results[i]);
        control->permuted_mean += tn_trial_standing(investigation, &results[i + 1]);
        control->pairs++;
    }
    tn_trials_deinit(results, 2 * pairs);
    if (control->pairs > 0) {
        control->given_mean /= (double)control->pairs;
        control->permuted_mean /= (double)control->pairs;
    }
    control->equal = control->pairs == pairs && control->given_mean < CONTROL_TRIVIAL &&
                     fabs(control->given_mean - control->permuted_mean) < CONTROL_EQUAL;
    return status;
}

tn_status tn_label_control_memorises(tn_investigation *investigation, const tn_look *look, const tn_fix *fix, double standing,
                                     bool *memorises, tn_outcome *outcome, tn_error *error)
{
    *memorises = false;
    uint64_t samples = investigation->facts->train_samples;
    if (!investigation->facts->is_program || !look->near_trivial || (samples > 0 && samples < MEMORISED_SAMPLES_MIN) ||
        tn_investigation_refusal(investigation, TN_KNOB_SHUFFLE_LABELS))
        return TN_OK;
    tn_trial_request request = tn_trial_as_given("label_control", look->steps);
    tn_fix_apply(investigation, fix, &request.knobs);
    request.knobs.set |= TN_KNOB_SHUFFLE_LABELS;
    tn_investigation_expect(investigation, request.knobs.steps, "permuted labels as a control");
    tn_trial_result result;
    tn_status status = tn_trials_run(investigation, &request, &result, 1, error);
    if (status == TN_OK && tn_trial_is_valid(&request, &result)) {
        double permuted = tn_trial_standing(investigation, &result);
        *memorises = permuted >= MEMORISED_SHARE * standing;
        tn_outcome_add_trial(investigation, outcome, &request, &result);
        if (*memorises)
            tn_evidence_add(investigation, outcome->evidence, permuted, standing, "control: permuted labels",
                            "%s: score %.2f, and %.2f with permuted labels: it only memorises", fix->text, standing, permuted);
    }
    tn_trial_result_deinit(&result);
    return status;
}

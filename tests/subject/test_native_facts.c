/* test_native_facts.c: facts and shown samples, compared with what the files hold and with losses worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "support_subject.h"

static void near(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("%.17g, expected %.17g", found, expected);
}

static void shown_samples_are_those_of_the_file(void **state)
{
    const problem *files = *state;
    tn_hypes *hypes =
        blob_hypes(files, ", \"input\": 2", "[{\"op\": \"dense\", \"units\": 8}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 3}]",
                   "\"softmax_cross_entropy\"", "{\"learning_rate\": 0.3}");
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_request request = plain_request(200);
    request.shown_samples = 20;
    tn_trial_result result = run_trial(subject, &request, 1);
    assert_int_equal(result.shown_count, 20);
    assert_int_equal(result.input_size, 2);
    assert_int_equal(result.label_size, 1);
    assert_int_equal(result.output_size, 3);
    size_t distinct = 1, right = 0;
    for (size_t i = 0; i < 20; i++) {
        const tn_shown_sample *sample = &result.shown[i];
        assert_true(sample->row < BLOB_ROWS);
        distinct += i > 0 && sample->row > result.shown[i - 1].row;
        assert_true(sample->inputs[0] == 2 * files->blobs[sample->row][0]);
        assert_true(sample->inputs[1] == 2 * files->blobs[sample->row][1]);
        assert_true(sample->label[0] == (float)files->labels[sample->row]);
        /* The losses are those of these outputs. */
        const float *outputs[2] = {sample->output_before, sample->output_after};
        const double losses[2] = {sample->loss_before, sample->loss_after};
        for (size_t k = 0; k < 2; k++) {
            double sum = 0;
            for (size_t c = 0; c < 3; c++)
                sum += exp((double)outputs[k][c]);
            near(losses[k], log(sum) - (double)outputs[k][files->labels[sample->row]], 1e-5);
        }
        right += sample->loss_after < log(2); /* more than half of the probability on the label */
    }
    assert_int_equal(distinct, 20);
    assert_true(right >= 19);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

static void targets_are_shown_in_original_units(void **state)
{
    const problem *files = *state;
    tn_hypes *hypes =
        line_hypes(files, ", \"label\": \"standardize\"", "[{\"op\": \"dense\", \"units\": 2}]", "\"mse\"", "{\"learning_rate\": 0.1}");
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_request request = plain_request(300);
    request.shown_samples = 10;
    tn_trial_result result = run_trial(subject, &request, 1);
    assert_int_equal(result.label_size, 2);
    for (size_t i = 0; i < 10; i++) {
        const tn_shown_sample *sample = &result.shown[i];
        double a = (double)files->line[sample->row][0], b = (double)files->line[sample->row][1];
        near((double)sample->label[0], 100 * a - 50 * b + 1000, 1e-2);
        near((double)sample->label[1], a, 1e-5);
        near((double)sample->output_after[0], 100 * a - 50 * b + 1000, 2);
        near((double)sample->output_after[1], a, 0.02);
    }
    assert_true(tn_trial_score(&result) > 0.999);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

static tn_subject_facts facts_of(tn_hypes *hypes)
{
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_subject_facts facts = *tn_subject_facts_of(subject);
    assert_string_equal(facts.kind, "native");
    assert_string_equal(facts.name, "test.json");
    facts.kind = facts.name = NULL; /* they belong to the subject */
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
    return facts;
}

/* With no validation split the training set is the file. */
#define WHOLE ", \"valid\": 0"

static void facts_of_classes(void **state)
{
    const problem *files = *state;
    tn_subject_facts facts =
        facts_of(blob_hypes(files, WHOLE, "[{\"op\": \"dense\", \"units\": 8}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 3}]",
                            "\"softmax_cross_entropy\"", "{\"batch_size\": 50, \"epochs\": 4, \"learning_rate\": 0.25}"));
    assert_int_equal(facts.task, TN_SUBJECT_CLASSIFICATION);
    assert_int_equal(facts.parameters, 2 * 8 + 8 + 8 * 3 + 3);
    assert_int_equal(facts.train_samples, BLOB_ROWS);
    assert_int_equal(facts.probe_samples, 0);
    assert_false(facts.probe_is_validation);
    assert_int_equal(facts.classes, 3);
    assert_int_equal(facts.features, 2);
    assert_int_equal(facts.outputs, 3);
    assert_int_equal(facts.steps_per_epoch, 12);
    assert_int_equal(facts.steps_total, 48);
    assert_int_equal(facts.batch_size, 50);
    assert_true(facts.learning_rate == 0.25);
    assert_true(facts.work >= 2 * 8 + 8 * 3);
    near(facts.expected_loss, log(3), 1e-12);
    assert_false(facts.knobs & TN_KNOB_LABEL_SCALE);
    assert_true(facts.knobs & TN_KNOB_PATCH);
    double counts[3] = {0}, entropy = 0, majority = 0, label_sum = 0, mean[2] = {0}, square[2] = {0}, low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < BLOB_ROWS; i++) {
        counts[files->labels[i]]++;
        label_sum += files->labels[i];
        for (size_t k = 0; k < 2; k++) {
            double value = (double)files->blobs[i][k];
            mean[k] += value / BLOB_ROWS;
            square[k] += value * value / BLOB_ROWS;
            low = fmin(low, value);
            high = fmax(high, value);
        }
    }
    for (size_t k = 0; k < 3; k++) {
        entropy -= counts[k] / BLOB_ROWS * log(counts[k] / BLOB_ROWS);
        majority = fmax(majority, counts[k] / BLOB_ROWS);
    }
    near(facts.trivial_loss, entropy, 1e-12);
    near(facts.majority, majority, 1e-12);
    assert_true(facts.label_min == 0 && facts.label_max == 2);
    near(facts.label_mean, label_sum / BLOB_ROWS, 1e-12);
    double all = (mean[0] + mean[1]) / 2, std[2] = {sqrt(square[0] - mean[0] * mean[0]), sqrt(square[1] - mean[1] * mean[1])};
    near(facts.input_mean, all, 1e-9);
    near(facts.input_std, sqrt((square[0] + square[1]) / 2 - all * all), 1e-9);
    near(facts.input_std_min, fmin(std[0], std[1]), 1e-9);
    near(facts.input_std_max, fmax(std[0], std[1]), 1e-9);
    assert_true(facts.input_min == low && facts.input_max == high);
    assert_int_equal(facts.constant_features, 0);
    assert_int_equal(facts.nonfinite_inputs, 0);
}

static void the_split_and_scaling_are_seen(void **state)
{
    tn_subject_facts facts = facts_of(
        blob_hypes(*state, ", \"input\": \"standardize\"", "[{\"op\": \"dense\", \"units\": 3}]", "\"softmax_cross_entropy\"", "{}"));
    assert_int_equal(facts.train_samples, 480);
    assert_int_equal(facts.probe_samples, 120);
    assert_true(facts.probe_is_validation);
    near(facts.input_mean, 0, 1e-5);
    near(facts.input_std, 1, 1e-5);
    near(facts.input_std_max, 1, 1e-5);
}

/* Trivial losses of three classes with shares p, for losses that see them one-hot, and of targets. */
static void trivial_losses(void **state)
{
    const problem *files = *state;
    static const char THREE[] = "[{\"op\": \"dense\", \"units\": 3}]", FOUR[] = "[{\"op\": \"dense\", \"units\": 4}]",
                      TWO[] = "[{\"op\": \"dense\", \"units\": 2}]";
    double p[3] = {0}, variance = 0, absolute = 0, binary = 0;
    for (size_t i = 0; i < BLOB_ROWS; i++)
        p[files->labels[i]] += 1.0 / BLOB_ROWS;
    for (size_t k = 0; k < 3; k++) {
        variance += p[k] * (1 - p[k]);
        absolute += fmin(p[k], 1 - p[k]);
        binary -= p[k] * log(p[k]) + (1 - p[k]) * log(1 - p[k]);
    }
    static const char ACCURACY[] = "{\"metric\": \"accuracy\", \"batch_size\": 10}";
    near(facts_of(blob_hypes(files, WHOLE, THREE, "\"mse\"", ACCURACY)).trivial_loss, variance / 3, 1e-9);
    near(facts_of(blob_hypes(files, WHOLE, FOUR, "\"mse\"", ACCURACY)).trivial_loss, variance / 4, 1e-9);
    near(facts_of(blob_hypes(files, WHOLE, THREE, "\"mae\"", ACCURACY)).trivial_loss, absolute / 3, 1e-9);
    near(facts_of(blob_hypes(files, WHOLE, THREE, "\"sigmoid_cross_entropy\"", ACCURACY)).trivial_loss, binary / 3, 1e-9);
    near(facts_of(blob_hypes(files, WHOLE, THREE, "{\"name\": \"mse\", \"reduction\": \"sum\"}", ACCURACY)).trivial_loss, 10 * variance / 3,
         1e-9);
    assert_true(isnan(facts_of(blob_hypes(files, WHOLE, THREE, "\"huber\"", ACCURACY)).trivial_loss));
    /* Two classes on one output. */
    tn_subject_facts two =
        facts_of(blob_hypes(files, WHOLE ", \"classes\": [2, 0]", "[{\"op\": \"dense\", \"units\": 1}, {\"op\": \"sigmoid\"}]",
                            "\"binary_cross_entropy\"", "{}"));
    double share = p[0] / (p[0] + p[2]);
    near(two.trivial_loss, -share * log(share) - (1 - share) * log(1 - share), 1e-6);
    assert_int_equal(two.classes, 2);
    near(two.expected_loss, log(2), 1e-12);
    /* Targets, scaled: the standardised ones have variance 1 each; the median's deviation by a slow way. */
    near(facts_of(line_hypes(files, WHOLE ", \"label\": \"standardize\"", TWO, "\"mse\"", "{}")).trivial_loss, 1, 1e-5);
    tn_subject_facts line = facts_of(line_hypes(files, WHOLE, TWO, "\"mae\"", "{}"));
    double best[2] = {INFINITY, INFINITY};
    for (size_t centre = 0; centre < LINE_ROWS; centre++) {
        double sums[2] = {0};
        for (size_t i = 0; i < LINE_ROWS; i++) {
            const double a = (double)files->line[i][0], b = (double)files->line[i][1], a0 = (double)files->line[centre][0],
                         b0 = (double)files->line[centre][1];
            sums[0] += fabs(100 * (a - a0) - 50 * (b - b0)) / LINE_ROWS;
            sums[1] += fabs(a - a0) / LINE_ROWS;
        }
        for (size_t k = 0; k < 2; k++)
            best[k] = fmin(best[k], sums[k]);
    }
    near(line.trivial_loss, (best[0] + best[1]) / 2, 1e-3);
    assert_int_equal(line.task, TN_SUBJECT_REGRESSION);
    assert_int_equal(line.classes, 0);
    assert_int_equal(line.outputs, 2);
    assert_true(isnan(line.expected_loss));
    assert_true(line.knobs & TN_KNOB_LABEL_SCALE);
    assert_true(line.label_max > 1000 && line.label_min < 0);
}

/* A file with a constant column, a huge one, and nothing to validate on. */
static void odd_columns(void **state)
{
    const problem *files = *state;
    char path[300];
    snprintf(path, sizeof path, "%s/odd.csv", files->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 100; i++)
        fprintf(file, "0.1,%d,%.17g,%d\n", i % 2, 3e9 + 1000.0 * (i % 2), i % 2);
    fclose(file);
    static const char TEXT[] = "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"odd.csv\", \"label\": 3}},"
                               " \"net\": [{\"op\": \"dense\", \"units\": 2}], \"loss\": \"softmax_cross_entropy\"}";
    tn_hypes *hypes;
    assert_int_equal(tn_hypes_parse(TEXT, strlen(TEXT), "test.json", files->folder, &hypes, NULL), TN_OK);
    tn_subject_facts facts = facts_of(hypes);
    assert_int_equal(facts.constant_features, 1);
    near(facts.input_std_min, 0.5, 1e-9);
    assert_true(facts.input_max >= 3e9);
    near(facts.majority, 0.5, 1e-12);
    near(facts.trivial_loss, log(2), 1e-12);
}

/* A NumPy file of float32 [rows, columns]. */
static void write_npy(const problem *files, const char *name, const float *values, size_t rows, size_t columns)
{
    char path[300], header[118];
    snprintf(path, sizeof path, "%s/%s", files->folder, name);
    memset(header, ' ', sizeof header);
    int length = snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, columns);
    header[length] = ' ';
    header[sizeof header - 1] = '\n';
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, file);
    fwrite(header, 1, sizeof header, file);
    fwrite(values, sizeof *values, rows * columns, file);
    assert_int_equal(fclose(file), 0);
}

static void undefined_inputs_are_found(void **state)
{
    static const char TEXT[] = "{\"data\": {\"train\": {\"format\": \"npy\", \"inputs\": \"x.npy\", \"labels\": \"y.npy\"}},"
                               " \"net\": [{\"op\": \"dense\", \"units\": 1}], \"loss\": \"mse\"}";
    enum { ROWS = 12000, COLUMNS = 3 }; /* more than statistics look at */
    static float inputs[ROWS][COLUMNS], labels[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        labels[i] = (float)i;
        for (size_t k = 0; k < COLUMNS; k++)
            inputs[i][k] = (float)((i * 7 + k) % 5);
    }
    inputs[11000][1] = NAN;
    inputs[11001][0] = -INFINITY;
    inputs[11999][2] = INFINITY;
    write_npy(*state, "x.npy", &inputs[0][0], ROWS, COLUMNS);
    write_npy(*state, "y.npy", labels, ROWS, 1);
    tn_hypes *hypes;
    assert_int_equal(tn_hypes_parse(TEXT, strlen(TEXT), "test.json", ((const problem *)*state)->folder, &hypes, NULL), TN_OK);
    json_t *patch = json_pack("{s:{s:i}}", "data.valid", "fraction", 0);
    tn_hypes *whole;
    assert_int_equal(tn_hypes_patch(hypes, patch, &whole, NULL), TN_OK);
    tn_subject_facts facts = facts_of(whole);
    assert_int_equal(facts.nonfinite_inputs, 3);
    assert_int_equal(facts.nonfinite_input_row, 11000);
    assert_true(facts.input_min == 0 && facts.input_max == 4);
    near(facts.input_mean, 2, 1e-2);
    assert_int_equal(facts.task, TN_SUBJECT_REGRESSION);
    json_decref(patch);
    tn_hypes_destroy(hypes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shown_samples_are_those_of_the_file),
        cmocka_unit_test(targets_are_shown_in_original_units),
        cmocka_unit_test(facts_of_classes),
        cmocka_unit_test(the_split_and_scaling_are_seen),
        cmocka_unit_test(trivial_losses),
        cmocka_unit_test(odd_columns),
        cmocka_unit_test(undefined_inputs_are_found),
    };
    return cmocka_run_group_tests(tests, problem_setup, problem_teardown);
}

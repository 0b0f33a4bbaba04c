/* test_data_summary.c: the summary of samples that stream by is that of all of them; what a feature tells of the label is told. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "run/data_summary.h"

enum { SAMPLES = 600, FEATURES = 5, CLASSES = 3 };

static tn_data_builder *builder_of(size_t features, size_t classes, size_t targets)
{
    tn_data_builder *builder;
    tn_error error;
    const tn_data_shape shape = {.features = features, .classes = classes, .targets = targets, .is_table = true};
    assert_int_equal(tn_data_builder_create(&shape, &builder, &error), TN_OK);
    return builder;
}

/* Feature 0: noise far from 0; 1: the label; 2: constant; 3: noise; 4: feature 3 again. */
static void make(float *inputs, int32_t *labels)
{
    tn_rng rng;
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    for (size_t i = 0; i < SAMPLES; i++) {
        float *row = inputs + i * FEATURES;
        labels[i] = (int32_t)(i % CLASSES);
        row[0] = 1e6f + (float)tn_rng_normal(&rng);
        row[1] = 7 * (float)labels[i];
        row[2] = -3;
        row[3] = row[4] = (float)tn_rng_normal(&rng);
    }
}

static void test_classes(void **state)
{
    (void)state;
    float inputs[SAMPLES * FEATURES];
    int32_t labels[SAMPLES];
    make(inputs, labels);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < SAMPLES; i++)
        sum += (double)inputs[i * FEATURES];
    for (size_t i = 0; i < SAMPLES; i++)
        squares += pow((double)inputs[i * FEATURES] - sum / SAMPLES, 2);
    /* In one part, and in parts of 7. */
    for (size_t part = SAMPLES; part > 0; part = part == SAMPLES ? 7 : 0) {
        tn_data_builder *builder = builder_of(FEATURES, CLASSES, 0);
        for (size_t first = 0; first < SAMPLES; first += part)
            tn_data_summary_add(builder, inputs + first * FEATURES, labels + first, NULL, NULL,
                                SAMPLES - first < part ? SAMPLES - first : part);
        const tn_data_summary *data = tn_data_builder_summary(builder);
        assert_int_equal(data->samples, SAMPLES);
        assert_int_equal(data->classes, CLASSES);
        for (size_t k = 0; k < CLASSES; k++)
            assert_int_equal(data->class_counts[k], SAMPLES / CLASSES);
        assert_true(fabs(data->feature[0].mean - sum / SAMPLES) < 1e-6);
        assert_true(fabs(data->feature[0].std - sqrt(squares / SAMPLES)) < 1e-9);
        assert_true(data->feature[0].tells < 0.05 && data->feature[3].tells < 0.05);
        assert_true(data->feature[1].tells > 1 - 1e-9);
        assert_true(data->feature[2].constant && isnan(data->feature[2].tells) && data->feature[2].std == 0);
        assert_int_equal(data->constant_features, 1);
        assert_true(data->feature[4].duplicate_of == 3 && data->feature[3].duplicate_of == TN_NO_COLUMN);
        assert_true(data->feature[3].changes > 0.99 && data->feature[2].changes == 0);
        assert_true(data->min == -3 || data->min < -3);
        assert_int_equal(data->nonfinite, 0);
        tn_data_builder_destroy(builder);
    }
}

static void test_targets(void **state)
{
    (void)state;
    tn_rng rng;
    tn_rng_init(&rng, 2, TN_STREAM_TEST);
    tn_data_builder *builder = builder_of(2, 0, 2);
    for (size_t i = 0; i < SAMPLES; i++) {
        const float inputs[2] = {(float)tn_rng_normal(&rng), (float)tn_rng_normal(&rng)};
        const float targets[2] = {5, 1000 - 2 * inputs[1]};
        tn_data_summary_add(builder, inputs, NULL, targets, NULL, 1);
    }
    const tn_data_summary *data = tn_data_builder_summary(builder);
    assert_true(data->target[0].constant && data->target[0].mean == 5);
    assert_true(fabs(data->target[1].mean - 1000) < 0.5 && fabs(data->target[1].std - 2) < 0.2);
    assert_true(data->feature[0].tells < 0.05 && data->feature[1].tells > 1 - 1e-6);
    tn_data_builder_destroy(builder);
}

static void test_nonfinite(void **state)
{
    (void)state;
    tn_data_builder *builder = builder_of(2, 0, 1);
    const float inputs[8] = {1, 2, 1, NAN, INFINITY, 2, 1, 4}, targets[4] = {1, 2, 3, NAN};
    const uint32_t rows[4] = {10, 20, 30, 40};
    tn_data_summary_add(builder, inputs, NULL, targets, rows, 4);
    const tn_data_summary *data = tn_data_builder_summary(builder);
    assert_int_equal(data->nonfinite, 2);
    assert_int_equal(data->nonfinite_row, 20);
    assert_int_equal(data->nonfinite_labels, 1);
    assert_int_equal(data->nonfinite_label_row, 40);
    assert_true(data->feature[0].constant && data->feature[0].nonfinite == 1 && data->feature[0].mean == 1);
    assert_true(data->feature[1].finite == 3 && data->feature[1].max == 4 && isnan(data->feature[1].tells));
    tn_data_builder_destroy(builder);
    builder = builder_of(3, 0, 0);
    data = tn_data_builder_summary(builder); /* nothing seen */
    assert_true(data->samples == 0 && data->mean == 0 && data->std == 0);
    tn_data_builder_destroy(builder);
    tn_data_builder_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_nonfinite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

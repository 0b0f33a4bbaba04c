/* test_rule_input_statistics.c: broken, huge, tiny, constant, duplicate and leaking features fire; standardised ones, bytes, one-hot columns and images do not. */
#include "rules/support_rules.h"

#include <math.h>
#include <string.h>

enum { SAMPLES = 400, FEATURES = 6 };

typedef struct made {
    float inputs[SAMPLES * FEATURES];
    int32_t labels[SAMPLES];
} made;

static const tn_data_shape TABLE = {.features = FEATURES, .classes = 4, .is_table = true};

/* Standardised features of which the first two have something to do with the label. */
static void make(watch *w, made *data)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        data->labels[i] = (int32_t)(tn_rng_uniform(&w->rng) * 4) % 4;
        for (size_t f = 0; f < FEATURES; f++)
            data->inputs[i * FEATURES + f] = (float)(tn_rng_normal(&w->rng) + (f < 2 ? data->labels[i] : 0));
    }
}

static void judge(watch *w, const tn_data_shape *shape, const made *data)
{
    watch_data(w, shape, data->inputs, data->labels, NULL, SAMPLES);
    watch_loss(w, 1);
    watch_end(w);
}

typedef enum fault { NONE, BROKEN, NOTHING, LEAKING, HUGE_VALUES, TINY, MOSTLY_CONSTANT, TWICE, FAULTS } fault;

static void spoil(made *data, fault what)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        float *row = data->inputs + i * FEATURES;
        if (what == BROKEN && i == 17)
            row[3] = NAN;
        if (what == LEAKING)
            row[4] = 3 * (float)data->labels[i] - 1;
        if (what == HUGE_VALUES)
            row[2] *= 1e5f;
        if (what == TWICE)
            row[5] = row[1];
        for (size_t f = 0; f < FEATURES; f++) {
            if (what == NOTHING || (what == MOSTLY_CONSTANT && f > 0))
                row[f] = 2;
            if (what == TINY)
                row[f] *= 1e-6f;
        }
    }
}

static void test_faults(void **state)
{
    (void)state;
    static const char *const words[FAULTS] = {"",
                                              "1 input values are NaN",
                                              "all 6 features are constant",
                                              "feature 4 alone explains",
                                              "feature 2 has a root mean square",
                                              "no feature has",
                                              "5 of 6 features never change",
                                              "feature 5 is feature 1 again"};
    /* By which a debug knows which of the several things it was. */
    static const char *const causes[FAULTS] = {
        NULL, "nonfinite_input", "constant_feature", "leaky_feature", "unscaled_input", "unscaled_input", "constant_feature", NULL};
    made data;
    for (int what = BROKEN; what < FAULTS; what++) {
        watch w;
        watch_start(&w, "input_statistics", 1);
        make(&w, &data);
        spoil(&data, (fault)what);
        judge(&w, &TABLE, &data);
        assert_fired(&w);
        if (!strstr(w.signal.text, words[what]))
            fail_msg("\"%s\" does not say \"%s\"", w.signal.text, words[what]);
        assert_severity(&w, what <= NOTHING ? TN_SIGNAL_ERROR : TN_SIGNAL_WARNING);
        assert_string_equal(w.signal.tensor, "input");
        assert_int_equal(w.signal.step, 1);
        assert_true(causes[what] ? w.signal.cause && strcmp(w.signal.cause, causes[what]) == 0 : !w.signal.cause);
        if (what == LEAKING)
            assert_int_equal(w.signal.feature, 4);
        watch_stop(&w);
    }
}

/* Half of the features are as many as it takes; what the user has switched off does not count. */
static void test_half_constant(void **state)
{
    (void)state;
    made data;
    watch w;
    for (size_t ignored = 0; ignored < 2; ignored++) {
        watch_start(&w, "input_statistics", 1);
        make(&w, &data);
        for (size_t i = 0; i < SAMPLES * FEATURES; i++)
            if (i % FEATURES >= FEATURES / 2)
                data.inputs[i] = 1;
        tn_data_shape shape = TABLE;
        shape.ignored = ignored;
        judge(&w, &shape, &data);
        if (ignored == 0)
            assert_fired(&w);
        else
            assert_quiet(&w);
        watch_stop(&w);
    }
}

static void test_healthy(void **state)
{
    (void)state;
    made data;
    watch w;
    for (int kind = 0; kind < 5; kind++) {
        watch_start(&w, "input_statistics", 1);
        make(&w, &data);
        tn_data_shape shape = TABLE;
        for (size_t i = 0; i < SAMPLES * FEATURES; i++) {
            if (kind == 1) /* bytes */
                data.inputs[i] = (float)floor(255 * tn_rng_uniform(&w.rng));
            if (kind == 2) /* rare words, some in pairs */
                data.inputs[i] = (i / FEATURES) % 100 == (i % FEATURES) / 2;
            if (kind == 3 && i % FEATURES > 1) /* an image with a margin, grey in three channels */
                data.inputs[i] = i % FEATURES > 3 ? 0 : data.inputs[i - 1];
            if (kind == 4) /* numbers of words */
                data.inputs[i] = (float)floor(30000 * tn_rng_uniform(&w.rng));
        }
        shape.is_table = kind != 3;
        shape.is_codes = kind == 4;
        judge(&w, &shape, &data);
        assert_quiet(&w);
        watch_stop(&w);
    }
}

/* Where the first op takes care of the scale there is nothing to say; the order of tensors does not matter. */
static void test_normalised(void **state)
{
    (void)state;
    made data;
    static const char *const ops[] = {"dense", "batch_norm", "layer_norm", "embedding"};
    for (size_t i = 0; i < 4; i++) {
        watch w;
        watch_start(&w, "input_statistics", 1);
        make(&w, &data);
        spoil(&data, HUGE_VALUES);
        const float values[2] = {1, 2};
        const tn_tensor_name later = {"relu_1", NULL, "relu", 1, TN_ROLE_ACTIVATION, 2, 2},
                             first = {"op_0", NULL, ops[i], 0, TN_ROLE_ACTIVATION, 2, 2};
        watch_data(&w, &TABLE, data.inputs, data.labels, NULL, SAMPLES);
        watch_values(&w, &later, 1, values, 2);
        watch_values(&w, &first, 0, values, 2);
        watch_loss(&w, 1);
        if (i == 0)
            assert_fired(&w);
        else
            assert_quiet(&w);
        watch_stop(&w);
    }
}

static void test_targets_settings_too_few(void **state)
{
    (void)state;
    made data;
    watch w;
    watch_start(&w, "input_statistics", 1);
    make(&w, &data);
    float targets[SAMPLES];
    for (size_t i = 0; i < SAMPLES; i++)
        targets[i] = 100 + 5 * data.inputs[i * FEATURES + 3];
    const tn_data_shape shape = {.features = FEATURES, .targets = 1, .is_table = true};
    watch_data(&w, &shape, data.inputs, NULL, targets, SAMPLES);
    watch_loss(&w, 1);
    assert_fired(&w);
    watch_stop(&w);
    watch_start(&w, "input_statistics", 1);
    watch_set(&w, "large", 0.1);
    judge(&w, &TABLE, &data);
    assert_fired(&w);
    watch_stop(&w);
    watch_start(&w, "input_statistics", 1);
    watch_data(&w, &TABLE, data.inputs, data.labels, NULL, 5);
    watch_loss(&w, 1);
    assert_too_few(&w);
    watch_stop(&w);
    watch_start(&w, "input_statistics", 1);
    watch_loss(&w, 1); /* nothing is known */
    watch_end(&w);
    assert_too_few(&w);
    watch_stop(&w);
}

/* Of a program only the whole is known, or a batch. */
static void test_without_columns(void **state)
{
    (void)state;
    watch w;
    static const struct {
        double std;
        uint64_t nonfinite;
        bool fires;
    } wholes[] = {{1, 0, false}, {150, 0, false}, {1e5, 0, true}, {1e-7, 0, true}, {1, 3, true}};
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++) {
        watch_start(&w, "input_statistics", 1);
        const tn_data_summary data = {.samples = 1000, .features = 4, .std = wholes[i].std, .nonfinite = wholes[i].nonfinite};
        w.rule->on_data(w.state, w.settings, &w.signal, &data);
        watch_loss(&w, 1);
        if (wholes[i].fires)
            assert_fired(&w);
        else
            assert_quiet(&w);
        watch_stop(&w);
    }
    const tn_tensor_name input = {"input", NULL, NULL, 0, TN_ROLE_INPUT, 40, 4},
                         codes = {"embedding_0", NULL, "embedding", 0, TN_ROLE_ACTIVATION, 40, 4};
    for (int kind = 0; kind < 4; kind++) {
        float values[40];
        watch_start(&w, "input_statistics", 1);
        for (size_t i = 0; i < 40; i++)
            values[i] = (kind == 0 ? 1.0f : 1e5f) * (float)tn_rng_normal(&w.rng);
        if (kind == 3)
            values[7] = NAN;
        watch_values(&w, &input, 0, values, 40);
        if (kind == 2)
            watch_values(&w, &codes, 1, values, 40);
        watch_loss(&w, 1);
        if (kind == 1 || kind == 3) {
            assert_fired(&w);
            assert_severity(&w, kind == 1 ? TN_SIGNAL_WARNING : TN_SIGNAL_ERROR);
        } else {
            assert_quiet(&w);
        }
        watch_stop(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),     cmocka_unit_test(test_half_constant),   cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_normalised), cmocka_unit_test(test_without_columns), cmocka_unit_test(test_targets_settings_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_rule_set.c: the table, and all rules together on one run. */
#include "rules/support_rules.h"

#include <math.h>
#include <string.h>

static void test_table(void **state)
{
    (void)state;
    static const char *const symptoms[] = {
#define TN_SYMPTOM(id, ...) #id,
#include "causes/symptoms.def"
#undef TN_SYMPTOM
    };
    assert_int_equal(tn_rule_count(), 17);
    assert_null(tn_rule_at(tn_rule_count()));
    for (size_t i = 0; i < tn_rule_count(); i++) {
        const tn_rule *rule = tn_rule_at(i);
        assert_true(rule->title[0] != '\0' && rule->state_size > 0);
        assert_true(rule->on_step || rule->on_tensor || rule->on_data || rule->on_score);
        bool known = false;
        for (size_t s = 0; s < sizeof symptoms / sizeof symptoms[0]; s++)
            known = known || strcmp(symptoms[s], rule->name) == 0;
        assert_true(known);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(rule->name, tn_rule_at(k)->name);
    }
}

/* Standardised inputs, two classes. */
static void observe_data(const tn_observer *observer)
{
    tn_data_builder *builder;
    tn_error error;
    tn_rng rng;
    const tn_data_shape shape = {.features = 2, .classes = 2, .is_table = true};
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    assert_int_equal(tn_data_builder_create(&shape, &builder, &error), TN_OK);
    for (int32_t i = 0; i < 100; i++) {
        const int32_t label = i % 2;
        const float inputs[2] = {(float)(label + tn_rng_normal(&rng)), (float)tn_rng_normal(&rng)};
        tn_data_summary_add(builder, inputs, &label, NULL, NULL, 1);
    }
    observer->on_data(observer->context, tn_data_builder_summary(builder));
    tn_data_builder_destroy(builder);
}

/* A layer of two units that does what it should: 16 samples of its output and, of its weight, gradient, update and value. */
static void observe_tensors(const tn_observer *observer, uint64_t step)
{
    enum { COUNT = 32 };
    static const tn_tensor_name names[] = {{"relu_1", NULL, "relu", 1, TN_ROLE_ACTIVATION, COUNT, 2},
                                           {"dense_0", "weight", "dense", 0, TN_ROLE_GRADIENT, COUNT, 2},
                                           {"dense_0", "weight", "dense", 0, TN_ROLE_UPDATE, COUNT, 2},
                                           {"dense_0", "weight", "dense", 0, TN_ROLE_WEIGHT, COUNT, 2}};
    tn_rng rng;
    tn_rng_init(&rng, step, TN_STREAM_TEST);
    for (size_t t = 0; t < 4; t++) {
        float values[COUNT];
        tn_vitals vitals;
        tn_unit_vitals units;
        tn_unit unit[2];
        for (size_t i = 0; i < COUNT; i++)
            values[i] = (names[t].role == TN_ROLE_UPDATE ? 0.001f : 1.0f) * (float)tn_rng_normal(&rng);
        tn_vitals_init(&vitals);
        tn_vitals_add(&vitals, values, COUNT);
        tn_unit_vitals_init(&units, unit, 2, -INFINITY, INFINITY);
        tn_unit_vitals_add(&units, values, COUNT / 2, 1);
        observer->on_tensor(observer->context,
                            &(tn_tensor_seen){.step = step, .name = &names[t], .index = t, .vitals = &vitals, .units = &units});
    }
}

static void test_healthy_and_broken_run(void **state)
{
    (void)state;
    tn_rule_set *set;
    tn_error error;
    assert_int_equal(tn_rule_set_create(NULL, &set, &error), TN_OK);
    tn_observer observer = tn_rule_set_observer(set);
    assert_null(tn_rule_set_signal(set, "no_such_rule"));
    assert_int_equal(tn_rule_set_signal(set, "plateau")->state, TN_RULE_TOO_FEW_STEPS);
    observe_data(&observer);
    for (uint64_t i = 1; i <= 2500; i++) {
        if (i == 1 || i % 250 == 0) {
            observe_tensors(&observer, i);
            observer.on_score(observer.context, &(tn_score_point){.step = i, .train_score = 0.5, .valid_score = 0.5, .train_loss = 2});
        }
        tn_step step = {.step = i, .loss = 2.3 * exp(-(double)i / 1000), .learning_rate = 0.1, .gradient_norm = 1};
        assert_true(observer.on_step(observer.context, &step));
    }
    observer.on_end(observer.context, 2500);
    for (size_t i = 0; i < tn_rule_count(); i++) {
        const tn_signal *signal = tn_rule_set_signal(set, tn_rule_at(i)->name);
        assert_string_equal(signal->rule, tn_rule_at(i)->name);
        if (signal->state != TN_RULE_QUIET)
            fail_msg("%s is not quiet: %s", signal->rule, signal->text);
    }
    tn_step broken = {.step = 2501, .loss = NAN, .gradient_norm = NAN};
    observer.on_step(observer.context, &broken);
    assert_int_equal(tn_rule_set_signal(set, "nonfinite")->state, TN_RULE_FIRED);
    assert_int_equal(tn_rule_set_signal(set, "diverging")->state, TN_RULE_QUIET);
    tn_rule_set_destroy(set);
    tn_rule_set_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_healthy_and_broken_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

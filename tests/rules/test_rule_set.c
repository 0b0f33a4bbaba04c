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
    assert_int_equal(tn_rule_count(), 7);
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

static void test_healthy_and_broken_run(void **state)
{
    (void)state;
    tn_rule_set *set;
    tn_error error;
    assert_int_equal(tn_rule_set_create(NULL, &set, &error), TN_OK);
    tn_observer observer = tn_rule_set_observer(set);
    assert_null(tn_rule_set_signal(set, "no_such_rule"));
    assert_int_equal(tn_rule_set_signal(set, "plateau")->state, TN_RULE_TOO_FEW_STEPS);
    tn_tensor_name relu = {"relu_1", NULL, "relu", 1, TN_ROLE_ACTIVATION, 4, 2},
                   weight = {"dense_0", "weight", "dense", 0, TN_ROLE_GRADIENT, 4, 2};
    const float values[4] = {0, 1, 2, 3};
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    tn_vitals_add(&vitals, values, 4);
    for (uint64_t i = 1; i <= 2500; i++) {
        if (i % 500 == 0) {
            observer.on_tensor(observer.context, &(tn_tensor_seen){.step = i, .name = &relu, .index = 1, .vitals = &vitals});
            observer.on_tensor(observer.context, &(tn_tensor_seen){.step = i, .name = &weight, .index = 2, .vitals = &vitals});
        }
        tn_step step = {.step = i, .loss = 2.3 * exp(-(double)i / 1000), .gradient_norm = 1};
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

/* test_experiment_samples.c: the samples that a person is shown are those of the subject, and samples that are all alike are noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_made_up_subject.h"

static void shows_ten_samples_with_label_prediction_and_loss(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *report = made_up_experiment(&subject, "samples");
    const json_t *entry = report_experiment(report, "samples");
    const json_t *shown = json_object_get(json_object_get(entry, "result"), "shown");
    assert_string_equal(report_string(entry, "verdict"), "pass");
    assert_int_equal(json_array_size(shown), 10);
    for (size_t i = 0; i < 10; i++) {
        const json_t *sample = json_array_get(shown, i), *inputs = json_object_get(sample, "inputs");
        assert_int_equal(json_integer_value(json_object_get(sample, "row")), i);
        assert_int_equal(json_array_size(inputs), 2);
        /* The made-up inputs are the label and its square, with noise of 0.1. */
        double label = (double)json_integer_value(json_object_get(sample, "label"));
        double distance = json_number_value(json_array_get(inputs, 0)) - label;
        assert_true(distance < 0.6 && distance > -0.6);
        assert_true(json_is_number(json_object_get(sample, "loss_before")));
        assert_int_equal(json_integer_value(json_object_get(sample, "prediction_after")), 0);
    }
    json_decref(report);
}

static void samples_that_are_all_alike_fail(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.same_inputs = true;
    json_t *report = made_up_experiment(&subject, "samples");
    assert_string_equal(report_string(report_experiment(report, "samples"), "verdict"), "fail");
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_ten_samples_with_label_prediction_and_loss),
        cmocka_unit_test(samples_that_are_all_alike_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

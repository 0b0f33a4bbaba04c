/* test_experiment_softmax.c: a logarithm of unclipped probabilities is caught; the forms that take logits, or clip, pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_blobs.h"
#include "experiments/support_made_up_subject.h"

static void check(const char *patch, const char *verdict, const char *words)
{
    json_t *report = blobs_experiment(0, patch, "softmax");
    const json_t *entry = report_experiment(report, "softmax");
    if (strcmp(report_string(entry, "verdict"), verdict) != 0 || !strstr(report_string(entry, "summary"), words))
        fail_msg("%s: %s", report_string(entry, "verdict"), report_string(entry, "summary"));
    if (strcmp(verdict, "fail") == 0) {
        assert_string_equal(report_string(report_finding(report, 0), "cause"), "unstable_softmax");
        assert_string_equal(report_string(report_finding(report, 0), "severity"), "suspected");
    } else {
        assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    }
    json_decref(report);
}

#define SOFTMAX "\"net.3\": {\"$insert\": {\"op\": \"softmax\"}}"

static void the_stable_form_passes(void **state)
{
    (void)state;
    check(NULL, "pass", "is stable");
}

static void an_unclipped_logarithm_fails(void **state)
{
    (void)state;
    check("{" SOFTMAX ", \"loss\": {\"name\": \"categorical_cross_entropy\", \"clip\": 0}}", "fail", "no longer finite");
}

static void a_clipped_one_passes_and_is_told(void **state)
{
    (void)state;
    check("{" SOFTMAX ", \"loss\": \"categorical_cross_entropy\"}", "pass", "clipped");
}

static void other_losses_have_nothing_to_probe(void **state)
{
    (void)state;
    check("{\"loss\": \"mse\"}", "inconclusive", "no cross entropy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stable_form_passes),
        cmocka_unit_test(an_unclipped_logarithm_fails),
        cmocka_unit_test(a_clipped_one_passes_and_is_told),
        cmocka_unit_test(other_losses_have_nothing_to_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

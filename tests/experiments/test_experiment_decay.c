/* test_experiment_decay.c: when the rate should fall, on a native subject that is made here, and on ones without hypes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "experiments/support_made_up_subject.h"
#include "hypes/hypes.h"

enum { SAMPLES = 240 };

/* y = 2 a - b with noise that a rate this high cannot average away. */
static const char HYPES[] =
    "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"noisy.csv\", \"label\": \"y\"}, \"valid\": {\"fraction\": 0.25}},"
    " \"net\": [{\"op\": \"dense\", \"units\": 1}], \"loss\": \"mse\","
    " \"solver\": {\"opt\": \"sgd\", \"learning_rate\": 0.5, \"batch_size\": 4, \"epochs\": %d, \"seed\": 1}}";

static char folder[] = "/tmp/tenet_decay_XXXXXX";
static char data_path[64], hypes_path[64];

static int make_files(int epochs)
{
    FILE *file = fopen(data_path, "w");
    tn_rng rng;
    tn_rng_init(&rng, 3, TN_STREAM_TEST);
    fprintf(file, "a,b,y\n");
    for (int i = 0; i < SAMPLES; i++) {
        double a = tn_rng_normal(&rng), b = tn_rng_normal(&rng);
        fprintf(file, "%.6f,%.6f,%.6f\n", a, b, 2 * a - b + 0.3 * tn_rng_normal(&rng));
    }
    fclose(file);
    file = fopen(hypes_path, "w");
    fprintf(file, HYPES, epochs);
    return fclose(file);
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(data_path, sizeof data_path, "%s/noisy.csv", folder);
    snprintf(hypes_path, sizeof hypes_path, "%s/hypes.json", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(data_path);
    unlink(hypes_path);
    return rmdir(folder);
}

static json_t *decay_of(int epochs)
{
    tn_hypes *hypes = NULL;
    tn_subject *subject = NULL;
    tn_error error = {0};
    json_t *report = NULL;
    const tn_debug_options options = {.threads = 1, .seed = 1};
    assert_int_equal(make_files(epochs), 0);
    assert_int_equal(tn_hypes_load(hypes_path, &hypes, &error), TN_OK);
    assert_int_equal(tn_subject_native(hypes, NULL, NULL, &subject, &error), TN_OK);
    assert_int_equal(tn_debug_experiment(subject, "decay", &options, &report, &error), TN_OK);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
    return report;
}

static void pairs_are_tried_with_k_above_n(void **state)
{
    (void)state;
    json_t *report = decay_of(12);
    const json_t *entry = report_experiment(report, "decay"), *decay;
    size_t i, tried = 0;
    json_array_foreach(json_object_get(json_object_get(entry, "result"), "decays"), i, decay)
    {
        if (json_is_true(json_object_get(decay, "given"))) {
            assert_int_equal(i, 0);
            continue;
        }
        json_int_t after = json_integer_value(json_object_get(decay, "after")), every = json_integer_value(json_object_get(decay, "every"));
        assert_true(every > 0 && after > every && after < 12);
        assert_true(json_is_number(json_object_get(decay, "score")));
        tried++;
    }
    assert_true(tried >= 5);
    assert_string_not_equal(report_string(entry, "verdict"), "inconclusive");
    json_decref(report);
}

static void few_epochs_leave_nothing_to_choose(void **state)
{
    (void)state;
    json_t *report = decay_of(3);
    assert_string_equal(report_string(report_experiment(report, "decay"), "verdict"), "inconclusive");
    assert_non_null(strstr(report_string(report_experiment(report, "decay"), "summary"), "3 epochs"));
    json_decref(report);
}

static void a_program_keeps_its_own_schedule(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *report = made_up_experiment(&subject, "decay");
    assert_string_equal(report_string(report_experiment(report, "decay"), "verdict"), "inconclusive");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(report, "cost"), "trials")), 0);
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_tried_with_k_above_n),
        cmocka_unit_test(few_epochs_leave_nothing_to_choose),
        cmocka_unit_test(a_program_keeps_its_own_schedule),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

/* test_subject.c: the interface itself, on a subject that is made up, and what is read off a result. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "subject/subject_kind.h"

typedef struct made_up {
    tn_subject subject;
    size_t runs, destroyed;
    tn_subject_facts facts;
} made_up;

static tn_status run(tn_subject *subject, const tn_trial_request *request, size_t threads, tn_trial_result *result, tn_error *error)
{
    (void)error;
    ((made_up *)subject)->runs++;
    result->steps = request->knobs.steps;
    result->batch_size = threads;
    return TN_OK;
}

static const tn_subject_facts *facts_of(const tn_subject *subject)
{
    return &((const made_up *)subject)->facts;
}

static void destroy(tn_subject *subject)
{
    ((made_up *)subject)->destroyed++;
}

static void any_kind_serves(void **state)
{
    (void)state;
    static const tn_subject_kind KIND = {.run = run, .facts = facts_of, .destroy = destroy};
    made_up mine = {.subject = {&KIND}, .facts = {.kind = "made up"}};
    tn_subject *subject = &mine.subject, *other = subject;
    const tn_trial_request request = {.knobs = {.set = TN_KNOB_STEPS, .steps = 12}};
    tn_trial_result result;
    memset(&result, 0xAA, sizeof result); /* the interface clears it */
    assert_int_equal(tn_subject_run(subject, &request, 3, &result, NULL), TN_OK);
    assert_int_equal(result.steps, 12);
    assert_int_equal(result.batch_size, 3);
    assert_null(result.losses);
    tn_trial_result_deinit(&result);
    assert_string_equal(tn_subject_facts_of(subject)->kind, "made up");
    assert_null(tn_subject_hypes(subject));
    tn_error error = {0};
    assert_int_equal(tn_subject_repatched(subject, NULL, &other, &error), TN_ERROR_UNSUPPORTED);
    assert_null(other);
    tn_subject_destroy(subject);
    assert_int_equal(mine.runs, 1);
    assert_int_equal(mine.destroyed, 1);
}

static void ends_have_names(void **state)
{
    (void)state;
    assert_string_equal(tn_trial_end_name(TN_TRIAL_COMPLETED), "completed");
    assert_string_equal(tn_trial_end_name(TN_TRIAL_NONFINITE), "nonfinite");
    assert_string_equal(tn_trial_end_name(TN_TRIAL_STOPPED), "stopped");
    assert_string_equal(tn_trial_end_name(TN_TRIAL_CANCELLED), "cancelled");
    assert_string_equal(tn_trial_end_name(TN_TRIAL_REFUSED), "refused");
    assert_string_equal(tn_trial_end_name((tn_trial_end)99), "unknown");
}

static void the_last_score_counts(void **state)
{
    (void)state;
    tn_trial_result result = {0};
    assert_true(isnan(tn_trial_score(&result)) && isnan(tn_trial_train_score(&result)));
    result.scores = calloc(2, sizeof *result.scores);
    assert_non_null(result.scores);
    result.score_count = 2;
    result.scores[1] = (tn_score_point){.train_score = 0.75, .valid_score = 0.5};
    assert_true(tn_trial_score(&result) == 0.5);
    assert_true(tn_trial_train_score(&result) == 0.75);
    result.scores[1].valid_score = NAN; /* no probe set */
    assert_true(tn_trial_score(&result) == 0.75);
    tn_trial_result_deinit(&result);
    assert_null(result.scores);
    tn_trial_result_deinit(&result); /* twice does no harm */
}

/* Trial files and the hypes of programs hold these names, so they are pinned; the table goes by the order of the bits. */
static void knobs_and_their_names(void **state)
{
    (void)state;
    assert_string_equal(tn_knob_name(TN_KNOB_STEPS), "steps");
    assert_string_equal(tn_knob_name(TN_KNOB_SHUFFLE_LABELS), "shuffle_labels");
    assert_string_equal(tn_knob_name(TN_KNOB_CLIP_NORM), "clip_norm");
    assert_string_equal(tn_knob_name(TN_KNOB_DECAY), "decay");
    assert_string_equal(tn_knob_name(TN_KNOB_PATCH), "patch");
    for (uint32_t bit = 1; bit <= TN_KNOB_PATCH; bit <<= 1)
        assert_int_equal(tn_knob_by_name(tn_knob_name((tn_knob)bit)), bit);
    assert_int_equal(tn_knob_by_name("learning rate"), 0);
    assert_int_equal(tn_knob_by_name(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knobs_and_their_names),
        cmocka_unit_test(any_kind_serves),
        cmocka_unit_test(ends_have_names),
        cmocka_unit_test(the_last_score_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

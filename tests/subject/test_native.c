/* test_native.c: trials of a native subject: they learn, repeat, end as they should, and turn the knobs they were asked to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>

#include "support_subject.h"

static void a_trial_learns_and_repeats(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_request request = plain_request(120);
    request.score_every = 50;
    request.want_norms = true;
    request.shown_samples = 4;
    tn_trial_result first = run_trial(subject, &request, 1), second = run_trial(subject, &request, 1);
    assert_same_result(&first, &second);
    assert_int_equal(first.end, TN_TRIAL_COMPLETED);
    assert_int_equal(first.steps, 120);
    assert_int_equal(first.batch_size, 32);
    assert_int_equal(first.train_samples, 480);
    assert_int_equal(first.samples, 120 * 32);
    assert_true(first.learning_rate == 0.1);
    assert_int_equal(first.acknowledged, TN_KNOB_STEPS);
    assert_int_equal(first.score_count, 4);
    const uint64_t at[] = {0, 50, 100, 120};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(first.scores[i].step, at[i]);
        assert_int_equal(first.scores[i].samples, at[i] * 32);
        assert_true(isfinite(first.scores[i].valid_score) && isfinite(first.scores[i].valid_loss));
    }
    assert_true(first.scores[0].train_score < 0.7);
    assert_true(tn_trial_score(&first) > 0.95);
    assert_true(tn_trial_train_score(&first) > 0.95);
    assert_true(tn_trial_score(&first) == first.scores[3].valid_score);
    assert_true(first.losses[119] < 0.5 * first.losses[0]);
    for (size_t i = 0; i < 120; i++)
        assert_true(first.gradient_norms[i] > 0);
    /* A shorter trial is the beginning of a longer one. */
    tn_trial_request shorter = plain_request(40);
    tn_trial_result beginning = run_trial(subject, &shorter, 1);
    assert_memory_equal(beginning.losses, first.losses, 40 * sizeof *first.losses);
    assert_null(beginning.gradient_norms);
    assert_null(beginning.shown);
    tn_trial_result_deinit(&first);
    tn_trial_result_deinit(&second);
    tn_trial_result_deinit(&beginning);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

static void scores_only_where_wanted(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_request request = plain_request(20);
    tn_trial_result scored = run_trial(subject, &request, 1);
    request.unscored = true;
    request.score_every = 5;
    request.stop_at_train_score = -10;
    tn_trial_result unscored = run_trial(subject, &request, 1);
    assert_int_equal(scored.score_count, 2);
    assert_int_equal(unscored.score_count, 0);
    assert_int_equal(unscored.end, TN_TRIAL_COMPLETED);
    assert_int_equal(unscored.steps, 20);
    assert_true(isnan(tn_trial_score(&unscored)) && isnan(tn_trial_train_score(&unscored)));
    assert_memory_equal(scored.losses, unscored.losses, 20 * sizeof *scored.losses);
    tn_trial_result_deinit(&scored);
    tn_trial_result_deinit(&unscored);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

/* Wide enough that the products are split among threads; with dropout, so that random numbers take part. */
static tn_hypes *wide_hypes(const problem *files)
{
    return blob_hypes(files, ", \"input\": \"standardize\"",
                      "[{\"op\": \"dense\", \"units\": 256}, {\"op\": \"relu\"}, {\"op\": \"dropout\", \"rate\": 0.2}, {\"op\": \"dense\", "
                      "\"units\": 256},"
                      " {\"op\": \"batch_norm\"}, {\"op\": \"tanh\"}, {\"op\": \"dense\", \"units\": 3}]",
                      "\"softmax_cross_entropy\"", "{\"opt\": \"adam\", \"learning_rate\": 0.001, \"batch_size\": 128, \"clip_norm\": 1}");
}

typedef struct side {
    pthread_t thread;
    tn_subject *subject;
    tn_trial_request request;
    tn_trial_result result;
} side;

static void *run_side(void *context)
{
    side *one = context;
    one->result = run_trial(one->subject, &one->request, 1);
    return NULL;
}

static void any_thread_count_and_company(void **state)
{
    tn_hypes *hypes = wide_hypes(*state);
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_request request = plain_request(12);
    request.score_every = 5;
    request.want_norms = true;
    request.shown_samples = 3;
    tn_trial_result alone = run_trial(subject, &request, 1);
    for (size_t threads = 2; threads <= 3; threads++) {
        tn_trial_result together = run_trial(subject, &request, threads);
        assert_same_result(&alone, &together);
        tn_trial_result_deinit(&together);
    }
    /* Four trials at once, two of them with data of their own. */
    side sides[4];
    for (size_t i = 0; i < 4; i++) {
        sides[i] = (side){.subject = subject, .request = request};
        if (i % 2) {
            sides[i].request.knobs.set |= TN_KNOB_SAMPLES | TN_KNOB_INPUT_SCALE;
            sides[i].request.knobs.samples = 100;
            sides[i].request.knobs.input_scale = "minmax";
        }
        assert_int_equal(pthread_create(&sides[i].thread, NULL, run_side, &sides[i]), 0);
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(sides[i].thread, NULL);
    assert_same_result(&alone, &sides[0].result);
    assert_same_result(&alone, &sides[2].result);
    assert_same_result(&sides[1].result, &sides[3].result);
    assert_int_equal(sides[1].result.train_samples, 100);
    assert_true(sides[1].result.losses[3] != alone.losses[3]);
    for (size_t i = 0; i < 4; i++)
        tn_trial_result_deinit(&sides[i].result);
    tn_trial_result_deinit(&alone);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

static void seeds_change_training_but_not_the_data(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_request request = plain_request(10);
    request.shown_samples = 5;
    tn_trial_result one = run_trial(subject, &request, 1);
    request.knobs.set |= TN_KNOB_SEED;
    request.knobs.seed = 2;
    tn_trial_result two = run_trial(subject, &request, 1);
    request.knobs.seed = 1; /* as in the hypes */
    tn_trial_result again = run_trial(subject, &request, 1);
    assert_true(one.losses[0] != two.losses[0]);
    assert_int_equal(one.scores[0].step, 0);
    assert_true(one.scores[0].train_loss != two.scores[0].train_loss);
    assert_memory_equal(one.losses, again.losses, 10 * sizeof *one.losses);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(one.shown[i].row, two.shown[i].row);
    tn_trial_result_deinit(&one);
    tn_trial_result_deinit(&two);
    tn_trial_result_deinit(&again);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

static void shuffled_labels_teach_nothing(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_request request = plain_request(150);
    tn_trial_result sound = run_trial(subject, &request, 1);
    request.knobs.set |= TN_KNOB_SHUFFLE_LABELS;
    tn_trial_result shuffled = run_trial(subject, &request, 1);
    assert_int_equal(shuffled.acknowledged, TN_KNOB_STEPS | TN_KNOB_SHUFFLE_LABELS);
    assert_true(tn_trial_score(&sound) > 0.95);
    assert_true(tn_trial_score(&shuffled) < 0.25);
    assert_true(tn_trial_train_score(&shuffled) < 0.25);
    tn_trial_result_deinit(&sound);
    tn_trial_result_deinit(&shuffled);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

static void subsets_are_overfitted(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_request request = plain_request(400);
    request.knobs.set |= TN_KNOB_SAMPLES | TN_KNOB_BATCH_SIZE | TN_KNOB_DECAY;
    request.knobs.samples = 10;
    request.knobs.batch_size = 4;
    request.shown_samples = 100;
    request.score_every = 10;
    request.stop_at_train_score = 1;
    tn_trial_result result = run_trial(subject, &request, 1);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    assert_int_equal(result.train_samples, 10);
    assert_int_equal(result.batch_size, 4);
    assert_int_equal(result.shown_count, 10); /* all there are */
    assert_int_equal(result.acknowledged, request.knobs.set);
    assert_true(tn_trial_train_score(&result) == 1);
    assert_true(result.steps < 400 && result.steps % 10 == 0);
    assert_int_equal(result.scores[result.score_count - 1].step, result.steps);
    /* More samples than there are: all of them, and a batch no larger than they. */
    request.knobs.samples = 100000;
    request.knobs.batch_size = 100000;
    request.knobs.steps = 2;
    tn_trial_result all = run_trial(subject, &request, 1);
    assert_int_equal(all.train_samples, 480);
    assert_int_equal(all.batch_size, 480);
    assert_int_equal(all.samples, 2 * 480);
    tn_trial_result_deinit(&result);
    tn_trial_result_deinit(&all);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

static void stopped_at_a_score(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_request request = plain_request(500);
    request.score_every = 7;
    request.stop_at_train_score = 0.8;
    tn_trial_result result = run_trial(subject, &request, 1);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    assert_true(result.steps < 500 && result.steps % 7 == 0);
    assert_true(tn_trial_train_score(&result) >= 0.8);
    for (size_t i = 1; i + 1 < result.score_count; i++)
        assert_true(result.scores[i].train_score < 0.8);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

static void too_high_a_rate_ends_in_nan(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_request request = plain_request(300);
    request.knobs.set |= TN_KNOB_LEARNING_RATE;
    request.knobs.learning_rate = 1e6;
    request.score_every = 1;
    tn_trial_result result = run_trial(subject, &request, 1);
    assert_int_equal(result.end, TN_TRIAL_NONFINITE);
    assert_int_equal(result.nonfinite_step, result.steps);
    assert_true(result.steps < 300);
    /* The last score stands and was taken before the end. */
    assert_true(result.score_count >= 1);
    assert_true(result.scores[result.score_count - 1].step < result.nonfinite_step);
    assert_true(result.learning_rate == 1e6);
    tn_trial_result_deinit(&result);
    /* Without score points it is the loss that tells. */
    request.score_every = 0;
    result = run_trial(subject, &request, 1);
    assert_int_equal(result.end, TN_TRIAL_NONFINITE);
    assert_true(!isfinite(result.losses[result.steps - 1]));
    for (size_t i = 0; i + 1 < result.steps; i++)
        assert_true(isfinite(result.losses[i]));
    assert_int_equal(result.score_count, 1);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

/* The weights of the last step are no numbers though every loss is: the update of the last step made them so. */
static void nan_weights_after_the_last_step(void **state)
{
    tn_hypes *hypes =
        line_hypes(*state, "", "[{\"op\": \"dense\", \"units\": 2}]", "\"mse\"", "{\"learning_rate\": 1e300, \"batch_size\": 16}");
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_request request = plain_request(1);
    tn_trial_result result = run_trial(subject, &request, 1);
    assert_true(isfinite(result.losses[0]));
    assert_int_equal(result.end, TN_TRIAL_NONFINITE);
    assert_int_equal(result.nonfinite_step, 1);
    assert_int_equal(result.score_count, 1);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

typedef struct watcher {
    uint64_t stop_at;
    size_t steps, vitals, scores, ends;
    tn_cancel *cancel;
} watcher;

static bool watch_step(void *context, const tn_step *step)
{
    watcher *seen = context;
    seen->steps++;
    assert_int_equal(step->step, seen->steps);
    if (seen->cancel && step->step == seen->stop_at)
        atomic_store(&seen->cancel->requested, true);
    return seen->cancel || step->step != seen->stop_at;
}

static void watch_tensor(void *context, const tn_tensor_seen *tensor)
{
    watcher *seen = context;
    assert_int_equal(tensor->step, seen->steps + 1);
    assert_int_equal(tensor->step % 10, 1);
    assert_int_equal(tensor->vitals->count, tensor->name->count);
    assert_int_equal(tensor->batch.count > 0, tensor->name->parameter == NULL);
    if (tensor->batch.count)
        assert_int_equal(tensor->name->count % tensor->batch.count, 0);
    bool of_weight = tensor->name->role == TN_ROLE_WEIGHT && tensor->step == 1; /* on the first observed step */
    bool of_units = of_weight || tensor->name->role == TN_ROLE_INPUT || tensor->name->role == TN_ROLE_ACTIVATION;
    assert_int_equal(tensor->units != NULL, of_units); /* on the first three observed steps, and there are three */
    if (of_units)
        assert_int_equal(tensor->units->units * tensor->units->values, tensor->name->count);
    seen->vitals++;
}

static void watch_score(void *context, const tn_score_point *point)
{
    watcher *seen = context;
    assert_int_equal(point->step, seen->steps);
    seen->scores++;
}

static void watch_end(void *context, uint64_t steps)
{
    watcher *seen = context;
    assert_int_equal(steps, seen->steps);
    seen->ends++;
}

static void observers_watch_and_stop(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    watcher seen = {.stop_at = 25};
    const tn_observer observer = {
        .context = &seen, .on_step = watch_step, .on_tensor = watch_tensor, .on_score = watch_score, .on_end = watch_end};
    tn_trial_request request = plain_request(100);
    tn_trial_result unwatched = run_trial(subject, &request, 1);
    request.observers = &observer;
    request.observer_count = 1;
    request.vitals_every = 10;
    request.score_every = 10;
    tn_trial_result result = run_trial(subject, &request, 1);
    assert_int_equal(result.end, TN_TRIAL_STOPPED);
    assert_int_equal(result.steps, 25);
    assert_int_equal(seen.steps, 25);
    assert_int_equal(seen.scores, 4); /* at 0, 10, 20 and the end */
    assert_int_equal(seen.ends, 1);
    assert_true(seen.vitals >= 3 * 10 && seen.vitals % 3 == 0);
    assert_int_equal(result.scores[result.score_count - 1].step, 25);
    /* Watching changes nothing. */
    assert_memory_equal(result.losses, unwatched.losses, 25 * sizeof *result.losses);
    tn_trial_result_deinit(&result);
    tn_trial_result_deinit(&unwatched);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

static void cancelled_at_the_next_step(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_cancel cancel = {false};
    tn_subject *subject = open_subject(hypes, NULL, &cancel);
    watcher seen = {.stop_at = 9, .cancel = &cancel};
    const tn_observer observer = {.context = &seen, .on_step = watch_step};
    tn_trial_request request = plain_request(100);
    request.observers = &observer;
    request.observer_count = 1;
    tn_trial_result result = run_trial(subject, &request, 1);
    assert_int_equal(result.end, TN_TRIAL_CANCELLED);
    assert_int_equal(result.steps, 9);
    tn_trial_result_deinit(&result);
    /* As long as it is requested no trial gets further than its first score. */
    seen.steps = 0;
    result = run_trial(subject, &request, 1);
    assert_int_equal(result.end, TN_TRIAL_CANCELLED);
    assert_int_equal(result.steps, 0);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

static void mistakes_are_told_when_opened(void **state)
{
    const struct {
        const char *net, *expected;
    } wrong[] = {
        {"[{\"op\": \"dense\", \"units\": 2}]", "class"},              /* two outputs, three classes */
        {"[{\"op\": \"conv2d\", \"filters\": 2, \"kernel\": 3}]", ""}, /* no image */
    };
    for (size_t i = 0; i < 2; i++) {
        tn_hypes *hypes = blob_hypes(*state, "", wrong[i].net, "\"softmax_cross_entropy\"", "{}");
        tn_subject *subject = NULL;
        tn_error error = {0};
        assert_int_equal(tn_subject_native(hypes, NULL, NULL, &subject, &error), TN_ERROR_HYPES);
        assert_null(subject);
        assert_non_null(strstr(error.message, wrong[i].expected));
        assert_string_equal(error.pointer, "/net/0");
        tn_hypes_destroy(hypes);
    }
    tn_subject_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_learns_and_repeats),
        cmocka_unit_test(scores_only_where_wanted),
        cmocka_unit_test(any_thread_count_and_company),
        cmocka_unit_test(seeds_change_training_but_not_the_data),
        cmocka_unit_test(shuffled_labels_teach_nothing),
        cmocka_unit_test(subsets_are_overfitted),
        cmocka_unit_test(stopped_at_a_score),
        cmocka_unit_test(too_high_a_rate_ends_in_nan),
        cmocka_unit_test(nan_weights_after_the_last_step),
        cmocka_unit_test(observers_watch_and_stop),
        cmocka_unit_test(cancelled_at_the_next_step),
        cmocka_unit_test(mistakes_are_told_when_opened),
    };
    return cmocka_run_group_tests(tests, problem_setup, problem_teardown);
}

/* test_native_replay.c: a training goes back to the steps before an incident: what is seen of them, in which order, where a number broke, and that the training itself does not notice. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_subject.h"

enum { STEPS_MAX = 2000, INCIDENTS_MAX = 40 };

/* What an observer sees. Its rules fire after the steps in `incidents`, 0 at the end. */
typedef struct ear {
    uint64_t incidents[INCIDENTS_MAX];
    uint64_t last_step;
    size_t tensors[STEPS_MAX + 1];    /* of each step */
    bool replayed[STEPS_MAX + 1];     /* whether they came as a replay */
    uint64_t heard_at[STEPS_MAX + 1]; /* the last step whose scalars had come before them */
    uint64_t last_tensor_step;
    bool backwards; /* a step's tensors came after those of a later replayed one */
    /* The first tensor that is not finite, by step. */
    uint64_t odd_step;
    char odd_node[48];
    tn_role odd_role;
    uint32_t odd_row;
} ear;

static bool hear_step(void *context, const tn_step *step)
{
    ear *e = context;
    assert_int_equal(step->step, e->last_step + 1);
    assert_true(step->wall_ns > 0);
    e->last_step = step->step;
    e->last_tensor_step = 0;
    return true;
}

static void hear_tensor(void *context, const tn_tensor_seen *seen)
{
    ear *e = context;
    assert_true(seen->step <= STEPS_MAX);
    e->tensors[seen->step]++;
    e->replayed[seen->step] = seen->replayed;
    e->heard_at[seen->step] = e->last_step;
    e->backwards = e->backwards || seen->step < e->last_tensor_step;
    e->last_tensor_step = seen->step;
    if (seen->vitals->first_nonfinite == TN_VITALS_NO_INDEX || (e->odd_step && e->odd_step <= seen->step))
        return;
    e->odd_step = seen->step;
    snprintf(e->odd_node, sizeof e->odd_node, "%s", seen->name->node);
    e->odd_role = seen->name->role;
    if (seen->batch.count)
        e->odd_row = seen->batch.rows[seen->vitals->first_nonfinite / (seen->name->count / seen->batch.count)];
}

static size_t count_fired(void *context)
{
    const ear *e = context;
    size_t count = 0;
    while (count < INCIDENTS_MAX && e->incidents[count] > 0 && e->incidents[count] <= e->last_step)
        count++;
    return count;
}

static tn_observer observe(ear *e)
{
    return (tn_observer){.context = e, .on_step = hear_step, .on_tensor = hear_tensor, .fired = count_fired};
}

/* A training of `steps` with one ear. */
static tn_trial_result train(tn_subject *subject, ear *e, uint64_t steps, uint64_t vitals_every, size_t threads)
{
    const tn_observer observer = observe(e);
    tn_trial_request request = plain_request(steps);
    request.vitals_every = vitals_every;
    request.is_training = true;
    request.want_norms = true;
    request.observers = &observer;
    request.observer_count = 1;
    return run_trial(subject, &request, threads);
}

static void steps_around_an_incident_are_seen_once(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    ear *e = calloc(1, sizeof *e);
    assert_non_null(e);
    e->incidents[0] = 60;
    e->incidents[1] = 63; /* so near that its steps are seen anyway */
    e->incidents[2] = 150;
    tn_trial_result result = train(subject, e, 200, 50, 1);
    size_t tensors = e->tensors[1];
    assert_true(tensors > 10);
    for (uint64_t step = 1; step <= 200; step++) {
        bool planned = step % 50 == 1, after = (step > 60 && step <= 71) || (step > 150 && step <= 158);
        bool before = (step > 52 && step <= 60) || (step > 142 && step <= 150);
        assert_int_equal(e->tensors[step], planned || after || before ? tensors : 0);
        assert_int_equal(e->replayed[step], before);
        if (e->tensors[step])
            assert_int_equal(e->heard_at[step], !before ? step - 1 : step <= 60 ? 60 : 150);
    }
    assert_false(e->backwards);
    tn_trial_result_deinit(&result);
    free(e);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

/* An incident before there are eight steps to go back to, and one on an observed step. */
static void early_incidents_and_observed_ones(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    ear *e = calloc(1, sizeof *e);
    assert_non_null(e);
    e->incidents[0] = 3;
    e->incidents[1] = 41;
    tn_trial_result result = train(subject, e, 60, 40, 1);
    for (uint64_t step = 1; step <= 60; step++)
        assert_int_equal(e->tensors[step] > 0, step <= 11 || (step >= 34 && step <= 49));
    assert_false(e->replayed[1]);
    assert_true(e->replayed[2] && e->replayed[3] && !e->replayed[4]);
    assert_true(e->replayed[40] && !e->replayed[41]);
    tn_trial_result_deinit(&result);
    free(e);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

/* 500 steps come out the same whether forty incidents are looked into or none. Destroys hypes. */
static void expect_unnoticed(tn_hypes *hypes)
{
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    ear *quiet = calloc(1, sizeof *quiet), *loud = calloc(1, sizeof *loud);
    assert_true(quiet && loud);
    for (size_t i = 0; i < INCIDENTS_MAX; i++)
        loud->incidents[i] = 5 + 11 * i + i % 3;
    tn_trial_request bare = plain_request(500);
    bare.want_norms = true;
    tn_trial_result plain = run_trial(subject, &bare, 1);
    tn_trial_result first = train(subject, quiet, 500, 1000, 1), second = train(subject, loud, 500, 1000, 2);
    size_t replayed = 0;
    for (size_t step = 0; step <= 500; step++)
        replayed += loud->replayed[step];
    assert_true(replayed > 40);
    assert_same_result(&plain, &first);
    assert_same_result(&plain, &second);
    tn_trial_result_deinit(&plain);
    tn_trial_result_deinit(&first);
    tn_trial_result_deinit(&second);
    free(quiet);
    free(loud);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

/* Dropout, running statistics, momentum, the order of batches: all go on as if nothing had been. */
static void training_does_not_notice(void **state)
{
    expect_unnoticed(
        blob_hypes(*state, "",
                   "[{\"op\": \"dense\", \"units\": 16}, {\"op\": \"batch_norm\"}, {\"op\": \"relu\"}, {\"op\": \"dropout\"}, {\"op\": "
                   "\"dense\", \"units\": 3}]",
                   "\"softmax_cross_entropy\"", "{\"opt\": \"adam\", \"learning_rate\": 0.01, \"batch_size\": 32, \"epochs\": 100}"));
}

/* Nor where sequences go on from batch to batch. */
static void carried_state_comes_back(void **state)
{
    const problem *files = *state;
    char path[300];
    snprintf(path, sizeof path, "%s/carried.txt", files->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < 3000; i++)
        fputc("abcdefg"[i * i % 23 * i % 7], file);
    fclose(file);
    static const char text[] =
        "{\"data\": {\"train\": {\"format\": \"text\", \"file\": \"carried.txt\", \"time\": 8}}, \"net\": [{\"op\": "
        "\"embedding\", \"vocabulary\": 7, \"units\": 4}, {\"op\": \"lstm\", \"units\": 9}, {\"op\": \"dense\", \"units\": 7}], "
        "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"opt\": \"adam\", \"batch_size\": 4, \"carry_state\": true, \"epochs\": 100}}";
    tn_hypes *hypes;
    tn_error error = {0};
    if (tn_hypes_parse(text, sizeof text - 1, "t.json", files->folder, &hypes, &error) != TN_OK)
        fail_msg("%s", error.message);
    expect_unnoticed(hypes);
}

/* A file whose row `broken` overflows the first layer, in order, one row a step. */
static tn_hypes *planted_hypes(const problem *files, uint64_t broken)
{
    char path[300], text[1024];
    snprintf(path, sizeof path, "%s/planted.csv", files->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "x,y,label\n");
    for (uint64_t i = 0; i < 1300; i++)
        if (i == broken)
            fprintf(file, "3.4e38,3.4e38,0\n");
        else
            fprintf(file, "%.9g,%.9g,%d\n", (double)files->blobs[i % BLOB_ROWS][0], (double)files->blobs[i % BLOB_ROWS][1],
                    files->labels[i % BLOB_ROWS]);
    fclose(file);
    int length = snprintf(text, sizeof text,
                          "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"planted.csv\", \"label\": \"label\"}, \"valid\": "
                          "{\"fraction\": 0}, \"input\": {\"scale\": \"none\"}},"
                          "\"net\": [{\"op\": \"dense\", \"units\": 16}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 3}], \"loss\": "
                          "\"softmax_cross_entropy\","
                          "\"init\": {\"scheme\": \"constant\", \"value\": 1.5}, \"solver\": {\"learning_rate\": 0.001, \"batch_size\": 1, "
                          "\"epochs\": 1, \"shuffle\": false}}");
    tn_hypes *hypes = NULL;
    tn_error error = {0};
    if (tn_hypes_parse(text, (size_t)length, "test.json", files->folder, &hypes, &error) != TN_OK)
        fail_msg("%s (%s)", error.message, error.pointer);
    return hypes;
}

/* Observed is the first step alone: step, op, tensor and sample are known all the same. */
static void the_place_where_a_number_broke(void **state)
{
    static const uint64_t ROWS[] = {0, 57, 1234};
    for (size_t i = 0; i < 3; i++) {
        tn_hypes *hypes = planted_hypes(*state, ROWS[i]);
        tn_subject *subject = open_subject(hypes, NULL, NULL);
        ear *e = calloc(1, sizeof *e);
        assert_non_null(e);
        tn_trial_result result = train(subject, e, 1300, 100000, 1);
        assert_int_equal(result.end, TN_TRIAL_NONFINITE);
        assert_int_equal(result.nonfinite_step, ROWS[i] + 1);
        assert_int_equal(e->odd_step, ROWS[i] + 1);
        assert_string_equal(e->odd_node, "dense_0");
        assert_int_equal(e->odd_role, TN_ROLE_ACTIVATION);
        assert_int_equal(e->odd_row, ROWS[i]);
        if (ROWS[i] > 0) /* before the scalars of the step are told, so that a rule can say where */
            assert_int_equal(e->heard_at[ROWS[i] + 1], ROWS[i]);
        tn_trial_result_deinit(&result);
        free(e);
        tn_subject_destroy(subject);
        tn_hypes_destroy(hypes);
    }
}

/* A trial of a debug is none of this, whatever its observers say. */
static void a_trial_is_not_replayed(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    ear *e = calloc(1, sizeof *e);
    assert_non_null(e);
    e->incidents[0] = 30;
    tn_observer observer = observe(e);
    observer.on_step = NULL; /* nothing is timed either */
    tn_trial_request request = plain_request(60);
    request.vitals_every = 50;
    request.observers = &observer;
    request.observer_count = 1;
    tn_trial_result result = run_trial(subject, &request, 1);
    for (uint64_t step = 1; step <= 60; step++)
        assert_int_equal(e->tensors[step] > 0, step % 50 == 1);
    tn_trial_result_deinit(&result);
    free(e);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_around_an_incident_are_seen_once),
        cmocka_unit_test(early_incidents_and_observed_ones),
        cmocka_unit_test(training_does_not_notice),
        cmocka_unit_test(carried_state_comes_back),
        cmocka_unit_test(the_place_where_a_number_broke),
        cmocka_unit_test(a_trial_is_not_replayed),
    };
    return cmocka_run_group_tests(tests, problem_setup, problem_teardown);
}

/* test_process.c: a program as a subject, with a toy that tells all there is to tell: facts, results, knobs, ends by either side. */
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
#include <unistd.h>

#include "base/clock.h"
#include "support_toy.h"

static tn_trial_request ask(uint64_t steps)
{
    return (tn_trial_request){.experiment = "test", .knobs = {.set = TN_KNOB_STEPS, .steps = steps}, .stop_at_train_score = INFINITY};
}

static tn_trial_result run(tn_subject *subject, const tn_trial_request *request)
{
    tn_trial_result result;
    tn_error error = {0};
    tn_status status = tn_subject_run(subject, request, 1, &result, &error);
    if (status != TN_OK)
        fprintf(stderr, "%s\n", error.message);
    assert_int_equal(status, TN_OK);
    return result;
}

static void close_to(double a, double b)
{
    assert_true(fabs(a - b) <= 1e-9 * fmax(1, fabs(b)));
}

static void facts_are_what_it_told(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, NULL);
    tn_subject *subject = toy_open(&program);
    const tn_subject_facts *facts = tn_subject_facts_of(subject);
    assert_string_equal(facts->kind, "program");
    assert_string_equal(facts->name, "toy");
    assert_int_equal(facts->parameters, 42);
    assert_int_equal(facts->train_samples, 80);
    assert_int_equal(facts->task, TN_SUBJECT_CLASSIFICATION);
    assert_int_equal(facts->steps_total, 200);
    assert_int_equal(facts->batch_size, 8);
    close_to(facts->learning_rate, 0.1);
    assert_true(isnan(facts->expected_loss));
    assert_false(facts->unscored);
    assert_null(facts->score_note);
    assert_int_equal(facts->knobs,
                     TN_KNOB_STEPS | TN_KNOB_SEED | TN_KNOB_LEARNING_RATE | TN_KNOB_BATCH_SIZE | TN_KNOB_SAMPLES | TN_KNOB_LABEL_SCALE);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(facts->places, "loss"), "line")), 12);
    assert_string_equal(json_string_value(json_object_get(facts->refused, "optimizer")), "it has its own");
    assert_true(facts->start_seconds > 0);
    assert_false(facts->forks);
    assert_null(tn_subject_hypes(subject));
    tn_subject_destroy(subject);
}

typedef struct heard {
    uint64_t steps, scores, vitals, ended, stop_at;
} heard;

static bool hear_step(void *context, const tn_step *step)
{
    heard *h = context;
    h->steps++;
    assert_int_equal(step->step, h->steps);
    return h->stop_at == 0 || step->step < h->stop_at;
}

static void hear_tensor(void *context, const tn_tensor_seen *seen)
{
    heard *h = context;
    assert_int_equal(seen->step, h->steps + 1);
    assert_string_equal(seen->name->node, "net.0");
    assert_true(seen->index < 2);
    assert_int_equal(seen->vitals->count, seen->name->count);
    h->vitals++;
}

static void hear_score(void *context, const tn_score_point *point)
{
    heard *h = context;
    assert_true(point->step <= h->steps);
    h->scores++;
}

static void hear_end(void *context, uint64_t steps)
{
    heard *h = context;
    h->ended = steps;
}

static tn_observer observe(heard *h)
{
    return (tn_observer){.context = h, .on_step = hear_step, .on_tensor = hear_tensor, .on_score = hear_score, .on_end = hear_end};
}

static void a_trial_is_told_whole(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, NULL);
    tn_subject *subject = toy_open(&program);
    heard h = {0};
    tn_observer observer = observe(&h);
    tn_trial_request request = ask(40);
    request.knobs.set |= TN_KNOB_LEARNING_RATE | TN_KNOB_SEED | TN_KNOB_SAMPLES;
    request.knobs.learning_rate = 0.05;
    request.knobs.seed = 7;
    request.knobs.samples = 10;
    request.score_every = 10;
    request.vitals_every = 20;
    request.shown_samples = 3;
    request.want_norms = true;
    request.observers = &observer;
    request.observer_count = 1;
    tn_trial_result result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    assert_int_equal(result.acknowledged, request.knobs.set);
    assert_int_equal(result.steps, 40);
    assert_int_equal(result.samples, 320);
    for (size_t i = 0; i < 40; i++)
        close_to(result.losses[i], pow(0.97, (double)i));
    close_to(result.gradient_norms[39], 1);
    assert_int_equal(result.score_count, 5);
    assert_int_equal(result.scores[0].step, 0);
    assert_int_equal(result.scores[4].step, 40);
    close_to(tn_trial_score(&result), 1 - pow(0.97, 40) / 2);
    assert_int_equal(result.train_samples, 10);
    assert_int_equal(result.batch_size, 8);
    close_to(result.learning_rate, 0.05);
    assert_int_equal(result.shown_count, 1);
    assert_int_equal(result.shown[0].row, 5);
    assert_int_equal(result.input_size, 2);
    assert_true(result.shown[0].inputs[1] == 2 && result.shown[0].output_after[0] == 0.75f);
    assert_int_equal(h.steps, 40);
    assert_int_equal(h.vitals, 4);
    assert_int_equal(h.ended, 40);
    assert_true(h.scores >= 5);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
}

static void an_observer_ends_it(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "slow=2", NULL);
    tn_subject *subject = toy_open(&program);
    heard h = {.stop_at = 9};
    tn_observer observer = observe(&h);
    tn_trial_request request = ask(100000);
    request.observers = &observer;
    request.observer_count = 1;
    tn_trial_result result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_STOPPED);
    assert_int_equal(result.steps, 9); /* whatever it did until it heard of it */
    assert_int_equal(h.steps, 9);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
}

static void a_deaf_one_is_ended(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "steps=40", "deaf", NULL);
    tn_subject *subject = toy_open(&program);
    heard h = {.stop_at = 3};
    tn_observer observer = observe(&h);
    tn_trial_request request = ask(1000);
    request.observers = &observer;
    request.observer_count = 1;
    /* From here on it would run for ever. */
    program.command[2] = "steps=1000000";
    program.command[4] = "uncounted";
    program.command[5] = "slow=20";
    tn_trial_result result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_STOPPED);
    assert_int_equal(result.steps, 3);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
}

static void the_score_ends_it(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, NULL);
    tn_subject *subject = toy_open(&program);
    tn_trial_request request = ask(100000);
    request.score_every = 5;
    request.stop_at_train_score = 0.5;
    tn_trial_result result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    assert_int_equal(result.steps, 25); /* 0.97^25 < 0.5 */
    assert_int_equal(result.acknowledged, TN_KNOB_STEPS);
    assert_true(tn_trial_train_score(&result) >= 0.5);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
}

static void a_loss_that_is_no_number_ends_it(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "nan=6", NULL);
    tn_subject *subject = toy_open(&program);
    tn_trial_request request = ask(50);
    tn_trial_result result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_NONFINITE);
    assert_int_equal(result.nonfinite_step, 6);
    assert_int_equal(result.steps, 6);
    assert_true(isnan(result.losses[5]));
    assert_int_equal(result.score_count, 1);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
}

static void who_does_not_count_is_stopped(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "uncounted", "slow=1", NULL);
    tn_subject *subject = toy_open(&program);
    tn_trial_request request = ask(12);
    tn_trial_result result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    assert_int_equal(result.steps, 12);
    assert_int_equal(result.acknowledged, TN_KNOB_STEPS);
    tn_trial_result_deinit(&result);
    /* One that ends before has not turned the knob. */
    request = ask(1000);
    result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    assert_int_equal(result.steps, 200);
    assert_int_equal(result.acknowledged, 0);
    assert_non_null(strstr(result.error.message, "200 of 1000"));
    tn_trial_result_deinit(&result);
    /* One that is told where it ends can go on beyond. */
    request.own_steps = 200;
    result = run(subject, &request);
    assert_int_equal(result.steps, 1000);
    assert_int_equal(result.acknowledged, TN_KNOB_STEPS);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
}

static void knobs_are_acknowledged_or_not(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "forgets", "refuses", NULL);
    tn_subject *subject = toy_open(&program);
    tn_trial_request request = ask(10);
    request.knobs.set |= TN_KNOB_LEARNING_RATE | TN_KNOB_SAMPLES;
    request.knobs.learning_rate = 1;
    request.knobs.samples = 10;
    tn_trial_result result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    assert_int_equal(result.acknowledged, TN_KNOB_STEPS | TN_KNOB_SAMPLES);
    tn_trial_result_deinit(&result);
    /* What it refuses in the trial itself. */
    request = ask(10);
    request.knobs.set |= TN_KNOB_BATCH_SIZE;
    request.knobs.batch_size = 4;
    result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_REFUSED);
    assert_int_equal(result.error.code, TN_ERROR_UNSUPPORTED);
    assert_non_null(strstr(result.error.message, "x, y = toy.data(x, y)"));
    tn_trial_result_deinit(&result);
    /* What the look has refused, and what it never offered. */
    request = ask(10);
    request.knobs.set |= TN_KNOB_OPTIMIZER;
    request.knobs.optimizer = "adam";
    result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_REFUSED);
    assert_non_null(strstr(result.error.message, "it has its own"));
    tn_trial_result_deinit(&result);
    request.knobs.set = TN_KNOB_PATCH;
    result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_REFUSED);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
}

typedef struct side {
    tn_subject *subject;
    double rate;
    tn_trial_result result;
} side;

static void *run_side(void *context)
{
    side *s = context;
    tn_trial_request request = ask(60);
    request.knobs.set |= TN_KNOB_LEARNING_RATE;
    request.knobs.learning_rate = s->rate;
    if (tn_subject_run(s->subject, &request, 1, &s->result, NULL) != TN_OK)
        s->result.steps = 0;
    return NULL;
}

static void trials_run_side_by_side(void **state)
{
    (void)state;
    enum { SIDES = 4 };
    toy program;
    toy_settings(&program, "slow=1", NULL);
    tn_subject *subject = toy_open(&program);
    side sides[SIDES];
    pthread_t threads[SIDES];
    for (size_t i = 0; i < SIDES; i++) {
        sides[i] = (side){.subject = subject, .rate = 0.1 * (double)(i + 1)};
        assert_int_equal(pthread_create(&threads[i], NULL, run_side, &sides[i]), 0);
    }
    for (size_t i = 0; i < SIDES; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(sides[i].result.end, TN_TRIAL_COMPLETED);
        assert_int_equal(sides[i].result.steps, 60);
        close_to(sides[i].result.losses[0], 2 * (double)(i + 1));
        tn_trial_result_deinit(&sides[i].result);
    }
    tn_subject_destroy(subject);
}

static bool cancel_at_five(void *context, const tn_step *step)
{
    tn_cancel *cancel = context;
    if (step->step == 5)
        atomic_store(&cancel->requested, true);
    return true;
}

static void a_cancel_ends_it(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "slow=5", NULL);
    tn_subject *subject = toy_open(&program);
    tn_observer observer = {.context = &program.cancel, .on_step = cancel_at_five};
    tn_trial_request request = ask(100000);
    request.observers = &observer;
    request.observer_count = 1;
    tn_trial_result result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_CANCELLED);
    assert_true(result.steps >= 5);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
}

static void a_deadline_ends_a_start(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "slow=20", NULL);
    program.settings.look_seconds = 0.1;
    tn_subject *subject = toy_open(&program);
    tn_trial_request request = ask(10);
    request.deadline_ns = 1; /* long ago: it is over before the first step */
    tn_trial_result result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_CANCELLED);
    assert_int_equal(result.steps, 0);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
}

/* Vitals of two ranks: samples are merged, parameters are those of rank 0. */
static void hear_ranks(void *context, const tn_tensor_seen *seen)
{
    heard *h = context;
    const tn_tensor_name *name = seen->name;
    const tn_vitals *vitals = seen->vitals;
    assert_int_equal(seen->step, h->steps + 1);
    h->vitals++;
    if (name->role == TN_ROLE_WEIGHT) {
        assert_int_equal(vitals->count, 2);
        assert_null(seen->units);
        return;
    }
    assert_int_equal(vitals->count, 8);
    assert_int_equal(name->count, 8);
    assert_true(vitals->max == (float)(seen->step + 10));
    /* Two samples of each rank: (step, step + 10 rank) and (-1, 0). */
    assert_non_null(seen->units);
    assert_int_equal(seen->batch.count, 4);
    assert_null(seen->batch.rows);
    assert_int_equal(seen->units->units, 2);
    assert_int_equal(seen->units->values, 4);
    assert_true(seen->units->unit[0].min == -1 && seen->units->unit[0].max == (float)seen->step);
    assert_int_equal(seen->units->unit[0].zeros, 0);
    assert_true(seen->units->unit[1].min == 0 && seen->units->unit[1].max == (float)(seen->step + 10));
    assert_int_equal(seen->units->unit[1].zeros, 2);
}

static void ranks_are_merged(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "ranks", NULL);
    tn_subject *subject = toy_open(&program);
    heard h = {0};
    tn_observer observer = {.context = &h, .on_step = hear_step, .on_tensor = hear_ranks};
    tn_trial_request request = ask(30);
    request.vitals_every = 1;
    request.observers = &observer;
    request.observer_count = 1;
    tn_trial_result result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    assert_int_equal(result.steps, 30);
    assert_int_equal(h.vitals, 60);
    assert_int_equal(result.score_count, 2);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
}

static void lines_are_enough(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "lines", "slow=2", NULL);
    tn_subject *subject = toy_open(&program);
    const tn_subject_facts *facts = tn_subject_facts_of(subject);
    assert_int_equal(facts->knobs, TN_KNOB_STEPS);
    assert_false(facts->unscored);
    assert_string_equal(facts->score_note, "from the loss");
    assert_int_equal(facts->steps_total, 200);
    close_to(facts->learning_rate, 0.1);
    heard h = {0};
    tn_observer observer = observe(&h);
    tn_trial_request request = ask(150);
    request.observers = &observer;
    request.observer_count = 1;
    tn_trial_result result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    assert_int_equal(result.steps, 150);
    assert_int_equal(result.acknowledged, TN_KNOB_STEPS);
    assert_true(fabs(result.losses[149] - 2 * pow(0.97, 149)) < 1e-6);
    assert_true(tn_trial_score(&result) > 0.9);
    assert_int_equal(h.steps, 150);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
}

/* With namespaces where they are allowed. */
static void trials_write_beside_the_files(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "writes", NULL);
    program.settings.isolated = true;
    tn_subject *subject = NULL;
    tn_error error = {0};
    unlink("written");
    tn_status status = tn_subject_process(&program.settings, &subject, &error);
    if (status == TN_ERROR_UNSUPPORTED) {
        print_message("not isolated here: %s\n", error.message);
        skip();
    }
    assert_int_equal(status, TN_OK);
    tn_trial_request request = ask(5);
    tn_trial_result result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    assert_int_equal(access("written", F_OK), -1);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
    program.settings.isolated = false; /* the same, unguarded: it does write */
    subject = toy_open(&program);
    assert_int_equal(access("written", F_OK), 0);
    unlink("written");
    tn_subject_destroy(subject);
}

static void it_trains_as_it_is(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "nan=7", NULL);
    program.settings.speaks_on_stderr = true;
    heard h = {0};
    tn_observer observer = observe(&h);
    tn_trial_request request = {.experiment = "train", .stop_at_train_score = INFINITY, .observers = &observer, .observer_count = 1};
    tn_subject_facts facts;
    tn_trial_result result = {0};
    int exit_code = -1;
    tn_error error = {0};
    assert_int_equal(tn_process_train(&program.settings, &request, &facts, &result, &exit_code, &error), TN_OK);
    assert_int_equal(exit_code, 0);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    assert_int_equal(result.steps, 200); /* it goes on behind a loss that is no number */
    assert_int_equal(h.ended, 200);
    assert_string_equal(facts.kind, "program");
    tn_trial_result_deinit(&result);
    toy_settings(&program, "exit=5", NULL);
    program.settings.speaks_on_stderr = true;
    h = (heard){0};
    assert_int_equal(tn_process_train(&program.settings, &request, &facts, &result, &exit_code, &error), TN_OK);
    assert_int_equal(exit_code, 3);
    assert_int_equal(result.steps, 4);
    assert_non_null(strstr(result.error.message, "exit status 3"));
    tn_trial_result_deinit(&result);
    toy_settings(&program, "crash=5", NULL);
    program.settings.speaks_on_stderr = true;
    h = (heard){0};
    assert_int_equal(tn_process_train(&program.settings, &request, &facts, &result, &exit_code, &error), TN_OK);
    assert_int_equal(exit_code, 128 + 11);
    tn_trial_result_deinit(&result);
}

int main(int argc, char **argv)
{
    int status = toy_main(argc, argv);
    if (status >= 0)
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_what_it_told),
        cmocka_unit_test(a_trial_is_told_whole),
        cmocka_unit_test(an_observer_ends_it),
        cmocka_unit_test(a_deaf_one_is_ended),
        cmocka_unit_test(the_score_ends_it),
        cmocka_unit_test(a_loss_that_is_no_number_ends_it),
        cmocka_unit_test(who_does_not_count_is_stopped),
        cmocka_unit_test(knobs_are_acknowledged_or_not),
        cmocka_unit_test(trials_run_side_by_side),
        cmocka_unit_test(a_cancel_ends_it),
        cmocka_unit_test(a_deadline_ends_a_start),
        cmocka_unit_test(ranks_are_merged),
        cmocka_unit_test(lines_are_enough),
        cmocka_unit_test(trials_write_beside_the_files),
        cmocka_unit_test(it_trains_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_trainer_repeat.c: the same hypes give the same numbers, bit for bit: at any thread count, observed or not, and after a checkpoint.
 * */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/support_trainer.h"

static const support_problem images = {.samples = 70, .rank = 3, .dims = {16, 15, 3}, .classes = 4};

#define ADAM     "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"opt\": \"adam\", \"batch_size\": 32, \"clip_norm\": 1}"
#define MOMENTUM "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"learning_rate\": 0.01, \"momentum\": 0.9, \"batch_size\": 32}"

/* Large enough that every op is cut into several tiles. */
#define WIDE                                                                                                                               \
    "\"net\": [{\"op\": \"conv2d\", \"filters\": 20, \"kernel\": 3, \"padding\": \"same\"}, {\"op\": \"batch_norm\"}, {\"op\": "           \
    "\"relu\"}, {\"op\": \"max_pool2d\"},"                                                                                                 \
    "{\"op\": \"conv2d\", \"filters\": 24, \"kernel\": 5, \"padding\": 2}, {\"op\": \"gelu\"}, {\"op\": \"avg_pool2d\"}, {\"op\": "        \
    "\"flatten\"}, {\"op\": \"dropout\"},"                                                                                                 \
    "{\"op\": \"dense\", \"units\": 512}, {\"op\": \"layer_norm\"}, {\"op\": \"tanh\"}, {\"op\": \"dense\", \"units\": 512}, {\"op\": "    \
    "\"relu\"},"                                                                                                                           \
    "{\"op\": \"dense\", \"units\": 4}],"

static void open_or_fail(support_trainer *s, size_t threads, const char *rest)
{
    tn_error error;
    if (support_trainer_open(s, &images, threads, rest, &error))
        fail_msg("%s (%s)", error.message, error.pointer);
}

static void look(void *context, const tn_tensor_shown *shown)
{
    (void)shown;
    ++*(size_t *)context;
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    static const char *const hypes[] = {WIDE ADAM, WIDE MOMENTUM};
    for (size_t h = 0; h < 2; h++) {
        support_trainer one, other;
        open_or_fail(&one, 1, hypes[h]);
        open_or_fail(&other, 3, hypes[h]);
        for (int i = 0; i < 7; i++) {
            tn_step_result first, second;
            tn_trainer_step(one.trainer, false, NULL, NULL, &first);
            tn_trainer_step(other.trainer, false, NULL, NULL, &second);
            assert_true(first.loss == second.loss);
        }
        support_expect_equal_states(one.trainer, other.trainer);
        support_trainer_close(&one);
        support_trainer_close(&other);
    }
}

/* Fused and separate updates, observed and unobserved steps, must not differ. */
static void observation_changes_nothing(void **state)
{
    (void)state;
    support_trainer bare, watched, normed;
    size_t seen = 0;
    open_or_fail(&bare, 2, WIDE MOMENTUM);
    open_or_fail(&watched, 2, WIDE MOMENTUM);
    open_or_fail(&normed, 1, WIDE MOMENTUM);
    for (int i = 0; i < 5; i++) {
        tn_step_result result;
        tn_trainer_step(bare.trainer, false, NULL, NULL, &result);
        tn_trainer_step(watched.trainer, i % 2 == 0, look, &seen, &result);
        tn_trainer_step(normed.trainer, true, NULL, NULL, &result);
    }
    assert_true(seen > 5 * 30);
    support_expect_equal_states(bare.trainer, watched.trainer);
    support_expect_equal_states(bare.trainer, normed.trainer);
    support_trainer_close(&bare);
    support_trainer_close(&watched);
    support_trainer_close(&normed);
}

/* The norm to the last bit: from slices on their way to the optimizer, from whole gradients, by any number of threads. */
static void the_norm_does_not_depend_on_the_way(void **state)
{
    (void)state;
    support_trainer fused, threads, watched;
    size_t seen = 0;
    open_or_fail(&fused, 1, WIDE MOMENTUM);
    open_or_fail(&threads, 3, WIDE MOMENTUM);
    open_or_fail(&watched, 2, WIDE MOMENTUM);
    for (int i = 0; i < 5; i++) {
        tn_step_result a, b, c;
        tn_trainer_step(fused.trainer, true, NULL, NULL, &a);
        tn_trainer_step(threads.trainer, true, NULL, NULL, &b);
        tn_trainer_step(watched.trainer, true, look, &seen, &c);
        assert_true(a.gradient_norm > 0);
        assert_true(a.gradient_norm == b.gradient_norm);
        assert_true(a.gradient_norm == c.gradient_norm);
    }
    support_trainer_close(&fused);
    support_trainer_close(&threads);
    support_trainer_close(&watched);
}

/* From a checkpoint in the middle of an epoch the steps come out as before, also in another trainer. */
static void checkpoints_resume_bit_for_bit(void **state)
{
    (void)state;
    support_trainer s, other;
    tn_error error;
    double losses[8];
    tn_step_result result;
    size_t size, end_size;
    open_or_fail(&s, 1, WIDE ADAM);
    open_or_fail(&other, 2, WIDE ADAM);
    for (int i = 0; i < 4; i++)
        tn_trainer_step(s.trainer, false, NULL, NULL, &result);
    void *middle = support_state_of(s.trainer, &size);
    for (int i = 0; i < 8; i++) {
        tn_trainer_step(s.trainer, false, NULL, NULL, &result);
        losses[i] = result.loss;
    }
    void *end = support_state_of(s.trainer, &end_size);
    tn_trainer *const trainers[] = {s.trainer, other.trainer};
    for (int t = 0; t < 2; t++) {
        assert_int_equal(tn_trainer_restore(trainers[t], middle, size, &error), TN_OK);
        for (int i = 0; i < 8; i++) {
            tn_trainer_step(trainers[t], false, NULL, NULL, &result);
            assert_true(result.loss == losses[i]);
            assert_int_equal(result.step, 5 + i);
        }
        size_t again_size;
        void *again = support_state_of(trainers[t], &again_size);
        assert_memory_equal(end, again, end_size);
        free(again);
    }
    assert_int_equal(tn_trainer_restore(s.trainer, middle, size - 1, &error), TN_ERROR_DATA);
    ((unsigned char *)middle)[0] ^= 1;
    assert_int_equal(tn_trainer_restore(s.trainer, middle, size, &error), TN_ERROR_DATA);
    free(middle);
    free(end);
    support_trainer_close(&s);
    support_trainer_close(&other);
}

/* Another seed, another run; and the seed of one layer's weights does not depend on another layer's size. */
static void seeds_matter(void **state)
{
    (void)state;
    support_trainer a, b;
    char name[80];
    tn_shape shape;
    const float *last_a, *last_b;
    open_or_fail(&a, 1,
                 "\"net\": [{\"op\": \"dense\", \"units\": 8}, {\"op\": \"dense\", \"units\": 4}], \"loss\": \"softmax_cross_entropy\"");
    open_or_fail(&b, 1,
                 "\"net\": [{\"op\": \"dense\", \"units\": 9}, {\"op\": \"dense\", \"units\": 4}], \"loss\": \"softmax_cross_entropy\", "
                 "\"init\": \"lecun_normal\", \"solver\": {\"seed\": 2}");
    assert_true(tn_trainer_parameter(a.trainer, 2, name, &shape, &last_a));
    assert_true(tn_trainer_parameter(b.trainer, 2, name, &shape, &last_b));
    assert_true(last_a[0] != last_b[0] && last_a[1] != last_b[1]);
    support_trainer_close(&b);
    open_or_fail(&b, 1,
                 "\"net\": [{\"op\": \"dense\", \"units\": 9}, {\"op\": \"dense\", \"units\": 4}], \"loss\": \"softmax_cross_entropy\"");
    assert_true(tn_trainer_parameter(b.trainer, 2, name, &shape, &last_b));
    /* glorot_uniform of [8, 4] and [9, 4]: the same draws under another limit */
    assert_true(last_a[0] / last_a[1] - last_b[0] / last_b[1] < 1e-4f && last_b[0] / last_b[1] - last_a[0] / last_a[1] < 1e-4f);
    support_trainer_close(&a);
    support_trainer_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(observation_changes_nothing),
        cmocka_unit_test(the_norm_does_not_depend_on_the_way),
        cmocka_unit_test(checkpoints_resume_bit_for_bit),
        cmocka_unit_test(seeds_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_trainer_augment.c: training samples that are changed at random: how, when not, the same again from the same seed, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/augment.h"
#include "engine/support_trainer.h"

enum { H = 6, W = 5, C = 3, SIZE = H * W * C, SAMPLES = 70, ROUNDS = 8 };

#define REST                                                                                                                               \
    "\"net\": [{\"op\": \"conv2d\", \"filters\": 4, \"kernel\": 3}, {\"op\": \"batch_norm\"}, {\"op\": \"relu\"}, {\"op\": \"flatten\"}, " \
    "{\"op\": \"dense\", \"units\": 4}], \"loss\": \"softmax_cross_entropy\", \"solver\": {\"batch_size\": 32}"

static support_problem pictures(const char *data)
{
    return (support_problem){.samples = SAMPLES, .rank = 3, .dims = {H, W, C}, .classes = 4, .data = data};
}

static void open_or_fail(support_trainer *s, const char *data, size_t threads)
{
    tn_error error;
    const support_problem problem = pictures(data);
    if (support_trainer_open(s, &problem, threads, REST, &error))
        fail_msg("%s (%s)", error.message, error.pointer);
}

static void read_augment(const support_trainer *s, tn_augment *augment)
{
    tn_error error;
    assert_int_equal(tn_augment_init(augment, s->hypes, s->data.train, false, &error), TN_OK);
    assert_true(augment->is_on);
}

/* Whether `changed` is `plain` moved so far, and mirrored then. */
static bool is_moved(const float *plain, const float *changed, int down, int right, bool flipped, float edge)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int k = 0; k < C; k++) {
                const int from_y = y + down, from_x = x + right, to_x = flipped ? W - 1 - x : x;
                const bool inside = from_y >= 0 && from_y < H && from_x >= 0 && from_x < W;
                if (changed[(y * W + to_x) * C + k] != (inside ? plain[(from_y * W + from_x) * C + k] : edge))
                    return false;
            }
    return true;
}

/* Each sample is one of the 50 that it may become, and all 50 occur. */
static void pictures_are_moved_and_mirrored(void **state)
{
    (void)state;
    support_trainer s;
    tn_augment augment;
    static float plain[SAMPLES * SIZE], changed[SAMPLES * SIZE];
    size_t found[50] = {0};
    open_or_fail(&s, ", \"input\": {\"scale\": \"standardize\"}, \"augment\": {\"flip\": true, \"crop\": 2}", 1);
    read_augment(&s, &augment);
    tn_dataset_inputs(s.data.train, NULL, SAMPLES, plain);
    static float raws[SAMPLES * SIZE];
    tn_dataset_raw_inputs(s.data.train, NULL, SAMPLES, raws);
    const double gain = ((double)plain[1] - (double)plain[0]) / ((double)raws[1] - (double)raws[0]);
    const double edge = (double)plain[0] - gain * (double)raws[0]; /* what 0 in the file becomes */
    for (uint64_t round = 0; round < ROUNDS; round++) {
        memcpy(changed, plain, sizeof plain);
        tn_augment_batch(&augment, s.data.train, round * SAMPLES, SAMPLES, NULL, changed);
        for (size_t i = 0; i < SAMPLES; i++) {
            size_t fits = 0;
            for (int down = -2; down <= 2; down++)
                for (int right = -2; right <= 2; right++)
                    for (int flipped = 0; flipped < 2; flipped++) {
                        /* a corner that came in says what the edge is, to the last bit */
                        const int corner_y = down >= 0 ? H - 1 : 0, corner_x = (right >= 0) == !flipped ? W - 1 : 0;
                        const float at_corner = changed[i * SIZE + (size_t)((corner_y * W + corner_x) * C)];
                        if (!is_moved(plain + i * SIZE, changed + i * SIZE, down, right, flipped, at_corner))
                            continue;
                        if (down != 0 || right != 0)
                            assert_true(fabs((double)at_corner - edge) < 1e-4);
                        found[((down + 2) * 5 + right + 2) * 2 + flipped]++;
                        fits++;
                    }
            assert_int_equal(fits, 1);
        }
    }
    for (size_t i = 0; i < 50; i++) /* 560 in 50 places: 11.2 each; none of a place has probability 1e-5 */
        assert_true(found[i] > 0);
    support_trainer_close(&s);
}

static void noise_is_normal_and_spares_what_is_ignored(void **state)
{
    (void)state;
    support_trainer s;
    tn_augment augment;
    static float plain[SAMPLES * SIZE], changed[SAMPLES * SIZE];
    double sum = 0, squares = 0, count = 0;
    open_or_fail(&s, ", \"input\": {\"ignore\": [7, 8]}, \"augment\": {\"noise\": 0.5, \"crop\": 1}", 1);
    read_augment(&s, &augment);
    augment.crop = 0;
    tn_dataset_inputs(s.data.train, NULL, SAMPLES, plain);
    memcpy(changed, plain, sizeof plain);
    tn_augment_batch(&augment, s.data.train, 0, SAMPLES, NULL, changed);
    for (size_t i = 0; i < SAMPLES * SIZE; i++) {
        const double difference = (double)changed[i] - (double)plain[i];
        if (i % SIZE == 7 || i % SIZE == 8) {
            assert_true(plain[i] == 0 && changed[i] == 0);
            continue;
        }
        sum += difference;
        squares += difference * difference;
        count++;
    }
    assert_true(fabs(sum / count) < 0.03); /* 6,160 values: the mean's own deviation is 0.0064 */
    assert_true(fabs(sqrt(squares / count) - 0.5) < 0.02);
    augment.crop = 1;
    tn_augment_batch(&augment, s.data.train, 0, SAMPLES, NULL, plain);
    for (size_t i = 0; i < SAMPLES; i++)
        assert_true(plain[i * SIZE + 7] == 0 && plain[i * SIZE + 8] == 0);
    support_trainer_close(&s);
}

/* What happens to a sample depends on its number in the training, not on its batch or on threads. */
static void batches_and_threads_do_not_matter(void **state)
{
    (void)state;
    support_trainer s;
    tn_augment augment;
    static float whole[SAMPLES * SIZE], parts[SAMPLES * SIZE], other[SAMPLES * SIZE];
    open_or_fail(&s, ", \"augment\": {\"flip\": true, \"crop\": 1, \"noise\": 0.1}", 3);
    read_augment(&s, &augment);
    tn_dataset_inputs(s.data.train, NULL, SAMPLES, whole);
    memcpy(parts, whole, sizeof whole);
    memcpy(other, whole, sizeof whole);
    tn_augment_batch(&augment, s.data.train, 1000, SAMPLES, s.pool, whole);
    tn_augment_batch(&augment, s.data.train, 1000, 13, NULL, parts);
    tn_augment_batch(&augment, s.data.train, 1013, SAMPLES - 13, NULL, parts + 13 * SIZE);
    assert_memory_equal(whole, parts, sizeof whole);
    augment.seed++;
    tn_augment_batch(&augment, s.data.train, 1000, SAMPLES, NULL, other);
    assert_memory_not_equal(whole, other, sizeof whole);
    support_trainer_close(&s);
}

/* The inputs of an observed step. */
static void keep_inputs(void *context, const tn_tensor_shown *shown)
{
    if (shown->name->role == TN_ROLE_INPUT)
        memcpy(context, shown->values, shown->name->count * sizeof(float));
}

static void only_training_batches_change(void **state)
{
    (void)state;
    static const char with[] = ", \"augment\": {\"flip\": true, \"crop\": 2, \"noise\": 0.1}";
    support_trainer plain, changed;
    static float inputs[2][32 * SIZE], outputs[2][SAMPLES * 4];
    tn_step_result result;
    open_or_fail(&plain, "", 1);
    open_or_fail(&changed, with, 1);
    const size_t samples = tn_dataset_samples(plain.data.train);
    support_trainer *const both[] = {&plain, &changed};
    for (size_t k = 0; k < 2; k++) /* before a step both have the same weights */
        tn_trainer_predict(both[k]->trainer, both[k]->data.train, NULL, samples, outputs[k], NULL);
    assert_memory_equal(outputs[0], outputs[1], samples * 4 * sizeof(float));
    for (size_t k = 0; k < 2; k++)
        tn_trainer_step(both[k]->trainer, false, keep_inputs, inputs[k], &result);
    assert_memory_not_equal(inputs[0], inputs[1], sizeof inputs[0]);
    support_trainer_close(&plain);
    support_trainer_close(&changed);
}

static void a_run_repeats_and_resumes(void **state)
{
    (void)state;
    static const char with[] = ", \"augment\": {\"flip\": true, \"crop\": 2, \"noise\": 0.1}";
    support_trainer one, other;
    tn_step_result first, second;
    tn_error error;
    open_or_fail(&one, with, 1);
    open_or_fail(&other, with, 3);
    for (int i = 0; i < 5; i++) {
        tn_trainer_step(one.trainer, false, NULL, NULL, &first);
        tn_trainer_step(other.trainer, false, NULL, NULL, &second);
        assert_true(first.loss == second.loss);
    }
    const size_t size = tn_trainer_state_size(one.trainer);
    void *middle = malloc(size);
    assert_non_null(middle);
    tn_trainer_save(one.trainer, middle);
    for (int i = 0; i < 3; i++)
        tn_trainer_step(other.trainer, false, NULL, NULL, &second);
    assert_int_equal(tn_trainer_restore(other.trainer, middle, size, &error), TN_OK);
    for (int i = 0; i < 3; i++) {
        tn_trainer_step(one.trainer, false, NULL, NULL, &first);
        tn_trainer_step(other.trainer, false, NULL, NULL, &second);
        assert_true(first.loss == second.loss);
    }
    free(middle);
    support_trainer_close(&one);
    support_trainer_close(&other);
}

static void refuse(const support_problem *problem, const char *rest, const char *part, const char *pointer)
{
    support_trainer s;
    tn_error error;
    assert_int_equal(support_trainer_open(&s, problem, 1, rest, &error), TN_ERROR_HYPES);
    if (strstr(error.message, part) == NULL)
        fail_msg("\"%s\" does not hold \"%s\"", error.message, part);
    assert_string_equal(error.pointer, pointer);
    support_trainer_close(&s);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const char dense[] = "\"net\": [{\"op\": \"dense\", \"units\": 4}], \"loss\": \"softmax_cross_entropy\"";
    static const char embedded[] =
        "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 9, \"units\": 4}, {\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 4}], "
        "\"loss\": \"softmax_cross_entropy\"";
    const support_problem wide = pictures(", \"augment\": {\"crop\": 5}");
    const support_problem table = {.samples = SAMPLES, .rank = 1, .dims = {7}, .classes = 4, .data = ", \"augment\": {\"flip\": true}"};
    const support_problem noisy = {.samples = SAMPLES, .rank = 1, .dims = {7}, .classes = 4, .data = ", \"augment\": {\"noise\": 0.1}"};
    const support_problem tokens = {
        .samples = SAMPLES, .rank = 1, .dims = {7}, .classes = 4, .tokens = 9, .data = ", \"augment\": {\"noise\": 0.1}"};
    refuse(&wide, REST, "moves pictures by up to 5 pixels, and they are 6 high and 5 wide", "/data/augment/crop");
    refuse(&table, dense, "flips and crops pictures [height, width, channels]; these samples are none", "/data/augment");
    refuse(&tokens, embedded, "the inputs are numbers of words", "/data/augment");
    support_trainer s;
    tn_error error;
    assert_int_equal(support_trainer_open(&s, &noisy, 1, dense, &error), TN_OK);
    support_trainer_close(&s);
}

/* A network that says 0 has the squares of its targets for a loss: those of boxes that went with their pictures, in each step. */
static void a_step_moves_boxes(void **state)
{
    (void)state;
    enum { BATCH = 16, STEPS = 6 };
    static const char FORM[] =
        "{\"data\": {\"train\": {\"format\": \"task\", \"task\": \"boxes\", \"samples\": 40, \"target\": \"box\"}, \"valid\": 0, "
        "\"label\": \"none\", \"augment\": %s}, \"net\": [{\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 4}], \"loss\": "
        "\"mse\", \"init\": \"zeros\", \"solver\": {\"batch_size\": 16, \"shuffle\": false, \"learning_rate\": 1e-30}}";
    double losses[2][STEPS], squares[2][STEPS] = {{0}};
    for (size_t k = 0; k < 2; k++) {
        char text[700];
        tn_hypes *hypes = NULL;
        tn_data data;
        tn_trainer *trainer = NULL;
        tn_augment augment;
        tn_error error = {0};
        int length = snprintf(text, sizeof text, FORM, k == 0 ? "null" : "{\"flip\": true, \"crop\": 9}");
        if (tn_hypes_parse(text, (size_t)length, "t.json", "", &hypes, &error) != TN_OK ||
            tn_data_open(hypes, NULL, &data, &error) != TN_OK || tn_trainer_create(hypes, &data, NULL, &trainer, &error) != TN_OK ||
            tn_augment_init(&augment, hypes, data.train, false, &error) != TN_OK)
            fail_msg("%s (%s)", error.message, error.pointer);
        uint64_t first = 0;
        for (size_t step = 0; step < STEPS; step++) {
            tn_step_result result;
            float targets[BATCH * 4];
            uint32_t samples[BATCH];
            tn_trainer_step(trainer, false, NULL, NULL, &result);
            losses[k][step] = result.loss;
            const size_t count = (size_t)(result.samples - first);
            for (size_t i = 0; i < count; i++)
                samples[i] = (uint32_t)((first + i) % 40);
            tn_dataset_target_labels(data.train, samples, count, targets);
            tn_augment_boxes(&augment, data.train, first, count, targets);
            for (size_t i = 0; i < 4 * count; i++)
                squares[k][step] += (double)targets[i] * (double)targets[i];
            first = result.samples;
        }
        tn_trainer_destroy(trainer);
        tn_data_close(&data);
        tn_hypes_destroy(hypes);
    }
    for (size_t step = 0; step < STEPS; step++) {
        assert_true(fabs(squares[1][step] / squares[0][step] - 1) > 1e-3);
        assert_true(fabs(losses[1][step] / losses[0][step] / (squares[1][step] / squares[0][step]) - 1) < 1e-5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_moved_and_mirrored),
        cmocka_unit_test(noise_is_normal_and_spares_what_is_ignored),
        cmocka_unit_test(batches_and_threads_do_not_matter),
        cmocka_unit_test(only_training_batches_change),
        cmocka_unit_test(a_run_repeats_and_resumes),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_step_moves_boxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

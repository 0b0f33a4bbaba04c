/* test_trainer_taps.c: what a tap is shown: every tensor of a step, once, in the order it is made, with the values that belong to its
 * name; and what it is shown of a layer so large that its gradients are not kept. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/support_trainer.h"

enum { SEEN_MAX = 64, VALUES_MAX = 4096, SAMPLES_MAX = 32 };

typedef struct record {
    tn_tensor_name name;
    size_t index, sample_count;
    uint32_t rows[SAMPLES_MAX];
    float values[VALUES_MAX];
} record;

typedef struct seen {
    size_t count;
    record records[SEEN_MAX];
} seen;

static void note(void *context, const tn_tensor_shown *shown)
{
    seen *s = context;
    const tn_tensor_name *name = shown->name;
    assert_true(s->count < SEEN_MAX && name->count <= VALUES_MAX);
    record *r = &s->records[s->count++];
    r->name = *name;
    r->index = shown->index;
    r->sample_count = shown->batch.count;
    for (size_t i = 0; i < shown->batch.count; i++)
        r->rows[i] = shown->batch.rows[i];
    memcpy(r->values, shown->values, name->count * sizeof *r->values);
}

static const record *find(const seen *s, const char *node, const char *parameter, tn_role role)
{
    for (size_t i = 0; i < s->count; i++) {
        const tn_tensor_name *name = &s->records[i].name;
        if (strcmp(name->node, node) == 0 && name->role == role &&
            (parameter ? name->parameter && strcmp(name->parameter, parameter) == 0 : !name->parameter))
            return &s->records[i];
    }
    fail_msg("%s %s %d was not shown", node, parameter ? parameter : "", (int)role);
    return NULL;
}

static const support_problem rows = {.samples = 20, .rank = 1, .dims = {6}, .classes = 3};
static const support_problem images = {.samples = 10, .rank = 3, .dims = {4, 4, 2}, .classes = 3};

static seen *new_seen(void)
{
    seen *s = calloc(1, sizeof *s);
    assert_non_null(s);
    return s;
}

static void open_or_fail(support_trainer *s, const support_problem *problem, const char *rest)
{
    tn_error error;
    if (support_trainer_open(s, problem, 1, rest, &error))
        fail_msg("%s (%s)", error.message, error.pointer);
}

#define MLP                                                                                                                                \
    "\"net\": [{\"op\": \"dense\", \"units\": 5}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 3}], \"loss\": "                      \
    "\"softmax_cross_entropy\", "                                                                                                          \
    "\"solver\": {\"learning_rate\": 0.25, \"batch_size\": 12}"

static void every_tensor_is_shown_once_in_order(void **state)
{
    (void)state;
    support_trainer t;
    tn_step_result result;
    seen *s = new_seen();
    open_or_fail(&t, &rows, MLP);
    tn_trainer_step(t.trainer, false, note, s, &result);
    static const struct {
        const char *node, *parameter;
        tn_role role;
        size_t count, units;
    } expected[] = {
        {"input", NULL, TN_ROLE_INPUT, 72, 6},
        {"dense_0", NULL, TN_ROLE_ACTIVATION, 60, 5},
        {"relu_1", NULL, TN_ROLE_ACTIVATION, 60, 5},
        {"dense_2", NULL, TN_ROLE_ACTIVATION, 36, 3},
        {"loss", NULL, TN_ROLE_LOSS, 12, 1},
        {"dense_2", NULL, TN_ROLE_ACTIVATION_GRADIENT, 36, 3},
        {"dense_2", "weight", TN_ROLE_GRADIENT, 15, 3},
        {"dense_2", "bias", TN_ROLE_GRADIENT, 3, 3},
        {"relu_1", NULL, TN_ROLE_ACTIVATION_GRADIENT, 60, 5},
        {"dense_0", NULL, TN_ROLE_ACTIVATION_GRADIENT, 60, 5},
        {"dense_0", "weight", TN_ROLE_GRADIENT, 30, 5},
        {"dense_0", "bias", TN_ROLE_GRADIENT, 5, 5},
        {"dense_0", "weight", TN_ROLE_UPDATE, 30, 5},
        {"dense_0", "weight", TN_ROLE_WEIGHT, 30, 5},
        {"dense_0", "bias", TN_ROLE_UPDATE, 5, 5},
        {"dense_0", "bias", TN_ROLE_WEIGHT, 5, 5},
        {"dense_2", "weight", TN_ROLE_UPDATE, 15, 3},
        {"dense_2", "weight", TN_ROLE_WEIGHT, 15, 3},
        {"dense_2", "bias", TN_ROLE_UPDATE, 3, 3},
        {"dense_2", "bias", TN_ROLE_WEIGHT, 3, 3},
    };
    assert_int_equal(s->count, sizeof expected / sizeof *expected);
    assert_int_equal(s->count, tn_trainer_tensor_count(t.trainer));
    bool used[SEEN_MAX] = {false};
    for (size_t i = 0; i < s->count; i++) {
        const record *r = &s->records[i];
        assert_string_equal(r->name.node, expected[i].node);
        assert_int_equal(r->name.role, expected[i].role);
        assert_int_equal(r->name.count, expected[i].count);
        assert_int_equal(r->name.units, expected[i].units);
        assert_true((r->name.parameter == NULL) == (expected[i].parameter == NULL));
        if (expected[i].parameter)
            assert_string_equal(r->name.parameter, expected[i].parameter);
        assert_true(r->index < tn_trainer_tensor_count(t.trainer) && !used[r->index]);
        used[r->index] = true;
        assert_string_equal(tn_trainer_tensor(t.trainer, r->index)->node, r->name.node);
    }
    /* The last batch of the epoch is smaller, and so are its activations. */
    s->count = 0;
    tn_trainer_step(t.trainer, false, note, s, &result);
    assert_int_equal(find(s, "relu_1", NULL, TN_ROLE_ACTIVATION)->name.count, 8 * 5);
    assert_int_equal(find(s, "dense_0", "weight", TN_ROLE_GRADIENT)->name.count, 30);
    free(s);
    support_trainer_close(&t);
}

/* The samples of a batch are rows of the file, the inputs prove it; parameters are of no samples. */
static void samples_are_rows_of_the_file(void **state)
{
    (void)state;
    support_trainer t;
    tn_step_result result;
    seen *s = new_seen();
    open_or_fail(&t, &rows, MLP);
    bool used[20] = {false};
    for (size_t batch = 12; batch >= 8; batch -= 4) { /* an epoch of 12 and 8 samples */
        s->count = 0;
        tn_trainer_step(t.trainer, false, note, s, &result);
        const record *input = find(s, "input", NULL, TN_ROLE_INPUT);
        for (size_t i = 0; i < s->count; i++) {
            const record *r = &s->records[i];
            assert_int_equal(r->sample_count, r->name.parameter ? 0 : batch);
            assert_memory_equal(r->rows, input->rows, r->sample_count * sizeof *r->rows);
        }
        for (size_t i = 0; i < batch; i++) {
            size_t sample = 0;
            while (sample < tn_dataset_samples(t.data.train) && tn_dataset_row(t.data.train, sample) != input->rows[i])
                sample++;
            assert_true(sample < 20 && !used[sample]);
            used[sample] = true;
            float expected[6];
            const uint32_t number = (uint32_t)sample;
            tn_dataset_inputs(t.data.train, &number, 1, expected);
            assert_memory_equal(expected, input->values + 6 * i, sizeof expected);
        }
    }
    free(s);
    support_trainer_close(&t);
}

/* Everything shown fits together by the formulas of the net, which overwrites in place. */
static void values_belong_to_their_names(void **state)
{
    (void)state;
    support_trainer t;
    tn_step_result result;
    seen *s = new_seen(), *before = new_seen();
    open_or_fail(&t, &rows, MLP);
    tn_trainer_step(t.trainer, false, note, before, &result);
    tn_trainer_step(t.trainer, false, note, s, &result);
    enum { B = 8, IN = 6, MID = 5, OUT = 3 };
    const float *x = find(s, "input", NULL, TN_ROLE_INPUT)->values, *w = find(before, "dense_0", "weight", TN_ROLE_WEIGHT)->values;
    const float *b = find(before, "dense_0", "bias", TN_ROLE_WEIGHT)->values, *a = find(s, "dense_0", NULL, TN_ROLE_ACTIVATION)->values;
    const float *r = find(s, "relu_1", NULL, TN_ROLE_ACTIVATION)->values,
                *dy = find(s, "dense_2", NULL, TN_ROLE_ACTIVATION_GRADIENT)->values;
    const float *dr = find(s, "relu_1", NULL, TN_ROLE_ACTIVATION_GRADIENT)->values,
                *da = find(s, "dense_0", NULL, TN_ROLE_ACTIVATION_GRADIENT)->values;
    const float *w2 = find(before, "dense_2", "weight", TN_ROLE_WEIGHT)->values,
                *dw2 = find(s, "dense_2", "weight", TN_ROLE_GRADIENT)->values;
    bool negative = false;
    for (size_t i = 0; i < B * MID; i++) {
        double sum = (double)b[i % MID], back = 0;
        for (size_t k = 0; k < IN; k++)
            sum += (double)x[i / MID * IN + k] * (double)w[k * MID + i % MID];
        for (size_t k = 0; k < OUT; k++)
            back += (double)dy[i / MID * OUT + k] * (double)w2[i % MID * OUT + k];
        assert_true(fabs(sum - (double)a[i]) < 1e-5);
        assert_true(r[i] == (a[i] > 0 ? a[i] : 0));
        assert_true(fabs(back - (double)dr[i]) < 1e-6);
        assert_true(da[i] == (a[i] > 0 ? dr[i] : 0));
        negative = negative || a[i] < 0;
    }
    assert_true(negative);
    for (size_t i = 0; i < MID * OUT; i++) {
        double sum = 0;
        for (size_t n = 0; n < B; n++)
            sum += (double)r[n * MID + i / OUT] * (double)dy[n * OUT + i % OUT];
        assert_true(fabs(sum - (double)dw2[i]) < 1e-6);
    }
    const float *update = find(s, "dense_2", "weight", TN_ROLE_UPDATE)->values,
                *after = find(s, "dense_2", "weight", TN_ROLE_WEIGHT)->values;
    for (size_t i = 0; i < MID * OUT; i++) {
        assert_true(update[i] == after[i] - w2[i]);
        assert_true(fabsf(update[i] + 0.25f * dw2[i]) < 1e-6f);
    }
    free(s);
    free(before);
    support_trainer_close(&t);
}

/* Where a tensor is read twice its gradient is the sum; flatten is shown like any node; frozen weights are shown, without gradient. */
static void branches_and_frozen_nodes(void **state)
{
    (void)state;
    support_trainer t;
    tn_step_result result;
    seen *s = new_seen();
    open_or_fail(&t, &images,
                 "\"net\": [{\"op\": \"conv2d\", \"filters\": 2, \"kernel\": 1, \"trainable\": false, \"name\": \"cold\"}, {\"op\": "
                 "\"conv2d\", \"filters\": 2, \"kernel\": 1, \"name\": \"warm\"},"
                 "{\"op\": \"relu\"}, {\"op\": \"add\", \"from\": [\"warm\", \"relu_2\"]}, {\"op\": \"flatten\"}, {\"op\": "
                 "\"dense\", \"units\": 3}], "
                 "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"batch_size\": 10}");
    tn_trainer_step(t.trainer, true, note, s, &result);
    const float *warm = find(s, "warm", NULL, TN_ROLE_ACTIVATION)->values, *sum = find(s, "add_3", NULL, TN_ROLE_ACTIVATION)->values;
    const float *d_warm = find(s, "warm", NULL, TN_ROLE_ACTIVATION_GRADIENT)->values,
                *d_sum = find(s, "add_3", NULL, TN_ROLE_ACTIVATION_GRADIENT)->values;
    const float *flat = find(s, "flatten_4", NULL, TN_ROLE_ACTIVATION)->values,
                *d_flat = find(s, "flatten_4", NULL, TN_ROLE_ACTIVATION_GRADIENT)->values;
    for (size_t i = 0; i < 10 * 32; i++) {
        double factor = warm[i] > 0 ? 2 : 1;
        assert_true(fabs((double)sum[i] - factor * (double)warm[i]) < 1e-6);
        assert_true(flat[i] == sum[i] && d_flat[i] == d_sum[i]);
        assert_true(fabs((double)d_warm[i] - factor * (double)d_sum[i]) < 1e-6);
    }
    assert_int_equal(find(s, "flatten_4", NULL, TN_ROLE_ACTIVATION)->name.units, 32);
    assert_int_equal(find(s, "warm", NULL, TN_ROLE_ACTIVATION)->name.units, 2);
    find(s, "cold", "weight", TN_ROLE_WEIGHT);
    double norm = 0;
    for (size_t i = 0; i < s->count; i++) {
        const tn_tensor_name *name = &s->records[i].name;
        bool cold = strcmp(name->node, "cold") == 0;
        assert_false(cold && (name->role == TN_ROLE_GRADIENT || name->role == TN_ROLE_UPDATE || name->role == TN_ROLE_ACTIVATION_GRADIENT));
        for (size_t k = 0; k < name->count && name->role == TN_ROLE_GRADIENT; k++)
            norm += (double)s->records[i].values[k] * (double)s->records[i].values[k];
    }
    assert_true(fabs(result.gradient_norm - sqrt(norm)) < 1e-6);
    free(s);
    support_trainer_close(&t);
}

/* ---- a layer whose gradients are not kept ---- */

enum { TENSORS_MAX = 32 };

/* The vitals of each tensor, the tap's own where it brings none. */
typedef struct vitals_seen {
    bool is_seen[TENSORS_MAX], has_values[TENSORS_MAX];
    bool is_large[TENSORS_MAX];  /* a gradient or an update of the large layer */
    bool is_update[TENSORS_MAX]; /* one whose vitals are taken as it is made */
    tn_vitals vitals[TENSORS_MAX];
} vitals_seen;

static void keep_vitals(void *context, const tn_tensor_shown *shown)
{
    vitals_seen *s = context;
    assert_true(shown->index < TENSORS_MAX && !s->is_seen[shown->index] && (shown->values || shown->vitals));
    s->is_seen[shown->index] = true;
    s->has_values[shown->index] = shown->values != NULL;
    const tn_tensor_name *name = shown->name;
    s->is_large[shown->index] = strcmp(name->node, "dense_0") == 0 && (name->role == TN_ROLE_GRADIENT || name->role == TN_ROLE_UPDATE);
    s->is_update[shown->index] = name->role == TN_ROLE_UPDATE && name->count >= TN_VITALS_SAMPLED_FROM;
    tn_vitals *vitals = &s->vitals[shown->index];
    if (shown->vitals) {
        *vitals = *shown->vitals;
        return;
    }
    tn_vitals_init(vitals);
    tn_vitals_add_part(vitals, shown->values, name->count, name->count);
}

static vitals_seen *step_and_keep(size_t threads, const char *rest, int steps)
{
    support_trainer t;
    tn_error error;
    tn_step_result result;
    vitals_seen *s = NULL;
    if (support_trainer_open(&t, &rows, threads, rest, &error))
        fail_msg("%s (%s)", error.message, error.pointer);
    for (int i = 0; i < steps; i++) {
        free(s);
        s = calloc(1, sizeof *s);
        assert_non_null(s);
        tn_trainer_step(t.trainer, true, keep_vitals, s, &result);
    }
    support_trainer_close(&t);
    return s;
}

static void expect_near(const tn_vitals *a, const tn_vitals *b)
{
    double size = sqrt((double)a->count * a->sum_of_squares) + 1e-30;
    assert_true(a->count == b->count && a->zeros == b->zeros && a->subnormals == b->subnormals && a->nan == b->nan);
    assert_true(a->min == b->min && a->max == b->max);
    assert_true(fabs(a->sum - b->sum) <= 1e-6 * size);
    assert_true(fabs(a->sum_of_squares - b->sum_of_squares) <= 1e-6 * a->sum_of_squares);
    assert_true(fabs(a->m2 - b->m2) <= 1e-5 * a->sum_of_squares);
    double share = fabs(tn_vitals_weight(a) - tn_vitals_weight(b));
    assert_true(share <= 0.5);
}

#define LARGE_NET                                                                                                                          \
    "\"net\": [{\"op\": \"dense\", \"units\": 12000}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 3}, {\"op\": \"dense\", "         \
    "\"units\": 3}], "                                                                                                                     \
    "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"learning_rate\": 0.01, \"momentum\": 0.9, \"batch_size\": 12"

/* With a limit that no norm reaches all gradients are kept, and the same tensors have the same vitals. Threads make no difference to a bit. */
static void a_large_layer_has_the_same_vitals(void **state)
{
    (void)state;
    vitals_seen *streamed = step_and_keep(1, LARGE_NET "}", 3), *kept = step_and_keep(1, LARGE_NET ", \"clip_norm\": 1e30}", 3);
    vitals_seen *by_threads = step_and_keep(3, LARGE_NET "}", 3);
    size_t without_values = 0, seen_count = 0;
    for (size_t i = 0; i < TENSORS_MAX; i++) {
        assert_true(streamed->is_seen[i] == kept->is_seen[i] && streamed->is_seen[i] == by_threads->is_seen[i]);
        if (!kept->is_seen[i])
            continue;
        assert_true(kept->has_values[i] == !kept->is_update[i]);
        assert_true(streamed->has_values[i] == !(streamed->is_update[i] || streamed->is_large[i]));
        expect_near(&kept->vitals[i], &streamed->vitals[i]);
        assert_memory_equal(&streamed->vitals[i], &by_threads->vitals[i], sizeof streamed->vitals[i]);
        seen_count++;
        without_values += streamed->is_large[i];
    }
    assert_int_equal(seen_count, 28);
    assert_int_equal(without_values, 4);
    free(streamed);
    free(kept);
    free(by_threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tensor_is_shown_once_in_order), cmocka_unit_test(samples_are_rows_of_the_file),
        cmocka_unit_test(values_belong_to_their_names),        cmocka_unit_test(branches_and_frozen_nodes),
        cmocka_unit_test(a_large_layer_has_the_same_vitals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

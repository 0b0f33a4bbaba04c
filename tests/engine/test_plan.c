/* test_plan.c: memory of a step is reused where lifetimes allow, and only there. That the numbers stay right under reuse is checked by
 * test_gradient_graph.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/plan.h"
#include "engine/support_trainer.h"

static const support_problem rows = {.samples = 8, .rank = 1, .dims = {64}, .classes = 3};

enum { BATCH = 16, WIDTH = 64, LAYERS = 10, ROW = BATCH * WIDTH };

typedef struct planned {
    support_trainer support; /* for its hypes */
    tn_graph graph;
    tn_plan plan;
} planned;

static void make_plan(planned *p, const char *rest)
{
    tn_error error;
    support_trainer_prepare(&p->support, &rows, 1, rest);
    if (tn_graph_init(&p->graph, p->support.hypes, tn_dataset_shape(p->support.data.train), &error) ||
        tn_plan_init(&p->plan, &p->graph, BATCH, 1, &error))
        fail_msg("%s", error.message);
}

static void destroy_plan(planned *p)
{
    tn_plan_deinit(&p->plan);
    tn_graph_deinit(&p->graph);
    support_trainer_close(&p->support);
}

/* LAYERS equal nodes and a classifier. */
static const char *chain(char rest[4096], const char *node)
{
    size_t at = (size_t)snprintf(rest, 4096, "\"net\": [");
    for (int i = 0; i < LAYERS; i++)
        at += (size_t)snprintf(rest + at, 4096 - at, "%s,", node);
    snprintf(rest + at, 4096 - at, "{\"op\": \"dense\", \"units\": 3}], \"loss\": \"softmax_cross_entropy\"");
    return rest;
}

static size_t scratch_of(const planned *p)
{
    size_t most = 0;
    for (size_t i = 0; i < p->graph.count; i++) {
        size_t scratch = p->graph.vertices[i].node.scratch_per_worker + p->graph.vertices[i].node.scratch_shared;
        most = scratch > most ? scratch : most;
    }
    return most + 16;
}

/* Training needs every activation again, but of the gradients only two at once. */
static void gradients_share_memory(void **state)
{
    (void)state;
    char rest[4096];
    planned p;
    make_plan(&p, chain(rest, "{\"op\": \"dense\", \"units\": 64}"));
    size_t small = 4 * BATCH * 16; /* what the last node adds */
    assert_true(p.plan.reals >= (1 + LAYERS) * ROW);
    assert_true(p.plan.reals <= (1 + LAYERS + 2) * ROW + small + scratch_of(&p));
    destroy_plan(&p);
}

/* Where nothing trains before the last node, two activations at once are all. */
static void activations_without_backward_share_memory(void **state)
{
    (void)state;
    char rest[4096];
    planned p;
    make_plan(&p, chain(rest, "{\"op\": \"dense\", \"units\": 64, \"trainable\": false}"));
    size_t small = 4 * BATCH * 16;
    assert_true(p.plan.reals <= 3 * ROW + small + scratch_of(&p));
    for (size_t i = 0; i < LAYERS; i++)
        assert_true(p.plan.vertices[i].d_output == TN_PLAN_NONE);
    destroy_plan(&p);
}

/* relu overwrites the dense output below it, forward and backward; dense cannot. Two relus in a row: the first needs its output, so the
 * second has its own. */
static void activations_run_in_place(void **state)
{
    (void)state;
    planned p;
    make_plan(&p, "\"net\": [{\"op\": \"dense\", \"units\": 64}, {\"op\": \"relu\"}, {\"op\": \"relu\"}, {\"op\": \"flatten\"}, {\"op\": "
                  "\"dense\", \"units\": 3}],"
                  "\"loss\": \"softmax_cross_entropy\"");
    const tn_plan_vertex *v = p.plan.vertices;
    assert_int_equal(v[0].output, v[1].output);
    assert_true(v[1].output != v[2].output);
    assert_int_equal(v[2].output, v[3].output);
    assert_true(v[3].output != v[4].output);
    assert_int_equal(v[0].d_output, v[1].d_output);
    assert_int_equal(v[2].d_output, v[3].d_output);
    assert_true(v[3].d_output != v[4].d_output);
    assert_true(v[0].d_inputs[0] == TN_PLAN_NONE);
    destroy_plan(&p);
}

/* Nobody overwrites what another still reads. */
static void shared_tensors_are_kept(void **state)
{
    (void)state;
    planned p;
    make_plan(&p, "\"net\": [{\"op\": \"dense\", \"units\": 64, \"name\": \"a\"}, {\"op\": \"relu\"}, {\"op\": \"add\", \"from\": [\"a\", "
                  "\"relu_1\"]}, {\"op\": \"dense\", \"units\": 3}],"
                  "\"loss\": \"softmax_cross_entropy\"");
    const tn_plan_vertex *v = p.plan.vertices;
    assert_true(v[0].output != v[1].output && v[1].output != v[2].output && v[0].output != v[2].output);
    assert_false(v[2].accumulates[0]); /* add comes first in backward, and writes */
    assert_true(v[1].accumulates[0]);  /* relu's part is added */
    assert_int_equal(v[2].d_inputs[0], v[0].d_output);
    assert_true(v[1].d_inputs[0] != v[0].d_output);
    destroy_plan(&p);
}

/* The first gradient that add hands on stays where it is, if its source has no other reader; the second is a copy. */
static void add_hands_on_its_gradient(void **state)
{
    (void)state;
    planned p;
    make_plan(
        &p, "\"net\": [{\"op\": \"dense\", \"units\": 64, \"name\": \"a\"}, {\"op\": \"dense\", \"units\": 64, \"name\": \"b\"}, {\"op\": "
            "\"dense\", \"units\": 64}, {\"op\": \"add\", \"from\": [\"dense_2\", \"a\"]}, {\"op\": \"dense\", \"units\": 3}],"
            "\"loss\": \"softmax_cross_entropy\"");
    const tn_plan_vertex *v = p.plan.vertices;
    assert_int_equal(v[3].d_inputs[0], v[3].d_output);
    assert_int_equal(v[2].d_output, v[3].d_output);
    assert_int_equal(v[3].d_inputs[1], v[0].d_output);
    assert_true(v[0].d_output != v[3].d_output);
    assert_true(v[1].d_output != v[3].d_output && v[1].d_output != v[0].d_output);
    assert_true(v[1].accumulates[0]);
    destroy_plan(&p);
}

static void a_batch_beyond_any_memory_is_refused(void **state)
{
    (void)state;
    char rest[4096];
    planned p;
    tn_error error = {0};
    tn_plan plan;
    make_plan(&p, chain(rest, "{\"op\": \"relu\"}"));
    assert_int_equal(tn_plan_init(&plan, &p.graph, SIZE_MAX / 2, 1, &error), TN_ERROR_MEMORY);
    assert_non_null(strstr(error.message, "batch_size"));
    tn_plan_deinit(&plan);
    destroy_plan(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_share_memory),    cmocka_unit_test(activations_without_backward_share_memory),
        cmocka_unit_test(activations_run_in_place),  cmocka_unit_test(shared_tensors_are_kept),
        cmocka_unit_test(add_hands_on_its_gradient), cmocka_unit_test(a_batch_beyond_any_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

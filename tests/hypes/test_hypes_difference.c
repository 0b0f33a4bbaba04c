/* test_hypes_difference.c: what differs between two hypes, one difference at a time, and put together again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hypes/hypes_difference.h"
#include "support_hypes.h"

enum { MOST = 32 };

/* The difference's patch is this JSON. */
static void difference_is(const tn_differences *found, size_t index, const char *expected)
{
    json_t *wanted = json_loads(expected, 0, NULL);
    assert_non_null(wanted);
    if (!json_equal(tn_difference_patch(found, index), wanted)) {
        char *text = json_dumps(tn_difference_patch(found, index), JSON_COMPACT);
        fail_msg("difference %zu is %s, expected %s", index, text, expected);
    }
    json_decref(wanted);
}

/* All differences made in `good` give `bad`, but for what is left out. */
static void together_they_give(const tn_differences *found, const tn_hypes *good, const tn_hypes *bad)
{
    bool all[MOST];
    tn_hypes *made = NULL;
    tn_differences *rest = NULL;
    memset(all, 1, sizeof all);
    json_t *patch = tn_differences_patch(found, all);
    assert_non_null(patch);
    assert_int_equal(tn_hypes_patch(good, patch, &made, NULL), TN_OK);
    assert_int_equal(tn_differences_create(made, bad, &rest, NULL), TN_OK);
    if (tn_differences_count(rest) > 0)
        fail_msg("still different: %s", json_dumps(tn_difference_patch(rest, 0), JSON_COMPACT));
    tn_differences_destroy(rest);
    tn_hypes_destroy(made);
    json_decref(patch);
}

/* Patches the small hypes and finds `count` differences. */
static tn_differences *differences_of(const char *patch, size_t count, tn_hypes **good, tn_hypes **bad)
{
    tn_differences *found = NULL;
    *good = tn_test_parse(tn_small_hypes);
    *bad = tn_test_patch(*good, patch);
    assert_int_equal(tn_differences_create(*good, *bad, &found, NULL), TN_OK);
    assert_int_equal(tn_differences_count(found), count);
    together_they_give(found, *good, *bad);
    return found;
}

static void release(tn_differences *found, tn_hypes *good, tn_hypes *bad)
{
    tn_differences_destroy(found);
    tn_hypes_destroy(good);
    tn_hypes_destroy(bad);
}

static void the_same_does_not_differ(void **state)
{
    (void)state;
    /* A default that is written out, and what has no part in the training. */
    static const char *const patches[] = {"{}", "{\"solver.momentum\": 0, \"solver.seed\": 9, \"debug.nan_steps\": 7}"};
    for (size_t i = 0; i < 2; i++) {
        tn_hypes *good, *bad;
        tn_differences *found = differences_of(patches[i], 0, &good, &bad);
        release(found, good, bad);
    }
}

static void values_differ_one_by_one(void **state)
{
    (void)state;
    tn_hypes *good, *bad;
    tn_differences *found = differences_of("{\"solver.learning_rate\": 10, \"net.0.units\": 5}", 2, &good, &bad);
    bool net_first = json_object_get(tn_difference_patch(found, 0), "net.0.units") != NULL;
    difference_is(found, net_first ? 0 : 1, "{\"net.0.units\": 5}");
    difference_is(found, net_first ? 1 : 0, "{\"solver.learning_rate\": 10}");
    release(found, good, bad);
}

static void a_layer_put_in_is_one_difference(void **state)
{
    (void)state;
    tn_hypes *good, *bad;
    tn_differences *found = differences_of("{\"net.1\": {\"$insert\": {\"op\": \"tanh\"}}}", 1, &good, &bad);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(json_object_get(tn_difference_patch(found, 0), "net.1"), "$insert"), "op")),
        "tanh");
    release(found, good, bad);
}

static void a_layer_taken_out_is_one_difference(void **state)
{
    (void)state;
    tn_hypes *good, *bad;
    tn_differences *found = differences_of("{\"net.1\": {\"$remove\": true}}", 1, &good, &bad);
    difference_is(found, 0, "{\"net.1\": {\"$remove\": true}}");
    release(found, good, bad);
}

static void another_op_is_one_difference(void **state)
{
    (void)state;
    tn_hypes *good, *bad;
    tn_differences *found = differences_of("{\"net.1.op\": \"tanh\"}", 1, &good, &bad);
    assert_non_null(json_object_get(tn_difference_patch(found, 0), "net.1"));
    release(found, good, bad);
}

static void moves_and_values_of_one_list_go_together(void **state)
{
    (void)state;
    tn_hypes *good, *bad;
    tn_differences *found =
        differences_of("{\"net.0.units\": 9, \"net.1\": {\"$remove\": true}, \"net.2.units\": 2, \"net.3\": {\"$insert\": {\"op\": "
                       "\"dense\", \"units\": 3}}, \"data.label.scale\": 2}",
                       4, &good, &bad);
    release(found, good, bad);
}

static void chosen_ones_alone_are_made(void **state)
{
    (void)state;
    tn_hypes *good, *bad, *made = NULL;
    tn_differences *found = differences_of("{\"solver.learning_rate\": 10, \"net.1\": {\"$remove\": true}}", 2, &good, &bad);
    bool chosen[2] = {false, false};
    for (size_t i = 0; i < 2; i++)
        chosen[i] = json_object_get(tn_difference_patch(found, i), "net.1") != NULL;
    json_t *patch = tn_differences_patch(found, chosen);
    assert_int_equal(tn_hypes_patch(good, patch, &made, NULL), TN_OK);
    assert_int_equal(tn_hypes_node_count(made), 2);
    assert_true(tn_hypes_number(made, "solver.learning_rate") == tn_hypes_number(good, "solver.learning_rate"));
    json_decref(patch);
    tn_hypes_destroy(made);
    chosen[0] = chosen[1] = false;
    patch = tn_differences_patch(found, chosen);
    assert_int_equal(json_object_size(patch), 0);
    json_decref(patch);
    release(found, good, bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_does_not_differ),         cmocka_unit_test(values_differ_one_by_one),
        cmocka_unit_test(a_layer_put_in_is_one_difference), cmocka_unit_test(a_layer_taken_out_is_one_difference),
        cmocka_unit_test(another_op_is_one_difference),     cmocka_unit_test(moves_and_values_of_one_list_go_together),
        cmocka_unit_test(chosen_ones_alone_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

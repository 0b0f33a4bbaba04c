/* test_plugin_check.c: gradcheck finds each planted fault, names it as what it is, and finds nothing in healthy twins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/plugin_check.h"

/* Layers that answer are given all the time that a loaded machine needs; one that hangs is not waited for so long. */
enum { SECONDS = 60, SHORT_SECONDS = 1 };

static json_t *check_with(const char *name, double seconds)
{
    char path[512];
    tn_error error;
    json_t *result = NULL;
    snprintf(path, sizeof path, "%s/%s.so", TN_PLUGINS, name);
    const tn_plugin_check_request request = {.path = path, .seed = 1, .seconds = seconds};
    tn_status status = tn_plugin_check(&request, &result, &error);
    if (status != TN_OK)
        print_error("%s: %s\n", name, error.message);
    assert_int_equal(status, TN_OK);
    return result;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print(const char *name, const json_t *result)
{
    char *text = json_dumps(result, JSON_INDENT(1));
    print_error("%s: %s\n", name, text);
    free(text);
}

static void healthy_layers_pass(void **state)
{
    static const char *const NAMES[] = {"swish",
                                        "planted_relu",
                                        "planted_hard_tanh",
                                        "planted_sine",
                                        "planted_softmax",
                                        "planted_dense",
                                        "planted_product",
                                        "planted_prints",
                                        "planted_mixes_on_purpose",
                                        "planted_straight_through",
                                        "planted_bounded_logarithm"};
    (void)state;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        json_t *result = check_with(NAMES[i], SECONDS);
        if (strcmp(text_of(result, "verdict"), "pass") != 0)
            print(NAMES[i], result);
        assert_string_equal(text_of(result, "verdict"), "pass");
        assert_int_equal(json_array_size(json_object_get(result, "faults")), 0);
        assert_true(json_array_size(json_object_get(result, "probes")) >= 10);
        json_decref(result);
    }
}

/* What is planted, and what has to be said of it first. */
typedef struct planted {
    const char *layer, *kind, *cause, *text;
} planted;

static const planted PLANTED[] = {
    {"wrong_factor", "wrong_gradient", "wrong_gradient", "It is 0.5 times the difference in all of them"},
    {"divides_by_zero", "nonfinite_forward", "nonfinite_op", "alone is 0: it divides 0 by 0 there"},
    {"forgets_gradient", "unwritten_gradient", "wrong_gradient", "backward leaves d_inputs[0]"},
    {"writes_outside", "outside", "faulty_layer", "wrote outside its tensors in backward: to d_inputs[0]["},
    {"crashes", "crash", "faulty_layer", "crashed in forward (segmentation fault): it used a NULL pointer"},
    {"planted_flipped_sign", "wrong_gradient", "wrong_gradient", "Its sign is flipped in all of them"},
    {"planted_dropped_term", "wrong_gradient", "wrong_gradient", "central differences of forward give"},
    {"planted_rounds", "wrong_gradient", "wrong_gradient", "central differences of forward give"},
    {"planted_logarithm", "nonfinite_forward", "nonfinite_op", "forward gives NaN where inputs[0]["},
    {"planted_reciprocal", "nonfinite_forward", "nonfinite_op", "alone is 0: it divides by zero there"},
    {"planted_square_root", "nonfinite_backward", "nonfinite_op", "backward gives"},
    {"planted_unstable_softmax", "nonfinite_forward", "nonfinite_op", "forward gives"},
    {"planted_swapped", "wrong_gradient", "wrong_gradient", "d"},
    {"planted_mixes", "mixed_samples", "batch_computation", "samples leak into each other"},
    {"planted_exits", "exit", "faulty_layer", "ended its process in forward, with exit code 3"},
    {"planted_aborts", "crash", "faulty_layer", "crashed in forward (abort"},
    {"planted_null", "crash", "faulty_layer", "it used a NULL pointer"},
    {"planted_writes_input", "read_only", "faulty_layer", "it wrote to inputs[0][20], which it may only read"},
    {"planted_writes_far", "outside", "faulty_layer",
     "it wrote at output[5021], behind the end of that tensor, which has 21 floats for a batch of 3"},
    {"planted_writes_before", "outside", "faulty_layer", "1 floats before the start of output"},
    {"planted_random", "not_repeatable", "faulty_layer", "two equal calls give output[0]"},
    {"planted_remembers", "not_repeatable", "faulty_layer", "two equal calls give output[0]"},
    {"planted_forgets_output", "unwritten_output", "faulty_layer", "leaves output[6] of sample 2 unwritten"},
    {"planted_adds", "added_gradient", "wrong_gradient", "write = where it has +="},
    {"planted_assumes_input", "crash", "faulty_layer", "d_inputs[0] is NULL then, as for the first layer of a net"},
    {"planted_changes_output", "changed_output", "faulty_layer", "backward changes output[0]"},
    {"planted_divides_whole", "crash", "faulty_layer", "a whole number divided by zero"},
    {"planted_no_shape", "crash", "faulty_layer", "answers nonsense in shape: output has no shape"},
    {"planted_crashes_in_shape", "crash", "faulty_layer", "crashed in shape"},
};

static void expect(const planted *expected, double seconds)
{
    json_t *result = check_with(expected->layer, seconds), *fault = json_array_get(json_object_get(result, "faults"), 0);
    bool found = strcmp(text_of(fault, "kind"), expected->kind) == 0 && strcmp(text_of(fault, "cause"), expected->cause) == 0 &&
                 strstr(text_of(fault, "text"), expected->text);
    if (!found)
        print(expected->layer, result);
    assert_string_equal(text_of(result, "verdict"), "fail");
    assert_string_equal(text_of(fault, "kind"), expected->kind);
    assert_string_equal(text_of(fault, "cause"), expected->cause);
    assert_non_null(strstr(text_of(fault, "text"), expected->text));
    json_decref(result);
}

static void planted_faults_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof PLANTED / sizeof *PLANTED; i++)
        expect(&PLANTED[i], SECONDS);
}

static void a_layer_that_hangs_is_ended(void **state)
{
    (void)state;
    expect(&(planted){"planted_hangs", "hang", "faulty_layer", "did not return from forward within 1 s"}, SHORT_SECONDS);
}

/* The sanitizers put their own heap in the place of the one that is measured. */
static void lost_memory_is_found(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#endif
    expect(&(planted){"planted_leaks", "lost_memory", "faulty_layer", "each forward and backward loses 1008 bytes"}, SECONDS);
}

/* The numbers of a wrong gradient are those of the element that is named. */
static void a_wrong_gradient_comes_with_its_numbers(void **state)
{
    (void)state;
    json_t *result = check_with("wrong_factor", SECONDS), *fault = json_array_get(json_object_get(result, "faults"), 0);
    double analytic = json_number_value(json_object_get(fault, "analytic")), numeric = json_number_value(json_object_get(fault, "numeric"));
    assert_true(numeric != 0);
    assert_true(analytic / numeric > 0.499 && analytic / numeric < 0.501);
    assert_string_equal(text_of(fault, "probe"), "random");
    assert_int_equal(json_integer_value(json_object_get(fault, "wrong")), 21);
    assert_int_equal(json_integer_value(json_object_get(fault, "checked")), 21);
    assert_true(json_array_size(json_object_get(fault, "also_in")) >= 2);
    json_decref(result);
}

/* Where no shape is taken nothing is known, and the reason is the layer's own. */
static void a_layer_that_takes_no_shape_is_inconclusive(void **state)
{
    (void)state;
    json_t *result = check_with("planted_refuses", SECONDS);
    assert_string_equal(text_of(result, "verdict"), "inconclusive");
    assert_non_null(strstr(text_of(result, "reason"), "needs 11 features; there are 7"));
    json_decref(result);
}

/* What the same seed finds is the same to the last digit. */
static void a_check_repeats(void **state)
{
    (void)state;
    json_t *first = check_with("planted_dropped_term", SECONDS), *second = check_with("planted_dropped_term", SECONDS);
    assert_true(json_equal(first, second));
    json_decref(first);
    json_decref(second);
}

/* Shapes that a network gives are those that are tried. */
static void given_shapes_are_used(void **state)
{
    (void)state;
    char path[512];
    tn_error error;
    json_t *result = NULL;
    snprintf(path, sizeof path, "%s/planted_writes_far.so", TN_PLUGINS);
    const tn_layer_shape shape = {2, {2, 11}};
    const tn_plugin_check_request request = {.path = path, .inputs = &shape, .input_count = 1, .seed = 1, .seconds = SECONDS};
    assert_int_equal(tn_plugin_check(&request, &result, &error), TN_OK);
    const json_t *fault = json_array_get(json_object_get(result, "faults"), 0);
    assert_non_null(strstr(text_of(fault, "text"), "which has 66 floats for a batch of 3"));
    json_decref(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_layers_pass),
        cmocka_unit_test(planted_faults_are_found),
        cmocka_unit_test(a_layer_that_hangs_is_ended),
        cmocka_unit_test(lost_memory_is_found),
        cmocka_unit_test(a_wrong_gradient_comes_with_its_numbers),
        cmocka_unit_test(a_layer_that_takes_no_shape_is_inconclusive),
        cmocka_unit_test(a_check_repeats),
        cmocka_unit_test(given_shapes_are_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

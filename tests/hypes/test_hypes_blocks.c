/* test_hypes_blocks.c: blocks in a net, written out: names, sources, lines of errors, patches, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hypes/hypes.h"

#define DATA "{\"data\": {\"train\": {\"format\": \"npz\", \"file\": \"a\"}}, \"loss\": \"mse\",\n\"net\": ["

static tn_status parse(const char *net, tn_hypes **hypes, tn_error *error)
{
    char text[2048];
    int length = snprintf(text, sizeof text, DATA "%s]}", net);
    return tn_hypes_parse(text, (size_t)length, "t.json", "", hypes, error);
}

static void blocks_are_written_out(void **state)
{
    (void)state;
    static const char net[] =
        "{\"op\": \"dense\", \"units\": 4, \"name\": \"first\"},\n"
        "{\"repeat\": 2, \"block\": [{\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 4, \"name\": \"fed\", \"module\": \"h.#.mlp#\"},\n"
        "  {\"op\": \"add\", \"from\": [\"start\", \"fed\", \"first\"]}]},\n"
        "{\"block\": [{\"op\": \"tanh\", \"from\": \"start\"}]}";
    /* From the third on the nodes are those of the second copy. */
    static const char *const names[] = {"first", NULL, "fed_0", NULL, NULL, "fed_1", NULL, NULL};
    static const char *const ops[] = {"dense", "relu", "dense", "add", "relu", "dense", "add", "tanh"};
    tn_hypes *hypes, *patched;
    tn_error error = {0};
    assert_int_equal(parse(net, &hypes, &error), TN_OK);
    assert_int_equal(tn_hypes_node_count(hypes), 8);
    for (size_t i = 0; i < 8; i++) {
        const char *name = json_string_value(json_object_get(tn_hypes_node(hypes, i), "name"));
        assert_string_equal(json_string_value(json_object_get(tn_hypes_node(hypes, i), "op")), ops[i]);
        assert_true(name == NULL ? names[i] == NULL : strcmp(name, names[i]) == 0);
    }
    assert_string_equal(tn_hypes_string(hypes, "net.2.module"), "h.0.mlp0");
    assert_string_equal(tn_hypes_string(hypes, "net.5.module"), "h.1.mlp1");
    static const char *const sources[2][3] = {{"first", "fed_0", "first"}, {"add_3", "fed_1", "first"}};
    for (size_t copy = 0; copy < 2; copy++)
        for (size_t k = 0; k < 3; k++) {
            const json_t *from = json_object_get(tn_hypes_node(hypes, 3 + 3 * copy), "from");
            assert_string_equal(json_string_value(json_array_get(from, k)), sources[copy][k]);
        }
    assert_string_equal(json_string_value(json_object_get(tn_hypes_node(hypes, 7), "from")), "add_6");
    json_t *patch = json_pack("{s:i}", "net.5.units", 9); /* of the second copy alone */
    assert_int_equal(tn_hypes_patch(hypes, patch, &patched, &error), TN_OK);
    assert_int_equal(tn_hypes_integer(patched, "net.5.units"), 9);
    assert_int_equal(tn_hypes_integer(patched, "net.2.units"), 4);
    json_decref(patch);
    tn_hypes_destroy(patched);
    tn_hypes_destroy(hypes);
    assert_int_equal(parse("{\"repeat\": 3, \"block\": [{\"op\": \"relu\", \"from\": \"start\"}]}", &hypes, &error), TN_OK);
    assert_string_equal(json_string_value(json_object_get(tn_hypes_node(hypes, 0), "from")), "input");
    assert_string_equal(json_string_value(json_object_get(tn_hypes_node(hypes, 2), "from")), "relu_1");
    tn_hypes_destroy(hypes);
}

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *net, *words;
        int line;
    } wrong[] = {
        {"{\"op\": \"relu\"},\n{\"repeat\": 0, \"block\": [{\"op\": \"relu\"}]}", "net.1.repeat has to be a whole number from 1 to 4096",
         3},
        {"{\"repeat\": 2.5, \"block\": [{\"op\": \"relu\"}]}", "net.0.repeat has to be a whole number", 2},
        {"{\"repeat\": 2}", "net.0.block has to be a list of nodes", 2},
        {"{\"repeat\": 2, \"block\": []}", "net.0.block has to be a list of nodes", 2},
        {"{\"repeat\": 2, \"op\": \"relu\", \"block\": [{\"op\": \"relu\"}]}", "net.0 is a block and has other keys", 2},
        {"{\"block\": [{\"op\": \"relu\"}, {\"block\": []}]}", "net.0.block.1 is a block too; blocks do not nest", 2},
        {"{\"repeat\": 4096, \"block\": [{\"op\": \"relu\"}, {\"op\": \"tanh\"}]}", "written out, net has more than 4096 nodes", 2},
        /* A mistake in a node is told at the line where the block has it. */
        {"{\"repeat\": 2, \"block\": [\n\n{\"op\": \"dense\", \"unit\": 3}]}", "unknown key \"unit\"", 4},
        {"{\"repeat\": 2, \"block\": [{\"op\": \"relu\"},\n7]}", "net.1 is 7; expected an object", 3},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tn_hypes *hypes;
        tn_error error = {0};
        assert_int_not_equal(parse(wrong[i].net, &hypes, &error), TN_OK);
        if (strstr(error.message, wrong[i].words) == NULL || error.line != wrong[i].line)
            fail_msg("\"%s\" at line %d, expected \"%s\" at %d", error.message, error.line, wrong[i].words, wrong[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(blocks_are_written_out), cmocka_unit_test(mistakes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_hypes_patch.c: patches of values, keys and list elements, --set, and two patches made one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_hypes.h"

/* The ops of the net, joined by spaces, with the units of dense. */
static void net_is(const tn_hypes *hypes, const char *expected)
{
    char net[400] = "";
    for (size_t i = 0; i < tn_hypes_node_count(hypes); i++) {
        const json_t *node = tn_hypes_node(hypes, i), *units = json_object_get(node, "units");
        size_t used = strlen(net);
        snprintf(net + used, sizeof net - used, "%s%s", i ? " " : "", json_string_value(json_object_get(node, "op")));
        if (units)
            snprintf(net + strlen(net), sizeof net - strlen(net), "%d", (int)json_integer_value(units));
    }
    assert_string_equal(net, expected);
}

static void after(const char *patch, const char *path, const char *expected)
{
    tn_hypes *base = tn_test_parse(tn_small_hypes), *hypes = tn_test_patch(base, patch);
    tn_test_value_is(hypes, path, expected);
    tn_hypes_destroy(hypes);
    tn_hypes_destroy(base);
}

static void net_after(const char *patch, const char *expected)
{
    tn_hypes *base = tn_test_parse(tn_small_hypes), *hypes = tn_test_patch(base, patch);
    net_is(hypes, expected);
    net_is(base, "dense4 leaky_relu dense2"); /* never changed */
    tn_hypes_destroy(hypes);
    tn_hypes_destroy(base);
}

static void values_are_replaced(void **state)
{
    (void)state;
    after("{\"solver.epochs\": 7}", "solver.epochs", "7");
    after("{\"solver.epochs\": 7}", "solver.opt", "\"adam\"");
    after("{\"solver\": {}}", "solver.opt", "\"sgd\"");
    after("{\"net.0.units\": 64.0}", "net.0.units", "64");
    after("{\"net.0.units\": 5, \"net.2.units\": 6}", "net.2.units", "6");
    after("{\"loss\": \"huber\"}", "loss", "{\"name\":\"huber\",\"clip\":1e-7,\"reduction\":\"mean\",\"delta\":1}");
    after("{\"loss.delta\": 2}", "loss", "{\"name\":\"mse\",\"clip\":1e-7,\"reduction\":\"mean\",\"delta\":2}");
    after("{\"data.train.label\": [\"a\", 2]}", "data.train.label", "[\"a\",2]");
    after("{\"net\": [{\"op\": \"relu\"}]}", "net", "[{\"op\":\"relu\"}]");
    /* Objects on the way that the user left out are made. */
    after("{\"init.scale\": 3}", "init", "{\"scheme\":\"glorot_uniform\",\"scale\":3}");
    after("{\"net.0.init.scale\": 3}", "net.0.init", "{\"scheme\":\"glorot_uniform\",\"scale\":3}");
    after("{\"solver.decay.kind\": \"step\", \"solver.decay.after\": 4}", "solver.decay",
          "{\"kind\":\"step\",\"factor\":1.5,\"after\":4,\"every\":2,\"floor\":0}");
    after("{\"data.valid.fraction\": 0.5}", "data.valid", "{\"fraction\":0.5}");
    /* Keys with dots of their own. */
    after("{\"search.solver.learning_rate\": {\"uniform\": [0, 1]}}", "search.solver.learning_rate.uniform", "absent");
    after("{\"search.solver.learning_rate\": {\"uniform\": [0, 1]}}", "search.solver.learning_rate", "{\"uniform\":[0,1]}");
    after("{}", "net.0.units", "4");
}

static void keys_are_removed(void **state)
{
    (void)state;
    after("{\"solver.opt\": {\"$remove\": true}}", "solver.opt", "\"sgd\"");
    after("{\"solver\": {\"$remove\": true}}", "solver.epochs", "10");
    after("{\"net.1.alpha\": {\"$remove\": true}}", "net.1.alpha", "0.01");
    /* A default is there already, so nothing is left to do. */
    after("{\"solver.momentum\": {\"$remove\": true}}", "solver.momentum", "0");
}

/* All indices are those of the list before the patch. */
static void list_elements_are_inserted_and_removed(void **state)
{
    (void)state;
    net_after("{\"net.0\": {\"$insert\": {\"op\": \"flatten\"}}}", "flatten dense4 leaky_relu dense2");
    net_after("{\"net.3\": {\"$insert\": {\"op\": \"tanh\"}}}", "dense4 leaky_relu dense2 tanh");
    net_after("{\"net.1\": {\"$remove\": true}}", "dense4 dense2");
    net_after("{\"net.0\": {\"$remove\": true}, \"net.1\": {\"$remove\": true}}", "dense2");
    net_after("{\"net.1\": {\"$remove\": true}, \"net.0\": {\"$remove\": true}}", "dense2");
    net_after("{\"net.0\": {\"$insert\": {\"op\": \"exp\"}}, \"net.2\": {\"$insert\": {\"op\": \"elu\"}}, \"net.1\": {\"$remove\": true}, "
              "\"net.2.units\": 9,"
              " \"net.3\": {\"$insert\": {\"op\": \"selu\"}}}",
              "exp dense4 elu dense9 selu");
    net_after("{\"net.2.units\": 9, \"net.0\": {\"$insert\": {\"op\": \"dense\", \"units\": 1}}}", "dense1 dense4 leaky_relu dense9");
    /* An inner list, in a node that moves. */
    tn_hypes *base = tn_test_parse(tn_small_hypes);
    tn_hypes *joined = tn_test_patch(base, "{\"net.2\": {\"op\": \"add\", \"from\": [\"dense_0\", \"dense_0\"]}}");
    tn_hypes *moved = tn_test_patch(
        joined,
        "{\"net.0\": {\"$insert\": {\"op\": \"dense\", \"units\": 4, \"name\": \"a\"}},"
        " \"net.2.from.1\": {\"$insert\": \"a\"}, \"net.2.from.0\": {\"$remove\": true}, \"net.2.from.2\": {\"$insert\": \"input\"},"
        " \"net.2.from.1\": \"a\"}");
    tn_test_value_is(moved, "net.3.from", "[\"a\",\"input\"]");
    tn_hypes_destroy(moved);
    tn_hypes_destroy(joined);
    tn_hypes_destroy(base);
    /* A list that the user left out. */
    after("{\"levels.0\": {\"$insert\": {\"name\": \"one\", \"patch\": {\"data.samples\": 1}}}}", "levels",
          "[{\"name\":\"one\",\"patch\":{\"data.samples\":1}}]");
}

static void another_op_drops_keys_of_the_old(void **state)
{
    (void)state;
    after("{\"net.1.op\": \"relu\"}", "net.1", "{\"op\":\"relu\"}");
    after("{\"net.1.op\": \"elu\"}", "net.1", "{\"op\":\"elu\",\"alpha\":0.2}"); /* both know alpha */
    after("{\"net.1.rate\": 0.1, \"net.1.op\": \"dropout\"}", "net.1", "{\"op\":\"dropout\",\"rate\":0.1}");
}

/* A shorthand that the patch itself brings, with a value below it. */
static void deep_paths_come_after_shallow_ones(void **state)
{
    (void)state;
    after("{\"loss.delta\": 3, \"loss\": \"huber\"}", "loss", "{\"name\":\"huber\",\"clip\":1e-7,\"reduction\":\"mean\",\"delta\":3}");
    after("{\"net.0.units\": 3, \"net.0\": {\"op\": \"dense\", \"units\": 1}}", "net.0.units", "3");
    after("{\"solver.decay\": \"step\", \"solver.decay.factor\": 2}", "solver.decay.factor", "2");
}

static void wrong_patches(void **state)
{
    (void)state;
    static const char *const mistakes[][2] = {
        {"[]", "t.json: a patch is an empty list; expected an object of paths and values"},
        {"{\"\": 1}",
         "t.json: patch of \"\": is no path; write keys and list indices joined by dots, such as solver.learning_rate or net.3.units"},
        {"{\"a..b\": 1}",
         "t.json: patch of \"a..b\": is no path; write keys and list indices joined by dots, such as solver.learning_rate or net.3.units"},
        {"{\"solver.zz\": 1}",
         "t.json: unknown key \"zz\"; the keys here are \"opt\", \"learning_rate\", \"momentum\", \"nesterov\", "
         "\"beta1\", \"beta2\", \"rho\", \"epsilon\", "
         "\"weight_decay\", \"batch_size\", \"epochs\", \"steps\", \"seed\", \"clip_norm\", \"shuffle\", \"carry_state\", \"warmup\", "
         "\"decay\", \"precision\", \"metric\" (solver.zz was "
         "set by a patch or --set) (at /solver/zz)"},
        {"{\"solver.epochs\": 0}", "t.json: solver.epochs is 0; expected a whole number from 1 to 1000000000 (solver.epochs was set by a "
                                   "patch or --set) (at /solver/epochs)"},
        {"{\"net.3.units\": 1}", "t.json: patch of \"net.3.units\": there is no \"net.3\"; the list has 3 elements (at /net/3/units)"},
        {"{\"net.x\": 1}", "t.json: patch of \"net.x\": the list has 3 elements; expected an index from 0 to 2; {\"$insert\": VALUE} adds "
                           "elements (at /net/x)"},
        {"{\"net.3\": {\"op\": \"relu\"}}", "t.json: patch of \"net.3\": the list has 3 elements; expected an index from 0 to 2; "
                                            "{\"$insert\": VALUE} adds elements (at /net/3)"},
        {"{\"net.4\": {\"$insert\": {\"op\": \"relu\"}}}",
         "t.json: patch of \"net.4\": the list has 3 elements; expected an index from 0 to 3 (at /net/4)"},
        {"{\"solver.opt\": {\"$insert\": 1}}",
         "t.json: patch of \"solver.opt\": {\"$insert\": VALUE} is for lists; give the value alone to set a key (at /solver/opt)"},
        {"{\"solver.foo\": {\"$remove\": true}}", "t.json: patch of \"solver.foo\": there is nothing to remove (at /solver/foo)"},
        {"{\"net.0\": {\"$remove\": false}}",
         "t.json: patch of \"net.0\": {\"$remove\": true} takes away; another value than true means nothing (at /net/0)"},
        {"{\"net.0\": {\"$delete\": true}}",
         "t.json: patch of \"net.0\": \"$delete\" is not understood; use {\"$insert\": VALUE} or {\"$remove\": true}, alone (at /net/0)"},
        {"{\"net.0\": {\"$remove\": true, \"op\": 1}}",
         "t.json: patch of \"net.0\": \"$remove\" is not understood; use {\"$insert\": VALUE} or {\"$remove\": true}, alone (at /net/0)"},
        {"{\"net.0\": {\"$remove\": true}, \"net.0.units\": 3}",
         "t.json: patch of \"net.0.units\": the same patch removes \"net.0\" (at /net/0/units)"},
        {"{\"net\": [{\"op\": \"relu\"}], \"net.0\": {\"$remove\": true}}",
         "t.json: patch of \"net.0\": the same patch replaces \"net\"; change the list in one way only (at /net/0)"},
        {"{\"net.0.units.x\": 3}", "t.json: patch of \"net.0.units.x\": \"net.0.units\" is 4, which has no parts (at /net/0/units/x)"},
        {"{\"data\": {\"$remove\": true}}", "t.json:1: the file has no \"data\"; expected an object"},
        {"{\"net.2\": {\"op\": \"dense\"}}",
         "t.json: net.2 has no \"units\"; expected a whole number from 1 to 1000000 (net.2 was set by a patch or --set) (at /net/2)"},
    };
    tn_hypes *base = tn_test_parse(tn_small_hypes);
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        char line[1600];
        tn_test_patch_wrong(base, mistakes[i][0], line);
        if (strcmp(line, mistakes[i][1]) != 0)
            fail_msg("%s\n  says     %s\n  expected %s", mistakes[i][0], line, mistakes[i][1]);
    }
    tn_hypes_destroy(base);
}

/* Lines stay those of the file for what moved, and are not claimed for what a patch brought. */
static void lines_follow_what_moved(void **state)
{
    (void)state;
    tn_hypes *base = tn_test_parse(tn_small_hypes);
    tn_hypes *moved =
        tn_test_patch(base, "{\"net.0\": {\"$insert\": {\"op\": \"relu\"}}, \"net.1\": {\"$remove\": true}, \"net.2.units\": 5}");
    tn_error error;
    tn_hypes_fail(moved, "net.2.op", &error, "x"); /* was net.2 and is net.2 again */
    assert_int_equal(error.line, 6);
    assert_string_equal(error.message, "x");
    tn_hypes_fail(moved, "net.1.units", &error, "x");
    assert_int_equal(error.line, 4);
    tn_hypes_fail(moved, "net.0.op", &error, "x");
    assert_int_equal(error.line, 0);
    assert_string_equal(error.message, "x (net.0 was set by a patch or --set)");
    tn_hypes_fail(moved, "net.2.units", &error, "x");
    assert_int_equal(error.line, 0);
    assert_string_equal(error.message, "x (net.2.units was set by a patch or --set)");
    /* A second patch on top. */
    tn_hypes *again = tn_test_patch(moved, "{\"net.0\": {\"$remove\": true}, \"loss.clip\": 0}");
    tn_hypes_fail(again, "net.0.units", &error, "x");
    assert_int_equal(error.line, 4);
    tn_hypes_fail(again, "loss.name", &error, "x");
    assert_int_equal(error.line, 8);
    tn_hypes_fail(again, "loss.clip", &error, "x");
    assert_int_equal(error.line, 0);
    tn_hypes_destroy(again);
    tn_hypes_destroy(moved);
    tn_hypes_destroy(base);
}

#define NET(nodes)                                                                                                                         \
    "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"a.csv\", \"label\": 0}}, \"loss\": \"mse\", \"net\": [" nodes "]}"

/* Names in "from" go with the nodes that they mean. */
static void sources_follow_the_nodes(void **state)
{
    (void)state;
    static const struct {
        const char *patch, *path, *wanted;
    } cases[] = {
        /* A node before: what goes by op and number is another number now. */
        {"{\"net.0\": {\"$insert\": {\"op\": \"tanh\"}}}", "net.4.from", "[\"relu_2\",\"wide\"]"},
        {"{\"net.1\": {\"$remove\": true}}", "net.2.from", "[\"dense_0\",\"wide\"]"},
        /* Another op is another name. */
        {"{\"net.1.op\": \"tanh\"}", "net.3.from", "[\"tanh_1\",\"wide\"]"},
        {"{\"net.1\": {\"op\": \"elu\", \"name\": \"bent\"}}", "net.3.from", "[\"bent\",\"wide\"]"},
        {"{\"net.2\": {\"op\": \"dense\", \"units\": 3}}", "net.3.from", "[\"relu_1\",\"dense_2\"]"},
        /* Who took a node that goes takes what it took: the node before, the one that it named, or the data. */
        {"{\"net.2\": {\"$remove\": true}}", "net.2.from", "[\"relu_1\",\"relu_1\"]"},
        {"{\"net.4\": {\"$remove\": true}}", "net.4.from", "[\"add_3\",\"relu_1\"]"},
        {"{\"net.0\": {\"$remove\": true}, \"net.1\": {\"$remove\": true}}", "net.1.from", "[\"input\",\"wide\"]"},
        {"{\"net.6\": {\"$remove\": true}}", "net.6.from", "\"input\""},
        /* And of a join the node before. */
        {"{\"net.3\": {\"$remove\": true}}", "net.4.from", "[\"wide\",\"gelu_3\"]"},
        {"{\"net.3\": {\"$remove\": true}, \"net.4\": {\"$remove\": true}}", "net.3.from", "[\"wide\",\"relu_1\"]"},
        /* A name that the patch gives again means the new node. */
        {"{\"net.2\": {\"$remove\": true}, \"net.3\": {\"$insert\": {\"op\": \"gelu\", \"name\": \"wide\"}}}", "net.3.from",
         "[\"relu_1\",\"wide\"]"},
    };
    tn_hypes *base = tn_test_parse(NET("{\"op\": \"dense\", \"units\": 3}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 3, \"name\": "
                                       "\"wide\"}, {\"op\": \"add\", \"from\": [\"relu_1\", \"wide\"]}, {\"op\": \"gelu\", \"from\": "
                                       "\"relu_1\"}, {\"op\": \"add\", \"from\": [\"add_3\", \"gelu_4\"]}, {\"op\": \"relu\", \"from\": "
                                       "\"input\"}, {\"op\": \"elu\"}"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_hypes *patched = tn_test_patch(base, cases[i].patch);
        char *found = tn_test_dump(patched, cases[i].path);
        if (strcmp(found, cases[i].wanted) != 0)
            fail_msg("%s: %s is %s", cases[i].patch, cases[i].path, found);
        free(found);
        tn_hypes_destroy(patched);
    }
    tn_hypes_destroy(base);
}

static void assignments(void **state)
{
    (void)state;
    static const char *const right[][2] = {
        {"solver.learning_rate=0.01", "{\"solver.learning_rate\":0.01}"},
        {"net.1.op=relu", "{\"net.1.op\":\"relu\"}"},
        {"net.1.op=\"relu\"", "{\"net.1.op\":\"relu\"}"},
        {"data.classes=[0, 1]", "{\"data.classes\":[0,1]}"},
        {"net.4={\"$insert\": {\"op\": \"relu\"}}", "{\"net.4\":{\"$insert\":{\"op\":\"relu\"}}}"},
        {"solver.clip_norm=null", "{\"solver.clip_norm\":null}"},
        {"solver.shuffle=false", "{\"solver.shuffle\":false}"},
        {"data.train.file=a=b.csv", "{\"data.train.file\":\"a=b.csv\"}"},
        {"data.train.file=/x y/z.csv", "{\"data.train.file\":\"/x y/z.csv\"}"},
        {"name=12abc", "{\"name\":\"12abc\"}"},
        {"solver.learning_rate=NaN", "{\"solver.learning_rate\":\"NaN\"}"}, /* refused later: a string is no number */
        {"search.solver.opt={\"choice\": [1]}", "{\"search.solver.opt\":{\"choice\":[1]}}"},
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        json_t *patch = json_object();
        tn_error error = {0};
        assert_int_equal(tn_patch_assign(patch, right[i][0], &error), TN_OK);
        char *text = json_dumps(patch, JSON_COMPACT | JSON_REAL_PRECISION(15));
        assert_string_equal(text, right[i][1]);
        free(text);
        json_decref(patch);
    }
    static const char *const wrong[][2] = {
        {"solver.learning_rate", "\"solver.learning_rate\" has no '='; write path=value, such as solver.learning_rate=0.01"},
        {"", "\"\" has no '='; write path=value, such as solver.learning_rate=0.01"},
        {"=1", "\"=1\" has no path before '='; write keys and list indices joined by dots, such as net.3.units=64"},
        {".a=1", "\".a=1\" has no path before '='; write keys and list indices joined by dots, such as net.3.units=64"},
        {"a.=1", "\"a.=1\" has no path before '='; write keys and list indices joined by dots, such as net.3.units=64"},
        {"a=", "\"a=\" has no value after '='"},
        {"a=[1", "the value in \"a=[1\" is no valid JSON: ']' expected near end of file. Quote it for the shell, as in --set "
                 "'data.classes=[0, 1]'"},
        {"a={\"b\":1,\"b\":2}", "the value in \"a={\"b\":1,\"b\":2}\" is no valid JSON: duplicate object key near '\"b\"'. Quote it for "
                                "the shell, as in --set 'data.classes=[0, 1]'"},
        {"a=\xff", "the value of an assignment is no valid UTF-8"},
        {"a\xff=1", "the path of an assignment is no valid UTF-8"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *patch = json_object();
        tn_error error = {0};
        assert_int_equal(tn_patch_assign(patch, wrong[i][0], &error), TN_ERROR_USAGE);
        assert_string_equal(error.message, wrong[i][1]);
        assert_int_equal(json_object_size(patch), 0);
        json_decref(patch);
    }
    /* The last of two assignments wins. */
    json_t *patch = json_object();
    assert_int_equal(tn_patch_assign(patch, "a=1", NULL), TN_OK);
    assert_int_equal(tn_patch_assign(patch, "a=2", NULL), TN_OK);
    assert_int_equal(json_integer_value(json_object_get(patch, "a")), 2);
    json_decref(patch);
}

/* merged = NULL: these two cannot be one. */
static void merge(const char *first_text, const char *second_text, const char *expected)
{
    json_t *first = json_loads(first_text, 0, NULL), *second = json_loads(second_text, 0, NULL);
    assert_non_null(first);
    assert_non_null(second);
    json_t *merged = tn_patch_merge(first, second);
    if (!expected) {
        assert_null(merged);
    } else {
        assert_non_null(merged);
        char *text = json_dumps(merged, JSON_COMPACT);
        assert_string_equal(text, expected);
        free(text);
        /* One after the other gives the same. */
        tn_hypes *base = tn_test_parse(tn_small_hypes), *one = tn_test_patch(base, first_text), *both = tn_test_patch(one, second_text);
        tn_hypes *at_once = tn_test_patch(base, expected);
        assert_true(json_equal(tn_hypes_root(both), tn_hypes_root(at_once)));
        tn_hypes_destroy(at_once);
        tn_hypes_destroy(both);
        tn_hypes_destroy(one);
        tn_hypes_destroy(base);
    }
    json_decref(merged);
    json_decref(second);
    json_decref(first);
}

static void patches_are_merged(void **state)
{
    (void)state;
    merge("{\"solver.epochs\": 1}", "{\"solver.seed\": 2}", "{\"solver.epochs\":1,\"solver.seed\":2}");
    merge("{\"solver.epochs\": 1}", "{\"solver.epochs\": 2}", "{\"solver.epochs\":2}");
    merge("{\"loss\": \"huber\"}", "{\"loss.delta\": 2}", "{\"loss\":\"huber\",\"loss.delta\":2}");
    merge("{\"loss.delta\": 2, \"loss.clip\": 0}", "{\"loss\": \"huber\"}", "{\"loss\":\"huber\"}");
    merge("{}", "{\"loss.delta\": 2, \"loss\": \"huber\"}", "{\"loss.delta\":2,\"loss\":\"huber\"}");
    merge("{\"net.0.units\": 3}", "{\"net.2.units\": 4}", "{\"net.0.units\":3,\"net.2.units\":4}");
    merge("{\"net.1\": {\"$remove\": true}}", "{\"solver.seed\": 2}", "{\"net.1\":{\"$remove\":true},\"solver.seed\":2}");
    merge("{\"net.1\": {\"$remove\": true}}", "{\"net.1.op\": \"relu\"}", NULL);
    merge("{\"net.2.units\": 3}", "{\"net.1\": {\"$insert\": {\"op\": \"relu\"}}}",
          "{\"net.2.units\":3,\"net.1\":{\"$insert\":{\"op\":\"relu\"}}}");
    merge("{\"net.2.units\": 3}", "{\"net.2\": {\"$remove\": true}}", NULL);
    merge("{\"net.1\": {\"$insert\": {\"op\": \"relu\"}}}", "{\"net.2.units\": 3}", NULL);
    merge("{\"net.0\": {\"$remove\": true}}", "{\"net.1\": {\"$remove\": true}}", NULL);
    merge("{\"net\": [{\"op\": \"relu\"}]}", "{\"net.1\": {\"$insert\": {\"op\": \"relu\"}}}", NULL);
    merge("{\"net.1\": {\"$remove\": true}}", "{\"net\": [{\"op\": \"relu\"}]}", NULL);
    merge("{\"solver\": {\"$remove\": true}}", "{\"solver.epochs\": 4}", NULL);
    merge("{\"solver.opt\": {\"$remove\": true}}", "{\"solver.epochs\": 4}", "{\"solver.opt\":{\"$remove\":true},\"solver.epochs\":4}");
    merge("{\"solver.opt\": {\"$remove\": true}}", "{\"solver.opt\": \"sgd\"}", "{\"solver.opt\":\"sgd\"}");
    merge("{}", "{}", "{}");
}

/* A level that fits the file does not stand in the way of a patch that moves the nodes it speaks of; a patch of the level itself is checked. */
static void levels_are_checked_where_they_change(void **state)
{
    (void)state;
    tn_hypes *base = tn_test_parse(tn_small_hypes);
    tn_hypes *leveled = tn_test_patch(base, "{\"levels\": [{\"name\": \"narrow\", \"patch\": {\"net.2.units\": 1}}]}");
    tn_hypes *shorter = tn_test_patch(leveled, "{\"net.1\": {\"$remove\": true}}");
    tn_test_value_is(shorter, "levels.0.patch.net.2.units", "1");
    char line[1600];
    tn_test_patch_wrong(leveled, "{\"levels.0.patch.net.2.units\": 0}", line);
    assert_string_equal(
        line,
        "t.json: level 0, \"narrow\", does not fit: net.2.units is 0; expected a whole number from 1 to 1000000 (net.2.units was set by "
        "a patch or --set) (levels was set by a patch or --set) (at /levels/0/patch)");
    tn_hypes_destroy(shorter);
    tn_hypes_destroy(leveled);
    tn_hypes_destroy(base);
}

/* The depth of a patch is bounded like that of a file, and so is its length. */
static void patches_are_bounded(void **state)
{
    (void)state;
    tn_hypes *base = tn_test_parse(tn_small_hypes), *hypes;
    json_t *value = json_integer(1), *patch = json_object();
    for (int i = 0; i < 40; i++)
        value = json_pack("[o]", value);
    json_object_set_new(patch, "solver.epochs", value);
    tn_error error;
    assert_int_equal(tn_hypes_patch(base, patch, &hypes, &error), TN_ERROR_HYPES);
    assert_string_equal(error.message, "patch of \"solver.epochs\": the value nests deeper than 32 levels");
    json_object_clear(patch);
    for (int i = 0; i < 1025; i++) {
        char path[32];
        snprintf(path, sizeof path, "solver.k%d", i);
        json_object_set_new(patch, path, json_integer(1));
    }
    assert_int_equal(tn_hypes_patch(base, patch, &hypes, &error), TN_ERROR_HYPES);
    assert_string_equal(error.message, "a patch has 1025 entries; at most 1024 are allowed");
    assert_null(hypes);
    json_decref(patch);
    assert_int_equal(tn_hypes_patch(base, NULL, &hypes, &error), TN_OK); /* NULL: a copy */
    assert_true(json_equal(tn_hypes_root(base), tn_hypes_root(hypes)));
    tn_hypes_destroy(hypes);
    tn_hypes_destroy(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_replaced),
        cmocka_unit_test(keys_are_removed),
        cmocka_unit_test(list_elements_are_inserted_and_removed),
        cmocka_unit_test(another_op_drops_keys_of_the_old),
        cmocka_unit_test(deep_paths_come_after_shallow_ones),
        cmocka_unit_test(wrong_patches),
        cmocka_unit_test(lines_follow_what_moved),
        cmocka_unit_test(sources_follow_the_nodes),
        cmocka_unit_test(assignments),
        cmocka_unit_test(patches_are_merged),
        cmocka_unit_test(levels_are_checked_where_they_change),
        cmocka_unit_test(patches_are_bounded),
    };
    return cmocka_run_group_tests_name("hypes_patch", tests, NULL, NULL);
}

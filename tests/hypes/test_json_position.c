/* test_json_position.c: the line of every value of a JSON text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "hypes/json_position.h"

static json_t *build(const char *text)
{
    json_t *tree;
    int line;
    assert_int_equal(tn_position_build(text, strlen(text), &tree, &line), TN_POSITION_OK);
    assert_non_null(tree);
    return tree;
}

static void line_is(const json_t *tree, int expected, size_t expected_known, size_t count, const char *const *parts)
{
    size_t known;
    assert_int_equal(tn_position_find(tree, parts, count, &known), expected);
    assert_int_equal(known, expected_known);
}

static void lines_are_found(void **state)
{
    (void)state;
    json_t *tree = build("\n{ \"a\" : 1,\r\n  \"b\": [\n true, \"x]}\\\"\",\n {\"c\":\n-1.5e3}, [] ],\n\n \"\\u0064\": {}, \"\": 5}\n\n");
    line_is(tree, 2, 0, 0, NULL);
    line_is(tree, 2, 1, 1, (const char *const[]){"a"});
    line_is(tree, 3, 1, 1, (const char *const[]){"b"});
    line_is(tree, 4, 2, 2, (const char *const[]){"b", "0"});
    line_is(tree, 4, 2, 2, (const char *const[]){"b", "1"});
    line_is(tree, 5, 2, 2, (const char *const[]){"b", "2"});
    line_is(tree, 6, 3, 3, (const char *const[]){"b", "2", "c"});
    line_is(tree, 6, 2, 2, (const char *const[]){"b", "3"});
    line_is(tree, 8, 1, 1, (const char *const[]){"d"}); /* written with an escape */
    /* What is not there: what lies around it. */
    line_is(tree, 3, 1, 2, (const char *const[]){"b", "4"});
    line_is(tree, 3, 1, 2, (const char *const[]){"b", "01"});
    line_is(tree, 2, 1, 3, (const char *const[]){"a", "x", "y"});
    line_is(tree, 2, 0, 1, (const char *const[]){"z"});
    line_is(tree, 2, 0, 1, (const char *const[]){""});
    json_decref(tree);
}

static void values_of_patches_have_no_line(void **state)
{
    (void)state;
    json_t *tree = build("{\"a\": {\"b\": 1},\n \"c\": 2}");
    json_object_set_new(tree, "a", json_null());
    line_is(tree, 0, 1, 2, (const char *const[]){"a", "b"});
    line_is(tree, 2, 1, 1, (const char *const[]){"c"});
    json_decref(tree);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[2 * 40 + 3];
    for (int depth = 1; depth < 40; depth++) {
        memset(text, '[', (size_t)depth);
        text[depth] = '\0';
        text[depth] = '\n';
        memset(text + depth + 1, ']', (size_t)depth);
        json_t *tree;
        int line;
        tn_position_result result = tn_position_build(text, (size_t)(2 * depth + 1), &tree, &line);
        assert_int_equal(result, depth <= TN_JSON_DEPTH_MAX + 1 ? TN_POSITION_OK : TN_POSITION_TOO_DEEP);
        assert_int_equal(tree != NULL, result == TN_POSITION_OK);
        json_decref(tree);
    }
}

/* A property: in a text printed with one value a line, the lines count up in the order of the text. */
static json_t *random_value(tn_rng *rng, int depth)
{
    uint64_t kind = tn_rng_below(rng, depth > 4 ? 3 : 5);
    if (kind == 0)
        return json_integer((json_int_t)tn_rng_below(rng, 1000));
    if (kind == 1)
        return json_string("a\n\"\\{[\xC3\xA4");
    if (kind == 2)
        return json_false();
    json_t *value = kind == 3 ? json_array() : json_object();
    for (uint64_t i = 0, count = 1 + tn_rng_below(rng, 4); i < count; i++) {
        char key[24];
        snprintf(key, sizeof key, "k\"%d", (int)i);
        if (kind == 3)
            json_array_append_new(value, random_value(rng, depth + 1));
        else
            json_object_set_new(value, key, random_value(rng, depth + 1));
    }
    return value;
}

/* Walks both trees; *line is the line of the next value. */
static void compare(const json_t *value, const json_t *position, int *line)
{
    const char *key;
    json_t *child;
    int here = (*line)++;
    if (json_is_object(value)) {
        assert_int_equal(json_integer_value(json_object_get(position, "")), here);
        json_object_foreach((json_t *)value, key, child)
        {
            compare(child, json_object_get(position, key), line);
        }
        ++*line;
    } else if (json_is_array(value)) {
        assert_int_equal(json_integer_value(json_array_get(position, 0)), here);
        assert_int_equal(json_array_size(position), json_array_size(value) + 1);
        for (size_t i = 0; i < json_array_size(value); i++)
            compare(json_array_get(value, i), json_array_get(position, i + 1), line);
        ++*line;
    } else {
        assert_true(json_is_integer(position));
        assert_int_equal(json_integer_value(position), here);
    }
}

static void lines_of_random_texts(void **state)
{
    (void)state;
    tn_rng rng;
    tn_rng_init(&rng, 7, TN_STREAM_TEST);
    for (int i = 0; i < 300; i++) {
        json_t *list = json_array();
        json_array_append_new(list, random_value(&rng, 0));
        char *text = json_dumps(list, JSON_INDENT(1));
        json_t *tree = build(text);
        int line = 1;
        compare(list, tree, &line);
        free(text);
        json_decref(tree);
        json_decref(list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_found),
        cmocka_unit_test(values_of_patches_have_no_line),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(lines_of_random_texts),
    };
    return cmocka_run_group_tests_name("json_position", tests, NULL, NULL);
}

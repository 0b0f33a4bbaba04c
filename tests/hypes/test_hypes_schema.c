/* test_hypes_schema.c: the table of keys makes sense, its documentation holds every key, and the checker of the table catches planted mistakes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hypes/schema.h"
#include "support_hypes.h"

/* Does the default of a key satisfy its own types and bounds? */
static bool default_fits(const tn_key *key, const json_t *value)
{
    tn_interval interval = tn_schema_interval(key->bounds);
    if (json_is_null(value))
        return key->types & TN_NULL;
    if (json_is_boolean(value))
        return key->types & TN_BOOLEAN;
    if (json_is_integer(value))
        return (key->types & (TN_INTEGER | TN_NUMBER)) && tn_interval_contains(&interval, json_number_value(value));
    if (json_is_real(value))
        return (key->types & TN_NUMBER) && tn_interval_contains(&interval, json_number_value(value));
    if (json_is_string(value)) {
        tn_names names;
        tn_schema_names(key->names, &names);
        bool name = (key->types & TN_NAME) && tn_names_contain(&names, json_string_value(value));
        return name || ((key->types & TN_STRING) && tn_interval_contains(&interval, (double)json_string_length(value)));
    }
    if (json_is_object(value))
        return key->types & (TN_OBJECT | TN_RANGES);
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!tn_interval_contains(&interval, json_number_value(json_array_get(value, i))))
            return false;
    return key->types & (TN_LIST | TN_PAIR);
}

/* What is wrong with a row of the table; NULL where nothing is. */
static const char *fault_of(const tn_key *key)
{
    if (!key->name[0] || strspn(key->name, "abcdefghijklmnopqrstuvwxyz_0123456789") != strlen(key->name))
        return "the name is no plain word";
    if (key->types == 0)
        return "no type";
    if (!key->help[0] || (key->help[strlen(key->help) - 1] != '.' && key->help[strlen(key->help) - 1] != ']' && !strchr(key->help, '?')))
        return "the help is no sentence";
    if (key->bounds[0]) {
        const char *bounds = key->bounds;
        tn_interval interval = tn_schema_interval(bounds);
        if (!strchr("[(", bounds[0]) || !strchr("])", bounds[strlen(bounds) - 1]) || !strstr(bounds, ", ") ||
            !(interval.low <= interval.high))
            return "the bounds are no interval";
        if (!(key->types &
              (TN_INTEGER | TN_NUMBER | TN_STRING | TN_PAIR | TN_LIST | TN_INTEGERS | TN_STRINGS | TN_LIMITS | TN_VALUES | TN_DIMENSIONS)))
            return "bounds of what?";
    }
    tn_names names;
    tn_schema_names(key->names, &names);
    if ((key->types & TN_NAME) && names.count < 2)
        return "a name of which set?";
    if ((key->types & TN_NAME) && key->names[0] == '@' && !tn_schema_title(key->names, names.count - 1))
        return "a set without titles";
    if ((key->types & (TN_OBJECT | TN_LIST | TN_RANGES)) && tn_schema_find_scope(key->names) == TN_SCOPE_COUNT)
        return "an object of no scope";
    if (!key->fallback || key->fallback[0] == '\0' || key->fallback[0] == '@')
        return NULL;
    json_t *value = json_loads(key->fallback + (key->fallback[0] == '='), JSON_DECODE_ANY, NULL);
    const char *fault = !value ? "the default is no JSON" : !default_fits(key, value) ? "the default breaks the key's own rules" : NULL;
    json_decref(value);
    return fault;
}

static void every_row_makes_sense(void **state)
{
    (void)state;
    const tn_key *key, *other;
    for (size_t i = 0; (key = tn_schema_row(i)); i++) {
        const char *fault = fault_of(key);
        if (fault)
            fail_msg("%s.%s: %s", tn_schema_scope(key->scope)->name, key->name, fault);
        for (size_t j = 0; j < i && (other = tn_schema_row(j)); j++)
            if (other->scope == key->scope && strcmp(other->name, key->name) == 0)
                fail_msg("%s.%s stands twice", tn_schema_scope(key->scope)->name, key->name);
    }
    assert_non_null(tn_schema_row(100)); /* the loop saw a table, not nothing */
}

/* Each fault that fault_of looks for, planted in a row that is right otherwise. */
static void planted_mistakes_are_caught(void **state)
{
    (void)state;
    const tn_key right = {TN_SCOPE_solver, "rate", TN_NUMBER, "[0, 1)", "", "0.5", "", "A rate."};
    assert_null(fault_of(&right));
    tn_key wrong[14];
    const size_t count = sizeof wrong / sizeof *wrong;
    for (size_t i = 0; i < count; i++)
        wrong[i] = right;
    wrong[0].name = "Rate";
    wrong[1].types = 0;
    wrong[2].help = "";
    wrong[3].help = "a rate";
    wrong[4].bounds = "0 to 1";
    wrong[5].bounds = "[1, 0]";
    wrong[6].fallback = "half";
    wrong[7].fallback = "1";
    wrong[8].fallback = "null";
    wrong[9].fallback = "\"0.5\"";
    wrong[10].types = TN_INTEGER;
    wrong[11].types = TN_NAME | TN_NUMBER;
    wrong[12].types = TN_OBJECT;
    wrong[12].bounds = "";
    wrong[12].names = "nowhere";
    wrong[13].types = TN_BOOLEAN;
    for (size_t i = 0; i < count; i++)
        if (!fault_of(&wrong[i]))
            fail_msg("planted mistake %zu passes", i);
}

static void selected_scopes_exist(void **state)
{
    (void)state;
    static const struct {
        tn_scope_id scope;
        const char *set;
    } selectors[] = {{TN_SCOPE_node, "@op"}, {TN_SCOPE_source, "@format"}, {TN_SCOPE_split, "@format"}};
    for (size_t s = 0; s < 3; s++) {
        tn_names names;
        tn_schema_names(selectors[s].set, &names);
        assert_true(names.count >= 4);
        for (size_t i = 0; i < names.count; i++) {
            tn_scope_id selected = tn_schema_selected(selectors[s].scope, names.names[i]);
            assert_int_not_equal(selected, TN_SCOPE_COUNT);
            /* No key of a selected scope hides one of the scope that selects it. */
            tn_keys list;
            tn_schema_keys(selected, TN_SCOPE_COUNT, &list);
            for (size_t k = 0; k < list.count; k++)
                assert_null(tn_schema_key(selectors[s].scope, TN_SCOPE_COUNT, list.keys[k]->name));
            tn_schema_keys(selectors[s].scope, selected, &list);
            assert_true(list.count > 0 && list.count < TN_NAMES_MAX);
            assert_string_equal(list.keys[0]->name, s == 0 ? "op" : "format"); /* the selector comes first */
        }
        assert_int_equal(tn_schema_selected(selectors[s].scope, "nothing"), TN_SCOPE_COUNT);
    }
    assert_int_equal(tn_schema_selected(TN_SCOPE_solver, "sgd"), TN_SCOPE_COUNT);
}

/* The names that files written today rely on. */
static void promised_names_are_known(void **state)
{
    (void)state;
    static const char *const ops[] = {"dense",
                                      "conv2d",
                                      "conv2d_transpose",
                                      "upsample2d",
                                      "max_pool2d",
                                      "avg_pool2d",
                                      "flatten",
                                      "dropout",
                                      "batch_norm",
                                      "layer_norm",
                                      "add",
                                      "relu",
                                      "leaky_relu",
                                      "elu",
                                      "selu",
                                      "gelu",
                                      "sigmoid",
                                      "hard_sigmoid",
                                      "tanh",
                                      "softplus",
                                      "exp",
                                      "softmax",
                                      "log",
                                      "sqrt",
                                      "square",
                                      "reciprocal",
                                      "subtract",
                                      "multiply",
                                      "divide",
                                      "concat",
                                      "reshape",
                                      "permute",
                                      "global_avg_pool",
                                      "global_max_pool",
                                      "last",
                                      "embedding",
                                      "rnn",
                                      "gru",
                                      "lstm",
                                      "rms_norm",
                                      "attention",
                                      "position_embedding",
                                      "plugin"};
    static const char *const losses[] = {
        "softmax_cross_entropy", "sigmoid_cross_entropy", "categorical_cross_entropy", "binary_cross_entropy", "mse", "mae", "huber"};
    static const char *const schemes[] = {"he_normal",     "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal",
                                          "lecun_uniform", "normal",     "uniform",       "constant",       "zeros",
                                          "ones",          "orthogonal", "torch"};
    const char *const *names;
    size_t count = tn_hypes_op_names(&names);
    assert_int_equal(count, sizeof ops / sizeof *ops);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(names[i], ops[i]);
    count = tn_hypes_loss_names(&names);
    assert_int_equal(count, sizeof losses / sizeof *losses);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(names[i], losses[i]);
    count = tn_hypes_scheme_names(&names);
    assert_int_equal(count, sizeof schemes / sizeof *schemes);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(names[i], schemes[i]);
}

static void intervals_are_read(void **state)
{
    (void)state;
    tn_interval half = tn_schema_interval("[0, 1)"), open = tn_schema_interval("(0, inf)"), all = tn_schema_interval("");
    assert_true(tn_interval_contains(&half, 0) && tn_interval_contains(&half, 0.999));
    assert_false(tn_interval_contains(&half, 1) || tn_interval_contains(&half, -1e-300) || tn_interval_contains(&half, NAN));
    assert_true(tn_interval_contains(&open, 5e-324) && tn_interval_contains(&open, 1e308));
    assert_false(tn_interval_contains(&open, 0));
    assert_true(tn_interval_contains(&all, -1e308) && tn_interval_contains(&all, 1e308));
}

static void describe_is(tn_key key, const char *expected)
{
    tn_text text;
    tn_text_init(&text);
    tn_schema_describe(&key, &text);
    assert_string_equal(text.data, expected);
    tn_text_deinit(&text);
}

static void values_are_described_in_words(void **state)
{
    (void)state;
    tn_key key = {TN_SCOPE_solver, "k", TN_NUMBER, "", "", NULL, "", ""};
    describe_is(key, "a number");
    key.bounds = "(0, inf)";
    describe_is(key, "a number above 0");
    key.bounds = "[-1, 2.5]";
    key.types = TN_NUMBER | TN_NULL;
    describe_is(key, "a number from -1 to 2.5, or null");
    key.bounds = "[0, 3]";
    key.types = TN_INTEGER | TN_NAME;
    key.names = "a|b|c";
    describe_is(key, "\"a\", \"b\" or \"c\", or a whole number from 0 to 3");
    key.types = TN_OBJECT | TN_NULL;
    key.names = "split";
    describe_is(key, "a number in [0, 1), or an object, or null");
}

/* Both forms of the documentation hold every key and every name; docs/hypes.md is the Markdown one. */
static void documentation_is_complete(void **state)
{
    (void)state;
    char *plain = tn_hypes_help(false), *markdown = tn_hypes_help(true);
    assert_non_null(plain);
    assert_non_null(markdown);
    const tn_key *key;
    for (size_t i = 0; (key = tn_schema_row(i)); i++) {
        char line[64], cell[64];
        snprintf(line, sizeof line, "\n  %s: ", key->name);
        snprintf(cell, sizeof cell, "| `%s` |", key->name);
        if (!strstr(plain, line) || !strstr(markdown, cell))
            fail_msg("the documentation lacks %s", key->name);
    }
    static const char *const sets[] = {"@op", "@format", "@loss", "@optimizer", "@scheme"};
    for (size_t s = 0; s < 5; s++) {
        tn_names names;
        tn_schema_names(sets[s], &names);
        for (size_t i = 0; i < names.count; i++) {
            char line[64], cell[64];
            snprintf(line, sizeof line, "\n    %-26s ", names.names[i]);
            snprintf(cell, sizeof cell, "\n| `%s` |", names.names[i]);
            if (!strstr(plain, line) || !strstr(markdown, cell))
                fail_msg("the documentation lacks %s", names.names[i]);
        }
    }
    for (const char *line = plain; *line;) {
        size_t length = strcspn(line, "\n");
        assert_true(length == 0 || line[length - 1] != ' ');
        line += length + (line[length] == '\n');
    }
    FILE *file = fopen(TN_SOURCE_DIR "/docs/hypes.md", "rb");
    assert_non_null(file);
    char *kept = calloc(1, 1 << 20);
    assert_non_null(kept);
    assert_true(fread(kept, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    if (strcmp(kept, markdown) != 0)
        fail_msg("docs/hypes.md is not what the table says; run make docs");
    free(kept);
    free(markdown);
    free(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_makes_sense),     cmocka_unit_test(planted_mistakes_are_caught),
        cmocka_unit_test(selected_scopes_exist),     cmocka_unit_test(promised_names_are_known),
        cmocka_unit_test(intervals_are_read),        cmocka_unit_test(values_are_described_in_words),
        cmocka_unit_test(documentation_is_complete),
    };
    return cmocka_run_group_tests_name("hypes_schema", tests, NULL, NULL);
}

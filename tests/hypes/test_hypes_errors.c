/* test_hypes_errors.c: each kind of mistake in a file, told in these very words, with this line and this pointer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_hypes.h"

typedef struct mistake {
    const char *text, *expected;
} mistake;

static void check(const mistake *mistakes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char line[1600];
        tn_test_parse_wrong(mistakes[i].text, line);
        if (strcmp(line, mistakes[i].expected) != 0)
            fail_msg("mistake %zu\n  says     %s\n  expected %s", i, line, mistakes[i].expected);
    }
}

#define CHECK(mistakes) check(mistakes, sizeof(mistakes) / sizeof *(mistakes))

/* A right file but for `net`, `loss` and one more line of the root, which is line 5. */
#define FILE_WITH(net, loss, more)                                                                                                         \
    "{\n  \"data\": {\"train\": {\"format\": \"npz\", \"file\": \"a\"}},\n  \"net\": [" net "],\n  \"loss\": " loss ",\n  " more           \
    "\n  \"debug\": {}\n}\n"
#define DENSE      "{\"op\": \"dense\", \"units\": 1}"
#define WITH(more) FILE_WITH(DENSE, "\"mse\"", more)

static void no_json(void **state)
{
    (void)state;
    static const mistake mistakes[] = {
        {"", "t.json:1: the file is empty; expected a JSON object, { ... }"},
        {"\xEF\xBB\xBF", "t.json:1: the file is empty; expected a JSON object, { ... }"},
        {"[]", "t.json:1: the file holds an empty list; expected an object, { ... }"},
        {"{\n  \"net\": [\n}", "t.json:3: no valid JSON, column 1: unexpected token near '}'"},
        {"{\n  \"a\": NaN}", "t.json:2: no valid JSON, column 10: invalid token near 'NaN'; JSON has no NaN and no Infinity"},
        {"{\"a\": -Infinity}", "t.json:1: no valid JSON, column 7: invalid token near '-'"},
        {"{\"a\": 1,\n \"a\": 2}",
         "t.json:2: no valid JSON, column 4: duplicate object key near '\"a\"'; each key may stand once in an object"},
        {"{\"a\": 1e999}", "t.json:1: no valid JSON, column 11: real number overflow near '1e999'"},
        {"{} x", "t.json:1: no valid JSON, column 4: end of file expected near 'x'"},
        {"{\"\xff\": 1}", "t.json:1: no valid JSON, column 2: unable to decode byte 0xff near '\"'"},
    };
    CHECK(mistakes);
}

static void unknown_keys(void **state)
{
    (void)state;
    static const mistake mistakes[] = {
        {WITH("\"solvr\": {},"), "t.json:5: unknown key \"solvr\"; did you mean \"solver\"? (at /solvr)"},
        {WITH("\"solver\": {\"leraning_rate\": 1},"),
         "t.json:5: unknown key \"leraning_rate\"; did you mean \"learning_rate\"? (at /solver/leraning_rate)"},
        {FILE_WITH(DENSE ",\n\n{\"op\": \"dropout\", \"p\": 0.1}", "\"mse\"", ""),
         "t.json:5: unknown key \"p\"; the keys here are \"op\", \"rate\", \"name\", \"from\", \"init\", \"bias_init\", \"module\", "
         "\"trainable\" (at "
         "/net/1/p)"},
        {WITH("\"solver\": {\"\\u001b[31m/~\": 1},"),
         "t.json:5: unknown key \"?[31m/~\"; the keys here are \"opt\", \"learning_rate\", \"momentum\", \"nesterov\", \"beta1\", "
         "\"beta2\", "
         "\"rho\", \"epsilon\", \"weight_decay\", \"batch_size\", \"epochs\", \"steps\", \"seed\", \"clip_norm\", \"shuffle\", "
         "\"carry_state\", \"warmup\", "
         "\"decay\", \"precision\", \"metric\" (at /solver/?[31m~1~0)"},
        {WITH("\"solver\": {\"lr\": 1},"), "t.json:5: unknown key \"lr\"; did you mean \"learning_rate\"? (at /solver/lr)"},
        {WITH("\"solver\": {\"optimizer\": 1},"), "t.json:5: unknown key \"optimizer\"; did you mean \"opt\"? (at /solver/optimizer)"},
        {WITH("\"initializer\": 1,"), "t.json:5: unknown key \"initializer\"; did you mean \"init\"? (at /initializer)"},
        /* A key of another op. */
        {FILE_WITH("{\"op\": \"relu\",\n\"alpha\": 1}", "\"mse\"", ""),
         "t.json:4: unknown key \"alpha\"; the keys here are \"op\", \"name\", \"from\", \"init\", \"bias_init\", \"module\", "
         "\"trainable\" (at "
         "/net/0/alpha)"},
    };
    CHECK(mistakes);
}

static void missing_keys(void **state)
{
    (void)state;
    static const mistake mistakes[] = {
        {"\n{\"net\": [], \"loss\": \"mse\"}", "t.json:2: net has 0 elements; expected 1 to 4096 (at /net)"},
        {"\n{\"net\": [" DENSE "], \"loss\": \"mse\"}", "t.json:2: the file has no \"data\"; expected an object"},
        {"{\"data\": {\"train\": {\"format\": \"npz\", \"file\": \"a\"}}, \"net\": [" DENSE "]}",
         "t.json:1: the file has no \"loss\"; expected \"softmax_cross_entropy\", \"sigmoid_cross_entropy\", "
         "\"categorical_cross_entropy\", "
         "\"binary_cross_entropy\", \"mse\", \"mae\" or \"huber\", or an object"},
        {FILE_WITH("\n{\"op\": \"dense\"}", "\"mse\"", ""),
         "t.json:4: net.0 has no \"units\"; expected a whole number from 1 to 1000000 (at /net/0)"},
        {FILE_WITH("\n{\"units\": 3}", "\"mse\"", ""),
         "t.json:4: net.0 has no \"op\"; expected \"dense\", \"conv2d\", \"conv2d_transpose\", \"upsample2d\", \"max_pool2d\", "
         "\"avg_pool2d\", \"flatten\", "
         "\"dropout\", \"batch_norm\", \"layer_norm\", \"add\", \"relu\", \"leaky_relu\", \"elu\", \"selu\", "
         "\"gelu\", \"sigmoid\", \"hard_sigmoid\", \"tanh\", \"softplus\", \"exp\", \"softmax\", \"log\", "
         "\"sqrt\", \"square\", \"reciprocal\", \"subtract\", \"multiply\", \"divide\", \"concat\", "
         "\"reshape\", \"permute\", \"global_avg_pool\", \"global_max_pool\", \"last\", \"embedding\", "
         "\"rnn\", \"gru\", \"lstm\", \"rms_norm\", \"attention\", \"position_embedding\" or \"plugin\" (at /net/0)"},
    };
    CHECK(mistakes);
}

static void wrong_values(void **state)
{
    (void)state;
    static const mistake mistakes[] = {
        {WITH("\"solver\": {\"learning_rate\": \"fast\"},"),
         "t.json:5: solver.learning_rate is the string \"fast\"; expected a number of at least 0 (at /solver/learning_rate)"},
        {WITH("\"solver\":\n{\n\"learning_rate\": -0.5},"),
         "t.json:7: solver.learning_rate is -0.5; expected a number of at least 0 (at /solver/learning_rate)"},
        {WITH("\"solver\": {\"beta1\": 1},"), "t.json:5: solver.beta1 is 1; expected a number in [0, 1) (at /solver/beta1)"},
        {WITH("\"solver\": {\"momentum\": 1.5},"), "t.json:5: solver.momentum is 1.5; expected a number from 0 to 1 (at /solver/momentum)"},
        {WITH("\"solver\": {\"clip_norm\": 0},"),
         "t.json:5: solver.clip_norm is 0; expected a number above 0, or null (at /solver/clip_norm)"},
        {WITH("\"solver\": {\"batch_size\": 1.5},"),
         "t.json:5: solver.batch_size is 1.5; expected a whole number from 1 to 16777216 (at /solver/batch_size)"},
        {WITH("\"solver\": {\"shuffle\": 1},"), "t.json:5: solver.shuffle is 1; expected true or false (at /solver/shuffle)"},
        {WITH("\"solver\": {\"epochs\": null},"),
         "t.json:5: solver.epochs is null; expected a whole number from 1 to 1000000000 (at /solver/epochs)"},
        {WITH("\"solver\": 3,"), "t.json:5: solver is 3; expected an object (at /solver)"},
        {WITH("\"solver\": [1],"), "t.json:5: solver is the list [1]; expected an object (at /solver)"},
        {WITH("\"name\": \"\","), "t.json:5: name is an empty string; expected a string of at most 200 bytes (at /name)"},
        {WITH("\"solver\": {\"metric\": \"acuracy\"},"),
         "t.json:5: solver.metric is the string \"acuracy\"; did you mean \"accuracy\"? "
         "Expected \"accuracy\", \"perplexity\", \"bits\", \"f1\", \"r2\", \"mse\" or \"mae\", or null "
         "(at /solver/metric)"},
        {WITH("\"solver\": {\"decay\": \"linear\"},"),
         "t.json:5: solver.decay is the string \"linear\"; expected \"step\" or \"cosine\", or an object, or null (at /solver/decay)"},
        {FILE_WITH(DENSE, "true", ""),
         "t.json:4: loss is true; expected \"softmax_cross_entropy\", \"sigmoid_cross_entropy\", "
         "\"categorical_cross_entropy\", \"binary_cross_entropy\", \"mse\", \"mae\" or \"huber\", or an object (at /loss)"},
        {FILE_WITH(DENSE, "{\n\"name\": \"hubber\"}", ""),
         "t.json:5: loss.name is the string \"hubber\"; did you mean \"huber\"? Expected \"softmax_cross_entropy\", "
         "\"sigmoid_cross_entropy\", "
         "\"categorical_cross_entropy\", \"binary_cross_entropy\", \"mse\", \"mae\" or \"huber\" (at /loss/name)"},
        {FILE_WITH("{\"op\": \"conv2d\", \"filters\": 1, \"kernel\": [3, 0]}", "\"mse\"", ""),
         "t.json:3: net.0.kernel is the list [3, 0]; expected a whole number, or two of them [h, w], from 1 to 1024 (at /net/0/kernel)"},
        {FILE_WITH("{\"op\": \"conv2d\", \"filters\": 1, \"kernel\": 3, \"padding\": \"full\"}", "\"mse\"", ""),
         "t.json:3: net.0.padding is the string \"full\"; expected \"valid\" or \"same\", or a whole number from 0 to 1024 (at "
         "/net/0/padding)"},
        {FILE_WITH("7", "\"mse\"", ""), "t.json:3: net.0 is 7; expected an object (at /net/0)"},
        {FILE_WITH("{\"op\": 7}", "\"mse\"", ""),
         "t.json:3: net.0.op is 7; expected \"dense\", \"conv2d\", \"conv2d_transpose\", \"upsample2d\", \"max_pool2d\", \"avg_pool2d\", "
         "\"flatten\", "
         "\"dropout\", \"batch_norm\", \"layer_norm\", \"add\", \"relu\", \"leaky_relu\", \"elu\", \"selu\", "
         "\"gelu\", \"sigmoid\", \"hard_sigmoid\", \"tanh\", \"softplus\", \"exp\", \"softmax\", \"log\", "
         "\"sqrt\", \"square\", \"reciprocal\", \"subtract\", \"multiply\", \"divide\", \"concat\", "
         "\"reshape\", \"permute\", \"global_avg_pool\", \"global_max_pool\", \"last\", \"embedding\", "
         "\"rnn\", \"gru\", \"lstm\", \"rms_norm\", \"attention\", \"position_embedding\" or \"plugin\" (at /net/0/op)"},
        {WITH("\"init\": {\"scheme\": \"he\"},"),
         "t.json:5: init.scheme is the string \"he\"; expected \"he_normal\", \"he_uniform\", \"glorot_normal\", \"glorot_uniform\", "
         "\"lecun_normal\", \"lecun_uniform\", \"normal\", \"uniform\", \"constant\", \"zeros\", \"ones\", \"orthogonal\" or \"torch\" (at "
         "/init/scheme)"},
        {WITH("\"name\": \"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffff\xC3\xA4gggggggggg\\u0007\","),
         "t.json:5: name is the string \"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffff\xC3\xA4...\"; expected a string of at "
         "most 200 "
         "bytes (at /name)"},
    };
    CHECK(mistakes);
}

#define DATA(more) "{\n\"data\": {" more "},\n\"net\": [" DENSE "], \"loss\": \"mse\"}"
#define TRAIN      "\"train\": {\"format\": \"npz\", \"file\": \"a\"}"

static void wrong_data(void **state)
{
    (void)state;
    static const mistake mistakes[] = {
        {DATA(""), "t.json:2: data has no \"train\"; expected an object (at /data)"},
        {DATA("\"train\": {}"), "t.json:2: data.train has no \"format\"; expected \"idx\", \"csv\", \"npz\", \"npy\", \"text\", "
                                "\"parallel\", \"images\" or \"task\" (at /data/train)"},
        {DATA("\"train\": {\"format\": \"cvs\"}"), "t.json:2: data.train.format is the string \"cvs\"; did you mean \"csv\"? Expected "
                                                   "\"idx\", \"csv\", \"npz\", \"npy\", \"text\", \"parallel\", \"images\" or \"task\" (at "
                                                   "/data/train/format)"},
        {DATA("\"train\": {\"format\": \"csv\", \"file\": \"a\"}"), "t.json:2: data.train has no \"label\"; expected a whole number, or a "
                                                                    "string, or a list of names and whole numbers (at /data/train)"},
        {DATA("\"train\": {\"format\": \"csv\", \"file\": \"a\", \"label\": []}"),
         "t.json:2: data.train.label is an empty list; give at least one element (at /data/train/label)"},
        {DATA("\"train\": {\"format\": \"csv\", \"file\": \"a\", \"label\": [1,\n 0.5]}"),
         "t.json:3: data.train.label.1 is 0.5; expected a name or a whole number (at /data/train/label/1)"},
        {DATA("\"train\": {\"format\": \"csv\", \"file\": \"a\", \"label\": 1, \"delimiter\": \";;\"}"),
         "t.json:2: data.train.delimiter is the string \";;\"; expected one character (at /data/train/delimiter)"},
        {DATA(TRAIN ", \"valid\": {\"fraction\": 1}"),
         "t.json:2: data.valid.fraction is 1; expected a number in [0, 1) (at /data/valid/fraction)"},
        {DATA(TRAIN ", \"valid\": \"a.csv\""),
         "t.json:2: data.valid is the string \"a.csv\"; expected a number in [0, 1), or an object, or null (at /data/valid)"},
        {DATA(TRAIN ", \"valid\": {}"),
         "t.json:2: data.valid has neither a \"fraction\" nor a \"format\"; expected {\"fraction\": 0.1} or a source "
         "with a \"format\" (at /data/valid)"},
        {DATA(TRAIN ",\n\"test\": {\"fraction\": 0.1, \"format\": \"npz\", \"file\": \"b\"}"),
         "t.json:3: data.test has a \"fraction\" and a \"format\"; expected {\"fraction\": 0.1} or a source with a \"format\" (at "
         "/data/test)"},
        {DATA(TRAIN ", \"input\": {\"scale\": 0}"),
         "t.json:2: data.input.scale is 0; expected \"none\", \"minmax\" or \"standardize\", or a number above 0 (at /data/input/scale)"},
        {DATA(TRAIN ", \"classes\": [0, 1, 0]"),
         "t.json:2: data.classes.2 is 0, which element 0 is already; each may stand once (at /data/classes/2)"},
        {DATA(TRAIN ", \"classes\": [-1]"), "t.json:2: data.classes.0 is -1; expected a whole number of at least 0 (at /data/classes/0)"},
    };
    CHECK(mistakes);
}

static void wrong_names(void **state)
{
    (void)state;
    static const mistake mistakes[] = {
        {FILE_WITH(DENSE ", {\"op\": \"relu\",\n\"from\": \"dense_1\"}", "\"mse\"", ""),
         "t.json:4: net.1.from is \"dense_1\", but no node has this name; did you mean \"dense_0\"? (at /net/1/from)"},
        {FILE_WITH(DENSE ", {\"op\": \"relu\", \"from\": \"head\"}", "\"mse\"", ""),
         "t.json:3: net.1.from is \"head\", but no node has this name; give the node that is meant a \"name\" (at /net/1/from)"},
        {FILE_WITH("{\"op\": \"relu\", \"from\": [\"input\",\n\"dense_1\"]}, " DENSE, "\"mse\"", ""),
         "t.json:4: net.0.from.1 is \"dense_1\", which is no earlier node; a node takes its input from nodes before it (at /net/0/from/1)"},
        {FILE_WITH("{\"op\": \"relu\", \"from\": \"relu_0\"}", "\"mse\"", ""),
         "t.json:3: net.0.from is \"relu_0\", which is no earlier node; a node takes its input from nodes before it (at /net/0/from)"},
        {FILE_WITH("{\"op\": \"relu\", \"name\": \"tanh_1\"},\n{\"op\": \"tanh\"}", "\"mse\"", ""),
         "t.json:4: two nodes are called \"tanh_1\"; names must differ (at /net/1)"},
        {FILE_WITH("{\"op\": \"relu\", \"name\": \"input\"}", "\"mse\"", ""),
         "t.json:3: two nodes are called \"input\"; names must differ (at /net/0/name)"},
        {FILE_WITH("{\"op\": \"relu\", \"from\": []}", "\"mse\"", ""),
         "t.json:3: net.0.from is an empty list; give at least one element (at /net/0/from)"},
        {FILE_WITH("{\"op\": \"relu\", \"from\": [1]}", "\"mse\"", ""), "t.json:3: net.0.from.0 is 1; expected a name (at /net/0/from/0)"},
        {FILE_WITH("{\"op\": \"add\", \"from\": [\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}", "\"mse\"", ""),
         "t.json:3: net.0.from has 9 elements; at most 8 are allowed (at /net/0/from)"},
    };
    CHECK(mistakes);
}

static void wrong_levels_and_ranges(void **state)
{
    (void)state;
    static const mistake mistakes[] = {
        {WITH("\"levels\": [{\"name\": \"easy\", \"patch\":\n{\"data.clases\": [0]}}],"),
         "t.json:6: level 0, \"easy\", does not fit: unknown key \"clases\"; did you mean \"classes\"? (data.clases was set by a patch or "
         "--set) "
         "(at /levels/0/patch)"},
        {WITH("\"levels\": [{\"name\": \"easy\", \"patch\": {\"net.1\": {\"$remove\": true}}}],"),
         "t.json:5: level 0, \"easy\", does not fit: patch of \"net.1\": the list has 1 elements; expected an index from 0 to 0; "
         "{\"$insert\": VALUE} adds "
         "elements (at /levels/0/patch)"},
        {WITH("\"levels\": [{\"patch\": {}}],"),
         "t.json:5: levels.0 has no \"name\"; expected a string of at most 200 bytes (at /levels/0)"},
        {WITH("\"levels\": [{\"name\": \"x\", \"patch\": []}],"),
         "t.json:5: levels.0.patch is an empty list; expected an object of paths and their values (at /levels/0/patch)"},
        {WITH("\"search\": {\"net.0.units\": {\"int_uniform\": [0,\n16]}},"),
         "t.json:5: the value 0 of this range does not fit: net.0.units is 0; expected a whole number from 1 to 1000000 (net.0.units was "
         "set by a "
         "patch or --set) (at /search/net.0.units/int_uniform/0)"},
        {WITH("\"search\": {\"solver.opt\": {\"choice\": [\"sgd\",\n\"adamm\"]}},"),
         "t.json:6: the value the string \"adamm\" of this range does not fit: solver.opt is the string \"adamm\"; did you mean \"adam\"? "
         "Expected "
         "\"sgd\", \"adam\", \"adamw\", \"rmsprop\", \"adagrad\" or \"adadelta\" (solver.opt was set by a patch or --set) (at "
         "/search/solver.opt/choice/1)"},
        {WITH("\"search\": {\"solver.zz\": {\"uniform\": [0, 1]}},"),
         "t.json:5: the value 0 of this range does not fit: unknown key \"zz\"; the keys here are \"opt\", \"learning_rate\", "
         "\"momentum\", "
         "\"nesterov\", \"beta1\", \"beta2\", \"rho\", \"epsilon\", \"weight_decay\", \"batch_size\", \"epochs\", \"steps\", \"seed\", "
         "\"clip_norm\", \"shuffle\", \"carry_state\", \"warmup\", \"decay\", \"precision\", \"metric\" (solver.zz was set by a patch or "
         "--set) (at "
         "/search/solver.zz/uniform/0)"},
        {WITH("\"search\": {\"init.scale\": {\"log_uniform\": [0, 1]}},"),
         "t.json:5: search.init.scale.log_uniform is the list [0, 1]; expected two numbers [low, high] above 0 (at "
         "/search/init.scale/log_uniform)"},
        {WITH("\"search\": {\"init.scale\": {\"uniform\": [2, 1]}},"),
         "t.json:5: search.init.scale has a lower limit that is not below the upper one; write [low, high] (at /search/init.scale)"},
        {WITH("\"search\": {\"init.scale\": {\"int_uniform\": [1, 2.5]}},"),
         "t.json:5: search.init.scale.int_uniform is the list [1, 2.5]; expected two whole numbers [low, high] (at "
         "/search/init.scale/int_uniform)"},
        {WITH("\"search\": {\"init.scale\": 1},"), "t.json:5: search.init.scale is 1; expected an object with one key: \"log_uniform\", "
                                                   "\"uniform\", \"int_uniform\" or \"choice\" (at "
                                                   "/search/init.scale)"},
        {WITH("\"search\": {\"init.scale\": {\"choice\": []}},"),
         "t.json:5: search.init.scale.choice is an empty list; give at least one element (at /search/init.scale/choice)"},
        {WITH("\"knobs\": {\"learning_rat\": \"lr\"},"),
         "t.json:5: unknown key \"learning_rat\"; did you mean \"learning_rate\"? (at /knobs/learning_rat)"},
    };
    CHECK(mistakes);
}

static void too_much(void **state)
{
    (void)state;
    char line[1600], deep[200] = "{\"name\":\n";
    for (int i = 0; i < 40; i++)
        strcat(deep, "[");
    for (int i = 0; i < 40; i++)
        strcat(deep, "]");
    strcat(deep, "}");
    tn_test_parse_wrong(deep, line);
    assert_string_equal(line, "t.json:2: lists and objects nest deeper than 32 levels");
    size_t size = (16u << 20) + 1;
    char *large = malloc(size);
    assert_non_null(large);
    memset(large, ' ', size);
    tn_hypes *hypes;
    tn_error error;
    assert_int_equal(tn_hypes_parse(large, size, "t.json", "", &hypes, &error), TN_ERROR_HYPES);
    assert_string_equal(error.message, "the file has more than 16 MiB; data belongs into files of its own");
    free(large);
    /* Zero bytes, which jansson lets pass after a number. */
    assert_int_equal(tn_hypes_parse("{\n\"a\": 1\0}", 12, "t.json", "", &hypes, &error), TN_ERROR_HYPES);
    tn_error_format(&error, line, sizeof line);
    assert_string_equal(line, "t.json:2: the file holds a zero byte; JSON is text, in UTF-8");
    /* An error that nobody wants to see is an error all the same. */
    assert_int_equal(tn_hypes_parse("{}", 2, "t.json", NULL, &hypes, NULL), TN_ERROR_HYPES);
    assert_null(hypes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_json),
        cmocka_unit_test(unknown_keys),
        cmocka_unit_test(missing_keys),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(wrong_data),
        cmocka_unit_test(wrong_names),
        cmocka_unit_test(wrong_levels_and_ranges),
        cmocka_unit_test(too_much),
    };
    return cmocka_run_group_tests_name("hypes_errors", tests, NULL, NULL);
}

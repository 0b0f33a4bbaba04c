/* test_component.c: kinds and fans, told from names and shapes of several frameworks; what tells nothing is unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weights/component.h"

typedef struct expected {
    const char *name;
    size_t rank, dims[4];
    const char *kind;
    size_t fan_in;
} expected;

static void check(const expected *rows, size_t count, bool by_tenet)
{
    tn_component components[32];
    assert_true(count <= 32);
    for (size_t i = 0; i < count; i++) {
        components[i] = (tn_component){.name = rows[i].name, .rank = rows[i].rank, .has_shape = true, .count = 1};
        for (size_t k = 0; k < rows[i].rank; k++) {
            components[i].dims[k] = rows[i].dims[k];
            components[i].count *= rows[i].dims[k];
        }
    }
    tn_error error = {0};
    assert_int_equal(tn_components_tell(components, count, by_tenet, &error), TN_OK);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tn_kind_id(components[i].kind), rows[i].kind) != 0)
            fail_msg("%s is %s, expected %s", rows[i].name, tn_kind_id(components[i].kind), rows[i].kind);
        if (rows[i].fan_in > 0 && components[i].fan_in != rows[i].fan_in)
            fail_msg("%s has fan-in %zu, expected %zu", rows[i].name, components[i].fan_in, rows[i].fan_in);
    }
}

static void test_tenet(void **state)
{
    (void)state;
    static const expected rows[] = {
        {"conv2d_0.weight", 4, {3, 3, 1, 16}, "conv_first", 9},
        {"conv2d_0.bias", 1, {16}, "bias", 9},
        {"batch_norm_1.gain", 1, {16}, "norm_gain", 0},
        {"batch_norm_1.bias", 1, {16}, "norm_bias", 0},
        {"batch_norm_1.running_mean", 1, {16}, "state", 0},
        {"conv2d_2.weight", 4, {3, 3, 16, 32}, "conv", 144},
        {"dense_4.weight", 2, {128, 128}, "dense", 128},
        {"dense_10.weight", 2, {128, 10}, "dense_output", 128},
        {"dense_10.bias", 1, {10}, "bias", 128},
    };
    check(rows, sizeof rows / sizeof *rows, true);
}

static void test_pytorch(void **state)
{
    (void)state;
    static const expected images[] = {
        {"conv1.weight", 4, {64, 3, 7, 7}, "conv_first", 147},
        {"bn1.weight", 1, {64}, "norm_gain", 0},
        {"bn1.bias", 1, {64}, "norm_bias", 0},
        {"bn1.running_var", 1, {64}, "state", 0},
        {"layer1.0.conv1.weight", 4, {64, 64, 3, 3}, "conv", 576},
        {"layer1.0.conv2.weight", 4, {64, 1, 3, 3}, "depthwise", 9},
        {"fc.weight", 2, {1000, 512}, "dense_output", 512},
        {"fc.bias", 1, {1000}, "bias", 512},
    };
    static const expected text[] = {
        {"embed.weight", 2, {1000, 64}, "embedding", 64},
        {"lstm.weight_ih_l0", 2, {256, 64}, "recurrent_input", 64},
        {"lstm.weight_hh_l0", 2, {256, 64}, "recurrent_hidden", 64},
        {"lstm.bias_ih_l0", 1, {256}, "bias", 64},
        {"decoder.weight", 2, {1000, 64}, "dense_output", 64},
    };
    check(images, sizeof images / sizeof *images, false);
    check(text, sizeof text / sizeof *text, false);
}

static void test_transformers(void **state)
{
    (void)state;
    static const expected bert[] = {
        {"embeddings.word_embeddings.weight", 2, {1000, 64}, "embedding", 64},
        {"encoder.layer.0.attention.self.query.weight", 2, {64, 64}, "attention_q", 64},
        {"encoder.layer.0.attention.self.key.weight", 2, {64, 64}, "attention_k", 64},
        {"encoder.layer.0.attention.self.value.weight", 2, {64, 64}, "attention_v", 64},
        {"encoder.layer.0.attention.output.dense.weight", 2, {64, 64}, "attention_o", 64},
        {"encoder.layer.0.attention.output.LayerNorm.weight", 1, {64}, "norm_gain", 0},
        {"encoder.layer.0.intermediate.dense.weight", 2, {256, 64}, "ff_up", 64},
        {"encoder.layer.0.output.dense.weight", 2, {64, 256}, "ff_down", 256},
        {"pooler.dense.weight", 2, {64, 64}, "dense", 64},
    };
    /* GPT-2 keeps its matrices the other way round; the bias tells. */
    static const expected gpt[] = {
        {"wte.weight", 2, {1000, 64}, "embedding", 64},
        {"h.0.attn.c_attn.weight", 2, {64, 192}, "attention_qkv", 64},
        {"h.0.attn.c_attn.bias", 1, {192}, "bias", 64},
        {"h.0.attn.c_proj.weight", 2, {64, 64}, "attention_o", 64},
        {"h.0.mlp.c_fc.weight", 2, {64, 256}, "ff_up", 64},
        {"h.0.mlp.c_fc.bias", 1, {256}, "bias", 64},
        {"h.0.mlp.c_proj.weight", 2, {256, 64}, "ff_down", 256},
        {"h.0.mlp.c_proj.bias", 1, {64}, "bias", 256},
        {"h.0.ln_1.weight", 1, {64}, "norm_gain", 0},
        {"lm_head.weight", 2, {1000, 64}, "dense_output", 64},
    };
    check(bert, sizeof bert / sizeof *bert, false);
    check(gpt, sizeof gpt / sizeof *gpt, false);
}

static void test_keras(void **state)
{
    (void)state;
    static const expected rows[] = {
        {"Conv1/kernel:0", 4, {3, 3, 3, 32}, "conv_first", 27},
        {"bn_Conv1/gamma", 1, {32}, "norm_gain", 0},
        {"bn_Conv1/moving_mean", 1, {32}, "state", 0},
        {"block/depthwise_kernel", 4, {3, 3, 32, 1}, "depthwise", 9},
        {"block/pointwise_filter", 4, {1, 1, 32, 16}, "conv", 32},
        {"lstm/kernel", 2, {10, 64}, "recurrent_input", 10},
        {"lstm/recurrent_kernel", 2, {16, 64}, "recurrent_hidden", 16},
        {"dense_1/kernel", 2, {64, 64}, "dense", 64},
        {"dense_2/kernel", 2, {64, 10}, "dense_output", 64},
        {"dense_2/bias", 1, {10}, "bias", 64},
    };
    check(rows, sizeof rows / sizeof *rows, false);
}

static void test_unknown(void **state)
{
    (void)state;
    static const expected rows[] = {{"prelu1.weight", 1, {32}, "unknown", 0},
                                    {"thing", 2, {32, 32}, "unknown", 0},
                                    {"alpha", 1, {4}, "unknown", 0},
                                    {"x.weight", 2, {32, 16}, "dense_output", 16}};
    check(rows, sizeof rows / sizeof *rows, false);
}

/* Of a run only the numbers of values are known: the bias tells the outputs. */
static void test_without_shapes(void **state)
{
    (void)state;
    tn_component components[] = {{.name = "dense_0.weight", .count = 784 * 128}, {.name = "dense_0.bias", .count = 128},
                                 {.name = "dense_2.weight", .count = 1280},      {.name = "dense_2.bias", .count = 10},
                                 {.name = "batch_norm_1.gain", .count = 128},    {.name = "batch_norm_1.bias", .count = 128}};
    tn_error error = {0};
    assert_int_equal(tn_components_tell(components, 6, true, &error), TN_OK);
    assert_int_equal(components[0].kind, TN_KIND_DENSE);
    assert_int_equal(components[0].fan_in, 784);
    assert_int_equal(components[2].kind, TN_KIND_DENSE_OUTPUT);
    assert_int_equal(components[2].fan_in, 128);
    assert_int_equal(components[4].kind, TN_KIND_NORM_GAIN);
    assert_int_equal(components[5].kind, TN_KIND_NORM_BIAS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tenet), cmocka_unit_test(test_pytorch), cmocka_unit_test(test_transformers),
        cmocka_unit_test(test_keras), cmocka_unit_test(test_unknown), cmocka_unit_test(test_without_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_gradient_sequences.c: gradients of the ops for sequences, per element, signed, in double; with planted faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/double/support_gradcheck.h"
#include "engine/ops/ops.h"

#define EMBEDDING(vocabulary, units, scale) "{\"vocabulary\": " vocabulary ", \"units\": " units ", \"scale\": " scale "}"

/* clang-format off */
static const tn_op_case cases[] = {
    {.label = "embedding",             .op = "embedding", .attributes = EMBEDDING("5", "3", "false"),  .batch = 2, .inputs = {TN_SHAPE1(7)}, .tokens = 5},
    {.label = "embedding scaled",      .op = "embedding", .attributes = EMBEDDING("3", "17", "true"),  .batch = 3, .inputs = {TN_SHAPE1(2)}, .tokens = 3},
    {.label = "embedding of one",      .op = "embedding", .attributes = EMBEDDING("1", "1", "false"),  .batch = 1, .inputs = {TN_SHAPE1(1)}, .tokens = 1},
    {.label = "embedding of a table",  .op = "embedding", .attributes = EMBEDDING("4", "2", "false"),  .batch = 2, .inputs = {TN_SHAPE2(3, 2)}, .tokens = 4},
    {.label = "dense of steps",        .op = "dense", .attributes = "{\"units\": 3, \"bias\": true}",  .batch = 3, .inputs = {TN_SHAPE2(5, 7)}},
    {.label = "dense of one step",     .op = "dense", .attributes = "{\"units\": 3, \"bias\": true}",  .batch = 2, .inputs = {TN_SHAPE2(1, 4)}},
    {.label = "dense of one value",    .op = "dense", .attributes = "{\"units\": 1, \"bias\": false}", .batch = 1, .inputs = {TN_SHAPE2(11, 1)}},
    {.label = "permute",               .op = "permute", .attributes = "{\"order\": [1, 0]}",           .batch = 2, .inputs = {TN_SHAPE2(3, 5)}},
    {.label = "permute three",         .op = "permute", .attributes = "{\"order\": [2, 0, 1]}",        .batch = 2, .inputs = {TN_SHAPE3(2, 3, 5)}},
    {.label = "permute back",          .op = "permute", .attributes = "{\"order\": [1, 2, 0]}",        .batch = 1, .inputs = {TN_SHAPE3(2, 3, 5)}},
    {.label = "permute nothing",       .op = "permute", .attributes = "{\"order\": [0]}",              .batch = 3, .inputs = {TN_SHAPE1(4)}},
    {.label = "concat",                .op = "concat", .attributes = "{\"axis\": null}", .batch = 3, .input_count = 2, .inputs = {TN_SHAPE2(2, 5), TN_SHAPE2(2, 1)}},
    {.label = "concat three first",    .op = "concat", .attributes = "{\"axis\": 0}",    .batch = 2, .input_count = 3, .inputs = {TN_SHAPE2(2, 3), TN_SHAPE2(1, 3), TN_SHAPE2(4, 3)}},
    {.label = "concat in the middle",  .op = "concat", .attributes = "{\"axis\": 1}",    .batch = 1, .input_count = 2, .inputs = {TN_SHAPE3(2, 3, 2), TN_SHAPE3(2, 1, 2)}},
    {.label = "concat of one",         .op = "concat", .attributes = "{\"axis\": 0}",    .batch = 2, .input_count = 1, .inputs = {TN_SHAPE1(3)}},
    {.label = "average pool",          .op = "global_avg_pool", .batch = 2, .inputs = {TN_SHAPE2(5, 3)}},
    {.label = "average pool image",    .op = "global_avg_pool", .batch = 2, .inputs = {TN_SHAPE3(3, 2, 17)}},
    {.label = "average pool of one",   .op = "global_avg_pool", .batch = 1, .inputs = {TN_SHAPE2(1, 1)}},
    {.label = "largest pool",          .op = "global_max_pool", .batch = 2, .inputs = {TN_SHAPE2(5, 3)}, .distinct = true},
    {.label = "largest pool image",    .op = "global_max_pool", .batch = 1, .inputs = {TN_SHAPE3(3, 2, 7)}, .distinct = true},
    {.label = "last",                  .op = "last", .batch = 3, .inputs = {TN_SHAPE2(5, 3)}},
    {.label = "rnn", .op = "rnn", .attributes = "{\"units\": 3, \"layers\": 1, \"bidirectional\": false, \"activation\": \"tanh\"}", .batch = 2, .inputs = {TN_SHAPE2(5, 4)}},
    {.label = "rnn of one", .op = "rnn", .attributes = "{\"units\": 1, \"layers\": 1, \"bidirectional\": false, \"activation\": \"tanh\"}", .batch = 1, .inputs = {TN_SHAPE2(1, 1)}},
    {.label = "rnn stacked", .op = "rnn", .attributes = "{\"units\": 5, \"layers\": 2, \"bidirectional\": false, \"activation\": \"tanh\"}", .batch = 2, .inputs = {TN_SHAPE2(3, 4)}},
    {.label = "rnn both ways", .op = "rnn", .attributes = "{\"units\": 3, \"layers\": 2, \"bidirectional\": true, \"activation\": \"tanh\"}", .batch = 3, .inputs = {TN_SHAPE2(4, 2)}},
    {.label = "rnn odd", .op = "rnn", .attributes = "{\"units\": 17, \"layers\": 1, \"bidirectional\": false, \"activation\": \"tanh\"}", .batch = 3, .inputs = {TN_SHAPE2(3, 7)}},
    {.label = "rnn of one step", .op = "rnn", .attributes = "{\"units\": 4, \"layers\": 1, \"bidirectional\": true, \"activation\": \"tanh\"}", .batch = 2, .inputs = {TN_SHAPE2(1, 3)}},
    {.label = "gru", .op = "gru", .attributes = "{\"units\": 3, \"layers\": 1, \"bidirectional\": false}", .batch = 2, .inputs = {TN_SHAPE2(5, 4)}},
    {.label = "gru of one", .op = "gru", .attributes = "{\"units\": 1, \"layers\": 1, \"bidirectional\": false}", .batch = 1, .inputs = {TN_SHAPE2(1, 1)}},
    {.label = "gru stacked", .op = "gru", .attributes = "{\"units\": 5, \"layers\": 2, \"bidirectional\": false}", .batch = 2, .inputs = {TN_SHAPE2(3, 4)}},
    {.label = "gru both ways", .op = "gru", .attributes = "{\"units\": 3, \"layers\": 2, \"bidirectional\": true}", .batch = 3, .inputs = {TN_SHAPE2(4, 2)}},
    {.label = "gru odd", .op = "gru", .attributes = "{\"units\": 17, \"layers\": 1, \"bidirectional\": false}", .batch = 3, .inputs = {TN_SHAPE2(3, 7)}},
    {.label = "gru of one step", .op = "gru", .attributes = "{\"units\": 4, \"layers\": 1, \"bidirectional\": true}", .batch = 2, .inputs = {TN_SHAPE2(1, 3)}},
    {.label = "lstm", .op = "lstm", .attributes = "{\"units\": 3, \"layers\": 1, \"bidirectional\": false, \"forget_bias\": 1}", .batch = 2, .inputs = {TN_SHAPE2(5, 4)}},
    {.label = "lstm of one", .op = "lstm", .attributes = "{\"units\": 1, \"layers\": 1, \"bidirectional\": false, \"forget_bias\": 1}", .batch = 1, .inputs = {TN_SHAPE2(1, 1)}},
    {.label = "lstm stacked", .op = "lstm", .attributes = "{\"units\": 5, \"layers\": 2, \"bidirectional\": false, \"forget_bias\": 1}", .batch = 2, .inputs = {TN_SHAPE2(3, 4)}},
    {.label = "lstm both ways", .op = "lstm", .attributes = "{\"units\": 3, \"layers\": 2, \"bidirectional\": true, \"forget_bias\": 1}", .batch = 3, .inputs = {TN_SHAPE2(4, 2)}},
    {.label = "lstm odd", .op = "lstm", .attributes = "{\"units\": 17, \"layers\": 1, \"bidirectional\": false, \"forget_bias\": 1}", .batch = 3, .inputs = {TN_SHAPE2(3, 7)}},
    {.label = "lstm of one step", .op = "lstm", .attributes = "{\"units\": 4, \"layers\": 1, \"bidirectional\": true, \"forget_bias\": 1}", .batch = 2, .inputs = {TN_SHAPE2(1, 3)}},
    {.label = "rnn carried", .op = "rnn", .attributes = "{\"units\": 3, \"layers\": 2, \"bidirectional\": false, \"activation\": \"tanh\"}", .batch = 2, .inputs = {TN_SHAPE2(4, 5)}, .carried = true},
    {.label = "rnn of one step carried", .op = "rnn", .attributes = "{\"units\": 5, \"layers\": 1, \"bidirectional\": false, \"activation\": \"tanh\"}", .batch = 3, .inputs = {TN_SHAPE2(1, 2)}, .carried = true},
    {.label = "gru carried", .op = "gru", .attributes = "{\"units\": 3, \"layers\": 2, \"bidirectional\": false}", .batch = 2, .inputs = {TN_SHAPE2(4, 5)}, .carried = true},
    {.label = "gru of one step carried", .op = "gru", .attributes = "{\"units\": 5, \"layers\": 1, \"bidirectional\": false}", .batch = 3, .inputs = {TN_SHAPE2(1, 2)}, .carried = true},
    {.label = "lstm carried", .op = "lstm", .attributes = "{\"units\": 3, \"layers\": 2, \"bidirectional\": false, \"forget_bias\": 1}", .batch = 2, .inputs = {TN_SHAPE2(4, 5)}, .carried = true},
    {.label = "lstm of one step carried", .op = "lstm", .attributes = "{\"units\": 5, \"layers\": 1, \"bidirectional\": false, \"forget_bias\": 1}", .batch = 3, .inputs = {TN_SHAPE2(1, 2)}, .carried = true},
    {.label = "attention",            .op = "attention", .attributes = "{\"heads\": 2, \"causal\": false, \"bias\": true, \"rotary\": false, \"padding\": null}", .batch = 2, .inputs = {TN_SHAPE2(5, 6)}, .scale = 0.5},
    {.label = "attention causal",     .op = "attention", .attributes = "{\"heads\": 2, \"causal\": true, \"bias\": true, \"rotary\": false, \"padding\": null}", .batch = 2, .inputs = {TN_SHAPE2(5, 4)}, .scale = 0.5},
    {.label = "attention rotary",     .op = "attention", .attributes = "{\"heads\": 2, \"causal\": true, \"bias\": false, \"rotary\": true, \"padding\": null}", .batch = 2, .inputs = {TN_SHAPE2(5, 8)}, .scale = 0.3},
    {.label = "attention blocks",     .op = "attention", .attributes = "{\"heads\": 1, \"causal\": true, \"bias\": true, \"rotary\": false, \"padding\": null}", .batch = 1, .inputs = {TN_SHAPE2(37, 3)}, .scale = 0.5},
    {.label = "attention of one",     .op = "attention", .attributes = "{\"heads\": 1, \"causal\": false, \"bias\": true, \"rotary\": false, \"padding\": null}", .batch = 1, .inputs = {TN_SHAPE2(1, 1)}},
    {.label = "attention to another", .op = "attention", .attributes = "{\"heads\": 2, \"causal\": false, \"bias\": true, \"rotary\": false, \"padding\": null}", .batch = 2, .input_count = 2, .inputs = {TN_SHAPE2(3, 4), TN_SHAPE2(5, 6)}, .scale = 0.5},
    {.label = "rms norm",             .op = "rms_norm", .attributes = "{\"epsilon\": 1e-3}", .batch = 3, .inputs = {TN_SHAPE1(7)}},
    {.label = "rms norm rows",        .op = "rms_norm", .attributes = "{\"epsilon\": 1e-3}", .batch = 2, .inputs = {TN_SHAPE2(3, 17)}},
    {.label = "positions",            .op = "position_embedding", .attributes = "{\"kind\": \"learned\"}", .batch = 3, .inputs = {TN_SHAPE2(4, 5)}},
    {.label = "positions fixed",      .op = "position_embedding", .attributes = "{\"kind\": \"sinusoidal\"}", .batch = 2, .inputs = {TN_SHAPE2(4, 5)}},
    {.label = "last of one",           .op = "last", .batch = 1, .inputs = {TN_SHAPE2(1, 2)}},
};

/* Cut into tiles. */
static const tn_op_case large[] = {
    {.label = "embedding in tiles",    .op = "embedding", .attributes = EMBEDDING("31", "257", "false"), .batch = 67, .inputs = {TN_SHAPE1(131)}, .tokens = 31},
    {.label = "dense steps in tiles",  .op = "dense", .attributes = "{\"units\": 67, \"bias\": true}",  .batch = 13, .inputs = {TN_SHAPE2(37, 131)}},
    {.label = "permute in tiles",      .op = "permute", .attributes = "{\"order\": [1, 0]}",            .batch = 67, .inputs = {TN_SHAPE2(131, 61)}},
    {.label = "concat in tiles",       .op = "concat", .attributes = "{\"axis\": null}", .batch = 61, .input_count = 2, .inputs = {TN_SHAPE2(131, 67), TN_SHAPE2(131, 257)}},
    {.label = "rnn in tiles", .op = "rnn", .attributes = "{\"units\": 97, \"layers\": 2, \"bidirectional\": true, \"activation\": \"tanh\"}", .batch = 61, .inputs = {TN_SHAPE2(2, 67)}},
    {.label = "gru in tiles", .op = "gru", .attributes = "{\"units\": 97, \"layers\": 2, \"bidirectional\": true}", .batch = 61, .inputs = {TN_SHAPE2(2, 67)}},
    {.label = "lstm in tiles carried", .op = "lstm", .attributes = "{\"units\": 97, \"layers\": 2, \"bidirectional\": false, \"forget_bias\": 1}", .batch = 61, .inputs = {TN_SHAPE2(2, 67)}, .carried = true},
    {.label = "lstm in tiles", .op = "lstm", .attributes = "{\"units\": 97, \"layers\": 2, \"bidirectional\": true, \"forget_bias\": 1}", .batch = 61, .inputs = {TN_SHAPE2(2, 67)}},
    {.label = "attention in tiles", .op = "attention", .attributes = "{\"heads\": 4, \"causal\": true, \"bias\": true, \"rotary\": false, \"padding\": null}", .batch = 5, .inputs = {TN_SHAPE2(67, 8)}, .scale = 0.5},
    {.label = "attention to wide", .op = "attention", .attributes = "{\"heads\": 2, \"causal\": false, \"bias\": true, \"rotary\": false, \"padding\": null}", .batch = 2, .input_count = 2, .inputs = {TN_SHAPE2(3, 4), TN_SHAPE2(131, 1031)}, .scale = 0.02},
    {.label = "rms norm in tiles", .op = "rms_norm", .attributes = "{\"epsilon\": 1e-3}", .batch = 67, .inputs = {TN_SHAPE2(131, 67)}},
    {.label = "average in tiles",      .op = "global_avg_pool", .batch = 67, .inputs = {TN_SHAPE2(131, 131)}},
};
/* clang-format on */

static void check(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_gradcheck_assert_op(&cases[i]);
    }
}

static void check_large(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        tn_gradcheck_assert_sampled(&large[i], 49999);
    }
}

/* reshape computes nothing: its memory is its input's, which the flag says. */
static void reshape_is_an_alias(void **state)
{
    (void)state;
    assert_true((tn_op_reshape.flags & TN_OP_ALIAS) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check), cmocka_unit_test(check_large), cmocka_unit_test(reshape_is_an_alias)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

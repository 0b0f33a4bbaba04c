/* test_fixes.c: What the proposers of candidate fixes propose for the network of a hypes file, its weights, output and loss, and what they leave alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_proposal.h"

#define MLP_AND(op)                                                                                                                        \
    "\"net\": [{\"op\": \"dense\", \"units\": 32}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 4}, {\"op\": \"" op "\"}]"

static void a_usual_net_gets_no_patch_of_output_loss_or_init(void **state)
{
    (void)state;
    proposal_expect_patch(MLP ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_wrong_output, "");
    proposal_expect_patch(MLP ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_wrong_loss, "");
    proposal_expect_patch(MLP ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_bad_init, "");
    proposal_expect_patch(MLP_AND("softmax") ", \"loss\": \"categorical_cross_entropy\"", TN_CAUSE_wrong_output, "");
    proposal_expect_patch(MLP ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_too_deep, "");
}

static void an_output_that_does_not_fit_the_loss_is_replaced(void **state)
{
    (void)state;
    proposal_expect_patch(MLP_AND("softmax") ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_wrong_output,
                          "{\"net.3\":{\"$remove\":true}}");
    proposal_expect_patch(MLP_AND("sigmoid") ", \"loss\": \"categorical_cross_entropy\"", TN_CAUSE_wrong_output,
                          "{\"net.3\":{\"op\":\"softmax\"}}");
    proposal_expect_patch(
        "\"net\": [{\"op\": \"dense\", \"units\": 4}, {\"op\": \"relu\"}, {\"op\": \"softmax\"}], \"loss\": \"softmax_cross_entropy\"",
        TN_CAUSE_wrong_output, "{\"net.2\":{\"$remove\":true},\"net.1\":{\"$remove\":true}}");
    proposal_expect_patch(MLP ", \"loss\": \"categorical_cross_entropy\"", TN_CAUSE_wrong_output,
                          "{\"net.3\":{\"$insert\":{\"op\":\"softmax\"}}}");
}

static void a_loss_for_numbers_is_replaced_by_a_cross_entropy(void **state)
{
    (void)state;
    proposal_expect_patch(MLP_AND("softmax") ", \"loss\": \"mae\"", TN_CAUSE_wrong_loss,
                          "{\"loss\":\"softmax_cross_entropy\",\"net.3\":{\"$remove\":true}}");
}

static void an_unclipped_logarithm_is_replaced_by_the_stable_form(void **state)
{
    (void)state;
    proposal_expect_patch(MLP_AND("softmax") ", \"loss\": {\"name\": \"categorical_cross_entropy\", \"clip\": 0}",
                          TN_CAUSE_unstable_softmax, "{\"loss\":\"softmax_cross_entropy\",\"net.3\":{\"$remove\":true}}");
}

/* A clipped logarithm of the right probabilities is the right loss: all that can be amiss with it is the clip. */
static void a_clipped_logarithm_is_no_wrong_loss(void **state)
{
    (void)state;
    proposal_expect_patch(MLP_AND("softmax") ", \"loss\": \"categorical_cross_entropy\"", TN_CAUSE_unstable_softmax,
                          "{\"loss\":\"softmax_cross_entropy\",\"net.3\":{\"$remove\":true}}");
    proposal_expect_patch(MLP_AND("softmax") ", \"loss\": \"categorical_cross_entropy\"", TN_CAUSE_wrong_loss, "");
}

static void constant_weights_are_replaced(void **state)
{
    (void)state;
    proposal_expect_patch(MLP ", \"loss\": \"softmax_cross_entropy\", \"init\": {\"scheme\": \"constant\", \"value\": 0.01}",
                          TN_CAUSE_bad_init, "{\"init\":{\"scheme\":\"glorot_uniform\",\"scale\":1.0}}");
}

static void hidden_activations_become_relu(void **state)
{
    (void)state;
    proposal_expect_patch(
        "\"net\": [{\"op\": \"dense\", \"units\": 32}, {\"op\": \"sigmoid\"}, {\"op\": \"dense\", \"units\": 4}], \"loss\": "
        "\"softmax_cross_entropy\"",
        TN_CAUSE_wrong_activation, "{\"net.1\":{\"op\":\"relu\"}}");
    proposal_expect_patch(
        "\"net\": [{\"op\": \"dense\", \"units\": 32}, {\"op\": \"dense\", \"units\": 4}], \"loss\": \"softmax_cross_entropy\"",
        TN_CAUSE_wrong_activation, "{\"net.1\":{\"$insert\":{\"op\":\"relu\"}}}");
}

/* Several labels at once are asked one by one: another loss than one of yes and no cannot be right. */
static void several_labels_want_a_sigmoid_each(void **state)
{
    (void)state;
    static const struct {
        const char *hypes;
        tn_cause_id cause;
        const char *wanted;
    } cases[] = {
        {MLP_AND("softmax") ", \"loss\": \"binary_cross_entropy\"", TN_CAUSE_wrong_output, "{\"net.3\":{\"op\":\"sigmoid\"}}"},
        {MLP_AND("sigmoid") ", \"loss\": \"sigmoid_cross_entropy\"", TN_CAUSE_wrong_output, "{\"net.3\":{\"$remove\":true}}"},
        {MLP ", \"loss\": \"sigmoid_cross_entropy\"", TN_CAUSE_wrong_loss, ""},
        {MLP ", \"loss\": \"mse\"", TN_CAUSE_wrong_loss, "{\"loss\":\"sigmoid_cross_entropy\"}"},
        {MLP ", \"loss\": \"mse\"", TN_CAUSE_wrong_output, "{\"net.3\":{\"$insert\":{\"op\":\"sigmoid\"}}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static proposal self;
        char text[512];
        proposal_begin(&self);
        self.subject.facts.task = TN_SUBJECT_MULTILABEL;
        proposal_make(&self, cases[i].hypes);
        assert_string_equal(proposal_patch_for(&self, cases[i].cause, text), cases[i].wanted);
        proposal_end(&self);
    }
}

#define LAYER "{\"op\": \"dense\", \"units\": 5}, {\"op\": \"exp\"}, "

static void deep_nets_get_a_form_that_is_not_born_dead(void **state)
{
    (void)state;
    static proposal self;
    char text[512];
    proposal_begin(&self);
    proposal_make(&self, "\"net\": [" LAYER LAYER LAYER "{\"op\": \"dense\", \"units\": 3}], \"loss\": \"softmax_cross_entropy\"");
    assert_string_equal(proposal_patch_named(&self, "elu in the hidden layers", text),
                        "{\"net.1\":{\"op\":\"elu\"},\"net.3\":{\"op\":\"elu\"},\"net.5\":{\"op\":\"elu\"}}");
    assert_true(*proposal_patch_named(&self, "relu in the hidden layers", text) != '\0');
    proposal_end(&self);
    proposal_begin(&self);
    proposal_make(&self, "\"net\": [" LAYER LAYER "{\"op\": \"dense\", \"units\": 3}], \"loss\": \"softmax_cross_entropy\"");
    assert_string_equal(proposal_patch_named(&self, "elu in the hidden layers", text), "");
    proposal_end(&self);
}

static void frozen_layers_are_freed(void **state)
{
    (void)state;
    proposal_expect_patch(
        "\"net\": [{\"op\": \"dense\", \"units\": 32, \"trainable\": false}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": "
        "4}], \"loss\": "
        "\"softmax_cross_entropy\"",
        TN_CAUSE_frozen_parameters, "{\"net.0.trainable\":true}");
}

/* A transformer whose feed-forward part has this activation, with this in front of its last layer. */
#define TRANSFORMER(copies, activation, before)                                                                                            \
    "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 9, \"units\": 32}, {\"op\": \"position_embedding\"}, {\"repeat\": " copies          \
    ", \"block\": [{\"op\": \"layer_norm\"}, {\"op\": \"attention\", \"heads\": 4, \"name\": \"mixed\"}, {\"op\": \"add\", \"from\": "     \
    "[\"start\", "                                                                                                                         \
    "\"mixed\"], \"name\": \"middle\"}, {\"op\": \"layer_norm\"}, {\"op\": \"dense\", \"units\": 64}, {\"op\": \"" activation              \
    "\"}, {\"op\": \"dense\", \"units\": 32, \"name\": \"fed\"}, {\"op\": \"add\", \"from\": [\"middle\", \"fed\"]}]}, " before            \
    "{\"op\": \"dense\", \"units\": 9}]"

static void a_usual_transformer_gets_no_patch_of_output_init_or_missing_activation(void **state)
{
    (void)state;
    proposal_expect_patch(TRANSFORMER("1", "gelu", "") ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_wrong_output, "");
    proposal_expect_patch(TRANSFORMER("1", "gelu", "") ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_bad_init, "");
    /* No activation between attention, sums and norms is none that is missing. */
    proposal_expect_patch(TRANSFORMER("2", "gelu", "") ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_wrong_activation, "");
    proposal_expect_patch(TRANSFORMER("1", "gelu", "") ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_too_deep, "");
}

static void the_activation_of_a_transformer_is_replaced(void **state)
{
    (void)state;
    proposal_expect_patch(TRANSFORMER("2", "exp", "") ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_wrong_activation,
                          "{\"net.7\":{\"op\":\"relu\"},\"net.15\":{\"op\":\"relu\"}}");
}

static void repeated_blocks_are_left_out(void **state)
{
    (void)state;
    static proposal self;
    proposal_begin(&self);
    proposal_make(&self, TRANSFORMER("6", "gelu", "{\"op\": \"layer_norm\"}, ") ", \"loss\": \"softmax_cross_entropy\"");
    size_t found = 0;
    for (size_t i = 0; i < self.list.count; i++) {
        if (self.list.fixes[i].cause != TN_CAUSE_too_deep)
            continue;
        found++;
        /* Five of six attentions, and as many feed-forward parts. */
        assert_string_equal(self.list.fixes[i].text, "10 hidden layers fewer");
        tn_hypes *patched = NULL;
        tn_error error = {0};
        assert_int_equal(tn_hypes_patch(self.hypes, self.list.fixes[i].patch, &patched, &error), TN_OK);
        assert_int_equal(tn_hypes_node_count(patched), 2 + 8 + 2);
        assert_string_equal(json_string_value(json_object_get(tn_hypes_node(patched, 10), "op")), "layer_norm");
        tn_hypes_destroy(patched);
    }
    assert_int_equal(found, 1);
    proposal_end(&self);
}

/* A block that somebody outside looks into stays, and so does one that has no twin. */
static void blocks_that_are_not_closed_stay(void **state)
{
    (void)state;
    proposal_expect_patch(
        "\"net\": [{\"op\": \"dense\", \"units\": 8}, {\"op\": \"tanh\", \"name\": \"a\"}, {\"op\": \"add\", \"from\": [\"dense_0\", "
        "\"a\"]}, {\"op\": \"tanh\", \"name\": \"b\"}, {\"op\": \"add\", \"from\": [\"add_2\", \"b\"]}, {\"op\": \"concat\", \"from\": "
        "[\"add_4\", \"b\"]}, {\"op\": \"elu\", \"name\": \"c\"}, {\"op\": \"add\", \"from\": [\"concat_5\", \"c\"]}, {\"op\": \"dense\", "
        "\"units\": 3}], \"loss\": \"softmax_cross_entropy\"",
        TN_CAUSE_too_deep, "");
}

#define RECURRENT(op, more, after)                                                                                                         \
    "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 9, \"units\": 32}, {\"op\": \"" op "\", \"units\": 32" more "}, " after             \
    "{\"op\": \"dense\", \"units\": 9}], \"loss\": \"softmax_cross_entropy\""

static void recurrent_layers_have_an_activation(void **state)
{
    (void)state;
    proposal_expect_patch(RECURRENT("gru", "", ""), TN_CAUSE_wrong_activation, "");
    proposal_expect_patch(RECURRENT("lstm", "", "{\"op\": \"dense\", \"units\": 40}, "), TN_CAUSE_wrong_activation,
                          "{\"net.3\":{\"$insert\":{\"op\":\"relu\"}}}");
    proposal_expect_patch(RECURRENT("rnn", ", \"activation\": \"relu\"", ""), TN_CAUSE_wrong_activation, "{\"net.1.activation\":\"tanh\"}");
    proposal_expect_patch(RECURRENT("rnn", "", ""), TN_CAUSE_wrong_activation, "");
}

static void recurrent_weights_start_orthogonal(void **state)
{
    (void)state;
    proposal_expect_patch(RECURRENT("gru", ", \"recurrent_init\": {\"scheme\": \"normal\", \"std\": 9}", ""), TN_CAUSE_bad_init,
                          "{\"net.1.recurrent_init\":{\"scheme\":\"orthogonal\",\"scale\":1.0}}");
    proposal_expect_patch(RECURRENT("gru", ", \"recurrent_init\": null", ""), TN_CAUSE_bad_init, "");
    proposal_expect_patch(
        "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 9, \"units\": 32, \"init\": {\"scheme\": \"normal\", \"std\": 1}}, {\"op\": "
        "\"dense\", \"units\": 9}], \"loss\": \"softmax_cross_entropy\"",
        TN_CAUSE_bad_init, "");
    proposal_expect_patch(
        "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 9, \"units\": 32, \"init\": {\"scheme\": \"normal\", \"std\": 50}}, {\"op\": "
        "\"dense\", \"units\": 9}], \"loss\": \"softmax_cross_entropy\"",
        TN_CAUSE_bad_init, "{\"net.0.init\":{\"scheme\":\"glorot_uniform\",\"scale\":1.0}}");
}

static void stacked_recurrent_layers_are_left_out(void **state)
{
    (void)state;
    proposal_expect_patch(RECURRENT("lstm", ", \"layers\": 3", ""), TN_CAUSE_too_deep, "{\"net.1.layers\":1}");
    proposal_expect_patch(RECURRENT("lstm", "", "{\"op\": \"lstm\", \"units\": 32}, {\"op\": \"lstm\", \"units\": 32}, "),
                          TN_CAUSE_too_deep, "{\"net.2\":{\"$remove\":true},\"net.3\":{\"$remove\":true}}");
    /* Both directions are twice as wide. */
    proposal_expect_patch(
        RECURRENT("lstm", ", \"bidirectional\": true", "{\"op\": \"lstm\", \"units\": 32}, {\"op\": \"lstm\", \"units\": 32}, "),
        TN_CAUSE_too_deep, "");
}

static void narrow_sequences_become_wider(void **state)
{
    (void)state;
    proposal_expect_patch(
        "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 9, \"units\": 2}, {\"op\": \"gru\", \"units\": 4}, {\"op\": \"dense\", "
        "\"units\": 9}], \"loss\": \"softmax_cross_entropy\"",
        TN_CAUSE_too_little_capacity, "{\"net.0.units\":16,\"net.1.units\":32}");
}

/* A recurrent layer may be the last with weights. */
static void the_output_of_a_recurrent_layer_is_put_right(void **state)
{
    (void)state;
    proposal_expect_patch("\"net\": [{\"op\": \"embedding\", \"vocabulary\": 9, \"units\": 32}, {\"op\": \"lstm\", \"units\": 9}, {\"op\": "
                          "\"softmax\"}], \"loss\": \"softmax_cross_entropy\"",
                          TN_CAUSE_wrong_output, "{\"net.2\":{\"$remove\":true}}");
}

/* A gate squeezes on purpose. */
static void gates_keep_their_activation(void **state)
{
    (void)state;
    proposal_expect_patch(
        "\"net\": [{\"op\": \"dense\", \"units\": 8, \"name\": \"value\"}, {\"op\": \"relu\", \"name\": \"bent\"}, {\"op\": \"dense\", "
        "\"units\": "
        "8, \"from\": \"input\"}, {\"op\": \"sigmoid\"}, {\"op\": \"multiply\", \"from\": [\"bent\", \"sigmoid_3\"]}, {\"op\": \"tanh\", "
        "\"name\": \"soft\"}, {\"op\": \"add\", \"from\": [\"soft\", \"value\"]}, {\"op\": \"dense\", \"units\": 4}], \"loss\": "
        "\"softmax_cross_entropy\"",
        TN_CAUSE_wrong_activation, "{\"net.5\":{\"op\":\"relu\",\"name\":\"soft\"}}");
}

/* A softmax before a loss that has its own can be read off the hypes, also where another activation stands before it; the wrong one of two cannot. */
static void a_doubled_softmax_can_be_seen(void **state)
{
    (void)state;
    static proposal self;
    static const struct {
        const char *hypes;
        bool visible;
    } cases[] = {
        {MLP_AND("softmax") ", \"loss\": \"softmax_cross_entropy\"", true},
        {"\"net\": [{\"op\": \"dense\", \"units\": 4}, {\"op\": \"relu\"}, {\"op\": \"softmax\"}], \"loss\": \"softmax_cross_entropy\"",
         true},
        {MLP_AND("relu") ", \"loss\": \"softmax_cross_entropy\"", false},
        {MLP_AND("sigmoid") ", \"loss\": \"categorical_cross_entropy\"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        proposal_begin(&self);
        proposal_make(&self, cases[i].hypes);
        const tn_fix *fix = proposal_first_of(&self, TN_CAUSE_wrong_output);
        assert_non_null(fix);
        assert_int_equal(fix->visible, cases[i].visible);
        proposal_end(&self);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_usual_net_gets_no_patch_of_output_loss_or_init),
        cmocka_unit_test(an_output_that_does_not_fit_the_loss_is_replaced),
        cmocka_unit_test(a_loss_for_numbers_is_replaced_by_a_cross_entropy),
        cmocka_unit_test(an_unclipped_logarithm_is_replaced_by_the_stable_form),
        cmocka_unit_test(a_clipped_logarithm_is_no_wrong_loss),
        cmocka_unit_test(constant_weights_are_replaced),
        cmocka_unit_test(hidden_activations_become_relu),
        cmocka_unit_test(deep_nets_get_a_form_that_is_not_born_dead),
        cmocka_unit_test(several_labels_want_a_sigmoid_each),
        cmocka_unit_test(frozen_layers_are_freed),
        cmocka_unit_test(a_usual_transformer_gets_no_patch_of_output_init_or_missing_activation),
        cmocka_unit_test(the_activation_of_a_transformer_is_replaced),
        cmocka_unit_test(repeated_blocks_are_left_out),
        cmocka_unit_test(blocks_that_are_not_closed_stay),
        cmocka_unit_test(recurrent_layers_have_an_activation),
        cmocka_unit_test(recurrent_weights_start_orthogonal),
        cmocka_unit_test(stacked_recurrent_layers_are_left_out),
        cmocka_unit_test(narrow_sequences_become_wider),
        cmocka_unit_test(the_output_of_a_recurrent_layer_is_put_right),
        cmocka_unit_test(gates_keep_their_activation),
        cmocka_unit_test(a_doubled_softmax_can_be_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_fixes.c: What the proposers of candidate fixes propose for a hypes file, and what they leave alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/fixes/fix.h"
#include "experiments/support_made_up_subject.h"

typedef struct proposal {
    made_up subject;
    tn_debug_options options;
    tn_investigation investigation;
    tn_look look;
    tn_hypes *hypes;
    tn_fix_list list;
    void (*show)(struct proposal *self); /* what the look has seen; NULL: nothing unusual */
} proposal;

static void propose(proposal *self, const char *net_loss_and_more)
{
    char text[2048];
    tn_error error = {0};
    snprintf(text, sizeof text, "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"a.csv\", \"label\": 0}}, %s}", net_loss_and_more);
    if (tn_hypes_parse(text, strlen(text), "test.json", ".", &self->hypes, &error) != TN_OK)
        fail_msg("%s (%s)", error.message, error.pointer);
    self->options = (tn_debug_options){.threads = 1, .seed = 1};
    assert_int_equal(tn_investigation_init(&self->investigation, &self->subject.base, &self->options, &error), TN_OK);
    assert_int_equal(tn_rule_set_create(NULL, &self->look.rules, &error), TN_OK);
    if (self->show)
        self->show(self);
    tn_fix_case about = {.investigation = &self->investigation, .look = &self->look, .hypes = self->hypes};
    tn_fixes_propose(&about, &self->list);
}

static void begin(proposal *self)
{
    memset(self, 0, sizeof *self);
    made_up_init(&self->subject);
}

static void end(proposal *self)
{
    tn_fixes_deinit(&self->list);
    tn_look_deinit(&self->look);
    tn_investigation_deinit(&self->investigation);
    tn_hypes_destroy(self->hypes);
}

/* The patch of the first candidate for a cause, as compact JSON in `text`; "" where there is none. */
static const char *patch_for(const proposal *self, tn_cause_id cause, char text[512])
{
    text[0] = '\0';
    for (size_t i = 0; i < self->list.count; i++)
        if (self->list.fixes[i].cause == cause && self->list.fixes[i].patch) {
            size_t length = json_dumpb(self->list.fixes[i].patch, text, 511, JSON_COMPACT);
            text[length < 511 ? length : 511] = '\0';
            break;
        }
    return text;
}

static void expect_patch(const char *hypes, tn_cause_id cause, const char *wanted)
{
    static proposal self;
    char text[512];
    begin(&self);
    propose(&self, hypes);
    assert_string_equal(patch_for(&self, cause, text), wanted);
    /* Every candidate fits the hypes that it was made for. */
    for (size_t i = 0; i < self.list.count; i++) {
        tn_hypes *patched = NULL;
        tn_error error = {0};
        if (self.list.fixes[i].patch && tn_hypes_patch(self.hypes, self.list.fixes[i].patch, &patched, &error) != TN_OK)
            fail_msg("%s: %s", self.list.fixes[i].text, error.message);
        tn_hypes_destroy(patched);
    }
    end(&self);
}

#define MLP "\"net\": [{\"op\": \"dense\", \"units\": 32}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 4}]"
#define MLP_AND(op)                                                                                                                        \
    "\"net\": [{\"op\": \"dense\", \"units\": 32}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 4}, {\"op\": \"" op "\"}]"

static void a_usual_net_gets_no_patch_of_output_loss_or_init(void **state)
{
    (void)state;
    expect_patch(MLP ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_wrong_output, "");
    expect_patch(MLP ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_wrong_loss, "");
    expect_patch(MLP ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_bad_init, "");
    expect_patch(MLP_AND("softmax") ", \"loss\": \"categorical_cross_entropy\"", TN_CAUSE_wrong_output, "");
    expect_patch(MLP ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_too_deep, "");
}

static void an_output_that_does_not_fit_the_loss_is_replaced(void **state)
{
    (void)state;
    expect_patch(MLP_AND("softmax") ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_wrong_output, "{\"net.3\":{\"$remove\":true}}");
    expect_patch(MLP_AND("sigmoid") ", \"loss\": \"categorical_cross_entropy\"", TN_CAUSE_wrong_output, "{\"net.3\":{\"op\":\"softmax\"}}");
    expect_patch(
        "\"net\": [{\"op\": \"dense\", \"units\": 4}, {\"op\": \"relu\"}, {\"op\": \"softmax\"}], \"loss\": \"softmax_cross_entropy\"",
        TN_CAUSE_wrong_output, "{\"net.2\":{\"$remove\":true},\"net.1\":{\"$remove\":true}}");
    expect_patch(MLP ", \"loss\": \"categorical_cross_entropy\"", TN_CAUSE_wrong_output, "{\"net.3\":{\"$insert\":{\"op\":\"softmax\"}}}");
}

static void a_loss_for_numbers_is_replaced_by_a_cross_entropy(void **state)
{
    (void)state;
    expect_patch(MLP_AND("softmax") ", \"loss\": \"mae\"", TN_CAUSE_wrong_loss,
                 "{\"loss\":\"softmax_cross_entropy\",\"net.3\":{\"$remove\":true}}");
}

static void an_unclipped_logarithm_is_replaced_by_the_stable_form(void **state)
{
    (void)state;
    expect_patch(MLP_AND("softmax") ", \"loss\": {\"name\": \"categorical_cross_entropy\", \"clip\": 0}", TN_CAUSE_unstable_softmax,
                 "{\"loss\":\"softmax_cross_entropy\",\"net.3\":{\"$remove\":true}}");
}

/* A clipped logarithm of the right probabilities is the right loss: all that can be amiss with it is the clip. */
static void a_clipped_logarithm_is_no_wrong_loss(void **state)
{
    (void)state;
    expect_patch(MLP_AND("softmax") ", \"loss\": \"categorical_cross_entropy\"", TN_CAUSE_unstable_softmax,
                 "{\"loss\":\"softmax_cross_entropy\",\"net.3\":{\"$remove\":true}}");
    expect_patch(MLP_AND("softmax") ", \"loss\": \"categorical_cross_entropy\"", TN_CAUSE_wrong_loss, "");
}

static void constant_weights_are_replaced(void **state)
{
    (void)state;
    expect_patch(MLP ", \"loss\": \"softmax_cross_entropy\", \"init\": {\"scheme\": \"constant\", \"value\": 0.01}", TN_CAUSE_bad_init,
                 "{\"init\":{\"scheme\":\"glorot_uniform\",\"scale\":1.0}}");
}

static void hidden_activations_become_relu(void **state)
{
    (void)state;
    expect_patch("\"net\": [{\"op\": \"dense\", \"units\": 32}, {\"op\": \"sigmoid\"}, {\"op\": \"dense\", \"units\": 4}], \"loss\": "
                 "\"softmax_cross_entropy\"",
                 TN_CAUSE_wrong_activation, "{\"net.1\":{\"op\":\"relu\"}}");
    expect_patch("\"net\": [{\"op\": \"dense\", \"units\": 32}, {\"op\": \"dense\", \"units\": 4}], \"loss\": \"softmax_cross_entropy\"",
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
        begin(&self);
        self.subject.facts.task = TN_SUBJECT_MULTILABEL;
        propose(&self, cases[i].hypes);
        assert_string_equal(patch_for(&self, cases[i].cause, text), cases[i].wanted);
        end(&self);
    }
}

/* The patch of the candidate with this text, likewise. */
static const char *patch_named(const proposal *self, const char *name, char text[512])
{
    text[0] = '\0';
    for (size_t i = 0; i < self->list.count; i++)
        if (strcmp(self->list.fixes[i].text, name) == 0) {
            size_t length = json_dumpb(self->list.fixes[i].patch, text, 511, JSON_COMPACT);
            text[length < 511 ? length : 511] = '\0';
        }
    return text;
}

#define LAYER "{\"op\": \"dense\", \"units\": 5}, {\"op\": \"exp\"}, "

static void deep_nets_get_a_form_that_is_not_born_dead(void **state)
{
    (void)state;
    static proposal self;
    char text[512];
    begin(&self);
    propose(&self, "\"net\": [" LAYER LAYER LAYER "{\"op\": \"dense\", \"units\": 3}], \"loss\": \"softmax_cross_entropy\"");
    assert_string_equal(patch_named(&self, "elu in the hidden layers", text),
                        "{\"net.1\":{\"op\":\"elu\"},\"net.3\":{\"op\":\"elu\"},\"net.5\":{\"op\":\"elu\"}}");
    assert_true(*patch_named(&self, "relu in the hidden layers", text) != '\0');
    end(&self);
    begin(&self);
    propose(&self, "\"net\": [" LAYER LAYER "{\"op\": \"dense\", \"units\": 3}], \"loss\": \"softmax_cross_entropy\"");
    assert_string_equal(patch_named(&self, "elu in the hidden layers", text), "");
    end(&self);
}

static void frozen_layers_are_freed(void **state)
{
    (void)state;
    expect_patch("\"net\": [{\"op\": \"dense\", \"units\": 32, \"trainable\": false}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": "
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
    expect_patch(TRANSFORMER("1", "gelu", "") ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_wrong_output, "");
    expect_patch(TRANSFORMER("1", "gelu", "") ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_bad_init, "");
    /* No activation between attention, sums and norms is none that is missing. */
    expect_patch(TRANSFORMER("2", "gelu", "") ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_wrong_activation, "");
    expect_patch(TRANSFORMER("1", "gelu", "") ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_too_deep, "");
}

static void the_activation_of_a_transformer_is_replaced(void **state)
{
    (void)state;
    expect_patch(TRANSFORMER("2", "exp", "") ", \"loss\": \"softmax_cross_entropy\"", TN_CAUSE_wrong_activation,
                 "{\"net.7\":{\"op\":\"relu\"},\"net.15\":{\"op\":\"relu\"}}");
}

static void repeated_blocks_are_left_out(void **state)
{
    (void)state;
    static proposal self;
    begin(&self);
    propose(&self, TRANSFORMER("6", "gelu", "{\"op\": \"layer_norm\"}, ") ", \"loss\": \"softmax_cross_entropy\"");
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
    end(&self);
}

/* A block that somebody outside looks into stays, and so does one that has no twin. */
static void blocks_that_are_not_closed_stay(void **state)
{
    (void)state;
    expect_patch(
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
    expect_patch(RECURRENT("gru", "", ""), TN_CAUSE_wrong_activation, "");
    expect_patch(RECURRENT("lstm", "", "{\"op\": \"dense\", \"units\": 40}, "), TN_CAUSE_wrong_activation,
                 "{\"net.3\":{\"$insert\":{\"op\":\"relu\"}}}");
    expect_patch(RECURRENT("rnn", ", \"activation\": \"relu\"", ""), TN_CAUSE_wrong_activation, "{\"net.1.activation\":\"tanh\"}");
    expect_patch(RECURRENT("rnn", "", ""), TN_CAUSE_wrong_activation, "");
}

static void recurrent_weights_start_orthogonal(void **state)
{
    (void)state;
    expect_patch(RECURRENT("gru", ", \"recurrent_init\": {\"scheme\": \"normal\", \"std\": 9}", ""), TN_CAUSE_bad_init,
                 "{\"net.1.recurrent_init\":{\"scheme\":\"orthogonal\",\"scale\":1.0}}");
    expect_patch(RECURRENT("gru", ", \"recurrent_init\": null", ""), TN_CAUSE_bad_init, "");
    expect_patch(
        "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 9, \"units\": 32, \"init\": {\"scheme\": \"normal\", \"std\": 1}}, {\"op\": "
        "\"dense\", \"units\": 9}], \"loss\": \"softmax_cross_entropy\"",
        TN_CAUSE_bad_init, "");
    expect_patch(
        "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 9, \"units\": 32, \"init\": {\"scheme\": \"normal\", \"std\": 50}}, {\"op\": "
        "\"dense\", \"units\": 9}], \"loss\": \"softmax_cross_entropy\"",
        TN_CAUSE_bad_init, "{\"net.0.init\":{\"scheme\":\"glorot_uniform\",\"scale\":1.0}}");
}

static void stacked_recurrent_layers_are_left_out(void **state)
{
    (void)state;
    expect_patch(RECURRENT("lstm", ", \"layers\": 3", ""), TN_CAUSE_too_deep, "{\"net.1.layers\":1}");
    expect_patch(RECURRENT("lstm", "", "{\"op\": \"lstm\", \"units\": 32}, {\"op\": \"lstm\", \"units\": 32}, "), TN_CAUSE_too_deep,
                 "{\"net.2\":{\"$remove\":true},\"net.3\":{\"$remove\":true}}");
    /* Both directions are twice as wide. */
    expect_patch(RECURRENT("lstm", ", \"bidirectional\": true", "{\"op\": \"lstm\", \"units\": 32}, {\"op\": \"lstm\", \"units\": 32}, "),
                 TN_CAUSE_too_deep, "");
}

static void narrow_sequences_become_wider(void **state)
{
    (void)state;
    expect_patch("\"net\": [{\"op\": \"embedding\", \"vocabulary\": 9, \"units\": 2}, {\"op\": \"gru\", \"units\": 4}, {\"op\": \"dense\", "
                 "\"units\": 9}], \"loss\": \"softmax_cross_entropy\"",
                 TN_CAUSE_too_little_capacity, "{\"net.0.units\":16,\"net.1.units\":32}");
}

/* A recurrent layer may be the last with weights. */
static void the_output_of_a_recurrent_layer_is_put_right(void **state)
{
    (void)state;
    expect_patch("\"net\": [{\"op\": \"embedding\", \"vocabulary\": 9, \"units\": 32}, {\"op\": \"lstm\", \"units\": 9}, {\"op\": "
                 "\"softmax\"}], \"loss\": \"softmax_cross_entropy\"",
                 TN_CAUSE_wrong_output, "{\"net.2\":{\"$remove\":true}}");
}

/* A gate squeezes on purpose. */
static void gates_keep_their_activation(void **state)
{
    (void)state;
    expect_patch(
        "\"net\": [{\"op\": \"dense\", \"units\": 8, \"name\": \"value\"}, {\"op\": \"relu\", \"name\": \"bent\"}, {\"op\": \"dense\", "
        "\"units\": "
        "8, \"from\": \"input\"}, {\"op\": \"sigmoid\"}, {\"op\": \"multiply\", \"from\": [\"bent\", \"sigmoid_3\"]}, {\"op\": \"tanh\", "
        "\"name\": \"soft\"}, {\"op\": \"add\", \"from\": [\"soft\", \"value\"]}, {\"op\": \"dense\", \"units\": 4}], \"loss\": "
        "\"softmax_cross_entropy\"",
        TN_CAUSE_wrong_activation, "{\"net.5\":{\"op\":\"relu\",\"name\":\"soft\"}}");
}

static const tn_fix *first_of(const proposal *self, tn_cause_id cause)
{
    for (size_t i = 0; i < self->list.count; i++)
        if (self->list.fixes[i].cause == cause)
            return &self->list.fixes[i];
    return NULL;
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
        begin(&self);
        propose(&self, cases[i].hypes);
        const tn_fix *fix = first_of(&self, TN_CAUSE_wrong_output);
        assert_non_null(fix);
        assert_int_equal(fix->visible, cases[i].visible);
        end(&self);
    }
}

#define USUAL MLP ", \"loss\": \"softmax_cross_entropy\""

/* Features of very different width are standardised, but not where they are shares or yes and no. */
static void values_within_one_need_no_scaling(void **state)
{
    (void)state;
    static proposal self;
    for (int bounded = 0; bounded < 2; bounded++) {
        begin(&self);
        self.subject.facts.input_std_min = 0.002;
        self.subject.facts.input_std_max = 0.5;
        self.subject.facts.input_min = bounded ? 0 : -3;
        self.subject.facts.input_max = 1;
        propose(&self, USUAL);
        assert_int_equal(first_of(&self, TN_CAUSE_unscaled_input) != NULL, !bounded);
        end(&self);
    }
}

static void a_run_of_a_few_steps_is_made_long_enough(void **state)
{
    (void)state;
    static proposal self;
    static const uint64_t steps[] = {4, 100, 5000};
    static const double times[] = {75, 10, 10};
    for (size_t i = 0; i < 3; i++) {
        begin(&self);
        self.look.steps = steps[i];
        propose(&self, USUAL);
        const tn_fix *fix = first_of(&self, TN_CAUSE_too_few_steps);
        assert_non_null(fix);
        assert_true(fix->cost == times[i]);
        end(&self);
    }
}

static void an_explosion_is_clipped_at_the_customary_limit_too(void **state)
{
    (void)state;
    static proposal self;
    static double norms[] = {1e3, 1e6, 1e9};
    for (int broken = 0; broken < 2; broken++) {
        begin(&self);
        self.look.result.gradient_norms = norms;
        self.look.result.steps = 3;
        self.look.nonfinite = broken;
        propose(&self, USUAL);
        size_t clips = 0;
        for (size_t i = 0; i < self.list.count; i++)
            if (self.list.fixes[i].cause == TN_CAUSE_needs_clipping) {
                clips++;
                assert_true(self.list.fixes[i].knobs.clip_norm == (clips == 1 ? 1e6 : 1));
            }
        assert_int_equal(clips, broken ? 2 : 1);
        self.look.result.gradient_norms = NULL;
        end(&self);
    }
}

static void a_limit_far_below_the_norms_is_loosened(void **state)
{
    (void)state;
    static proposal self;
    static double norms[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    for (int tight = 0; tight < 2; tight++) {
        begin(&self);
        self.look.result.gradient_norms = norms;
        self.look.result.steps = 10;
        propose(&self, tight ? USUAL ", \"solver\": {\"clip_norm\": 0.001}" : USUAL ", \"solver\": {\"clip_norm\": 2}");
        const tn_fix *looser = first_of(&self, TN_CAUSE_tight_clipping);
        assert_int_equal(looser != NULL, tight);
        assert_int_equal(first_of(&self, TN_CAUSE_needs_clipping) != NULL, !tight);
        assert_true(!looser || (!looser->general && looser->knobs.set == TN_KNOB_CLIP_NORM && looser->knobs.clip_norm > 8));
        self.look.result.gradient_norms = NULL;
        end(&self);
    }
}

static void rare_classes_are_drawn_as_often(void **state)
{
    (void)state;
    static proposal self;
    static const double shares[] = {0.25, 0.7, 0.78, 0.99};
    for (size_t i = 0; i < 4; i++) {
        begin(&self);
        self.subject.facts.majority = shares[i]; /* of four classes: ten times the others' mean is 0.77 */
        propose(&self, USUAL);
        const tn_fix *fix = first_of(&self, TN_CAUSE_class_imbalance);
        assert_int_equal(fix != NULL, i >= 2);
        assert_int_equal(tn_fix_is_imbalanced(&self.subject.facts, 1), i >= 2);
        assert_false(tn_fix_is_imbalanced(&self.subject.facts, 64)); /* as the characters of a text are */
        assert_true(!fix || json_is_true(json_object_get(fix->patch, "data.balance")));
        end(&self);
    }
}

/* Half of the features of 20 samples are constant. */
static void show_constant_features(struct proposal *self)
{
    float columns[40] = {0};
    for (size_t i = 0; i < 20; i++)
        columns[2 * i] = (float)(i * i % 7);
    const tn_data_shape shape = {.features = 2, .is_table = true};
    tn_data_builder *builder = NULL;
    tn_error error = {0};
    assert_int_equal(tn_data_builder_create(&shape, &builder, &error), TN_OK);
    tn_data_summary_add(builder, columns, NULL, NULL, NULL, 20);
    const tn_observer observer = tn_rule_set_observer(self->look.rules);
    observer.on_data(observer.context, tn_data_builder_summary(builder));
    const double loss = 1;
    for (uint64_t step = 1; step <= 2; step++)
        observer.on_step(observer.context, &(tn_step){.step = step, .loss = loss, .gradient_norm = NAN});
    tn_data_builder_destroy(builder);
}

static void constant_features_are_left_out(void **state)
{
    (void)state;
    static proposal self;
    char text[512];
    begin(&self);
    self.show = show_constant_features;
    propose(&self, USUAL);
    assert_non_null(tn_look_signal_of(&self.look, TN_CAUSE_constant_feature));
    assert_null(tn_look_signal_of(&self.look, TN_CAUSE_leaky_feature));
    size_t place = 7;
    assert_true(tn_look_points_at(&self.look, "input_statistics", TN_CAUSE_constant_feature, &place));
    assert_int_equal(place, 0);
    assert_false(tn_look_points_at(&self.look, "input_statistics", TN_CAUSE_unscaled_input, NULL)); /* that is what the rule may see, too */
    assert_string_equal(patch_for(&self, TN_CAUSE_constant_feature, text), "{\"data.input.ignore\":\"constant\"}");
    end(&self);
    begin(&self);
    propose(&self, USUAL);
    assert_string_equal(patch_for(&self, TN_CAUSE_constant_feature, text), "");
    end(&self);
}

/* The validation score was 0.6 after 200 of 1,000 steps and fell to 0.3, while the training score rose. */
static void show_overfitting(struct proposal *self)
{
    static tn_score_point scores[] = {{.step = 200, .train_score = 0.6, .valid_score = 0.6},
                                      {.step = 400, .train_score = 0.8, .valid_score = 0.4},
                                      {.step = 600, .train_score = 0.9, .valid_score = 0.35},
                                      {.step = 800, .train_score = 0.95, .valid_score = 0.32},
                                      {.step = 1000, .train_score = 0.99, .valid_score = 0.3}};
    const tn_observer observer = tn_rule_set_observer(self->look.rules);
    self->look.result.scores = scores;
    self->look.result.score_count = 5;
    self->look.steps = 1000;
    for (size_t i = 0; i < 5; i++)
        observer.on_score(observer.context, &scores[i]);
}

static void what_overfits_is_held_back(void **state)
{
    (void)state;
    static proposal self;
    char text[512];
    begin(&self);
    self.show = show_overfitting;
    propose(&self, USUAL);
    assert_string_equal(patch_named(&self, "dropout of 0.25 before the last layer", text),
                        "{\"net.2\":{\"$insert\":{\"op\":\"dropout\",\"rate\":0.25}}}");
    assert_non_null(strstr(patch_named(&self, "weight decay of 0.1", text), "solver.weight_decay"));
    const tn_fix *end_early = NULL;
    for (size_t i = 0; i < self.list.count; i++)
        if (strcmp(self.list.fixes[i].text, "an end after 200 steps, where the validation score was best") == 0)
            end_early = &self.list.fixes[i];
    assert_non_null(end_early);
    assert_true(end_early->cost == 0.2 && end_early->general);
    tn_knobs knobs = {.set = TN_KNOB_STEPS, .steps = 1000};
    tn_fix_apply(&self.investigation, end_early, &knobs);
    assert_int_equal(knobs.steps, 200);
    json_t *patch = tn_fix_as_patch(&self.investigation, end_early);
    assert_int_equal(json_integer_value(json_object_get(patch, "solver.steps")), self.subject.facts.steps_total / 5);
    json_decref(patch);
    self.look.result.scores = NULL;
    end(&self);
    begin(&self);
    propose(&self, USUAL);
    assert_null(first_of(&self, TN_CAUSE_overfitting));
    end(&self);
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
        cmocka_unit_test(values_within_one_need_no_scaling),
        cmocka_unit_test(a_run_of_a_few_steps_is_made_long_enough),
        cmocka_unit_test(an_explosion_is_clipped_at_the_customary_limit_too),
        cmocka_unit_test(a_limit_far_below_the_norms_is_loosened),
        cmocka_unit_test(rare_classes_are_drawn_as_often),
        cmocka_unit_test(constant_features_are_left_out),
        cmocka_unit_test(what_overfits_is_held_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_fixes_solver.c: What the proposers of candidate fixes propose for solver and data, by what a look has seen, and what they leave alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_proposal.h"

/* Features of very different width are standardised, but not where they are shares or yes and no. */
static void values_within_one_need_no_scaling(void **state)
{
    (void)state;
    static proposal self;
    for (int bounded = 0; bounded < 2; bounded++) {
        proposal_begin(&self);
        self.subject.facts.input_std_min = 0.002;
        self.subject.facts.input_std_max = 0.5;
        self.subject.facts.input_min = bounded ? 0 : -3;
        self.subject.facts.input_max = 1;
        proposal_make(&self, USUAL);
        assert_int_equal(proposal_first_of(&self, TN_CAUSE_unscaled_input) != NULL, !bounded);
        proposal_end(&self);
    }
}

static void a_run_of_a_few_steps_is_made_long_enough(void **state)
{
    (void)state;
    static proposal self;
    static const uint64_t steps[] = {4, 100, 5000};
    static const double times[] = {75, 10, 10};
    for (size_t i = 0; i < 3; i++) {
        proposal_begin(&self);
        self.look.steps = steps[i];
        proposal_make(&self, USUAL);
        const tn_fix *fix = proposal_first_of(&self, TN_CAUSE_too_few_steps);
        assert_non_null(fix);
        assert_true(fix->cost == times[i]);
        proposal_end(&self);
    }
}

static void an_explosion_is_clipped_at_the_customary_limit_too(void **state)
{
    (void)state;
    static proposal self;
    static double norms[] = {1e3, 1e6, 1e9};
    for (int broken = 0; broken < 2; broken++) {
        proposal_begin(&self);
        self.look.result.gradient_norms = norms;
        self.look.result.steps = 3;
        self.look.nonfinite = broken;
        proposal_make(&self, USUAL);
        size_t clips = 0;
        for (size_t i = 0; i < self.list.count; i++)
            if (self.list.fixes[i].cause == TN_CAUSE_needs_clipping) {
                clips++;
                assert_true(self.list.fixes[i].knobs.clip_norm == (clips == 1 ? 1e6 : 1));
            }
        assert_int_equal(clips, broken ? 2 : 1);
        self.look.result.gradient_norms = NULL;
        proposal_end(&self);
    }
}

static void a_limit_far_below_the_norms_is_loosened(void **state)
{
    (void)state;
    static proposal self;
    static double norms[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    for (int tight = 0; tight < 2; tight++) {
        proposal_begin(&self);
        self.look.result.gradient_norms = norms;
        self.look.result.steps = 10;
        proposal_make(&self, tight ? USUAL ", \"solver\": {\"clip_norm\": 0.001}" : USUAL ", \"solver\": {\"clip_norm\": 2}");
        const tn_fix *looser = proposal_first_of(&self, TN_CAUSE_tight_clipping);
        assert_int_equal(looser != NULL, tight);
        assert_int_equal(proposal_first_of(&self, TN_CAUSE_needs_clipping) != NULL, !tight);
        assert_true(!looser || (!looser->general && looser->knobs.set == TN_KNOB_CLIP_NORM && looser->knobs.clip_norm > 8));
        self.look.result.gradient_norms = NULL;
        proposal_end(&self);
    }
}

static void settings_far_from_the_custom_are_brought_back(void **state)
{
    (void)state;
    proposal_expect_patch(USUAL ", \"solver\": {\"opt\": \"adam\", \"epsilon\": 1}", TN_CAUSE_wrong_optimizer, "{\"solver.epsilon\":1e-8}");
    proposal_expect_patch(USUAL ", \"solver\": {\"momentum\": 0.999}", TN_CAUSE_wrong_optimizer,
                          "{\"solver.momentum\":0.90000000000000002}");
    proposal_expect_patch(USUAL ", \"solver\": {\"opt\": \"adam\", \"beta1\": 0.99}", TN_CAUSE_wrong_optimizer,
                          "{\"solver.beta1\":0.90000000000000002}");
    proposal_expect_patch(USUAL ", \"solver\": {\"opt\": \"adam\", \"epsilon\": 1e-4}", TN_CAUSE_wrong_optimizer, "");
}

/* The made-up subject makes 1,000 steps, in epochs of 63. */
static void a_schedule_that_takes_the_rate_away_is_left_out(void **state)
{
    (void)state;
    proposal_expect_patch(USUAL ", \"solver\": {\"warmup\": 100000}", TN_CAUSE_wrong_schedule, "{\"solver.warmup\":0}");
    proposal_expect_patch(USUAL ", \"solver\": {\"decay\": {\"kind\": \"step\", \"factor\": 10, \"after\": 1, \"every\": 1}}",
                          TN_CAUSE_wrong_schedule, "{\"solver.decay\":null}");
    proposal_expect_patch(USUAL
                          ", \"solver\": {\"warmup\": 1000, \"decay\": {\"kind\": \"step\", \"factor\": 10, \"after\": 7, \"every\": 2}}",
                          TN_CAUSE_wrong_schedule, "");
    proposal_expect_patch(USUAL ", \"solver\": {\"decay\": {\"kind\": \"cosine\"}}", TN_CAUSE_wrong_schedule, "");
}

static void rare_classes_are_drawn_as_often(void **state)
{
    (void)state;
    static proposal self;
    static const double shares[] = {0.25, 0.7, 0.78, 0.99};
    for (size_t i = 0; i < 4; i++) {
        proposal_begin(&self);
        self.subject.facts.majority = shares[i]; /* of four classes: ten times the others' mean is 0.77 */
        proposal_make(&self, USUAL);
        const tn_fix *fix = proposal_first_of(&self, TN_CAUSE_class_imbalance);
        assert_int_equal(fix != NULL, i >= 2);
        assert_int_equal(tn_fix_is_imbalanced(&self.subject.facts, 1), i >= 2);
        assert_false(tn_fix_is_imbalanced(&self.subject.facts, 64)); /* as the characters of a text are */
        assert_true(!fix || json_is_true(json_object_get(fix->patch, "data.balance")));
        proposal_end(&self);
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
    proposal_begin(&self);
    self.show = show_constant_features;
    proposal_make(&self, USUAL);
    assert_non_null(tn_look_signal_of(&self.look, TN_CAUSE_constant_feature));
    assert_null(tn_look_signal_of(&self.look, TN_CAUSE_leaky_feature));
    size_t place = 7;
    assert_true(tn_look_points_at(&self.look, "input_statistics", TN_CAUSE_constant_feature, &place));
    assert_int_equal(place, 0);
    assert_false(tn_look_points_at(&self.look, "input_statistics", TN_CAUSE_unscaled_input, NULL)); /* that is what the rule may see, too */
    assert_string_equal(proposal_patch_for(&self, TN_CAUSE_constant_feature, text), "{\"data.input.ignore\":\"constant\"}");
    proposal_end(&self);
    proposal_begin(&self);
    proposal_make(&self, USUAL);
    assert_string_equal(proposal_patch_for(&self, TN_CAUSE_constant_feature, text), "");
    proposal_end(&self);
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
    proposal_begin(&self);
    self.show = show_overfitting;
    proposal_make(&self, USUAL);
    assert_string_equal(proposal_patch_named(&self, "dropout of 0.25 before the last layer", text),
                        "{\"net.2\":{\"$insert\":{\"op\":\"dropout\",\"rate\":0.25}}}");
    assert_non_null(strstr(proposal_patch_named(&self, "weight decay of 0.1", text), "solver.weight_decay"));
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
    proposal_end(&self);
    proposal_begin(&self);
    proposal_make(&self, USUAL);
    assert_null(proposal_first_of(&self, TN_CAUSE_overfitting));
    proposal_end(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_within_one_need_no_scaling),
        cmocka_unit_test(a_run_of_a_few_steps_is_made_long_enough),
        cmocka_unit_test(an_explosion_is_clipped_at_the_customary_limit_too),
        cmocka_unit_test(a_limit_far_below_the_norms_is_loosened),
        cmocka_unit_test(settings_far_from_the_custom_are_brought_back),
        cmocka_unit_test(a_schedule_that_takes_the_rate_away_is_left_out),
        cmocka_unit_test(rare_classes_are_drawn_as_often),
        cmocka_unit_test(constant_features_are_left_out),
        cmocka_unit_test(what_overfits_is_held_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

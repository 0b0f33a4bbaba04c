/* support_rules.c: see support_rules.h. */
#include "rules/support_rules.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

void watch_start(watch *w, const char *rule, uint64_t seed)
{
    *w = (watch){.rule = NULL};
    for (size_t i = 0; i < tn_rule_count(); i++)
        if (strcmp(tn_rule_at(i)->name, rule) == 0)
            w->rule = tn_rule_at(i);
    assert_non_null(w->rule);
    w->state = tn_memory_create(1, w->rule->state_size);
    assert_non_null(w->state);
    w->signal.rule = rule;
    w->signal.severity = w->rule->severity;
    for (size_t i = 0; i < w->rule->setting_count; i++)
        w->settings[i] = w->rule->settings[i].fallback;
    tn_rng_init(&w->rng, seed, TN_STREAM_TEST);
}

void watch_stop(watch *w)
{
    tn_memory_destroy(w->state);
    w->state = NULL;
}

void watch_step(watch *w, double loss, double gradient_norm)
{
    w->step++;
    tn_step step = {.step = w->step, .samples = 32 * w->step, .loss = loss, .learning_rate = 0.1, .gradient_norm = gradient_norm};
    if (w->rule->on_step)
        assert_true(w->rule->on_step(w->state, w->settings, &w->signal, &step));
}

void watch_loss(watch *w, double loss)
{
    watch_step(w, loss, NAN);
}

void watch_seen(watch *w, tn_tensor_seen seen, const float *values, size_t count)
{
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    tn_vitals_add_part(&vitals, values, count, count); /* as the recorder does */
    seen.step = w->step + 1;
    seen.vitals = &vitals;
    if (w->rule->on_tensor)
        w->rule->on_tensor(w->state, w->settings, &w->signal, &seen);
}

void watch_units(watch *w, const tn_tensor_name *name, size_t index, const float *values, size_t count, float low, float high,
                 size_t samples)
{
    tn_vitals vitals;
    tn_unit_vitals units;
    tn_unit *unit = tn_memory_create(name->units, sizeof *unit);
    assert_non_null(unit);
    tn_vitals_init(&vitals);
    tn_vitals_add_part(&vitals, values, count, count); /* as the recorder does */
    tn_unit_vitals_init(&units, unit, name->units, low, high);
    tn_unit_vitals_add(&units, values, count / name->units, 1);
    const tn_tensor_seen seen = {
        .step = w->step + 1, .name = name, .index = index, .vitals = &vitals, .units = &units, .batch = {.count = samples}};
    if (w->rule->on_tensor)
        w->rule->on_tensor(w->state, w->settings, &w->signal, &seen);
    tn_memory_destroy(unit);
}

void watch_data(watch *w, const tn_data_shape *shape, const float *inputs, const int32_t *labels, const float *targets, size_t samples)
{
    tn_data_builder *builder;
    tn_error error;
    assert_int_equal(tn_data_builder_create(shape, &builder, &error), TN_OK);
    tn_data_summary_add(builder, inputs, labels, targets, NULL, samples);
    assert_non_null(w->rule->on_data);
    w->rule->on_data(w->state, w->settings, &w->signal, tn_data_builder_summary(builder));
    tn_data_builder_destroy(builder);
}

void watch_score(watch *w, double train_score, double valid_score, double train_loss, double valid_loss)
{
    const tn_score_point point = {.step = w->step,
                                  .samples = 32 * w->step,
                                  .train_score = train_score,
                                  .valid_score = valid_score,
                                  .train_loss = train_loss,
                                  .valid_loss = valid_loss};
    if (w->rule->on_score)
        w->rule->on_score(w->state, w->settings, &w->signal, &point);
}

void watch_set(watch *w, const char *key, double value)
{
    for (size_t i = 0; i < w->rule->setting_count; i++) {
        if (strcmp(w->rule->settings[i].key, key) == 0) {
            w->settings[i] = value;
            return;
        }
    }
    fail_msg("%s has no setting %s", w->rule->name, key);
}

void watch_values(watch *w, const tn_tensor_name *name, size_t index, const float *values, size_t count)
{
    watch_seen(w, (tn_tensor_seen){.name = name, .index = index}, values, count);
}

void watch_end(watch *w)
{
    if (w->rule->on_end)
        w->rule->on_end(w->state, w->settings, &w->signal, w->step);
}

void assert_fired(const watch *w)
{
    assert_int_equal(w->signal.state, TN_RULE_FIRED);
    assert_true(w->signal.text[0] != '\0');
    assert_true(w->signal.step > 0);
}

void assert_quiet(const watch *w)
{
    if (w->signal.state == TN_RULE_FIRED)
        fail_msg("%s fired: %s", w->signal.rule, w->signal.text);
    assert_int_equal(w->signal.state, TN_RULE_QUIET);
    assert_true(w->signal.text[0] == '\0');
}

void assert_too_few(const watch *w)
{
    assert_int_equal(w->signal.state, TN_RULE_TOO_FEW_STEPS);
    assert_true(w->signal.text[0] == '\0');
}

void assert_severity(const watch *w, tn_signal_severity severity)
{
    assert_string_equal(tn_signal_severity_name(w->signal.severity), tn_signal_severity_name(severity));
}

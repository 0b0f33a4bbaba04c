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
        assert_true(w->rule->on_step(w->state, &w->signal, &step));
}

void watch_loss(watch *w, double loss)
{
    watch_step(w, loss, NAN);
}

void watch_values(watch *w, const tn_tensor_name *name, size_t index, const float *values, size_t count)
{
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    tn_vitals_add(&vitals, values, count);
    const tn_tensor_seen seen = {.step = w->step + 1, .name = name, .index = index, .vitals = &vitals};
    if (w->rule->on_tensor)
        w->rule->on_tensor(w->state, &w->signal, &seen);
}

void watch_end(watch *w)
{
    if (w->rule->on_end)
        w->rule->on_end(w->state, &w->signal, w->step);
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

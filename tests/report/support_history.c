/* support_history.c: see support_history.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <math.h>

#include "support_history.h"

tn_history *support_history(void)
{
    tn_history *history;
    assert_int_equal(tn_history_create(&history, NULL), TN_OK);
    return history;
}

void support_history_step(tn_history *history, uint64_t step, double loss, double rate, double norm)
{
    tn_observer observer = tn_history_observer(history);
    const tn_step scalars = {.step = step, .samples = step * 8, .loss = loss, .learning_rate = rate, .gradient_norm = norm};
    assert_true(observer.on_step(observer.context, &scalars));
}

void support_history_score(tn_history *history, uint64_t step, double valid_score, double valid_loss)
{
    tn_observer observer = tn_history_observer(history);
    const tn_score_point point = {
        .step = step, .samples = step * 8, .train_score = NAN, .valid_score = valid_score, .train_loss = NAN, .valid_loss = valid_loss};
    observer.on_score(observer.context, &point);
}

void support_history_tensor(tn_history *history, uint64_t step, const char *node, const char *parameter, tn_role role, size_t index,
                            float value)
{
    enum { COUNT = 8 };
    float values[COUNT] = {0};
    for (size_t i = 1; i < COUNT; i++)
        values[i] = value;
    const tn_tensor_name name = {
        .node = node, .parameter = parameter, .op = "dense", .node_index = index / 4, .role = role, .count = COUNT, .units = 2};
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    tn_vitals_add(&vitals, values, COUNT);
    tn_observer observer = tn_history_observer(history);
    observer.on_tensor(observer.context, &(tn_tensor_seen){.step = step, .name = &name, .index = index, .vitals = &vitals});
}

void support_history_run(tn_history *history, uint64_t steps, const char *first_layer)
{
    support_history_score(history, 0, 0, 2);
    for (uint64_t step = 1; step <= steps; step++) {
        if (step % 10 == 1) {
            support_history_tensor(history, step, first_layer, "weight", TN_ROLE_WEIGHT, 0, 0.5f);
            support_history_tensor(history, step, first_layer, "weight", TN_ROLE_GRADIENT, 1, -0.01f);
            support_history_tensor(history, step, first_layer, "weight", TN_ROLE_UPDATE, 2, 0.05f);
            support_history_tensor(history, step, first_layer, NULL, TN_ROLE_ACTIVATION, 3, 3);
            support_history_tensor(history, step, "dense_2", "weight", TN_ROLE_WEIGHT, 4, 1);
            support_history_tensor(history, step, "dense_2", "weight", TN_ROLE_UPDATE, 5, 0.001f);
        }
        support_history_step(history, step, 2 / (double)step, 0.1, (double)step);
    }
    support_history_score(history, steps, 0.75, 0.25);
}

void support_history_signal(tn_history *history, const char *rule, uint64_t step, const char *tensor, const char *text)
{
    tn_history_signal signal = {.step = step, .value = 1.5, .threshold = 1};
    snprintf(signal.rule, sizeof signal.rule, "%s", rule);
    snprintf(signal.tensor, sizeof signal.tensor, "%s", tensor);
    snprintf(signal.text, sizeof signal.text, "%s", text);
    assert_true(tn_history_add_signal(history, &signal));
}

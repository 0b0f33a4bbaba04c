/* support_rules.h: one rule fed by hand. */
#ifndef TN_TEST_SUPPORT_RULES_H
#define TN_TEST_SUPPORT_RULES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "rules/rules.h"

/* A run that one rule watches. */
typedef struct watch {
    const tn_rule *rule;
    void *state;
    tn_signal signal;
    double settings[TN_RULE_SETTINGS_MAX]; /* the defaults, to be changed at will */
    uint64_t step;                         /* the last one told */
    tn_rng rng;
} watch;

/* Fails the test where no rule has that name. */
void watch_start(watch *w, const char *rule, uint64_t seed);
void watch_stop(watch *w);

/* The next step. */
void watch_step(watch *w, double loss, double gradient_norm);
void watch_loss(watch *w, double loss); /* nobody computed the norm */

/* Tensors of the coming step. */
void watch_values(watch *w, const tn_tensor_name *name, size_t index, const float *values, size_t count);
/* The same with the vitals of its units, the last axis; limits of saturation, or -INFINITY and INFINITY. `samples` of the batch, 0 for a parameter. */
void watch_units(watch *w, const tn_tensor_name *name, size_t index, const float *values, size_t count, float low, float high,
                 size_t samples);

/* Samples as the training set has them: inputs [samples, shape->features] and labels or targets, either NULL. */
void watch_data(watch *w, const tn_data_shape *shape, const float *inputs, const int32_t *labels, const float *targets, size_t samples);
void watch_score(watch *w, double train_score, double valid_score, double train_loss, double valid_loss);

/* Changes a setting by its name; fails the test where there is none. */
void watch_set(watch *w, const char *key, double value);
void watch_end(watch *w);

/* A tensor of the coming step with all that is known of it; `seen` needs no step and no vitals. */
void watch_seen(watch *w, tn_tensor_seen seen, const float *values, size_t count);

/* The rule has fired, with a sentence; or is quiet, or has seen too few steps, without one. */
void assert_fired(const watch *w);
void assert_quiet(const watch *w);
void assert_too_few(const watch *w);
void assert_severity(const watch *w, tn_signal_severity severity);

#endif

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
    uint64_t step; /* the last one told */
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
void watch_end(watch *w);

/* The rule has fired, with a sentence; or is quiet, or has seen too few steps, without one. */
void assert_fired(const watch *w);
void assert_quiet(const watch *w);
void assert_too_few(const watch *w);

#endif

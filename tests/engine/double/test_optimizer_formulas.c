/* test_optimizer_formulas.c: every optimizer against a plain second writing of its published formula, one weight at a time, over several
 * steps, in double; with planted faults.
 *
 * The formulas are those of the papers, in their own order of operations; the optimizers fuse and reorder them. Accepted is a difference
 * of 1e-12 of the weight's size. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "engine/optimizer.h"

enum { WEIGHTS = 37, STEPS = 7 };
#define TOLERANCE 1e-12

/* One weight and its state, as a formula sees them. */
typedef struct scalar {
    double w, a, b;
} scalar;

typedef void formula_fn(const tn_optimizer_options *o, double lr, double t, double g, scalar *s);

static void sgd(const tn_optimizer_options *o, double lr, double t, double g, scalar *s)
{
    (void)t;
    g = g + o->weight_decay * s->w;
    s->a = o->momentum * s->a + g; /* with momentum 0 this is g */
    s->w = s->w - lr * (o->nesterov && o->momentum > 0 ? g + o->momentum * s->a : s->a);
}

static void moments(const tn_optimizer_options *o, double lr, double t, double g, scalar *s)
{
    s->a = o->beta1 * s->a + (1 - o->beta1) * g;
    s->b = o->beta2 * s->b + (1 - o->beta2) * pow(g, 2);
    const double first = s->a / (1 - pow(o->beta1, t)), second = s->b / (1 - pow(o->beta2, t));
    s->w = s->w - lr * first / (sqrt(second) + o->epsilon);
}

static void adam(const tn_optimizer_options *o, double lr, double t, double g, scalar *s)
{
    moments(o, lr, t, g + o->weight_decay * s->w, s);
}

static void adamw(const tn_optimizer_options *o, double lr, double t, double g, scalar *s)
{
    s->w = s->w - lr * o->weight_decay * s->w;
    moments(o, lr, t, g, s);
}

static void rmsprop(const tn_optimizer_options *o, double lr, double t, double g, scalar *s)
{
    (void)t;
    g = g + o->weight_decay * s->w;
    s->a = o->rho * s->a + (1 - o->rho) * g * g;
    s->b = o->momentum * s->b + g / (sqrt(s->a) + o->epsilon);
    s->w = s->w - lr * s->b;
}

static void adagrad(const tn_optimizer_options *o, double lr, double t, double g, scalar *s)
{
    (void)t;
    g = g + o->weight_decay * s->w;
    s->a = s->a + g * g;
    s->w = s->w - lr * g / (sqrt(s->a) + o->epsilon);
}

static void adadelta(const tn_optimizer_options *o, double lr, double t, double g, scalar *s)
{
    (void)t;
    g = g + o->weight_decay * s->w;
    s->a = o->rho * s->a + (1 - o->rho) * g * g;
    const double delta = g * sqrt((s->b + o->epsilon) / (s->a + o->epsilon));
    s->b = o->rho * s->b + (1 - o->rho) * delta * delta;
    s->w = s->w - lr * delta;
}

typedef struct optimizer_case {
    const char *name;
    formula_fn *formula;
    tn_optimizer_options options;
} optimizer_case;

static const optimizer_case cases[] = {
    {"sgd", sgd, {.momentum = 0}},
    {"sgd", sgd, {.weight_decay = 0.1}},
    {"sgd", sgd, {.momentum = 0.9}},
    {"sgd", sgd, {.momentum = 0.8, .weight_decay = 0.05}},
    {"sgd", sgd, {.momentum = 0.9, .nesterov = true}},
    {"sgd", sgd, {.momentum = 0.5, .nesterov = true, .weight_decay = 0.2}},
    {"sgd", sgd, {.nesterov = true}}, /* without momentum there is nothing to look ahead by */
    {"adam", adam, {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8}},
    {"adam", adam, {.beta1 = 0.7, .beta2 = 0.9, .epsilon = 0.1, .weight_decay = 0.1}},
    {"adam", adam, {.beta1 = 0, .beta2 = 0.5, .epsilon = 1e-3}},
    {"adamw", adamw, {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.1}},
    {"adamw", adamw, {.beta1 = 0.8, .beta2 = 0.9, .epsilon = 1e-2}},
    {"rmsprop", rmsprop, {.rho = 0.9, .epsilon = 1e-8}},
    {"rmsprop", rmsprop, {.rho = 0.5, .epsilon = 0.1, .weight_decay = 0.1}},
    {"rmsprop", rmsprop, {.rho = 0.9, .epsilon = 1e-8, .momentum = 0.9}},
    {"rmsprop", rmsprop, {.rho = 0.9, .epsilon = 1e-3, .momentum = 0.5, .weight_decay = 0.1}},
    {"adagrad", adagrad, {.epsilon = 1e-10}},
    {"adagrad", adagrad, {.epsilon = 0.1, .weight_decay = 0.1}},
    {"adadelta", adadelta, {.rho = 0.95, .epsilon = 1e-6}},
    {"adadelta", adadelta, {.rho = 0.5, .epsilon = 0.1, .weight_decay = 0.1}},
};

typedef struct trajectory {
    double start[WEIGHTS], gradients[STEPS][WEIGHTS], rates[STEPS], scales[STEPS];
} trajectory;

static trajectory make_trajectory(uint64_t seed)
{
    trajectory made;
    tn_rng rng;
    tn_rng_init(&rng, seed, TN_STREAM_TEST);
    for (size_t i = 0; i < WEIGHTS; i++) {
        made.start[i] = tn_rng_normal(&rng);
    }
    for (size_t t = 0; t < STEPS; t++) {
        made.rates[t] = 0.01 + 0.1 * tn_rng_uniform(&rng);
        made.scales[t] = t % 2 == 0 ? 1 : 0.3; /* every second step is clipped */
        for (size_t i = 0; i < WEIGHTS; i++) {
            made.gradients[t][i] = tn_rng_normal(&rng);
        }
    }
    return made;
}

/* The weights after all steps, by the optimizer under test, in slices of `slice`. */
static void run_optimizer(const tn_optimizer *optimizer, const tn_optimizer_options *options, const trajectory *along, size_t slice,
                          double weights[WEIGHTS])
{
    double slots[TN_OPTIMIZER_SLOTS_MAX][WEIGHTS] = {{0}};
    const size_t used = optimizer->slots_used != NULL ? optimizer->slots_used(options) : optimizer->slots;
    memcpy(weights, along->start, sizeof along->start);
    for (size_t t = 0; t < STEPS; t++) {
        const tn_update update = {.learning_rate = along->rates[t], .gradient_scale = along->scales[t], .step = t + 1};
        for (size_t first = 0; first < WEIGHTS; first += slice) {
            const size_t count = WEIGHTS - first < slice ? WEIGHTS - first : slice;
            double *const at[TN_OPTIMIZER_SLOTS_MAX] = {used > 0 ? slots[0] + first : NULL, used > 1 ? slots[1] + first : NULL,
                                                        used > 2 ? slots[2] + first : NULL};
            optimizer->update(options, &update, count, weights + first, along->gradients[t] + first, at, NULL);
        }
    }
}

static void run_formula(formula_fn *formula, const tn_optimizer_options *options, const trajectory *along, double weights[WEIGHTS])
{
    for (size_t i = 0; i < WEIGHTS; i++) {
        scalar s = {.w = along->start[i]};
        for (size_t t = 0; t < STEPS; t++) {
            formula(options, along->rates[t], (double)t + 1, along->gradients[t][i] * along->scales[t], &s);
        }
        weights[i] = s.w;
    }
}

static size_t refused(const double found[WEIGHTS], const double expected[WEIGHTS])
{
    size_t count = 0;
    for (size_t i = 0; i < WEIGHTS; i++) {
        if (!(fabs(found[i] - expected[i]) <= TOLERANCE * (1 + fabs(expected[i])))) {
            count++;
        }
    }
    return count;
}

static void agree_with_formulas(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const trajectory along = make_trajectory(c);
        double found[WEIGHTS], expected[WEIGHTS];
        run_formula(cases[c].formula, &cases[c].options, &along, expected);
        run_optimizer(tn_optimizer_find(cases[c].name), &cases[c].options, &along, WEIGHTS, found);
        if (refused(found, expected) != 0) {
            fail_msg("case %zu, %s: weight 0 is %.15g, by the formula %.15g", c, cases[c].name, found[0], expected[0]);
        }
        run_optimizer(tn_optimizer_find(cases[c].name), &cases[c].options, &along, 5, found); /* in slices, as threads do */
        assert_int_equal(refused(found, expected), 0);
    }
}

/* Each setting that an optimizer uses, changed by a hundredth, must be seen by the comparison. So must a flipped gradient, a step counted
 * twice, and NaN. */
static void faults_are_caught(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const trajectory along = make_trajectory(c);
        const tn_optimizer *optimizer = tn_optimizer_find(cases[c].name);
        double found[WEIGHTS], expected[WEIGHTS];
        run_formula(cases[c].formula, &cases[c].options, &along, expected);
        const tn_optimizer_options given = cases[c].options;
        for (int fault = 0; fault < 6; fault++) {
            tn_optimizer_options options = given;
            double *const settings[] = {&options.momentum, &options.beta1, &options.beta2,
                                        &options.epsilon,  &options.rho,   &options.weight_decay};
            if (*settings[fault] < 1e-5) {
                continue; /* not set here, or too small to matter in seven steps */
            }
            *settings[fault] *= 0.99;
            run_optimizer(optimizer, &options, &along, WEIGHTS, found);
            if (refused(found, expected) == 0) {
                fail_msg("case %zu, %s: setting %d off by a hundredth was not caught", c, cases[c].name, fault);
            }
        }
        trajectory wrong = along;
        wrong.gradients[2][11] = -wrong.gradients[2][11];
        run_optimizer(optimizer, &given, &wrong, WEIGHTS, found);
        assert_int_equal(refused(found, expected), 1);
        wrong = along;
        wrong.rates[4] *= 1.5;
        run_optimizer(optimizer, &given, &wrong, WEIGHTS, found);
        assert_int_equal(refused(found, expected), WEIGHTS);
        wrong = along;
        wrong.gradients[5][3] = (double)NAN;
        run_optimizer(optimizer, &given, &wrong, WEIGHTS, found);
        assert_int_equal(refused(found, expected), 1);
    }
}

static void all_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < tn_optimizer_count(); i++) {
        bool found = false;
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            found = found || tn_optimizer_find(cases[c].name) == tn_optimizer_at(i);
        }
        if (!found) {
            fail_msg("%s is not checked", tn_optimizer_at(i)->name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agree_with_formulas), cmocka_unit_test(faults_are_caught),
                                       cmocka_unit_test(all_are_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

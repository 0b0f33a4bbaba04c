/* test_losses.c: losses in float: values by hand, what NaN, Inf and clip do, reductions, the table. Gradients and golden values are
 * checked elsewhere. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "engine/loss.h"

static void assert_near(double found, double expected)
{
    if (!(fabs(found - expected) <= 2e-6 * (1 + fabs(expected)))) {
        fail_msg("found %.9g, expected %.9g", found, expected);
    }
}

/* One sample; the loss comes back, the gradient goes to d. */
static double one(const char *name, double clip, size_t width, const tn_real *output, const int32_t *label, const tn_real *targets,
                  tn_real *d)
{
    const tn_loss *loss = tn_loss_find(name);
    assert_non_null(loss);
    const tn_loss_options options = {.clip = clip, .delta = 1};
    const tn_labels labels = {.classes = label, .targets = targets};
    tn_real value;
    loss->compute(&options, 1, width, output, &labels, &value, d);
    return (double)value;
}

static void by_hand(void **state)
{
    (void)state;
    const int32_t second = 1;
    const tn_real logits[] = {0, 0, 0, 0}, probabilities[] = {0.5F, 0.25F, 0.25F}, hot[] = {0, 1, 0};
    tn_real d[4];
    assert_near(one("softmax_cross_entropy", 1e-7, 4, logits, &second, NULL, d), log(4));
    assert_near((double)d[0], 0.25);
    assert_near((double)d[1], -0.75);
    assert_near(one("categorical_cross_entropy", 1e-7, 3, probabilities, &second, NULL, d), log(4));
    assert_near((double)d[1], -4);
    assert_near((double)d[0], 0);
    assert_near(one("categorical_cross_entropy", 1e-7, 3, probabilities, NULL, hot, d), log(4));
    assert_near(one("sigmoid_cross_entropy", 1e-7, 3, logits, NULL, hot, d), log(2)); /* the mean over outputs */
    assert_near((double)d[0], 0.5 / 3);
    assert_near((double)d[1], -0.5 / 3);
    assert_near(one("binary_cross_entropy", 1e-7, 3, probabilities, NULL, hot, d), (log(2) + log(4) + log(4.0 / 3)) / 3);
    assert_near((double)d[1], -4.0 / 3);
    assert_near((double)d[2], 4.0 / 9);
    const tn_real x[] = {1, 4, -3}, y[] = {0.5F, 1, -3};
    assert_near(one("mse", 0, 3, x, NULL, y, d), (0.25 + 9) / 3);
    assert_near((double)d[1], 2);
    assert_near(one("mae", 0, 3, x, NULL, y, d), 3.5 / 3);
    assert_near((double)d[0], 1.0 / 3);
    assert_near((double)d[2], 0);
    assert_near(one("huber", 0, 3, x, NULL, y, d), (0.125 + 2.5) / 3);
    assert_near((double)d[0], 0.5 / 3);
    assert_near((double)d[1], 1.0 / 3);
}

/* The case that the debugger lives from: -sum(y log p), unclipped, with a p of 0. */
static void unclipped_is_as_unstable_as_written(void **state)
{
    (void)state;
    const int32_t first = 0, second = 1;
    const tn_real p[] = {1, 0, 0};
    const tn_real hot[] = {1, 0, 0};
    tn_real d[3];
    assert_true(isnan(one("categorical_cross_entropy", 0, 3, p, NULL, hot, d))); /* 0 log 0 */
    assert_true(isnan(one("categorical_cross_entropy", 0, 3, p, &first, NULL, d)) && isnan(d[1]) && d[0] == -1);
    const tn_real two[] = {1, 0};
    assert_true(one("categorical_cross_entropy", 0, 2, two, &second, NULL, d) == (double)INFINITY && d[1] == -INFINITY);
    assert_true(isfinite(one("categorical_cross_entropy", 1e-7, 3, p, &first, NULL, d)) && d[0] == 0 && d[1] == 0); /* both are clipped */
    assert_near(one("categorical_cross_entropy", 1e-7, 2, two, &second, NULL, d), -log(1e-7));
    const tn_real zero[] = {0}, one_[] = {1}, outside[] = {1.5F}, yes[] = {1}, no[] = {0};
    assert_true(one("binary_cross_entropy", 0, 1, zero, NULL, yes, d) == (double)INFINITY && d[0] == -INFINITY);
    assert_true(isnan(one("binary_cross_entropy", 0, 1, zero, NULL, no, d)) && isnan(d[0]));
    assert_true(isnan(one("binary_cross_entropy", 0, 1, one_, NULL, yes, d)) && isnan(d[0]));
    assert_true(isnan(one("binary_cross_entropy", 0, 1, outside, NULL, yes, d)));
    assert_true(isfinite(one("binary_cross_entropy", 1e-7, 1, outside, NULL, yes, d)) && d[0] == 0);
    assert_true(isfinite(one("binary_cross_entropy", 1e-9, 1, one_, NULL, no, d))); /* 1 - 1e-9 is 1 in float; 1 - p is clipped by itself */
}

/* NaN in one output makes the loss of that sample NaN, and a gradient too, for every loss, clipped or not; the other samples stay as they
 * were. */
static void nan_comes_through(void **state)
{
    (void)state;
    enum { BATCH = 3, WIDTH = 11 };
    for (size_t l = 0; l < tn_loss_count(); l++) {
        const tn_loss *loss = tn_loss_at(l);
        for (size_t at = 0; at < WIDTH; at++) {
            tn_real output[BATCH * WIDTH], targets[BATCH * WIDTH], losses[BATCH], d[BATCH * WIDTH];
            for (size_t i = 0; i < BATCH * WIDTH; i++) {
                output[i] = 0.05F + 0.02F * (tn_real)(i % 17);
                targets[i] = 0.5F;
            }
            output[WIDTH + at] = NAN;
            const tn_loss_options options = {.clip = at % 2 == 0 ? 1e-7 : 0, .delta = 1};
            const tn_labels labels = {.targets = targets};
            loss->compute(&options, BATCH, WIDTH, output, &labels, losses, d);
            assert_true(isfinite(losses[0]) && isnan(losses[1]) && isfinite(losses[2]));
            assert_true(isnan(d[WIDTH + at]));
            for (size_t i = 0; i < WIDTH; i++) {
                assert_true(isfinite(d[i]) && isfinite(d[2 * WIDTH + i]));
            }
            assert_true(isnan(tn_loss_reduce(&options, BATCH, losses)));
            if (loss->takes_classes) { /* also where the label is another class */
                const int32_t classes[BATCH] = {0, (int32_t)((at + 1) % WIDTH), 0};
                const tn_labels by_class = {.classes = classes};
                loss->compute(&options, BATCH, WIDTH, output, &by_class, losses, d);
                assert_true(isnan(losses[1]) && isnan(d[WIDTH + at]) && isfinite(losses[0]));
            }
        }
    }
}

static void infinite_errors(void **state)
{
    (void)state;
    const tn_real far[] = {1e30F}, target[] = {0};
    tn_real d[2];
    assert_true(one("mse", 0, 1, far, NULL, target, d) == (double)INFINITY && d[0] == 2e30F);
    assert_true(one("mae", 0, 1, far, NULL, target, d) == (double)1e30F && d[0] == 1);
    assert_true(isfinite(one("huber", 0, 1, far, NULL, target, d)) && d[0] == 1);
    const tn_real logits[] = {3e38F, -3e38F};
    const int32_t second = 1;
    assert_true(one("softmax_cross_entropy", 0, 2, logits, &second, NULL, d) == (double)INFINITY); /* 6e38 is beyond float */
}

static void reductions(void **state)
{
    (void)state;
    const tn_real losses[] = {1, 2, 4, 9};
    const tn_loss_options mean = {.sum = false}, sum = {.sum = true};
    assert_near(tn_loss_reduce(&mean, 4, losses), 4);
    assert_near(tn_loss_reduce(&sum, 4, losses), 16);
    const tn_real infinite[] = {1, INFINITY};
    assert_true(tn_loss_reduce(&mean, 2, infinite) == (double)INFINITY);
    /* The gradient of the sum is the batch size times that of the mean. */
    for (size_t l = 0; l < tn_loss_count(); l++) {
        const tn_real output[] = {0.3F, 0.4F, 0.2F, 0.6F}, targets[] = {0, 1, 1, 0};
        tn_real values[2], by_mean[4], by_sum[4];
        const tn_loss_options each[] = {{.clip = 1e-7, .delta = 1}, {.clip = 1e-7, .delta = 1, .sum = true}};
        const tn_labels labels = {.targets = targets};
        tn_loss_at(l)->compute(&each[0], 2, 2, output, &labels, values, by_mean);
        tn_loss_at(l)->compute(&each[1], 2, 2, output, &labels, values, by_sum);
        for (size_t i = 0; i < 4; i++) {
            assert_near((double)by_sum[i], 2 * (double)by_mean[i]);
        }
    }
}

static void table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool from_logits, takes_classes, is_classification;
        double expected; /* of 10 classes; 0: not known */
    } rows[] = {
        {"softmax_cross_entropy", true, true, true, 2.302585093},
        {"sigmoid_cross_entropy", true, false, true, 0.693147181},
        {"categorical_cross_entropy", false, true, true, 2.302585093},
        {"binary_cross_entropy", false, false, true, 0.693147181},
        {"mse", false, false, false, 0},
        {"mae", false, false, false, 0},
        {"huber", false, false, false, 0},
    };
    assert_int_equal(tn_loss_count(), sizeof rows / sizeof *rows);
    for (size_t i = 0; i < tn_loss_count(); i++) {
        const tn_loss *loss = tn_loss_find(rows[i].name);
        assert_ptr_equal(loss, tn_loss_at(i));
        assert_int_equal(loss->from_logits, rows[i].from_logits);
        assert_int_equal(loss->takes_classes, rows[i].takes_classes);
        assert_int_equal(loss->is_classification, rows[i].is_classification);
        if (rows[i].expected > 0) {
            assert_near(tn_loss_expected_initial(loss, 10), rows[i].expected);
        } else {
            assert_true(isnan(tn_loss_expected_initial(loss, 10)));
        }
    }
    assert_null(tn_loss_find("hinge"));
    assert_null(tn_loss_at(tn_loss_count()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),           cmocka_unit_test(unclipped_is_as_unstable_as_written),
        cmocka_unit_test(nan_comes_through), cmocka_unit_test(infinite_errors),
        cmocka_unit_test(reductions),        cmocka_unit_test(table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

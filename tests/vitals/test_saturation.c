/* test_saturation.c: limits lie where the slope of the op is a tenth of its largest, and stand on activations alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vitals/saturation.h"

static void limits_of(const char *op, tn_role role, float *low, float *high)
{
    const tn_tensor_name name = {.node = "a", .op = op, .role = role, .count = 4, .units = 2};
    tn_saturation_limits(&name, low, high);
}

static void test_slopes_at_the_limits(void **state)
{
    (void)state;
    float low, high;
    limits_of("sigmoid", TN_ROLE_ACTIVATION, &low, &high);
    assert_true(fabs((double)low * (1 - (double)low) - 0.025) < 1e-6 && fabs((double)high * (1 - (double)high) - 0.025) < 1e-6);
    assert_true(low < 0.5F && high > 0.5F);
    limits_of("tanh", TN_ROLE_ACTIVATION, &low, &high);
    assert_true(fabs(1 - (double)high * (double)high - 0.1) < 1e-6 && low == -high && high > 0);
    limits_of("hard_sigmoid", TN_ROLE_ACTIVATION, &low, &high);
    assert_true(low == 0 && high == 1);
    limits_of("relu", TN_ROLE_ACTIVATION, &low, &high);
    assert_true(low == 0 && high == INFINITY);
}

static void test_what_cannot_saturate(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        tn_role role;
    } FREE[] = {{"dense", TN_ROLE_ACTIVATION}, {NULL, TN_ROLE_ACTIVATION}, {"tanh", TN_ROLE_ACTIVATION_GRADIENT}, {"relu", TN_ROLE_WEIGHT}};
    for (size_t i = 0; i < sizeof FREE / sizeof *FREE; i++) {
        float low, high;
        limits_of(FREE[i].op, FREE[i].role, &low, &high);
        assert_true(low == -INFINITY && high == INFINITY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slopes_at_the_limits),
        cmocka_unit_test(test_what_cannot_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

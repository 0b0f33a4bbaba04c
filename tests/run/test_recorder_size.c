/* test_recorder_size.c: how large a store becomes. Twenty tensors, 10,000 steps, and an observation that costs next to nothing of a step, so that only the plan's bound on bytes holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <math.h>
#include <sys/stat.h>

#include "base/rng.h"
#include "run/recorder.h"

enum { TENSORS = 20, VALUES = 1024, STEPS = 10000 };

static uint64_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static void count_observed(void *context, const tn_tensor_seen *seen)
{
    (void)seen;
    ++*(size_t *)context;
}

static void auto_stays_below_50_megabytes(void **state)
{
    (void)state;
    char folder[] = "/tmp/tenet-test-XXXXXX", path[64], names[TENSORS][16];
    static float values[VALUES];
    tn_rng rng;
    tn_store *store;
    tn_recorder *recorder;
    size_t seen = 0;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/store", folder);
    tn_rng_init(&rng, 5, TN_STREAM_TEST);
    /* Magnitudes from 1e-9 to 1e2, both signs: more buckets than any healthy tensor has. */
    for (size_t i = 0; i < VALUES; i++)
        values[i] = (float)(tn_rng_normal(&rng) * pow(10, 9 * tn_rng_uniform(&rng) - 8));
    assert_int_equal(tn_store_open(path, &store, NULL), TN_OK);
    const tn_observer observer = {.context = &seen, .on_tensor = count_observed};
    const tn_recorder_config config = {
        .store = store, .trial = {.key = "1"}, .vitals_share = 0.05, .units_max = 32, .observers = &observer, .observer_count = 1};
    assert_int_equal(tn_recorder_create(&config, &recorder, NULL), TN_OK);
    for (uint64_t step = 1; step <= STEPS; step++) {
        for (size_t i = 0; i < TENSORS && tn_recorder_wants_tensors(recorder, step); i++) {
            snprintf(names[i], sizeof names[i], "dense_%zu", i);
            const tn_tensor_name name = {.node = names[i],
                                         .parameter = "weight",
                                         .op = "dense",
                                         .role = i % 3 == 0   ? TN_ROLE_WEIGHT
                                                 : i % 3 == 1 ? TN_ROLE_GRADIENT
                                                              : TN_ROLE_UPDATE,
                                         .count = VALUES,
                                         .units = 32};
            tn_recorder_tap(recorder, &(tn_tensor_shown){.name = &name, .index = i, .values = values});
        }
        /* Steps of ten seconds. */
        const tn_step now = {.step = step, .loss = 1, .learning_rate = 0.1, .gradient_norm = 1, .wall_ns = UINT64_C(10000000000) + step};
        assert_true(tn_recorder_step(recorder, &now));
    }
    assert_int_equal(tn_recorder_end(recorder, "completed", "{}", NULL), TN_OK);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    uint64_t bytes = size_of(path);
    printf("%zu observations of %d tensors: %.1f MB\n", seen / TENSORS, TENSORS, (double)bytes / 1e6);
    assert_true(bytes <= 50000000);
    assert_true(seen >= (size_t)1000 * TENSORS); /* the bound is not kept by watching nothing */
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_stays_below_50_megabytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

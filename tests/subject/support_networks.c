/* support_networks.c: see support_networks.h. */
#include "support_networks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>

#include "base/memory.h"

void network_open(network *n, const char *name, const char *const *assignments, size_t threads)
{
    char path[512];
    tn_error error = {0};
    tn_hypes *whole;
    *n = (network){0};
    snprintf(path, sizeof path, "%s/networks/%s.json", TN_TEST_DATA, name);
    json_t *patch = json_object();
    for (size_t i = 0; assignments && assignments[i]; i++)
        assert_int_equal(tn_patch_assign(patch, assignments[i], &error), TN_OK);
    if (tn_hypes_load(path, &whole, &error) != TN_OK || tn_hypes_patch(whole, patch, &n->hypes, &error) != TN_OK ||
        tn_data_open(n->hypes, NULL, &n->data, &error) != TN_OK || tn_pool_create(threads, &n->pool, &error) != TN_OK ||
        tn_trainer_create(n->hypes, &n->data, n->pool, &n->trainer, &error) != TN_OK)
        fail_msg("%s: %s", name, error.message);
    tn_hypes_destroy(whole);
    json_decref(patch);
}

void network_close(network *n)
{
    tn_trainer_destroy(n->trainer);
    tn_pool_destroy(n->pool);
    tn_data_close(&n->data);
    tn_hypes_destroy(n->hypes);
}

json_t *network_expected(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/networks/%s_expected.json", TN_TEST_DATA, name);
    json_t *expected = json_load_file(path, 0, NULL);
    assert_non_null(expected);
    return expected;
}

double network_difference(network *n, const json_t *rows)
{
    const size_t count = json_array_size(rows), width = tn_trainer_output_size(n->trainer);
    float *outputs = tn_memory_create(count * width, sizeof *outputs);
    double largest = 0;
    assert_true(outputs && count > 0);
    tn_trainer_predict(n->trainer, n->data.train, NULL, count, outputs, NULL);
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(rows, i);
        assert_int_equal(json_array_size(row), width);
        for (size_t k = 0; k < width; k++) {
            const double difference = fabs((double)outputs[i * width + k] - json_number_value(json_array_get(row, k)));
            if (!(difference <= largest))
                largest = difference;
        }
    }
    tn_memory_destroy(outputs);
    return largest;
}

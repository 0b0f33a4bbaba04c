/* test_suspects.c: planted wrong labels are found by both judges, hard samples are told from wrong ones, and neighbours are those that are nearest. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"
#include "experiments/neighbours.h"
#include "experiments/suspects.h"

enum { COUNT = 1000, CLASSES = 3, PLANTED = 100 };

/* Three groups of points on a line, the network sure of each, and the first PLANTED labels moved to the next class. */
typedef struct planted_case {
    float inputs[COUNT * 2], probabilities[COUNT * CLASSES];
    int32_t labels[COUNT];
    uint32_t neighbours[COUNT * TN_SUSPECT_NEIGHBOURS];
    tn_suspect suspects[COUNT];
    size_t found;
    tn_doubt doubt;
} planted_case;

static planted_case *make_case(size_t planted)
{
    planted_case *made = tn_memory_create(1, sizeof *made);
    assert_non_null(made);
    tn_rng rng;
    tn_rng_init(&rng, 11, TN_STREAM_TEST);
    for (size_t i = 0; i < COUNT; i++) {
        size_t class = i % CLASSES;
        made->inputs[2 * i] = (float)(10.0 * (double)class + tn_rng_normal(&rng));
        made->inputs[2 * i + 1] = (float)tn_rng_normal(&rng);
        float sure = 0.8f + 0.19f * (float)tn_rng_uniform(&rng);
        for (size_t k = 0; k < CLASSES; k++)
            made->probabilities[i * CLASSES + k] = k == class ? sure : (1 - sure) / (CLASSES - 1);
        made->labels[i] = (int32_t)(i < planted ? (class + 1) % CLASSES : class);
    }
    return made;
}

static void judge(planted_case *made)
{
    tn_neighbours_find(NULL, made->inputs, COUNT, 2, TN_SUSPECT_NEIGHBOURS, made->neighbours);
    assert_int_equal(
        tn_suspects_find(made->probabilities, made->labels, made->neighbours, COUNT, CLASSES, made->suspects, &made->found, NULL), TN_OK);
    assert_int_equal(tn_suspects_weigh(made->probabilities, made->labels, COUNT, CLASSES, &made->doubt, NULL), TN_OK);
}

static void planted_labels_are_found_by_both(void **state)
{
    (void)state;
    planted_case *made = make_case(PLANTED);
    judge(made);
    size_t network = 0, neighbours = 0;
    for (size_t i = 0; i < made->found; i++) {
        const tn_suspect *suspect = &made->suspects[i];
        assert_true(suspect->sample < PLANTED); /* no other is doubted */
        assert_int_equal(suspect->suggested, suspect->sample % CLASSES);
        assert_true(suspect->probability > suspect->given);
        network += suspect->by_network;
        neighbours += suspect->by_neighbours;
        if (i > 0)
            assert_true((suspect->by_network && suspect->by_neighbours) <= (suspect[-1].by_network && suspect[-1].by_neighbours));
    }
    assert_true(network > PLANTED / 3 && network <= PLANTED); /* those at least as sure as the mean of their class */
    assert_true(neighbours > PLANTED / 2);
    assert_true(made->doubt.is_flat);
    assert_true(fabs(made->doubt.half - 0.1) < 0.05);
    tn_memory_destroy(made);
}

static void right_labels_are_not_doubted(void **state)
{
    (void)state;
    planted_case *made = make_case(0);
    judge(made);
    assert_int_equal(made->found, 0);
    assert_false(made->doubt.is_flat);
    tn_memory_destroy(made);
}

/* The network is right as often as it is sure, as where classes overlap. */
static void hard_samples_are_no_wrong_labels(void **state)
{
    (void)state;
    planted_case *made = make_case(0);
    tn_rng rng;
    tn_rng_init(&rng, 12, TN_STREAM_TEST);
    for (size_t i = 0; i < COUNT; i++) {
        float sure = 0.5f + 0.5f * (float)tn_rng_uniform(&rng);
        size_t class = i % CLASSES;
        for (size_t k = 0; k < CLASSES; k++)
            made->probabilities[i * CLASSES + k] = k == class ? sure : (1 - sure) / (CLASSES - 1);
        if (tn_rng_uniform(&rng) > (double)sure)
            made->labels[i] = (int32_t)((class + 1) % CLASSES);
    }
    judge(made);
    assert_true(made->found > 0);
    assert_true(made->doubt.half > made->doubt.tenth);
    assert_false(made->doubt.is_flat);
    tn_memory_destroy(made);
}

static void neighbours_are_the_nearest_at_any_thread_count(void **state)
{
    (void)state;
    enum { POINTS = 70, SIZE = 37, K = 4 };
    float inputs[POINTS * SIZE];
    uint32_t found[POINTS * K], threaded[POINTS * K];
    tn_rng rng;
    tn_rng_init(&rng, 13, TN_STREAM_TEST);
    for (size_t i = 0; i < POINTS * SIZE; i++)
        inputs[i] = (float)tn_rng_normal(&rng);
    tn_pool *pool = NULL;
    assert_int_equal(tn_pool_create(2, &pool, NULL), TN_OK);
    tn_neighbours_find(NULL, inputs, POINTS, SIZE, K, found);
    tn_neighbours_find(pool, inputs, POINTS, SIZE, K, threaded);
    tn_pool_destroy(pool);
    assert_memory_equal(found, threaded, sizeof found);
    for (size_t i = 0; i < POINTS; i++) {
        double last = 0;
        for (size_t k = 0; k < K; k++) {
            size_t j = found[i * K + k], nearer = 0;
            assert_true(j < POINTS && j != i);
            double distance = 0;
            for (size_t f = 0; f < SIZE; f++)
                distance += pow((double)inputs[i * SIZE + f] - (double)inputs[j * SIZE + f], 2);
            for (size_t other = 0; other < POINTS; other++) {
                double theirs = 0;
                for (size_t f = 0; f < SIZE; f++)
                    theirs += pow((double)inputs[i * SIZE + f] - (double)inputs[other * SIZE + f], 2);
                nearer += other != i && theirs < distance * (1 - 1e-5);
            }
            assert_int_equal(nearer, k);
            assert_true(distance >= last);
            last = distance;
        }
    }
}

static void standardized_features_weigh_alike(void **state)
{
    (void)state;
    float inputs[] = {1, 5, 3, 5, 5, 5, 7, 5};
    tn_neighbours_standardize(inputs, 4, 2);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < 4; i++) {
        sum += (double)inputs[2 * i];
        squares += (double)inputs[2 * i] * (double)inputs[2 * i];
        assert_true(inputs[2 * i + 1] == 0); /* a constant one */
    }
    assert_true(fabs(sum) < 1e-6 && fabs(squares / 4 - 1) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_labels_are_found_by_both),  cmocka_unit_test(right_labels_are_not_doubted),
        cmocka_unit_test(hard_samples_are_no_wrong_labels),  cmocka_unit_test(neighbours_are_the_nearest_at_any_thread_count),
        cmocka_unit_test(standardized_features_weigh_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_health.c: whole networks, made up: fresh ones are untrained, well-behaved ones healthy, and each planted fault is found in the component that has it. Files and vitals alone give the same verdict. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support_weights.h"
#include "weights/health.h"

enum { INPUTS = 96, HIDDEN = 64, CLASSES = 10, TENSORS = 6 };

/* A network of three dense layers, in tenet's layout. */
typedef struct made_net {
    float values[TENSORS][INPUTS * HIDDEN];
    size_t dims[TENSORS][2];
} made_net;

static const char *const NAMES[TENSORS] = {"dense_0.weight", "dense_0.bias",   "dense_2.weight",
                                           "dense_2.bias",   "dense_4.weight", "dense_4.bias"};

static size_t count_of(const made_net *net, size_t i)
{
    return net->dims[i][0] * (i % 2 == 0 ? net->dims[i][1] : 1);
}

static void make_net(made_net *net, uint64_t seed, drawn shape, double gain, double biases)
{
    tn_rng rng;
    tn_rng_init(&rng, seed, TN_STREAM_TEST);
    const size_t sizes[] = {INPUTS, HIDDEN, HIDDEN, CLASSES};
    for (size_t layer = 0; layer < TENSORS / 2; layer++) {
        size_t weight = 2 * layer, bias = weight + 1;
        net->dims[weight][0] = sizes[layer], net->dims[weight][1] = sizes[layer + 1], net->dims[bias][0] = sizes[layer + 1];
        draw(&rng, shape, gain / sqrt((double)sizes[layer]), net->values[weight], count_of(net, weight));
        draw(&rng, DRAWN_LONG_TAIL, biases, net->values[bias], count_of(net, bias));
    }
}

static json_t *judge_file(const made_net *net)
{
    tn_weight_source sources[TENSORS];
    for (size_t i = 0; i < TENSORS; i++)
        sources[i] = (tn_weight_source){NAMES[i], i % 2 == 0 ? 2 : 1, net->dims[i], net->values[i]};
    char *path = fresh_path(".safetensors");
    tn_error error = {0};
    json_t *document = NULL;
    assert_int_equal(tn_safetensors_write(path, sources, TENSORS, true, &error), TN_OK);
    assert_int_equal(tn_health_of_file(path, &document, &error), TN_OK);
    unlink(path);
    free(path);
    return document;
}

static json_t *judge_vitals(const made_net *net)
{
    tn_health *health;
    tn_error error = {0};
    json_t *document = NULL;
    assert_int_equal(tn_health_create(&health, &error), TN_OK);
    for (size_t i = 0; i < TENSORS; i++) {
        tn_vitals vitals = vitals_of(net->values[i], count_of(net, i));
        assert_int_equal(tn_health_add_vitals(health, NAMES[i], &vitals, &error), TN_OK);
    }
    assert_int_equal(tn_health_judge(health, json_object(), &document, &error), TN_OK);
    tn_health_destroy(health);
    return document;
}

static void expect(const char *label, json_t *document, const char *verdict, int code)
{
    const char *found = json_string_value(json_object_get(document, "verdict"));
    if (strcmp(found, verdict) != 0)
        fail_msg("%s: %s, expected %s; %s", label, found, verdict, json_string_value(json_object_get(document, "why")));
    assert_int_equal(tn_health_exit_code(document), code);
    json_decref(document);
}

static void expect_both(const char *label, const made_net *net, const char *verdict, int code)
{
    expect(label, judge_file(net), verdict, code);
    expect(label, judge_vitals(net), verdict, code);
}

/* The first problem of a component, whose "what" is returned; "" where it has none. */
static const char *problem_of(const json_t *document, const char *name)
{
    size_t index;
    const json_t *component;
    json_array_foreach(json_object_get(document, "components"), index,
                       component) if (strcmp(json_string_value(json_object_get(component, "name")), name) == 0)
    {
        const char *what = json_string_value(json_object_get(json_array_get(json_object_get(component, "problems"), 0), "what"));
        return what ? what : "";
    }
    fail_msg("no component %s", name);
    return "";
}

static void test_fresh(void **state)
{
    (void)state;
    static made_net net;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        make_net(&net, seed, DRAWN_BELL, sqrt(2), 0);
        expect_both("He normal", &net, "untrained", 4);
        make_net(&net, seed, DRAWN_BOX, sqrt(6), 0);
        expect_both("He uniform", &net, "untrained", 4);
        make_net(&net, seed, DRAWN_CUT_BELL, 1 / 0.87962566, 0);
        expect_both("LeCun, cut", &net, "untrained", 4);
        make_net(&net, seed, DRAWN_BOX, 1, 0);
        for (size_t i = 1; i < TENSORS; i += 2) { /* PyTorch draws its biases too */
            tn_rng rng;
            tn_rng_init(&rng, seed + i, TN_STREAM_TEST);
            draw(&rng, DRAWN_BOX, 1 / sqrt((double)net.dims[i - 1][0]), net.values[i], count_of(&net, i));
        }
        expect_both("PyTorch", &net, "untrained", 4);
    }
}

static void test_healthy(void **state)
{
    (void)state;
    static made_net net;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        make_net(&net, seed, DRAWN_LONG_TAIL, 1.4, 0.05);
        expect_both("long tails", &net, "healthy", 0);
    }
}

static void test_faults(void **state)
{
    (void)state;
    static made_net net;
    make_net(&net, 1, DRAWN_LONG_TAIL, 1.4, 0.05);
    net.values[2][7] = NAN;
    json_t *document = judge_file(&net);
    assert_string_equal(problem_of(document, "dense_2.weight"), "nonfinite");
    assert_string_equal(problem_of(document, "dense_0.weight"), "");
    expect("NaN", document, "unhealthy", 1);

    make_net(&net, 1, DRAWN_LONG_TAIL, 300, 0.05);
    document = judge_file(&net);
    assert_string_equal(problem_of(document, "dense_0.weight"), "gain");
    expect("exploded", document, "unhealthy", 1);
    expect("exploded, by vitals", judge_vitals(&net), "unhealthy", 1);

    make_net(&net, 1, DRAWN_LONG_TAIL, 1.4, 0.05);
    for (size_t i = 0; i < count_of(&net, 2); i++)
        net.values[2][i] = 0.1f;
    document = judge_file(&net);
    assert_string_equal(problem_of(document, "dense_2.weight"), "constant");
    expect("constant", document, "unhealthy", 1);

    make_net(&net, 1, DRAWN_LONG_TAIL, 1.4, 0.05);
    for (size_t i = 0; i < HIDDEN; i++) /* unit 1 and 2 ... are unit 0 again */
        for (size_t k = 1; k < HIDDEN; k++)
            net.values[2][i * HIDDEN + k] = net.values[2][i * HIDDEN];
    document = judge_file(&net);
    assert_string_equal(problem_of(document, "dense_2.weight"), "twin_units");
    expect("twins", document, "unhealthy", 1);

    /* One huge step in one direction, in every layer: what a rate that is too high does. */
    make_net(&net, 1, DRAWN_LONG_TAIL, 1.4, 0.05);
    for (size_t i = 0; i < TENSORS; i += 2) {
        tn_rng rng;
        tn_rng_init(&rng, 77 + i, TN_STREAM_TEST);
        static float in[INPUTS], out[HIDDEN];
        draw(&rng, DRAWN_LONG_TAIL, 2, in, net.dims[i][0]);
        draw(&rng, DRAWN_LONG_TAIL, 2, out, net.dims[i][1]);
        for (size_t r = 0; r < net.dims[i][0]; r++)
            for (size_t c = 0; c < net.dims[i][1]; c++)
                net.values[i][r * net.dims[i][1] + c] += in[r] * out[c];
    }
    expect("one direction", judge_file(&net), "unhealthy", 1);
}

/* Biases of the output that differ by more than its weights can make up for; half as far apart they are left alone, and those of a hidden layer may be as far apart. */
static void test_output_biases(void **state)
{
    (void)state;
    static made_net net;
    for (int side = 0; side < 3; side++) {
        make_net(&net, 1, DRAWN_LONG_TAIL, 1.4, 0.05);
        double spread = (side == 1 ? 0.3 : 0.6) * 1.4;
        size_t layer = side == 2 ? 3 : 5;
        for (size_t i = 0; i < count_of(&net, layer); i++)
            net.values[layer][i] = (float)(i % 2 == 0 ? spread : -spread);
        json_t *document = judge_file(&net);
        if (side == 0) {
            assert_string_equal(problem_of(document, "dense_4.bias"), "output_biases");
            expect("far apart, by vitals", judge_vitals(&net), "unhealthy", 1);
        }
        expect(side == 0 ? "far apart" : side == 1 ? "nearer" : "hidden", document, side == 0 ? "unhealthy" : "healthy", side == 0);
    }
}

/* A network with a normalisation of `count` gains, of which `flipped` are below 0. */
static json_t *judge_gains(size_t count, size_t flipped)
{
    static made_net net;
    make_net(&net, 1, DRAWN_LONG_TAIL, 1.4, 0.05);
    tn_health *health;
    tn_error error = {0};
    json_t *document = NULL;
    float gains[HIDDEN];
    for (size_t i = 0; i < count; i++)
        gains[i] = (i < flipped ? -1 : 1) * (0.8f + 0.005f * (float)i);
    tn_vitals vitals = vitals_of(gains, count);
    assert_int_equal(tn_health_create(&health, &error), TN_OK);
    assert_int_equal(tn_health_add_vitals(health, "batch_norm_1.gain", &vitals, &error), TN_OK);
    for (size_t i = 0; i < TENSORS; i++) {
        vitals = vitals_of(net.values[i], count_of(&net, i));
        assert_int_equal(tn_health_add_vitals(health, NAMES[i], &vitals, &error), TN_OK);
    }
    assert_int_equal(tn_health_judge(health, json_object(), &document, &error), TN_OK);
    tn_health_destroy(health);
    return document;
}

/* Nearly all gains below 0; a few that are, half of them, or of a handful all, are left alone. */
static void test_flipped_gains(void **state)
{
    (void)state;
    json_t *document = judge_gains(HIDDEN, HIDDEN - 2);
    assert_string_equal(problem_of(document, "batch_norm_1.gain"), "flipped_gains");
    expect("flipped", document, "unhealthy", 1);
    expect("none", judge_gains(HIDDEN, 0), "healthy", 0);
    expect("a few", judge_gains(HIDDEN, 3), "healthy", 0);
    expect("half", judge_gains(HIDDEN, HIDDEN / 2), "healthy", 0);
    expect("a handful", judge_gains(8, 8), "healthy", 0);
}

/* All weights fresh and all biases trained a little: neither the one nor the other. */
static void test_barely_trained(void **state)
{
    (void)state;
    static made_net net;
    make_net(&net, 3, DRAWN_BELL, sqrt(2), 1e-4);
    expect_both("barely", &net, "inconclusive", 4);
}

/* The figures that everything else is made of, on tensors whose values are known. */
static void test_measures(void **state)
{
    (void)state;
    enum { COUNT = 40000 };
    float *values = malloc(COUNT * sizeof *values);
    assert_non_null(values);
    tn_rng rng;
    tn_rng_init(&rng, 4, TN_STREAM_TEST);
    tn_component component = dense_component("x.weight", 200, 200);
    tn_measure measure;
    draw(&rng, DRAWN_BELL, 0.1, values, COUNT);
    tn_vitals vitals = vitals_of(values, COUNT);
    tn_measure_vitals(&component, &vitals, &measure);
    assert_true(fabs(measure.gain - 0.1 * sqrt(200)) < 0.02);
    assert_true(fabs(measure.kurtosis - 3) < 0.5);
    assert_true(measure.tail > 3.5 && measure.tail < 6);
    double sum = 0;
    for (size_t i = 0; i < TN_MEASURE_BINS; i++)
        sum += measure.histogram[i];
    assert_true(fabs(sum - 1) < 1e-9);
    double same = tn_histogram_distance(measure.histogram, measure.histogram);
    assert_true(same <= 0);
    draw(&rng, DRAWN_BOX, 0.3, values, COUNT);
    vitals = vitals_of(values, COUNT);
    tn_measure box;
    tn_measure_vitals(&component, &vitals, &box);
    assert_true(fabs(box.kurtosis - 1.8) < 0.2);
    assert_true(fabs(box.tail - sqrt(3)) < 0.01);
    /* A histogram of a sample, as a run records it, tells the same. */
    tn_vitals_init(&vitals);
    tn_vitals_add_part(&vitals, values, COUNT, COUNT);
    tn_measure sampled;
    tn_measure_vitals(&component, &vitals, &sampled);
    assert_true(fabs(sampled.kurtosis - box.kurtosis) < 0.05 && tn_histogram_distance(sampled.histogram, box.histogram) < 0.05);
    assert_true(tn_histogram_distance(measure.histogram, box.histogram) > 0.1);
    size_t below = 0;
    for (size_t i = 0; i < COUNT; i++)
        below += values[i] < 0;
    assert_true(fabs(box.negative_share - (double)below / COUNT) < 1e-12);
    /* 1 / 200 of the strength lies in each direction of a rotation; all of it in that of an outer product. */
    tn_error error = {0};
    for (size_t i = 0; i < COUNT; i++)
        values[i] = (float)(1 + i / 200) * (float)(1 + i % 200);
    vitals = vitals_of(values, COUNT);
    tn_measure_vitals(&component, &vitals, &measure);
    assert_int_equal(tn_measure_values(&component, values, &measure, &error), TN_OK);
    assert_true(fabs(measure.concentration - 1) < 1e-6);
    assert_int_equal(measure.units, 200);
    assert_int_equal(measure.dead_units, 0);
    free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh),          cmocka_unit_test(test_healthy),  cmocka_unit_test(test_faults),
        cmocka_unit_test(test_barely_trained), cmocka_unit_test(test_measures), cmocka_unit_test(test_output_biases),
        cmocka_unit_test(test_flipped_gains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

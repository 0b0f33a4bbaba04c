/* support_trainer.c: see support_trainer.h. */
#include "engine/support_trainer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"

/* A NumPy file, version 1.0. */
static void write_npy(const char *folder, const char *name, const char *type, const char *shape, const void *values, size_t bytes)
{
    char path[128], header[118];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    memset(header, ' ', sizeof header);
    int length = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type, shape);
    header[length] = ' ';
    header[sizeof header - 1] = '\n';
    unsigned char magic[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, sizeof header, 0};
    assert_int_equal(fwrite(magic, 1, sizeof magic, file), sizeof magic);
    assert_int_equal(fwrite(header, 1, sizeof header, file), sizeof header);
    assert_int_equal(fwrite(values, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static void format_shape(char shape[96], size_t samples, size_t rank, const size_t *dims)
{
    size_t at = (size_t)snprintf(shape, 96, "(%zu,", samples);
    for (size_t i = 0; i < rank; i++)
        at += (size_t)snprintf(shape + at, 96 - at, " %zu,", dims[i]);
    snprintf(shape + at, 96 - at, ")");
}

static void write_data(const char *folder, const support_problem *problem)
{
    size_t size = 1, n = problem->samples;
    for (size_t i = 0; i < problem->rank; i++)
        size *= problem->dims[i];
    float *inputs = malloc(n * size * sizeof *inputs), *targets = malloc(n * (problem->targets + 1) * sizeof *targets);
    size_t steps = problem->steps ? problem->steps : 1;
    int32_t *classes = malloc(n * steps * sizeof *classes);
    assert_true(inputs && targets && classes);
    tn_rng rng;
    tn_rng_init(&rng, 7, TN_STREAM_TEST);
    for (size_t s = 0; s < n; s++) {
        /* Every class occurs, so that the number of classes is what the test asked for. */
        for (size_t k = 0; k < steps; k++)
            classes[s * steps + k] = problem->classes ? (int32_t)((s + k) % (problem->classes + (problem->steps ? 1 : 0))) : 0;
        double sums[8] = {0};
        for (size_t i = 0; i < size; i++) {
            double shift = problem->classes && i % problem->classes == (size_t)classes[s * steps] ? 1.5 : 0;
            inputs[s * size + i] = (float)(0.5 * tn_rng_normal(&rng) + shift);
            if (problem->tokens)
                inputs[s * size + i] = (float)((s * 7 + i * i) % problem->tokens);
            sums[i % 8] += (double)inputs[s * size + i] / 4;
        }
        for (size_t k = 0; k < problem->targets; k++)
            targets[s * problem->targets + k] = (float)(sums[k % 8] + 0.25);
    }
    char shape[96];
    format_shape(shape, n, problem->rank, problem->dims);
    write_npy(folder, "x.npy", "<f4", shape, inputs, n * size * sizeof *inputs);
    format_shape(shape, n, problem->classes && !problem->steps ? 0 : 1, problem->steps ? &problem->steps : &problem->targets);
    if (problem->classes)
        write_npy(folder, "y.npy", "<i4", shape, classes, n * steps * sizeof *classes);
    else
        write_npy(folder, "y.npy", "<f4", shape, targets, n * problem->targets * sizeof *targets);
    free(inputs);
    free(targets);
    free(classes);
}

static void expect_ok(tn_status status, const tn_error *error)
{
    char text[2048];
    if (!status)
        return;
    tn_error_format(error, text, sizeof text);
    fail_msg("%s", text);
}

void support_trainer_prepare(support_trainer *support, const support_problem *problem, size_t threads, const char *rest)
{
    tn_error error;
    *support = (support_trainer){.folder = "/tmp/tenet_engine_XXXXXX"};
    assert_non_null(mkdtemp(support->folder));
    write_data(support->folder, problem);
    char text[4096];
    int length = snprintf(
        text, sizeof text,
        "{\"data\": {\"train\": {\"format\": \"npy\", \"inputs\": \"x.npy\", \"labels\": \"y.npy\"}, \"valid\": {\"fraction\": 0}%s},\n%s}",
        problem->data ? problem->data : "", rest);
    assert_true(length > 0 && (size_t)length < sizeof text);
    expect_ok(tn_hypes_parse(text, (size_t)length, "test.json", support->folder, &support->hypes, &error), &error);
    expect_ok(tn_data_open(support->hypes, NULL, &support->data, &error), &error);
    assert_int_equal(tn_dataset_samples(support->data.train), problem->samples);
    expect_ok(tn_pool_create(threads, &support->pool, &error), &error);
}

tn_status support_trainer_open(support_trainer *support, const support_problem *problem, size_t threads, const char *rest, tn_error *error)
{
    support_trainer_prepare(support, problem, threads, rest);
    return tn_trainer_create(support->hypes, &support->data, support->pool, &support->trainer, error);
}

void support_trainer_close(support_trainer *support)
{
    char path[128];
    tn_trainer_destroy(support->trainer);
    tn_data_close(&support->data);
    tn_hypes_destroy(support->hypes);
    tn_pool_destroy(support->pool);
    snprintf(path, sizeof path, "%s/x.npy", support->folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/y.npy", support->folder);
    unlink(path);
    rmdir(support->folder);
}

void *support_state_of(const tn_trainer *trainer, size_t *size)
{
    *size = tn_trainer_state_size(trainer);
    void *state = malloc(*size);
    assert_non_null(state);
    tn_trainer_save(trainer, state);
    return state;
}

void support_expect_equal_states(const tn_trainer *a, const tn_trainer *b)
{
    size_t size_a, size_b;
    void *state_a = support_state_of(a, &size_a), *state_b = support_state_of(b, &size_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(state_a, state_b, size_a);
    free(state_a);
    free(state_b);
}

/* support_subject.c: see support_subject.h. */
#include "support_subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ftw.h>
#include <math.h>
#include <sys/stat.h>

#include "base/rng.h"

static FILE *create(const problem *files, const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", files->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

static void make_blobs(problem *files)
{
    static const double CENTRES[BLOB_CLASSES][2] = {{0, 2}, {-2, -1}, {2, -1}};
    tn_rng rng;
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    FILE *file = create(files, "blobs.csv");
    fprintf(file, "x,y,label\n");
    for (size_t i = 0; i < BLOB_ROWS; i++) {
        int label = (int)tn_rng_below(&rng, BLOB_CLASSES);
        files->labels[i] = label;
        for (size_t k = 0; k < 2; k++)
            files->blobs[i][k] = (float)(CENTRES[label][k] + 0.5 * tn_rng_normal(&rng));
        fprintf(file, "%.9g,%.9g,%d\n", (double)files->blobs[i][0], (double)files->blobs[i][1], label);
    }
    fclose(file);
}

static void make_line(problem *files)
{
    tn_rng rng;
    tn_rng_init(&rng, 2, TN_STREAM_TEST);
    FILE *file = create(files, "line.csv");
    fprintf(file, "a,b,target,other\n");
    for (size_t i = 0; i < LINE_ROWS; i++) {
        double a = tn_rng_normal(&rng), b = tn_rng_normal(&rng);
        files->line[i][0] = (float)a;
        files->line[i][1] = (float)b;
        fprintf(file, "%.9g,%.9g,%.9g,%.9g\n", a, b, 100 * a - 50 * b + 1000, a);
    }
    fclose(file);
}

int problem_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    problem *made = calloc(1, sizeof *made);
    if (!made)
        return -1;
    snprintf(made->folder, sizeof made->folder, "%s/tenet-test-XXXXXX", base && base[0] ? base : "/tmp");
    *state = made;
    if (!mkdtemp(made->folder))
        return -1;
    make_blobs(made);
    make_line(made);
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

int problem_teardown(void **state)
{
    problem *made = *state;
    nftw(made->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(made);
    return 0;
}

static tn_hypes *parse(const problem *files, const char *file, const char *label, const char *more, const char *net, const char *loss,
                       const char *solver)
{
    char text[4096];
    int length = snprintf(
        text, sizeof text,
        "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"%s\", \"label\": %s} %s}, \"net\": %s, \"loss\": %s, \"solver\": %s}",
        file, label, more, net, loss, solver);
    assert_true(length > 0 && (size_t)length < sizeof text);
    tn_hypes *hypes = NULL;
    tn_error error = {0};
    if (tn_hypes_parse(text, (size_t)length, "test.json", files->folder, &hypes, &error) != TN_OK)
        fail_msg("%s (%s)", error.message, error.pointer);
    return hypes;
}

tn_hypes *blob_hypes(const problem *files, const char *more, const char *net, const char *loss, const char *solver)
{
    return parse(files, "blobs.csv", "\"label\"", more, net, loss, solver);
}

tn_hypes *line_hypes(const problem *files, const char *more, const char *net, const char *loss, const char *solver)
{
    return parse(files, "line.csv", "[\"target\", \"other\"]", more, net, loss, solver);
}

tn_hypes *usual_hypes(const problem *files)
{
    return blob_hypes(files, "", "[{\"op\": \"dense\", \"units\": 16}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 3}]",
                      "\"softmax_cross_entropy\"",
                      "{\"opt\": \"sgd\", \"learning_rate\": 0.1, \"momentum\": 0.9, \"batch_size\": 32, \"epochs\": 5,"
                      " \"decay\": {\"kind\": \"step\", \"after\": 1, \"every\": 1}}");
}

tn_subject *open_subject(const tn_hypes *hypes, tn_store *store, tn_cancel *cancel)
{
    tn_subject *subject = NULL;
    tn_error error = {0};
    if (tn_subject_native(hypes, store, cancel, &subject, &error) != TN_OK)
        fail_msg("%s (%s)", error.message, error.pointer);
    return subject;
}

tn_trial_request plain_request(uint64_t steps)
{
    return (tn_trial_request){
        .experiment = "test", .knobs = {.set = TN_KNOB_STEPS, .steps = steps}, .stop_at_train_score = (double)INFINITY};
}

tn_trial_result run_trial(tn_subject *subject, const tn_trial_request *request, size_t threads)
{
    tn_trial_result result;
    tn_error error = {0};
    if (tn_subject_run(subject, request, threads, &result, &error) != TN_OK)
        fail_msg("%s (%s)", error.message, error.pointer);
    return result;
}

/* Of two arrays [count] that may both be NULL. */
static void assert_same_bytes(const void *a, const void *b, size_t count, size_t size)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a && count)
        assert_memory_equal(a, b, count * size);
}

void assert_same_result(const tn_trial_result *a, const tn_trial_result *b)
{
    assert_int_equal(a->end, b->end);
    assert_int_equal(a->acknowledged, b->acknowledged);
    assert_int_equal(a->steps, b->steps);
    assert_int_equal(a->samples, b->samples);
    assert_int_equal(a->nonfinite_step, b->nonfinite_step);
    assert_same_bytes(a->losses, b->losses, a->steps, sizeof *a->losses);
    assert_same_bytes(a->gradient_norms, b->gradient_norms, a->steps, sizeof *a->gradient_norms);
    assert_int_equal(a->score_count, b->score_count);
    for (size_t i = 0; i < a->score_count; i++) {
        assert_int_equal(a->scores[i].step, b->scores[i].step);
        assert_same_bytes(&a->scores[i].train_score, &b->scores[i].train_score, 4, sizeof(double));
    }
    assert_int_equal(a->shown_count, b->shown_count);
    for (size_t i = 0; i < a->shown_count; i++) {
        assert_int_equal(a->shown[i].row, b->shown[i].row);
        assert_same_bytes(a->shown[i].inputs, b->shown[i].inputs, a->input_size, sizeof(float));
        assert_same_bytes(a->shown[i].output_after, b->shown[i].output_after, a->output_size, sizeof(float));
    }
}

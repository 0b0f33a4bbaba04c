/* support_blobs.c: see the header. */
#include "experiments/support_blobs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"

static const char HYPES[] =
    "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"blobs.csv\", \"label\": \"y\"}, \"valid\": {\"fraction\": 0.2}},"
    " \"net\": [{\"op\": \"dense\", \"units\": 32}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 3}], \"loss\": "
    "\"softmax_cross_entropy\","
    " \"solver\": {\"opt\": \"adam\", \"learning_rate\": 0.01, \"batch_size\": 16, \"epochs\": 20, \"seed\": 1}}";

static void write_rows(const char *path, int wrong_every)
{
    FILE *file = fopen(path, "w");
    tn_rng rng;
    tn_rng_init(&rng, 21, TN_STREAM_TEST);
    assert_non_null(file);
    fprintf(file, "a,b,c,d,y\n");
    for (int i = 0; i < BLOBS_ROWS; i++) {
        int class = (int)tn_rng_below(&rng, BLOBS_CLASSES);
        double place[4];
        for (int k = 0; k < 4; k++)
            place[k] = (k == class ? 2.5 : 0) + tn_rng_normal(&rng);
        int label = wrong_every > 0 && i % wrong_every == 0 ? (class + 1) % BLOBS_CLASSES : class;
        fprintf(file, "%.5f,%.5f,%.5f,%.5f,%d\n", place[0], place[1], place[2], place[3], label);
    }
    assert_int_equal(fclose(file), 0);
}

void blobs_open(blobs_subject *subject, int wrong_every, const char *patch)
{
    char path[96];
    tn_error error = {0};
    *subject = (blobs_subject){.folder = "/tmp/tenet_blobs_XXXXXX"};
    assert_non_null(mkdtemp(subject->folder));
    snprintf(path, sizeof path, "%s/blobs.csv", subject->folder);
    write_rows(path, wrong_every);
    tn_hypes *base = NULL;
    assert_int_equal(tn_hypes_parse(HYPES, sizeof HYPES - 1, "blobs.json", subject->folder, &base, &error), TN_OK);
    json_t *tree = patch ? json_loads(patch, 0, NULL) : NULL;
    if (tn_hypes_patch(base, tree, &subject->hypes, &error) != TN_OK ||
        tn_subject_native(subject->hypes, NULL, NULL, &subject->subject, &error) != TN_OK)
        fail_msg("%s", error.message);
    json_decref(tree);
    tn_hypes_destroy(base);
}

void blobs_close(blobs_subject *subject)
{
    char path[96];
    snprintf(path, sizeof path, "%s/blobs.csv", subject->folder);
    tn_subject_destroy(subject->subject);
    tn_hypes_destroy(subject->hypes);
    unlink(path);
    rmdir(subject->folder);
}

json_t *blobs_experiment(int wrong_every, const char *patch, const char *command)
{
    blobs_subject subject;
    json_t *report = NULL;
    tn_error error = {0};
    const tn_debug_options options = {.threads = 2, .seed = 1};
    blobs_open(&subject, wrong_every, patch);
    if (tn_debug_experiment(subject.subject, command, &options, &report, &error) != TN_OK)
        fail_msg("%s", error.message);
    blobs_close(&subject);
    return report;
}

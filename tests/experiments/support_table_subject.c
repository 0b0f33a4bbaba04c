/* support_table_subject.c: see the header. */
#include "experiments/support_table_subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"

enum { ROWS = 240, PATH_SIZE = 96 };

static const char HYPES[] =
    "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"noisy.csv\", \"label\": \"y\"}, \"valid\": {\"fraction\": 0.25}},"
    " \"net\": [{\"op\": \"dense\", \"units\": 1}], \"loss\": \"mse\","
    " \"solver\": {\"opt\": \"sgd\", \"learning_rate\": 0.05, \"batch_size\": 4, \"epochs\": 10, \"seed\": 1}}";

static void path_of(const table_subject *subject, const char *name, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s", subject->folder, name);
}

static void write_table(const char *path)
{
    FILE *file = fopen(path, "w");
    tn_rng rng;
    tn_rng_init(&rng, 3, TN_STREAM_TEST);
    assert_non_null(file);
    fprintf(file, "a,b,y\n");
    for (int i = 0; i < ROWS; i++) {
        double a = tn_rng_normal(&rng), b = tn_rng_normal(&rng);
        fprintf(file, "%.6f,%.6f,%.6f\n", a, b, 2 * a - b + 0.3 * tn_rng_normal(&rng));
    }
    assert_int_equal(fclose(file), 0);
}

tn_hypes *table_subject_patched(const table_subject *subject, const char *patch)
{
    tn_hypes *patched = NULL;
    tn_error error = {0};
    json_t *tree = patch ? json_loads(patch, 0, NULL) : NULL;
    assert_true(!patch || tree);
    if (tn_hypes_patch(subject->hypes, tree, &patched, &error) != TN_OK)
        fail_msg("%s", error.message);
    json_decref(tree);
    return patched;
}

void table_subject_open(table_subject *subject, const char *patch)
{
    table_subject_open_stored(subject, patch, NULL);
}

void table_subject_open_stored(table_subject *subject, const char *patch, tn_store *store)
{
    char path[PATH_SIZE];
    tn_error error = {0};
    *subject = (table_subject){.folder = "/tmp/tenet_table_XXXXXX"};
    assert_non_null(mkdtemp(subject->folder));
    path_of(subject, "noisy.csv", path);
    write_table(path);
    assert_int_equal(tn_hypes_parse(HYPES, sizeof HYPES - 1, "table.json", subject->folder, &subject->hypes, &error), TN_OK);
    tn_hypes *patched = table_subject_patched(subject, patch);
    tn_hypes_destroy(subject->hypes);
    subject->hypes = patched;
    if (tn_subject_native(subject->hypes, store, NULL, &subject->subject, &error) != TN_OK)
        fail_msg("%s", error.message);
}

void table_subject_close(table_subject *subject)
{
    char path[PATH_SIZE];
    path_of(subject, "noisy.csv", path);
    tn_subject_destroy(subject->subject);
    tn_hypes_destroy(subject->hypes);
    unlink(path);
    rmdir(subject->folder);
}

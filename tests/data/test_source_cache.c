/* test_source_cache.c: files are read once, scalings are measured once, whoever asks. */
#include "support_data.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "data/dataset_parts.h"

static const char *const text =
    "{\"train\": {\"format\": \"csv\", \"file\": \"t.csv\", \"label\": 1}, \"input\": {\"scale\": \"standardize\"}%s}";

static void open_cached(const test_folder *folder, tn_source_cache *cache, const char *more, tn_data *data)
{
    char filled[300];
    snprintf(filled, sizeof filled, text, more);
    tn_hypes *hypes = hypes_make(folder, filled, "\"loss\": \"mse\"");
    tn_error error = {0};
    if (tn_data_open(hypes, cache, data, &error) != TN_OK)
        fail_msg("%s", error.message);
    tn_hypes_destroy(hypes);
}

static void write_table(const test_folder *folder)
{
    bytes table = {0};
    for (int i = 0; i < 300; i++) {
        char row[64];
        snprintf(row, sizeof row, "%d,%d\n", i, 3 * i);
        bytes_add(&table, row, strlen(row));
    }
    folder_write(folder, "t.csv", table.data, table.size);
    bytes_free(&table);
}

static void reads_and_measures_once(void **state)
{
    (void)state;
    test_folder folder;
    folder_make(&folder);
    write_table(&folder);
    tn_source_cache *cache;
    tn_error error = {0};
    assert_int_equal(tn_source_cache_create(&cache, &error), TN_OK);
    tn_data first, subset, seeded;
    open_cached(&folder, cache, "", &first);
    folder_write(&folder, "t.csv", "not a table", 11); /* from here on only the cache knows it */
    open_cached(&folder, cache, ", \"samples\": 10, \"shuffle_labels\": true", &subset);
    open_cached(&folder, cache, ", \"seed\": 9", &seeded);
    assert_ptr_equal(first.train->source, subset.train->source);
    assert_ptr_equal(first.train->scaling, subset.train->scaling);
    assert_ptr_equal(first.train->source, seeded.train->source);
    assert_ptr_not_equal(first.train->scaling, seeded.train->scaling); /* another split has other statistics */
    assert_int_equal(tn_dataset_samples(subset.train), 10);
    tn_data_close(&first);
    tn_data_close(&subset);
    tn_data_close(&seeded);
    tn_source_cache_destroy(cache);
    tn_source_cache_destroy(NULL);
    folder_remove(&folder);
}

/* Two folders with a file of the same name hold different data. */
static void folders_are_told_apart(void **state)
{
    (void)state;
    test_folder one, two;
    folder_make(&one);
    folder_make(&two);
    write_table(&one);
    folder_write(&two, "t.csv", "1,2\n3,4\n", 8);
    tn_source_cache *cache;
    tn_error error = {0};
    assert_int_equal(tn_source_cache_create(&cache, &error), TN_OK);
    tn_data first, second;
    open_cached(&one, cache, "", &first);
    open_cached(&two, cache, "", &second);
    assert_int_equal(tn_dataset_samples(first.train), 240);
    assert_int_equal(tn_dataset_samples(second.train), 2);
    tn_data_close(&first);
    tn_data_close(&second);
    tn_source_cache_destroy(cache);
    folder_remove(&one);
    folder_remove(&two);
}

static void a_failure_is_not_kept(void **state)
{
    (void)state;
    test_folder folder;
    folder_make(&folder);
    tn_source_cache *cache;
    tn_error error = {0};
    assert_int_equal(tn_source_cache_create(&cache, &error), TN_OK);
    char filled[300];
    snprintf(filled, sizeof filled, text, "");
    tn_hypes *hypes = hypes_make(&folder, filled, "\"loss\": \"mse\"");
    tn_data data;
    assert_int_equal(tn_data_open(hypes, cache, &data, &error), TN_ERROR_IO);
    write_table(&folder);
    assert_int_equal(tn_data_open(hypes, cache, &data, &error), TN_OK);
    tn_data_close(&data);
    tn_hypes_destroy(hypes);
    tn_source_cache_destroy(cache);
    folder_remove(&folder);
}

typedef struct open_job {
    const tn_hypes *hypes;
    tn_source_cache *cache;
    tn_data data;
    tn_status status;
} open_job;

static void *open_one(void *argument)
{
    open_job *job = argument;
    tn_error error;
    job->status = tn_data_open(job->hypes, job->cache, &job->data, &error);
    return NULL;
}

static void threads_share_it(void **state)
{
    (void)state;
    test_folder folder;
    folder_make(&folder);
    write_table(&folder);
    tn_source_cache *cache;
    tn_error error = {0};
    assert_int_equal(tn_source_cache_create(&cache, &error), TN_OK);
    char filled[300];
    snprintf(filled, sizeof filled, text, "");
    tn_hypes *hypes = hypes_make(&folder, filled, "\"loss\": \"mse\"");
    open_job jobs[4];
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        jobs[i] = (open_job){.hypes = hypes, .cache = cache};
        assert_int_equal(pthread_create(&threads[i], NULL, open_one, &jobs[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(jobs[i].status, TN_OK);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_ptr_equal(jobs[i].data.train->source, jobs[0].data.train->source);
        if (i > 0)
            tn_data_close(&jobs[i].data);
    }
    tn_data_close(&jobs[0].data);
    tn_hypes_destroy(hypes);
    tn_source_cache_destroy(cache);
    folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_measures_once),
        cmocka_unit_test(folders_are_told_apart),
        cmocka_unit_test(a_failure_is_not_kept),
        cmocka_unit_test(threads_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

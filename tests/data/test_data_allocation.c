/* test_data_allocation.c: each allocation of opening data fails in turn. Every time the error is that of memory, and nothing is left behind. */
#include "support_data.h"
#include "support_pictures.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "support/allocator.h"

static void write_files(const test_folder *folder)
{
    bytes images = idx_bytes(3, (uint32_t[]){250, 2, 2}), labels = idx_bytes(1, (uint32_t[]){250});
    bytes packed_images = bytes_gzip(&images);
    folder_write(folder, "images.gz", packed_images.data, packed_images.size);
    folder_write(folder, "labels", labels.data, labels.size);
    bytes table = {0}, real = {0};
    bytes_add(&table, "x,z,kind\n", 9);
    for (int i = 0; i < 250; i++) {
        char row[64];
        snprintf(row, sizeof row, "%d,%d,%s\n", i, 2 * i, i % 3 == 0 ? "pear" : "apple");
        bytes_add(&table, row, strlen(row));
        snprintf(row, sizeof row, "%lld,%d,%d\n", 3232235776ll + i, i, 2 * i);
        bytes_add(&real, row, strlen(row));
    }
    bytes packed_table = bytes_gzip(&table);
    folder_write(folder, "words.csv.gz", packed_table.data, packed_table.size);
    folder_write(folder, "real.csv", real.data, real.size);
    folder_write(folder, "text.txt", "in the beginning was the word and the word was", 46);
    bytes archive = bytes_read(TN_TEST_DATA "/deflated.npz");
    folder_write(folder, "a.npz", archive.data, archive.size);
    static const char pictures[] = "[{\"file\": \"a.png\", \"label\": \"pear\", \"boxes\": [[0, 0, 1, 1]]}, "
                                   "{\"file\": \"b.png\", \"label\": \"fig\", \"boxes\": []}]";
    folder_write(folder, "list.json", pictures, sizeof pictures - 1);
    bytes colours = png_plain(2, 3, 3, (const uint8_t[]){1, 2, 3}), grey = png_plain(3, 2, 1, (const uint8_t[]){9});
    folder_write(folder, "a.png", colours.data, colours.size);
    folder_write(folder, "b.png", grey.data, grey.size);
    bytes_free(&colours);
    bytes_free(&grey);
    bytes_free(&images);
    bytes_free(&labels);
    bytes_free(&packed_images);
    bytes_free(&table);
    bytes_free(&real);
    bytes_free(&packed_table);
    bytes_free(&archive);
}

/* Opens with a cache, twice, and makes a view: all that a trial does. */
static tn_status open_all(const tn_hypes *hypes, tn_error *error)
{
    tn_source_cache *cache;
    tn_status status = tn_source_cache_create(&cache, error);
    for (int round = 0; round < 2 && status == TN_OK; round++) {
        tn_data data;
        tn_dataset *view = NULL;
        status = tn_data_open(hypes, cache, &data, error);
        if (status == TN_OK)
            status = tn_dataset_view(data.train, NULL, 1, &view, error);
        tn_dataset_destroy(view);
        tn_data_close(&data);
    }
    tn_source_cache_destroy(cache);
    return status;
}

static void sweep(const test_folder *folder, const char *data, const char *loss)
{
    tn_hypes *hypes = hypes_make(folder, data, loss);
    tn_error error = {0};
    tn_allocator_fail_at(0);
    assert_int_equal(open_all(hypes, &error), TN_OK);
    uint64_t allocations = tn_allocator_count(), alive = tn_allocator_alive();
    assert_in_range(allocations, 10, 100000);
    for (uint64_t n = 1; n <= allocations; n++) {
        tn_allocator_fail_at(n);
        error = (tn_error){0};
        tn_status status = open_all(hypes, &error);
        uint64_t failed = tn_allocator_failed();
        tn_allocator_fail_at(0);
        if (failed != 1 || status != TN_ERROR_MEMORY || error.message[0] == '\0' || tn_allocator_alive() != alive)
            fail_msg("allocation %llu of %llu: status %d (%s), %lld blocks left", (unsigned long long)n, (unsigned long long)allocations,
                     (int)status, error.message, (long long)(tn_allocator_alive() - alive));
    }
    tn_hypes_destroy(hypes);
}

static void fails_clean(const char *data, const char *loss)
{
    test_folder folder;
    folder_make(&folder);
    write_files(&folder);
    sweep(&folder, data, loss);
    folder_remove(&folder);
}

static void idx_with_split_and_subset(void **state)
{
    (void)state;
    fails_clean("{\"train\": {\"format\": \"idx\", \"inputs\": \"images.gz\", \"labels\": \"labels\"}, \"test\": {\"fraction\": 0.1}, "
                "\"input\": {\"scale\": \"minmax\"}, "
                "\"classes\": [1, 0, 2, 3, 4, 5, 6, 7, 8, 9], \"samples\": 5, \"shuffle_labels\": true}",
                "\"loss\": \"softmax_cross_entropy\"");
}

static void csv_of_words(void **state)
{
    (void)state;
    fails_clean(
        "{\"train\": {\"format\": \"csv\", \"file\": \"words.csv.gz\", \"label\": \"kind\"}, \"input\": {\"scale\": \"standardize\"}}",
        "\"loss\": \"softmax_cross_entropy\"");
}

static void csv_of_large_numbers(void **state)
{
    (void)state;
    fails_clean("{\"train\": {\"format\": \"csv\", \"file\": \"real.csv\", \"label\": -1}, \"valid\": {\"format\": \"csv\", \"file\": "
                "\"real.csv\", \"label\": 2}, "
                "\"input\": {\"scale\": \"standardize\"}, \"label\": {\"scale\": \"standardize\"}}",
                "\"loss\": \"mse\"");
}

static void balanced_and_ignoring(void **state)
{
    (void)state;
    fails_clean("{\"train\": {\"format\": \"csv\", \"file\": \"words.csv.gz\", \"label\": \"kind\"}, \"balance\": true, "
                "\"input\": {\"ignore\": [0]}}",
                "\"loss\": \"softmax_cross_entropy\"");
    fails_clean("{\"train\": {\"format\": \"idx\", \"inputs\": \"images.gz\", \"labels\": \"labels\"}, "
                "\"input\": {\"scale\": \"minmax\", \"ignore\": \"constant\"}}",
                "\"loss\": \"softmax_cross_entropy\"");
}

static void npz(void **state)
{
    (void)state;
    fails_clean("{\"train\": {\"format\": \"npz\", \"file\": \"a.npz\"}}", "\"loss\": \"softmax_cross_entropy\"");
}

static void texts(void **state)
{
    (void)state;
    fails_clean("{\"train\": {\"format\": \"text\", \"file\": \"text.txt\", \"time\": 3, \"unit\": \"word\", \"vocabulary\": 4}, "
                "\"valid\": {\"format\": \"text\", \"file\": \"text.txt\", \"time\": 3}}",
                "\"loss\": \"softmax_cross_entropy\"");
    fails_clean(
        "{\"train\": {\"format\": \"parallel\", \"source\": \"text.txt\", \"target\": \"text.txt\", \"time\": 30, \"vocabulary\": 4}, "
        "\"valid\": {\"format\": \"parallel\", \"source\": \"text.txt\", \"target\": \"text.txt\", \"time\": 30}}",
        "\"loss\": \"softmax_cross_entropy\"");
    fails_clean("{\"train\": {\"format\": \"text\", \"file\": \"text.txt\", \"time\": 6, \"masked\": 0.5}}",
                "\"loss\": \"softmax_cross_entropy\"");
}

static void tasks(void **state)
{
    (void)state;
    fails_clean("{\"train\": {\"format\": \"task\", \"task\": \"copy\", \"samples\": 20}}", "\"loss\": \"softmax_cross_entropy\"");
    fails_clean("{\"train\": {\"format\": \"task\", \"task\": \"adding\", \"samples\": 20}}", "\"loss\": \"mse\"");
    fails_clean("{\"train\": {\"format\": \"task\", \"task\": \"spirals\", \"samples\": 20}}", "\"loss\": \"softmax_cross_entropy\"");
    fails_clean("{\"train\": {\"format\": \"task\", \"task\": \"boxes\", \"samples\": 20}}", "\"loss\": \"mse\"");
}

static void lists_of_pictures(void **state)
{
    (void)state;
    fails_clean("{\"train\": {\"format\": \"images\", \"folder\": \".\", \"labels\": \"list.json\", \"size\": 2}}",
                "\"loss\": \"softmax_cross_entropy\"");
    fails_clean("{\"train\": {\"format\": \"images\", \"folder\": \".\", \"labels\": \"list.json\", \"target\": \"boxes\", \"size\": 2}}",
                "\"loss\": \"mse\"");
}

static void folders_of_pictures(void **state)
{
    (void)state;
    test_folder folder;
    folder_make(&folder);
    for (size_t i = 0; i < 2; i++) {
        test_folder below;
        snprintf(below.path, sizeof below.path, "%.40s/%zu", folder.path, i);
        assert_int_equal(mkdir(below.path, 0700), 0);
        bytes grey = png_plain(2, 2, 1, (const uint8_t[]){(uint8_t)i});
        folder_write(&below, "a.png", grey.data, grey.size);
        bytes_free(&grey);
    }
    sweep(&folder, "{\"train\": {\"format\": \"images\", \"folder\": \".\"}}", "\"loss\": \"softmax_cross_entropy\"");
    for (size_t i = 0; i < 2; i++) {
        test_folder below;
        snprintf(below.path, sizeof below.path, "%.40s/%zu", folder.path, i);
        folder_remove(&below);
    }
    folder_remove(&folder);
}

int main(void)
{
    tn_allocator_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_with_split_and_subset),
        cmocka_unit_test(csv_of_words),
        cmocka_unit_test(csv_of_large_numbers),
        cmocka_unit_test(balanced_and_ignoring),
        cmocka_unit_test(npz),
        cmocka_unit_test(texts),
        cmocka_unit_test(tasks),
        cmocka_unit_test(lists_of_pictures),
        cmocka_unit_test(folders_of_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

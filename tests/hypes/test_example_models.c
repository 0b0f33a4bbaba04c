/* test_example_models.c: each file of examples/models is read, with all its values, and so is each of its levels; the models of texts stay as short as they are said to be. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hypes/hypes.h"

enum { LINES_MAX = 30 };

static size_t lines_of(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t lines = 0;
    assert_non_null(file);
    for (int c = fgetc(file); c != EOF; c = fgetc(file))
        lines += c == '\n';
    fclose(file);
    return lines;
}

static void levels_fit(const tn_hypes *hypes, const char *name)
{
    const json_t *levels = tn_hypes_value(hypes, "levels");
    for (size_t i = 0; i < json_array_size(levels); i++) {
        tn_hypes *level;
        tn_error error = {0};
        if (tn_hypes_patch(hypes, json_object_get(json_array_get(levels, i), "patch"), &level, &error) != TN_OK)
            fail_msg("%s, level %zu: %s", name, i, error.message);
        tn_hypes_destroy(level);
    }
}

static void models_are_read(void **state)
{
    (void)state;
    static const char folder[] = TN_SOURCE_DIR "/examples/models";
    DIR *listing = opendir(folder);
    size_t found = 0;
    assert_non_null(listing);
    for (const struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        char path[sizeof folder + 300];
        const char *end = strrchr(entry->d_name, '.');
        if (!end || strcmp(end, ".json") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        tn_hypes *hypes;
        tn_error error = {0};
        if (tn_hypes_load(path, &hypes, &error) != TN_OK)
            fail_msg("%s:%d: %s", entry->d_name, error.line, error.message);
        levels_fit(hypes, entry->d_name);
        tn_hypes_destroy(hypes);
        assert_true(lines_of(path) < LINES_MAX);
        found++;
    }
    closedir(listing);
    assert_true(found >= 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(models_are_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* hypes_plan.c: are levels and search ranges patches that fit? Each level, both limits of each range and each choice is tried as a patch. */
#include <stdio.h>
#include <string.h>

#include "hypes/hypes_internal.h"

/* Tries a patch and moves the error to where the patch stands. `what` opens the message. */
static tn_status try_at(const tn_hypes *hypes, const json_t *patch, const tn_place *place, const char *what, tn_error *error)
{
    tn_hypes *patched = NULL;
    tn_error inner = {0};
    tn_status status = tn_hypes_try_patch(hypes, patch, &patched, &inner);
    tn_hypes_destroy(patched);
    if (status == TN_OK)
        return TN_OK;
    if (status == TN_ERROR_MEMORY)
        return tn_fail_memory(error, 64);
    return tn_place_fail(hypes, place, error, "%s does not fit: %.700s", what, inner.message);
}

static tn_status check_levels(const tn_hypes *hypes, tn_error *error)
{
    const json_t *levels = json_object_get(hypes->complete, "levels");
    tn_place root = {NULL, "levels", 0};
    for (size_t i = 0; i < json_array_size(levels); i++) {
        tn_place level_place = {&root, NULL, i};
        tn_place place = {&level_place, "patch", 0};
        const json_t *level = json_array_get(levels, i);
        char what[300];
        snprintf(what, sizeof what, "level %zu, \"%.200s\",", i, json_string_value(json_object_get(level, "name")));
        tn_status status = try_at(hypes, json_object_get(level, "patch"), &place, what, error);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

static tn_status try_value(const tn_hypes *hypes, const char *path, json_t *value, const tn_place *place, tn_error *error)
{
    json_t *patch = json_object();
    if (!patch || json_object_set(patch, path, value) != 0) {
        json_decref(patch);
        return tn_fail_memory(error, 64);
    }
    char found[128], what[192];
    snprintf(what, sizeof what, "the value %s of this range", tn_value_found(value, found, sizeof found));
    tn_status status = try_at(hypes, patch, place, what, error);
    json_decref(patch);
    return status;
}

static tn_status check_search(const tn_hypes *hypes, tn_error *error)
{
    tn_place root = {NULL, "search", 0};
    const char *path;
    json_t *range;
    json_object_foreach(json_object_get(hypes->complete, "search"), path, range)
    {
        tn_place path_place = {&root, path, 0};
        void *kind = json_object_iter(range);
        tn_place kind_place = {&path_place, json_object_iter_key(kind), 0};
        const json_t *values = json_object_iter_value(kind);
        for (size_t i = 0; i < json_array_size(values); i++) {
            tn_place place = {&kind_place, NULL, i};
            tn_status status = try_value(hypes, path, json_array_get(values, i), &place, error);
            if (status != TN_OK)
                return status;
        }
    }
    return TN_OK;
}

tn_status tn_hypes_check_plans(const tn_hypes *hypes, tn_error *error)
{
    tn_status status = check_levels(hypes, error);
    return status == TN_OK ? check_search(hypes, error) : status;
}

/* hypes_difference.c: see hypes_difference.h.
 *
 * Objects are compared key by key. Two lists are aligned by the edits that cost least (Wagner and Fischer 1974): an element that stays costs 0, one that changes in part 1, one that goes,
 * comes, or becomes something else, somewhat more. Every index of a difference is one of the good tree's lists. They are made in a copy of it: replacements first, then removals and
 * insertions from the end of the lists, so that no index moves before it is used. */
#include "hypes/hypes_difference.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "hypes/hypes_internal.h"

enum { LIST_MAX = 512 /* elements; longer lists are one value */ };

typedef enum change_kind { CHANGE_SET, CHANGE_TAKE, CHANGE_INSERT, CHANGE_REMOVE } change_kind;

typedef struct change {
    change_kind kind; /* SET a value; TAKE away a key; INSERT before, or REMOVE, a list element */
    json_t *path;     /* owned: keys as strings, list elements as integers */
    json_t *value;    /* owned; NULL where something goes */
    json_t *patch;    /* owned */
} change;

struct tn_differences {
    const tn_hypes *good, *bad;
    change *changes; /* in the order of the good tree */
    size_t count, capacity;
    json_t *path; /* where the comparison is */
    bool failed;  /* memory was out */
};

/* ---- finding ---- */

/* "net.3.units". */
static bool path_text(const json_t *path, char *text, size_t size)
{
    size_t index, used = 0;
    const json_t *part;
    text[0] = '\0';
    json_array_foreach(path, index, part)
    {
        int wrote = json_is_string(part)
                        ? snprintf(text + used, size - used, "%s%s", index ? "." : "", json_string_value(part))
                        : snprintf(text + used, size - used, "%s%lld", index ? "." : "", (long long)json_integer_value(part));
        if (wrote < 0 || (size_t)wrote >= size - used)
            return false;
        used += (size_t)wrote;
    }
    return true;
}

static json_t *patch_of(const change *made)
{
    char path[TN_PATH_BYTES_MAX];
    if (!path_text(made->path, path, sizeof path))
        return NULL;
    switch (made->kind) {
    case CHANGE_SET:
        return json_pack("{s:O}", path, made->value);
    case CHANGE_INSERT:
        return json_pack("{s:{s:O}}", path, "$insert", made->value);
    case CHANGE_TAKE:
    case CHANGE_REMOVE:
        break;
    }
    return json_pack("{s:{s:b}}", path, "$remove", 1);
}

/* Notes a change at the present path; `value` is borrowed. */
static void note(tn_differences *found, change_kind kind, const json_t *value)
{
    if (found->count == found->capacity) {
        size_t capacity = found->capacity ? 2 * found->capacity : 16, bytes;
        change *grown = tn_size_multiply(capacity, sizeof *grown, &bytes) ? realloc(found->changes, bytes) : NULL;
        if (!grown) {
            found->failed = true;
            return;
        }
        found->changes = grown;
        found->capacity = capacity;
    }
    change *made = &found->changes[found->count++];
    *made = (change){.kind = kind, .path = json_deep_copy(found->path), .value = value ? json_deep_copy(value) : NULL};
    made->patch = made->path && (made->value || !value) ? patch_of(made) : NULL;
    found->failed = found->failed || !made->patch;
}

static void enter_key(tn_differences *found, const char *key)
{
    found->failed = found->failed || json_array_append_new(found->path, json_string(key)) != 0;
}

static void enter_index(tn_differences *found, size_t index)
{
    found->failed = found->failed || json_array_append_new(found->path, json_integer((json_int_t)index)) != 0;
}

static void leave(tn_differences *found)
{
    (void)json_array_remove(found->path, json_array_size(found->path) - 1);
}

/* What has no part in the training. */
static bool is_left_out(const tn_differences *found, const char *key)
{
    static const char *const AT_ROOT[] = {"levels", "search", "debug", "knobs"};
    size_t depth = json_array_size(found->path);
    if (found->good->free)
        return false;
    for (size_t i = 0; depth == 0 && i < sizeof AT_ROOT / sizeof *AT_ROOT; i++)
        if (strcmp(key, AT_ROOT[i]) == 0)
            return true;
    const char *above = depth == 1 ? json_string_value(json_array_get(found->path, 0)) : NULL;
    return above && strcmp(above, "solver") == 0 && strcmp(key, "seed") == 0;
}

/* The files of a source of data. */
static bool is_file(const tn_differences *found, const json_t *source, const char *key)
{
    const char *top = json_string_value(json_array_get(found->path, 0));
    return !found->good->free && top && strcmp(top, "data") == 0 && json_array_size(found->path) == 2 && tn_source_names_file(source, key);
}

static void compare(tn_differences *found, const json_t *good, const json_t *bad);

static void compare_files(tn_differences *found, const json_t *good, const json_t *bad)
{
    if (!json_is_string(good) || !json_is_string(bad)) {
        compare(found, good, bad);
        return;
    }
    char *of_good = tn_hypes_resolve(found->good, json_string_value(good)), *of_bad = tn_hypes_resolve(found->bad, json_string_value(bad));
    char *real_good = of_good ? realpath(of_good, NULL) : NULL, *real_bad = of_bad ? realpath(of_bad, NULL) : NULL;
    const char *a = real_good ? real_good : of_good, *b = real_bad ? real_bad : of_bad;
    if (!a || !b) {
        found->failed = true;
    } else if (strcmp(a, b) != 0) {
        json_t *place = json_string(b);
        found->failed = found->failed || !place;
        note(found, CHANGE_SET, place);
        json_decref(place);
    }
    free(of_good);
    free(of_bad);
    free(real_good);
    free(real_bad);
}

static void compare_objects(tn_differences *found, const json_t *good, const json_t *bad)
{
    const char *key;
    const json_t *value;
    json_object_foreach((json_t *)(uintptr_t)good, key, value)
    {
        const json_t *other = json_object_get(bad, key);
        if (is_left_out(found, key))
            continue;
        bool file = is_file(found, good, key);
        enter_key(found, key);
        if (!other)
            note(found, CHANGE_TAKE, NULL);
        else if (file)
            compare_files(found, value, other);
        else
            compare(found, value, other);
        leave(found);
    }
    json_object_foreach((json_t *)(uintptr_t)bad, key, value)
    {
        if (json_object_get(good, key) || is_left_out(found, key))
            continue;
        enter_key(found, key);
        note(found, CHANGE_SET, value);
        leave(found);
    }
}

/* Whether two elements are one that was changed in part: objects of the same op, or any of a list without ops. */
static bool is_kin(const json_t *a, const json_t *b)
{
    if (json_typeof(a) != json_typeof(b) || !json_is_object(a))
        return false;
    const json_t *op = json_object_get(a, "op");
    return !op || json_equal(op, json_object_get(b, "op"));
}

/* Costs of edits. A change in part is cheaper than one for another, and that is cheaper than taking one out and putting another in. */
enum { COST_PART = 2, COST_OTHER = 5, COST_MOVE = 3 };

static int exchange_cost(const json_t *a, const json_t *b)
{
    return json_equal(a, b) ? 0 : is_kin(a, b) ? COST_PART : COST_OTHER;
}

static int least(int a, int b, int c)
{
    int smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

/* costs[i * (columns + 1) + j]: the cheapest edits that make the rest of `bad` from j on out of the rest of `good` from i on. */
static void fill_costs(const json_t *good, const json_t *bad, size_t rows, size_t columns, int *costs)
{
    size_t width = columns + 1;
    for (size_t i = rows + 1; i-- > 0;)
        for (size_t j = columns + 1; j-- > 0;) {
            int *cost = &costs[i * width + j];
            if (i == rows || j == columns)
                *cost = COST_MOVE * (int)(rows - i + columns - j);
            else
                *cost = least(costs[(i + 1) * width + j + 1] + exchange_cost(json_array_get(good, i), json_array_get(bad, j)),
                              costs[(i + 1) * width + j] + COST_MOVE, costs[i * width + j + 1] + COST_MOVE);
        }
}

static void compare_element(tn_differences *found, size_t index, const json_t *good, const json_t *bad)
{
    enter_index(found, index);
    if (is_kin(good, bad))
        compare(found, good, bad);
    else if (!json_equal(good, bad))
        note(found, CHANGE_SET, bad);
    leave(found);
}

static void note_move(tn_differences *found, change_kind kind, size_t index, const json_t *value)
{
    enter_index(found, index);
    note(found, kind, value);
    leave(found);
}

static void compare_lists(tn_differences *found, const json_t *good, const json_t *bad)
{
    size_t rows = json_array_size(good), columns = json_array_size(bad), width = columns + 1, i = 0, j = 0;
    if (rows > LIST_MAX || columns > LIST_MAX) {
        if (!json_equal(good, bad))
            note(found, CHANGE_SET, bad);
        return;
    }
    int *costs = tn_memory_create((rows + 1) * width, sizeof *costs);
    if (!costs) {
        found->failed = true;
        return;
    }
    fill_costs(good, bad, rows, columns, costs);
    while (i < rows || j < columns) {
        int here = costs[i * width + j];
        const json_t *left = json_array_get(good, i), *right = json_array_get(bad, j);
        if (left && right && here == costs[(i + 1) * width + j + 1] + exchange_cost(left, right)) {
            compare_element(found, i++, left, right);
            j++;
        } else if (right && here == costs[i * width + j + 1] + COST_MOVE) {
            note_move(found, CHANGE_INSERT, i, right);
            j++;
        } else {
            note_move(found, CHANGE_REMOVE, i++, NULL);
        }
    }
    tn_memory_destroy(costs);
}

static void compare(tn_differences *found, const json_t *good, const json_t *bad)
{
    if (found->failed)
        return;
    if (json_is_object(good) && json_is_object(bad))
        compare_objects(found, good, bad);
    else if (json_is_array(good) && json_is_array(bad))
        compare_lists(found, good, bad);
    else if (json_is_number(good) && json_is_number(bad) ? json_number_value(good) != json_number_value(bad) : !json_equal(good, bad))
        note(found, CHANGE_SET, bad);
}

tn_status tn_differences_create(const tn_hypes *good, const tn_hypes *bad, tn_differences **differences, tn_error *error)
{
    *differences = NULL;
    tn_differences *found = tn_memory_create(1, sizeof *found);
    if (!found)
        return tn_fail_memory(error, sizeof *found);
    *found = (tn_differences){.good = good, .bad = bad, .path = json_array()};
    found->failed = !found->path;
    compare(found, good->complete, bad->complete);
    if (found->failed) {
        tn_differences_destroy(found);
        return tn_fail_memory(error, 0);
    }
    *differences = found;
    return TN_OK;
}

void tn_differences_destroy(tn_differences *differences)
{
    if (!differences)
        return;
    for (size_t i = 0; i < differences->count; i++) {
        json_decref(differences->changes[i].path);
        json_decref(differences->changes[i].value);
        json_decref(differences->changes[i].patch);
    }
    free(differences->changes);
    json_decref(differences->path);
    tn_memory_destroy(differences);
}

size_t tn_differences_count(const tn_differences *differences)
{
    return differences->count;
}

const json_t *tn_difference_patch(const tn_differences *differences, size_t index)
{
    return differences->changes[index].patch;
}

/* ---- making ---- */

/* What holds the end of the path in `tree`; *last is that end. */
static json_t *holder_of(json_t *tree, const json_t *path, const json_t **last)
{
    size_t depth = json_array_size(path);
    *last = json_array_get(path, depth - 1);
    for (size_t i = 0; tree && i + 1 < depth; i++) {
        const json_t *part = json_array_get(path, i);
        tree =
            json_is_string(part) ? json_object_get(tree, json_string_value(part)) : json_array_get(tree, (size_t)json_integer_value(part));
    }
    return tree;
}

static bool make(json_t *tree, const change *made)
{
    const json_t *last;
    json_t *holder = holder_of(tree, made->path, &last), *value = made->value ? json_deep_copy(made->value) : NULL;
    size_t index = (size_t)json_integer_value(last);
    if (made->value && !value)
        return false;
    switch (made->kind) {
    case CHANGE_SET:
        return (json_is_string(last) ? json_object_set_new(holder, json_string_value(last), value)
                                     : json_array_set_new(holder, index, value)) == 0;
    case CHANGE_TAKE:
        return json_object_del(holder, json_string_value(last)) == 0;
    case CHANGE_INSERT:
        return json_array_insert_new(holder, index, value) == 0;
    case CHANGE_REMOVE:
        break;
    }
    return json_array_remove(holder, index) == 0;
}

static bool moves(const change *made)
{
    return made->kind == CHANGE_INSERT || made->kind == CHANGE_REMOVE;
}

/* The keys of the root that differ between the trees, as a patch. */
static json_t *root_patch(const json_t *good, const json_t *changed)
{
    json_t *patch = json_object();
    const char *key;
    const json_t *value;
    bool made = patch != NULL;
    json_object_foreach((json_t *)(uintptr_t)changed, key, value) if (made && !json_equal(json_object_get(good, key), value)) made =
        json_object_set(patch, key, (json_t *)(uintptr_t)value) == 0;
    json_object_foreach((json_t *)(uintptr_t)good, key, value) if (made && !json_object_get(changed, key)) made =
        json_object_set_new(patch, key, json_pack("{s:b}", "$remove", 1)) == 0;
    if (made)
        return patch;
    json_decref(patch);
    return NULL;
}

json_t *tn_differences_patch(const tn_differences *differences, const bool *chosen)
{
    json_t *tree = json_deep_copy(differences->good->complete);
    bool made = tree != NULL;
    for (size_t i = 0; made && i < differences->count; i++)
        if (chosen[i] && !moves(&differences->changes[i]))
            made = make(tree, &differences->changes[i]);
    for (size_t i = differences->count; made && i-- > 0;)
        if (chosen[i] && moves(&differences->changes[i]))
            made = make(tree, &differences->changes[i]);
    json_t *patch = made ? root_patch(differences->good->complete, tree) : NULL;
    json_decref(tree);
    return patch;
}

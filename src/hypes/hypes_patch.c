/* hypes_patch.c: applies a patch to a copy of what the user wrote, and checks the result like a file.
 *
 * Replacements and removed keys come first, shallow paths before deep ones, none of which moves a list element; then list elements are inserted and
 * removed, inner lists first and in each list from the end. So every index means the list as it was before the patch. What nodes say in "from" is moved with the nodes (hypes_rewire.c). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "hypes/hypes_internal.h"

enum { TN_PATCH_EDITS_MAX = 1024 };

typedef enum edit_kind { EDIT_SET, EDIT_INSERT, EDIT_REMOVE } edit_kind;

typedef struct edit {
    const char *path;
    json_t *value; /* borrowed; of EDIT_REMOVE nothing */
    edit_kind kind;
    bool moves;   /* inserts or removes a list element, which is done last */
    size_t order; /* in the patch */
    size_t count;
    const char *parts[TN_PATH_PARTS_MAX];
    char buffer[TN_PATH_BYTES_MAX];
} edit;

typedef struct patcher {
    const tn_hypes *base;
    tn_hypes *hypes; /* the copy that is edited */
    edit *edits;
    size_t count;
    tn_error *error;
} patcher;

static tn_status fail_edit(const patcher *p, const edit *e, const char *format, ...) TN_PRINTF(3, 4);

/* `patch of "net.9.units": ...` */
static tn_status fail_edit(const patcher *p, const edit *e, const char *format, ...)
{
    char message[600], pointer[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    size_t used = 0;
    pointer[0] = '\0';
    for (size_t i = 0; i < e->count && used < sizeof pointer; i++) {
        int wrote = snprintf(pointer + used, sizeof pointer - used, "/%s", e->parts[i]);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    tn_fail(p->error, TN_ERROR_HYPES, "patch of \"%.200s\": %s", e->path, message);
    return tn_error_at(p->error, p->base->name, 0, pointer);
}

bool tn_path_split(const char *path, char *buffer, const char *parts[TN_PATH_PARTS_MAX], size_t *count)
{
    size_t length = strlen(path);
    if (length == 0 || length >= TN_PATH_BYTES_MAX)
        return false;
    memcpy(buffer, path, length + 1);
    *count = 0;
    for (char *part = buffer; part;) {
        if (*count == TN_PATH_PARTS_MAX)
            return false;
        parts[(*count)++] = part;
        size_t index;
        bool in_search = *count == 2 && strcmp(parts[0], "search") == 0;
        bool in_level =
            *count == 4 && strcmp(parts[0], "levels") == 0 && tn_parse_index(parts[1], &index) && strcmp(parts[2], "patch") == 0;
        char *dot = in_search || in_level ? NULL : strchr(part, '.');
        if (dot)
            *dot++ = '\0';
        if (!part[0])
            return false;
        part = dot;
    }
    return true;
}

/* Reads one entry of the patch. */
static tn_status read_edit(const patcher *p, edit *e, const char *path, json_t *value)
{
    e->path = path;
    e->value = value;
    e->kind = EDIT_SET;
    if (!tn_path_split(path, e->buffer, e->parts, &e->count)) {
        e->count = 0;
        return fail_edit(p, e, "is no path; write keys and list indices joined by dots, such as solver.learning_rate or net.3.units");
    }
    if (tn_json_too_deep(value, 0))
        return fail_edit(p, e, "the value nests deeper than %d levels", TN_JSON_DEPTH_MAX);
    const char *key;
    json_t *argument;
    json_object_foreach(value, key, argument)
    {
        if (key[0] != '$')
            continue;
        if (json_object_size(value) != 1 || (strcmp(key, "$insert") != 0 && strcmp(key, "$remove") != 0))
            return fail_edit(p, e, "\"%.60s\" is not understood; use {\"$insert\": VALUE} or {\"$remove\": true}, alone", key);
        e->kind = key[1] == 'i' ? EDIT_INSERT : EDIT_REMOVE;
        if (e->kind == EDIT_REMOVE && !json_is_true(argument))
            return fail_edit(p, e, "{\"$remove\": true} takes away; another value than true means nothing");
        e->value = argument;
    }
    return TN_OK;
}

/* a's path leads to something that holds what b's path leads to. */
static bool is_above(const edit *a, const edit *b)
{
    if (a->count >= b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->parts[i], b->parts[i]) != 0)
            return false;
    }
    return true;
}

static tn_status check_conflicts(const patcher *p)
{
    for (size_t i = 0; i < p->count; i++) {
        for (size_t j = 0; j < p->count; j++) {
            const edit *a = &p->edits[i], *b = &p->edits[j];
            if (!is_above(a, b))
                continue;
            size_t index;
            if (a->kind == EDIT_REMOVE)
                return fail_edit(p, b, "the same patch removes \"%.200s\"", a->path);
            if (a->kind == EDIT_SET && b->kind != EDIT_SET && tn_parse_index(b->parts[b->count - 1], &index))
                return fail_edit(p, b, "the same patch replaces \"%.200s\"; change the list in one way only", a->path);
        }
    }
    return TN_OK;
}

static bool is_op(const edit *e)
{
    return e->count == 3 && strcmp(e->parts[0], "net") == 0 && strcmp(e->parts[2], "op") == 0;
}

/* Shallow paths first; "op" before its neighbours, whose keys it decides. */
static int compare_shallow(const void *left, const void *right)
{
    const edit *a = left, *b = right;
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    if (is_op(a) != is_op(b))
        return is_op(a) ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* Deep paths first, then the largest index. */
static int compare_deep(const void *left, const void *right)
{
    const edit *a = left, *b = right;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    size_t i = 0, j = 0;
    tn_parse_index(a->parts[a->count - 1], &i);
    tn_parse_index(b->parts[b->count - 1], &j);
    if (i != j)
        return i > j ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static json_t *child_of(const json_t *container, const char *part)
{
    size_t index;
    if (json_is_array(container))
        return tn_parse_index(part, &index) ? json_array_get(container, index) : NULL;
    return json_object_get(container, part);
}

static bool is_container(const json_t *value)
{
    return json_is_object(value) || json_is_array(value);
}

static bool put(json_t *container, const char *part, json_t *owned)
{
    size_t index;
    if (json_is_array(container) && tn_parse_index(part, &index))
        return json_array_set_new(container, index, owned) == 0;
    return json_object_set_new(container, part, owned) == 0;
}

/* The container of positions below `position`; made where the text held a shorthand or nothing. NULL where all of it came from a patch. */
static bool open_position(json_t **position, const char *part)
{
    json_t *parent = *position;
    size_t index;
    if (!is_container(parent)) {
        *position = NULL;
        return true;
    }
    bool in_list = json_is_array(parent) && tn_parse_index(part, &index);
    json_t *child = in_list ? json_array_get(parent, index + 1) : json_object_get(parent, part);
    if (is_container(child) || json_is_null(child)) {
        *position = json_is_null(child) ? NULL : child;
        return true;
    }
    json_t *made = json_pack("{s:o}", "", child ? json_incref(child) : json_null());
    *position = made;
    return made && (in_list ? json_array_set_new(parent, index + 1, made) : json_object_set_new(parent, part, made)) == 0;
}

/* A program reads the keys that its file has; another one would change nothing, and look as if it had. */
static tn_status fail_unknown(const patcher *p, const edit *e, const json_t *container, const char *part)
{
    const char *names[256];
    size_t count = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)container, key, value)
    {
        if (count < sizeof names / sizeof *names)
            names[count++] = key;
    }
    const char *nearest = tn_nearest_name(part, names, count);
    return fail_edit(p, e, "the file has no \"%.100s\" there%s%.100s%s", part,
                     nearest ? "; did you mean \"" : "; write it into the file first", nearest ? nearest : "", nearest ? "\"?" : "");
}

/* Walks to what holds the last part of an edit, and makes the objects on the way that the user left out. */
static tn_status open_container(const patcher *p, const edit *e, json_t **container, json_t **position)
{
    json_t *at = p->hypes->written;
    const json_t *complete = p->base->complete;
    char path[TN_PATH_BYTES_MAX] = "";
    size_t used = 0;
    *position = p->hypes->position;
    for (size_t i = 0; i + 1 < e->count; i++) {
        used += (size_t)snprintf(path + used, sizeof path - used, "%s%s", i ? "." : "", e->parts[i]);
        json_t *child = child_of(at, e->parts[i]);
        complete = child_of(complete, e->parts[i]);
        if (!child && json_is_array(at))
            return fail_edit(p, e, "there is no \"%.200s\"; the list has %zu elements", path, json_array_size(at));
        if (child && !json_is_null(child) && !is_container(child)) {
            char found[128];
            return fail_edit(p, e, "\"%.200s\" is %s, which has no parts", path, tn_value_found(child, found, sizeof found));
        }
        if (!child && p->base->free)
            return fail_unknown(p, e, at, e->parts[i]);
        if (!open_position(position, e->parts[i]))
            return tn_fail_memory(p->error, 64);
        if (!is_container(child)) {
            child = json_is_array(complete) ? tn_tree_copy(complete) : json_object();
            if (!child || !put(at, e->parts[i], child))
                return tn_fail_memory(p->error, 64);
        }
        at = child;
    }
    *container = at;
    return TN_OK;
}

static bool mark_patched(json_t *position, const char *part)
{
    size_t index;
    if (json_is_array(position))
        return !tn_parse_index(part, &index) || index + 1 >= json_array_size(position) ||
               json_array_set_new(position, index + 1, json_null()) == 0;
    return !json_is_object(position) || json_object_set_new(position, part, json_null()) == 0;
}

/* Another op: what only the old one knows goes, so that a patch may change an op alone. */
static void drop_keys_of_old_op(json_t *node, const json_t *op)
{
    tn_scope_id old = tn_object_selected(TN_SCOPE_node, node);
    tn_scope_id new = json_is_string(op) ? tn_schema_selected(TN_SCOPE_node, json_string_value(op)) : TN_SCOPE_COUNT;
    if (old == TN_SCOPE_COUNT || new == TN_SCOPE_COUNT)
        return;
    const tn_key *key;
    for (size_t i = 0; (key = tn_schema_row(i)); i++) {
        if (key->scope == old && !tn_schema_key(new, TN_SCOPE_COUNT, key->name))
            json_object_del(node, key->name);
    }
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(node, next, name, value)
    {
        if (new != old && tn_is_plugin_argument(old, name, value))
            json_object_del(node, name);
    }
}

static tn_status fail_index(const patcher *p, const edit *e, const json_t *list, bool insert)
{
    return fail_edit(p, e, "the list has %zu elements; expected an index from 0 to %zu%s", json_array_size(list),
                     json_array_size(list) - (insert || json_array_size(list) == 0 ? 0 : 1),
                     insert ? "" : "; {\"$insert\": VALUE} adds elements");
}

/* Replacements, and keys that go. Edits of list elements that move others are left for later. */
static tn_status apply_in_place(const patcher *p, edit *e)
{
    json_t *container = NULL, *position = NULL;
    tn_status status = open_container(p, e, &container, &position);
    if (status != TN_OK)
        return status;
    const char *part = e->parts[e->count - 1];
    size_t index = 0;
    e->moves = json_is_array(container) && e->kind != EDIT_SET;
    if (json_is_array(container)) {
        bool insert = e->kind == EDIT_INSERT;
        if (!tn_parse_index(part, &index) || index >= json_array_size(container) + insert)
            return fail_index(p, e, container, insert);
        if (e->moves)
            return TN_OK;
    }
    if (e->kind == EDIT_INSERT)
        return fail_edit(p, e, "{\"$insert\": VALUE} is for lists; give the value alone to set a key");
    if (e->kind == EDIT_REMOVE) {
        if (!json_object_get(container, part) && !tn_tree_value(p->base->complete, e->path))
            return fail_edit(p, e, "there is nothing to remove");
        json_object_del(container, part);
        json_object_del(position, part);
        return TN_OK;
    }
    if (p->base->free && json_is_object(container) && !json_object_get(container, part))
        return fail_unknown(p, e, container, part);
    if (is_op(e) && !p->base->free)
        drop_keys_of_old_op(container, e->value);
    json_t *copy = tn_tree_copy(e->value);
    if (!copy || !put(container, part, copy) || !mark_patched(position, part))
        return tn_fail_memory(p->error, 64);
    return TN_OK;
}

static tn_status apply_to_list(const patcher *p, const edit *e)
{
    json_t *list = NULL, *position = NULL;
    size_t index = 0;
    tn_status status = open_container(p, e, &list, &position);
    if (status != TN_OK)
        return status;
    tn_parse_index(e->parts[e->count - 1], &index);
    bool positioned = json_is_array(position) && index + 1 <= json_array_size(position);
    if (e->kind == EDIT_REMOVE) {
        json_array_remove(list, index);
        if (positioned)
            json_array_remove(position, index + 1);
        return TN_OK;
    }
    json_t *copy = tn_tree_copy(e->value);
    if (!copy || json_array_insert_new(list, index, copy) != 0 ||
        (positioned && json_array_insert_new(position, index + 1, json_null()) != 0)) {
        return tn_fail_memory(p->error, 64);
    }
    return TN_OK;
}

/* The parts of an edit point into its own buffer, which sorting moves; so they are split once more. */
static void sort_edits(patcher *p, int (*compare)(const void *, const void *))
{
    qsort(p->edits, p->count, sizeof *p->edits, compare);
    for (size_t i = 0; i < p->count; i++)
        tn_path_split(p->edits[i].path, p->edits[i].buffer, p->edits[i].parts, &p->edits[i].count);
}

/* Whether the patch may move nodes, or call them otherwise. One that gives the whole list anew does not: it says all names itself. */
static bool moves_nodes(const patcher *p)
{
    bool moves = false;
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->edits[i].parts[0], "net") != 0)
            continue;
        if (p->edits[i].count == 1)
            return false;
        moves = true;
    }
    return moves && !p->base->free;
}

static tn_status apply_edits(patcher *p)
{
    sort_edits(p, compare_shallow);
    for (size_t i = 0; i < p->count; i++) {
        /* A value that this patch has just put above may be a shorthand still. */
        bool below_new = false;
        for (size_t j = 0; j < i && !below_new; j++)
            below_new = is_above(&p->edits[j], &p->edits[i]);
        tn_status status = below_new && !p->base->free ? tn_hypes_check(p->hypes, p->error) : TN_OK;
        if (status == TN_OK)
            status = apply_in_place(p, &p->edits[i]);
        if (status != TN_OK)
            return status;
    }
    /* A shallow copy: the nodes themselves, in their old order. */
    bool moves = moves_nodes(p);
    json_t *net = json_object_get(p->hypes->written, "net"), *nodes = moves ? json_copy(net) : NULL;
    tn_status status = moves && !nodes ? tn_fail_memory(p->error, 64) : TN_OK;
    sort_edits(p, compare_deep);
    for (size_t i = 0; i < p->count && status == TN_OK; i++)
        status = p->edits[i].moves ? apply_to_list(p, &p->edits[i]) : TN_OK;
    if (status == TN_OK && nodes)
        status = tn_hypes_rewire(json_object_get(p->base->written, "net"), nodes, net, p->error);
    json_decref(nodes);
    return status;
}

static tn_status read_and_apply(patcher *p, const json_t *patch)
{
    const char *path;
    json_t *value;
    size_t i = 0;
    json_object_foreach((json_t *)patch, path, value)
    {
        p->edits[i].order = i;
        tn_status status = read_edit(p, &p->edits[i++], path, value);
        if (status != TN_OK)
            return status;
    }
    tn_status status = check_conflicts(p);
    return status == TN_OK ? apply_edits(p) : status;
}

static tn_status patch_with(const tn_hypes *base, const json_t *patch, bool plans, tn_hypes **patched, tn_error *error)
{
    *patched = NULL;
    if (patch && !json_is_object(patch)) {
        char found[128];
        tn_fail(error, TN_ERROR_HYPES, "a patch is %s; expected an object of paths and values", tn_value_found(patch, found, sizeof found));
        return tn_error_at(error, base->name, 0, NULL);
    }
    size_t count = json_object_size(patch);
    if (count > TN_PATCH_EDITS_MAX) {
        tn_fail(error, TN_ERROR_HYPES, "a patch has %zu entries; at most %d are allowed", count, TN_PATCH_EDITS_MAX);
        return tn_error_at(error, base->name, 0, NULL);
    }
    tn_hypes *hypes = tn_hypes_create(base->name, base->directory);
    patcher p = {.base = base, .hypes = hypes, .count = count, .error = error};
    p.edits = tn_memory_create(count, sizeof *p.edits);
    bool touches_plans = false;
    tn_status status;
    if (!hypes || !p.edits) {
        status = tn_fail_memory(error, count * sizeof *p.edits);
    } else {
        hypes->patched = base->patched || count > 0;
        hypes->free = base->free;
        hypes->written = tn_tree_copy(base->written);
        hypes->position = tn_tree_copy(base->position);
        status = hypes->written && hypes->position ? read_and_apply(&p, patch) : tn_fail_memory(error, 64);
    }
    if (status == TN_OK && !plans && !base->free) {
        json_object_del(hypes->written, "levels");
        json_object_del(hypes->written, "search");
    }
    /* Levels and ranges were tried on the file as read. A patch that moves nodes leaves them as they are, and is not refused for what they would do now. */
    for (size_t i = 0; i < count && status == TN_OK && !touches_plans; i++)
        touches_plans = strcmp(p.edits[i].parts[0], "levels") == 0 || strcmp(p.edits[i].parts[0], "search") == 0;
    if (status == TN_OK)
        status = tn_hypes_finish(hypes, plans && touches_plans, error);
    tn_memory_destroy(p.edits);
    if (status != TN_OK) {
        tn_hypes_destroy(hypes);
        return status;
    }
    *patched = hypes;
    return TN_OK;
}

tn_status tn_hypes_patch(const tn_hypes *base, const json_t *patch, tn_hypes **patched, tn_error *error)
{
    return patch_with(base, patch, true, patched, error);
}

tn_status tn_hypes_try_patch(const tn_hypes *base, const json_t *patch, tn_hypes **patched, tn_error *error)
{
    return patch_with(base, patch, false, patched, error);
}

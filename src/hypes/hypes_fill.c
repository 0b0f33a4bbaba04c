/* hypes_fill.c: the complete tree of a checked one: every default filled in, keys in the order of the schema. Leaves are shared with the checked tree;
 * neither is changed afterwards. */
#include <string.h>

#include "hypes/hypes_internal.h"

/* What defaults may depend on beside the object itself. */
typedef struct filler {
    const tn_hypes *hypes;
    json_t *inherited[2]; /* the file's complete init and bias_init, which nodes take what is absent from; NULL until they are made */
    tn_error *error;
    tn_status failed; /* why a function returned NULL */
} filler;

static json_t *fill_object(filler *f, tn_scope_id scope, const json_t *given, const json_t *inherited, const tn_place *place);

static json_t *memory_failure(filler *f)
{
    f->failed = tn_fail_memory(f->error, 64);
    return NULL;
}

static json_t *from_text(filler *f, const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    return value ? value : memory_failure(f);
}

/* The argument of a scheme, where this key is it. An inherited object that has the same scheme gives its own. */
static json_t *scheme_argument(filler *f, const char *key, const json_t *given, const json_t *inherited, bool *absent)
{
    const json_t *own = json_object_get(given, "scheme"), *other = json_object_get(inherited, "scheme");
    const char *fallback;
    const json_t *scheme = own ? own : other;
    /* A file without a scheme has the default one, which takes no argument. */
    const char *argument = scheme ? tn_schema_scheme_argument(json_string_value(scheme), &fallback) : "";
    if (strcmp(argument, key) != 0) {
        *absent = true;
        return NULL;
    }
    json_t *value = other && json_equal(scheme, other) ? json_object_get(inherited, key) : NULL;
    return value ? json_incref(value) : from_text(f, fallback);
}

/* The default of a key that the user did not write. NULL: absent, or failed with the error set. */
static json_t *fill_default(filler *f, const tn_key *key, tn_scope_id selected, const json_t *given, const json_t *inherited,
                            const tn_place *place, bool *absent)
{
    const char *fallback = key->fallback;
    *absent = false;
    if (!fallback) {
        char path[256];
        tn_text expected;
        tn_text_init(&expected);
        tn_schema_describe(key, &expected);
        if (expected.failed) {
            f->failed = tn_fail_memory(f->error, 256);
        } else {
            f->failed = tn_place_fail(f->hypes, place, f->error, "%s has no \"%s\"; expected %s", tn_place_path(place, path, sizeof path),
                                      key->name, expected.data);
        }
        tn_text_deinit(&expected);
        return NULL;
    }
    if (strcmp(fallback, TN_BY_SCHEME) == 0)
        return scheme_argument(f, key->name, given, inherited, absent);
    if (strcmp(key->name, "scheme") == 0 && inherited)
        return json_incref(json_object_get(inherited, "scheme"));
    if (strcmp(fallback, TN_BY_OPTIMIZER) == 0) {
        const char *optimizer = json_string_value(json_object_get(given, "opt"));
        return from_text(f, tn_schema_optimizer_default(optimizer ? optimizer : "sgd", key->name));
    }
    if (strcmp(fallback, TN_BY_SIZE) == 0) {
        json_t *size = json_object_get(given, "size");
        return size ? json_incref(size) : from_text(f, tn_schema_key(selected, TN_SCOPE_COUNT, "size")->fallback);
    }
    if (strcmp(fallback, TN_BY_OP) == 0) {
        tn_op_weights weights = tn_schema_scope(selected)->weights;
        *absent = weights == TN_NO_WEIGHTS || (weights == TN_GAINS && key->types & TN_OBJECT);
        return *absent ? NULL : from_text(f, key->types & TN_BOOLEAN ? "true" : "{}");
    }
    *absent = fallback[0] == '\0' || fallback[0] == '=';
    return *absent ? NULL : from_text(f, fallback);
}

static json_t *fill_list(filler *f, tn_scope_id scope, const json_t *given, const tn_place *place)
{
    json_t *list = json_array();
    if (!list)
        return memory_failure(f);
    for (size_t i = 0; i < json_array_size(given); i++) {
        tn_place here = {place, NULL, i};
        json_t *element = fill_object(f, scope, json_array_get(given, i), NULL, &here);
        if (!element || json_array_append_new(list, element) != 0) {
            if (element)
                memory_failure(f);
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* A value with its own defaults filled in; takes the reference. */
static json_t *fill_value(filler *f, const tn_key *key, json_t *value, const tn_place *place)
{
    json_t *filled = value;
    if ((key->types & TN_OBJECT) && json_is_object(value)) {
        const json_t *inherited = NULL;
        if (key->scope == TN_SCOPE_node)
            inherited = f->inherited[strcmp(key->name, "bias_init") == 0];
        filled = fill_object(f, tn_schema_find_scope(key->names), value, inherited, place);
        json_decref(value);
    } else if ((key->types & TN_LIST) && json_is_array(value)) {
        filled = fill_list(f, tn_schema_find_scope(key->names), value, place);
        json_decref(value);
    }
    return filled;
}

/* `inherited`: a complete object that gives defaults in place of the schema's, or NULL. */
static json_t *fill_object(filler *f, tn_scope_id scope, const json_t *given, const json_t *inherited, const tn_place *place)
{
    json_t *object = json_object();
    if (!object)
        return memory_failure(f);
    tn_scope_id selected = tn_object_selected(scope, given);
    tn_keys list;
    tn_schema_keys(scope, selected, &list);
    for (size_t i = 0; i < list.count; i++) {
        const tn_key *key = list.keys[i];
        tn_place here = {place, key->name, 0};
        json_t *value = json_incref(json_object_get(given, key->name));
        bool absent = false;
        if (json_is_null(value) && key->fallback && strcmp(key->fallback, TN_BY_SIZE) == 0) {
            json_decref(value);
            value = NULL;
        }
        if (!value) {
            value = fill_default(f, key, selected, given, inherited, place, &absent);
            if (absent)
                continue;
        }
        value = value ? fill_value(f, key, value, &here) : NULL;
        if (!value || json_object_set_new(object, key->name, value) != 0) {
            if (value)
                memory_failure(f);
            json_decref(object);
            return NULL;
        }
    }
    const char *name;
    json_t *argument;
    json_object_foreach((json_t *)given, name, argument)
    {
        if (tn_is_plugin_argument(selected, name, argument) && json_object_set(object, name, argument) != 0) {
            json_decref(object);
            return memory_failure(f);
        }
    }
    return object;
}

tn_status tn_hypes_fill(tn_hypes *hypes, tn_error *error)
{
    filler f = {.hypes = hypes, .error = error};
    tn_place init_place = {NULL, "init", 0}, bias_place = {NULL, "bias_init", 0};
    f.inherited[0] = fill_object(&f, TN_SCOPE_init, json_object_get(hypes->written, "init"), NULL, &init_place);
    if (f.inherited[0])
        f.inherited[1] = fill_object(&f, TN_SCOPE_bias_init, json_object_get(hypes->written, "bias_init"), NULL, &bias_place);
    if (f.inherited[1]) {
        json_decref(hypes->complete);
        hypes->complete = fill_object(&f, TN_SCOPE_root, hypes->written, NULL, NULL);
    }
    json_decref(f.inherited[0]);
    json_decref(f.inherited[1]);
    return hypes->complete ? TN_OK : f.failed;
}

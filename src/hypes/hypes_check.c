/* hypes_check.c: is each value of a hypes tree what the schema allows? Normalises on the way, so that later readers meet one form only: shorthands become
 * objects, one number becomes a pair, 64.0 becomes 64 where a whole number is due. It does not care what is missing (hypes_fill.c) nor whether
 * values fit each other (hypes_net.c, hypes_plan.c). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hypes/hypes_internal.h"

static tn_status check_object(const tn_hypes *hypes, tn_scope_id scope, json_t *object, const tn_place *place, tn_error *error);

tn_scope_id tn_object_selected(tn_scope_id scope, const json_t *object)
{
    const char *selector = tn_schema_scope(scope)->selector;
    const char *value = selector ? json_string_value(json_object_get(object, selector)) : NULL;
    return value ? tn_schema_selected(scope, value) : TN_SCOPE_COUNT;
}

bool tn_json_too_deep(const json_t *value, int depth)
{
    if (depth > TN_JSON_DEPTH_MAX)
        return true;
    if (json_is_object(value)) {
        const char *key;
        json_t *child;
        json_object_foreach((json_t *)value, key, child)
        {
            if (tn_json_too_deep(child, depth + 1))
                return true;
        }
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (tn_json_too_deep(json_array_get(value, i), depth + 1))
            return true;
    }
    return false;
}

/* The key that a bare value in place of an object stands for, or NULL. */
static const tn_key *bare_key(const tn_key *key)
{
    tn_scope_id scope = tn_schema_find_scope(key->names);
    const char *shorthand = tn_schema_scope(scope)->shorthand;
    return shorthand ? tn_schema_key(scope, TN_SCOPE_COUNT, shorthand) : NULL;
}

/* `units is the string "many"; expected a whole number of at least 1; did you mean ...?` */
static tn_status fail_value(const tn_hypes *hypes, const tn_key *key, const json_t *value, const tn_place *place, tn_error *error)
{
    char path[256], found[128];
    tn_place_path(place, path, sizeof path);
    tn_value_found(value, found, sizeof found);
    tn_names names = {0};
    const tn_key *named = key->types & TN_OBJECT ? bare_key(key) : key;
    if (named && (named->types & TN_NAME))
        tn_schema_names(named->names, &names);
    const char *word = json_string_value(value);
    const char *nearest = word ? tn_nearest_name(word, names.names, names.count) : NULL;
    tn_text expected;
    tn_text_init(&expected);
    tn_schema_describe(key, &expected);
    tn_status status;
    if (expected.failed) {
        status = tn_fail_memory(error, 256);
    } else if (nearest) {
        status = tn_place_fail(hypes, place, error, "%s is %s; did you mean \"%s\"? Expected %s", path, found, nearest, expected.data);
    } else {
        status = tn_place_fail(hypes, place, error, "%s is %s; expected %s", path, found, expected.data);
    }
    tn_text_deinit(&expected);
    return status;
}

/* A whole number that fits a long long: an integer, or a real without a fraction. */
static bool is_whole(const json_t *value, json_int_t *whole)
{
    if (json_is_integer(value)) {
        *whole = json_integer_value(value);
        return true;
    }
    double real = json_real_value(value);
    if (json_is_real(value) && real == trunc(real) && fabs(real) < 9.0e15) {
        *whole = (json_int_t)real;
        return true;
    }
    return false;
}

static bool in_bounds(const tn_key *key, double value)
{
    tn_interval interval = tn_schema_interval(key->bounds);
    return isfinite(value) && tn_interval_contains(&interval, value);
}

/* A string that is long and printable enough. Bounds count its bytes where the key takes no number. */
static bool is_good_string(const tn_key *key, const json_t *value)
{
    const char *text = json_string_value(value);
    if (!text || !text[0])
        return false;
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if ((*at < ' ' && *at != '\t') || *at == 127)
            return false;
    }
    bool counts = !(key->types & (TN_NUMBER | TN_INTEGER | TN_STRINGS | TN_NAME));
    return !counts || in_bounds(key, (double)json_string_length(value));
}

/* Replaces a scalar that is fine by its normal form (NULL: as it is). */
static bool accept_scalar(const tn_key *key, json_t *value, json_t **normal, bool *memory)
{
    json_int_t whole;
    if ((key->types & TN_NULL) && json_is_null(value))
        return true;
    if ((key->types & TN_BOOLEAN) && json_is_boolean(value))
        return true;
    if ((key->types & TN_NUMBER) && json_is_number(value))
        return in_bounds(key, json_number_value(value));
    if ((key->types & TN_INTEGER) && !(key->types & TN_LIMITS) && is_whole(value, &whole)) {
        if (json_is_real(value)) {
            *normal = json_integer(whole);
            *memory = !*normal;
        }
        return in_bounds(key, (double)whole);
    }
    if ((key->types & TN_NAME) && json_is_string(value)) {
        tn_names names;
        tn_schema_names(key->names, &names);
        if (tn_names_contain(&names, json_string_value(value)))
            return true;
    }
    return (key->types & TN_STRING) && is_good_string(key, value);
}

/* One number or two of them become [h, w]. */
static bool accept_pair(const tn_key *key, const json_t *value, json_t **normal, bool *memory)
{
    json_int_t sides[2];
    if (json_is_array(value) && json_array_size(value) == 2) {
        if (!is_whole(json_array_get(value, 0), &sides[0]) || !is_whole(json_array_get(value, 1), &sides[1]))
            return false;
    } else if (is_whole(value, &sides[0])) {
        sides[1] = sides[0];
    } else {
        return false;
    }
    if (!in_bounds(key, (double)sides[0]) || !in_bounds(key, (double)sides[1]))
        return false;
    *normal = json_pack("[I, I]", sides[0], sides[1]);
    *memory = !*normal;
    return true;
}

static bool accept_limits(const tn_key *key, const json_t *value)
{
    const json_t *low = json_array_get(value, 0), *high = json_array_get(value, 1);
    json_int_t whole;
    if (json_array_size(value) != 2 || !json_is_number(low) || !json_is_number(high))
        return false;
    if ((key->types & TN_INTEGER) && (!is_whole(low, &whole) || !is_whole(high, &whole)))
        return false;
    return in_bounds(key, json_number_value(low)) && in_bounds(key, json_number_value(high));
}

/* A list of scalars. Its elements keep their form, but for whole numbers written as reals. */
static tn_status check_elements(const tn_hypes *hypes, const tn_key *key, json_t *list, const tn_place *place, tn_error *error)
{
    bool numbers = key->types & (TN_INTEGERS | TN_COLUMNS | TN_DIMENSIONS), words = key->types & (TN_STRINGS | TN_COLUMNS);
    if (json_array_size(list) == 0) {
        char path[256];
        return tn_place_fail(hypes, place, error, "%s is an empty list; give at least one element",
                             tn_place_path(place, path, sizeof path));
    }
    bool is_shape = key->types & TN_DIMENSIONS;
    tn_interval length = tn_schema_interval(is_shape ? "[1, 4]" : key->types & (TN_STRINGS | TN_VALUES) ? key->bounds : "");
    if (!tn_interval_contains(&length, (double)json_array_size(list))) {
        char path[256];
        return tn_place_fail(hypes, place, error, "%s has %zu elements; at most %g are allowed", tn_place_path(place, path, sizeof path),
                             json_array_size(list), length.high);
    }
    for (size_t i = 0; i < json_array_size(list) && !(key->types & TN_VALUES); i++) {
        json_t *element = json_array_get(list, i);
        tn_place here = {place, NULL, i};
        char path[256], found[128];
        json_int_t whole = 0;
        bool is_number = numbers && is_whole(element, &whole) && in_bounds(key, (double)whole);
        if (!is_number && !(words && is_good_string(key, element))) {
            return tn_place_fail(hypes, &here, error, "%s is %s; expected %s", tn_place_path(&here, path, sizeof path),
                                 tn_value_found(element, found, sizeof found),
                                 numbers && words ? "a name or a whole number"
                                 : numbers        ? "a whole number of at least 0"
                                                  : "a name");
        }
        if (is_number && json_is_real(element) && json_array_set_new(list, i, json_integer(whole)) != 0)
            return tn_fail_memory(error, sizeof whole);
        /* A node may take the same input twice; a class or a column twice is a slip. */
        for (size_t j = 0; j < i && numbers && !is_shape; j++) {
            if (json_equal(json_array_get(list, j), json_array_get(list, i))) {
                return tn_place_fail(hypes, &here, error, "%s is %s, which element %zu is already; each may stand once",
                                     tn_place_path(&here, path, sizeof path), tn_value_found(element, found, sizeof found), j);
            }
        }
    }
    return TN_OK;
}

static tn_status check_list_of_objects(const tn_hypes *hypes, const tn_key *key, json_t *list, const tn_place *place, tn_error *error)
{
    char path[256], found[128];
    if (!in_bounds(key, (double)json_array_size(list))) {
        tn_interval interval = tn_schema_interval(key->bounds);
        return tn_place_fail(hypes, place, error, "%s has %zu elements; expected %g to %g", tn_place_path(place, path, sizeof path),
                             json_array_size(list), interval.low, interval.high);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *element = json_array_get(list, i);
        tn_place here = {place, NULL, i};
        if (!json_is_object(element)) {
            return tn_place_fail(hypes, &here, error, "%s is %s; expected an object", tn_place_path(&here, path, sizeof path),
                                 tn_value_found(element, found, sizeof found));
        }
        tn_status status = check_object(hypes, tn_schema_find_scope(key->names), element, &here, error);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

static tn_status check_ranges(const tn_hypes *hypes, const tn_key *key, json_t *ranges, const tn_place *place, tn_error *error)
{
    const char *path;
    json_t *range;
    json_object_foreach(ranges, path, range)
    {
        tn_place here = {place, path, 0};
        char text[256], found[128];
        if (!json_is_object(range) || json_object_size(range) != 1) {
            return tn_place_fail(hypes, &here, error,
                                 "%s is %s; expected an object with one key: \"log_uniform\", \"uniform\", \"int_uniform\" or \"choice\"",
                                 tn_place_path(&here, text, sizeof text), tn_value_found(range, found, sizeof found));
        }
        tn_status status = check_object(hypes, tn_schema_find_scope(key->names), range, &here, error);
        if (status != TN_OK)
            return status;
        const json_t *limits = json_object_iter_value(json_object_iter(range));
        if (!json_object_get(range, "choice") &&
            !(json_number_value(json_array_get(limits, 0)) < json_number_value(json_array_get(limits, 1)))) {
            return tn_place_fail(hypes, &here, error, "%s has a lower limit that is not below the upper one; write [low, high]",
                                 tn_place_path(&here, text, sizeof text));
        }
    }
    return TN_OK;
}

/* A bare value in place of an object: {shorthand: value}. NULL where memory is out. */
static json_t *expand(const char *shorthand, json_t *value)
{
    json_t *object = json_object();
    if (object && json_object_set(object, shorthand, value) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* *normal: a new reference that has to replace the value, or NULL. */
static tn_status check_value(const tn_hypes *hypes, const tn_key *key, json_t *value, const tn_place *place, json_t **normal,
                             tn_error *error)
{
    *normal = NULL;
    bool memory = false;
    unsigned types = key->types;
    if ((types & TN_PAIR) && !json_is_null(value)) {
        bool good = accept_pair(key, value, normal, &memory);
        return memory ? tn_fail_memory(error, 64) : good ? TN_OK : fail_value(hypes, key, value, place, error);
    }
    if (json_is_array(value)) {
        if (types & TN_LIST)
            return check_list_of_objects(hypes, key, value, place, error);
        if ((types & TN_LIMITS) && accept_limits(key, value))
            return TN_OK;
        if (types & (TN_INTEGERS | TN_STRINGS | TN_COLUMNS | TN_VALUES | TN_DIMENSIONS))
            return check_elements(hypes, key, value, place, error);
        return fail_value(hypes, key, value, place, error);
    }
    if (json_is_object(value)) {
        if (types & TN_OBJECT)
            return check_object(hypes, tn_schema_find_scope(key->names), value, place, error);
        if (types & TN_RANGES)
            return check_ranges(hypes, key, value, place, error);
        return types & TN_PATCH ? TN_OK : fail_value(hypes, key, value, place, error);
    }
    if ((types & TN_OBJECT) && !(json_is_null(value) && (types & TN_NULL))) {
        const tn_key *bare = bare_key(key);
        json_t *inner = NULL;
        if (!bare || !accept_scalar(bare, value, &inner, &memory)) {
            json_decref(inner);
            return fail_value(hypes, key, value, place, error);
        }
        *normal = memory ? NULL : expand(bare->name, inner ? inner : value);
        json_decref(inner);
        return *normal ? TN_OK : tn_fail_memory(error, 64);
    }
    if (accept_scalar(key, value, normal, &memory))
        return memory ? tn_fail_memory(error, 64) : TN_OK;
    json_decref(*normal);
    *normal = NULL;
    return fail_value(hypes, key, value, place, error);
}

/* "lr" are the initials of learning_rate. */
static bool is_initials(const char *word, const char *name)
{
    for (const char *at = name; at; at = strchr(at, '_')) {
        at += *at == '_';
        if (!*word || *word++ != *at)
            return false;
    }
    return !*word && strchr(name, '_');
}

/* A key that is spelled nearly so, or what people shorten or lengthen: "optimizer" for opt, "lr" for learning_rate. NULL where there is none. */
static const char *nearest_key(const char *word, const tn_names *names)
{
    const char *nearest = tn_nearest_name(word, names->names, names->count);
    for (size_t i = 0; i < names->count && !nearest; i++) {
        size_t word_length = strlen(word), name_length = strlen(names->names[i]);
        size_t shorter = word_length < name_length ? word_length : name_length;
        if ((shorter >= 3 && strncmp(word, names->names[i], shorter) == 0) || is_initials(word, names->names[i]))
            nearest = names->names[i];
    }
    return nearest;
}

/* `unknown key "lerning_rate"; did you mean "learning_rate"?` */
static tn_status fail_key(const tn_hypes *hypes, tn_scope_id scope, tn_scope_id selected, const char *word, const tn_place *place,
                          tn_error *error)
{
    char shown[64];
    tn_show_string(word, shown, sizeof shown);
    tn_names names;
    tn_schema_key_names(scope, selected, &names);
    const char *nearest = nearest_key(word, &names);
    if (nearest)
        return tn_place_fail(hypes, place, error, "unknown key \"%s\"; did you mean \"%s\"?", shown, nearest);
    tn_text known;
    tn_text_init(&known);
    for (size_t i = 0; i < names.count; i++)
        tn_text_addf(&known, "%s\"%s\"", i == 0 ? "" : ", ", names.names[i]);
    tn_status status = known.failed ? tn_fail_memory(error, 256)
                                    : tn_place_fail(hypes, place, error, "unknown key \"%s\"; the keys here are %s", shown,
                                                    known.data ? known.data : "none");
    tn_text_deinit(&known);
    return status;
}

bool tn_is_plugin_argument(tn_scope_id selected, const char *key, const json_t *value)
{
    bool is_number = json_is_number(value) || json_is_boolean(value);
    return selected == TN_SCOPE_op_plugin && is_number && !tn_schema_key(TN_SCOPE_node, selected, key);
}

static tn_status check_object(const tn_hypes *hypes, tn_scope_id scope, json_t *object, const tn_place *place, tn_error *error)
{
    /* {"plugin": "swish.so"} is a node without its "op". */
    if (scope == TN_SCOPE_node && json_object_get(object, "plugin") && !json_object_get(object, "op") &&
        json_object_set_new(object, "op", json_string("plugin")) != 0)
        return tn_fail_memory(error, 64);
    /* The selector first, since it decides which other keys there are. */
    const char *selector = tn_schema_scope(scope)->selector;
    json_t *selection = selector ? json_object_get(object, selector) : NULL;
    tn_scope_id selected = tn_object_selected(scope, object);
    if (selection && selected == TN_SCOPE_COUNT) {
        tn_place here = {place, selector, 0};
        return fail_value(hypes, tn_schema_key(scope, TN_SCOPE_COUNT, selector), selection, &here, error);
    }
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        tn_place here = {place, name, 0};
        if (selector && !selection && scope == TN_SCOPE_node) {
            break; /* without "op" nobody knows the keys: hypes_fill.c tells that it is missing */
        }
        if (!tn_schema_key(scope, selected, name) && !tn_is_plugin_argument(selected, name, value))
            return fail_key(hypes, scope, selected, name, &here, error);
    }
    tn_keys list;
    tn_schema_keys(scope, selected, &list);
    for (size_t i = 0; i < list.count; i++) {
        const tn_key *key = list.keys[i];
        value = json_object_get(object, key->name);
        if (!value)
            continue;
        tn_place here = {place, key->name, 0};
        json_t *normal;
        tn_status status = check_value(hypes, key, value, &here, &normal, error);
        if (status != TN_OK)
            return status;
        if (normal && json_object_set_new(object, key->name, normal) != 0)
            return tn_fail_memory(error, 64);
    }
    return TN_OK;
}

tn_status tn_hypes_check(tn_hypes *hypes, tn_error *error)
{
    if (!json_is_object(hypes->written)) {
        char found[128];
        return tn_place_fail(hypes, NULL, error, "the file holds %s; expected an object, { ... }",
                             tn_value_found(hypes->written, found, sizeof found));
    }
    return check_object(hypes, TN_SCOPE_root, hypes->written, NULL, error);
}

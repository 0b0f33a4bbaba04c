/* schema.c: the table of keys as C arrays, and the questions that the other files ask of it. Knows nothing of any one hypes file. */
#include "hypes/schema.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hypes/hypes.h"

/* clang-format off */
static const tn_scope scopes[] = {
#define TN_SCOPE(id, path, shorthand, selector, title) {#id, path, shorthand, selector, title, TN_NO_WEIGHTS},
#define TN_OP(id, weights, title)                      {"op_" #id, #id, NULL, NULL, title, weights},
#define TN_FORMAT(id, title)                           {"format_" #id, #id, NULL, NULL, title, TN_NO_WEIGHTS},
#include "hypes/schema.def"
};

static const tn_key keys[] = {
#define TN_KEY(scope, name, types, bounds, names, fallback, unit, help) {TN_SCOPE_##scope, name, types, bounds, names, fallback, unit, help},
#include "hypes/schema.def"
};

#define TN_NAME_AND_COMMA(id, ...) #id,
static const char *const op_names[] = {
#define TN_OP TN_NAME_AND_COMMA
#include "hypes/schema.def"
};
static const char *const format_names[] = {
#define TN_FORMAT TN_NAME_AND_COMMA
#include "hypes/schema.def"
};
static const char *const loss_names[] = {
#define TN_LOSS TN_NAME_AND_COMMA
#include "hypes/schema.def"
};
static const char *const optimizer_names[] = {
#define TN_OPTIMIZER TN_NAME_AND_COMMA
#include "hypes/schema.def"
};
static const char *const scheme_names[] = {
#define TN_SCHEME TN_NAME_AND_COMMA
#include "hypes/schema.def"
};

static const char *const op_titles[] = {
#define TN_OP(id, weights, title) title,
#include "hypes/schema.def"
};
static const char *const format_titles[] = {
#define TN_FORMAT(id, title) title,
#include "hypes/schema.def"
};
static const char *const loss_titles[] = {
#define TN_LOSS(id, title) title,
#include "hypes/schema.def"
};
static const char *const optimizer_titles[] = {
#define TN_OPTIMIZER(id, learning_rate, epsilon, rho, title) title,
#include "hypes/schema.def"
};
static const char *const scheme_titles[] = {
#define TN_SCHEME(id, argument, fallback, title) title,
#include "hypes/schema.def"
};

static const struct {
    const char *learning_rate, *epsilon, *rho;
} optimizer_defaults[] = {
#define TN_OPTIMIZER(id, learning_rate, epsilon, rho, title) {learning_rate, epsilon, rho},
#include "hypes/schema.def"
};

static const struct {
    const char *argument, *fallback;
} scheme_arguments[] = {
#define TN_SCHEME(id, argument, fallback, title) {argument, fallback},
#include "hypes/schema.def"
};
/* clang-format on */

#define TN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *set;
    const char *const *names, *const *titles;
    size_t count;
} sets[] = {
    {"@op", op_names, op_titles, TN_COUNT(op_names)},
    {"@format", format_names, format_titles, TN_COUNT(format_names)},
    {"@loss", loss_names, loss_titles, TN_COUNT(loss_names)},
    {"@optimizer", optimizer_names, optimizer_titles, TN_COUNT(optimizer_names)},
    {"@scheme", scheme_names, scheme_titles, TN_COUNT(scheme_names)},
};

size_t tn_hypes_op_names(const char *const **names)
{
    *names = op_names;
    return TN_COUNT(op_names);
}

size_t tn_hypes_loss_names(const char *const **names)
{
    *names = loss_names;
    return TN_COUNT(loss_names);
}

size_t tn_hypes_optimizer_names(const char *const **names)
{
    *names = optimizer_names;
    return TN_COUNT(optimizer_names);
}

size_t tn_hypes_scheme_names(const char *const **names)
{
    *names = scheme_names;
    return TN_COUNT(scheme_names);
}

const tn_scope *tn_schema_scope(tn_scope_id id)
{
    return &scopes[id];
}

tn_scope_id tn_schema_find_scope(const char *name)
{
    for (size_t i = 0; i < TN_COUNT(scopes); i++) {
        if (strcmp(scopes[i].name, name) == 0)
            return (tn_scope_id)i;
    }
    return TN_SCOPE_COUNT;
}

tn_scope_id tn_schema_selected(tn_scope_id scope, const char *value)
{
    const char *selector = scopes[scope].selector;
    size_t length = selector ? strlen(selector) : 0;
    for (size_t i = 0; selector && i < TN_COUNT(scopes); i++) {
        const char *name = scopes[i].name;
        if (strncmp(name, selector, length) == 0 && name[length] == '_' && strcmp(name + length + 1, value) == 0)
            return (tn_scope_id)i;
    }
    return TN_SCOPE_COUNT;
}

const tn_key *tn_schema_row(size_t index)
{
    return index < TN_COUNT(keys) ? &keys[index] : NULL;
}

const tn_key *tn_schema_key(tn_scope_id scope, tn_scope_id selected, const char *name)
{
    for (size_t i = 0; i < TN_COUNT(keys); i++) {
        if ((keys[i].scope == scope || keys[i].scope == selected) && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

static bool is_selector(const tn_key *key)
{
    const char *selector = scopes[key->scope].selector;
    return selector && strcmp(selector, key->name) == 0;
}

void tn_schema_keys(tn_scope_id scope, tn_scope_id selected, tn_keys *list)
{
    list->count = 0;
    for (int pass = 0; pass < 3; pass++) {
        for (size_t i = 0; i < TN_COUNT(keys); i++) {
            const tn_key *key = &keys[i];
            if (key->scope != scope && key->scope != selected)
                continue;
            int own_pass = key->scope == selected ? 1 : is_selector(key) ? 0 : 2;
            if (own_pass == pass && list->count < TN_NAMES_MAX)
                list->keys[list->count++] = key;
        }
    }
}

void tn_schema_key_names(tn_scope_id scope, tn_scope_id selected, tn_names *names)
{
    tn_keys list;
    tn_schema_keys(scope, selected, &list);
    names->count = list.count;
    for (size_t i = 0; i < list.count; i++)
        names->names[i] = list.keys[i]->name;
}

void tn_schema_names(const char *set, tn_names *names)
{
    names->count = 0;
    for (size_t i = 0; i < TN_COUNT(sets); i++) {
        if (strcmp(sets[i].set, set) == 0) {
            while (names->count < sets[i].count && names->count < TN_NAMES_MAX) {
                names->names[names->count] = sets[i].names[names->count];
                names->count++;
            }
            return;
        }
    }
    size_t length = strlen(set);
    if (length == 0 || length >= sizeof(names->storage))
        return;
    memcpy(names->storage, set, length + 1);
    for (char *word = names->storage; word && names->count < TN_NAMES_MAX;) {
        names->names[names->count++] = word;
        word = strchr(word, '|');
        if (word)
            *word++ = '\0';
    }
}

bool tn_names_contain(const tn_names *names, const char *word)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], word) == 0)
            return true;
    }
    return false;
}

tn_interval tn_schema_interval(const char *bounds)
{
    tn_interval interval = {-INFINITY, INFINITY, false, false};
    if (bounds[0]) {
        char *end;
        interval.low_open = bounds[0] == '(';
        interval.low = strtod(bounds + 1, &end);
        interval.high = strtod(end + 1, &end);
        interval.high_open = *end == ')';
    }
    return interval;
}

bool tn_interval_contains(const tn_interval *interval, double value)
{
    bool above = interval->low_open ? value > interval->low : value >= interval->low;
    bool below = interval->high_open ? value < interval->high : value <= interval->high;
    return above && below;
}

const char *tn_schema_optimizer_default(const char *optimizer, const char *key)
{
    for (size_t i = 0; i < TN_COUNT(optimizer_names); i++) {
        if (strcmp(optimizer_names[i], optimizer) == 0)
            return strcmp(key, "learning_rate") == 0 ? optimizer_defaults[i].learning_rate
                   : strcmp(key, "epsilon") == 0     ? optimizer_defaults[i].epsilon
                   : strcmp(key, "rho") == 0         ? optimizer_defaults[i].rho
                                                     : NULL;
    }
    return NULL;
}

const char *tn_schema_scheme_argument(const char *scheme, const char **fallback)
{
    for (size_t i = 0; i < TN_COUNT(scheme_names); i++) {
        if (strcmp(scheme_names[i], scheme) == 0) {
            *fallback = scheme_arguments[i].fallback;
            return scheme_arguments[i].argument;
        }
    }
    *fallback = "";
    return "";
}

const char *tn_schema_title(const char *set, size_t index)
{
    for (size_t i = 0; i < TN_COUNT(sets); i++) {
        if (strcmp(sets[i].set, set) == 0 && index < sets[i].count)
            return sets[i].titles[index];
    }
    return NULL;
}

/* " above 0", " of at least 0", " from 1 to 10", " in [0, 1)", or nothing. */
static void describe_interval(const char *bounds, tn_text *text)
{
    tn_interval interval = tn_schema_interval(bounds);
    char low[32], high[32];
    tn_number_format(low, interval.low, 12);
    tn_number_format(high, interval.high, 12);
    if (isinf(interval.low))
        return;
    if (isinf(interval.high))
        tn_text_addf(text, interval.low_open ? " above %s" : " of at least %s", low);
    else if (interval.low_open || interval.high_open)
        tn_text_addf(text, " in %s", bounds);
    else
        tn_text_addf(text, " from %s to %s", low, high);
}

static void describe_names(const tn_key *key, tn_text *text)
{
    tn_names names;
    tn_schema_names(key->names, &names);
    for (size_t i = 0; i < names.count; i++)
        tn_text_addf(text, "%s\"%s\"", i == 0 ? "" : i + 1 == names.count ? " or " : ", ", names.names[i]);
}

void tn_schema_describe(const tn_key *key, tn_text *text)
{
    unsigned types = key->types;
    const char *separator = "";
    if (types & TN_NAME) {
        describe_names(key, text);
        separator = ", or ";
    }
    if (types & TN_OBJECT) {
        const tn_scope *scope = tn_schema_scope(tn_schema_find_scope(key->names));
        if (scope->shorthand) {
            const tn_key *bare = tn_schema_key(tn_schema_find_scope(key->names), TN_SCOPE_COUNT, scope->shorthand);
            tn_text_add(text, separator);
            tn_schema_describe(bare, text);
            separator = ", or ";
        }
        tn_text_addf(text, "%san object", separator);
        separator = ", or ";
    }
    /* clang-format off */
    static const struct {
        unsigned type;
        const char *words;
        bool bounded;
    } phrases[] = {
        {TN_LIMITS,   "two numbers [low, high]", true},
        {TN_BOOLEAN,  "true or false", false},
        {TN_NUMBER,   "a number", true},
        {TN_INTEGER,  "a whole number", true},
        {TN_STRING,   "a string", false},
        {TN_PAIR,     "a whole number, or two of them [h, w],", true},
        {TN_LIST,     "a list of objects", false},
        {TN_INTEGERS, "a list of whole numbers", true},
        {TN_DIMENSIONS, "a list of 1 to 4 whole numbers", true},
        {TN_STRINGS,  "a list of strings", false},
        {TN_COLUMNS,  "a list of names and whole numbers", false},
        {TN_VALUES,   "a list of values", false},
        {TN_RANGES,   "an object of paths and their ranges", false},
        {TN_PATCH,    "an object of paths and their values", false},
        {TN_NULL,     "null", false},
    };
    /* clang-format on */
    for (size_t i = 0; i < TN_COUNT(phrases); i++) {
        if (!(types & phrases[i].type) || (phrases[i].type == TN_INTEGER && (types & TN_LIMITS)))
            continue;
        const char *words = phrases[i].words;
        if (phrases[i].type == TN_LIMITS && (types & TN_INTEGER))
            words = "two whole numbers [low, high]";
        else if (phrases[i].type == TN_STRING && strcmp(key->bounds, "[1, 1]") == 0)
            words = "one character";
        tn_text_addf(text, "%s%s", separator, words);
        if (phrases[i].bounded && key->bounds[0])
            describe_interval(key->bounds, text);
        else if (phrases[i].type == types && types == TN_STRING && tn_schema_interval(key->bounds).high > 1)
            tn_text_addf(text, " of at most %g bytes", tn_schema_interval(key->bounds).high);
        separator = ", or ";
    }
}

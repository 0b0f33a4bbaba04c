/* schema.h: access to the table of keys (schema.def). For the files of this folder only. */
#ifndef TN_HYPES_SCHEMA_H
#define TN_HYPES_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* What a value may be; a key's `types` is a set of these. */
enum {
    TN_BOOLEAN = 1 << 0,
    TN_INTEGER = 1 << 1, /* 64 and 64.0 alike; kept as 64 */
    TN_NUMBER = 1 << 2,
    TN_STRING = 1 << 3,
    TN_NAME = 1 << 4,
    TN_NULL = 1 << 5,
    TN_OBJECT = 1 << 6,
    TN_LIST = 1 << 7,        /* of objects */
    TN_PAIR = 1 << 8,        /* [h, w] of whole numbers; one number stands for both */
    TN_INTEGERS = 1 << 9,    /* a list of whole numbers, each once, not empty */
    TN_STRINGS = 1 << 10,    /* a list of strings, not empty */
    TN_COLUMNS = 1 << 11,    /* a list of strings and whole numbers, each once, not empty */
    TN_RANGES = 1 << 12,     /* an object of paths, each with an object */
    TN_LIMITS = 1 << 13,     /* [low, high] */
    TN_VALUES = 1 << 14,     /* a list of anything, not empty */
    TN_DIMENSIONS = 1 << 16, /* a list of 1 to 4 whole numbers: a shape */
    TN_PATCH = 1 << 15       /* an object of paths, each with anything */
};

/* Defaults that are no JSON. */
#define TN_LEFT_OUT(value) "=" value /* optional: whoever reads it knows this default, and it is not filled in */
#define TN_REQUIRED        NULL
#define TN_ABSENT          ""           /* optional, without a default */
#define TN_BY_OP           "@op"        /* filled in where the op has weights, else absent */
#define TN_BY_SIZE         "@size"      /* the node's "size" */
#define TN_BY_SCHEME       "@scheme"    /* filled in where the scheme has this argument, else absent */
#define TN_BY_OPTIMIZER    "@optimizer" /* see TN_OPTIMIZER */

typedef enum tn_scope_id {
#define TN_SCOPE(id, ...)  TN_SCOPE_##id,
#define TN_OP(id, ...)     TN_SCOPE_op_##id,
#define TN_FORMAT(id, ...) TN_SCOPE_format_##id,
#include "hypes/schema.def"
    TN_SCOPE_COUNT
} tn_scope_id;

/* What an op trains, which decides whether and how init, bias_init and trainable are filled in. */
typedef enum tn_op_weights {
    TN_NO_WEIGHTS, /* nothing: they stay absent */
    TN_WEIGHTS,    /* weights and biases: from the file's init and bias_init */
    TN_GAINS       /* gains and shifts, which start at 1 and 0: trainable alone is filled in */
} tn_op_weights;

typedef struct tn_scope {
    const char *name;      /* "solver", "op_dense" */
    const char *path;      /* where it stands, for people: "net.N"; of an op or a format its name */
    const char *shorthand; /* NULL where a bare value cannot stand for the object */
    const char *selector;  /* NULL, or the key whose value V adds the scope "selector_V" */
    const char *title;
    tn_op_weights weights; /* of an op */
} tn_scope;

typedef struct tn_key {
    tn_scope_id scope;
    const char *name;
    unsigned types;
    const char *bounds, *names, *fallback, *unit, *help;
} tn_key;

/* Numbers from low to high, a limit excluded where open. */
typedef struct tn_interval {
    double low, high;
    bool low_open, high_open;
} tn_interval;

enum { TN_NAMES_MAX = 64 };

/* The keys that an object may have. */
typedef struct tn_keys {
    size_t count;
    const tn_key *keys[TN_NAMES_MAX];
} tn_keys;

/* A set of names, split. */
typedef struct tn_names {
    size_t count;
    const char *names[TN_NAMES_MAX];
    char storage[128];
} tn_names;

const tn_scope *tn_schema_scope(tn_scope_id id);
tn_scope_id tn_schema_find_scope(const char *name);                   /* TN_SCOPE_COUNT where there is none */
tn_scope_id tn_schema_selected(tn_scope_id scope, const char *value); /* the scope that the selector's value adds, or TN_SCOPE_COUNT */

/* Row `index` of the table; NULL past the last. */
const tn_key *tn_schema_row(size_t index);

/* The key of a scope or, where `selected` is not TN_SCOPE_COUNT, of that scope; NULL where there is none. */
const tn_key *tn_schema_key(tn_scope_id scope, tn_scope_id selected, const char *name);

/* Keys of a scope in the order of printing: the selector, the keys of the selected scope, the rest. */
void tn_schema_keys(tn_scope_id scope, tn_scope_id selected, tn_keys *list);

/* All key names of both scopes. */
void tn_schema_key_names(tn_scope_id scope, tn_scope_id selected, tn_names *names);

/* The names that "a|b" or "@set" stands for. */
void tn_schema_names(const char *set, tn_names *names);
bool tn_names_contain(const tn_names *names, const char *word);

/* `bounds` of a key; everything where they are empty. */
tn_interval tn_schema_interval(const char *bounds);
bool tn_interval_contains(const tn_interval *interval, double value);

/* The default that depends on the optimizer ("learning_rate", "epsilon", "rho") as JSON. NULL for another optimizer or key. */
const char *tn_schema_optimizer_default(const char *optimizer, const char *key);

/* The key of a scheme's argument and its default; "" where it has none. */
const char *tn_schema_scheme_argument(const char *scheme, const char **fallback);

/* One line about an op, a loss, an optimizer, a scheme or a format of a set such as "@op". */
const char *tn_schema_title(const char *set, size_t index);

/* What a key may hold, in words: `a number above 0, or null`. */
void tn_schema_describe(const tn_key *key, tn_text *text);

#endif

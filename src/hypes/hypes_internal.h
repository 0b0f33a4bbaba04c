/* hypes_internal.h: the object behind hypes.h and what the files of this folder share. Not for other layers.
 *
 * From text to object: jansson parses; tn_position_build notes the lines; tn_hypes_check normalises and checks every value that is there; tn_hypes_fill makes
 * the complete tree; tn_hypes_check_sense looks whether values fit each other; tn_hypes_check_plans tries levels and ranges. A patch edits a copy of `written` and goes through the same. */
#ifndef TN_HYPES_INTERNAL_H
#define TN_HYPES_INTERNAL_H

#include "hypes/hypes.h"
#include "hypes/json_position.h"
#include "hypes/schema.h"

enum { TN_HYPES_BYTES_MAX = 16 << 20, TN_PATH_PARTS_MAX = TN_JSON_DEPTH_MAX, TN_PATH_BYTES_MAX = 1024 };

struct tn_hypes {
    char *name, *directory;
    json_t *written;  /* as the user wrote it, shorthands expanded */
    json_t *complete; /* every default filled in; shares leaves with `written` */
    json_t *position; /* lines, see json_position.h */
    bool patched;
    bool free; /* another program's: any keys, no schema; `complete` is `written` */
};

/* Where in the tree a check is: a chain on the stack, from the value up to a child of the root. The root itself is NULL. */
typedef struct tn_place {
    const struct tn_place *parent;
    const char *key; /* NULL: list element `index` */
    size_t index;
} tn_place;

/* An error at a place: adds file, line and pointer; where the value came from a patch it says so, and gives no line. */
tn_status tn_place_fail(const tn_hypes *hypes, const tn_place *place, tn_error *error, const char *format, ...) TN_PRINTF(4, 5);

/* The place as a path ("net.3.units") into text [size]; "the file" for the root. Returns text. */
const char *tn_place_path(const tn_place *place, char *text, size_t size);

/* A deep copy that is whole; NULL where memory is out. (json_deep_copy of jansson 2.14 overlooks an allocation that fails below the root, and leaves the key out.) */
json_t *tn_tree_copy(const json_t *tree);

/* A tree as JSON that a person likes to read, malloc'd; NULL where memory is out. */
char *tn_tree_print(const json_t *tree);

/* Whether `key` of a source of data is the path of a file. Of an npz the inputs and labels are names of arrays. */
bool tn_source_names_file(const json_t *source, const char *key);

/* A user's string, cut to text [size >= 8] and without control characters, which could do harm on a terminal. Returns text. */
const char *tn_show_string(const char *string, char *text, size_t size);

/* Parses text [length]; keys that stand twice are a mistake. *memory: it failed because an allocation did, which jansson tells as no mistake or as one in the text. */
json_t *tn_json_read(const char *text, size_t length, size_t flags, json_error_t *mistake, bool *memory);

/* What a value is, for a message: `the string "fast"`, `-1`, `a list`. Returns text. */
const char *tn_value_found(const json_t *value, char *text, size_t size);

/* Writes the blocks of hypes->written's net out, with their positions. */
tn_status tn_hypes_expand_blocks(tn_hypes *hypes, tn_error *error);

/* Checks and normalises every value of hypes->written in place. Keys that are missing are none of its business. */
tn_status tn_hypes_check(tn_hypes *hypes, tn_error *error);

/* Makes hypes->complete from a checked hypes->written; a required key that is missing is told here. */
tn_status tn_hypes_fill(tn_hypes *hypes, tn_error *error);

/* Names of nodes are unique, "from" names an earlier node, and validation data have one source. */
tn_status tn_hypes_check_sense(const tn_hypes *hypes, tn_error *error);

/* Tries the patch of every level, and the limits or choices of every range. */
tn_status tn_hypes_check_plans(const tn_hypes *hypes, tn_error *error);

/* Everything after `written` and `position` are set. `plans`: check levels and search as well. */
tn_status tn_hypes_finish(tn_hypes *hypes, bool plans, tn_error *error);

/* A patch without the checks of levels and search, which are left out: for trying one. */
tn_status tn_hypes_try_patch(const tn_hypes *base, const json_t *patch, tn_hypes **patched, tn_error *error);

/* Mends "from" in the list `after`, which a patch has made of `before`: `nodes` are the nodes of before as the patch left them, still in their old order. */
tn_status tn_hypes_rewire(const json_t *before, const json_t *nodes, json_t *after, tn_error *error);

/* Makes an empty object that has copies of base's strings. */
tn_hypes *tn_hypes_create(const char *name, const char *directory);

/* A path split in `buffer` [TN_PATH_BYTES_MAX]. Paths below search and in a level's patch hold dots of their own: the rest of the path is one part there.
 * false where the path is empty, has an empty part or is too long. */
bool tn_path_split(const char *path, char *buffer, const char *parts[TN_PATH_PARTS_MAX], size_t *count);

/* The value at a path; NULL where there is none. */
const json_t *tn_tree_value(const json_t *tree, const char *path);

/* The keys of an object are those of `scope` and of the scope that its selector names. */
tn_scope_id tn_object_selected(tn_scope_id scope, const json_t *object);

/* Whether a key of a node is an argument that its plug-in is to know: the schema cannot. */
bool tn_is_plugin_argument(tn_scope_id selected, const char *key, const json_t *value);

/* A value nested deeper than TN_JSON_DEPTH_MAX. */
bool tn_json_too_deep(const json_t *value, int depth);

#endif

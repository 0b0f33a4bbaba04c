/* hypes.h: the JSON file of hyper-parameters, typed, checked and with every default filled in.
 *
 * One table (schema.def) defines every key: name, type, bounds, default, unit, help. Shorthands are expanded on reading ("loss": "mse" becomes
 * {"name": "mse", ...}), so readers meet one form only. A hypes object never changes; a patch makes a new one, and several threads may read
 * and patch one object at once.
 *
 * Blocks of nodes ({"repeat": 4, "block": [...]}) are written out on reading, and paths count the nodes as written out (hypes_blocks.c).
 *
 * Paths are the keys from the root joined by dots, list elements by their index: "solver.learning_rate", "net.3.units". A patch is an object
 * of such paths. Its values replace what stands there; {"$insert": VALUE} puts a list element before that index (the
 * list's length appends), {"$remove": true} takes a list element or key away. All indices of one patch are those of the list before it. A patch that
 * changes a node's "op" drops the keys that only the old op has. Names in "from" follow the nodes that a patch moves; who took a node that is removed takes what it took.
 *
 * What readers meet in the complete tree: kernel, stride and size are lists [h, w], and a pool's stride is never null; padding is "valid",
 * "same" or a whole number; loss, init and bias_init are objects; whole numbers are JSON integers; data.valid is null (held out by itself),
 * {"fraction": f} or a source. Nodes with weights have init, bias_init and trainable, norms trainable alone; of other nodes they are absent. A
 * node's init.scale is its own, 1 where not written: its weights are to be multiplied by the file's init.scale as well. solver.learning_rate,
 * epsilon and rho are filled in for the optimizer; keys that it does not use are there with their defaults. solver.steps is null where epochs
 * count. Warm-up is solver.warmup, in steps. */
#ifndef TN_HYPES_H
#define TN_HYPES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct tn_hypes tn_hypes;

/* Reads a file of at most 16 MiB. The caller destroys *hypes. Errors: TN_ERROR_IO; TN_ERROR_HYPES with file, line and pointer. */
tn_status tn_hypes_load(const char *path, tn_hypes **hypes, tn_error *error);

/* The same from text [length]. `name` stands for the file in errors; relative paths in the hypes are relative to `directory`. */
tn_status tn_hypes_parse(const char *text, size_t length, const char *name, const char *directory, tn_hypes **hypes, tn_error *error);

/* The same of a file that another program reads: a JSON object of any keys, no schema, no defaults. Patches of it may change, and remove, what is there, and insert list elements; a
 * path that leads nowhere is an error. The functions below that speak of nodes, and the typed readers, are not for it. */
tn_status tn_hypes_load_free(const char *path, tn_hypes **hypes, tn_error *error);

void tn_hypes_destroy(tn_hypes *hypes); /* NULL is allowed */

/* A new hypes with `patch` applied and checked again; levels and ranges only where the patch changes them. The base is not changed. `patch` is borrowed, and may be NULL: a copy. */
tn_status tn_hypes_patch(const tn_hypes *base, const json_t *patch, tn_hypes **patched, tn_error *error);

/* Adds `path=value` to `patch` (an object). The value is JSON; a word that is no JSON counts as a string, so net.1.op=relu works. */
tn_status tn_patch_assign(json_t *patch, const char *assignment, tn_error *error);

/* `second` applied after `first`, as one patch (a new reference); NULL where they clash, or where memory is out. They clash, and must be applied one after the other, where either
 * inserts or removes elements of a list that the other addresses, but for a `second` that does so beside the elements which `first` changes. */
json_t *tn_patch_merge(const json_t *first, const json_t *second);
bool tn_patches_clash(const json_t *first, const json_t *second);

/* The complete tree, every default filled in, and the tree as the user wrote it (shorthands expanded). Borrowed. */
const json_t *tn_hypes_root(const tn_hypes *hypes);
const json_t *tn_hypes_written(const tn_hypes *hypes);

/* The value at a path of the complete tree, borrowed; NULL where there is none (an optional key that is absent, an index past the end). */
const json_t *tn_hypes_value(const tn_hypes *hypes, const char *path);
bool tn_hypes_given(const tn_hypes *hypes, const char *path); /* written by the user, not filled in */

/* Typed readers of keys that the schema guarantees; asking for another key or type is our own bug (assert). */
double tn_hypes_number(const tn_hypes *hypes, const char *path);
long long tn_hypes_integer(const tn_hypes *hypes, const char *path);
bool tn_hypes_boolean(const tn_hypes *hypes, const char *path);
const char *tn_hypes_string(const tn_hypes *hypes, const char *path);
bool tn_hypes_is_null(const tn_hypes *hypes, const char *path); /* null or absent */

/* The nodes of net, in order: complete objects ("op" and every key of that op). */
size_t tn_hypes_node_count(const tn_hypes *hypes);
const json_t *tn_hypes_node(const tn_hypes *hypes, size_t index);

/* An error that points into this hypes: fills code, message, the hypes' file name, the line of the value at `path`, and its pointer. */
tn_status tn_hypes_fail(const tn_hypes *hypes, const char *path, tn_error *error, const char *format, ...) TN_PRINTF(4, 5);

const char *tn_hypes_name(const tn_hypes *hypes);                /* the file's name as given */
char *tn_hypes_resolve(const tn_hypes *hypes, const char *path); /* relative to the file's folder; malloc'd, NULL where memory is out */
char *tn_hypes_print(const tn_hypes *hypes); /* the complete tree as JSON, indented, malloc'd; NULL where memory is out */

/* The tree as the user wrote it, for a file at `path`: data files and weights that are relative become absolute where `path` lies in another folder. malloc'd; NULL where memory is out. */
char *tn_hypes_print_written(const tn_hypes *hypes, const char *path);

/* The documentation of every key, from the table: for the terminal, or as Markdown. malloc'd; NULL where memory is out. */
char *tn_hypes_help(bool markdown);

/* Names of ops, losses, optimizers and schemes as the schema knows them, for other layers' tables to be checked against. */
size_t tn_hypes_op_names(const char *const **names);
size_t tn_hypes_loss_names(const char *const **names);
size_t tn_hypes_optimizer_names(const char *const **names);
size_t tn_hypes_scheme_names(const char *const **names);

#endif

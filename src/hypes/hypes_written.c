/* hypes_written.c: the tree as the user wrote it, for a file in another folder: its data, its weights and its plug-ins must be found from there. Not for the complete tree (hypes_print.c). */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "hypes/hypes_internal.h"

bool tn_source_names_file(const json_t *source, const char *key)
{
    const char *format = json_string_value(json_object_get(source, "format"));
    if (strcmp(key, "file") == 0)
        return true;
    return (strcmp(key, "inputs") == 0 || strcmp(key, "labels") == 0) && !(format && strcmp(format, "npz") == 0);
}

/* Whether a file at `path` lies in the folder that relative paths of the hypes start from. */
static bool in_same_folder(const tn_hypes *hypes, const char *path)
{
    char *folder = tn_string_copy(path), *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash)
        slash[slash == folder ? 1 : 0] = '\0';
    char *there = folder ? realpath(slash ? folder : ".", NULL) : NULL,
         *here = realpath(hypes->directory[0] ? hypes->directory : ".", NULL);
    bool same = there && here && strcmp(there, here) == 0;
    free(folder);
    free(there);
    free(here);
    return same;
}

/* Makes the path at `key` absolute. False where memory is out. */
static bool settle_path(const tn_hypes *hypes, json_t *object, const char *key, const json_t *path)
{
    char *resolved = tn_hypes_resolve(hypes, json_string_value(path)), *real = resolved ? realpath(resolved, NULL) : NULL;
    bool set = resolved && json_object_set_new(object, key, json_string(real ? real : resolved)) == 0;
    free(real);
    free(resolved);
    return set;
}

/* The files of a source. False where memory is out. */
static bool settle_source(const tn_hypes *hypes, json_t *source)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(source, next, key, value)
    {
        if (json_is_string(value) && tn_source_names_file(source, key) && !settle_path(hypes, source, key, value))
            return false;
    }
    return true;
}

char *tn_hypes_print_written(const tn_hypes *hypes, const char *path)
{
    if (hypes->free || in_same_folder(hypes, path))
        return tn_tree_print(hypes->written);
    json_t *tree = json_deep_copy(hypes->written);
    const char *key;
    json_t *source;
    bool settled = tree != NULL;
    json_object_foreach(json_object_get(tree, "data"), key, source)
    {
        settled = settled && (!json_is_object(source) || settle_source(hypes, source));
    }
    json_t *weights = json_object_get(tree, "weights");
    settled = settled && (!json_is_object(weights) || settle_source(hypes, weights));
    const json_t *net = json_object_get(tree, "net");
    for (size_t i = 0; i < json_array_size(net) && settled; i++) {
        json_t *node = json_array_get(net, i);
        const json_t *plugin = json_object_get(node, "plugin");
        settled = !json_is_string(plugin) || settle_path(hypes, node, "plugin", plugin);
    }
    char *text = settled ? tn_tree_print(tree) : NULL;
    json_decref(tree);
    return text;
}

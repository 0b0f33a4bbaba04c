/* hypes_sense.c: do values fit each other that the schema allows one by one? Names of nodes, and sources of validation data. Shapes are the engine's business. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "hypes/hypes_internal.h"

enum { TN_NODE_NAME_BYTES = 64 };

/* Names of all nodes, given or made of op and number; "input" is the data. */
typedef struct node_names {
    size_t count;
    char (*names)[TN_NODE_NAME_BYTES];
    const char **pointers; /* [count + 1]: "input", then the names */
} node_names;

static tn_status check_source(const tn_hypes *hypes, const node_names *all, size_t node, const char *word, const tn_place *place,
                              tn_error *error)
{
    char path[256];
    for (size_t i = 0; i <= all->count; i++) {
        /* pointers[0] is "input", pointers[i + 1] is node i. */
        if (strcmp(all->pointers[i], word) == 0) {
            if (i <= node)
                return TN_OK;
            return tn_place_fail(hypes, place, error, "%s is \"%s\", which is no earlier node; a node takes its input from nodes before it",
                                 tn_place_path(place, path, sizeof path), word);
        }
    }
    const char *nearest = tn_nearest_name(word, all->pointers, node + 1);
    char hint[TN_NODE_NAME_BYTES + 32] = "";
    if (nearest)
        snprintf(hint, sizeof hint, "; did you mean \"%s\"?", nearest);
    return tn_place_fail(hypes, place, error, "%s is \"%s\", but no node has this name%s", tn_place_path(place, path, sizeof path), word,
                         nearest ? hint : "; give the node that is meant a \"name\"");
}

static tn_status check_nodes(const tn_hypes *hypes, const json_t *net, const node_names *all, tn_error *error)
{
    tn_place net_place = {NULL, "net", 0};
    for (size_t i = 0; i < all->count; i++) {
        const json_t *node = json_array_get(net, i);
        tn_place place = {&net_place, NULL, i};
        tn_place name_place = {&place, "name", 0};
        for (size_t j = 0; j <= i; j++) {
            if (strcmp(all->pointers[j], all->names[i]) == 0) {
                return tn_place_fail(hypes, json_object_get(node, "name") ? &name_place : &place, error,
                                     "two nodes are called \"%s\"; names must differ", all->names[i]);
            }
        }
        const json_t *from = json_object_get(node, "from");
        tn_place from_place = {&place, "from", 0};
        tn_status status = TN_OK;
        if (json_is_string(from))
            status = check_source(hypes, all, i, json_string_value(from), &from_place, error);
        for (size_t k = 0; k < json_array_size(from) && status == TN_OK; k++) {
            tn_place element = {&from_place, NULL, k};
            status = check_source(hypes, all, i, json_string_value(json_array_get(from, k)), &element, error);
        }
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

static tn_status check_net(const tn_hypes *hypes, tn_error *error)
{
    const json_t *net = json_object_get(hypes->complete, "net");
    node_names all = {.count = json_array_size(net)};
    all.names = tn_memory_create(all.count, sizeof *all.names);
    all.pointers = tn_memory_create(all.count + 1, sizeof *all.pointers);
    tn_status status;
    if (!all.names || !all.pointers) {
        status = tn_fail_memory(error, all.count * sizeof *all.names);
    } else {
        all.pointers[0] = "input";
        for (size_t i = 0; i < all.count; i++) {
            const json_t *node = json_array_get(net, i);
            const char *name = json_string_value(json_object_get(node, "name"));
            if (name) {
                snprintf(all.names[i], sizeof all.names[i], "%s", name);
            } else {
                snprintf(all.names[i], sizeof all.names[i], "%s_%zu", json_string_value(json_object_get(node, "op")), i);
            }
            all.pointers[i + 1] = all.names[i];
        }
        status = check_nodes(hypes, net, &all, error);
    }
    tn_memory_destroy(all.pointers);
    tn_memory_destroy(all.names);
    return status;
}

/* A fraction or a source, not both and not neither. */
static tn_status check_split(const tn_hypes *hypes, const char *key, tn_error *error)
{
    const json_t *split = json_object_get(json_object_get(hypes->complete, "data"), key);
    bool fraction = json_object_get(split, "fraction"), format = json_object_get(split, "format");
    if (!json_is_object(split) || fraction != format)
        return TN_OK;
    tn_place data = {NULL, "data", 0}, place = {&data, key, 0};
    return tn_place_fail(hypes, &place, error, "data.%s %s; expected {\"fraction\": 0.1} or a source with a \"format\"", key,
                         fraction ? "has a \"fraction\" and a \"format\"" : "has neither a \"fraction\" nor a \"format\"");
}

tn_status tn_hypes_check_sense(const tn_hypes *hypes, tn_error *error)
{
    tn_status status = check_net(hypes, error);
    if (status == TN_OK)
        status = check_split(hypes, "valid", error);
    return status == TN_OK ? check_split(hypes, "test", error) : status;
}

/* native_plugins.c: the layers of the user's own in a network of hypes: how many, which build, and whether they compute what they should. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/graph.h"
#include "plugin/plugin_check.h"
#include "subject/native.h"

/* A call on a probe may take so long: it has few samples. */
enum { CHECK_SECONDS = 20 };

static const char *plugin_path(const tn_hypes *hypes, size_t index)
{
    return json_string_value(json_object_get(tn_hypes_node(hypes, index), "plugin"));
}

size_t tn_native_count_plugins(const tn_hypes *hypes)
{
    size_t count = 0;
    for (size_t i = 0; i < tn_hypes_node_count(hypes); i++)
        count += plugin_path(hypes, i) != NULL;
    return count;
}

static void hash_file(const char *path, uint64_t *hash)
{
    unsigned char chunk[4096];
    size_t got;
    FILE *file = fopen(path, "rb");
    if (!file)
        return;
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0)
        *hash = tn_hash_bytes(*hash, chunk, got);
    fclose(file);
}

tn_status tn_native_hash_plugins(const tn_hypes *hypes, uint64_t *hash, tn_error *error)
{
    for (size_t i = 0; i < tn_hypes_node_count(hypes); i++) {
        const char *path = plugin_path(hypes, i);
        char *resolved = path ? tn_hypes_resolve(hypes, path) : NULL;
        if (path && !resolved)
            return tn_fail_memory(error, strlen(path) + 1);
        if (path)
            hash_file(resolved, hash);
        free(resolved);
    }
    return TN_OK;
}

/* What was checked before, of a node with the same library, arguments and shapes: its place in the list, or the list's size. */
static size_t find_same(const tn_graph *graph, const tn_hypes *hypes, const json_t *checks, size_t index)
{
    size_t i;
    const json_t *check;
    json_array_foreach(checks, i, check)
    {
        size_t other = (size_t)json_integer_value(json_object_get(check, "node"));
        const tn_node *a = &graph->vertices[other].node, *b = &graph->vertices[index].node;
        if (json_equal(tn_hypes_node(hypes, other), tn_hypes_node(hypes, index)) && a->input_count == b->input_count &&
            memcmp(a->inputs, b->inputs, sizeof a->inputs) == 0)
            break;
    }
    return i;
}

static void fill_request(const tn_node *node, tn_layer_shape *shapes, tn_plugin_check_request *request)
{
    for (size_t i = 0; i < node->input_count; i++) {
        shapes[i] = (tn_layer_shape){.rank = node->inputs[i].rank};
        for (size_t k = 0; k < node->inputs[i].rank; k++)
            shapes[i].dims[k] = node->inputs[i].dims[k];
    }
    request->inputs = shapes;
    request->input_count = node->input_count;
}

/* The arguments of node `index`, which the graph has found to be right. */
static tn_status read_arguments(const tn_hypes *hypes, size_t index, const char *path, double *arguments, tn_error *error)
{
    static const char *const KEYS[] = {"op", "plugin", "name", "from", "init", "bias_init", "trainable"};
    tn_plugin *plugin;
    tn_status status = tn_plugin_open(path, CHECK_SECONDS, &plugin, error);
    if (status == TN_OK)
        status = tn_plugin_read_arguments(plugin, tn_hypes_node(hypes, index), KEYS, sizeof KEYS / sizeof *KEYS, arguments, error);
    tn_plugin_close(plugin);
    return status;
}

static tn_status check_node(const tn_native *native, const tn_graph *graph, size_t index, json_t *checks, tn_error *error)
{
    tn_layer_shape shapes[TN_LAYER_INPUTS_MAX];
    double arguments[TN_LAYER_ARGUMENTS_MAX] = {0};
    char where[256];
    json_t *result = NULL;
    char *path = tn_hypes_resolve(native->hypes, plugin_path(native->hypes, index));
    if (!path)
        return tn_fail_memory(error, 256);
    tn_plugin_check_request request = {.path = path,
                                       .arguments = arguments,
                                       .seed = 1,
                                       .seconds = CHECK_SECONDS,
                                       .cancelled = native->cancel ? &native->cancel->requested : NULL};
    fill_request(&graph->vertices[index].node, shapes, &request);
    tn_status status = read_arguments(native->hypes, index, path, arguments, error);
    if (status == TN_OK)
        status = tn_plugin_check(&request, &result, error);
    free(path);
    snprintf(where, sizeof where, "net.%zu (%.200s)", index, plugin_path(native->hypes, index));
    if (status == TN_OK && (json_object_set_new(result, "node", json_integer((json_int_t)index)) != 0 ||
                            json_object_set_new(result, "where", json_string(where)) != 0 || json_array_append(checks, result) != 0))
        status = tn_fail_memory(error, sizeof(json_t *));
    json_decref(result);
    return status;
}

tn_status tn_native_check_layers(const tn_subject *subject, json_t **checks, tn_error *error)
{
    const tn_native *native = (const tn_native *)subject;
    const tn_hypes *hypes = native->hypes;
    tn_graph graph = {0};
    json_t *list = json_array();
    *checks = NULL;
    tn_status status = list ? TN_OK : tn_fail_memory(error, sizeof(json_t *));
    bool any = native->facts.layers > 0;
    if (status == TN_OK && any)
        status = tn_graph_init(&graph, hypes, tn_dataset_shape(native->data.train), error);
    for (size_t i = 0; any && i < tn_hypes_node_count(hypes) && status == TN_OK; i++)
        if (plugin_path(hypes, i) && find_same(&graph, hypes, list, i) == json_array_size(list))
            status = check_node(native, &graph, i, list, error);
    tn_graph_deinit(&graph);
    if (status == TN_OK)
        *checks = list;
    else
        json_decref(list);
    return status;
}

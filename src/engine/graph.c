/* graph.c: see graph.h. */
#include "engine/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

/* A sample, or a parameter, of more values than this is a mistake in the hypes, and sizes below it cannot overflow when multiplied by a
 * batch. */
#define VALUES_MAX ((size_t)1 << 40)

/* The size of a shape, or 0 where it is empty or beyond VALUES_MAX. */
static size_t checked_size(const tn_shape *shape)
{
    size_t size = 1;
    for (size_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] == 0 || !tn_size_multiply(size, shape->dims[i], &size) || size > VALUES_MAX)
            return 0;
    }
    return size;
}

static tn_status fail_at_node(const tn_hypes *hypes, size_t index, const char *key, tn_error *error, const char *message)
{
    char path[64];
    snprintf(path, sizeof path, key ? "net.%zu.%s" : "net.%zu", index, key);
    return tn_hypes_fail(hypes, path, error, "%s", message);
}

/* "dense_2": op and index; a user's name wins. */
static tn_status name_vertex(tn_graph *graph, const tn_hypes *hypes, size_t index, const json_t *json, tn_error *error)
{
    tn_node *node = &graph->vertices[index].node;
    const json_t *name = json_object_get(json, "name");
    if (json_is_string(name))
        snprintf(node->name, sizeof node->name, "%s", json_string_value(name));
    else
        snprintf(node->name, sizeof node->name, "%s_%zu", node->op->name, index);
    if (json_is_string(name) && strlen(json_string_value(name)) >= sizeof node->name)
        return fail_at_node(hypes, index, "name", error, "this name is too long; names have at most 47 bytes");
    bool taken = strcmp(node->name, "input") == 0;
    for (size_t i = 0; i < index; i++)
        taken = taken || strcmp(graph->vertices[i].node.name, node->name) == 0;
    if (taken) {
        char message[160];
        snprintf(message, sizeof message,
                 "the name \"%s\" is already taken; every node needs a name of its own, and \"input\" means the data", node->name);
        return fail_at_node(hypes, index, "name", error, message);
    }
    return TN_OK;
}

/* The vertex called `name` before vertex `index`. */
static tn_status find_source(const tn_graph *graph, const tn_hypes *hypes, size_t index, const char *name, size_t *source, tn_error *error)
{
    if (strcmp(name, "input") == 0) {
        *source = TN_GRAPH_INPUT;
        return TN_OK;
    }
    const char **names = malloc((index + 1) * sizeof *names);
    if (!names)
        return tn_fail_memory(error, (index + 1) * sizeof *names);
    names[0] = "input";
    for (size_t i = 0; i < index; i++) {
        names[i + 1] = graph->vertices[i].node.name;
        if (strcmp(names[i + 1], name) == 0) {
            *source = i;
            free(names);
            return TN_OK;
        }
    }
    const char *nearest = tn_nearest_name(name, names, index + 1);
    char message[320];
    snprintf(message, sizeof message,
             "no node before this one is called \"%.60s\"%s%s%s; \"from\" takes the names of nodes above it, or \"input\"", name,
             nearest ? " (did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?)" : "");
    free(names);
    return fail_at_node(hypes, index, "from", error, message);
}

static const tn_shape *source_shape(const tn_graph *graph, size_t source)
{
    return source == TN_GRAPH_INPUT ? &graph->input : &graph->vertices[source].node.output;
}

static tn_status connect_vertex(tn_graph *graph, const tn_hypes *hypes, size_t index, const json_t *json, tn_error *error)
{
    tn_vertex *vertex = &graph->vertices[index];
    const json_t *from = json_object_get(json, "from");
    size_t count = 1;
    if (json_is_array(from))
        count = json_array_size(from);
    if (count < 1 || count > TN_OP_INPUTS_MAX) {
        char message[96];
        snprintf(message, sizeof message, "%zu inputs found; a node takes 1 to %d", count, TN_OP_INPUTS_MAX);
        return fail_at_node(hypes, index, "from", error, message);
    }
    if (count > 1 && !(vertex->node.op->flags & TN_OP_MANY_INPUTS)) {
        char message[160];
        snprintf(message, sizeof message, "%s takes one input, and \"from\" lists %zu; join them by an add before it",
                 vertex->node.op->name, count);
        return fail_at_node(hypes, index, "from", error, message);
    }
    vertex->sources[0] = index == 0 ? TN_GRAPH_INPUT : index - 1;
    for (size_t i = 0; i < count; i++) {
        const json_t *name = json_is_array(from) ? json_array_get(from, i) : from;
        if (!json_is_string(name))
            continue;
        tn_status status = find_source(graph, hypes, index, json_string_value(name), &vertex->sources[i], error);
        if (status)
            return status;
    }
    vertex->node.input_count = count;
    for (size_t i = 0; i < count; i++) {
        size_t source = vertex->sources[i];
        vertex->node.inputs[i] = *source_shape(graph, source);
        if (source == TN_GRAPH_INPUT)
            graph->input_consumers++;
        else
            graph->vertices[source].consumers++;
    }
    return TN_OK;
}

static bool begins_with(const char *name, const char *word)
{
    return strncmp(name, word, strlen(word)) == 0;
}

/* "weight" takes the node's "init", else that of the net; "bias" beside a weight likewise. Weights from a step to the next take "recurrent_init" first. The scale of the net's init counts for every
 * weight, on top of the node's own.
 * Other parameters (the gain of a norm) start as their op says. */
static void choose_initializers(const tn_hypes *hypes, tn_node *node, const json_t *json)
{
    bool has_weight = false;
    for (size_t i = 0; i < node->parameter_count; i++)
        has_weight = has_weight || begins_with(node->parameters[i].name, "weight");
    if (!has_weight)
        return;
    for (size_t i = 0; i < node->parameter_count; i++) {
        tn_parameter *parameter = &node->parameters[i];
        bool is_weight = begins_with(parameter->name, "weight");
        if (!is_weight && !begins_with(parameter->name, "bias"))
            continue;
        const char *key = is_weight ? "init" : "bias_init";
        const json_t *recurrent = parameter->is_recurrent ? json_object_get(json, "recurrent_init") : NULL;
        const json_t *own = json_is_object(recurrent) ? recurrent : json_object_get(json, key);
        const json_t *net = tn_hypes_value(hypes, key);
        if (json_is_object(own)) {
            parameter->initializer = tn_initializer_read(own);
            if (is_weight && json_is_object(net))
                parameter->initializer.scale *= tn_initializer_read(net).scale;
        } else if (json_is_object(net)) {
            parameter->initializer = tn_initializer_read(net);
        }
    }
}

/* Rounds up to whole cache lines, so that no two workers share one. */
static size_t round_to_lines(size_t reals)
{
    size_t line = TN_ALIGNMENT / sizeof(tn_real);
    return (reals + line - 1) / line * line;
}

static tn_precision factors_of(const tn_hypes *hypes)
{
    const char *precision = json_string_value(tn_hypes_value(hypes, "solver.precision"));
    return precision && strcmp(precision, "bfloat16") == 0 ? TN_BFLOAT16 : TN_FLOAT32;
}

static tn_status configure_vertex(tn_graph *graph, const tn_hypes *hypes, size_t index, const json_t *json, tn_error *error)
{
    tn_vertex *vertex = &graph->vertices[index];
    tn_node *node = &vertex->node;
    tn_error found = {0};
    node->factors = factors_of(hypes);
    node->hypes = hypes;
    tn_status status = node->op->configure(node, json, &found);
    node->hypes = NULL;
    if (status && status != TN_ERROR_HYPES)
        return tn_fail(error, status, "%s", found.message);
    if (status)
        return fail_at_node(hypes, index, NULL, error, found.message);
    if (checked_size(&node->output) == 0)
        return fail_at_node(hypes, index, NULL, error,
                            "the output of this node would be empty, or larger than any memory; make it smaller");
    bool frozen = json_is_false(json_object_get(json, "trainable"));
    vertex->needs_gradient = false;
    for (size_t i = 0; i < node->parameter_count; i++) {
        tn_parameter *parameter = &node->parameters[i];
        if (checked_size(&parameter->shape) == 0)
            return fail_at_node(hypes, index, NULL, error,
                                "the weights of this node would be empty, or larger than any memory; make it smaller");
        if (frozen || parameter->is_state)
            parameter->trainable = false;
        vertex->needs_gradient = vertex->needs_gradient || parameter->trainable;
    }
    for (size_t i = 0; i < node->input_count; i++)
        vertex->needs_gradient = vertex->needs_gradient || tn_graph_edge_needs_gradient(graph, index, i);
    node->scratch_per_worker = round_to_lines(node->scratch_per_worker);
    choose_initializers(hypes, node, json);
    return TN_OK;
}

static tn_status add_vertex(tn_graph *graph, const tn_hypes *hypes, size_t index, tn_error *error)
{
    tn_node *node = &graph->vertices[index].node;
    const json_t *json = tn_hypes_node(hypes, index);
    const char *op = json_string_value(json_object_get(json, "op"));
    node->index = index;
    node->op = op ? tn_op_find(op) : NULL;
    if (!node->op) {
        char message[128];
        snprintf(message, sizeof message, "the op \"%.40s\" is not built into this engine yet", op ? op : "");
        return fail_at_node(hypes, index, "op", error, message);
    }
    tn_status status = name_vertex(graph, hypes, index, json, error);
    if (!status)
        status = connect_vertex(graph, hypes, index, json, error);
    if (!status)
        status = configure_vertex(graph, hypes, index, json, error);
    return status;
}

tn_status tn_graph_init(tn_graph *graph, const tn_hypes *hypes, const tn_shape *input, tn_error *error)
{
    *graph = (tn_graph){.input = *input};
    size_t count = tn_hypes_node_count(hypes);
    if (count == 0)
        return tn_hypes_fail(hypes, "net", error, "the net has no node; it needs at least one, such as {\"op\": \"dense\", \"units\": 10}");
    if (checked_size(input) == 0)
        return tn_fail(error, TN_ERROR_DATA, "the samples are empty: a net needs at least one input value");
    graph->vertices = tn_memory_create(count, sizeof *graph->vertices);
    if (!graph->vertices)
        return tn_fail_memory(error, count * sizeof *graph->vertices);
    graph->count = count;
    for (size_t i = 0; i < count; i++) {
        tn_status status = add_vertex(graph, hypes, i, error);
        if (status)
            return status;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        if (graph->vertices[i].consumers == 0)
            return fail_at_node(hypes, i, NULL, error,
                                "no node takes the output of this one; name it in a later node's \"from\", or remove it");
    }
    return TN_OK;
}

void tn_graph_deinit(tn_graph *graph)
{
    for (size_t i = 0; i < graph->count; i++) {
        tn_node *node = &graph->vertices[i].node;
        if (node->op && node->op->release)
            node->op->release(node);
    }
    tn_memory_destroy(graph->vertices);
    *graph = (tn_graph){0};
}

bool tn_graph_edge_needs_gradient(const tn_graph *graph, size_t index, size_t input)
{
    size_t source = graph->vertices[index].sources[input];
    return source != TN_GRAPH_INPUT && graph->vertices[source].needs_gradient;
}

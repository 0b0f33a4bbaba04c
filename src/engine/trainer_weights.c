/* trainer_weights.c: the parameters one by one, for those who keep weights in files: what each is, its values, and new values. Checkpoints of a whole trainer are trainer_state.c's. */
#include <stdio.h>
#include <string.h>

#include "engine/trainer_parts.h"

static const tn_parameter *parameter_of(const tn_trainer *t, size_t i)
{
    return &t->graph.vertices[t->parameters[i].vertex].node.parameters[t->parameters[i].index];
}

static bool is_op(const tn_node *node, const char *name)
{
    return strcmp(node->op->name, name) == 0;
}

/* Whether the features of a row stay where they are. */
static bool keeps_features(const tn_node *node)
{
    return (node->op->flags & TN_OP_ACTIVATION) || is_op(node, "dropout") || is_op(node, "batch_norm") || is_op(node, "layer_norm");
}

/* Whether what leaves `source`, of rank 3, is [h, w, channels], or has been turned into something else by hand. */
static bool is_image(const tn_graph *graph, size_t source)
{
    for (; source != TN_GRAPH_INPUT; source = graph->vertices[source].sources[0])
        if (is_op(&graph->vertices[source].node, "permute") || is_op(&graph->vertices[source].node, "reshape"))
            return false;
    return true;
}

/* The image whose values are the features that vertex `v` reads as one row; NULL where they never were one. */
static const tn_shape *image_before(const tn_graph *graph, size_t v)
{
    const tn_node *node = &graph->vertices[v].node;
    size_t source = graph->vertices[v].sources[0];
    if (node->inputs[0].rank == 1) {
        while (source != TN_GRAPH_INPUT && keeps_features(&graph->vertices[source].node))
            source = graph->vertices[source].sources[0];
        if (source == TN_GRAPH_INPUT || !is_op(&graph->vertices[source].node, "flatten"))
            return NULL;
        node = &graph->vertices[source].node;
        source = graph->vertices[source].sources[0];
    }
    return node->inputs[0].rank == 3 && is_image(graph, source) ? &node->inputs[0] : NULL;
}

bool tn_trainer_parameter_facts(const tn_trainer *t, size_t i, tn_parameter_facts *facts)
{
    if (i >= t->parameter_count)
        return false;
    const tn_trainer_parameter_view *view = &t->parameters[i];
    const tn_node *node = &t->graph.vertices[view->vertex].node;
    const tn_parameter *parameter = parameter_of(t, i);
    *facts = (tn_parameter_facts){
        .node = node->name, .op = node->op->name, .name = parameter->name, .node_index = node->index, .shape = &parameter->shape};
    const bool is_flat = is_op(node, "dense") ? strcmp(parameter->name, "weight") == 0 : node->inputs[0].rank == 1 && keeps_features(node);
    if (is_flat)
        facts->image = image_before(&t->graph, view->vertex);
    return true;
}

bool tn_trainer_parameter(const tn_trainer *t, size_t i, char name[80], tn_shape *shape, const float **values)
{
    tn_parameter_facts facts;
    if (!tn_trainer_parameter_facts(t, i, &facts))
        return false;
    snprintf(name, 80, "%s.%s", facts.node, facts.name);
    *shape = *facts.shape;
#ifdef TN_REAL_DOUBLE
    *values = NULL; /* there are no floats to borrow */
#else
    *values = t->values + t->parameters[i].offset;
#endif
    return true;
}

void tn_trainer_set_parameter(tn_trainer *t, size_t i, const float *values)
{
    const tn_trainer_parameter_view *view = &t->parameters[i];
    for (size_t k = 0; k < view->size; k++)
        t->values[view->offset + k] = (tn_real)values[k];
}

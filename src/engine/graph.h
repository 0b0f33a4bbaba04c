/* graph.h: hypes.net as a list of configured nodes in the order of computing.
 *
 * The list of the hypes is that order already: a node takes the one before it, or nodes before it that it names. The last node is the
 * network's output. Not for memory (plan.h) or values (trainer.h): a graph is shapes and edges only, and never changes after its creation.
 * */
#ifndef TN_ENGINE_GRAPH_H
#define TN_ENGINE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "engine/op.h"
#include "hypes/hypes.h"

/* The source of an edge that comes from the batch itself. In hypes it is called "input". */
#define TN_GRAPH_INPUT ((size_t)-1)

typedef struct tn_vertex {
    tn_node node;
    size_t sources[TN_OP_INPUTS_MAX]; /* the vertex that makes each input, or TN_GRAPH_INPUT */
    size_t consumers;                 /* edges that leave this vertex; the loss is none of them */
    bool needs_gradient;              /* some parameter at or before it trains, so the gradient by its output is computed */
} tn_vertex;

typedef struct tn_graph {
    tn_shape input; /* of one sample */
    size_t input_consumers;
    size_t count;        /* at least 1 */
    tn_vertex *vertices; /* [count] */
} tn_graph;

/* Compiles hypes.net for samples of shape `input`. An error is TN_ERROR_HYPES with the line of the node. The caller deinits *graph, also
 * after an error. */
tn_status tn_graph_init(tn_graph *graph, const tn_hypes *hypes, const tn_shape *input, tn_error *error);
void tn_graph_deinit(tn_graph *graph);

/* Whether edge `input` of vertex `index` asks its source for a gradient. */
bool tn_graph_edge_needs_gradient(const tn_graph *graph, size_t index, size_t input);

#endif

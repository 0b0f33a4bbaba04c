/* op_flatten.c: all axes of a sample become one. The output is the input's memory, so nothing is computed. */
#include "engine/ops/ops.h"

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    (void)hypes_node;
    (void)error;
    node->output = (tn_shape){.rank = 1, .dims = {tn_shape_size(&node->inputs[0])}};
    return TN_OK;
}

const tn_op tn_op_flatten = {
    .name = "flatten",
    .flags = TN_OP_ALIAS,
    .configure = configure,
};

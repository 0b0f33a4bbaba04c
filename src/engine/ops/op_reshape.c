/* op_reshape.c: the same values under another shape. The output is the input's memory, so nothing is computed. */
#include "engine/ops/ops.h"

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    const json_t *dims = json_object_get(hypes_node, "shape");
    const tn_shape *in = &node->inputs[0];
    size_t known = 1, open = TN_SHAPE_RANK_MAX, size = tn_shape_size(in);
    char found[96], wanted[96];
    tn_shape shape = {.rank = json_array_size(dims)};
    for (size_t i = 0; i < shape.rank; i++) {
        const json_int_t dim = json_integer_value(json_array_get(dims, i));
        shape.dims[i] = (size_t)dim;
        if (dim == 0 && open < TN_SHAPE_RANK_MAX)
            return tn_fail(error, TN_ERROR_HYPES, "reshape can find one axis by itself, and \"shape\" has more than one 0");
        if (dim == 0)
            open = i;
        else
            known = shape.dims[i] > size / known + 1 ? size + 1 : known * shape.dims[i]; /* too large in any case */
    }
    if (open < TN_SHAPE_RANK_MAX && size % known == 0)
        shape.dims[open] = size / known;
    if (open < TN_SHAPE_RANK_MAX ? size % known != 0 : known != size)
        return tn_fail(error, TN_ERROR_HYPES, "reshape cannot make %s of a sample of shape %s, which has %zu values%s",
                       tn_shape_format(wanted, &shape), tn_shape_format(found, in), size,
                       open < TN_SHAPE_RANK_MAX ? " (0 stands for the axis to be found)" : "; write 0 for the axis to be found");
    node->output = shape;
    return TN_OK;
}

const tn_op tn_op_reshape = {
    .name = "reshape",
    .flags = TN_OP_ALIAS,
    .configure = configure,
};

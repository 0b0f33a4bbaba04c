/* op_table.c: one row for each op. A new op is a file beside this one, a line in ops.h and a row here; the schema of hypes lists its
 * attributes. */
#include <string.h>

#include "engine/ops/ops.h"

static const tn_op *const table[] = {
    &tn_op_dense,
    &tn_op_conv2d,
    &tn_op_conv2d_transpose,
    &tn_op_upsample2d,
    &tn_op_max_pool2d,
    &tn_op_avg_pool2d,
    &tn_op_flatten,
    &tn_op_dropout,
    &tn_op_batch_norm,
    &tn_op_layer_norm,
    &tn_op_add,
    &tn_op_relu,
    &tn_op_leaky_relu,
    &tn_op_elu,
    &tn_op_selu,
    &tn_op_gelu,
    &tn_op_sigmoid,
    &tn_op_hard_sigmoid,
    &tn_op_tanh,
    &tn_op_softplus,
    &tn_op_exp,
    &tn_op_softmax,
    &tn_op_log,
    &tn_op_sqrt,
    &tn_op_square,
    &tn_op_reciprocal,
    &tn_op_subtract,
    &tn_op_multiply,
    &tn_op_divide,
    &tn_op_embedding,
    &tn_op_reshape,
    &tn_op_permute,
    &tn_op_concat,
    &tn_op_global_avg_pool,
    &tn_op_global_max_pool,
    &tn_op_last,
    &tn_op_rnn,
    &tn_op_gru,
    &tn_op_lstm,
    &tn_op_rms_norm,
    &tn_op_attention,
    &tn_op_position_embedding,
    &tn_op_plugin,
};

size_t tn_op_count(void)
{
    return sizeof table / sizeof *table;
}

const tn_op *tn_op_at(size_t index)
{
    return index < tn_op_count() ? table[index] : NULL;
}

const tn_op *tn_op_find(const char *name)
{
    for (size_t i = 0; i < tn_op_count(); i++) {
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    }
    return NULL;
}

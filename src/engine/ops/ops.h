/* ops.h: every op of the table in op_table.c, each defined in the file of its name. An op is used through tn_op_find; this header is for
 * that table and for tests of one op. */
#ifndef TN_ENGINE_OPS_H
#define TN_ENGINE_OPS_H

#include "engine/op.h"

extern const tn_op tn_op_dense;
extern const tn_op tn_op_conv2d;
extern const tn_op tn_op_conv2d_transpose;
extern const tn_op tn_op_upsample2d;
extern const tn_op tn_op_max_pool2d;
extern const tn_op tn_op_avg_pool2d;
extern const tn_op tn_op_flatten;
extern const tn_op tn_op_dropout;
extern const tn_op tn_op_batch_norm;
extern const tn_op tn_op_layer_norm;
extern const tn_op tn_op_add;
extern const tn_op tn_op_relu;
extern const tn_op tn_op_leaky_relu;
extern const tn_op tn_op_elu;
extern const tn_op tn_op_selu;
extern const tn_op tn_op_gelu;
extern const tn_op tn_op_sigmoid;
extern const tn_op tn_op_hard_sigmoid;
extern const tn_op tn_op_tanh;
extern const tn_op tn_op_softplus;
extern const tn_op tn_op_exp;
extern const tn_op tn_op_softmax;
extern const tn_op tn_op_log;
extern const tn_op tn_op_sqrt;
extern const tn_op tn_op_square;
extern const tn_op tn_op_reciprocal;
extern const tn_op tn_op_subtract;
extern const tn_op tn_op_multiply;
extern const tn_op tn_op_divide;
extern const tn_op tn_op_embedding;
extern const tn_op tn_op_reshape;
extern const tn_op tn_op_permute;
extern const tn_op tn_op_concat;
extern const tn_op tn_op_global_avg_pool;
extern const tn_op tn_op_global_max_pool;
extern const tn_op tn_op_last;
extern const tn_op tn_op_rnn;
extern const tn_op tn_op_gru;
extern const tn_op tn_op_lstm;
extern const tn_op tn_op_rms_norm;
extern const tn_op tn_op_attention;
extern const tn_op tn_op_position_embedding;
extern const tn_op tn_op_plugin;

#endif

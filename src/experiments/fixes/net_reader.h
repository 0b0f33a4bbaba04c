/* net_reader.h: what the proposers ask about hypes.net, and how they write patches of it. */
#ifndef TN_EXPERIMENTS_NET_READER_H
#define TN_EXPERIMENTS_NET_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "experiments/investigation.h"

#define TN_NO_NODE ((size_t)-1)

const char *tn_net_op(const tn_hypes *hypes, size_t index);
bool tn_net_is_activation(const char *op);
bool tn_net_is_saturating(const char *op); /* bounded or exploding: sigmoid, hard_sigmoid, tanh, exp, softmax */
bool tn_net_is_recurrent(const char *op);  /* rnn, gru, lstm: they have activations of their own */
bool tn_net_is_linear(const char *op);     /* dense and convolutions: they want an activation behind them */
bool tn_net_is_norm(const char *op);
bool tn_net_has_weights(const char *op); /* what may make the outputs of a net: linear, recurrent, embedding, attention */

/* The net as a graph. A node takes the outputs of one or more others, tn_net_source_count of them; TN_NO_NODE is the data, and what no node before it is called. */
size_t tn_net_source_count(const tn_hypes *hypes, size_t index);
size_t tn_net_source(const tn_hypes *hypes, size_t index, size_t which);
/* The one node that takes the output of `index`, and nothing beside it; TN_NO_NODE where that is several, none, or a node of several sources. */
size_t tn_net_only_reader(const tn_hypes *hypes, size_t index);
/* Whether the output of `index` is multiplied by another node's, taken off it or divided: a gate, or a weight of an attention that is written out, whose range belongs to it. */
bool tn_net_is_gate(const tn_hypes *hypes, size_t index);
/* The node of the same op behind which `index` does the same again: between them are only activations, norms and dropout, which keep the shape. TN_NO_NODE where there is none. */
size_t tn_net_same_before(const tn_hypes *hypes, size_t index);

/* The last node with weights, and the activation behind it; TN_NO_NODE where there is none. */
size_t tn_net_last_weighted(const tn_hypes *hypes);
size_t tn_net_output_activation(const tn_hypes *hypes);
size_t
tn_net_outputs(const tn_hypes *hypes); /* width of the last node with weights; 0 where there is none, or its width is that of its input */

const char *tn_net_loss(const tn_hypes *hypes);

/* The only path of a patch that memory was out for; no path of the hypes is empty. */
#define TN_PATCH_BROKEN ""

/* Puts `value` (stolen) at a formatted path of `patch`. Where memory is out the patch is emptied, and has TN_PATCH_BROKEN, which tn_fix_add_patch tells its list. */
void tn_patch_put(json_t *patch, json_t *value, const char *path_format, ...) TN_PRINTF(3, 4);
/* {"op": op}, with the name and the source that the node of the net has now. */
json_t *tn_patch_other_op(const tn_hypes *hypes, size_t index, const char *op);
json_t *tn_patch_insertion(const char *op); /* {"$insert": {"op": op}} */
json_t *tn_patch_removal(void);             /* {"$remove": true} */

#endif

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
bool tn_net_has_weights(const char *op);   /* dense, conv2d */

/* The last node with weights, and the activation behind it; TN_NO_NODE where there is none. */
size_t tn_net_last_weighted(const tn_hypes *hypes);
size_t tn_net_output_activation(const tn_hypes *hypes);
size_t tn_net_outputs(const tn_hypes *hypes); /* units or filters of the last node with weights, 0 where there is none */

const char *tn_net_loss(const tn_hypes *hypes);

/* The only path of a patch that memory was out for; no path of the hypes is empty. */
#define TN_PATCH_BROKEN ""

/* Puts `value` (stolen) at a formatted path of `patch`. Where memory is out the patch is emptied, and has TN_PATCH_BROKEN, which tn_fix_add_patch tells its list. */
void tn_patch_put(json_t *patch, json_t *value, const char *path_format, ...) TN_PRINTF(3, 4);
json_t *tn_patch_insertion(const char *op); /* {"$insert": {"op": op}} */
json_t *tn_patch_removal(void);             /* {"$remove": true} */

#endif

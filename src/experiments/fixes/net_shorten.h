/* net_shorten.h: a net without its inner layers that repeat, as a patch. */
#ifndef TN_EXPERIMENTS_NET_SHORTEN_H
#define TN_EXPERIMENTS_NET_SHORTEN_H

#include "experiments/fixes/net_reader.h"

/* Adds to `patch` what takes away: a dense layer behind one of the same width, with the activation that follows it; a recurrent layer behind one of the same kind and width, and all but the first
 * of recurrent layers on top of each other; a residual block (what lies between a node and the `add` of that node) that has the ops of an earlier one. No shape that is left changes by that.
 * Returns how many layers go; a residual block counts as one. */
size_t tn_net_shorten(const tn_hypes *hypes, json_t *patch);

#endif

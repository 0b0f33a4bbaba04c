/* global_pool.h: what global_avg_pool, global_max_pool and last share: a sample [..., C] becomes [C], one value for each channel over all
 * places before the last axis: the steps of a sequence [time, C], or the pixels of an image [h, w, C]. */
#ifndef TN_ENGINE_GLOBAL_POOL_H
#define TN_ENGINE_GLOBAL_POOL_H

#include "engine/op.h"

/* Shape [C]; otherwise TN_ERROR_HYPES for an input that has no axis but one. */
tn_status tn_global_pool_configure(tn_node *node, const json_t *hypes_node, tn_error *error);

size_t tn_global_pool_places(const tn_node *node);

/* One sample of a pass: its number is `sample`. */
typedef void tn_global_pool_fn(const tn_node *node, const tn_pass *pass, size_t sample);

/* All samples of a pass, split among the threads. */
void tn_global_pool_run(const tn_node *node, const tn_pass *pass, tn_global_pool_fn *of_sample);

#endif

/* fix_frozen.c: every parameter trained. */
#include "experiments/fixes/fix.h"
#include "experiments/fixes/net_reader.h"

void tn_fix_propose_frozen(const tn_fix_case *about, tn_fix_list *list)
{
    if (!about->hypes)
        return;
    json_t *patch = json_object();
    for (size_t i = 0; i < tn_hypes_node_count(about->hypes); i++)
        if (json_is_false(json_object_get(tn_hypes_node(about->hypes, i), "trainable")))
            tn_patch_put(patch, json_true(), "net.%zu.trainable", i);
    tn_fix_add_patch(list, TN_CAUSE_frozen_parameters, patch, "every parameter trained")->prior = 0.5;
}

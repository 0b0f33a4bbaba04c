/* fix_regularization.c: no dropout and no weight decay, or no augmentation. */
#include <string.h>

#include "experiments/fixes/fix.h"
#include "experiments/fixes/net_reader.h"

void tn_fix_propose_regularization(const tn_fix_case *about, tn_fix_list *list)
{
    const tn_hypes *hypes = about->hypes;
    if (!hypes)
        return;
    json_t *patch = json_object();
    for (size_t i = 0; i < tn_hypes_node_count(hypes); i++)
        if (strcmp(tn_net_op(hypes, i), "dropout") == 0)
            tn_patch_put(patch, tn_patch_removal(), "net.%zu", i);
    if (tn_hypes_number(hypes, "solver.weight_decay") > 0)
        tn_patch_put(patch, json_integer(0), "solver.weight_decay");
    tn_fix_add_patch(list, TN_CAUSE_over_regularized, patch, "no dropout and no weight decay");
    if (json_object_size(tn_hypes_value(hypes, "data.augment")) > 0)
        tn_fix_add_patch(list, TN_CAUSE_over_regularized, json_pack("{s:n}", "data.augment"), "no augmentation of training samples");
}

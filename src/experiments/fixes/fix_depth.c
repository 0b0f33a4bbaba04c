/* fix_depth.c: the same net without its inner layers, where one dense layer follows another of the same width again and again. */
#include <string.h>

#include "experiments/fixes/fix.h"
#include "experiments/fixes/net_reader.h"

/* Fewer hidden layers than this are not deep. */
enum { DEEP = 3 };

static long long units(const tn_hypes *hypes, size_t index)
{
    return json_integer_value(json_object_get(tn_hypes_node(hypes, index), "units"));
}

void tn_fix_propose_depth(const tn_fix_case *about, tn_fix_list *list)
{
    const tn_hypes *hypes = about->hypes;
    size_t last = hypes ? tn_net_last_weighted(hypes) : TN_NO_NODE, layers = 0, previous = TN_NO_NODE;
    if (last == TN_NO_NODE)
        return;
    json_t *patch = json_object();
    for (size_t i = 0; i < last; i++) {
        if (strcmp(tn_net_op(hypes, i), "dense") != 0)
            continue;
        /* A layer of the same width as the one before, with the activation behind it, can go without anything else changing its shape. */
        if (previous != TN_NO_NODE && units(hypes, previous) == units(hypes, i)) {
            layers++;
            tn_patch_put(patch, tn_patch_removal(), "net.%zu", i);
            if (tn_net_is_activation(tn_net_op(hypes, i + 1)))
                tn_patch_put(patch, tn_patch_removal(), "net.%zu", i + 1);
        }
        previous = i;
    }
    if (layers + 1 < DEEP) {
        json_decref(patch);
        return;
    }
    tn_fix_add_patch(list, TN_CAUSE_too_deep, patch, "%zu hidden layers fewer", layers)->prior =
        tn_look_fired(about->look, "vanishing") ? 0.6 : 0.3;
}

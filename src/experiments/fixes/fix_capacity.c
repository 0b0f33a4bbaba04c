/* fix_capacity.c: wider hidden layers, where the widest is narrow. */
#include "experiments/fixes/fix.h"
#include "experiments/fixes/net_reader.h"

/* Hidden layers up to this many units count as narrow; they are made WIDER times as wide. Own choice. */
enum { NARROW = 16, WIDER = 8 };

void tn_fix_propose_capacity(const tn_fix_case *about, tn_fix_list *list)
{
    size_t last = about->hypes ? tn_net_last_weighted(about->hypes) : TN_NO_NODE;
    if (last == TN_NO_NODE)
        return;
    json_t *patch = json_object();
    for (size_t i = 0; i < last; i++) {
        /* Only dense, recurrent and embedding layers have units; where sums join such layers, all of one width become wider together. */
        long long units = json_integer_value(json_object_get(tn_hypes_node(about->hypes, i), "units"));
        if (units > 0 && units <= NARROW)
            tn_patch_put(patch, json_integer(units * WIDER), "net.%zu.units", i);
    }
    tn_fix_add_patch(list, TN_CAUSE_too_little_capacity, patch, "narrow hidden layers %d times as wide", WIDER)->prior = 0.2;
}

/* fix_depth.c: the same net without its inner layers, where one does the same as the one before again and again. */
#include "experiments/fixes/fix.h"
#include "experiments/fixes/net_shorten.h"

/* Fewer hidden layers than this are not deep. */
enum { DEEP = 3 };

void tn_fix_propose_depth(const tn_fix_case *about, tn_fix_list *list)
{
    json_t *patch = json_object();
    size_t layers = about->hypes ? tn_net_shorten(about->hypes, patch) : 0;
    if (layers + 1 < DEEP) {
        json_decref(patch);
        return;
    }
    tn_fix_add_patch(list, TN_CAUSE_too_deep, patch, "%zu hidden layers fewer", layers)->prior =
        tn_look_fired(about->look, "vanishing") ? 0.6 : 0.3;
}

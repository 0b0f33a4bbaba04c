/* fix_activation.c: relu in the hidden layers where they saturate, explode or are missing; a form that lets negative values pass where relu's units are dead, or would be. */
#include <string.h>

#include "experiments/fixes/fix.h"
#include "experiments/fixes/net_reader.h"

/* From so many hidden activations on a second form is proposed: below that a relu net is as good as never born dead. */
enum { DEEP = 3 };

/* Sets every hidden activation for which `wanted` says so to `op`; returns how many. */
static size_t replace_hidden(const tn_hypes *hypes, json_t *patch, bool (*wanted)(const char *), const char *op)
{
    size_t last = tn_net_last_weighted(hypes), count = 0;
    for (size_t i = 0; last != TN_NO_NODE && i < last; i++)
        if (wanted(tn_net_op(hypes, i))) {
            tn_patch_put(patch, json_pack("{s:s}", "op", op), "net.%zu", i);
            count++;
        }
    return count;
}

/* Puts a relu behind every hidden layer that is followed by another layer at once. */
static size_t insert_missing(const tn_hypes *hypes, json_t *patch)
{
    size_t last = tn_net_last_weighted(hypes), count = 0;
    for (size_t i = 0; last != TN_NO_NODE && i < last; i++) {
        if (!tn_net_has_weights(tn_net_op(hypes, i)))
            continue;
        size_t next = i + 1;
        while (next < last && !tn_net_has_weights(tn_net_op(hypes, next)) && !tn_net_is_activation(tn_net_op(hypes, next)))
            next++;
        if (tn_net_has_weights(tn_net_op(hypes, next))) {
            tn_patch_put(patch, tn_patch_insertion("relu"), "net.%zu", i + 1);
            count++;
        }
    }
    return count;
}

static bool is_soft(const char *op)
{
    return tn_net_is_saturating(op) || strcmp(op, "softplus") == 0;
}

static bool is_relu(const char *op)
{
    return strcmp(op, "relu") == 0;
}

void tn_fix_propose_activation(const tn_fix_case *about, tn_fix_list *list)
{
    if (!about->hypes)
        return;
    json_t *patch = json_object();
    bool suspect = tn_look_fired(about->look, "saturated_units") || tn_look_fired(about->look, "vanishing") || about->look->nonfinite;
    size_t soft = replace_hidden(about->hypes, patch, is_soft, "relu");
    tn_fix_add_patch(list, TN_CAUSE_wrong_activation, patch, "relu in the hidden layers")->prior = suspect ? 0.8 : 0.4;

    /* Deep and narrow, a relu net is born dead on some seeds: a layer whose few units are all negative passes nothing on (Lu et al. 2020, arXiv:1903.06733). */
    patch = json_object();
    if (soft >= DEEP)
        replace_hidden(about->hypes, patch, is_soft, "elu");
    tn_fix_add_patch(list, TN_CAUSE_wrong_activation, patch, "elu in the hidden layers")->prior = suspect ? 0.7 : 0.3;

    patch = json_object();
    insert_missing(about->hypes, patch);
    tn_fix_add_patch(list, TN_CAUSE_wrong_activation, patch, "a relu behind each hidden layer that has no activation")->prior = 0.5;

    patch = json_object();
    replace_hidden(about->hypes, patch, is_relu, "elu");
    tn_fix_add_patch(list, TN_CAUSE_wrong_activation, patch, "elu in place of relu")->prior =
        tn_look_fired(about->look, "dead_units") ? 0.6 : 0.2;
}

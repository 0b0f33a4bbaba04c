/* fix_activation.c: relu in the hidden layers where they saturate, explode or are missing; tanh in recurrent layers with relu; a form that lets negative values pass where relu's units are dead, or would be. */
#include <string.h>

#include "experiments/fixes/fix.h"
#include "experiments/fixes/net_reader.h"

/* From so many hidden activations on a second form is proposed: below that a relu net is as good as never born dead. */
enum { DEEP = 3 };

/* Sets every hidden activation for which `wanted` says so to `op`; returns how many. Gates keep theirs. */
static size_t replace_hidden(const tn_hypes *hypes, json_t *patch, bool (*wanted)(const char *), const char *op)
{
    size_t last = tn_net_last_weighted(hypes), count = 0;
    for (size_t i = 0; last != TN_NO_NODE && i < last; i++)
        if (wanted(tn_net_op(hypes, i)) && !tn_net_is_gate(hypes, i)) {
            tn_patch_put(patch, tn_patch_other_op(hypes, i, op), "net.%zu", i);
            count++;
        }
    return count;
}

/* Whether what follows a linear layer makes it one with the next: no activation, and nothing that has one inside, stands between them. The way must not branch. */
static bool misses_activation(const tn_hypes *hypes, size_t index, size_t last)
{
    if (!tn_net_is_linear(tn_net_op(hypes, index)))
        return false;
    for (size_t next = tn_net_only_reader(hypes, index); next != TN_NO_NODE && next <= last; next = tn_net_only_reader(hypes, next)) {
        const char *op = tn_net_op(hypes, next);
        if (tn_net_is_linear(op))
            return true;
        if (tn_net_is_activation(op) || tn_net_has_weights(op))
            return false;
    }
    return false;
}

/* Puts a relu behind every hidden layer that is followed by another layer at once. */
static size_t insert_missing(const tn_hypes *hypes, json_t *patch)
{
    size_t last = tn_net_last_weighted(hypes), count = 0;
    for (size_t i = 0; last != TN_NO_NODE && i < last; i++) {
        bool leads_on = tn_net_only_reader(hypes, i) == i + 1 && !json_object_get(tn_hypes_node(hypes, i + 1), "from");
        if (leads_on && misses_activation(hypes, i, last)) {
            tn_patch_put(patch, tn_patch_insertion("relu"), "net.%zu", i + 1);
            count++;
        }
    }
    return count;
}

/* Plain recurrent layers with relu: the state may grow at every step. */
static void propose_bounded_state(const tn_fix_case *about, tn_fix_list *list)
{
    json_t *patch = json_object();
    for (size_t i = 0; i < tn_hypes_node_count(about->hypes); i++) {
        const char *activation = json_string_value(json_object_get(tn_hypes_node(about->hypes, i), "activation"));
        if (activation && strcmp(tn_net_op(about->hypes, i), "rnn") == 0 && strcmp(activation, "relu") == 0)
            tn_patch_put(patch, json_string("tanh"), "net.%zu.activation", i);
    }
    bool grows = about->look->nonfinite || about->look->diverged || tn_look_fired(about->look, "exploding");
    tn_fix_add_patch(list, TN_CAUSE_wrong_activation, patch, "tanh in the recurrent layers, which keeps their state bounded")->prior =
        grows ? 0.6 : 0.3;
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
    propose_bounded_state(about, list);
}

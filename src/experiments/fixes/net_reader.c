/* net_reader.c: see net_reader.h. Where memory is short the patch is emptied, and tn_fix_add leaves such a candidate out. */
#include "experiments/fixes/net_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *tn_net_op(const tn_hypes *hypes, size_t index)
{
    const char *op = json_string_value(json_object_get(tn_hypes_node(hypes, index), "op"));
    return op ? op : "";
}

static bool is_one_of(const char *op, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(op, names[i]) == 0)
            return true;
    return false;
}

bool tn_net_is_activation(const char *op)
{
    static const char *const names[] = {"relu",         "leaky_relu", "elu",      "selu", "gelu",   "sigmoid",
                                        "hard_sigmoid", "tanh",       "softplus", "exp",  "softmax"};
    return is_one_of(op, names, sizeof names / sizeof *names);
}

bool tn_net_is_saturating(const char *op)
{
    static const char *const names[] = {"sigmoid", "hard_sigmoid", "tanh", "exp", "softmax"};
    return is_one_of(op, names, sizeof names / sizeof *names);
}

bool tn_net_has_weights(const char *op)
{
    return strcmp(op, "dense") == 0 || strcmp(op, "conv2d") == 0;
}

size_t tn_net_last_weighted(const tn_hypes *hypes)
{
    for (size_t i = tn_hypes_node_count(hypes); i > 0; i--)
        if (tn_net_has_weights(tn_net_op(hypes, i - 1)))
            return i - 1;
    return TN_NO_NODE;
}

size_t tn_net_output_activation(const tn_hypes *hypes)
{
    size_t last = tn_net_last_weighted(hypes);
    if (last == TN_NO_NODE)
        return TN_NO_NODE;
    for (size_t i = last + 1; i < tn_hypes_node_count(hypes); i++)
        if (tn_net_is_activation(tn_net_op(hypes, i)))
            return i;
    return TN_NO_NODE;
}

size_t tn_net_outputs(const tn_hypes *hypes)
{
    size_t last = tn_net_last_weighted(hypes);
    if (last == TN_NO_NODE)
        return 0;
    const json_t *node = tn_hypes_node(hypes, last);
    const json_t *units = json_object_get(node, "units");
    return (size_t)json_integer_value(units ? units : json_object_get(node, "filters"));
}

const char *tn_net_loss(const tn_hypes *hypes)
{
    return tn_hypes_string(hypes, "loss.name");
}

void tn_patch_put(json_t *patch, json_t *value, const char *path_format, ...)
{
    char path[96];
    va_list arguments;
    va_start(arguments, path_format);
    vsnprintf(path, sizeof path, path_format, arguments);
    va_end(arguments);
    if (json_object_set_new(patch, path, value) == 0)
        return;
    json_object_clear(patch);
    json_object_set_new(patch, TN_PATCH_BROKEN, json_true());
}

json_t *tn_patch_insertion(const char *op)
{
    return json_pack("{s:{s:s}}", "$insert", "op", op);
}

json_t *tn_patch_removal(void)
{
    return json_pack("{s:b}", "$remove", 1);
}

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

bool tn_net_is_recurrent(const char *op)
{
    static const char *const names[] = {"rnn", "gru", "lstm"};
    return is_one_of(op, names, sizeof names / sizeof *names);
}

bool tn_net_is_linear(const char *op)
{
    static const char *const names[] = {"dense", "conv2d", "conv2d_transpose"};
    return is_one_of(op, names, sizeof names / sizeof *names);
}

bool tn_net_is_norm(const char *op)
{
    static const char *const names[] = {"batch_norm", "layer_norm", "rms_norm"};
    return is_one_of(op, names, sizeof names / sizeof *names);
}

bool tn_net_has_weights(const char *op)
{
    return tn_net_is_linear(op) || tn_net_is_recurrent(op) || strcmp(op, "embedding") == 0 || strcmp(op, "attention") == 0;
}

/* A node goes by its "name", else by op and number, as in "dense_2". */
static bool is_called(const tn_hypes *hypes, size_t index, const char *wanted)
{
    const char *name = json_string_value(json_object_get(tn_hypes_node(hypes, index), "name")), *op = tn_net_op(hypes, index);
    size_t length = strlen(op);
    if (name)
        return strcmp(name, wanted) == 0;
    char number[24];
    snprintf(number, sizeof number, "_%zu", index);
    return strncmp(wanted, op, length) == 0 && strcmp(wanted + length, number) == 0;
}

size_t tn_net_source_count(const tn_hypes *hypes, size_t index)
{
    const json_t *from = json_object_get(tn_hypes_node(hypes, index), "from");
    return json_is_array(from) ? json_array_size(from) : 1;
}

size_t tn_net_source(const tn_hypes *hypes, size_t index, size_t which)
{
    const json_t *from = json_object_get(tn_hypes_node(hypes, index), "from");
    const char *wanted = json_string_value(json_is_array(from) ? json_array_get(from, which) : from);
    if (!wanted)
        return index > 0 ? index - 1 : TN_NO_NODE;
    for (size_t i = index; i > 0; i--)
        if (is_called(hypes, i - 1, wanted))
            return i - 1;
    return TN_NO_NODE;
}

size_t tn_net_only_reader(const tn_hypes *hypes, size_t index)
{
    size_t reader = TN_NO_NODE;
    for (size_t i = index + 1; i < tn_hypes_node_count(hypes); i++)
        for (size_t k = 0; k < tn_net_source_count(hypes, i); k++) {
            if (tn_net_source(hypes, i, k) != index)
                continue;
            if (reader != TN_NO_NODE || tn_net_source_count(hypes, i) > 1)
                return TN_NO_NODE;
            reader = i;
        }
    return reader;
}

bool tn_net_is_gate(const tn_hypes *hypes, size_t index)
{
    static const char *const names[] = {"multiply", "divide", "subtract"};
    for (size_t i = index + 1; i < tn_hypes_node_count(hypes); i++)
        for (size_t k = 0; is_one_of(tn_net_op(hypes, i), names, sizeof names / sizeof *names) && k < tn_net_source_count(hypes, i); k++)
            if (tn_net_source(hypes, i, k) == index)
                return true;
    return false;
}

size_t tn_net_same_before(const tn_hypes *hypes, size_t index)
{
    size_t at = index;
    for (;;) {
        size_t before = tn_net_source_count(hypes, at) == 1 ? tn_net_source(hypes, at, 0) : TN_NO_NODE;
        if (before == TN_NO_NODE || tn_net_only_reader(hypes, before) != at)
            return TN_NO_NODE;
        const char *op = tn_net_op(hypes, before);
        if (strcmp(op, tn_net_op(hypes, index)) == 0)
            return before;
        if (!tn_net_is_activation(op) && !tn_net_is_norm(op) && strcmp(op, "dropout") != 0)
            return TN_NO_NODE;
        at = before;
    }
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
    size_t directions = json_is_true(json_object_get(node, "bidirectional")) ? 2 : 1;
    return directions * (size_t)json_integer_value(units ? units : json_object_get(node, "filters"));
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

json_t *tn_patch_other_op(const tn_hypes *hypes, size_t index, const char *op)
{
    const json_t *node = tn_hypes_node(hypes, index);
    json_t *name = json_object_get(node, "name"), *from = json_object_get(node, "from");
    return json_pack("{s:s, s:O*, s:O*}", "op", op, "name", name, "from", from);
}

json_t *tn_patch_insertion(const char *op)
{
    return json_pack("{s:{s:s}}", "$insert", "op", op);
}

json_t *tn_patch_removal(void)
{
    return json_pack("{s:b}", "$remove", 1);
}

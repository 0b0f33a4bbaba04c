/* op_plugin.c: a layer of the user's own (include/tenet_layer.h), which works in a process of its own (plugin/plugin.h).
 *
 * y = forward(x, parameters), dx and dparameters = backward(...), all in float; this op copies tensors into the memory that it shares with the layer's process, and back. What the layer keeps for
 * backward stays there, so neither input nor output has to be kept here. A layer that fails leaves zeros, and says so in pass->fault. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/ops/ops.h"
#include "hypes/hypes.h"
#include "plugin/plugin.h"
#include "plugin/plugin_check.h"

typedef struct attributes {
    tn_plugin *plugin;
} attributes;

static tn_plugin *plugin_of(const tn_node *node)
{
    return ((const attributes *)(const void *)node->attributes)->plugin;
}

static tn_layer_shape layer_shape(const tn_shape *shape)
{
    tn_layer_shape other = {.rank = shape->rank};
    for (size_t i = 0; i < shape->rank; i++)
        other.dims[i] = shape->dims[i];
    return other;
}

static tn_shape engine_shape(const tn_layer_shape *shape)
{
    tn_shape other = {.rank = shape->rank};
    for (size_t i = 0; i < shape->rank; i++)
        other.dims[i] = shape->dims[i];
    return other;
}

static tn_initializer initializer_of(const tn_layer_parameter *parameter)
{
    static const tn_scheme SCHEMES[] = {[TN_LAYER_ZEROS] = TN_SCHEME_ZEROS,
                                        [TN_LAYER_CONSTANT] = TN_SCHEME_CONSTANT,
                                        [TN_LAYER_NORMAL] = TN_SCHEME_NORMAL,
                                        [TN_LAYER_UNIFORM] = TN_SCHEME_UNIFORM,
                                        [TN_LAYER_AS_HYPES] = TN_SCHEME_GLOROT_UNIFORM};
    return (tn_initializer){.scheme = SCHEMES[parameter->start], .argument = parameter->value, .scale = 1};
}

static tn_status open_plugin(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    attributes *own = (attributes *)(void *)node->attributes;
    const char *path = json_string_value(json_object_get(hypes_node, "plugin"));
    char *resolved = node->hypes ? tn_hypes_resolve(node->hypes, path) : NULL;
    if (node->hypes && !resolved)
        return tn_fail_memory(error, strlen(path) + 1);
    tn_status status = tn_plugin_open(resolved ? resolved : path, TN_PLUGIN_SECONDS, &own->plugin, error);
    free(resolved);
    return status;
}

/* A plug-in that failed is a mistake in what the node names, so that the graph tells the line. */
static tn_status as_mistake(tn_status status, tn_error *error)
{
    if (status != TN_ERROR_LAYER)
        return status;
    error->code = TN_ERROR_HYPES;
    return TN_ERROR_HYPES;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    static const char *const KEYS[] = {"op", "plugin", "name", "from", "init", "bias_init", "trainable"};
    tn_layer_shape inputs[TN_LAYER_INPUTS_MAX];
    double arguments[TN_LAYER_ARGUMENTS_MAX];
    tn_status status = open_plugin(node, hypes_node, error);
    if (status != TN_OK)
        return as_mistake(status, error);
    tn_plugin *plugin = plugin_of(node);
    const tn_plugin_info *info = tn_plugin_info_of(plugin);
    if (node->input_count < info->least_inputs || node->input_count > info->most_inputs)
        return tn_fail(error, TN_ERROR_HYPES, "the plug-in %s takes %zu to %zu inputs; there are %zu: name them in \"from\"", info->name,
                       info->least_inputs, info->most_inputs, node->input_count);
    for (size_t i = 0; i < node->input_count; i++)
        inputs[i] = layer_shape(&node->inputs[i]);
    status = tn_plugin_read_arguments(plugin, hypes_node, KEYS, sizeof KEYS / sizeof *KEYS, arguments, error);
    if (status == TN_OK)
        status = tn_plugin_shape(plugin, inputs, node->input_count, arguments, error);
    if (status != TN_OK)
        return as_mistake(status, error);
    const tn_layer_plan *plan = tn_plugin_plan(plugin);
    node->output = engine_shape(&plan->output);
    const size_t places = tn_shape_size(&node->output) / node->output.dims[node->output.rank - 1];
    for (size_t i = 0; i < plan->parameter_count; i++) {
        const tn_layer_parameter *own = &plan->parameters[i];
        const tn_shape shape = engine_shape(&own->shape);
        tn_parameter *parameter = tn_node_add_parameter(node, own->name, &shape);
        parameter->fan_in = own->fan_in > 0 ? own->fan_in : tn_shape_size(&shape);
        parameter->fan_out = own->fan_out > 0 ? own->fan_out : 1;
        parameter->initializer = initializer_of(own);
        parameter->is_state = own->is_state;
        node->multiply_adds += (double)tn_shape_size(&shape) * (double)places; /* a guess: all weights at each place, as in a dense layer */
    }
    return TN_OK;
}

static void copy_in(tn_plugin *plugin, size_t tensor, const tn_real *values, size_t count)
{
    float *into = tn_plugin_values(plugin, tensor);
    for (size_t i = 0; i < count; i++)
        into[i] = (float)values[i];
}

static void copy_out(tn_plugin *plugin, size_t tensor, tn_real *values, size_t count)
{
    const float *from = tn_plugin_values(plugin, tensor);
    for (size_t i = 0; i < count; i++)
        values[i] = (tn_real)from[i];
}

static void note_fault(const tn_pass *pass, const tn_error *error)
{
    if (pass->fault && pass->fault->code == TN_OK)
        *pass->fault = *error;
}

static tn_status make_room(tn_plugin *plugin, size_t batch, tn_error *error)
{
    return batch <= tn_plugin_batch(plugin) ? TN_OK : tn_plugin_prepare(plugin, batch, error);
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    tn_plugin *plugin = plugin_of(node);
    const tn_layer_plan *plan = tn_plugin_plan(plugin);
    size_t outputs = pass->batch * tn_shape_size(&node->output);
    tn_error error = {.code = TN_OK};
    tn_status status = make_room(plugin, pass->batch, &error);
    if (status == TN_OK) {
        for (size_t i = 0; i < node->input_count; i++)
            copy_in(plugin, TN_PLUGIN_INPUT + i, pass->inputs[i], pass->batch * tn_shape_size(&node->inputs[i]));
        for (size_t i = 0; i < plan->parameter_count; i++)
            copy_in(plugin, TN_PLUGIN_PARAMETER + i, pass->parameters[i], tn_shape_size(&node->parameters[i].shape));
        status = tn_plugin_forward(plugin, pass->batch, pass->training, &error);
    }
    if (status != TN_OK) {
        note_fault(pass, &error);
        memset(pass->output, 0, outputs * sizeof *pass->output);
        return;
    }
    copy_out(plugin, TN_PLUGIN_OUTPUT, pass->output, outputs);
    for (size_t i = 0; i < plan->parameter_count && pass->training; i++)
        if (plan->parameters[i].is_state)
            copy_out(plugin, TN_PLUGIN_PARAMETER + i, pass->parameters[i], tn_shape_size(&node->parameters[i].shape));
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    tn_plugin *plugin = plugin_of(node);
    unsigned wants = 0;
    tn_error error = {.code = TN_OK};
    for (size_t i = 0; i < node->input_count; i++)
        wants |= pass->d_inputs[i] ? 1u << i : 0;
    for (size_t i = 0; i < node->parameter_count; i++)
        wants |= pass->d_parameters[i] ? 1u << (TN_LAYER_INPUTS_MAX + i) : 0;
    copy_in(plugin, TN_PLUGIN_D_OUTPUT, pass->d_output, pass->batch * tn_shape_size(&node->output));
    tn_status status = tn_plugin_backward(plugin, pass->batch, pass->training, wants, &error);
    if (status != TN_OK)
        note_fault(pass, &error);
    for (size_t i = 0; i < node->input_count; i++) {
        size_t count = pass->batch * tn_shape_size(&node->inputs[i]);
        if (pass->d_inputs[i] && status == TN_OK)
            copy_out(plugin, TN_PLUGIN_D_INPUT + i, pass->d_inputs[i], count);
        else if (pass->d_inputs[i])
            memset(pass->d_inputs[i], 0, count * sizeof(tn_real));
    }
    for (size_t i = 0; i < node->parameter_count; i++) {
        size_t count = tn_shape_size(&node->parameters[i].shape);
        if (pass->d_parameters[i] && status == TN_OK)
            copy_out(plugin, TN_PLUGIN_D_PARAMETER + i, pass->d_parameters[i], count);
        else if (pass->d_parameters[i])
            memset(pass->d_parameters[i], 0, count * sizeof(tn_real));
    }
}

static void release(tn_node *node)
{
    attributes *own = (attributes *)(void *)node->attributes;
    tn_plugin_close(own->plugin);
    own->plugin = NULL;
}

const tn_op tn_op_plugin = {
    .name = "plugin",
    .flags = TN_OP_IGNORES_OUTPUT | TN_OP_IGNORES_INPUTS | TN_OP_MANY_INPUTS,
    .configure = configure,
    .forward = forward,
    .backward = backward,
    .release = release,
};

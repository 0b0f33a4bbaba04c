/* node.c: what the configure functions of the ops share: reading attributes, adding parameters, printing shapes. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/op.h"

double tn_attribute_number(const json_t *hypes_node, const char *key)
{
    const json_t *value = json_object_get(hypes_node, key);
    assert(json_is_number(value));
    return json_number_value(value);
}

size_t tn_attribute_size(const json_t *hypes_node, const char *key)
{
    const json_t *value = json_object_get(hypes_node, key);
    assert(json_is_integer(value) && json_integer_value(value) >= 0);
    return (size_t)json_integer_value(value);
}

bool tn_attribute_boolean(const json_t *hypes_node, const char *key)
{
    const json_t *value = json_object_get(hypes_node, key);
    assert(json_is_boolean(value));
    return json_is_true(value);
}

tn_parameter *tn_node_add_parameter(tn_node *node, const char *name, const tn_shape *shape)
{
    assert(node->parameter_count < TN_OP_PARAMETERS_MAX);
    tn_parameter *parameter = &node->parameters[node->parameter_count++];
    memset(parameter, 0, sizeof *parameter);
    snprintf(parameter->name, sizeof parameter->name, "%s", name);
    parameter->shape = *shape;
    parameter->fan_in = 1;
    parameter->fan_out = 1;
    parameter->unit_axis = shape->rank > 0 ? shape->rank - 1 : 0;
    parameter->initializer = (tn_initializer){.scheme = TN_SCHEME_ZEROS, .scale = 1};
    parameter->trainable = true;
    return parameter;
}

const char *tn_shape_format(char buffer[96], const tn_shape *shape)
{
    size_t at = 0;
    buffer[at++] = '[';
    for (size_t i = 0; i < shape->rank && at < 80; i++)
        at += (size_t)snprintf(buffer + at, 96 - at, i ? ", %zu" : "%zu", shape->dims[i]);
    snprintf(buffer + at, 96 - at, "]");
    return buffer;
}

tn_real *tn_pass_shared_scratch(const tn_node *node, const tn_pass *pass)
{
    return pass->scratch + tn_pool_threads(pass->pool) * node->scratch_per_worker;
}

/* plugin_memory.c: where the tensors of a plug-in lie, and whether anything was written beside them; see plugin_parts.h.
 *
 * A tensor starts on a cache line and ends as near to the end of its pages as that allows: less than 64 bytes are left behind it, less than a page before it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "plugin/plugin_parts.h"

size_t tn_plugin_shape_size(const tn_layer_shape *shape)
{
    size_t size = 1;
    for (size_t i = 0; i < shape->rank; i++)
        size *= shape->dims[i];
    return size;
}

size_t tn_plugin_count(const tn_plugin *plugin, size_t tensor, size_t batch)
{
    const tn_layer_plan *plan = &plugin->plan;
    if (tensor == TN_PLUGIN_OUTPUT || tensor == TN_PLUGIN_D_OUTPUT)
        return batch * tn_plugin_shape_size(&plan->output);
    if (tensor == TN_PLUGIN_SAVED)
        return batch * plan->saved_per_sample + plan->saved_per_batch;
    bool is_input = tensor < TN_PLUGIN_OUTPUT || (tensor >= TN_PLUGIN_D_INPUT && tensor < TN_PLUGIN_PARAMETER);
    if (is_input) {
        size_t i = tensor < TN_PLUGIN_OUTPUT ? tensor : tensor - TN_PLUGIN_D_INPUT;
        return i < plugin->input_count ? batch * tn_plugin_shape_size(&plugin->inputs[i]) : 0;
    }
    bool is_gradient = tensor >= TN_PLUGIN_D_PARAMETER;
    size_t i = tensor - (is_gradient ? TN_PLUGIN_D_PARAMETER : TN_PLUGIN_PARAMETER);
    bool exists = i < plan->parameter_count && !(is_gradient && plan->parameters[i].is_state);
    return exists ? tn_plugin_shape_size(&plan->parameters[i].shape) : 0;
}

static bool is_read_only(const tn_plugin *plugin, size_t tensor)
{
    if (tensor < TN_PLUGIN_OUTPUT || tensor == TN_PLUGIN_D_OUTPUT)
        return true;
    bool is_parameter = tensor >= TN_PLUGIN_PARAMETER && tensor < TN_PLUGIN_D_PARAMETER;
    return is_parameter && !plugin->plan.parameters[tensor - TN_PLUGIN_PARAMETER].is_state;
}

bool tn_plugin_lay(const tn_plugin *plugin, size_t batch, tn_plugin_layout *layout)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), most = (size_t)1 << 46;
    *layout = (tn_plugin_layout){.generation = plugin->layout.generation + 1, .host_size = TN_PLUGIN_GUARD};
    for (size_t i = 0; i < TN_PLUGIN_TENSORS; i++) {
        tn_plugin_region *region = &layout->regions[i];
        size_t lines;
        if (!tn_size_multiply(tn_plugin_count(plugin, i, batch), sizeof(float), &region->bytes) || region->bytes > most)
            return false;
        if (region->bytes == 0)
            continue;
        lines = (region->bytes + TN_ALIGNMENT - 1) / TN_ALIGNMENT * TN_ALIGNMENT;
        region->pages = (lines + page - 1) / page * page;
        region->lead = region->pages - lines;
        region->file = layout->file_size;
        region->place = layout->host_size;
        region->is_read_only = is_read_only(plugin, i);
        layout->file_size += region->pages;
        layout->host_size += region->pages + TN_PLUGIN_GUARD;
        if (layout->file_size > most)
            return false;
    }
    return true;
}

float *tn_plugin_values(tn_plugin *plugin, size_t tensor)
{
    const tn_plugin_region *region = &plugin->layout.regions[tensor];
    return plugin->view && region->bytes > 0 ? (float *)(void *)(plugin->view + region->file + region->lead) : NULL;
}

/* What stands around a tensor, as words of 4 bytes: [*before] ahead of it, [*after] behind it. */
static uint32_t *around(const tn_plugin *plugin, size_t tensor, size_t *before, size_t *after, uint32_t **behind)
{
    const tn_plugin_region *region = &plugin->layout.regions[tensor];
    uint32_t *start = (uint32_t *)(void *)(plugin->view + region->file);
    *before = region->lead / sizeof *start;
    *after = (region->pages - region->lead - region->bytes) / sizeof *start;
    *behind = start + *before + region->bytes / sizeof *start;
    return start;
}

void tn_plugin_guard(const tn_plugin *plugin)
{
    for (size_t i = 0; i < TN_PLUGIN_TENSORS; i++) {
        size_t before, after;
        uint32_t *behind;
        if (plugin->layout.regions[i].bytes == 0)
            continue;
        uint32_t *ahead = around(plugin, i, &before, &after, &behind);
        for (size_t k = 0; k < before; k++)
            ahead[k] = TN_PLUGIN_PATTERN;
        for (size_t k = 0; k < after; k++)
            behind[k] = TN_PLUGIN_PATTERN;
    }
}

size_t tn_plugin_find_damage(const tn_plugin *plugin, long long *distance)
{
    for (size_t i = 0; i < TN_PLUGIN_TENSORS; i++) {
        const tn_plugin_region *region = &plugin->layout.regions[i];
        size_t before, after;
        uint32_t *behind;
        if (region->bytes == 0 || region->is_read_only)
            continue;
        const uint32_t *ahead = around(plugin, i, &before, &after, &behind);
        for (size_t k = 0; k < after; k++) {
            if (behind[k] != TN_PLUGIN_PATTERN) {
                *distance = (long long)k + 1;
                return i;
            }
        }
        for (size_t k = before; k > 0; k--) {
            if (ahead[k - 1] != TN_PLUGIN_PATTERN) {
                *distance = (long long)(k - 1) - (long long)before;
                return i;
            }
        }
    }
    return TN_PLUGIN_TENSORS;
}

const char *tn_plugin_tensor_name(const tn_plugin *plugin, size_t tensor, char text[64])
{
    bool many = plugin->input_count > 1;
    size_t i = tensor;
    if (tensor < TN_PLUGIN_OUTPUT)
        snprintf(text, 64, many ? "inputs[%zu]" : "inputs[0]", i);
    else if (tensor == TN_PLUGIN_OUTPUT)
        snprintf(text, 64, "output");
    else if (tensor == TN_PLUGIN_D_OUTPUT)
        snprintf(text, 64, "d_output");
    else if (tensor < TN_PLUGIN_PARAMETER)
        snprintf(text, 64, "d_inputs[%zu]", i - TN_PLUGIN_D_INPUT);
    else if (tensor < TN_PLUGIN_D_PARAMETER)
        snprintf(text, 64, "parameters[%zu] (%s)", i - TN_PLUGIN_PARAMETER, plugin->plan.parameters[i - TN_PLUGIN_PARAMETER].name);
    else if (tensor < TN_PLUGIN_SAVED)
        snprintf(text, 64, "d_parameters[%zu] (%s)", i - TN_PLUGIN_D_PARAMETER, plugin->plan.parameters[i - TN_PLUGIN_D_PARAMETER].name);
    else
        snprintf(text, 64, "saved");
    return text;
}

const char *tn_plugin_describe_address(const tn_plugin *plugin, tn_plugin_fault *kind, char text[TN_PLUGIN_PLACE_SIZE])
{
    const tn_plugin_note *note = plugin->note;
    const char *did = note->is_write ? "wrote" : "read";
    char name[64];
    size_t batch = note->batch;
    for (size_t i = 0; i < TN_PLUGIN_TENSORS && note->base != 0; i++) {
        const tn_plugin_region *region = &plugin->layout.regions[i];
        uintptr_t start = note->base + region->place + region->lead, end = start + region->bytes;
        if (region->bytes == 0 || note->address < start - region->lead - TN_PLUGIN_GUARD / 2 || note->address >= end + TN_PLUGIN_GUARD / 2)
            continue;
        tn_plugin_tensor_name(plugin, i, name);
        *kind = TN_PLUGIN_OUTSIDE;
        if (note->address < start)
            snprintf(text, TN_PLUGIN_PLACE_SIZE, "it %s %zu bytes before the start of its tensor %s", did, (size_t)(start - note->address),
                     name);
        else if (note->address >= end)
            snprintf(text, TN_PLUGIN_PLACE_SIZE, "it %s at %s[%zu], behind the end of that tensor, which has %zu floats for a batch of %zu",
                     did, name, (size_t)(note->address - start) / sizeof(float), region->bytes / sizeof(float), batch);
        else {
            *kind = TN_PLUGIN_WROTE_READ_ONLY;
            snprintf(text, TN_PLUGIN_PLACE_SIZE, "it wrote to %s[%zu], which it may only read", name,
                     (size_t)(note->address - start) / sizeof(float));
        }
        return text;
    }
    return NULL;
}

/* shown.c: see shown.h. */
#include "shown.h"

#include <stdlib.h>

#include "base/memory.h"
#include "vitals/saturation.h"

static void destroy(tn_shown *shown)
{
    if (!shown)
        return;
    free((char *)(uintptr_t)shown->name.node);
    free((char *)(uintptr_t)shown->name.parameter);
    free((char *)(uintptr_t)shown->name.op);
    free(shown->unit);
    tn_memory_destroy(shown);
}

static bool grow(tn_shown_table *table)
{
    if (table->count < table->capacity)
        return true;
    size_t capacity = table->capacity ? 2 * table->capacity : 64;
    if (capacity > UINT32_MAX)
        return false;
    tn_shown **all = realloc(table->all, capacity * sizeof *all);
    if (!all)
        return false;
    table->all = all;
    uint32_t *gathering = realloc(table->gathering, capacity * sizeof *gathering);
    if (!gathering)
        return false;
    table->gathering = gathering;
    table->capacity = capacity;
    return true;
}

tn_shown *tn_shown_create(tn_shown_table *table, tn_role role, const char *node, const char *parameter, const char *op, size_t node_index)
{
    tn_shown *shown = grow(table) ? tn_memory_create(1, sizeof *shown) : NULL;
    if (!shown)
        return NULL;
    shown->name = (tn_tensor_name){.node = tn_string_copy(node),
                                   .parameter = parameter ? tn_string_copy(parameter) : NULL,
                                   .op = tn_string_copy(op),
                                   .node_index = node_index,
                                   .role = role,
                                   .units = 1};
    if (!shown->name.node || !shown->name.op || (parameter && !shown->name.parameter)) {
        destroy(shown);
        return NULL;
    }
    shown->index = (uint32_t)table->count;
    table->all[table->count++] = shown;
    return shown;
}

void tn_shown_table_deinit(tn_shown_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        destroy(table->all[i]);
    free(table->all);
    free(table->gathering);
    *table = (tn_shown_table){0};
}

tn_vitals *tn_shown_begin(tn_shown_table *table, tn_shown *shown)
{
    if (!shown->gathering) {
        shown->gathering = true;
        table->gathering[table->gathering_count++] = shown->index;
        tn_vitals_init(&shown->vitals);
        tn_shown_forget_units(shown);
    }
    return &shown->vitals;
}

static bool reserve_units(tn_shown *shown, size_t units)
{
    if (units <= shown->unit_capacity)
        return true;
    free(shown->unit);
    shown->unit = malloc(units * sizeof *shown->unit);
    shown->unit_capacity = shown->unit ? units : 0;
    return shown->unit != NULL;
}

tn_unit_vitals *tn_shown_begin_units(tn_shown *shown, const tn_unit_layout *layout, uint64_t batch)
{
    bool is_first = shown->units.units == 0;
    bool fits = is_first ? layout->units <= TN_UNITS_MAX && reserve_units(shown, layout->units) : layout->units == shown->units.units;
    if (shown->no_units || !fits) {
        tn_shown_lose_units(shown);
        return NULL;
    }
    if (is_first) {
        float low, high;
        tn_saturation_limits(&shown->name, &low, &high);
        tn_unit_vitals_init(&shown->units, shown->unit, layout->units, low, high);
    }
    shown->batch += batch;
    return &shown->units;
}

void tn_shown_lose_units(tn_shown *shown)
{
    shown->units.units = 0;
    shown->no_units = true;
}

void tn_shown_forget_units(tn_shown *shown)
{
    shown->units.units = 0;
    shown->batch = 0;
    shown->no_units = false;
}

void tn_shown_send(tn_shown *shown, tn_link *link, uint64_t step, size_t units, const tn_vitals *vitals)
{
    shown->name.count = (size_t)vitals->count;
    shown->name.units = units && shown->name.count % units == 0 ? units : 1;
    if (shown->name.count != shown->told_count || shown->name.units != shown->told_units) {
        tn_link_tensor(link, shown->index, &shown->name);
        shown->told_count = shown->name.count;
        shown->told_units = shown->name.units;
    }
    bool has_units =
        shown->units.units > 0 && shown->units.units == shown->name.units && shown->units.values == shown->name.count / shown->name.units;
    if (has_units)
        tn_link_units(link, step, shown->index, &shown->units, shown->batch);
    tn_shown_forget_units(shown);
    tn_link_vitals(link, step, shown->index, vitals);
}

void tn_shown_flush(tn_shown_table *table, tn_link *link, uint64_t step)
{
    for (size_t i = 0; i < table->gathering_count; i++) {
        tn_shown *shown = table->all[table->gathering[i]];
        shown->gathering = false;
        if (link)
            tn_shown_send(shown, link, step, shown->seen_units, &shown->vitals);
    }
    table->gathering_count = 0;
}

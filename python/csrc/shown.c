/* shown.c: see shown.h. */
#include "shown.h"

#include <stdlib.h>

#include "base/memory.h"

static void destroy(tn_shown *shown)
{
    if (!shown)
        return;
    free((char *)(uintptr_t)shown->name.node);
    free((char *)(uintptr_t)shown->name.parameter);
    free((char *)(uintptr_t)shown->name.op);
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
    }
    return &shown->vitals;
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

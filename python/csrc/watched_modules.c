/* watched_modules.c: which modules a watcher knows, by their addresses. A module that was freed leaves a dead reference, and its place to whoever gets its address. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "watcher.h"

enum { LOOKED_AT = 8 /* elements of a sequence */, DEPTH = 3 /* sequences in sequences */ };

static size_t slot_of(const void *module, size_t slots)
{
    uint64_t key = (uint64_t)(uintptr_t)module;
    return (size_t)((key >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (slots - 1);
}

tn_watched_module *tn_watched_find(const tn_watcher *watcher, PyObject *module)
{
    if (!watcher->module_slots)
        return NULL;
    size_t slot = slot_of(module, watcher->module_slots);
    for (; watcher->modules[slot]; slot = (slot + 1) & (watcher->module_slots - 1))
        if (watcher->modules[slot]->module == module)
            return PyWeakref_GetObject(watcher->modules[slot]->reference) == module ? watcher->modules[slot] : NULL;
    return NULL;
}

static void insert(tn_watched_module **modules, size_t slots, tn_watched_module *module)
{
    size_t slot = slot_of(module->module, slots);
    while (modules[slot])
        slot = (slot + 1) & (slots - 1);
    modules[slot] = module;
}

static void destroy(tn_watched_module *module)
{
    Py_XDECREF(module->reference);
    Py_XDECREF(module->hook);
    free(module->node);
    free(module->op);
    tn_memory_destroy(module);
}

/* At most half full. Modules that are gone are left out of the new table. */
static bool make_room(tn_watcher *watcher)
{
    if (2 * (watcher->module_count + 1) <= watcher->module_slots)
        return true;
    size_t slots = watcher->module_slots ? 2 * watcher->module_slots : 256;
    tn_watched_module **modules = tn_memory_create(slots, sizeof(tn_watched_module *));
    if (!modules)
        return false;
    size_t kept = 0;
    for (size_t i = 0; i < watcher->module_slots; i++) {
        tn_watched_module *module = watcher->modules[i];
        if (module && PyWeakref_GetObject(module->reference) != Py_None) {
            insert(modules, slots, module);
            kept++;
        } else if (module) {
            destroy(module);
        }
    }
    tn_memory_destroy(watcher->modules);
    watcher->modules = modules;
    watcher->module_slots = slots;
    watcher->module_count = kept;
    return true;
}

static tn_watched_module *entry_at(tn_watcher *watcher, PyObject *module)
{
    if (!make_room(watcher))
        return NULL;
    size_t slot = slot_of(module, watcher->module_slots);
    for (; watcher->modules[slot]; slot = (slot + 1) & (watcher->module_slots - 1))
        if (watcher->modules[slot]->module == module)
            return watcher->modules[slot];
    tn_watched_module *made = tn_memory_create(1, sizeof *made);
    if (!made)
        return NULL;
    made->module = module;
    watcher->modules[slot] = made;
    watcher->module_count++;
    return made;
}

tn_watched_module *tn_watched_add(tn_watcher *watcher, PyObject *module, const char *node, const char *op)
{
    PyObject *reference = PyWeakref_NewRef(module, NULL);
    if (!reference)
        return NULL;
    char *node_copy = tn_string_copy(node), *op_copy = tn_string_copy(op);
    tn_watched_module *entry = node_copy && op_copy ? entry_at(watcher, module) : NULL;
    if (!entry) {
        Py_DECREF(reference);
        free(node_copy);
        free(op_copy);
        PyErr_NoMemory();
        return NULL;
    }
    Py_XDECREF(entry->reference);
    Py_CLEAR(entry->hook);
    free(entry->node);
    free(entry->op);
    *entry = (tn_watched_module){
        .module = module, .reference = reference, .node = node_copy, .op = op_copy, .node_index = (size_t)TN_MODULE_NOT_RUN, .axis = -1};
    return entry;
}

void tn_watched_clear(tn_watcher *watcher)
{
    for (size_t i = 0; i < watcher->module_slots; i++)
        if (watcher->modules[i])
            destroy(watcher->modules[i]);
    tn_memory_destroy(watcher->modules);
    watcher->modules = NULL;
    watcher->module_slots = watcher->module_count = 0;
}

size_t tn_watched_index(tn_watcher *watcher, tn_watched_module *module)
{
    if (module->node_index == (size_t)TN_MODULE_NOT_RUN)
        module->node_index = watcher->next_index++;
    return module->node_index;
}

static PyObject *first_tensor(const tn_tensor_asker *asker, PyObject *value, int depth)
{
    if (tn_tensor_is(asker, value))
        return value;
    if (depth == 0)
        return NULL;
    PyObject *found = NULL;
    if (PyTuple_Check(value) || PyList_Check(value)) {
        bool is_tuple = PyTuple_Check(value);
        Py_ssize_t count = is_tuple ? PyTuple_Size(value) : PyList_Size(value);
        for (Py_ssize_t i = 0; i < count && i < LOOKED_AT && !found; i++)
            found = first_tensor(asker, is_tuple ? PyTuple_GetItem(value, i) : PyList_GetItem(value, i), depth - 1);
    } else if (PyDict_Check(value)) {
        PyObject *key, *one;
        Py_ssize_t at = 0;
        while (!found && PyDict_Next(value, &at, &key, &one))
            found = first_tensor(asker, one, 0);
    }
    return found;
}

PyObject *tn_first_tensor(const tn_tensor_asker *asker, PyObject *value)
{
    return first_tensor(asker, value, DEPTH);
}

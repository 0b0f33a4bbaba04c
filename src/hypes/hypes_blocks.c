/* hypes_blocks.c: {"repeat": 4, "block": [...]} in a net, written out before anything else looks at the nodes.
 *
 * Copy i of a block has its nodes, the first node behind the last of the copy before. A node's name is given _i, and so is a name in "from" that a node of the block has; other names in "from" mean
 * nodes outside. "start" means what enters the copy: the node before it, or "input". Lines of errors are those of the block's own nodes. From here on, net.N counts the nodes as written out, in
 * patches and reports alike. Blocks do not nest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "hypes/hypes_internal.h"

enum { NODES_MAX = 4096, NAME_BYTES = 80 };

typedef struct expander {
    const tn_hypes *hypes;
    json_t *net, *positions; /* as written out so far; positions begin with the line of the list */
    tn_error *error;
} expander;

static tn_status out_of_memory(const expander *e)
{
    return tn_fail_memory(e->error, 64);
}

static tn_status add_node(expander *e, json_t *node, const json_t *position)
{
    json_t *line = position ? json_incref((json_t *)position) : json_null();
    bool added = json_array_append_new(e->net, node) == 0;
    return json_array_append_new(e->positions, line) == 0 && added ? TN_OK : out_of_memory(e);
}

static bool names_node_of(const json_t *block, const char *name)
{
    for (size_t i = 0; i < json_array_size(block); i++) {
        const char *other = json_string_value(json_object_get(json_array_get(block, i), "name"));
        if (other && strcmp(other, name) == 0)
            return true;
    }
    return false;
}

/* What the last node so far is called; "input" where there is none. */
static void name_of_last(const expander *e, char name[NAME_BYTES])
{
    size_t count = json_array_size(e->net);
    const json_t *last = count > 0 ? json_array_get(e->net, count - 1) : NULL;
    const char *own = json_string_value(json_object_get(last, "name")), *op = json_string_value(json_object_get(last, "op"));
    if (!op && json_object_get(last, "plugin"))
        op = "plugin";
    if (own)
        snprintf(name, NAME_BYTES, "%s", own);
    else if (last)
        snprintf(name, NAME_BYTES, "%s_%zu", op ? op : "", count - 1);
    else
        snprintf(name, NAME_BYTES, "input");
}

/* A word of "from" as copy `copy` means it. */
static json_t *source_of(const json_t *block, const char *start, const char *word, size_t copy)
{
    char name[NAME_BYTES];
    if (strcmp(word, "start") == 0)
        return json_string(start);
    if (!names_node_of(block, word))
        return json_string(word);
    snprintf(name, sizeof name, "%s_%zu", word, copy);
    return json_string(name);
}

/* The name of a module of PyTorch as copy `copy` has it. */
static json_t *module_of(const char *module, size_t copy)
{
    tn_text name;
    tn_text_init(&name);
    for (; *module; module++) {
        if (*module == '#')
            tn_text_addf(&name, "%zu", copy);
        else
            tn_text_add_bytes(&name, module, 1);
    }
    char *text = tn_text_take(&name);
    json_t *made = text ? json_string(text) : NULL;
    free(text);
    return made;
}

/* Names and sources of one copied node. */
static tn_status rename_node(const expander *e, json_t *node, const json_t *block, const char *start, size_t copy)
{
    const char *name = json_string_value(json_object_get(node, "name"));
    char own[NAME_BYTES];
    if (name) {
        snprintf(own, sizeof own, "%s_%zu", name, copy);
        if (json_object_set_new(node, "name", json_string(own)) != 0)
            return out_of_memory(e);
    }
    const char *module = json_string_value(json_object_get(node, "module"));
    if (module && json_object_set_new(node, "module", module_of(module, copy)) != 0)
        return out_of_memory(e);
    json_t *from = json_object_get(node, "from");
    if (json_is_string(from) && json_object_set_new(node, "from", source_of(block, start, json_string_value(from), copy)) != 0)
        return out_of_memory(e);
    for (size_t i = 0; i < json_array_size(from); i++) {
        const char *word = json_string_value(json_array_get(from, i));
        if (word && json_array_set_new(from, i, source_of(block, start, word, copy)) != 0)
            return out_of_memory(e);
    }
    return TN_OK;
}

static tn_status write_out(expander *e, size_t index, const json_t *element, const json_t *position)
{
    const json_t *repeat = json_object_get(element, "repeat"), *block = json_object_get(element, "block");
    const json_t *lines = json_object_get(position, "block");
    const tn_place net = {NULL, "net", 0}, place = {&net, NULL, index};
    const json_int_t copies = repeat ? json_integer_value(repeat) : 1;
    if ((repeat && !json_is_integer(repeat)) || copies < 1 || copies > NODES_MAX)
        return tn_place_fail(e->hypes, &place, e->error, "net.%zu.repeat has to be a whole number from 1 to %d: how often the block stands",
                             index, NODES_MAX);
    if (!json_is_array(block) || json_array_size(block) == 0)
        return tn_place_fail(e->hypes, &place, e->error, "net.%zu.block has to be a list of nodes, [{\"op\": ...}, ...]", index);
    if (json_object_size(element) != (repeat ? 2 : 1))
        return tn_place_fail(e->hypes, &place, e->error, "net.%zu is a block and has other keys; it takes \"repeat\" and \"block\" alone",
                             index);
    for (size_t copy = 0; copy < (size_t)copies; copy++) {
        char start[NAME_BYTES];
        name_of_last(e, start);
        for (size_t i = 0; i < json_array_size(block); i++) {
            if (json_object_get(json_array_get(block, i), "block"))
                return tn_place_fail(e->hypes, &place, e->error, "net.%zu.block.%zu is a block too; blocks do not nest", index, i);
            if (json_array_size(e->net) >= NODES_MAX)
                return tn_place_fail(e->hypes, &place, e->error, "written out, net has more than %d nodes; repeat net.%zu less often",
                                     NODES_MAX, index);
            json_t *node = tn_tree_copy(json_array_get(block, i));
            tn_status status = node ? rename_node(e, node, block, start, copy) : out_of_memory(e);
            if (status != TN_OK) {
                json_decref(node);
                return status;
            }
            status = add_node(e, node, json_array_get(lines, i + 1));
            if (status != TN_OK)
                return status;
        }
    }
    return TN_OK;
}

static tn_status expand_net(expander *e, const json_t *net, const json_t *positions)
{
    tn_status status = json_array_append(e->positions, json_array_get(positions, 0)) == 0 ? TN_OK : out_of_memory(e);
    for (size_t i = 0; i < json_array_size(net) && status == TN_OK; i++) {
        json_t *element = json_array_get(net, i);
        const json_t *position = json_array_get(positions, i + 1);
        if (json_object_get(element, "block") || json_object_get(element, "repeat"))
            status = write_out(e, i, element, position);
        else
            status = add_node(e, json_incref(element), position);
    }
    return status;
}

tn_status tn_hypes_expand_blocks(tn_hypes *hypes, tn_error *error)
{
    const json_t *net = json_object_get(hypes->written, "net"), *positions = json_object_get(hypes->position, "net");
    bool has_block = false;
    for (size_t i = 0; i < json_array_size(net); i++) {
        const json_t *element = json_array_get(net, i);
        has_block = has_block || json_object_get(element, "block") || json_object_get(element, "repeat");
    }
    if (!has_block || !json_is_array(positions))
        return TN_OK;
    expander e = {.hypes = hypes, .net = json_array(), .positions = json_array(), .error = error};
    tn_status status = e.net && e.positions ? expand_net(&e, net, positions) : out_of_memory(&e);
    if (status == TN_OK &&
        (json_object_set(hypes->written, "net", e.net) != 0 || json_object_set(hypes->position, "net", e.positions) != 0))
        status = out_of_memory(&e);
    json_decref(e.net);
    json_decref(e.positions);
    return status;
}

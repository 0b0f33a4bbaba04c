/* hypes_rewire.c: what the nodes' "from" say after a patch that moved nodes: inserted some, took some away, or made another op of one, whose name goes by its op and number.
 *
 * A name in "from", of a node that was there before the patch, means that node wherever it stands now and whatever it is called now. Of a node that was taken away it means what that node took: the
 * one node in its own "from", else the node before it. A name that a node of the patched net was given by hand is left as it is. Not for nets that a patch replaces as a whole. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "hypes/hypes_internal.h"

enum { NAME_BYTES = 96 };

#define GONE ((size_t)-1)

typedef struct rewiring {
    const json_t *before, *after; /* lists of nodes */
    size_t *place;                /* [nodes before]: where each stands now, or GONE */
    tn_error *error;
} rewiring;

static const char *name_of(const json_t *net, size_t index, char buffer[NAME_BYTES])
{
    const json_t *node = json_array_get(net, index);
    const char *name = json_string_value(json_object_get(node, "name")), *op = json_string_value(json_object_get(node, "op"));
    if (name)
        snprintf(buffer, NAME_BYTES, "%s", name);
    else
        snprintf(buffer, NAME_BYTES, "%s_%zu", op ? op : "", index);
    return buffer;
}

/* The node called `word` among the first `count` of a list; GONE where there is none. */
static size_t find(const json_t *net, size_t count, const char *word)
{
    char name[NAME_BYTES];
    for (size_t i = 0; i < count; i++)
        if (strcmp(name_of(net, i, name), word) == 0)
            return i;
    return GONE;
}

static bool is_given_name(const json_t *net, const char *word)
{
    for (size_t i = 0; i < json_array_size(net); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(net, i), "name"));
        if (name && strcmp(name, word) == 0)
            return true;
    }
    return false;
}

/* What stands for node `index` now: itself, or what it took, and so on back. GONE: the data. */
static size_t survivor(const rewiring *r, size_t index)
{
    while (index != GONE && r->place[index] == GONE) {
        const char *from = json_string_value(json_object_get(json_array_get(r->before, index), "from"));
        index = from ? find(r->before, index, from) : index > 0 ? index - 1 : GONE;
    }
    return index;
}

/* How node `index` of before is to be called in "from" now. */
static const char *name_now(const rewiring *r, size_t index, char buffer[NAME_BYTES])
{
    size_t left = survivor(r, index);
    return left == GONE ? "input" : name_of(r->after, r->place[left], buffer);
}

/* The word to put in place of one in "from"; NULL where it stays. */
static const char *word_now(const rewiring *r, const char *word, char buffer[NAME_BYTES])
{
    size_t index = word && !is_given_name(r->after, word) ? find(r->before, json_array_size(r->before), word) : GONE;
    const char *now = index == GONE ? NULL : name_now(r, index, buffer);
    return now && strcmp(now, word) != 0 ? now : NULL;
}

static tn_status rewire_node(const rewiring *r, json_t *node)
{
    json_t *from = json_object_get(node, "from");
    char buffer[NAME_BYTES];
    const char *now = word_now(r, json_string_value(from), buffer);
    if (now && json_object_set_new(node, "from", json_string(now)) != 0)
        return tn_fail_memory(r->error, NAME_BYTES);
    for (size_t i = 0; i < json_array_size(from); i++) {
        now = word_now(r, json_string_value(json_array_get(from, i)), buffer);
        if (now && json_array_set_new(from, i, json_string(now)) != 0)
            return tn_fail_memory(r->error, NAME_BYTES);
    }
    return TN_OK;
}

/* A node without "from" took the one before it. Where that one is gone, and took another than the node that now stands before, the name of that other is written down. */
static tn_status keep_source(const rewiring *r, size_t index)
{
    json_t *node = json_array_get(r->after, r->place[index]);
    if (json_object_get(node, "from") || index == 0 || r->place[index] == 0 || r->place[index - 1] != GONE)
        return TN_OK;
    size_t source = survivor(r, index - 1);
    bool is_inserted = true; /* the node before it now */
    for (size_t i = 0; i < index; i++)
        is_inserted = is_inserted && r->place[i] != r->place[index] - 1;
    if (is_inserted || (source != GONE && r->place[source] + 1 == r->place[index]))
        return TN_OK;
    char buffer[NAME_BYTES];
    return json_object_set_new(node, "from", json_string(name_now(r, index - 1, buffer))) == 0 ? TN_OK
                                                                                               : tn_fail_memory(r->error, NAME_BYTES);
}

tn_status tn_hypes_rewire(const json_t *before, const json_t *nodes, json_t *after, tn_error *error)
{
    size_t count = json_array_size(before), found = 0;
    rewiring r = {.before = before, .after = after, .error = error};
    r.place = tn_memory_create(count, sizeof *r.place);
    if (!r.place || json_array_size(nodes) != count) {
        tn_memory_destroy(r.place);
        return tn_fail_memory(error, count * sizeof *r.place);
    }
    /* What stays keeps its order. */
    for (size_t i = 0; i < count; i++) {
        size_t at = found;
        while (at < json_array_size(after) && json_array_get(after, at) != json_array_get(nodes, i))
            at++;
        r.place[i] = at < json_array_size(after) ? at : GONE;
        found = at < json_array_size(after) ? at + 1 : found;
    }
    tn_status status = TN_OK;
    for (size_t i = 0; i < json_array_size(after) && status == TN_OK; i++)
        status = rewire_node(&r, json_array_get(after, i));
    for (size_t i = 0; i < count && status == TN_OK; i++)
        if (r.place[i] != GONE)
            status = keep_source(&r, i);
    tn_memory_destroy(r.place);
    return status;
}

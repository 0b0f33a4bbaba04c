/* net_shorten.c: see net_shorten.h. Names in "from" need no care: they follow the nodes that a patch moves (hypes.h). */
#include "experiments/fixes/net_shorten.h"

#include <string.h>

#include "base/memory.h"

static const json_t *attribute(const tn_hypes *hypes, size_t index, const char *key)
{
    return json_object_get(tn_hypes_node(hypes, index), key);
}

static bool is_same_width(const tn_hypes *hypes, size_t a, size_t b)
{
    return json_equal(attribute(hypes, a, "units"), attribute(hypes, b, "units")) &&
           json_is_true(attribute(hypes, a, "bidirectional")) == json_is_true(attribute(hypes, b, "bidirectional"));
}

static void remove_node(json_t *patch, size_t index)
{
    tn_patch_put(patch, tn_patch_removal(), "net.%zu", index);
}

/* A layer of the same width as the one before, with the activation behind it, can go without anything else changing its shape. */
static size_t remove_repeated_layers(const tn_hypes *hypes, size_t last, json_t *patch)
{
    size_t layers = 0;
    for (size_t i = 0; i < last; i++) {
        const char *op = tn_net_op(hypes, i);
        if (!tn_net_is_recurrent(op) && strcmp(op, "dense") != 0)
            continue;
        long long written = json_integer_value(attribute(hypes, i, "layers"));
        size_t before = tn_net_same_before(hypes, i), stacked = written > 1 ? (size_t)written : 1;
        if (before != TN_NO_NODE && is_same_width(hypes, before, i)) {
            layers += stacked;
            remove_node(patch, i);
            if (tn_net_only_reader(hypes, i) == i + 1 && tn_net_is_activation(tn_net_op(hypes, i + 1)))
                remove_node(patch, i + 1);
        } else if (stacked > 1) {
            layers += stacked - 1;
            tn_patch_put(patch, json_integer(1), "net.%zu.layers", i);
        }
    }
    return layers;
}

/* Of each node: the first that it takes, the last that takes it, and, of the sum at the end of a residual block, where the block begins. The data count as node 0, the nodes from 1 on. */
typedef struct links {
    size_t first_source, last_reader, start; /* start 0: no block */
} links;

static void find_links(const tn_hypes *hypes, links *all)
{
    size_t count = tn_hypes_node_count(hypes);
    for (size_t i = 1; i <= count; i++) {
        all[i].first_source = i;
        for (size_t k = 0; k < tn_net_source_count(hypes, i - 1); k++) {
            size_t source = tn_net_source(hypes, i - 1, k) + 1; /* TN_NO_NODE + 1 is 0, the data */
            all[source].last_reader = i;
            if (source < all[i].first_source)
                all[i].first_source = source;
        }
    }
    /* A block is what lies between a node and the sum of that node, and is nobody else's. */
    for (size_t sum = 1; sum <= count; sum++) {
        size_t from = all[sum].first_source;
        bool is_block = strcmp(tn_net_op(hypes, sum - 1), "add") == 0 && tn_net_source_count(hypes, sum - 1) == 2 && from + 1 < sum;
        for (size_t i = from + 1; i <= sum && is_block; i++)
            is_block = all[i].first_source >= from && (i == sum || all[i].last_reader <= sum);
        all[sum].start = is_block ? from + 1 : 0;
    }
}

static bool is_same_block(const tn_hypes *hypes, const links *all, size_t first, size_t second)
{
    if (all[first].start == 0 || first - all[first].start != second - all[second].start)
        return false;
    for (size_t i = 0; i <= second - all[second].start; i++)
        if (strcmp(tn_net_op(hypes, first - i - 1), tn_net_op(hypes, second - i - 1)) != 0)
            return false;
    return true;
}

static size_t remove_repeated_blocks(const tn_hypes *hypes, json_t *patch)
{
    size_t blocks = 0, count = tn_hypes_node_count(hypes);
    links *all = tn_memory_create(count + 1, sizeof *all);
    if (!all) {
        tn_patch_put(patch, NULL, "net");
        return 0;
    }
    find_links(hypes, all);
    for (size_t sum = 1; sum <= count; sum++) {
        bool repeats = false;
        for (size_t earlier = 1; all[sum].start > 0 && earlier < all[sum].start && !repeats; earlier++)
            repeats = is_same_block(hypes, all, earlier, sum);
        for (size_t i = all[sum].start; repeats && i <= sum; i++)
            remove_node(patch, i - 1);
        blocks += repeats;
    }
    tn_memory_destroy(all);
    return blocks;
}

size_t tn_net_shorten(const tn_hypes *hypes, json_t *patch)
{
    size_t last = tn_net_last_weighted(hypes);
    return last == TN_NO_NODE ? 0 : remove_repeated_layers(hypes, last, patch) + remove_repeated_blocks(hypes, patch);
}

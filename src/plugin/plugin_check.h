/* plugin_check.h: does a layer of the user's own compute what it should? (PROTOCOL A5)
 *
 * The layer is called on inputs that are picked to break it (plugin_probe.h), in its own process (plugin.h), and what it does is held against what tenet_layer.h asks: it returns, writes inside its
 * tensors and all of them, gives finite numbers for finite inputs, the same twice, each sample by itself; and its gradient, element by element and with its sign, is that of central differences of its
 * forward pass. Every fault names the probe and, where there is one, the element and the input. Nothing here knows networks: experiments make findings of it. */
#ifndef TN_PLUGIN_PLUGIN_CHECK_H
#define TN_PLUGIN_PLUGIN_CHECK_H

#include <jansson.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/plugin.h"

typedef struct tn_plugin_check_request {
    const char *path;
    const double *arguments;      /* in the order of the layer's; NULL: their defaults */
    const tn_layer_shape *inputs; /* [input_count], of the network that the layer stands in; NULL: shapes of our own */
    size_t input_count;
    uint64_t seed;
    double seconds;               /* that a call may take */
    const atomic_bool *cancelled; /* NULL: never */
} tn_plugin_check_request;

/* The result, a new reference:
 *   {"plugin", "name", "arguments": {NAME: VALUE}, "verdict": "pass", "fail" or "inconclusive", "reason": why nothing could be told, or null,
 *    "faults": [{"kind", "cause", "text", "probe", "call", "batch", "inputs", "tensor", "element", "x", "analytic", "numeric", "tolerance", "also_in"}], the gravest first,
 *    "probes": [{"probe", "title", "inputs", "batch", "elements", "undecided", "verdict"}], "calls"}
 * A layer that fails is no error here; TN_ERROR_HYPES where it cannot be loaded or knows no such argument, and those of the machine. */
tn_status tn_plugin_check(const tn_plugin_check_request *request, json_t **result, tn_error *error);

/* Values for the layer's arguments [info->argument_count], from an object of numbers and booleans beside which may stand keys of `others` [count]. TN_ERROR_HYPES where a value is no number or out of its
 * bounds, or a key is unknown, naming the nearest. */
tn_status tn_plugin_read_arguments(const tn_plugin *plugin, const json_t *object, const char *const *others, size_t count, double *values,
                                   tn_error *error);

#endif

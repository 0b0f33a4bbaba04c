/* plugin_probe.h: the inputs that a layer is tried on, each picked because some mistake shows on it. */
#ifndef TN_PLUGIN_PLUGIN_PROBE_H
#define TN_PLUGIN_PLUGIN_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rng.h"
#include "plugin/plugin.h"

typedef struct tn_plugin_probe {
    const char *name;
    const char *title; /* for reports */
    bool has_slopes;   /* the gradient is held against differences; else it has to be written and finite */
    size_t batch;
    double (*value)(tn_rng *rng, size_t place); /* of the element at `place` */
} tn_plugin_probe;

/* NULL past the last. The first is the ordinary one, that nothing should go wrong on. */
const tn_plugin_probe *tn_plugin_probe_at(size_t index);

/* Inputs [count] of a probe, within the bounds that the layer is made for. */
void tn_plugin_probe_fill(const tn_plugin_probe *probe, const tn_plugin_info *info, tn_rng *rng, float *values, size_t count);

/* A value within those bounds. */
float tn_plugin_within(const tn_plugin_info *info, double value);

/* Shapes of one input that layers are tried on where no network gives any: odd sizes, 1 and primes. NULL past the last. */
const tn_layer_shape *tn_plugin_probe_shape(size_t index);

#endif

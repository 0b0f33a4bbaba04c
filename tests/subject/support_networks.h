/* support_networks.h: the networks of tests/subject/data/networks, which tools/make_golden_networks.py made with PyTorch, opened from the hypes that stand beside them. */
#ifndef TN_SUPPORT_NETWORKS_H
#define TN_SUPPORT_NETWORKS_H

#include <jansson.h>

#include "subject/native.h"

typedef struct network {
    tn_hypes *hypes;
    tn_data data;
    tn_pool *pool;
    tn_trainer *trainer; /* initialised; its weights are not loaded yet */
} network;

/* NAME.json with `assignments` ("path=value", NULL-terminated; NULL: none) made; everything has to work. */
void network_open(network *n, const char *name, const char *const *assignments, size_t threads);
void network_close(network *n);

/* NAME_expected.json, a new reference. */
json_t *network_expected(const char *name);

/* The largest difference between the network's outputs for the first samples, in evaluation, and rows of them. */
double network_difference(network *n, const json_t *rows);

#endif

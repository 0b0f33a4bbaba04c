/* ziggurat.h: normal numbers, fast: most cost one draw and one multiplication, where tn_rng_normal takes a logarithm and a root. For noise in bulk; initial weights are tn_rng_normal's, whose
 * numbers are pinned.
 *
 * Marsaglia and Tsang 2000, The Ziggurat Method for Generating Random Variables, with 128 layers of equal area and the corrections of Doornik 2005: layer and position come of different bits of a draw,
 * and positions have 53 bits. */
#ifndef TN_BASE_ZIGGURAT_H
#define TN_BASE_ZIGGURAT_H

#include "base/rng.h"

enum { TN_ZIGGURAT_LAYERS = 128 };

typedef struct tn_ziggurat {
    double edge[TN_ZIGGURAT_LAYERS + 1]; /* layer i reaches from 0 to edge[i]; all of it to edge[i + 1] lies below the curve */
    double inner[TN_ZIGGURAT_LAYERS];    /* edge[i + 1] / edge[i] */
} tn_ziggurat;

void tn_ziggurat_init(tn_ziggurat *ziggurat);

/* Mean 0, standard deviation 1. Reads the table alone, so threads may share it. */
double tn_ziggurat_normal(const tn_ziggurat *ziggurat, tn_rng *rng);

#endif

/* ziggurat.c: see ziggurat.h. */
#include "base/ziggurat.h"

#include <math.h>

/* Of 128 layers: where the tail begins, and the area of each layer, the lowest with the tail, under exp(-x^2 / 2) from 0 on. */
static const double TAIL = 3.442619855899, AREA = 9.91256303526217e-3;

static double density(double x)
{
    return exp(-0.5 * x * x);
}

void tn_ziggurat_init(tn_ziggurat *ziggurat)
{
    double *edge = ziggurat->edge;
    edge[0] = AREA / density(TAIL); /* as wide as a rectangle of the lowest layer's area */
    edge[1] = TAIL;
    for (size_t i = 2; i < TN_ZIGGURAT_LAYERS; i++)
        edge[i] = sqrt(-2 * log(AREA / edge[i - 1] + density(edge[i - 1])));
    edge[TN_ZIGGURAT_LAYERS] = 0;
    for (size_t i = 0; i < TN_ZIGGURAT_LAYERS; i++)
        ziggurat->inner[i] = edge[i + 1] / edge[i];
}

/* In (0, 1]. */
static double uniform_above_0(tn_rng *rng)
{
    return 1 - tn_rng_uniform(rng);
}

/* Beyond TAIL (Marsaglia 1964). */
static double draw_tail(tn_rng *rng)
{
    double x, y;
    do {
        x = -log(uniform_above_0(rng)) / TAIL;
        y = -log(uniform_above_0(rng));
    } while (y + y < x * x);
    return TAIL + x;
}

double tn_ziggurat_normal(const tn_ziggurat *ziggurat, tn_rng *rng)
{
    for (;;) {
        const uint64_t bits = tn_rng_bits(rng);
        const size_t layer = bits % TN_ZIGGURAT_LAYERS;
        const double place = (double)(bits >> 11) * 0x1.0p-52 - 1, x = place * ziggurat->edge[layer];
        if (fabs(place) < ziggurat->inner[layer])
            return x;
        if (layer == 0)
            return copysign(draw_tail(rng), place);
        /* Between the curve and the layer's end: heights of both its sides, as parts of the height at x. */
        const double low = density(ziggurat->edge[layer]) / density(x), high = density(ziggurat->edge[layer + 1]) / density(x);
        if (low + tn_rng_uniform(rng) * (high - low) < 1)
            return x;
    }
}

/* neighbours.c: see neighbours.h. */
#include "experiments/neighbours.h"

#include <assert.h>
#include <math.h>

#include "base/simd.h"

/* Samples of one tile, and lanes of the sum, kept by hand since a float sum is not reordered by the compiler. */
enum { TILE = 32, LANES = 16 };

typedef struct neighbour_search {
    const float *inputs;
    size_t count, size, k;
    uint32_t *neighbours;
} neighbour_search;

TN_SIMD_CLONES
static float neighbour_distance(const float *a, const float *b, size_t size)
{
    float sums[LANES] = {0}, sum = 0;
    size_t f = 0;
    for (; f + LANES <= size; f += LANES)
        for (size_t lane = 0; lane < LANES; lane++) {
            float difference = a[f + lane] - b[f + lane];
            sums[lane] += difference * difference;
        }
    for (; f < size; f++)
        sum += (a[f] - b[f]) * (a[f] - b[f]);
    for (size_t lane = 0; lane < LANES; lane++)
        sum += sums[lane];
    return sum;
}

/* Keeps the k nearest seen so far in order. A distance that is NaN is never near. */
static void find_of(const neighbour_search *self, size_t i)
{
    float nearest[TN_NEIGHBOURS_MAX];
    uint32_t *found = self->neighbours + i * self->k;
    size_t kept = 0;
    for (size_t j = 0; j < self->count; j++) {
        if (j == i)
            continue;
        float distance = neighbour_distance(self->inputs + i * self->size, self->inputs + j * self->size, self->size);
        size_t place = kept;
        while (place > 0 && distance < nearest[place - 1])
            place--;
        if (place == self->k)
            continue;
        kept += kept < self->k;
        for (size_t m = kept - 1; m > place; m--) {
            nearest[m] = nearest[m - 1];
            found[m] = found[m - 1];
        }
        nearest[place] = distance;
        found[place] = (uint32_t)j;
    }
}

static void search_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const neighbour_search *self = context;
    size_t end = (tile + 1) * TILE;
    for (size_t i = tile * TILE; i < end && i < self->count; i++)
        find_of(self, i);
}

void tn_neighbours_find(tn_pool *pool, const float *inputs, size_t count, size_t size, size_t k, uint32_t *neighbours)
{
    assert(k > 0 && k < count && k <= TN_NEIGHBOURS_MAX);
    neighbour_search self = {.inputs = inputs, .count = count, .size = size, .k = k, .neighbours = neighbours};
    tn_pool_run(pool, (count + TILE - 1) / TILE, search_tile, &self);
}

void tn_neighbours_standardize(float *inputs, size_t count, size_t size)
{
    for (size_t f = 0; f < size; f++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < count; i++)
            sum += (double)inputs[i * size + f];
        double mean = sum / (double)count;
        for (size_t i = 0; i < count; i++) {
            double difference = (double)inputs[i * size + f] - mean;
            squares += difference * difference;
        }
        double deviation = sqrt(squares / (double)count);
        for (size_t i = 0; i < count; i++)
            inputs[i * size + f] = deviation > 0 ? (float)(((double)inputs[i * size + f] - mean) / deviation) : 0;
    }
}

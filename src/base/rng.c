/* rng.c: xoshiro256++ (prng.di.unimi.it, public domain), see rng.h. */
#include "base/rng.h"

#include <math.h>

static uint64_t rotate_left(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void tn_rng_init(tn_rng *rng, uint64_t seed, uint64_t stream)
{
    /* The stream is mixed before it meets the seed, so that (1, 2) and (2, 1) differ. */
    uint64_t mix = stream;
    uint64_t state = seed ^ splitmix64(&mix);
    for (int i = 0; i < 4; i++)
        rng->state[i] = splitmix64(&state);
    rng->spare_normal = 0;
    rng->has_spare = 0;
}

uint64_t tn_rng_bits(tn_rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[0] + s[3], 23) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double tn_rng_uniform(tn_rng *rng)
{
    return (double)(tn_rng_bits(rng) >> 11) * 0x1.0p-53;
}

double tn_rng_normal(tn_rng *rng)
{
    if (rng->has_spare) {
        rng->has_spare = 0;
        return rng->spare_normal;
    }
    double u, v, square;
    do {
        u = 2 * tn_rng_uniform(rng) - 1;
        v = 2 * tn_rng_uniform(rng) - 1;
        square = u * u + v * v;
    } while (square >= 1 || square == 0);
    double factor = sqrt(-2 * log(square) / square);
    rng->spare_normal = v * factor;
    rng->has_spare = 1;
    return u * factor;
}

uint64_t tn_rng_below(tn_rng *rng, uint64_t bound)
{
    /* Values below 2^64 mod bound would come once too often; they are drawn again. */
    uint64_t threshold = (0 - bound) % bound;
    for (;;) {
        uint64_t bits = tn_rng_bits(rng);
        if (bits >= threshold)
            return bits % bound;
    }
}

void tn_rng_permutation(tn_rng *rng, uint32_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)tn_rng_below(rng, i);
        uint32_t swapped = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swapped;
    }
}

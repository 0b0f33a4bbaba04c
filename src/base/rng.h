/* rng.h: random numbers from an object made of (seed, stream), so that a trial repeats bit for bit.
 *
 * xoshiro256++ (Blackman and Vigna 2019, arXiv:1805.01407), its state filled by splitmix64 from seed and stream. One stream per
 * purpose: the initial weights do not change when the order of the batches does. */
#ifndef TN_BASE_RNG_H
#define TN_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef enum tn_stream {
    TN_STREAM_INIT = 1,   /* initial weights */
    TN_STREAM_BATCHES,    /* the order of the training samples */
    TN_STREAM_DROPOUT,    /* what is dropped */
    TN_STREAM_SPLIT,      /* which samples validate */
    TN_STREAM_SUBSET,     /* which samples a subset keeps */
    TN_STREAM_LABELS,     /* the permutation of shuffled labels */
    TN_STREAM_PROBE,      /* which samples are scored or shown */
    TN_STREAM_EXPERIMENT, /* choices that an experiment makes */
    TN_STREAM_TEST,       /* free for tests */
    TN_STREAM_SAMPLES,    /* samples that are made up */
    TN_STREAM_BALANCE,    /* which samples of a rarer class come once more */
    TN_STREAM_AUGMENT     /* how training samples are changed */
} tn_stream;

typedef struct tn_rng {
    uint64_t state[4];
    double spare_normal; /* the second value of the last polar pair */
    int has_spare;
} tn_rng;

void tn_rng_init(tn_rng *rng, uint64_t seed, uint64_t stream);
uint64_t tn_rng_bits(tn_rng *rng);                                   /* 64 random bits */
double tn_rng_uniform(tn_rng *rng);                                  /* [0, 1), 53 bits */
double tn_rng_normal(tn_rng *rng);                                   /* mean 0, variance 1; Marsaglia's polar method */
uint64_t tn_rng_below(tn_rng *rng, uint64_t bound);                  /* [0, bound), unbiased; bound > 0 */
void tn_rng_permutation(tn_rng *rng, uint32_t *order, size_t count); /* order [count] becomes a random permutation of 0..count-1 */

#endif

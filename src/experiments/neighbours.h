/* neighbours.h: the nearest other samples of each sample, by Euclidean distance: what they say about its label needs no network.
 *
 * Every pair is compared, so the work is count^2 * size multiply-adds; it is split in fixed tiles over a pool. */
#ifndef TN_EXPERIMENTS_NEIGHBOURS_H
#define TN_EXPERIMENTS_NEIGHBOURS_H

#include <stddef.h>
#include <stdint.h>

#include "base/threads.h"

enum { TN_NEIGHBOURS_MAX = 16 };

/* neighbours [count, k] = of each row of inputs [count, size] the k nearest others, nearest first; of equal distances the lower number. k below count, at most TN_NEIGHBOURS_MAX;
 * pool may be NULL. */
void tn_neighbours_find(tn_pool *pool, const float *inputs, size_t count, size_t size, size_t k, uint32_t *neighbours);

/* Each feature of inputs [count, size] to mean 0 and standard deviation 1, so that none decides alone; a constant one to 0. */
void tn_neighbours_standardize(float *inputs, size_t count, size_t size);

#endif

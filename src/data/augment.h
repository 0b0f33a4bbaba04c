/* augment.h: inputs of training batches changed at random, so that a network does not see the same sample twice. Validation and test samples, and those that a report shows, stay as they are.
 *
 * What happens to a sample depends on the seed and on how many samples were trained on before it, and on nothing else: a run repeats bit for bit at any thread count, and goes on from a checkpoint as
 * if it had not stopped. Labels that are boxes go with their picture; all others stay, and what would make them
 * wrong is refused. */
#ifndef TN_DATA_AUGMENT_H
#define TN_DATA_AUGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/threads.h"
#include "base/ziggurat.h"
#include "data/dataset.h"
#include "hypes/hypes.h"

/* Zeroed memory changes nothing. */
typedef struct tn_augment {
    bool is_on;
    bool flips;   /* each picture is mirrored, left to right, with a probability of 1/2 */
    size_t crop;  /* pixels: each picture is moved by up to so many in both directions; what comes in at its edge is 0 before scaling */
    double noise; /* standard deviation of what is added to each value, in units of what the network sees */
    tn_ziggurat normal; /* where there is noise */
    uint64_t seed;      /* solver.seed */
} tn_augment;

/* What data.augment says of samples like those of `train`; are_tokens: they are numbers that the network looks up. Pictures of which more would be cropped than is there, flips and crops of samples that are no pictures, and noise on
 * the numbers of tokens are TN_ERROR_HYPES. */
tn_status tn_augment_init(tn_augment *augment, const tn_hypes *hypes, const tn_dataset *train, bool are_tokens, tn_error *error);

/* Changes inputs [count, size of a sample], as tn_dataset_inputs of `set` gave them, the first of which is number `first` of the training. Ignored features stay 0. pool may be NULL. Allocates nothing. */
void tn_augment_batch(const tn_augment *augment, const tn_dataset *set, uint64_t first, size_t count, tn_pool *pool, float *inputs);

/* Moves and mirrors the boxes of targets [count, targets of a sample], as tn_dataset_target_labels of `set` gave them, as tn_augment_batch with the same `first` does their pictures; other targets stay. A box is cut off where the
 * picture ends. One that has left it is 0, 0, 0, 0 as one that was never there, and those after it move up. Allocates nothing. */
void tn_augment_boxes(const tn_augment *augment, const tn_dataset *set, uint64_t first, size_t count, float *targets);

#endif

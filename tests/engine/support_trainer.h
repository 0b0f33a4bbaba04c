/* support_trainer.h: a trainer on data made up for a test, through the same files and hypes that users write. */
#ifndef TN_TESTS_SUPPORT_TRAINER_H
#define TN_TESTS_SUPPORT_TRAINER_H

#include "data/dataset.h"
#include "engine/trainer.h"

typedef struct support_problem {
    size_t samples;
    size_t rank, dims[3]; /* of a sample: 1 (a row) or 3 (an image) */
    size_t classes;       /* 0: targets */
    size_t targets;
    size_t steps;     /* a class for each of so many steps of a sample, in place of one; class numbers `classes` are padding */
    size_t tokens;    /* inputs are whole numbers below this; 0: reals */
    const char *data; /* what stands in "data" beside the files, from a comma on; NULL: nothing */
} support_problem;

typedef struct support_trainer {
    char folder[64];
    tn_hypes *hypes;
    tn_data data;
    tn_pool *pool;
    tn_trainer *trainer;
} support_trainer;

/* Writes the problem's data (inputs normal around a point of their class, targets linear in the inputs) to a folder of its own, and
 * creates a trainer for it. `rest` is what stands in the hypes after "data": "\"net\": [...], \"loss\": ..., \"solver\": {...}". The
 * status is that of tn_trainer_create; everything before it has to work. */
tn_status support_trainer_open(support_trainer *support, const support_problem *problem, size_t threads, const char *rest, tn_error *error);

/* The data and hypes alone, without the trainer. */
void support_trainer_prepare(support_trainer *support, const support_problem *problem, size_t threads, const char *rest);
void support_trainer_close(support_trainer *support);

/* What a checkpoint of it holds, in memory that the caller frees; and whether two of the same hypes hold the same, bit for bit. */
void *support_state_of(const tn_trainer *trainer, size_t *size);
void support_expect_equal_states(const tn_trainer *a, const tn_trainer *b);

#endif

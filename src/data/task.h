/* task.h: data that are made up from a seed, whose rule is known: for a first look at a network, and for levels of a debug. What each task is stands in its file.
 *
 * A new task is a function here, a row in the table of read_task.c, a name in TN_FORMAT(task) of schema.def and the keys that it reads there. */
#ifndef TN_DATA_TASK_H
#define TN_DATA_TASK_H

#include <jansson.h>

#include "base/error.h"
#include "base/rng.h"
#include "data/reader.h"

/* Fills inputs and labels of a source. `description` has been checked, and holds every key of its format. */
typedef tn_status tn_task_fn(const json_t *description, tn_rng *rng, tn_source *source, tn_error *error);

tn_task_fn tn_task_sequences, tn_task_points, tn_task_boxes;

/* A whole number of the description. */
size_t tn_task_number(const json_t *description, const char *key);

/* The array [dims] of the values in *block, which it takes over, also where it fails; *block becomes NULL. */
tn_status tn_task_adopt(void **block, tn_raw_type type, size_t rank, const size_t *dims, tn_array *array, tn_error *error);

#endif

/* balance.h: a training set in which each class comes equally often (data.balance). */
#ifndef TN_DATA_BALANCE_H
#define TN_DATA_BALANCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Replaces rows [*count] (owned, by tn_memory_create) by a list in which every class among them comes as often as the most frequent one: each row of a rarer class as often as any other, or once more. Which
 * rows those are is drawn from the seed. The order of the rows stays; repeats follow each other. class_of is indexed by row, below `classes`. Where memory is out *rows is left alone. */
tn_status tn_balance_rows(const int32_t *class_of, size_t classes, uint64_t seed, uint32_t **rows, size_t *count, tn_error *error);

#endif

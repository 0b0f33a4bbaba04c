/* shown.h: the tensors of a program that its watcher shows to the parent: their names, and the vitals that gather until a step ends.
 *
 * A tensor that is made several times in a step (a shared module, a cell in a loop, micro-batches) has one set of vitals: of all of its values. */
#ifndef TN_PYTHON_SHOWN_H
#define TN_PYTHON_SHOWN_H

#include "extension.h"
#include "vitals/tensor.h"
#include "vitals/vitals.h"

typedef struct tn_shown {
    tn_tensor_name name; /* strings are this struct's own */
    uint32_t index;
    bool gathering;                /* vitals hold something of this step */
    size_t told_count, told_units; /* as the parent was told; 0: nothing yet */
    size_t seen_count, seen_units; /* of the last tensor: where the count stays, the units need not be asked again */
    tn_vitals vitals;
} tn_shown;

/* All of them; zeroed is empty. */
typedef struct tn_shown_table {
    tn_shown **all; /* [count] */
    size_t count, capacity;
    uint32_t *gathering; /* [gathering_count] indices, in the order in which they began */
    size_t gathering_count;
} tn_shown_table;

/* A new one; owned by the table. parameter may be NULL. NULL where memory is out. */
tn_shown *tn_shown_create(tn_shown_table *table, tn_role role, const char *node, const char *parameter, const char *op, size_t node_index);
void tn_shown_table_deinit(tn_shown_table *table);

/* Where the values of this step gather. */
tn_vitals *tn_shown_begin(tn_shown_table *table, tn_shown *shown);

/* Sends one set of vitals, after the tensor's name where its size is new. `units` is made to fit. */
void tn_shown_send(tn_shown *shown, tn_link *link, uint64_t step, size_t units, const tn_vitals *vitals);

/* Sends what gathered, and forgets it. link NULL: only forgets. */
void tn_shown_flush(tn_shown_table *table, tn_link *link, uint64_t step);

#endif

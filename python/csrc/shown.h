/* shown.h: the tensors of a program that its watcher shows to the parent: their names, and the vitals that gather until a step ends.
 *
 * A tensor that is made several times in a step (a shared module, a cell in a loop, micro-batches) has one set of vitals: of all of its values. So it is with those of its units, as long as
 * each of its makings has them. */
#ifndef TN_PYTHON_SHOWN_H
#define TN_PYTHON_SHOWN_H

#include "extension.h"
#include "vitals/tensor.h"
#include "vitals/unit_layout.h"
#include "vitals/vitals.h"

typedef struct tn_shown {
    tn_tensor_name name; /* strings are this struct's own */
    uint32_t index;
    bool gathering;                /* vitals hold something of this step */
    size_t told_count, told_units; /* as the parent was told; 0: nothing yet */
    size_t seen_count, seen_units; /* of the last tensor: where the count stays, the units need not be asked again */
    int axis;                      /* that counts them, likewise */
    tn_vitals vitals;
    tn_unit *unit; /* [unit_capacity] */
    size_t unit_capacity;
    tn_unit_vitals units; /* gathered likewise; units 0: none */
    uint64_t batch;       /* samples behind them */
    bool no_units;        /* of this step they cannot be told */
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

/* Where those of its units gather, to which a tensor of that layout and of `batch` samples is to be added; NULL where units cannot be told. After tn_shown_begin. */
tn_unit_vitals *tn_shown_begin_units(tn_shown *shown, const tn_unit_layout *layout, uint64_t batch);
void tn_shown_lose_units(tn_shown *shown);   /* they cannot be told of this step */
void tn_shown_forget_units(tn_shown *shown); /* those that gathered, for another step */

/* Sends one set of vitals, after the tensor's name where its size is new, and after the vitals of its units where they have gathered. `units` is made to fit. */
void tn_shown_send(tn_shown *shown, tn_link *link, uint64_t step, size_t units, const tn_vitals *vitals);

/* Sends what gathered, and forgets it. link NULL: only forgets. */
void tn_shown_flush(tn_shown_table *table, tn_link *link, uint64_t step);

#endif

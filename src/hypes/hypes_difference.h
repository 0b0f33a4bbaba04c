/* hypes_difference.h: what differs between two hypes, as single changes that can be made one by one (PROTOCOL D3).
 *
 * The complete trees are compared, so a default that is written out is no difference. Keys that do not change the training are left out: levels, search, debug, knobs, and the seed.
 * Files are compared by where they lie. List elements are aligned, so a layer that was put in or taken out is one difference and not a change of all behind it. */
#ifndef TN_HYPES_DIFFERENCE_H
#define TN_HYPES_DIFFERENCE_H

#include "hypes/hypes.h"

typedef struct tn_differences tn_differences;

/* Both must be of one kind: tenet's own hypes, or another program's. Borrows `good` until destroyed. TN_ERROR_MEMORY alone. */
tn_status tn_differences_create(const tn_hypes *good, const tn_hypes *bad, tn_differences **differences, tn_error *error);
void tn_differences_destroy(tn_differences *differences); /* NULL is allowed */

size_t tn_differences_count(const tn_differences *differences);

/* Difference `index` by itself as a patch of `good`, in the grammar of hypes.h; borrowed. */
const json_t *tn_difference_patch(const tn_differences *differences, size_t index);

/* One patch of `good` (a new reference) that makes the differences for which chosen [count] is true and no other; all of them give `bad`. NULL where memory is out. */
json_t *tn_differences_patch(const tn_differences *differences, const bool *chosen);

#endif

/* unit_layout.h: where the units of somebody else's tensor stand, so that tn_unit_vitals_add can read them in place.
 *
 * Which of a unit's values comes first does not matter to its vitals. So any order of the axes will do that leaves no gap: images with their channels last, a weight that is stored
 * transposed. */
#ifndef TN_VITALS_UNIT_LAYOUT_H
#define TN_VITALS_UNIT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "vitals/vitals_cast.h"

/* The tensor's memory as [rows, units, inner]. */
typedef struct tn_unit_layout {
    size_t rows, units, inner;
} tn_unit_layout;

/* The layout of a tensor whose units are counted by `axis`. false: there is no such axis, there are no values, they are not of float32, or they do not fill one stretch of memory. */
bool tn_unit_layout_find(tn_unit_layout *layout, const tn_strided *tensor, size_t axis);

#endif

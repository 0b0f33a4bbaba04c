/* unit_layout.c: see unit_layout.h. */
#include "vitals/unit_layout.h"

/* How many elements lie between one unit and the next: the values of the axes that run faster than `axis`. 0: the elements do not fill one stretch. Each axis, from the one with the
 * smallest stride on, must step over what the faster ones fill. */
static size_t find_inner(const tn_strided *tensor, size_t axis)
{
    int64_t filled = 1, inner = 0;
    bool used[TN_STRIDED_RANK_MAX] = {false};
    for (size_t done = 0; done < tensor->rank; done++) {
        size_t next = tensor->rank;
        for (size_t i = tensor->rank; i-- > 0 && next == tensor->rank;)
            if (!used[i] && (tensor->shape[i] == 1 || !tensor->strides || tensor->strides[i] == filled))
                next = i;
        if (next == tensor->rank)
            return 0;
        used[next] = true;
        if (next == axis)
            inner = filled;
        filled *= tensor->shape[next];
    }
    return (size_t)inner;
}

bool tn_unit_layout_find(tn_unit_layout *layout, const tn_strided *tensor, size_t axis)
{
    size_t count;
    if (tensor->type != TN_VALUE_FLOAT32 || axis >= tensor->rank || tn_strided_count(tensor, &count, NULL) != TN_OK || count == 0)
        return false;
    size_t inner = find_inner(tensor, axis), units = (size_t)tensor->shape[axis];
    if (inner == 0)
        return false;
    *layout = (tn_unit_layout){.rows = count / units / inner, .units = units, .inner = inner};
    return true;
}

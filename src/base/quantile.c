/* quantile.c: see quantile.h. Selection by parts (C. A. R. Hoare, "Algorithm 65: find", 1961): rules ask for a median at every step, where sorting would be a good part of a small network's step. */
#include "base/quantile.h"

static void swap(double *left, double *right)
{
    double value = *left;
    *left = *right;
    *right = value;
}

/* Puts at `place` what would stand there if values [count] were sorted: nothing before it is larger, nothing behind it smaller. */
static void select_place(double *values, size_t count, size_t place)
{
    ptrdiff_t low = 0, high = (ptrdiff_t)count - 1, wanted = (ptrdiff_t)place;
    while (low < high) {
        double pivot = values[low + (high - low) / 2];
        ptrdiff_t left = low, right = high;
        while (left <= right) {
            while (values[left] < pivot)
                left++;
            while (pivot < values[right])
                right--;
            if (left <= right)
                swap(&values[left++], &values[right--]);
        }
        if (wanted <= right)
            high = right;
        else if (wanted >= left)
            low = left;
        else
            return;
    }
}

double tn_quantile(double *values, size_t count, double q)
{
    double place = q * (double)(count - 1);
    size_t below = (size_t)place < count - 1 ? (size_t)place : count - 1;
    select_place(values, count, below);
    /* No interpolation where it has no weight: infinity times 0 is NaN. */
    double weight = place - (double)below;
    if (!(weight > 0))
        return values[below];
    double above = values[below + 1];
    for (size_t i = below + 2; i < count; i++)
        above = values[i] < above ? values[i] : above;
    return values[below] * (1 - weight) + above * weight;
}

/* unit_vitals.c: see unit_vitals.h. With the unit axis last the inner loop runs over units, which the compiler turns into lanes; else over one unit's values. */
#include "vitals/unit_vitals.h"

#include <math.h>
#include <string.h>

/* Finiteness is read off the bits, so that no compiler setting can reason it away. */
static bool is_finite(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7F800000U) != 0x7F800000U;
}

void tn_unit_vitals_init(tn_unit_vitals *vitals, tn_unit *unit, size_t units, float low, float high)
{
    *vitals = (tn_unit_vitals){.units = units, .low = low, .high = high, .unit = unit};
    for (size_t u = 0; u < units; u++)
        unit[u] = (tn_unit){.min = INFINITY, .max = -INFINITY};
}

static void add(tn_unit *unit, float value, float low, float high)
{
    if (!is_finite(value)) {
        unit->nonfinite++;
        return;
    }
    unit->zeros += value == 0;
    unit->saturated += value <= low || value >= high;
    unit->min = value < unit->min ? value : unit->min;
    unit->max = value > unit->max ? value : unit->max;
}

void tn_unit_vitals_add(tn_unit_vitals *vitals, const float *values, size_t rows, size_t inner)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t u = 0; u < vitals->units; u++) {
            const float *of_unit = values + (r * vitals->units + u) * inner;
            for (size_t i = 0; i < inner; i++)
                add(&vitals->unit[u], of_unit[i], vitals->low, vitals->high);
        }
    vitals->values += rows * inner;
}

void tn_unit_vitals_merge(tn_unit_vitals *into, const tn_unit_vitals *from)
{
    for (size_t u = 0; u < into->units; u++) {
        tn_unit *a = &into->unit[u];
        const tn_unit *b = &from->unit[u];
        a->zeros += b->zeros;
        a->saturated += b->saturated;
        a->nonfinite += b->nonfinite;
        a->min = b->min < a->min ? b->min : a->min;
        a->max = b->max > a->max ? b->max : a->max;
    }
    into->values += from->values;
}

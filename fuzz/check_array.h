/* check_array.h: what must hold of an array that a parser made of any bytes. For the fuzzers of idx and npy. */
#ifndef TN_FUZZ_CHECK_ARRAY_H
#define TN_FUZZ_CHECK_ARRAY_H

#include <stdlib.h>

#include "data/reader.h"

/* Aborts unless the parser failed with a message, or made an array whose every value can be read. Frees the array. */
static inline void check_array(tn_status status, tn_array *array, const tn_error *error)
{
    if (status != TN_OK) {
        if (status != error->code || error->message[0] == '\0')
            abort();
        return;
    }
    size_t count = 1;
    for (size_t i = 0; i < array->rank; i++)
        count *= array->dims[i];
    if (count != array->count || count == 0 || (array->bytes != NULL) == (array->floats != NULL))
        abort();
    volatile double sum = 0; /* volatile: the reads must happen */
    for (size_t i = 0; i < count; i++)
        sum += array->bytes != NULL ? array->bytes[i] : (double)array->floats[i];
    if (array->offsets != NULL)
        sum += (double)array->offsets[array->dims[1] - 1];
    (void)sum;
    tn_array_deinit(array);
}

#endif

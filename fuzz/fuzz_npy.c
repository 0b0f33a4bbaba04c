/* fuzz_npy.c: any bytes as an npy file and as an npz archive. Whatever they say, reading ends in an array whose every value can be read, or in an error with a message. */
#include <stdlib.h>

#include "data/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(tn_status status, tn_array *array, const tn_error *error)
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tn_array array;
    tn_error error = {0};
    check(tn_npy_parse(data, size, &array, &error), &array, &error);
    error = (tn_error){0};
    check(tn_npz_parse(data, size, "x", &array, &error), &array, &error);
    return 0;
}

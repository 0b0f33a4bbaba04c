/* fuzz_idx.c: any bytes as an idx file, plain or gz. Whatever it says, reading ends in an array whose every value can be read, or in an error with a message. */
#include <stdlib.h>

#include "data/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tn_array array;
    tn_error error = {0};
    tn_status status = tn_idx_parse(data, size, &array, &error);
    if (status != TN_OK) {
        if (status != error.code || error.message[0] == '\0')
            abort();
        return 0;
    }
    size_t count = 1;
    for (size_t i = 0; i < array.rank; i++)
        count *= array.dims[i];
    if (count != array.count || count == 0 || (array.bytes != NULL) == (array.floats != NULL))
        abort();
    volatile double sum = 0; /* volatile: the reads must happen */
    for (size_t i = 0; i < count; i++)
        sum += array.bytes != NULL ? array.bytes[i] : (double)array.floats[i];
    (void)sum;
    tn_array_deinit(&array);
    return 0;
}

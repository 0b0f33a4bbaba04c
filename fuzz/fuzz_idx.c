/* fuzz_idx.c: any bytes as an idx file, plain or gz. Whatever it says, reading ends in an array whose every value can be read, or in an error with a message. */
#include "check_array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tn_array array;
    tn_error error = {0};
    check_array(tn_idx_parse(data, size, &array, &error), &array, &error);
    return 0;
}

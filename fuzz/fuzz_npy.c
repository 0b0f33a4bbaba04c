/* fuzz_npy.c: any bytes as an npy file and as an npz archive. Whatever they say, reading ends in an array whose every value can be read, or in an error with a message. */
#include "check_array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tn_array array;
    tn_error error = {0};
    check_array(tn_npy_parse(data, size, &array, &error), &array, &error);
    error = (tn_error){0};
    check_array(tn_npz_parse(data, size, "x", &array, &error), &array, &error);
    return 0;
}

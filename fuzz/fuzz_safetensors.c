/* fuzz_safetensors.c: any bytes as a file of weights. Whatever they say, reading ends in tensors whose every value can be read, or in an error with a message. */
#include <stdlib.h>

#include "weights/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(tn_status status, tn_weights *weights, const tn_error *error)
{
    if (status != TN_OK && (status != error->code || error->message[0] == '\0'))
        abort();
    volatile double sum = 0; /* volatile: the reads must happen */
    for (size_t i = 0; status == TN_OK && i < weights->count; i++) {
        const tn_weight *weight = &weights->tensors[i];
        if (weight->skipped)
            continue;
        float *values = malloc(weight->count * sizeof *values);
        if (!values || weight->count == 0)
            abort();
        tn_weight_values(weight, values);
        sum += (double)values[0] + (double)values[weight->count - 1];
        free(values);
    }
    (void)sum;
    tn_weights_deinit(weights);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tn_weights weights = {0};
    tn_error error = {0};
    check(tn_safetensors_parse(data, size, &weights, &error), &weights, &error);
    weights = (tn_weights){0};
    error = (tn_error){0};
    check(tn_npz_weights_parse(data, size, &weights, &error), &weights, &error);
    return 0;
}

/* fuzz_picture.c: any bytes as a PNG or JPEG file. Whatever it says, reading ends in a picture whose every value can be read, in its own size and in another, or in an error with a message. */
#include <stdlib.h>

#include "data/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tn_picture picture;
    tn_error error = {0};
    tn_status status = tn_picture_decode(data, size, &picture, &error);
    if (status != TN_OK) {
        if (status != error.code || error.message[0] == '\0' || picture.pixels != NULL)
            abort();
        return 0;
    }
    if (picture.channels != 1 && picture.channels != 3)
        abort();
    volatile unsigned sum = 0; /* volatile: the reads must happen */
    for (size_t i = 0; i < picture.height * picture.width * picture.channels; i++)
        sum += picture.pixels[i];
    (void)sum;
    uint8_t fitted[5 * 7 * 3];
    tn_picture_fit(&picture, 5, 7, 3, fitted);
    tn_picture_fit(&picture, 7, 5, 1, fitted);
    tn_picture_deinit(&picture);
    return 0;
}

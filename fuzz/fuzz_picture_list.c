/* fuzz_picture_list.c: any bytes as a list of pictures in JSON. The first one chooses what is learnt of it, and how many boxes; reading ends in a list that is whole, or in an error with a message. */
#include <math.h>
#include <stdlib.h>

#include "data/picture_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    tn_picture_list list;
    tn_error error = {0};
    const tn_picture_target target = (tn_picture_target)(data[0] % 4);
    tn_status status = tn_picture_list_parse(data + 1, size - 1, target, data[0] / 4 % 4, &list, &error);
    if (status != TN_OK) {
        if (status != error.code || error.message[0] == '\0' || list.files != NULL || list.labels != NULL)
            abort();
        return 0;
    }
    if (list.count == 0 || list.width == 0 || (list.class_names != NULL && list.width != 1))
        abort();
    for (size_t i = 0; i < list.count; i++)
        if (list.files[i][0] == '\0')
            abort();
    for (size_t i = 0; i < list.count * list.width; i++)
        if (!isfinite(list.labels[i]) || (list.class_names != NULL && !(list.labels[i] >= 0 && list.labels[i] < (float)list.class_count)))
            abort();
    tn_picture_list_deinit(&list);
    return 0;
}

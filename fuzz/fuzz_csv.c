/* fuzz_csv.c: any text as a table. The first byte chooses header, delimiter and labels; the rest is the file, plain or gz. Reading ends in a source whose every value is
 * finite and can be read, or in an error with a message. */
#include <math.h>
#include <stdlib.h>

#include "data/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const tn_csv_column columns[] = {{.number = -1}, {.name = "y"}, {.number = 0}};

static void check(const tn_source *source)
{
    if (source->samples == 0 || source->width == 0 || source->inputs.count != source->samples * source->width)
        abort();
    for (size_t i = 0; i < source->inputs.count; i++)
        if (isnan(source->inputs.floats[i])) /* a number above the range of float32 becomes infinite */
            abort();
    for (size_t row = 0; row < source->samples; row++) {
        double label = tn_source_label(source, row, source->label_width - 1);
        if (isnan(label) || (source->class_names != NULL && !(label >= 0 && label < (double)source->class_count)))
            abort();
        if (row > 0 && source->lines[row] <= source->lines[row - 1])
            abort();
    }
    for (size_t i = 1; i < source->class_count; i++)
        if (source->class_names == NULL || source->class_names[i] == NULL)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t first = data[0] / 3 % 3;
    tn_csv_options options = {.header = (tn_csv_header)(data[0] % 3),
                              .delimiter = ",;\t"[data[0] / 9 % 3],
                              .labels = columns + first,
                              .label_count = data[0] / 27 % 3 == 2 && first < 2 ? 2 : 1};
    tn_source *source = tn_source_new();
    tn_error error = {0};
    if (source == NULL)
        return 0;
    tn_status status = tn_csv_parse(data + 1, size - 1, &options, source, &error);
    if (status == TN_OK)
        status = tn_source_complete(source, &error);
    if (status == TN_OK)
        check(source);
    else if (status != error.code || error.message[0] == '\0')
        abort();
    tn_source_release(source);
    return 0;
}

/* layout.c: see layout.h. */
#include "data/layout.h"

#include <string.h>

#include "base/memory.h"

typedef struct claim_context {
    tn_layout_fn *read_header;
    size_t expected;
} claim_context;

static tn_status claim(const void *context, const uint8_t *head, size_t size, size_t *total, tn_error *error)
{
    const claim_context *claim = context;
    tn_layout layout;
    tn_status status = claim->read_header(head, size, &layout, error);
    if (status != TN_OK)
        return status;
    *total = layout.start + layout.value_bytes;
    if (claim->expected != 0 && claim->expected != *total)
        return tn_fail(error, TN_ERROR_DATA, "is damaged: its archive's directory claims %zu bytes for an array, the array's header %zu",
                       claim->expected, *total);
    return TN_OK;
}

tn_status tn_layout_expand(tn_layout_fn *read_header, tn_packing packing, const uint8_t *bytes, size_t size, size_t expected,
                           uint8_t **plain, size_t *plain_size, tn_error *error)
{
    const claim_context context = {.read_header = read_header, .expected = expected};
    return tn_expand(packing, bytes, size, claim, &context, 0, plain, plain_size, error);
}

tn_status tn_layout_adopt(tn_layout_fn *read_header, const uint8_t *bytes, size_t size, void *block, tn_array *array, tn_error *error)
{
    *array = (tn_array){0};
    tn_layout layout;
    tn_status status = read_header(bytes, size, &layout, error);
    if (status == TN_OK && size != layout.start + layout.value_bytes)
        status = tn_fail(error, TN_ERROR_DATA,
                         "holds %zu bytes where its header (%zu samples, %zu values in all) claims %zu; it is cut short or damaged", size,
                         layout.dims[0], layout.count, layout.start + layout.value_bytes);
    if (status != TN_OK) {
        tn_memory_destroy(block);
        return status;
    }
    array->rank = layout.rank;
    memcpy(array->dims, layout.dims, sizeof array->dims);
    array->count = layout.count;
    return tn_array_adopt(array, bytes + layout.start, layout.form, block, error);
}

tn_status tn_layout_parse(tn_layout_fn *read_header, const uint8_t *bytes, size_t size, tn_array *array, tn_error *error)
{
    *array = (tn_array){0};
    if (!tn_gzip_detect(bytes, size))
        return tn_layout_adopt(read_header, bytes, size, NULL, array, error);
    uint8_t *plain;
    size_t plain_size;
    tn_status status = tn_layout_expand(read_header, TN_PACKING_GZIP, bytes, size, 0, &plain, &plain_size, error);
    return status == TN_OK ? tn_layout_adopt(read_header, plain, plain_size, plain, array, error) : status;
}

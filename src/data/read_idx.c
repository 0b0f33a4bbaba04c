/* read_idx.c: the format of MNIST and its kin, plain or gz.
 *
 * Two zero bytes, the type, the rank, one 32-bit big-endian number a dimension, then the values, big-endian, the last axis running fastest.
 * http://yann.lecun.com/exdb/mnist */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/expand.h"
#include "data/reader.h"

typedef struct idx_header {
    tn_raw_type type;
    size_t start;       /* where the values begin */
    size_t value_bytes; /* of all values */
    size_t rank, dims[TN_ARRAY_RANK_MAX], count;
} idx_header;

static tn_status parse_header(const uint8_t *bytes, size_t size, idx_header *header, tn_error *error)
{
    if (size < 4)
        return tn_fail(error, TN_ERROR_DATA, "is cut short at byte %zu, inside its header; fetch the file again", size);
    if (bytes[0] != 0 || bytes[1] != 0)
        return tn_fail(error, TN_ERROR_DATA, "is no idx file: its first bytes are %02x %02x, expected 00 00; check the format and the path",
                       bytes[0], bytes[1]);
    switch (bytes[2]) {
    case 0x08:
        header->type = TN_RAW_UINT8;
        break;
    case 0x09:
        header->type = TN_RAW_INT8;
        break;
    case 0x0b:
        header->type = TN_RAW_INT16;
        break;
    case 0x0c:
        header->type = TN_RAW_INT32;
        break;
    case 0x0d:
        header->type = TN_RAW_FLOAT32;
        break;
    case 0x0e:
        header->type = TN_RAW_FLOAT64;
        break;
    default:
        return tn_fail(error, TN_ERROR_DATA, "is no idx file: byte 2 is %02x, which is none of the types 08, 09, 0b, 0c, 0d, 0e", bytes[2]);
    }
    header->rank = bytes[3];
    if (header->rank == 0 || header->rank > TN_ARRAY_RANK_MAX)
        return tn_fail(error, TN_ERROR_DATA, "has an array of %zu dimensions (byte 3); expected 1 to %d", header->rank, TN_ARRAY_RANK_MAX);
    header->start = 4 + 4 * header->rank;
    if (size < header->start)
        return tn_fail(error, TN_ERROR_DATA, "is cut short at byte %zu, inside its header of %zu bytes; fetch the file again", size,
                       header->start);
    for (size_t i = 0; i < header->rank; i++) {
        const uint8_t *at = bytes + 4 + 4 * i;
        header->dims[i] = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    }
    return tn_array_measure(header->rank, header->dims, header->type, &header->count, &header->value_bytes, error);
}

static tn_status claim(const void *context, const uint8_t *head, size_t size, size_t *total, tn_error *error)
{
    (void)context;
    idx_header header;
    tn_status status = parse_header(head, size, &header, error);
    *total = status == TN_OK ? header.start + header.value_bytes : 0;
    return status;
}

/* Takes over `block`, the memory that bytes [size] lie in, where it is not NULL. */
static tn_status parse_plain(const uint8_t *bytes, size_t size, void *block, tn_array *array, tn_error *error)
{
    idx_header header;
    tn_status status = parse_header(bytes, size, &header, error);
    if (status == TN_OK && size != header.start + header.value_bytes)
        status = tn_fail(error, TN_ERROR_DATA,
                         "holds %zu bytes where its header (%zu samples, %zu values in all) claims %zu; it is cut short or damaged", size,
                         header.dims[0], header.count, header.start + header.value_bytes);
    if (status != TN_OK) {
        tn_memory_destroy(block);
        return status;
    }
    array->rank = header.rank;
    memcpy(array->dims, header.dims, sizeof array->dims);
    array->count = header.count;
    return tn_array_adopt(array, bytes + header.start, (tn_raw_form){.type = header.type, .big_endian = true}, block, error);
}

tn_status tn_idx_parse(const uint8_t *bytes, size_t size, tn_array *array, tn_error *error)
{
    *array = (tn_array){0};
    if (!tn_gzip_detect(bytes, size))
        return parse_plain(bytes, size, NULL, array, error);
    uint8_t *plain;
    size_t plain_size;
    tn_status status = tn_expand(TN_PACKING_GZIP, bytes, size, claim, NULL, 0, &plain, &plain_size, error);
    return status == TN_OK ? parse_plain(plain, plain_size, plain, array, error) : status;
}

tn_status tn_read_idx(const tn_hypes *hypes, const json_t *description, tn_source *source, tn_error *error)
{
    return tn_reader_pair(hypes, description, tn_idx_parse, source, error);
}

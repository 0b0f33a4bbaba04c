/* read_idx.c: the format of MNIST and its kin, plain or gz.
 *
 * Two zero bytes, the type, the rank, one 32-bit big-endian number a dimension, then the values, big-endian, the last axis running fastest.
 * http://yann.lecun.com/exdb/mnist */
#include "data/layout.h"
#include "data/reader.h"

static bool find_type(uint8_t code, tn_raw_type *type)
{
    static const struct {
        uint8_t code;
        tn_raw_type type;
    } types[] = {{0x08, TN_RAW_UINT8}, {0x09, TN_RAW_INT8},    {0x0b, TN_RAW_INT16},
                 {0x0c, TN_RAW_INT32}, {0x0d, TN_RAW_FLOAT32}, {0x0e, TN_RAW_FLOAT64}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].code == code) {
            *type = types[i].type;
            return true;
        }
    return false;
}

static tn_status read_header(const uint8_t *bytes, size_t size, tn_layout *layout, tn_error *error)
{
    *layout = (tn_layout){0};
    if (size < 4)
        return tn_fail(error, TN_ERROR_DATA, "is cut short at byte %zu, inside its header; fetch the file again", size);
    if (bytes[0] != 0 || bytes[1] != 0)
        return tn_fail(error, TN_ERROR_DATA, "is no idx file: its first bytes are %02x %02x, expected 00 00; check the format and the path",
                       bytes[0], bytes[1]);
    if (!find_type(bytes[2], &layout->form.type))
        return tn_fail(error, TN_ERROR_DATA, "is no idx file: byte 2 is %02x, which is none of the types 08, 09, 0b, 0c, 0d, 0e", bytes[2]);
    layout->form.big_endian = true;
    layout->rank = bytes[3];
    if (layout->rank == 0 || layout->rank > TN_ARRAY_RANK_MAX)
        return tn_fail(error, TN_ERROR_DATA, "has an array of %zu dimensions (byte 3); expected 1 to %d", layout->rank, TN_ARRAY_RANK_MAX);
    layout->start = 4 + 4 * layout->rank;
    if (size < layout->start)
        return tn_fail(error, TN_ERROR_DATA, "is cut short at byte %zu, inside its header of %zu bytes; fetch the file again", size,
                       layout->start);
    for (size_t i = 0; i < layout->rank; i++) {
        const uint8_t *at = bytes + 4 + 4 * i;
        layout->dims[i] = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    }
    return tn_array_measure(layout->rank, layout->dims, layout->form.type, &layout->count, &layout->value_bytes, error);
}

tn_status tn_idx_parse(const uint8_t *bytes, size_t size, tn_array *array, tn_error *error)
{
    return tn_layout_parse(read_header, bytes, size, array, error);
}

tn_status tn_read_idx(const tn_hypes *hypes, const json_t *description, tn_source *source, tn_error *error)
{
    return tn_reader_pair(hypes, description, tn_idx_parse, source, error);
}

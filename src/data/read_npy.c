/* read_npy.c: NumPy's format for one array, and one array of an npz archive.
 *
 * \x93NUMPY, version (2 bytes), length of the header (2 bytes, 4 from version 2 on, little-endian), the header: a Python dict of descr, fortran_order and shape; then the values.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 * Read: bool, int8 to int64, uint8 to uint64, float32, float64, either byte order, either axis order. Not read: objects (they are pickled code), text, records, complex. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/layout.h"
#include "data/reader.h"
#include "data/zip.h"

/* The dict's text between at and end. Errors count from the file's begin. */
typedef struct npy_dict {
    const char *begin, *at, *end;
} npy_dict;

static tn_status fail_header(const npy_dict *dict, tn_error *error, const char *expected)
{
    return tn_fail(error, TN_ERROR_DATA, "has a damaged npy header at byte %zu: expected %s", (size_t)(dict->at - dict->begin), expected);
}

static void skip_space(npy_dict *dict)
{
    while (dict->at < dict->end && isspace((unsigned char)*dict->at))
        dict->at++;
}

static bool take(npy_dict *dict, char wanted)
{
    skip_space(dict);
    if (dict->at == dict->end || *dict->at != wanted)
        return false;
    dict->at++;
    return true;
}

static bool take_word(npy_dict *dict, const char *word)
{
    skip_space(dict);
    size_t length = strlen(word);
    if ((size_t)(dict->end - dict->at) < length || memcmp(dict->at, word, length) != 0)
        return false;
    dict->at += length;
    return true;
}

/* A quoted string of at most 15 characters into text. */
static bool take_string(npy_dict *dict, char text[16])
{
    skip_space(dict);
    if (dict->at == dict->end || (*dict->at != '\'' && *dict->at != '"'))
        return false;
    char quote = *dict->at++;
    size_t length = 0;
    while (dict->at < dict->end && *dict->at != quote) {
        if (length == 15)
            return false;
        text[length++] = *dict->at++;
    }
    text[length] = '\0';
    return take(dict, quote);
}

static tn_status parse_type(const char *text, tn_raw_form *form, tn_error *error)
{
    static const struct {
        const char *name;
        tn_raw_type type;
    } types[] = {{"b1", TN_RAW_BOOL},   {"u1", TN_RAW_UINT8},   {"i1", TN_RAW_INT8},   {"i2", TN_RAW_INT16},
                 {"i4", TN_RAW_INT32},  {"i8", TN_RAW_INT64},   {"u2", TN_RAW_UINT16}, {"u4", TN_RAW_UINT32},
                 {"u8", TN_RAW_UINT64}, {"f4", TN_RAW_FLOAT32}, {"f8", TN_RAW_FLOAT64}};
    char order = text[0];
    if (order == '<' || order == '>' || order == '|' || order == '=')
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
            if (strcmp(text + 1, types[i].name) == 0) {
                form->type = types[i].type;
                form->big_endian = order == '>';
                return TN_OK;
            }
    return tn_fail(error, TN_ERROR_DATA,
                   "holds values of the NumPy type '%s'; expected bool, an integer, float32 or float64. Save array.astype('float32')",
                   text);
}

static tn_status parse_shape(npy_dict *dict, tn_layout *layout, tn_error *error)
{
    if (!take(dict, '('))
        return fail_header(dict, error, "the shape as a tuple");
    layout->rank = 0;
    while (!take(dict, ')')) {
        skip_space(dict);
        size_t value = 0, digits = 0;
        while (dict->at < dict->end && isdigit((unsigned char)*dict->at)) {
            if (!tn_size_multiply(value, 10, &value) || value > SIZE_MAX - 9)
                return fail_header(dict, error, "a dimension that fits 64 bits");
            value += (size_t)(*dict->at++ - '0');
            digits++;
        }
        if (digits == 0)
            return fail_header(dict, error, "a dimension");
        if (layout->rank == TN_ARRAY_RANK_MAX)
            return tn_fail(
                error, TN_ERROR_DATA,
                "holds an array of more than %d dimensions; expected [samples, features], [samples, h, w] or [samples, h, w, channels]",
                TN_ARRAY_RANK_MAX);
        layout->dims[layout->rank++] = value;
        if (!take(dict, ',') && (skip_space(dict), dict->at == dict->end || *dict->at != ')'))
            return fail_header(dict, error, "',' or ')' after a dimension");
    }
    if (layout->rank == 0)
        return tn_fail(error, TN_ERROR_DATA, "holds a single number; expected an array whose first axis counts the samples");
    return TN_OK;
}

static tn_status parse_dict(npy_dict *dict, tn_layout *layout, tn_error *error)
{
    bool has_type = false, has_order = false, has_shape = false;
    char text[16];
    if (!take(dict, '{'))
        return fail_header(dict, error, "'{'");
    while (!take(dict, '}')) {
        if (!take_string(dict, text) || !take(dict, ':'))
            return fail_header(dict, error, "a key and ':'");
        tn_status status = TN_OK;
        if (strcmp(text, "descr") == 0) {
            skip_space(dict);
            if (dict->at < dict->end && *dict->at == '[')
                return tn_fail(error, TN_ERROR_DATA, "holds records (a structured NumPy type); save a plain array of numbers");
            if (!take_string(dict, text))
                return fail_header(dict, error, "the type as a string");
            status = parse_type(text, &layout->form, error);
            has_type = true;
        } else if (strcmp(text, "fortran_order") == 0) {
            layout->form.fortran = take_word(dict, "True");
            if (!layout->form.fortran && !take_word(dict, "False"))
                return fail_header(dict, error, "True or False");
            has_order = true;
        } else if (strcmp(text, "shape") == 0) {
            status = parse_shape(dict, layout, error);
            has_shape = true;
        } else {
            return fail_header(dict, error, "descr, fortran_order or shape");
        }
        if (status != TN_OK)
            return status;
        take(dict, ',');
    }
    return has_type && has_order && has_shape ? TN_OK : fail_header(dict, error, "descr, fortran_order and shape");
}

static tn_status read_header(const uint8_t *bytes, size_t size, tn_layout *layout, tn_error *error)
{
    *layout = (tn_layout){0};
    if (size < 10)
        return tn_fail(error, TN_ERROR_DATA, "is cut short at byte %zu, inside its npy header; fetch or save it again", size);
    if (memcmp(bytes, "\x93NUMPY", 6) != 0)
        return tn_fail(error, TN_ERROR_DATA, "is no npy file: it does not begin with \\x93NUMPY; check the format and the path");
    if (bytes[6] < 1 || bytes[6] > 3)
        return tn_fail(error, TN_ERROR_DATA, "is of npy version %d, expected 1 to 3", bytes[6]);
    size_t length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    layout->start = 10 + length;
    if (bytes[6] > 1) {
        if (size < 12)
            return tn_fail(error, TN_ERROR_DATA, "is cut short at byte %zu, inside its npy header; fetch or save it again", size);
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
        layout->start = 12 + length;
    }
    if (layout->start > TN_EXPAND_HEAD)
        return tn_fail(error, TN_ERROR_DATA, "claims an npy header of %zu bytes; its first bytes are damaged", length);
    if (size < layout->start)
        return tn_fail(error, TN_ERROR_DATA, "is cut short at byte %zu, inside its npy header of %zu bytes; fetch or save it again", size,
                       layout->start);
    const char *text = (const char *)bytes;
    npy_dict dict = {.begin = text, .at = text + layout->start - length, .end = text + layout->start};
    tn_status status = parse_dict(&dict, layout, error);
    return status == TN_OK ? tn_array_measure(layout->rank, layout->dims, layout->form.type, &layout->count, &layout->value_bytes, error)
                           : status;
}

tn_status tn_npy_parse(const uint8_t *bytes, size_t size, tn_array *array, tn_error *error)
{
    return tn_layout_parse(read_header, bytes, size, array, error);
}

tn_status tn_npz_parse(const uint8_t *bytes, size_t size, const char *name, tn_array *array, tn_error *error)
{
    *array = (tn_array){0};
    tn_zip_member member;
    tn_status status = tn_zip_find(bytes, size, name, ".npy", &member, error);
    if (status != TN_OK)
        return status;
    if (!member.deflated) {
        status = tn_zip_check(member.bytes, member.size, &member, error);
        return status == TN_OK ? tn_layout_adopt(read_header, member.bytes, member.size, NULL, array, error) : status;
    }
    uint8_t *plain;
    size_t plain_size;
    status = tn_layout_expand(read_header, TN_PACKING_DEFLATE, member.bytes, member.packed_size, member.size, &plain, &plain_size, error);
    if (status != TN_OK)
        return status;
    status = tn_zip_check(plain, plain_size, &member, error);
    if (status != TN_OK) {
        tn_memory_destroy(plain);
        return status;
    }
    return tn_layout_adopt(read_header, plain, plain_size, plain, array, error);
}

tn_status tn_read_npy(const tn_hypes *hypes, const json_t *description, tn_source *source, tn_error *error)
{
    return tn_reader_pair(hypes, description, tn_npy_parse, source, error);
}

static tn_status read_member(const json_t *description, const char *key, const char *usual, const tn_source *source, tn_array *array,
                             tn_error *error)
{
    const char *name = json_string_value(json_object_get(description, key));
    tn_status status = tn_npz_parse(source->input_file.bytes, source->input_file.size, name != NULL ? name : usual, array, error);
    if (status != TN_OK)
        tn_error_at(error, source->name, 0, NULL);
    return status;
}

tn_status tn_read_npz(const tn_hypes *hypes, const json_t *description, tn_source *source, tn_error *error)
{
    tn_status status = tn_reader_map(hypes, description, "file", &source->input_file, source, error);
    if (status == TN_OK)
        status = read_member(description, "inputs", "x", source, &source->inputs, error);
    if (status == TN_OK)
        status = read_member(description, "labels", "y", source, &source->labels, error);
    if (status == TN_OK && source->inputs.owned != NULL && source->labels.owned != NULL)
        tn_file_unmap(&source->input_file);
    return status;
}

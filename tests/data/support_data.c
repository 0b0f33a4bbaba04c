/* support_data.c: see support_data.h. */
#include "support_data.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/memory.h"

void bytes_add(bytes *to, const void *data, size_t size)
{
    if (size == 0)
        return;
    if (to->size + size > to->capacity) {
        to->capacity = 2 * (to->size + size);
        to->data = realloc(to->data, to->capacity);
        assert_non_null(to->data);
    }
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

void bytes_big32(bytes *to, uint32_t value)
{
    uint8_t ordered[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    bytes_add(to, ordered, 4);
}

void bytes_free(bytes *b)
{
    free(b->data);
    *b = (bytes){0};
}

bytes bytes_gzip(const bytes *plain)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    bytes packed = {.data = malloc(plain->size + 1000), .size = plain->size + 1000, .capacity = plain->size + 1000};
    assert_non_null(packed.data);
    stream.next_in = plain->data;
    stream.avail_in = (uInt)plain->size;
    stream.next_out = packed.data;
    stream.avail_out = (uInt)packed.size;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.size = stream.total_out;
    deflateEnd(&stream);
    return packed;
}

bytes bytes_read(const char *path)
{
    bytes read = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    char block[4096];
    for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
        bytes_add(&read, block, got);
    fclose(file);
    return read;
}

bytes idx_header(uint8_t type, size_t rank, const uint32_t *dims)
{
    bytes file = {0};
    uint8_t magic[4] = {0, 0, type, (uint8_t)rank};
    bytes_add(&file, magic, 4);
    for (size_t i = 0; i < rank; i++)
        bytes_big32(&file, dims[i]);
    return file;
}

bytes idx_bytes(size_t rank, const uint32_t *dims)
{
    bytes file = idx_header(0x08, rank, dims);
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= dims[i];
    for (size_t i = 0; i < count; i++) {
        uint8_t value = (uint8_t)(i % 251);
        bytes_add(&file, &value, 1);
    }
    return file;
}

tn_status parse_exact(tn_parse_fn *parse, const uint8_t *data, size_t size, tn_array *array, tn_error *error)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, data, size);
    tn_status status = parse(copy, size, array, error);
    /* Values that lie in the file are copied out, so that the block can go. */
    if (status == TN_OK && array->owned == NULL) {
        size_t width = array->bytes != NULL ? 1 : sizeof(float);
        array->owned = tn_memory_create(array->count, width);
        assert_non_null(array->owned);
        memcpy(array->owned, array->bytes != NULL ? (const void *)array->bytes : (const void *)array->floats, array->count * width);
        if (array->bytes != NULL)
            array->bytes = array->owned;
        else
            array->floats = array->owned;
    }
    free(copy);
    return status;
}

void assert_truncations_fail(tn_parse_fn *parse, const bytes *file)
{
    for (size_t size = 0; size < file->size; size++) {
        tn_array array;
        tn_error error = {0};
        tn_status status = parse_exact(parse, file->data, size, &array, &error);
        if (status != TN_ERROR_DATA || error.message[0] == '\0')
            fail_msg("cut to %zu of %zu bytes: status %d, message \"%s\"", size, file->size, (int)status, error.message);
    }
}

double array_value(const tn_array *array, size_t i)
{
    if (array->bytes != NULL)
        return array->bytes[i];
    double offset = array->offsets != NULL ? (double)array->offsets[i % array->dims[1]] : 0;
    return (double)array->floats[i] + offset;
}

void folder_make(test_folder *folder)
{
    strcpy(folder->path, "/tmp/tenet_data_XXXXXX");
    assert_non_null(mkdtemp(folder->path));
}

void folder_write(const test_folder *folder, const char *name, const void *data, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void folder_remove(const test_folder *folder)
{
    DIR *entries = opendir(folder->path);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder->path, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    closedir(entries);
    rmdir(folder->path);
}

tn_hypes *hypes_make(const test_folder *folder, const char *data, const char *loss)
{
    char text[4096];
    int length = snprintf(text, sizeof text, "{\"data\": %s, \"net\": [{\"op\": \"dense\", \"units\": 1}], %s}", data, loss);
    assert_in_range(length, 1, sizeof text - 1);
    tn_hypes *hypes = NULL;
    tn_error error = {0};
    if (tn_hypes_parse(text, (size_t)length, "test.json", folder->path, &hypes, &error) != TN_OK)
        fail_msg("hypes refused: %s (at %s)", error.message, error.pointer);
    return hypes;
}

void data_must_open(const test_folder *folder, const char *data, const char *loss, tn_data *opened)
{
    tn_hypes *hypes = hypes_make(folder, data, loss);
    tn_error error = {0};
    if (tn_data_open(hypes, NULL, opened, &error) != TN_OK)
        fail_msg("data refused: %s:%d: %s", error.file, error.line, error.message);
    tn_hypes_destroy(hypes);
}

void data_must_fail(const test_folder *folder, const char *data, const char *loss, tn_status status, const char *part, tn_error *error)
{
    tn_hypes *hypes = hypes_make(folder, data, loss);
    *error = (tn_error){0};
    tn_data opened;
    assert_int_equal(tn_data_open(hypes, NULL, &opened, error), status);
    assert_null(opened.train);
    assert_contains(error->message, part);
    tn_hypes_destroy(hypes);
}

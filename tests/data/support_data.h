/* support_data.h: what the tests of data share: files made byte by byte, and hypes that read them. */
#ifndef TN_TESTS_SUPPORT_DATA_H
#define TN_TESTS_SUPPORT_DATA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/dataset.h"
#include "data/reader.h"

/* Bytes that grow. Zeroed memory is empty. */
typedef struct bytes {
    uint8_t *data;
    size_t size, capacity;
} bytes;

void bytes_add(bytes *to, const void *data, size_t size);
void bytes_big32(bytes *to, uint32_t value);
void bytes_free(bytes *b);
bytes bytes_gzip(const bytes *plain);
bytes bytes_read(const char *path);

/* A header of an idx file. */
bytes idx_header(uint8_t type, size_t rank, const uint32_t *dims);
/* An idx file of bytes 0, 1, 2, ... modulo 251. */
bytes idx_bytes(size_t rank, const uint32_t *dims);

/* Runs a parser over a block of just that size, so that the address sanitizer sees a read past it. */
tn_status parse_exact(tn_parse_fn *parse, const uint8_t *data, size_t size, tn_array *array, tn_error *error);

/* Each shorter beginning of the file must be refused with TN_ERROR_DATA and a message. */
void assert_truncations_fail(tn_parse_fn *parse, const bytes *file);

double array_value(const tn_array *array, size_t i);

/* A new folder that is removed by folder_remove; the path is kept in `folder`. */
typedef struct test_folder {
    char path[64];
} test_folder;
void folder_make(test_folder *folder);
void folder_write(const test_folder *folder, const char *name, const void *data, size_t size);
void folder_remove(const test_folder *folder);

/* Hypes with this "data" object and loss, relative to the folder; fails the test where they are refused. */
tn_hypes *hypes_make(const test_folder *folder, const char *data, const char *loss);

/* Opens, and fails the test where that fails. */
void data_must_open(const test_folder *folder, const char *data, const char *loss, tn_data *opened);
/* Opens what must fail with this status and a message that holds `part`. */
void data_must_fail(const test_folder *folder, const char *data, const char *loss, tn_status status, const char *part, tn_error *error);

#define assert_near(a, b, tolerance) assert_true(fabs((double)(a) - (double)(b)) <= (tolerance))
#define assert_contains(text, part)                                                                                                        \
    do {                                                                                                                                   \
        if (strstr(text, part) == NULL)                                                                                                    \
            fail_msg("\"%s\" does not hold \"%s\"", text, part);                                                                           \
    } while (0)

#endif

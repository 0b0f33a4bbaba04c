/* zip.h: lists and finds the members of a zip archive in memory, for npz. Not an archive reader: no encryption, no split archives, no methods but stored and deflate.
 *
 * The central directory at the file's end is believed for sizes, so local headers with data descriptors, or with the zip64 sizes that NumPy writes, need no care.
 * Archives of zip64 (over 4 GiB) are read. Source: PKWARE's APPNOTE.TXT 6.3.10. */
#ifndef TN_DATA_ZIP_H
#define TN_DATA_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct tn_zip_member {
    const uint8_t *bytes; /* [packed_size], inside the archive */
    size_t packed_size, size;
    uint32_t checksum; /* CRC-32 of the plain data */
    bool deflated;
} tn_zip_member;

/* The member called `name`, or `name` followed by `suffix`. Where there is none, the error lists what there is. */
tn_status tn_zip_find(const uint8_t *bytes, size_t size, const char *name, const char *suffix, tn_zip_member *member, tn_error *error);

/* TN_OK where the checksum of plain [size] is the member's. */
tn_status tn_zip_check(const uint8_t *plain, size_t size, const tn_zip_member *member, tn_error *error);

/* Shows the name [length] of each member, in the order of the directory, until `fn` fails; its status is then returned. Names are bytes of the archive, not terminated. */
typedef tn_status tn_zip_name_fn(void *context, const char *name, size_t length, tn_error *error);
tn_status tn_zip_walk(const uint8_t *bytes, size_t size, tn_zip_name_fn *fn, void *context, tn_error *error);

#endif

/* expand.h: compressed bytes become plain bytes, without trust in what they claim.
 *
 * What a file says about its size is checked before anything of that size is allocated: deflate cannot shrink data by more than 1,032 times (zlib's
 * technical notes), so a claim beyond that is a lie. A member that ends early, goes on too long or fails its checksum is an error. */
#ifndef TN_DATA_EXPAND_H
#define TN_DATA_EXPAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { TN_EXPAND_HEAD = 65536 + 64 }; /* bytes that a claim may look at; the longest header of an npy file of version 1 fits */

/* How much plain data there must be, read off its first bytes [size]: sets *total. An error where the head makes no sense. */
typedef tn_status tn_claim_fn(const void *context, const uint8_t *head, size_t size, size_t *total, tn_error *error);

typedef enum tn_packing { TN_PACKING_GZIP, TN_PACKING_DEFLATE } tn_packing;

bool tn_gzip_detect(const uint8_t *bytes, size_t size);

/* Expands bytes [size] to *plain [*plain_size], which the caller frees with tn_memory_destroy. claim NULL: the size is not known beforehand; the plain data
 * may then be up to `limit` bytes. Errors: TN_ERROR_DATA, TN_ERROR_MEMORY. */
tn_status tn_expand(tn_packing packing, const uint8_t *bytes, size_t size, tn_claim_fn *claim, const void *context, size_t limit,
                    uint8_t **plain, size_t *plain_size, tn_error *error);

#endif

/* hash.h: FNV-1a, 64 bits: a name for content that is compared, not protected. Stable for ever: keys of trials stand in stores. */
#ifndef TN_BASE_HASH_H
#define TN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define TN_HASH_START UINT64_C(0xcbf29ce484222325)

/* The hash of what `hash` stands for followed by bytes [size], or by a text without its terminator; begin with TN_HASH_START. */
uint64_t tn_hash_bytes(uint64_t hash, const void *bytes, size_t size);
uint64_t tn_hash_text(uint64_t hash, const char *text);

#endif
